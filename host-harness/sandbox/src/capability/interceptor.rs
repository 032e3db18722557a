//! What may stand between a guest and the network, for tests of connectors:
//! answers that no vendor gives on demand, and a record of those that it gave.

use bytes::Bytes;
use http::{Request, Response};
use wasmtime_wasi_http::Error as HttpError;

/// Sees each request that may leave, as the guest made it: with what stands for
/// a secret, never with the secret. Decides what becomes of it.
pub trait Interceptor: Send + Sync {
    /// What becomes of a request.
    fn treat(&self, request: &Request<Bytes>) -> Treatment;

    /// What the vendor answered to a request that was sent, with no secret in it.
    fn answered(&self, request: &Request<Bytes>, response: &Response<Bytes>);
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// It goes to the vendor.
    Send,
    /// It is answered in the vendor's place.
    Answer(Answer),
    /// It gets no answer.
    Fail(NetworkFailure),
}

/// An answer in the vendor's place.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The answer.
    pub response: Response<Bytes>,
    /// Whether the connection breaks at the end of what there is of the body.
    pub is_cut: bool,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NetworkFailure {
    /// Nobody listens there.
    Refused,
    /// The connection ended before an answer.
    Reset,
    /// No answer in time.
    Timeout,
}

impl From<NetworkFailure> for HttpError {
    fn from(failure: NetworkFailure) -> Self {
        match failure {
            NetworkFailure::Refused => Self::ConnectionRefused,
            NetworkFailure::Reset => Self::ConnectionTerminated,
            NetworkFailure::Timeout => Self::HttpResponseTimeout,
        }
    }
}
