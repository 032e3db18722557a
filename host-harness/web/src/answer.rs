//! Answers: what every one of them says to the browser, and how faults look.

use axum::{body::Body, response::IntoResponse};
use host_harness::{AccessError, Class, Code, Error, query::QueryError, text};
use http::{HeaderValue, Response, StatusCode, header};
use maud::Markup;
use serde::Serialize;

use crate::access::Refusal;

/// What browsers are told of every answer. Nothing is loaded from elsewhere, no
/// script runs but the file of ours, no other site shows a page in a frame or reads an answer, and
/// nothing stays behind on the disk.
pub(crate) const HEADERS: [(header::HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // A page of ours says that a form is from it.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Why a request is not answered as it was meant.
#[derive(Debug)]
pub(crate) struct Fault {
    pub status: StatusCode,
    /// A stable word.
    pub code: &'static str,
    pub detail: String,
}

impl Fault {
    /// A run that cannot be stopped from here.
    pub fn not_stoppable() -> Self {
        let detail = "this run is not one of this server, or it is over: who began it can stop it".to_owned();
        Self { status: StatusCode::CONFLICT, code: "not-stoppable", detail }
    }

    /// Nothing is at the address.
    pub fn not_found(what: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not-found", detail: format!("there is no {what}") }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let code = error.code();
        let detail = text::line(&host_harness::with_causes(&error)).into_owned();
        let status = match code.class() {
            Class::Usage if is_missing(code) => StatusCode::NOT_FOUND,
            Class::Usage => StatusCode::BAD_REQUEST,
            Class::Refused => StatusCode::FORBIDDEN,
            Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Class::Conflict => StatusCode::CONFLICT,
            Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::warn!(code = code.as_str(), detail, "a request failed");
        }
        Self { status, code: code.as_str(), detail }
    }
}

impl From<AccessError> for Fault {
    fn from(error: AccessError) -> Self {
        Error::from(error).into()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal {
            Refusal::Host => (StatusCode::MISDIRECTED_REQUEST, "wrong-host"),
            Refusal::Proxy => (StatusCode::FORBIDDEN, "proxied"),
            Refusal::Site => (StatusCode::FORBIDDEN, "cross-site"),
            Refusal::Session => (StatusCode::UNAUTHORIZED, "not-let-in"),
            Refusal::Token => (StatusCode::UNAUTHORIZED, "token-invalid"),
            Refusal::Both => (StatusCode::BAD_REQUEST, "two-credentials"),
            Refusal::Unseen => (StatusCode::SERVICE_UNAVAILABLE, "access-unavailable"),
        };
        Self { status, code, detail: refusal.to_string() }
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        Error::from(error).into()
    }
}

/// Whether something that was named is not there.
fn is_missing(code: Code) -> bool {
    code.as_str().ends_with("-not-found")
}

/// A fault as the API tells it (RFC 9457).
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Problem<'a> {
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
}

impl Fault {
    /// For programs.
    pub fn problem(&self) -> Response<Body> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let problem = Problem { title, status: self.status.as_u16(), code: self.code, detail: &self.detail };
        let mut response = json(&problem);
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// A document.
pub(crate) fn json(document: &impl Serialize) -> Response<Body> {
    let mut bytes = Vec::new();
    match text::json_lines(&mut bytes, document) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::warn!(%error, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Leads on to a page, when something was done.
pub(crate) fn see(path: &str) -> Response<Body> {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// The page on which something failed, with what was typed.
pub(crate) fn again(fault: Fault, page: Markup) -> Response<Body> {
    let mut response = html(page);
    *response.status_mut() = fault.status;
    response.extensions_mut().insert(std::sync::Arc::new(fault));
    response
}

/// A page.
pub(crate) fn html(page: Markup) -> Response<Body> {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
}
