//! Answers: what every one of them says to the browser, and how faults look.

use axum::{body::Body, response::IntoResponse};
use host_harness::{
    AccessError, Error,
    columns::{Column, CsvWriter},
    exports::{Error as ExportError, text},
    query::QueryError,
};
use http::{HeaderValue, Response, StatusCode, header};
use maud::Markup;
use serde::Serialize;

use crate::{
    access::Refusal,
    problems::{self, FaultCode, Own},
};

/// Answers as every handler makes them.
pub(crate) type Answer = Result<Response<Body>, Fault>;

/// What browsers are told of every answer. Nothing is loaded from elsewhere, no
/// script runs but the file of ours, no other site shows a page in a frame or reads an answer, and
/// nothing stays behind on the disk.
pub(crate) const HEADERS: [(header::HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; font-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
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
    pub code: FaultCode,
    pub detail: String,
}

impl Fault {
    /// One that always has the same status.
    pub fn of(code: Own, detail: &str) -> Self {
        let status = code.statuses().first().copied().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code: code.into(), detail: detail.to_owned() }
    }

    /// A run that cannot be stopped from here.
    pub fn not_stoppable() -> Self {
        Fault::of(Own::NotStoppable, "this run is not one of this server, or it is over: who began it can stop it")
    }

    /// Nothing is at the address.
    pub fn not_found(what: &str) -> Self {
        Self::of(Own::NotFound, &format!("there is no {what}"))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let code = error.code();
        let detail = text::line(&host_harness::grant::with_causes(&error)).into_owned();
        let status = problems::status(code);
        if status.is_server_error() {
            tracing::warn!(code = code.as_str(), detail, "a request failed");
        }
        Self { status, code: code.into(), detail }
    }
}

impl From<AccessError> for Fault {
    fn from(error: AccessError) -> Self {
        Error::from(error).into()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Host => Own::WrongHost,
            Refusal::Proxy => Own::Proxied,
            Refusal::Site => Own::CrossSite,
            Refusal::Session => Own::NotLetIn,
            Refusal::Token => Own::TokenInvalid,
            Refusal::Nobody => Own::TokenMissing,
            Refusal::Both => Own::TwoCredentials,
            Refusal::Unseen => Own::AccessUnavailable,
        };
        Self::of(code, &refusal.to_string())
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        Error::from(error).into()
    }
}

/// A fault as the API tells it (RFC 9457).
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Problem<'a> {
    /// The page of the code, on this server.
    #[serde(rename = "type")]
    address: &'a str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    /// What was asked: the path of the request.
    instance: &'a str,
    /// What to do about it.
    hint: &'a str,
}

impl Fault {
    /// For programs.
    pub fn problem(&self, path: &str) -> Response<Body> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let (address, code) = (self.code.address(), self.code.as_str());
        let problem = Problem {
            address: &address,
            title,
            status: self.status.as_u16(),
            code,
            detail: &self.detail,
            instance: path,
            hint: self.code.about().advice,
        };
        let mut response = json(&problem);
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// The same answer as a file of this name. Names of tenants are checked where they are made.
pub(crate) fn attachment(mut answer: Response<Body>, name: &str) -> Answer {
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let name = name.map_err(|_| Fault::not_found("such tenant"))?;
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(answer)
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

/// Rows as a table for spreadsheets.
pub(crate) fn csv<R>(columns: &[Column<R>], rows: &[R]) -> Answer {
    let mut bytes = Vec::new();
    let written = CsvWriter::new(columns, &mut bytes).and_then(|mut csv| {
        rows.iter().try_for_each(|row| csv.write(row))?;
        csv.end()
    });
    written.map_err(|error| Error::from(ExportError::Write(error)))?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], bytes).into_response())
}

/// Leads on to a page, when something was done.
pub(crate) fn see(path: &str) -> Response<Body> {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// The page on which something failed, with what was typed; the fault alone where
/// the page is not there.
pub(crate) fn again(fault: Fault, page: Result<Markup, Fault>) -> Answer {
    let Ok(page) = page else { return Err(fault) };
    let mut response = html(page);
    *response.status_mut() = fault.status;
    response.extensions_mut().insert(std::sync::Arc::new(fault));
    Ok(response)
}

/// A page.
pub(crate) fn html(page: Markup) -> Response<Body> {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
}
