//! The only seam between the logic and the world: one request, one bucket, one
//! secret.

use std::fmt;

use crate::{Origin, Secret};

/// What a call may reach outside.
pub struct Outside<'a> {
    /// Sends requests.
    pub transport: &'a mut dyn Transport,
    /// Remembers between calls.
    pub bucket: &'a mut dyn Bucket,
    /// The value of [`SECRET_VARIABLE`](crate::SECRET_VARIABLE), where there is one.
    pub secret: Option<&'a Secret>,
}

/// Sends one request and waits for its answer.
///
/// It never retries and never follows a redirect: a redirect could lead the
/// secret to another origin, and when to try again is the host's decision.
pub trait Transport {
    /// Sends a request. An answer with an error status is an answer.
    fn send(&mut self, request: &Request<'_>) -> Result<Response, TransportError>;
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where to send it.
    pub origin: &'a Origin,
    /// Path and query, escaped.
    pub path: &'a str,
    /// Header names in lower case, and their values. One of them holds the
    /// secret: a transport must not log them.
    pub headers: RequestHeaders,
    /// A JSON text, which makes it a POST; without one it is a GET.
    pub body: Option<&'a str>,
}

impl Request<'_> {
    /// The HTTP method.
    pub fn method(&self) -> &'static str {
        if self.body.is_some() { "POST" } else { "GET" }
    }
}

/// Headers of a request; their `Debug` form shows names only.
pub struct RequestHeaders(pub Vec<(&'static str, String)>);

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// An answer, with the few headers that the connector understands.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, as sent.
    pub retry_after: Option<String>,
    /// `Date`, as sent. It is the only clock that the connector sees.
    pub date: Option<String>,
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// `Location`, as sent.
    pub location: Option<String>,
    /// The whole body, at most [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TransportError {
    /// The host does not let the connector reach this origin.
    Denied,
    /// Nothing came in time; the text names what was waited for.
    Timeout(String),
    /// No connection: name lookup, refused, TLS.
    Connect(String),
    /// The connection ended before the answer did.
    Cut(String),
    /// The body is longer than this number of bytes.
    TooLarge(usize),
    /// Anything else.
    Other(String),
}

/// What the connector must remember between calls.
pub trait Bucket {
    /// The value under a key.
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, BucketError>;

    /// Stores a value under a key and replaces what was there.
    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), BucketError>;
}

/// Why the bucket cannot be used, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BucketError(pub String);
