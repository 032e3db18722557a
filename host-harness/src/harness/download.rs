//! Reads what is at an address that the operator named, or a catalogue that the
//! operator believes.

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::host::Host;
use appsec_grant::{Addresses, EgressPolicy, Origin};
use appsec_sandbox::{Transport, no_connection};

/// What is asked for.
pub(super) struct Wanted<'a> {
    pub url: &'a str,
    /// The types that it may have.
    pub accept: &'a str,
    /// The most bytes that it may have.
    pub most: u64,
    /// What may have so many.
    pub what: &'a str,
    /// Where it may be. An artifact server of the own network is meant where the
    /// operator typed the address.
    pub addresses: Addresses,
}

/// What came.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// The content of an address; an error says why there is none.
pub(super) async fn content(host: &Host, wanted: &Wanted<'_>) -> Result<Vec<u8>, String> {
    let answer = get(host, wanted, None).await?;
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        status => Err(format!("the server answers {status}")),
    }
}

/// The answer of an address. Redirections are not followed.
pub(super) async fn get(host: &Host, wanted: &Wanted<'_>, authorization: Option<&str>) -> Result<Answer, String> {
    let Wanted { url, accept, most, what, addresses } = *wanted;
    let parsed = url::Url::parse(url).map_err(|error| format!("the address is invalid: {error}"))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("the address holds credentials, and none are sent".to_owned());
    }
    let origin: Origin =
        parsed.origin().ascii_serialization().parse().map_err(|_| "it is no address of HTTP".to_owned())?;
    let options = host.options();
    let transport = Transport::new(host.tls().map_err(|error| error.to_string())?, &options.limits);
    let mut policy = EgressPolicy::default();
    policy.grant(origin, addresses);
    let client = policy
        .check(url)
        .and_then(|(origin, addresses)| transport.client(&origin, addresses, &options.proxies))
        .map_err(|refusal| refusal.to_string())?;
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(url)
        .header(header::ACCEPT, accept)
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::USER_AGENT, concat!("appsec-harness/", env!("CARGO_PKG_VERSION")));
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request = request.body(body).map_err(|error| error.to_string())?;
    let read = async {
        let (head, body) = client.request(request).await.map_err(|error| no_connection(&error))?.into_parts();
        let body = Limited::new(body, usize::try_from(most).unwrap_or(usize::MAX));
        match body.collect().await {
            Ok(body) => Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes().to_vec() }),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(format!("it is larger than {most} bytes, the most that {what} may have"))
            }
            Err(error) => Err(format!("the answer was cut off: {error}")),
        }
    };
    let time = options.limits.wall_time;
    timeout(time, read).await.unwrap_or_else(|_| Err(format!("no whole answer within {} s", time.as_secs())))
}
