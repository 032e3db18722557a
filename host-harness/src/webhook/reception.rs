//! Takes events of vendors in: checks who sent them, asks the connector what
//! they are about, and writes down what is to be synced.
//!
//! To somebody without the secret every address looks the same, whether there
//! is an instance behind it or not.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use appsec_model::{Event, EventType, ProjectRef};
use http::{HeaderMap, StatusCode, header};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::rate::Rate;
use crate::{error::Error, harness::Harness, signature::scheme::Verifier, tenant::Tenant};
use appsec_grant::TenantId;
use appsec_sandbox::{CallFailure, Connector, clean, coding};
use appsec_store::{Instance, Noted};

/// Time for the connector to say what an event is about: the vendor waits for
/// the answer.
const INTERPRET_TIME: Duration = Duration::from_secs(10);

/// Projects or kinds that an event may name. More is any.
const MAX_NAMED: usize = 100;

/// Bytes of a name or reason of an event.
const MAX_TEXT: usize = 300;

/// Reasons why instances take no events that are remembered.
const MAX_TOLD: usize = 1_000;

/// Bytes of a body: hundreds of findings with all that vendors say of them.
pub(super) const BODY_BYTES: usize = 5 << 20;

/// Takes events in for a daemon, where a server beside it has the address.
#[derive(Clone)]
pub struct EventReceiver(Arc<WebhookHandler>);

impl EventReceiver {
    /// Bytes of a body.
    pub const BODY_BYTES: usize = BODY_BYTES;

    pub(crate) fn new(handler: Arc<WebhookHandler>) -> Self {
        Self(handler)
    }

    /// Whether the body of a request may be read, by its head.
    pub fn admits(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        self.0.admits(headers)
    }

    /// Takes a request in: the status of the answer, and when to come again.
    pub async fn take(
        &self,
        tenant: &str,
        instance: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> (StatusCode, Option<Duration>) {
        let reply = self.0.take(tenant, instance, headers, body).await;
        (reply.status, reply.retry_after)
    }
}

/// Takes events in, for all tenants.
pub(crate) struct WebhookHandler {
    harness: Harness,
    tenants: Mutex<HashMap<TenantId, Tenant>>,
    receivers: RwLock<HashMap<(String, String), Arc<Receiver>>>,
    nobody: Verifier,
    told: Mutex<HashSet<String>>,
    /// Told when an event waits for a sync.
    pub news: Notify,
}

/// An instance that takes events.
struct Receiver {
    tenant: Tenant,
    instance: Instance,
    connector: Connector,
    verifier: Verifier,
    rate: Arc<Rate>,
}

/// What a sender is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    pub status: StatusCode,
    /// When to come again.
    pub retry_after: Option<Duration>,
}

impl From<StatusCode> for Reply {
    fn from(status: StatusCode) -> Self {
        Self { status, retry_after: None }
    }
}

impl WebhookHandler {
    pub fn new(harness: Harness) -> Result<Self, Error> {
        Ok(Self {
            harness,
            tenants: Mutex::default(),
            receivers: RwLock::default(),
            nobody: Verifier::nobody()?,
            told: Mutex::default(),
            news: Notify::new(),
        })
    }

    /// The tenants that have anything to do with webhooks, as they were last
    /// looked at.
    pub fn tenants(&self) -> Vec<Tenant> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Learns anew which tenants have webhooks, which instances take events, and
    /// their secrets. The stores of other tenants do not stay open.
    pub async fn look(&self) {
        let (mut tenants, mut receivers) = (HashMap::new(), HashMap::new());
        let there = match self.harness.tenants() {
            Ok(there) => there,
            Err(error) => return self.tell("tenants", &error),
        };
        for id in there {
            let open = self.tenants.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
            let looked = async {
                let tenant = self.harness.tenant_again(&id, open.as_ref())?;
                let found = tenant.store().read(|store| Ok((store.uses_webhooks()?, store.instances()?))).await?;
                Ok::<_, Error>((tenant, found))
            };
            let (tenant, instances) = match looked.await {
                Ok((_, (false, _))) => continue,
                Ok((tenant, (true, instances))) => (tenant, instances),
                Err(error) => {
                    self.tell(&id.to_string(), &error);
                    continue;
                }
            };
            tenants.insert(id, tenant.clone());
            for instance in instances {
                let key = (tenant.id().to_string(), instance.made.name.to_string());
                match self.receiver(&tenant, instance, self.known(&key)).await {
                    Ok(Some(receiver)) => _ = receivers.insert(key, Arc::new(receiver)),
                    Ok(None) => {}
                    Err(error) => self.tell(&format!("{}/{}", key.0, key.1), &error),
                }
            }
        }
        *self.tenants.lock().unwrap_or_else(PoisonError::into_inner) = tenants;
        *self.receivers.write().unwrap_or_else(PoisonError::into_inner) = receivers;
    }

    async fn receiver(
        &self,
        tenant: &Tenant,
        instance: Instance,
        known: Option<Arc<Receiver>>,
    ) -> Result<Option<Receiver>, Error> {
        let Some(verifier) = tenant.verifier(&instance).await? else { return Ok(None) };
        let connector = tenant.loaded(&instance).await?.connector;
        let rate = known.map_or_else(|| Arc::new(Rate::new()), |known| known.rate.clone());
        Ok(Some(Receiver { tenant: tenant.clone(), instance, connector, verifier, rate }))
    }

    /// What time it is.
    pub fn now(&self) -> appsec_model::Timestamp {
        self.harness.now()
    }

    fn known(&self, key: &(String, String)) -> Option<Arc<Receiver>> {
        self.receivers.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Tells why an instance takes no events, once for each reason.
    fn tell(&self, instance_path: &str, error: &Error) {
        let reason = format!("{instance_path}: {error}");
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Reasons may hold times and numbers: a daemon runs for months.
        if told.len() >= MAX_TOLD {
            told.clear();
        }
        if told.insert(reason) {
            tracing::warn!(instance_path, error = error as &dyn std::error::Error, "takes no events");
        }
    }

    /// Whether a request names a signature in a way that somebody here checks,
    /// whoever it is sent to.
    fn names_signature(&self, headers: &HeaderMap) -> bool {
        let receivers = self.receivers.read().unwrap_or_else(PoisonError::into_inner);
        let mut known = std::iter::once(&self.nobody).chain(receivers.values().map(|receiver| &receiver.verifier));
        known.any(|verifier| verifier.is_named_in(headers))
    }

    /// Whether the body of a request may be read, by its head: the same for all
    /// addresses, so that a head says nothing of which instances exist.
    pub fn admits(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        if !self.names_signature(headers) {
            return Err(StatusCode::NOT_FOUND);
        }
        // What is signed is what comes: nothing is unpacked.
        if coding(headers).is_some() {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > BODY_BYTES as u64) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(())
    }

    /// Takes a request in. Whoever has not signed it learns nothing, also not
    /// from the time that it takes.
    pub async fn take(&self, tenant: &str, instance: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
        let receiver = self.known(&(tenant.to_owned(), instance.to_owned()));
        let verifier = receiver.as_ref().map_or(&self.nobody, |receiver| &receiver.verifier);
        let seconds = self.harness.now().as_micros().div_euclid(1_000_000);
        let signed = verifier.check(headers, body, seconds);
        let (Some(receiver), Some(hash)) = (receiver, signed) else { return StatusCode::NOT_FOUND.into() };
        match receiver.take(hash, body).await {
            Ok(reply) => {
                if reply.status == StatusCode::ACCEPTED {
                    self.news.notify_one();
                }
                reply
            }
            Err(error) => {
                tracing::warn!(tenant, instance, error = &error as &dyn std::error::Error, "an event is not taken");
                StatusCode::SERVICE_UNAVAILABLE.into()
            }
        }
    }
}

impl Receiver {
    async fn take(&self, hash: [u8; 32], body: &[u8]) -> Result<Reply, Error> {
        let (id, now, store) = (self.instance.id, self.tenant.now(), self.tenant.store());
        if store.read(move |store| store.knows_event(id, &hash, now)).await? {
            return Ok(StatusCode::OK.into());
        }
        if let Err(wait) = self.rate.admit(Instant::now()) {
            return Ok(Reply { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(wait) });
        }
        let instance_path = format!("{}/{}", self.tenant.id(), self.instance.made.name);
        let interpreted = timeout(INTERPRET_TIME, self.connector.interpret_event(&instance_path, body)).await;
        let event = match interpreted {
            Ok(Ok(called)) => bounded(called.value),
            Ok(Err(error)) if matches!(error.failure, CallFailure::Host(_)) => return Err(error.into()),
            // Sent again it would be as unreadable.
            Ok(Err(error)) => {
                tracing::warn!(instance_path, error = &error as &dyn std::error::Error, "an event cannot be read");
                return Ok(StatusCode::UNPROCESSABLE_ENTITY.into());
            }
            Err(_) => return Ok(StatusCode::SERVICE_UNAVAILABLE.into()),
        };
        tracing::info!(instance_path, event = ?event.what, projects = event.projects.len(), "event");
        let noted = store.run(move |store| store.note_event(id, &hash, &event, now)).await?;
        Ok(match noted {
            Noted::Waits => StatusCode::ACCEPTED.into(),
            Noted::Ignored | Noted::Known => StatusCode::OK.into(),
            Noted::Full => Reply { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(Duration::from_secs(60)) },
        })
    }
}

/// An event as it may be kept: what is too much or too long is as good as not
/// named.
fn bounded(mut event: Event) -> Event {
    let text = |text: &str| clean(text, &[], MAX_TEXT);
    let long = |it: &Option<String>| it.as_ref().is_some_and(|it| it.len() > MAX_TEXT);
    let unusable = |it: &ProjectRef| long(&it.id) || long(&it.name) || (it.id.is_none() && it.name.is_none());
    if event.projects.len() > MAX_NAMED || event.projects.iter().any(unusable) {
        event.projects.clear();
    }
    if event.kinds.len() > MAX_NAMED || event.kinds.iter().any(|kind| kind.as_str().len() > MAX_TEXT) {
        event.kinds.clear();
    }
    event.id = event.id.as_deref().map(text);
    if let EventType::Ignored { reason } = &mut event.what {
        *reason = text(reason);
    }
    event
}

#[cfg(test)]
mod tests {
    use appsec_model::{Event, EventType, ProjectRef};

    use super::{MAX_NAMED, bounded};

    fn event(projects: Vec<ProjectRef>) -> Event {
        let reason = format!("\u{1b}[31m{}", "x".repeat(1000));
        Event { what: EventType::Ignored { reason }, id: Some("y".repeat(1000)), projects, kinds: vec![] }
    }

    #[test]
    fn an_event_that_names_too_much_names_nothing() {
        let project = |name: &str| ProjectRef { id: None, name: Some(name.to_owned()) };
        assert_eq!(bounded(event(vec![project("a"); MAX_NAMED])).projects.len(), MAX_NAMED);
        let (many, long) = (vec![project("a"); MAX_NAMED + 1], vec![project(&"a".repeat(301))]);
        for projects in [many, long, vec![ProjectRef::default()]] {
            assert!(bounded(event(projects)).projects.is_empty());
        }
        let kept = bounded(event(vec![]));
        let EventType::Ignored { reason } = kept.what else { panic!("{kept:?}") };
        assert!(reason.starts_with("\u{fffd}[31mxxx") && reason.len() < 350 && kept.id.unwrap().len() < 350);
    }
}
