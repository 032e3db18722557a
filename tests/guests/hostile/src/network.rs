//! What can be tried over HTTP.

use wasi::{
    clocks::monotonic_clock,
    http::{
        outgoing_handler,
        types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme},
    },
    io::streams::{OutputStream, StreamError},
};

use crate::order::Order;

/// What came of a request.
pub enum Outcome {
    /// An answer.
    Status(u16),
    /// An answer whose body was read: its bytes, and why it ended early.
    Body(usize, Option<String>),
    /// Headers and body of an answer, as text.
    Text(String),
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
    let method = match order.method.as_str() {
        "" => Method::Get,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    };
    if request.set_method(&method).is_err() {
        return Outcome::Failed("the method is malformed".to_owned());
    }
    let bytes: Vec<u8> =
        SMUGGLED.iter().copied().cycle().take(order.body).chain(order.text.replace("$TOKEN", &token).bytes()).collect();
    let body = if bytes.is_empty() { None } else { request.body().ok() };
    // The host keeps each of these wishes until the call ends.
    let wishes = (order.action != "requests").then(patient);
    let future = match outgoing_handler::handle(request, wishes) {
        Ok(future) => future,
        Err(code) => return failed(&code),
    };
    // Held until the answer is there, if it is to have no end.
    let _unfinished = match body {
        Some(body) => match write(body, &bytes, order) {
            Ok(body) => body,
            Err(what) => return Outcome::Failed(what),
        },
        None => None,
    };
    loop {
        match future.get() {
            Some(Ok(Ok(response))) if ["text", "search-memory"].contains(&order.action.as_str()) => {
                return text(&response);
            }
            Some(Ok(Ok(response))) if order.action == "read" => return read(&response),
            Some(Ok(Ok(response))) => return Outcome::Status(response.status()),
            Some(Ok(Err(code))) => return failed(&code),
            Some(Err(())) => return Outcome::Failed("taken twice".to_owned()),
            None => future.subscribe().block(),
        }
    }
}

/// Asks the host to wait longer than any host waits.
fn patient() -> RequestOptions {
    let (options, ever) = (RequestOptions::new(), Some(u64::MAX / 2));
    // A host may refuse to be asked: it waits as long as it likes.
    let _ = options.set_connect_timeout(ever);
    let _ = options.set_first_byte_timeout(ever);
    let _ = options.set_between_bytes_timeout(ever);
    options
}

/// What a request smuggles in its body, if anybody takes it for another one.
const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/// Writes a body; gives it back if it is not to end.
fn write(body: OutgoingBody, bytes: &[u8], order: &Order) -> Result<Option<OutgoingBody>, String> {
    let stream = body.write().map_err(|()| "no stream".to_owned())?;
    if order.pause_ms > 0 {
        drip(&stream, bytes, order.pause_ms);
    }
    for piece in bytes.chunks(4_096) {
        // What became of it is told by the answer.
        if stream.blocking_write_and_flush(piece).is_err() {
            break;
        }
    }
    drop(stream);
    if order.unfinished {
        return Ok(Some(body));
    }
    // As above.
    let _ = OutgoingBody::finish(body, None);
    Ok(None)
}

/// Writes byte by byte until nobody takes them.
fn drip(stream: &OutputStream, bytes: &[u8], pause_ms: u64) {
    for byte in bytes.iter().cycle() {
        if stream.blocking_write_and_flush(&[*byte]).is_err() {
            return;
        }
        monotonic_clock::subscribe_duration(pause_ms * 1_000_000).block();
    }
}

/// Sleeps for longer than any host waits.
pub fn sleep() -> String {
    monotonic_clock::subscribe_duration(u64::MAX / 2).block();
    "awake".to_owned()
}

/// Reads an answer: its headers and its body.
fn text(response: &IncomingResponse) -> Outcome {
    let headers = response.headers().entries();
    let headers = headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)));
    let mut shown: String = headers.collect();
    let Some(stream) = response.consume().ok().and_then(|body| body.stream().ok().map(|stream| (stream, body))) else {
        return Outcome::Failed("no body".to_owned());
    };
    let mut bytes = Vec::new();
    while let Ok(chunk) = stream.0.blocking_read(1 << 16) {
        bytes.extend(chunk);
    }
    shown.push_str(&String::from_utf8_lossy(&bytes));
    Outcome::Text(shown)
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
    let (mut answered, mut denied) = (0, 0);
    for _ in 0..order.count {
        match request(order) {
            Outcome::Status(_) | Outcome::Body(..) | Outcome::Text(_) => answered += 1,
            Outcome::Denied => denied += 1,
            Outcome::Failed(what) => return Ok(format!("{answered} answered, then: {what}")),
        }
    }
    Ok(format!("{answered} answered, {denied} denied"))
}

/// Holds `count` handles at one time.
pub fn hold(order: &Order) -> String {
    let held: Vec<Fields> = (0..order.count).map(|_| Fields::new()).collect();
    format!("{} held", held.len())
}
