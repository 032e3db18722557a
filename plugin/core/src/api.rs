//! The vendor's Web API: addresses, one request, and what its status means.

pub mod dependencies;
pub mod deployments;
pub mod findings;
pub mod kept;
pub mod projects;
pub mod scans;
pub mod secrets;
mod status;
pub mod triage;

use std::borrow::Cow;

use appsec_model::{Error, ErrorCode, Kind, RawRecord, text};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    MAX_BODY_BYTES, Origin, Outside, Request, Response, SECRET_VARIABLE, Secret, Transport, TransportError,
    cursor::MAX_VENDOR_CURSOR_BYTES, outside::RequestHeaders, wire::shorten,
};

/// The API at one origin, spoken to with one secret.
pub struct Api<'a> {
    transport: &'a mut dyn Transport,
    origin: &'a Origin,
    secret: &'a Secret,
    authorization: String,
}

impl<'a> Api<'a> {
    /// Fails where there is no secret that could be sent.
    pub fn new(outside: &'a mut Outside<'_>, origin: &'a Origin) -> Result<Self, Error> {
        let secret = outside.secret.ok_or_else(|| {
            let detail = format!("no token: set {SECRET_VARIABLE} to an API token with the Web API scope");
            Error::new(ErrorCode::Unauthorized, detail)
        })?;
        let authorization = secret.bearer().ok_or_else(|| {
            Error::new(ErrorCode::Unauthorized, format!("{SECRET_VARIABLE} holds characters that no token has"))
        })?;
        Ok(Self { transport: &mut *outside.transport, origin, secret, authorization })
    }

    /// Sends one request; anything but a 200 with a body is an error.
    pub fn send(&mut self, address: &Address) -> Result<Response, Error> {
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("authorization", self.authorization.clone()),
            ("user-agent", concat!("semgrep-connector/", env!("CARGO_PKG_VERSION")).to_owned()),
        ];
        let body = address.body.as_deref();
        headers.extend(body.map(|_| ("content-type", "application/json".to_owned())));
        let request =
            Request { origin: self.origin, path: &address.to_string(), headers: RequestHeaders(headers), body };
        let response = self.transport.send(&request).map_err(|error| self.no_answer(error))?;
        status::check(address, &response, self.secret)?;
        if response.body.is_empty() {
            return Err(address.violation("the body is empty"));
        }
        if response.body.len() > MAX_BODY_BYTES {
            return Err(self.no_answer(TransportError::TooLarge(MAX_BODY_BYTES)));
        }
        Ok(response)
    }

    fn no_answer(&self, error: TransportError) -> Error {
        let detail = match error {
            TransportError::Denied => return Error::new(ErrorCode::EgressDenied, "").about(self.origin.to_string()),
            TransportError::TooLarge(bytes) => {
                let what = format!("an answer of more than {bytes} bytes; a smaller `page_size` makes answers smaller");
                return Error::limit(what);
            }
            TransportError::Timeout(what) => format!("no answer in time: {what}"),
            TransportError::Connect(what) => format!("no connection to {}: {what}", self.origin),
            TransportError::Cut(what) => format!("the answer was cut off: {what}"),
            TransportError::Other(what) => what,
        };
        Error::unavailable(None, self.secret.redact(&detail))
    }

    /// Turns a parser's error into what the host should do about it. The error
    /// shows what it stumbled over, and an answer may hold anything.
    fn unreadable(&self, address: &Address, response: &Response, error: &guest_json::Error) -> Error {
        if error.is_eof() {
            // Well-formed so far: a proxy or the server stopped half-way, and
            // the next attempt may see all of it.
            return Error::unavailable(Some(response.status), "the body ends in the middle");
        }
        if status::is_html(response) {
            return address.violation("the body is an HTML page instead of JSON; is `origin` right?");
        }
        let detail = match address.is_of_secrets() {
            // Without what it stumbled over.
            true => format!("line {} column {}", error.line(), error.column()),
            false => shorten(&self.secret.redact(&error.to_string())),
        };
        address.violation(format!("the body is not the promised JSON: {detail}"))
    }
}

/// Records of a page, and the vendor's own cursor of the next page; none at the
/// end of the list.
type CursorPage = (Vec<RawRecord>, Option<String>);

/// Path and query of a request, and the body of one that has one.
#[derive(Clone, Debug)]
pub struct Address {
    path: String,
    query: String,
    body: Option<String>,
    /// What is asked for, as errors name it.
    subject: String,
}

impl Address {
    /// The address of a path under the API's root.
    fn new(path: &str, subject: &str) -> Self {
        Self { path: format!("/api/v1{path}"), query: String::new(), body: None, subject: subject.to_owned() }
    }

    /// The address of a path under a deployment. An endpoint takes either the
    /// slug or the numeric id, never the other.
    fn of_deployment(key: &str, path: &str, subject: &str) -> Self {
        let path = format!("/deployments/{}{path}", utf8_percent_encode(key, ESCAPED));
        Self::new(&path, &format!("{subject} of the deployment `{key}`"))
    }

    /// Adds a parameter. Lists are repeated keys, the default of OpenAPI and
    /// the form that every client of the vendor can rely on.
    fn push(&mut self, key: &str, value: &str) {
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(key);
        self.query.push('=');
        self.query.extend(utf8_percent_encode(value, ESCAPED));
    }

    /// Method and path, as errors name them: without the query, which can be
    /// long and says nothing about the fault.
    pub fn endpoint(&self) -> String {
        format!("{} {}", if self.body.is_some() { "POST" } else { "GET" }, self.path)
    }

    /// Whether answers are about credentials, and may repeat one anywhere.
    pub fn is_of_secrets(&self) -> bool {
        self.path.ends_with("/secrets")
    }

    /// An answer that breaks the API's promise.
    pub fn violation(&self, what: impl Into<String>) -> Error {
        Error::protocol(self.endpoint(), what)
    }

    /// The answer's body as text, since all of JSON is UTF-8. Halves of surrogate
    /// pairs in it are no characters.
    fn text<'r>(&self, response: &'r Response) -> Result<Cow<'r, str>, Error> {
        let text = std::str::from_utf8(&response.body).map_err(|_| self.violation("the body is not UTF-8"))?;
        Ok(text::mend(text).map_or(Cow::Borrowed(text), Cow::Owned))
    }

    /// The next page's cursor of an answer to a request with the cursor `sent`. An
    /// empty one is the vendor's word for "no more". One that is as before would
    /// bring the same page for ever: without records that is the end too, with
    /// records it is a fault.
    fn next_cursor(&self, sent: Option<&str>, next: Option<String>, any: bool) -> Result<Option<String>, Error> {
        match next.filter(|next| !next.is_empty()) {
            Some(next) if Some(next.as_str()) == sent && any => {
                Err(self.violation("the cursor of the next page is that of this page"))
            }
            Some(next) if Some(next.as_str()) == sent => Ok(None),
            Some(next) if next.len() > MAX_VENDOR_CURSOR_BYTES => {
                Err(self
                    .violation(format!("the cursor of the next page is longer than {MAX_VENDOR_CURSOR_BYTES} bytes")))
            }
            next => Ok(next),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}{}", self.path, self.query)
    }
}

/// The API's word for a kind, where its findings endpoint has one.
pub fn issue_type(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Sast => Some("sast"),
        Kind::Sca => Some("sca"),
        Kind::AiSast => Some("ai_sast"),
        Kind::Secrets | Kind::Packages | Kind::Other(_) => None,
    }
}

/// Everything but the unreserved characters of RFC 3986, and the slash, which
/// both path and query may hold and which project names are full of.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
