//! What can be tried over HTTP.

use wasi::http::{
    outgoing_handler,
    types::{ErrorCode, Fields, OutgoingRequest, Scheme},
};

use crate::order::Order;

/// What came of a request.
pub enum Outcome {
    /// An answer.
    Status(u16),
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
            Some(Ok(Ok(response))) => return Outcome::Status(response.status()),
            Some(Ok(Err(code))) => return failed(&code),
            Some(Err(())) => return Outcome::Failed("taken twice".to_owned()),
            None => future.subscribe().block(),
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
            Outcome::Status(_) => answered += 1,
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
