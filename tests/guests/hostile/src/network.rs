//! What can be tried over HTTP.

use wasi::http::{
    outgoing_handler,
    types::{ErrorCode, Fields, IncomingResponse, OutgoingRequest, Scheme},
};
use wasi::io::streams::StreamError;

use crate::order::Order;

/// What came of a request.
pub enum Outcome {
    /// An answer.
    Status(u16),
    /// An answer whose body was read: its bytes, and why it ended early.
    Body(usize, Option<String>),
    /// The host refused it.
    Denied,
    /// Anything else, in words.
    Failed(String),
}

/// Sends the request that the order describes and waits for the answer.
pub fn request(order: &Order) -> Outcome {
    let Some((scheme, rest)) = order.url.split_once("://") else {
        return Outcome::Failed("no url".to_owned());
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let token = std::env::vars().next().map(|(_, value)| value).unwrap_or_default();
    let headers: Vec<_> = order
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.replace("$TOKEN", &token).into_bytes()))
        .collect();
    let Ok(headers) = Fields::from_list(&headers) else {
        return Outcome::Failed("a header is forbidden".to_owned());
    };
    let request = OutgoingRequest::new(headers);
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let path = path.replace("$TOKEN", &token);
    let set = request
        .set_scheme(Some(&scheme))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(if path.is_empty() { "/" } else { &path })));
    if set.is_err() {
        return Outcome::Failed("the address is malformed".to_owned());
    }
    let future = match outgoing_handler::handle(request, None) {
        Ok(future) => future,
        Err(code) => return failed(&code),
    };
    loop {
        match future.get() {
            Some(Ok(Ok(response))) if order.action == "read" => return read(&response),
            Some(Ok(Ok(response))) => return Outcome::Status(response.status()),
            Some(Ok(Err(code))) => return failed(&code),
            Some(Err(())) => return Outcome::Failed("taken twice".to_owned()),
            None => future.subscribe().block(),
        }
    }
}

/// Reads a body to its end.
fn read(response: &IncomingResponse) -> Outcome {
    let Some(stream) = response.consume().ok().and_then(|body| body.stream().ok().map(|stream| (stream, body))) else {
        return Outcome::Failed("no body".to_owned());
    };
    let mut bytes = 0;
    loop {
        match stream.0.blocking_read(1 << 16) {
            Ok(chunk) => bytes += chunk.len(),
            Err(StreamError::Closed) => return Outcome::Body(bytes, None),
            Err(StreamError::LastOperationFailed(error)) => return Outcome::Body(bytes, Some(error.to_debug_string())),
        }
    }
}

fn failed(code: &ErrorCode) -> Outcome {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Outcome::Denied,
        other => Outcome::Failed(format!("{other:?}")),
    }
}

/// Sends `count` requests and says what came of them.
pub fn many(order: &Order) -> Result<String, String> {
    let mut answered = 0;
    for _ in 0..order.count {
        match request(order) {
            Outcome::Status(_) | Outcome::Body(..) => answered += 1,
            Outcome::Denied => return Ok(format!("{answered} answered, then denied")),
            Outcome::Failed(what) => return Ok(format!("{answered} answered, then: {what}")),
        }
    }
    Ok(format!("{answered} answered"))
}

/// Holds `count` handles at one time.
pub fn hold(order: &Order) -> String {
    let held: Vec<Fields> = (0..order.count).map(|_| Fields::new()).collect();
    format!("{} held", held.len())
}
