//! B1 to B6: `configure`, and what it makes of faults; what requests show.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use appsec_model::{Access, Connection, ErrorCode, Manifest, SecretPlacement};
use appsec_sandbox::CallFailure;
use data_encoding::BASE64;
use http::{HeaderName, Request, header};

use super::{Book, Ready, Trial, failed_with, json, short, shown, told};
use crate::{
    fault::Fault,
    lab::Lab,
    subject::{Call, Called, Scratch, Subject},
};

/// Most requests of one call that the host lets through.
const MOST_REQUESTS: usize = 16;

pub async fn check(
    book: &mut Book<'_>,
    subject: &impl Subject,
    lab: &Lab,
    manifest: &Manifest,
    settings: &str,
) -> Result<Ready, CallFailure> {
    let call = fresh();
    let trial = book.open("B1");
    lab.begin();
    let called = subject.configure(&call, settings).await;
    let requests = lab.requests();
    if let Some(mut trial) = trial {
        trial.case(called.is_ok(), "`configure` with good settings", "success", || told(&called));
        if let Ok(response) = &called {
            check_connection(&mut trial, &response.value, manifest);
        }
        book.close(trial);
    }
    let ready = Ready { connection: called?.value, bucket: call.bucket.values(), requests };
    if let Some(mut trial) = book.open("B2") {
        let call = Call { bucket: Arc::new(Scratch::of(ready.bucket.clone())), is_granted: true };
        lab.begin();
        let again = subject.configure(&call, settings).await;
        let is_same = again.as_ref().is_ok_and(|again| again.value == ready.connection);
        trial.case(is_same, "`configure` again", "the same connection", || match &again {
            Ok(_) => "another one".to_owned(),
            Err(failure) => shown(failure),
        });
        let is_same = call.bucket.values() == ready.bucket;
        trial.case(is_same, "`configure` again", "the same bucket", || "another one".to_owned());
        book.close(trial);
    }
    if let Some(mut trial) = book.open("B3") {
        for (number, request) in ready.requests.iter().enumerate() {
            let good = lab.good(request);
            for fault in Fault::ALL.into_iter().filter(|fault| fault.fits(good.as_ref())) {
                let call = fresh();
                lab.begin_with(number, fault);
                let called = subject.configure(&call, settings).await;
                let case = format!("{} as the answer to {} {}", fault.name(), request.method(), request.uri().path());
                let denies = number > 0 && fault.may_deny_a_kind() && denies_more(&called, &ready.connection);
                let is_told = denies || called.as_ref().err().is_some_and(|failure| fault.is_told(failure));
                trial.case(is_told, &case, fault.expected(), || told(&called));
                if !denies {
                    let is_empty = call.bucket.values().is_empty();
                    trial.case(is_empty, &case, "an unchanged bucket", || "a change".to_owned());
                }
            }
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("B5") {
        lab.begin();
        let called = subject.configure(&Call { is_granted: false, ..fresh() }, settings).await;
        let is_told =
            matches!(&called, Err(CallFailure::Refused(_))) || failed_with(&called, &[ErrorCode::EgressDenied]);
        trial.case(is_told, "`configure` without its origins", "`egress-denied`", || told(&called));
        book.close(trial);
    }
    if let Some(mut trial) = book.open("B6") {
        lab.begin();
        let call = Call { bucket: Arc::new(Scratch::broken()), is_granted: true };
        let called = subject.configure(&call, settings).await;
        let is_told = matches!(&called, Err(CallFailure::Contract(_) | CallFailure::Host(_)));
        trial.case(is_told, "`configure` with a bucket that cannot be read", "an error", || told(&called));
        lab.begin();
        let call = Call { bucket: Arc::new(Scratch::full()), is_granted: true };
        let called = subject.configure(&call, settings).await;
        let kept = call.bucket.values();
        let is_told = match &called {
            Ok(_) => ready.bucket.keys().all(|key| kept.contains_key(key)),
            Err(failure) => matches!(failure, CallFailure::Contract(_) | CallFailure::Host(_)),
        };
        trial.case(is_told, "`configure` with a bucket that takes nothing more", "an error", || told(&called));
        book.close(trial);
    }
    Ok(ready)
}

/// B4: all requests that were made so far.
pub fn check_requests(book: &mut Book<'_>, subject: &impl Subject, lab: &Lab, manifest: &Manifest, ready: &Ready) {
    let Some(mut trial) = book.open("B4") else { return };
    let (requests, most) = lab.all_requests();
    trial.case(most <= MOST_REQUESTS, "a call", "at most 16 requests", || most.to_string());
    let secrets = subject.secrets();
    let places = Places::of(manifest);
    // Where a vendor puts a report is not always where it wants to know who asks.
    for request in ready.requests.iter().filter(|_| !places.is_none()) {
        let is_sent = places.found_in(request, &secrets);
        trial.case(is_sent, named(request), "a secret where the manifest places one", || "none".to_owned());
    }
    for request in &requests {
        check_request(&mut trial, request, &secrets, &places);
    }
    let (connection, bucket) = (json(&ready.connection), format!("{:?}", texts(&ready.bucket)));
    for secret in &secrets {
        trial.case(!connection.contains(secret), "the connection", "no secret", || "the secret".to_owned());
        trial.case(!bucket.contains(secret), "the bucket", "no secret", || "the secret".to_owned());
    }
    book.close(trial);
}

fn fresh() -> Call {
    Call { bucket: Arc::default(), is_granted: true }
}

fn texts(bucket: &appsec_grant::Values) -> Vec<(&str, String)> {
    bucket.iter().map(|(key, value)| (key.as_str(), String::from_utf8_lossy(value).into_owned())).collect()
}

fn check_connection(trial: &mut Trial, connection: &Connection, manifest: &Manifest) {
    let deployment = &connection.deployment;
    trial.case(!deployment.id.is_empty(), "the deployment", "an id", || "an empty one".to_owned());
    trial.case(!deployment.slug.is_empty(), "the deployment", "a slug", || "an empty one".to_owned());
    trial.case(!connection.kinds.is_empty(), "the kinds", "at least one", || "none".to_owned());
    for access in &connection.kinds {
        let is_known = manifest.kinds.iter().any(|it| it.kind == access.kind);
        trial.case(is_known, format!("kind {}", access.kind), "a kind of `describe`", || "another one".to_owned());
        if let Access::Denied { reason } = &access.access {
            let is_said = !reason.trim().is_empty();
            trial.case(is_said, format!("kind {}, denied", access.kind), "the reason", || "none".to_owned());
        }
    }
    let kinds: BTreeSet<String> = connection.kinds.iter().map(|it| it.kind.to_string()).collect();
    trial.case(kinds.len() == connection.kinds.len(), "the kinds", "each once", || json(&connection.kinds));
}

/// Whether a kind is denied that was readable.
fn denies_more(called: &Called<Connection>, good: &Connection) -> bool {
    let readable = |connection: &Connection| connection.kinds.iter().filter(|it| it.access == Access::Readable).count();
    called.as_ref().is_ok_and(|response| readable(&response.value) < readable(good))
}

/// Where a manifest lets secrets stand.
struct Places {
    headers: HashSet<HeaderName>,
    parameters: BTreeSet<String>,
}

impl Places {
    fn of(manifest: &Manifest) -> Self {
        let mut places = Self { headers: HashSet::new(), parameters: BTreeSet::new() };
        places.headers.extend(manifest.oauth.iter().map(|_| header::AUTHORIZATION));
        for need in &manifest.secrets {
            match &need.placement {
                SecretPlacement::Header(it) => places.headers.extend(HeaderName::from_bytes(it.name.as_bytes())),
                SecretPlacement::Query(name) => places.parameters.extend([name.to_ascii_lowercase()]),
                placement if placement.is_for_tokens() => {}
                _ => places.headers.extend([header::AUTHORIZATION]),
            }
        }
        places
    }

    fn is_none(&self) -> bool {
        self.headers.is_empty() && self.parameters.is_empty()
    }

    /// The parameters of a request that are places of secrets, and the others.
    fn parameters_of<'a>(&self, request: &'a Request<bytes::Bytes>) -> (Vec<&'a str>, Vec<&'a str>) {
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        let pairs = request.uri().query().unwrap_or_default().split('&');
        pairs.partition(|pair| self.parameters.contains(&name(pair)))
    }

    /// Whether a secret stands in one of them.
    fn found_in(&self, request: &Request<bytes::Bytes>, secrets: &[String]) -> bool {
        let found = |text: &str| secrets.iter().any(|secret| text.contains(secret));
        let in_header = self.headers.iter().any(|name| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let basic =
                value.strip_prefix("Basic ").and_then(|it| BASE64.decode(it.as_bytes()).ok()).unwrap_or_default();
            found(value) || found(&String::from_utf8_lossy(&basic))
        });
        in_header || self.parameters_of(request).0.into_iter().any(found)
    }
}

fn named(request: &Request<bytes::Bytes>) -> String {
    format!("{} {}", request.method(), short(&request.uri().to_string()))
}

/// The secret stands nowhere else than where it belongs.
fn check_request(trial: &mut Trial, request: &Request<bytes::Bytes>, secrets: &[String], places: &Places) {
    let case = named(request);
    let found = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    let address = format!("{} {}", request.uri().path(), places.parameters_of(request).1.join("&"));
    trial.case(!found(&address), &case, "no secret elsewhere in the address", || "the secret".to_owned());
    let body = String::from_utf8_lossy(request.body());
    trial.case(!found(&body), &case, "no secret in the body", || "the secret".to_owned());
    for (name, value) in request.headers().iter().filter(|(name, _)| !places.headers.contains(*name)) {
        let is_clean = value.to_str().is_ok_and(|value| !found(value));
        trial.case(is_clean, &case, format!("no secret in `{name}`"), || "the secret".to_owned());
    }
}
