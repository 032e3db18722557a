//! Alerts: new violations of policies, reported to somebody in one message per run.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use appsec_model::Timestamp;
use bytes::Bytes;
use serde::Serialize;
use url::Url;

use super::{
    Tenant,
    notify::{WebhookSetup, granted, later},
    session::require_accepted,
    vault::GivenSecret,
};
use crate::{
    error::{Error, WebhookError},
    notify::{
        WebhookEvent,
        alert::{AlertEvent, AlertFinding, LISTED, Note},
        send::{Answer, Message, send},
    },
    signature::SigningKey,
};
use appsec_grant::{Audience, InstanceName, Origin, Secret, UnknownName, files::Part};
use appsec_store::{
    Alert, AlertFormat, AlertMatch, AlertTarget, ClaimedDelivery, Delivery, DueDelivery, FindingId, FindingRow,
};

/// Where an alert goes, as the operator gives it.
#[derive(Clone, Debug)]
pub enum AlertReceiver {
    /// To an address with a signature of ours.
    Webhook(WebhookSetup),
    /// To a chat, whose address is the secret.
    Chat {
        /// Slack or Teams.
        format: AlertFormat,
        /// The origin of the address, where it may be at an address of this
        /// machine or network.
        private_origin: Option<Origin>,
        /// The address.
        secret: GivenSecret,
    },
    /// Into a folder, as a mail.
    Mail {
        /// The folder, which is there.
        folder: PathBuf,
        /// Address of the sender.
        from: String,
        /// Address of the receiver.
        to: String,
    },
}

impl AlertReceiver {
    /// The form of its messages.
    pub const fn format(&self) -> AlertFormat {
        match self {
            Self::Webhook(_) => AlertFormat::Webhook,
            Self::Chat { format, .. } => *format,
            Self::Mail { .. } => AlertFormat::Mail,
        }
    }
}

/// An alert, as commands print it.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct AlertReport {
    /// Name of the instance.
    pub instance: String,
    /// The form of its messages.
    pub format: AlertFormat,
    /// Ids of policies; all where there are none.
    pub policies: Vec<String>,
    /// Where it goes: an address, of a chat its origin alone, or a folder and who gets the mail.
    pub target: String,
    /// Where its secret is read from; none of a mail.
    pub secret: Option<String>,
    /// When it was set.
    pub set_at: Timestamp,
}

/// What `notify alert list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct AlertList {
    /// The alerts, by instance and format.
    pub alerts: Vec<AlertReport>,
}

impl AlertReport {
    fn of(instance: &InstanceName, alert: Alert) -> Self {
        let (target, secret) = match alert.target {
            AlertTarget::Web { address, secret, .. } => (address, Some(secret.to_string())),
            AlertTarget::Mail { folder, to, .. } => (format!("{} for {to}", folder.display()), None),
        };
        let Alert { format, policies, set_at, .. } = alert;
        Self { instance: instance.to_string(), format, policies, target, secret, set_at }
    }
}

impl Tenant {
    /// Reports new violations of policies, all or these, from now on. What
    /// violates them already is not reported.
    pub async fn set_alert(
        &self,
        name: &InstanceName,
        policies: Vec<String>,
        receiver: AlertReceiver,
    ) -> Result<AlertReport, Error> {
        let instance = self.instance(name).await?;
        // Results have to be there: what is new is told by them.
        let known = self.policies().await?.ok_or(Error::NoPolicies)?;
        let ids = || known.policies.iter().map(|it| it.definition.id.clone());
        if let Some(unknown) = policies.iter().find(|id| !ids().any(|it| it == **id)) {
            return Err(Error::NoPolicy(UnknownName::among(unknown, ids())));
        }
        let format = receiver.format();
        let target = self.alert_target(name, receiver)?;
        let alert = Alert { format, policies, target, set_at: self.now() };
        let kept = alert.clone();
        self.store.run(move |store| store.set_alert(instance.id, &kept)).await?;
        if let AlertTarget::Web { secret, .. } = &alert.target {
            self.forget_unstored(name, variable(format), secret)?;
        }
        Ok(AlertReport::of(name, alert))
    }

    pub(super) fn alert_target(&self, name: &InstanceName, receiver: AlertReceiver) -> Result<AlertTarget, Error> {
        let variable = variable(receiver.format());
        match receiver {
            AlertReceiver::Webhook(setup) => {
                let egress = granted(&setup.url, setup.private_origin.as_ref())?;
                let check = |secret: &Secret| SigningKey::outgoing(secret).map(|_| ());
                let audience = Audience::of_webhook(&setup.url, &egress);
                let secret = self.kept_secret(name, variable, setup.secret, &audience, check)?;
                Ok(AlertTarget::Web { address: setup.url, egress, secret })
            }
            AlertReceiver::Chat { private_origin, secret, .. } => {
                let (url, source) = secret.taken(|from| Ok(from.read()?))?;
                // What is wrong with it is told without it.
                let egress = granted(url.reveal(), private_origin.as_ref()).map_err(|error| match error {
                    WebhookError::Url(_) => WebhookError::ChatUrl,
                    error => error,
                })?;
                let address = Origin::of_url(url.reveal()).map_err(|_| WebhookError::ChatUrl)?.to_string();
                let audience = Audience::of_webhook(&address, &egress);
                let secret = self.keep_secret(name, variable, (url, source), &audience)?;
                Ok(AlertTarget::Web { address, egress, secret })
            }
            AlertReceiver::Mail { folder, from, to } => {
                for address in [&from, &to] {
                    if !is_address(address) {
                        return Err(WebhookError::MailAddress(address.clone()).into());
                    }
                }
                if !folder.is_dir() {
                    return Err(WebhookError::MailFolder(folder).into());
                }
                Ok(AlertTarget::Mail { folder, from, to })
            }
        }
    }

    /// The alerts of all instances.
    pub async fn alert_list(&self) -> Result<AlertList, Error> {
        let found = self.store.read(|store| {
            let mut found = Vec::new();
            for instance in store.instances()? {
                let name = instance.made.name;
                found.extend(store.alerts(instance.id)?.into_iter().map(|it| AlertReport::of(&name, it)));
            }
            Ok(found)
        });
        Ok(AlertList { alerts: found.await? })
    }

    /// Removes an alert with what still waits, and its entry in the vault.
    pub async fn remove_alert(&self, name: &InstanceName, format: AlertFormat) -> Result<(), Error> {
        let id = self.instance(name).await?.id;
        let removed = self.store.run(move |store| store.remove_alert(id, format)).await?;
        self.vault().remove_one(name, variable(format))?;
        if removed { Ok(()) } else { Err(WebhookError::NoAlert(name.clone(), format.as_str()).into()) }
    }

    /// Sends a test to the receiver of an alert, once.
    pub async fn test_alert(&self, name: &InstanceName, format: AlertFormat) -> Result<Delivery, Error> {
        let instance = self.instance(name).await?;
        require_accepted(&instance)?;
        let id = instance.id;
        let alerts = self.store.read(move |store| store.alerts(id)).await?;
        if !alerts.iter().any(|it| it.format == format) {
            return Err(WebhookError::NoAlert(name.clone(), format.as_str()).into());
        }
        let tested = self.test_delivery(id, Some(format)).await;
        // It may have been removed meanwhile.
        tested.map_err(|error| match error {
            Error::Webhook(WebhookError::NoDelivery(_)) => WebhookError::NoAlert(name.clone(), format.as_str()).into(),
            error => error,
        })
    }

    /// The secrets of an instance's alerts, as far as they can be read.
    pub(super) async fn alert_secrets(&self, instance_id: i64, name: &InstanceName) -> Vec<Secret> {
        let alerts = self.store.read(move |store| store.alerts(instance_id)).await.unwrap_or_default();
        let read = |alert: Alert| match &alert.target {
            AlertTarget::Web { secret, .. } => {
                self.signing_secret(name, variable(alert.format), secret, &alert.audience()).ok()
            }
            AlertTarget::Mail { .. } => None,
        };
        alerts.into_iter().filter_map(read).collect()
    }

    /// Sends an alert, or a test of it.
    pub(super) async fn send_alert(&self, claimed: &ClaimedDelivery, alert: &Alert, matches: &[AlertMatch]) -> Answer {
        let delivery = &claimed.delivery;
        let event = match self.alert_event(delivery, matches).await {
            Ok(event) => event,
            Err(error) => return Answer::Unreachable(error.to_string()),
        };
        let note = match &event {
            Some(event) => Note::of(event),
            None => Note::test(self.id.as_str(), &delivery.instance),
        };
        let (address, egress, secret) = match &alert.target {
            AlertTarget::Mail { folder, from, to } => {
                let mail = note.mail(from, to, &delivery.event_id, delivery.created_at);
                return written(folder, &delivery.event_id, &mail);
            }
            AlertTarget::Web { address, egress, secret } => (address, egress, secret),
        };
        // What is wrong here is put right by the operator, and tried again.
        let name = delivery.instance.parse::<InstanceName>().map_err(|error| error.to_string());
        let secret = name.and_then(|name| {
            let secret = self.signing_secret(&name, variable(alert.format), secret, &alert.audience());
            secret.map_err(|error| error.to_string())
        });
        let secret = match secret {
            Ok(secret) => secret,
            Err(why) => return Answer::Unreachable(why),
        };
        let body = match alert.format {
            AlertFormat::Slack => note.slack(),
            AlertFormat::Teams => note.teams(),
            AlertFormat::Webhook | AlertFormat::Mail => {
                let event = match event {
                    Some(event) => WebhookEvent::Alert(Box::new(event)),
                    None => self.test_event(delivery),
                };
                return self.send_signed(claimed.instance_id, delivery, &event, (address, egress), &secret).await;
            }
        };
        let transport = match self.host.transport(&self.id, claimed.instance_id) {
            Ok(transport) => transport,
            Err(error) => return Answer::Unreachable(error.to_string()),
        };
        let url = secret.reveal();
        let body = Bytes::from(body.to_string());
        // A receiver repeats the path of a request that it does not know, which is
        // what is secret.
        let path = Url::parse(url).map(|url| url.path().to_owned()).unwrap_or_default();
        let last = path.rsplit('/').next().filter(|part| part.len() >= SECRET_SIGNS);
        let secrets: Vec<&str> =
            [url, path.as_str()].into_iter().filter(|it| it.len() >= SECRET_SIGNS).chain(last).collect();
        let message = Message { url, headers: Vec::new(), body, secrets: &secrets };
        send(&transport, &self.host.options().proxies, egress, message).await
    }

    /// What a delivery reports; nothing of a test.
    async fn alert_event(&self, delivery: &Delivery, matches: &[AlertMatch]) -> Result<Option<AlertEvent>, Error> {
        if delivery.run.is_none() {
            return Ok(None);
        }
        let mut policies: BTreeMap<FindingId, Vec<String>> = BTreeMap::new();
        for it in matches {
            policies.entry(it.finding).or_default().push(it.policy.clone());
        }
        let ids: Vec<FindingId> = policies.keys().copied().collect();
        let rows = self.store.read(move |store| store.most_urgent(&ids, LISTED)).await?;
        let finding = |row: FindingRow| AlertFinding {
            policies: policies.get(&row.id).cloned().unwrap_or_default(),
            finding: row,
        };
        Ok(Some(AlertEvent {
            tenant: self.id.to_string(),
            instance: delivery.instance.clone(),
            run: delivery.run,
            at: delivery.created_at,
            total: policies.len() as u64,
            findings: rows.into_iter().map(finding).collect(),
        }))
    }

    /// Puts what newly violates policies into the outbox. Whoever worked on an
    /// instance does it; what goes wrong never makes a run fail, and is done by
    /// the next one.
    pub(super) async fn report_violations(&self, instance_id: i64) {
        let now = self.now();
        if let Err(error) = self.store.run(move |store| store.report_violations(instance_id, now)).await {
            tracing::warn!(tenant = %self.id, error = &error as &dyn std::error::Error, "alerts are sent after the next run");
        }
    }

    /// Writes down a test and sends it.
    pub(super) async fn test_delivery(&self, id: i64, alert: Option<AlertFormat>) -> Result<Delivery, Error> {
        let now = self.now();
        let until = later(now, Duration::from_secs(60));
        let added = self.store.run(move |store| store.add_test_delivery(id, alert, now, until)).await?;
        let id = added.ok_or(WebhookError::NoDelivery(0))?;
        self.try_delivery(DueDelivery::Id(id)).await?;
        self.delivery(id).await
    }
}

/// How the names of mails begin that are not whole yet.
const PART: &str = ".harness-mail-";

/// A part of an address that is shorter tells nothing.
const SECRET_SIGNS: usize = 8;

/// Name in the vault of the secret of an alert.
const fn variable(format: AlertFormat) -> &'static str {
    match format {
        AlertFormat::Webhook => "alert-webhook",
        AlertFormat::Slack => "alert-slack",
        AlertFormat::Teams => "alert-teams",
        AlertFormat::Mail => "alert-mail",
    }
}

/// Whether a text is an address of a mail that needs no quotes: nothing in it
/// can end a header or name somebody else.
fn is_address(text: &str) -> bool {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(sign);
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && local.chars().all(fits) && domain.chars().all(fits)
        })
}

/// Writes a mail in one piece, which is on the disk when it counts as delivered.
/// Its name is that of the event: a second try writes over the first.
fn written(folder: &Path, id: &str, mail: &str) -> Answer {
    let whole = folder.join(format!("{id}.eml"));
    let put = || {
        let mut part = Part::beside(&whole, PART)?;
        part.inner.write_all(mail.as_bytes())?;
        part.put(&whole)
    };
    match put() {
        Ok(()) => Answer::Status { status: 200, retry_after: None, beginning: format!("written: {id}.eml") },
        Err(error) => Answer::Unreachable(format!("the mail cannot be written: {error}")),
    }
}
