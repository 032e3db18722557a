//! The core's `Transport` over `wasi:http`: one request, blocking, bounded.

use semgrep_core::{MAX_BODY_BYTES, Request, Response, Scheme, Transport, TransportError};
use wasi::http::{
    outgoing_handler,
    types::{
        self, ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    },
};
use wasi::io::streams::StreamError;

use crate::component::log;

/// Nanoseconds, as wasi:http counts.
const SECOND: u64 = 1_000_000_000;

/// A connection takes milliseconds; a server that takes longer is not there.
const CONNECT_TIMEOUT: u64 = 10 * SECOND;

/// Pages of large deployments were observed to take most of a minute.
const FIRST_BYTE_TIMEOUT: u64 = 120 * SECOND;

/// A body that has begun keeps coming.
const BETWEEN_BYTES_TIMEOUT: u64 = 30 * SECOND;

/// How much of a body is read at once.
const CHUNK_BYTES: u64 = 256 << 10;

/// How much of a body a host takes at once: what WASI promises.
const WRITE_BYTES: usize = 4096;

/// Sends requests through the host.
pub struct WasiTransport;

impl Transport for WasiTransport {
    fn send(&mut self, request: &Request<'_>) -> Result<Response, TransportError> {
        let result = exchange(request);
        let path = request.path.split('?').next().unwrap_or_default();
        match &result {
            Ok(response) => {
                log(format_args!("{} {path}: {}, {} bytes", request.method(), response.status, response.body.len()));
            }
            Err(_) => log(format_args!("{} {path}: no answer", request.method())),
        }
        result
    }
}

fn exchange(request: &Request<'_>) -> Result<Response, TransportError> {
    let outgoing = outgoing(request)?;
    let to_send = match request.body {
        Some(text) => Some((text, outgoing.body().map_err(|()| other("the body was taken twice"))?)),
        None => None,
    };
    let future = outgoing_handler::handle(outgoing, Some(timeouts())).map_err(|code| failure(&code))?;
    if let Some((text, body)) = to_send {
        send_body(text, body)?;
    }
    let response = loop {
        match future.get() {
            Some(Ok(result)) => break result.map_err(|code| failure(&code))?,
            Some(Err(())) => return Err(other("the answer was taken twice")),
            None => future.subscribe().block(),
        }
    };
    let headers = response.headers();
    let header = |name: &str| {
        let value = headers.get(name).into_iter().next()?;
        String::from_utf8(value).ok()
    };
    Ok(Response {
        status: response.status(),
        retry_after: header("retry-after"),
        date: header("date"),
        content_type: header("content-type"),
        location: header("location"),
        body: body(&response, header("content-length"))?,
    })
}

/// The request in the host's form.
fn outgoing(request: &Request<'_>) -> Result<OutgoingRequest, TransportError> {
    let headers = request.headers.0.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    // With its length, a body is sent in one part, as old servers want it.
    let length = request.body.map(|body| ("content-length".to_owned(), body.len().to_string().into_bytes()));
    let headers: Vec<_> = headers.chain(length).collect();
    let headers = Fields::from_list(&headers).map_err(|_| other("the host refused the headers"))?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = match request.origin.scheme() {
        Scheme::Http => types::Scheme::Http,
        Scheme::Https => types::Scheme::Https,
    };
    outgoing
        .set_method(if request.body.is_some() { &Method::Post } else { &Method::Get })
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(request.origin.authority())))
        .and_then(|()| outgoing.set_path_with_query(Some(request.path)))
        .map_err(|()| other("the host refused the address"))?;
    Ok(outgoing)
}

/// Sends the whole body, which the request's end waits for.
fn send_body(text: &str, body: OutgoingBody) -> Result<(), TransportError> {
    let stream = body.write().map_err(|()| other("the body was taken twice"))?;
    for piece in text.as_bytes().chunks(WRITE_BYTES) {
        // A server may answer before it has read everything; its answer counts.
        if stream.blocking_write_and_flush(piece).is_err() {
            break;
        }
    }
    // The stream is a part of the body and has to go first.
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

/// Time limits; a host that knows none of them has its own.
fn timeouts() -> RequestOptions {
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let _ = options.set_first_byte_timeout(Some(FIRST_BYTE_TIMEOUT));
    let _ = options.set_between_bytes_timeout(Some(BETWEEN_BYTES_TIMEOUT));
    options
}

/// The whole body. `length` is what its header promises, which only saves
/// growing: it is not believed.
fn body(response: &IncomingResponse, length: Option<String>) -> Result<Vec<u8>, TransportError> {
    let promised = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    if promised > MAX_BODY_BYTES {
        return Err(TransportError::TooLarge(MAX_BODY_BYTES));
    }
    let incoming: IncomingBody = response.consume().map_err(|()| other("the body was taken twice"))?;
    let stream = incoming.stream().map_err(|()| other("the body was taken twice"))?;
    let mut bytes = Vec::with_capacity(promised);
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) if bytes.len() + chunk.len() > MAX_BODY_BYTES => {
                return Err(TransportError::TooLarge(MAX_BODY_BYTES));
            }
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match types::http_error_code(&error) {
                    Some(code) => failure(&code),
                    None => TransportError::Cut(error.to_debug_string()),
                });
            }
        }
    }
    Ok(bytes)
}

/// What a failure means to the core, and words for it. The words are ours: the
/// generated `Debug` forms would be a twentieth of the component.
fn failure(code: &ErrorCode) -> TransportError {
    let timeout = |what: &str| TransportError::Timeout(what.to_owned());
    let connect = |what: &str| TransportError::Connect(what.to_owned());
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => TransportError::Denied,
        ErrorCode::DnsTimeout => timeout("looking up the host"),
        ErrorCode::ConnectionTimeout => timeout("connecting"),
        ErrorCode::ConnectionReadTimeout => timeout("reading"),
        ErrorCode::ConnectionWriteTimeout => timeout("writing"),
        ErrorCode::HttpResponseTimeout => timeout("waiting for the answer"),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => connect("the host is not known"),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => connect("no way to the host"),
        ErrorCode::ConnectionRefused => connect("refused"),
        ErrorCode::ConnectionLimitReached => connect("too many connections"),
        ErrorCode::TlsProtocolError => connect("TLS failed"),
        ErrorCode::TlsCertificateError => connect("the TLS certificate is not trusted"),
        ErrorCode::TlsAlertReceived(_) => connect("the server broke TLS off"),
        ErrorCode::ConnectionTerminated => TransportError::Cut("the connection ended".to_owned()),
        ErrorCode::HttpResponseIncomplete => TransportError::Cut("the answer is incomplete".to_owned()),
        ErrorCode::HttpResponseBodySize(_) => TransportError::TooLarge(MAX_BODY_BYTES),
        ErrorCode::HttpResponseHeaderSectionSize(_) | ErrorCode::HttpResponseHeaderSize(_) => {
            other("the headers of the answer are too large")
        }
        ErrorCode::HttpRequestUriTooLong => other("the host finds the address too long"),
        ErrorCode::LoopDetected => other("the host found a loop"),
        ErrorCode::ConfigurationError => other("the host is not configured for HTTP"),
        ErrorCode::InternalError(Some(what)) => other(what),
        _ => other("the exchange failed"),
    }
}

fn other(what: &str) -> TransportError {
    TransportError::Other(what.to_owned())
}
