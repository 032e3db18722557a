//! What goes wrong at vendors and on the way to them, and what a connector has
//! to make of it.

use appsec_model::ErrorCode;
use appsec_sandbox::{Answer, CallFailure, NetworkFailure, Treatment};
use bytes::Bytes;
use http::{Response, StatusCode, header};

/// A fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    Unauthorized,
    Forbidden,
    RateLimitedSeconds,
    RateLimitedDate,
    RateLimited,
    ServerError,
    BadGateway,
    Maintenance,
    Refused,
    Reset,
    Timeout,
    Cut,
    Html,
    Empty,
    NotText,
    Null,
    WrongShape,
    NoKeys,
    Redirect,
    Deep,
}

/// How long `Retry-After` says to wait.
const WAIT_SECONDS: u64 = 7;

/// The same as a duration; clocks are looked at again, so that it may be less by then.
const WAIT: jiff::SignedDuration = jiff::SignedDuration::from_secs(WAIT_SECONDS as i64);

/// Deeper than any reader of JSON goes.
const DEPTH: usize = 200_000;

impl Fault {
    pub const ALL: [Self; 20] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::RateLimitedSeconds,
        Self::RateLimitedDate,
        Self::RateLimited,
        Self::ServerError,
        Self::BadGateway,
        Self::Maintenance,
        Self::Refused,
        Self::Reset,
        Self::Timeout,
        Self::Cut,
        Self::Html,
        Self::Empty,
        Self::NotText,
        Self::Null,
        Self::WrongShape,
        Self::NoKeys,
        Self::Redirect,
        Self::Deep,
    ];

    /// What it is, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthorized => "401",
            Self::Forbidden => "403",
            Self::RateLimitedSeconds => "429 with Retry-After in seconds",
            Self::RateLimitedDate => "429 with Retry-After as a date",
            Self::RateLimited => "429 without Retry-After",
            Self::ServerError => "500",
            Self::BadGateway => "502",
            Self::Maintenance => "503",
            Self::Refused => "a refused connection",
            Self::Reset => "a reset connection",
            Self::Timeout => "no answer in time",
            Self::Cut => "an answer that is cut off",
            Self::Html => "200 with HTML",
            Self::Empty => "200 without a body",
            Self::NotText => "200 with bytes that are not UTF-8",
            Self::Null => "200 with `null`",
            Self::WrongShape => "200 with a string in JSON",
            Self::NoKeys => "200 with an empty object",
            Self::Redirect => "302",
            Self::Deep => "200 with deeply nested JSON",
        }
    }

    /// Whether it makes sense in the place of this answer: an object without its
    /// keys is no fault where a list was expected, nor is a cut where there is
    /// nothing to cut.
    pub fn fits(self, good: Option<&Response<Bytes>>) -> bool {
        let first = good.and_then(|good| good.body().iter().find(|byte| !byte.is_ascii_whitespace()));
        match self {
            Self::NoKeys => first == Some(&b'{') && good.is_some_and(|good| good.body().len() > 2),
            Self::Cut => good.is_some_and(|good| good.body().len() > 1),
            _ => true,
        }
    }

    /// What comes in the place of a good answer.
    pub fn treatment(self, good: Option<&Response<Bytes>>) -> Treatment {
        let answer = |status: u16, kind: &str, body: &[u8]| {
            let mut response = Response::new(Bytes::copy_from_slice(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
            if let Ok(kind) = kind.parse() {
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
            }
            response
        };
        let json = |body: &[u8]| answer(200, "application/json", body);
        let with = |mut response: Response<Bytes>, name: header::HeaderName, value: String| {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
            response
        };
        let error = |status| answer(status, "application/json", br#"{"message": "made by a test"}"#);
        let mut is_cut = false;
        let response = match self {
            Self::Unauthorized => error(401),
            Self::Forbidden => error(403),
            Self::RateLimited => error(429),
            Self::RateLimitedSeconds => with(error(429), header::RETRY_AFTER, WAIT_SECONDS.to_string()),
            Self::RateLimitedDate => {
                let now = jiff::Timestamp::now();
                let dated = with(error(429), header::DATE, http_date(now));
                with(dated, header::RETRY_AFTER, http_date(now + WAIT))
            }
            Self::ServerError => error(500),
            Self::BadGateway => answer(502, "text/html", b"<html><body>Bad Gateway</body></html>"),
            Self::Maintenance => error(503),
            Self::Refused => return Treatment::Fail(NetworkFailure::Refused),
            Self::Reset => return Treatment::Fail(NetworkFailure::Reset),
            Self::Timeout => return Treatment::Fail(NetworkFailure::Timeout),
            Self::Cut => {
                is_cut = true;
                let body = good.map(|good| good.body().slice(..good.body().len() / 2)).unwrap_or_default();
                json(&body)
            }
            Self::Html => answer(200, "text/html", b"<!doctype html><title>Sign in</title>"),
            Self::Empty => json(b""),
            Self::NotText => json(b"{\"\xff\xfe\": 1}"),
            Self::Null => json(b"null"),
            Self::WrongShape => json(br#""made by a test""#),
            Self::NoKeys => json(b"{}"),
            Self::Redirect => with(answer(302, "text/html", b""), header::LOCATION, "/login".to_owned()),
            Self::Deep => json(["[".repeat(DEPTH), "]".repeat(DEPTH)].concat().as_bytes()),
        };
        Treatment::Answer(Answer { response, is_cut })
    }

    /// What a connector has to say to it.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Unauthorized => "`unauthorized`",
            Self::Forbidden => "`forbidden`, `missing-scope` or `no-deployment`",
            Self::RateLimitedSeconds => "`rate-limited` with 7,000 ms",
            Self::RateLimitedDate => "`rate-limited` with a wait",
            Self::RateLimited => "`rate-limited`",
            Self::ServerError | Self::BadGateway | Self::Maintenance => "`unavailable` with the status",
            Self::Refused | Self::Reset | Self::Timeout | Self::Cut => "`unavailable`",
            Self::Html | Self::Empty | Self::NotText | Self::Null | Self::WrongShape | Self::NoKeys => "`protocol`",
            Self::Redirect => "`protocol`",
            Self::Deep => "`protocol` or `limit`",
        }
    }

    /// Whether that is what it said.
    pub fn is_told(self, failure: &CallFailure) -> bool {
        let CallFailure::Contract(error) = failure else { return false };
        let wait = error.retry_after_ms;
        match (self, error.code) {
            (Self::Unauthorized, ErrorCode::Unauthorized) => true,
            (Self::Forbidden, ErrorCode::Forbidden | ErrorCode::MissingScope | ErrorCode::NoDeployment) => true,
            (Self::RateLimitedSeconds, ErrorCode::RateLimited) => wait == Some(WAIT_SECONDS * 1_000),
            (Self::RateLimitedDate, ErrorCode::RateLimited) => wait.is_some(),
            (Self::RateLimited, ErrorCode::RateLimited) => true,
            (Self::ServerError, ErrorCode::Unavailable) => error.status == Some(500),
            (Self::BadGateway, ErrorCode::Unavailable) => error.status == Some(502),
            (Self::Maintenance, ErrorCode::Unavailable) => error.status == Some(503),
            (Self::Refused | Self::Reset | Self::Timeout | Self::Cut, ErrorCode::Unavailable) => true,
            (
                Self::Html
                | Self::Empty
                | Self::NotText
                | Self::Null
                | Self::WrongShape
                | Self::NoKeys
                | Self::Redirect
                | Self::Deep,
                ErrorCode::Protocol,
            ) => true,
            (Self::Deep, ErrorCode::Limit) => true,
            _ => false,
        }
    }

    /// Whether a vendor that answers so about one kind says only that this kind
    /// is not to be read.
    pub fn may_deny_a_kind(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden)
    }
}

/// A moment as HTTP writes it (RFC 9110, section 5.6.7).
fn http_date(moment: jiff::Timestamp) -> String {
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
