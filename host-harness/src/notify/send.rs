//! One request to a receiver: over the same policy and connections as those of
//! guests, bounded in time and size. Redirects are not followed.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, timeout, timeout_at};

use appsec_grant::{EgressPolicy, Proxies, Refusal};
use appsec_sandbox::{Transport, clean, coding, no_connection, prohibition};

/// Time for one try. A receiver answers first and works afterwards.
pub(crate) const TIME: Duration = Duration::from_secs(20);

/// Bytes of an answer that are read.
const READ_BYTES: usize = 4 << 10;

/// Bytes of an answer that are kept.
const KEPT_BYTES: usize = 300;

/// A request to make.
pub(crate) struct Message<'a> {
    pub url: &'a str,
    pub headers: Vec<(HeaderName, String)>,
    pub body: Bytes,
    /// What must not be seen in an answer that is kept.
    pub secrets: &'a [&'a str],
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// The receiver answered.
    Status {
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
        /// The beginning of what it said.
        beginning: String,
    },
    /// It did not answer.
    Unreachable(String),
    /// It may not be reached.
    Refused(String),
}

/// Sends a message.
pub(crate) async fn send(
    transport: &Transport,
    proxies: &Proxies,
    policy: &EgressPolicy,
    message: Message<'_>,
) -> Answer {
    let checked = policy.check(message.url);
    let client = checked.and_then(|(origin, addresses)| transport.client(&origin, addresses, proxies));
    let client = match client {
        Ok(client) => client,
        // The address may be a secret, and is what this one repeats.
        Err(Refusal::Origin(_)) => return Answer::Refused("the address is not a URL that can be reached".to_owned()),
        Err(refusal) => return Answer::Refused(refusal.to_string()),
    };
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(message.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::USER_AGENT, concat!("appsec-harness/", env!("CARGO_PKG_VERSION")));
    for (name, value) in message.headers {
        request = request.header(name, value);
    }
    let body = Full::new(message.body).map_err(|never| match never {}).boxed_unsync();
    let request = match request.body(body) {
        Ok(request) => request,
        Err(error) => return Answer::Refused(format!("the request cannot be made: {error}")),
    };
    let until = Instant::now() + TIME;
    let response = match timeout_at(until, client.request(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            return match prohibition(&error) {
                Some(prohibition) => Answer::Refused(prohibition),
                None => Answer::Unreachable(clean(&no_connection(&error), message.secrets, KEPT_BYTES)),
            };
        }
        Err(_) => return Answer::Unreachable(format!("no answer within {} s", TIME.as_secs())),
    };
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| wait(value, SystemTime::now()));
    let status = response.status().as_u16();
    // No secret can be found in what is encoded: of that nothing is kept.
    let beginning = match coding(response.headers()) {
        Some(coding) => format!("(an answer encoded as `{coding}`, which is not read)"),
        None => {
            let beginning = beginning(response.into_body(), until).await;
            clean(String::from_utf8_lossy(&beginning).trim(), message.secrets, KEPT_BYTES)
        }
    };
    Answer::Status { status, retry_after, beginning }
}

/// The beginning of a body. The rest is left unread: dropping it closes the
/// connection.
async fn beginning(mut body: hyper::body::Incoming, until: Instant) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < READ_BYTES {
        let Some(left) = until.checked_duration_since(Instant::now()) else { break };
        match timeout(left, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                read.extend_from_slice(data.get(..data.len().min(READ_BYTES - read.len())).unwrap_or_default());
            }
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    read
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn wait(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::HeaderValue;

    use super::wait;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let asked = |text| wait(&HeaderValue::from_static(text), now);
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:51:37 GMT"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
        assert_eq!(asked("-1"), None);
    }
}
