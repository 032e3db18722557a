//! One request over `wasi:http`, and what its answer means to a host.

use httpdate::parse_http_date;
use wasi::{
    http::{
        outgoing_handler,
        types::{ErrorCode as HttpError, Fields, IncomingResponse, OutgoingRequest, Scheme},
    },
    io::streams::StreamError,
};

use crate::bindings::appsec::connector::model::{Error, ErrorCode};

/// Most bytes of one answer: the memory of a sandbox is bounded.
const MAX_BODY_BYTES: usize = 16 << 20;

/// Gets what is at a path of an origin. It never waits to try again: that is
/// the host's, which calls again with the same cursor.
pub fn get(origin: &str, path: &str, secret: &str) -> Result<String, Error> {
    let refused = |what: &str| error(ErrorCode::Internal, &format!("the host refused {what}"));
    // The host puts the secret in the place of what the variable holds, in this
    // header alone.
    let authorization = ("authorization".to_owned(), format!("Bearer {secret}").into_bytes());
    let headers = Fields::from_list(&[authorization]).map_err(|_| refused("the headers"))?;
    let (scheme, authority) = match origin.split_once("://") {
        Some(("http", authority)) => (Scheme::Http, authority),
        Some((_, authority)) => (Scheme::Https, authority),
        None => (Scheme::Https, origin),
    };
    let request = OutgoingRequest::new(headers);
    request
        .set_scheme(Some(&scheme))
        .and_then(|()| request.set_authority(Some(authority.trim_end_matches('/'))))
        .and_then(|()| request.set_path_with_query(Some(path)))
        .map_err(|()| refused("the address"))?;
    let unreachable = |code: HttpError| match code {
        HttpError::HttpRequestDenied | HttpError::DestinationIpProhibited => {
            Error { subject: Some(origin.to_owned()), ..error(ErrorCode::EgressDenied, "") }
        }
        code => unavailable(None, &format!("{code:?}"), None),
    };
    let future = outgoing_handler::handle(request, None).map_err(unreachable)?;
    future.subscribe().block();
    let Some(Ok(answer)) = future.get() else { return Err(refused("to wait for an answer")) };
    let answer = answer.map_err(unreachable)?;
    let retry_after_ms = retry_after(&answer);
    let text = body(&answer, path)?;
    match answer.status() {
        200 => Ok(text),
        401 => Err(error(ErrorCode::Unauthorized, "the vendor does not know the token")),
        403 => Err(error(ErrorCode::Forbidden, &format!("the vendor refuses GET {path}"))),
        429 => Err(Error { retry_after_ms, ..error(ErrorCode::RateLimited, "") }),
        status @ 500.. => Err(unavailable(Some(status), "", retry_after_ms)),
        status => Err(protocol(path, &format!("status {status}"))),
    }
}

/// What the vendor asks to wait, where it says so: in seconds, or until a
/// moment by its own clock.
fn retry_after(answer: &IncomingResponse) -> Option<u64> {
    let header = |name: &str| String::from_utf8(answer.headers().get(name).into_iter().next()?).ok();
    let value = header("retry-after")?;
    if let Ok(seconds) = value.parse::<u64>() {
        return seconds.checked_mul(1_000);
    }
    let (until, now) = (parse_http_date(&value).ok()?, parse_http_date(&header("date")?).ok()?);
    u64::try_from(until.duration_since(now).unwrap_or_default().as_millis()).ok()
}

fn body(answer: &IncomingResponse, path: &str) -> Result<String, Error> {
    let taken = |()| error(ErrorCode::Internal, "the body was taken twice");
    let body = answer.consume().map_err(taken)?;
    let stream = body.stream().map_err(taken)?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(failed)) => {
                return Err(unavailable(Some(answer.status()), &failed.to_debug_string(), None));
            }
        }
        if bytes.len() > MAX_BODY_BYTES {
            return Err(error(ErrorCode::Limit, &format!("an answer of more than {MAX_BODY_BYTES} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| protocol(path, "bytes that are not UTF-8"))
}

/// An error with nothing but its code and what happened in words.
pub fn error(code: ErrorCode, detail: &str) -> Error {
    Error {
        code,
        detail: detail.to_owned(),
        subject: None,
        did_you_mean: vec![],
        status: None,
        retry_after_ms: None,
        problems: vec![],
    }
}

/// An answer that is not what the vendor's API promises.
pub fn protocol(path: &str, what: &str) -> Error {
    Error { subject: Some(format!("GET {path}")), ..error(ErrorCode::Protocol, what) }
}

fn unavailable(status: Option<u16>, detail: &str, retry_after_ms: Option<u64>) -> Error {
    Error { status, retry_after_ms, ..error(ErrorCode::Unavailable, detail) }
}
