//! Telling receivers that runs ended.

use std::time::{Duration, Instant};

use appsec_model::Timestamp;
use bytes::Bytes;
use http::HeaderName;
use serde::Serialize;
use url::Url;

use super::{Tenant, session::require_accepted, vault::GivenSecret};
use crate::{
    error::{Error, WebhookError},
    notify::{
        WebhookEvent,
        retry::{Next, decide},
        send::{Answer, Message, TIME, send},
    },
    signature::{SigningKey, standard},
};
use appsec_grant::{Addresses, Audience, EgressPolicy, InstanceName, Origin, Scheme, Secret};
use appsec_ingest::chance;
use appsec_store::{ClaimedDelivery, Delivery, DeliveryState, DeliveryTarget, DueDelivery, Tried, Webhook};

/// How long a process that tries a delivery has it for itself: a try, and what
/// surrounds it.
const CLAIM: Duration = Duration::from_secs(3 * TIME.as_secs());

/// How long a command that ended a run stays for tries that follow soon.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long deliveries are tried in one go: many to a receiver that does not
/// answer keep nobody from going on.
const IN_ONE_GO: Duration = Duration::from_secs(30);

/// Name in the vault of the secret that signs.
pub(super) const OUTGOING: &str = "webhook-outgoing";

/// Headers of a message, as Standard Webhooks has them.
const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What the operator gives to set a webhook.
#[derive(Clone, Debug)]
pub struct WebhookSetup {
    /// The address that is told.
    pub url: String,
    /// The origin of that address, where it may be at an address of this machine
    /// or network.
    pub private_origin: Option<Origin>,
    /// The secret that signs.
    pub secret: GivenSecret,
}

/// An outgoing webhook, as commands print it.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct NotifyReport {
    /// Name of the instance.
    pub instance: String,
    /// The URL that is notified.
    pub url: String,
    /// Whether the address may be at an address of this machine or network.
    pub private: bool,
    /// Where the signing secret is read from.
    pub secret: String,
    /// When it was set.
    pub set_at: Timestamp,
}

/// What `notify list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct NotifyList {
    /// The webhooks, by name of the instance.
    pub webhooks: Vec<NotifyReport>,
}

/// What `notify remove` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct NotifyRemoved {
    /// Name of the instance.
    pub removed: String,
}

/// What `notify deliveries` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct DeliveryList {
    /// How many there are in all.
    pub total: u64,
    /// The deliveries, newest first.
    pub deliveries: Vec<Delivery>,
}

impl NotifyReport {
    /// A webhook of an instance.
    pub fn of(instance: &InstanceName, webhook: Webhook) -> Self {
        Self {
            instance: instance.to_string(),
            private: webhook.egress.origins().any(|(_, addresses)| addresses == Addresses::Private),
            url: webhook.url,
            secret: webhook.secret.to_string(),
            set_at: webhook.set_at,
        }
    }
}

/// What came of deliveries that were due.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Deliveries {
    /// Taken by their receivers.
    pub delivered: u64,
    /// Given up.
    pub failed: u64,
    /// When the next one is due; none where none waits.
    pub next_at: Option<Timestamp>,
}

impl Tenant {
    /// Sets where the ends of an instance's runs are told from now on.
    pub async fn set_webhook(&self, name: &InstanceName, setup: WebhookSetup) -> Result<Webhook, Error> {
        let instance = self.instance(name).await?;
        let egress = granted(&setup.url, setup.private_origin.as_ref())?;
        let check = |secret: &Secret| SigningKey::outgoing(secret).map(|_| ());
        let audience = Audience::of_webhook(&setup.url, &egress);
        let secret = self.kept_secret(name, OUTGOING, setup.secret, &audience, check)?;
        let webhook = Webhook { url: setup.url, egress, secret, set_at: self.now() };
        let kept = webhook.clone();
        self.store.run(move |store| store.set_webhook(instance.id, &kept)).await?;
        self.forget_unstored(name, OUTGOING, &webhook.secret)?;
        Ok(webhook)
    }

    /// Where the ends of an instance's runs are told.
    pub async fn webhook(&self, name: &InstanceName) -> Result<Webhook, Error> {
        let id = self.instance(name).await?.id;
        let found = self.store.read(move |store| store.webhook(id)).await?;
        Ok(found.ok_or_else(|| WebhookError::NoWebhook(name.clone()))?)
    }

    /// The webhook of an instance, as it is shown.
    pub async fn notify_report(&self, name: &InstanceName) -> Result<NotifyReport, Error> {
        Ok(NotifyReport::of(name, self.webhook(name).await?))
    }

    /// The webhooks of all instances.
    pub async fn notify_list(&self) -> Result<NotifyList, Error> {
        let found = self.store.read(|store| {
            let mut found = Vec::new();
            for instance in store.instances()? {
                found.extend(store.webhook(instance.id)?.map(|webhook| (instance.made.name, webhook)));
            }
            Ok(found)
        });
        let webhooks = found.await?.into_iter().map(|(instance, webhook)| NotifyReport::of(&instance, webhook));
        Ok(NotifyList { webhooks: webhooks.collect() })
    }

    /// Deliveries of all instances or of one, newest first, behind so many.
    pub async fn delivery_list(
        &self,
        instance: Option<&InstanceName>,
        limit: u32,
        offset: u32,
    ) -> Result<DeliveryList, Error> {
        let of = self.instance_id(instance).await?;
        let most = limit.saturating_add(offset);
        let found = self.store.read(move |store| Ok((store.deliveries(of, most)?, store.delivery_count(of)?)));
        let (deliveries, total) = found.await?;
        Ok(DeliveryList { total, deliveries: deliveries.into_iter().skip(offset as usize).collect() })
    }

    /// Tells nobody any more; what still waits is given up.
    pub async fn remove_webhook(&self, name: &InstanceName) -> Result<(), Error> {
        let id = self.instance(name).await?.id;
        let removed = self.store.run(move |store| store.remove_webhook(id)).await?;
        self.vault().remove_one(name, OUTGOING)?;
        if removed { Ok(()) } else { Err(WebhookError::NoWebhook(name.clone()).into()) }
    }

    /// Sends a test, once.
    pub async fn test_webhook(&self, name: &InstanceName) -> Result<Delivery, Error> {
        self.webhook(name).await?;
        let instance = self.instance(name).await?;
        require_accepted(&instance)?;
        self.test_delivery(instance.id, None).await
    }

    /// Tries a delivery again, whatever became of it, and from then on as often
    /// as a new one.
    pub async fn retry_delivery(&self, id: i64) -> Result<Delivery, Error> {
        let now = self.now();
        if let Ok(name) = self.delivery(id).await?.instance.parse() {
            require_accepted(&self.instance(&name).await?)?;
        }
        if !self.store.run(move |store| store.renew_delivery(id, now)).await? {
            return Err(WebhookError::NoDelivery(id).into());
        }
        self.try_delivery(DueDelivery::Id(id)).await?;
        self.delivery(id).await
    }

    pub(super) async fn delivery(&self, id: i64) -> Result<Delivery, Error> {
        let found = self.store.read(move |store| store.delivery(id)).await?;
        Ok(found.ok_or(WebhookError::NoDelivery(id))?)
    }

    /// Tries the deliveries that are due, for some time, and waits for those that
    /// become due within `patience`. Any process may do it, and several at a time.
    pub async fn deliver(&self, patience: Duration) -> Result<Deliveries, Error> {
        let mut deliveries = Deliveries::default();
        let mut patience = patience;
        let mut moment = self.now();
        let begun = Instant::now();
        loop {
            if begun.elapsed() >= IN_ONE_GO {
                deliveries.next_at = self.store.read(|store| store.next_delivery_at()).await?;
                return Ok(deliveries);
            }
            match self.try_delivery(DueDelivery::By(moment)).await? {
                Some(DeliveryState::Delivered) => deliveries.delivered += 1,
                Some(DeliveryState::Failed) => deliveries.failed += 1,
                Some(DeliveryState::Pending) => {}
                None => {
                    deliveries.next_at = self.store.read(|store| store.next_delivery_at()).await?;
                    let now = moment.max(self.now());
                    let Some(next) = deliveries.next_at else { return Ok(deliveries) };
                    let wait = Duration::from_micros(u64::try_from(next.as_micros() - now.as_micros()).unwrap_or(0));
                    let Some(left) = patience.checked_sub(wait) else { return Ok(deliveries) };
                    patience = left;
                    self.host.options().waiter.wait(wait).await;
                    moment = next.max(self.now());
                }
            }
        }
    }

    /// Gives an instance back and tells what the end of a run left to tell: a
    /// slow receiver keeps nobody from the instance. What cannot be told now
    /// stays in the store: it never makes a run fail.
    pub(crate) async fn deliver_after_run(&self, instance: impl Send) {
        drop(instance);
        if let Err(error) = self.deliver(PATIENCE).await {
            tracing::warn!(tenant = %self.id, error = &error as &dyn std::error::Error, "webhooks are notified later");
        }
    }

    /// Makes one try of one delivery, and tells how it is then.
    pub(super) async fn try_delivery(&self, due: DueDelivery) -> Result<Option<DeliveryState>, Error> {
        let now = self.now();
        let until = later(now, CLAIM);
        let Some(claimed) = self.store.run(move |store| store.claim_delivery(due, now, until)).await? else {
            return Ok(None);
        };
        let (answer, tries) = (self.tell(&claimed).await, claimed.delivery.tries);
        let tried = tried(answer, tries, claimed.delivery.run.is_some(), self.now());
        let state = tried.state;
        if state == DeliveryState::Failed {
            let (instance_path, problem) = (format!("{}/{}", self.id, claimed.delivery.instance), &tried.problem);
            tracing::warn!(
                instance_path,
                delivery = claimed.delivery.id,
                tries,
                problem,
                "the webhook was not notified"
            );
        }
        self.store.run(move |store| store.note_delivery(&claimed.delivery, &tried, now)).await?;
        Ok(Some(state))
    }

    async fn tell(&self, claimed: &ClaimedDelivery) -> Answer {
        let ClaimedDelivery { delivery, instance_id, target } = claimed;
        let (webhook, run) = match target {
            DeliveryTarget::Alert(alert, matches) => return self.send_alert(claimed, alert, matches).await,
            DeliveryTarget::Webhook(webhook, run) => (webhook, run),
        };
        // What is wrong here is put right by the operator, and tried again.
        let name = delivery.instance.parse::<InstanceName>().map_err(|error| error.to_string());
        let secret = name.and_then(|name| {
            let secret = self.signing_secret(&name, OUTGOING, &webhook.secret, &webhook.audience());
            secret.map_err(|error| error.to_string())
        });
        let secret = match secret {
            Ok(secret) => secret,
            Err(why) => return Answer::Unreachable(why),
        };
        let event = match run {
            Some(run) => WebhookEvent::run_ended(&self.id, run),
            None => self.test_event(delivery),
        };
        self.send_signed(*instance_id, delivery, &event, (&webhook.url, &webhook.egress), &secret).await
    }

    /// A test that the operator asked for.
    pub(super) fn test_event(&self, delivery: &Delivery) -> WebhookEvent {
        WebhookEvent::Test { tenant: self.id.to_string(), instance: delivery.instance.clone(), at: delivery.created_at }
    }

    /// Sends an event with a signature, to an address that may be reached.
    pub(super) async fn send_signed(
        &self,
        instance_id: i64,
        delivery: &Delivery,
        event: &WebhookEvent,
        (url, egress): (&str, &EgressPolicy),
        secret: &Secret,
    ) -> Answer {
        let key = match SigningKey::outgoing(secret) {
            Ok(key) => key,
            Err(error) => return Answer::Unreachable(error.to_string()),
        };
        let transport = match self.host.transport(&self.id, instance_id) {
            Ok(transport) => transport,
            Err(error) => return Answer::Unreachable(error.to_string()),
        };
        let body = match serde_json::to_vec(event) {
            Ok(body) => Bytes::from(body),
            Err(error) => return Answer::Refused(error.to_string()),
        };
        // The time of this try: a receiver refuses messages that are old.
        let seconds = self.now().as_micros().div_euclid(1_000_000).to_string();
        let signature = standard(&key, &delivery.event_id, &seconds, &body);
        let headers = vec![(ID, delivery.event_id.clone()), (TIMESTAMP, seconds), (SIGNATURE, signature)];
        let proxies = &self.host.options().proxies;
        send(&transport, proxies, egress, Message { url, headers, body, secrets: &[secret.reveal()] }).await
    }
}

/// The only origin that a webhook may reach: its own.
pub(super) fn granted(url: &str, private: Option<&Origin>) -> Result<EgressPolicy, WebhookError> {
    let origin = Origin::of_url(url)?;
    if Url::parse(url).is_ok_and(|url| url.fragment().is_some()) {
        return Err(WebhookError::Fragment);
    }
    let addresses = match private {
        Some(granted) if *granted == origin => Addresses::Private,
        Some(granted) => return Err(WebhookError::OtherOrigin { granted: granted.clone(), origin }),
        None if origin.scheme() == Scheme::Http => return Err(WebhookError::Plain(origin)),
        None => Addresses::Public,
    };
    let mut policy = EgressPolicy::default();
    policy.grant(origin, addresses);
    Ok(policy)
}

/// What a try came to. A test is tried once.
fn tried(answer: Answer, tries: u32, again: bool, now: Timestamp) -> Tried {
    let next = match decide(&answer, tries, chance()) {
        Next::Again(_) if !again => Next::GiveUp,
        next => next,
    };
    let (status, answer, problem) = match answer {
        Answer::Status { status, beginning, .. } => {
            let problem = (next != Next::Done).then(|| format!("the receiver answered {status}"));
            (Some(status), (!beginning.is_empty()).then_some(beginning), problem)
        }
        Answer::Unreachable(why) | Answer::Refused(why) => (None, None, Some(why)),
    };
    let (state, next_at) = match next {
        Next::Done => (DeliveryState::Delivered, None),
        Next::Again(wait) => (DeliveryState::Pending, Some(later(now, wait))),
        Next::GiveUp => (DeliveryState::Failed, None),
    };
    Tried { state, next_at, status, answer, problem }
}

pub(super) fn later(moment: Timestamp, wait: Duration) -> Timestamp {
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(moment.as_micros().saturating_add(micros))
}

#[cfg(test)]
mod tests;
