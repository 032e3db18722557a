//! What an HTTP status of the vendor means, in one table.
//!
//! The API reference documents the status 200 only; the other rows are
//! observed behaviour, or plain HTTP where nothing was observed.

use std::borrow::Cow;

use appsec_model::{Error, ErrorCode, Timestamp, credential, text};
use serde_json::Value;

use super::Address;
use crate::{Origin, Response, Secret, moment};

/// How much of an error text of the vendor is passed on.
const EXCERPT_CHARS: usize = 200;

/// An answer's status as an error, unless it is 200.
pub fn check(address: &Address, response: &Response, secret: &Secret) -> Result<(), Error> {
    let status = response.status;
    let said = || excerpt(response, secret).filter(|text| !address.is_of_secrets() || credential::is_prose(text));
    let with_said = |text: &str| match said() {
        Some(said) => format!("{text}: {said}"),
        None => text.to_owned(),
    };
    Err(match status {
        200 => return Ok(()),
        300..=399 => address.violation(format!("redirected {}; the connector does not follow", target(response))),
        401 => Error::new(ErrorCode::Unauthorized, with_said("Semgrep refused the token as wrong or expired")),
        403 => Error::new(
            ErrorCode::Forbidden,
            with_said(&format!(
                "Semgrep does not let this token {} {} ({} answered 403)",
                if address.endpoint().starts_with("GET ") { "read" } else { "change" },
                address.subject,
                address.endpoint()
            )),
        ),
        404 => Error::new(
            ErrorCode::MissingScope,
            format!(
                "{} answered 404: the token lacks the Web API scope (Semgrep hides what it protects), or the origin or \
                 the deployment's slug is wrong",
                address.endpoint()
            ),
        ),
        410 => Error::unsupported(with_said(&format!("Semgrep has retired {}", address.endpoint()))),
        429 => Error::new(ErrorCode::RateLimited, "").after(retry_after_ms(response)),
        // 408 is the server giving up on a slow request, 425 a replay guard: both ask to try again.
        408 | 425 | 500.. => {
            let detail = with_said(&format!("{} failed", address.endpoint()));
            Error::unavailable(Some(status), detail).after(retry_after_ms(response))
        }
        _ => address.violation(with_said(&format!("HTTP {status}"))),
    })
}

/// Whether an answer is a web page, as proxies and login walls send.
pub fn is_html(response: &Response) -> bool {
    let typed = response.content_type.as_deref().is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    typed || response.body.trim_ascii_start().starts_with(b"<")
}

/// The vendor's error text: `{"error": …}` was observed; other keys are common.
fn excerpt(response: &Response, secret: &Secret) -> Option<String> {
    if is_html(response) {
        return Some("an HTML page".to_owned());
    }
    let body = String::from_utf8_lossy(&response.body);
    let body = text::mend(&body).map_or(body, Cow::Owned);
    let text = match guest_json::read::<Value>(&body) {
        Some(Value::Object(fields)) => {
            ["error", "message", "detail"].iter().find_map(|key| fields.get(*key)?.as_str()).map(str::to_owned)
        }
        _ => None,
    };
    let text = text.unwrap_or_else(|| body.into_owned());
    // The secret goes before the text is cut: half of it would not be found.
    let text = secret.redact(&text);
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let mut line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(EXCERPT_CHARS) {
        line.truncate(end);
        line.push('…');
    }
    (!line.is_empty()).then_some(line)
}

/// Where a redirect leads, as far as that is safe to print: paths and queries
/// of login pages hold one-time codes.
fn target(response: &Response) -> String {
    let Some(location) = response.location.as_deref() else {
        return "without saying where".to_owned();
    };
    let Some((scheme, rest)) = location.split_once("://") else {
        return "to another path of the same origin".to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match Origin::parse(&format!("{scheme}://{authority}")) {
        Ok(origin) => format!("to {origin}"),
        Err(_) => "to an address that is no origin".to_owned(),
    }
}

/// `Retry-After` in milliseconds: seconds, or an HTTP date, which is compared
/// with the `Date` of the same answer since the connector has no clock.
fn retry_after_ms(response: &Response) -> Option<u64> {
    let text = response.retry_after.as_deref()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let until = http_date(text)?;
    let now = http_date(response.date.as_deref()?)?;
    let wait_ms = (until.as_micros() - now.as_micros()) / 1000;
    Some(u64::try_from(wait_ms).unwrap_or(0))
}

/// Reads the date form that HTTP senders must use (RFC 9110, section 5.6.7):
/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, text) = text.trim().split_once(", ")?;
    let parts: Vec<&str> = text.split(' ').collect();
    let &[day, month, year, time, "GMT"] = parts.as_slice() else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    moment::read(&format!("{year}-{month:02}-{day}T{time}Z"))
}

#[cfg(test)]
mod tests {
    use super::{check, http_date, retry_after_ms};
    use crate::{Response, Secret, api::Address};

    fn answer(status: u16, body: &str) -> Response {
        Response { status, body: body.into(), ..Response::default() }
    }

    fn error(response: &Response) -> String {
        let address = Address::of_deployment("acme", "/findings", "`sca`");
        let secret = Secret::new("sgp_secret").unwrap();
        check(&address, response, &secret).unwrap_err().to_string()
    }

    #[test]
    fn each_status_says_who_must_act() {
        let text: Vec<String> = [
            answer(400, r#"{"error": "page_size must be at least 100"}"#),
            answer(401, r#"{"message": "no such token sgp_secret"}"#),
            answer(403, ""),
            answer(404, r#"{"error": "The requested URL was not found on the server."}"#),
            answer(410, r#"{"error": "DEPLOYMENT_MIGRATED"}"#),
            answer(429, ""),
            answer(500, "<html><body>oops"),
            answer(503, "upstream\u{0}\n  connect error"),
            Response { retry_after: Some("7".into()), ..answer(503, "") },
            Response { location: Some("https://login.example.com/sso?code=1".into()), ..answer(302, "") },
            Response { location: Some("/login".into()), ..answer(307, "") },
            answer(204, ""),
        ]
        .iter()
        .map(error)
        .collect();
        insta::assert_snapshot!(text.join("\n"), @r"
        unexpected answer of GET /api/v1/deployments/acme/findings: HTTP 400: page_size must be at least 100
        unauthorized: Semgrep refused the token as wrong or expired: no such token [secret]
        forbidden: Semgrep does not let this token read `sca` of the deployment `acme` (GET /api/v1/deployments/acme/findings answered 403)
        missing scope: GET /api/v1/deployments/acme/findings answered 404: the token lacks the Web API scope (Semgrep hides what it protects), or the origin or the deployment's slug is wrong
        unsupported: Semgrep has retired GET /api/v1/deployments/acme/findings: DEPLOYMENT_MIGRATED
        rate limited
        unavailable (HTTP 500): GET /api/v1/deployments/acme/findings failed: an HTML page
        unavailable (HTTP 503): GET /api/v1/deployments/acme/findings failed: upstream connect error
        unavailable (HTTP 503): GET /api/v1/deployments/acme/findings failed, again after 7000 ms
        unexpected answer of GET /api/v1/deployments/acme/findings: redirected to https://login.example.com; the connector does not follow
        unexpected answer of GET /api/v1/deployments/acme/findings: redirected to another path of the same origin; the connector does not follow
        unexpected answer of GET /api/v1/deployments/acme/findings: HTTP 204
        ");
    }

    #[test]
    fn a_long_error_text_is_cut_between_characters() {
        assert!(error(&answer(418, &"é".repeat(1000))).ends_with(&format!("{}…", "é".repeat(200))));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |retry_after: &str, date: Option<&str>, expect| {
            let response = Response {
                retry_after: Some(retry_after.into()),
                date: date.map(str::to_owned),
                ..Response::default()
            };
            assert_eq!(retry_after_ms(&response), expect, "{retry_after} {date:?}");
        };
        let now = Some("Sat, 21 Nov 2026 20:00:00 GMT");
        check("120", None, Some(120_000));
        check("0", None, Some(0));
        check("99999999999999999999", None, None);
        check("18446744073709551615", None, Some(u64::MAX));
        check("-5", None, None);
        check("soon", now, None);
        check("Sat, 21 Nov 2026 20:00:30 GMT", now, Some(30_000));
        check("Sat, 21 Nov 2026 19:59:00 GMT", now, Some(0));
        check("Sat, 21 Nov 2026 20:00:30 GMT", None, None);
    }

    #[test]
    fn http_dates_are_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap().to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(http_date("Sunday, 06-Nov-94 08:49:37 GMT"), None);
        assert_eq!(http_date("Sun, 99 Nov 1994 08:49:37 GMT"), None);
    }
}
