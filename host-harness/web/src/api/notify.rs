//! Notifications on runs and alerts on new policy violations, with their deliveries.

use host_harness::{
    Error, GivenSecret, NotifyRemoved, NotifyReport, WebhookSetup,
    grant::{Origin, Secret},
    store::AlertFormat,
};
use serde::Deserialize;

use super::act::Sent;
use crate::{
    answer::{Fault, json},
    asked::{Answer, Asked},
    pages::notifications::receiver,
};

/// Deliveries that are answered where nobody says how many.
const DELIVERIES: u32 = 50;

/// The webhook that is notified when runs end.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewNotification {
    url: String,
    /// Signs each message; it is sealed in the vault.
    secret: String,
    /// The origin of the URL, where it may be at an address of the server's machine or network.
    allow_private_origin: Option<String>,
}

/// The receiver of an alert on new policy violations.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewAlert {
    /// Ids of policies; none of them for all.
    #[serde(default)]
    policies: Vec<String>,
    /// Of a webhook; of a chat the secret is the address.
    url: Option<String>,
    /// Signs each message, or is the address of a chat; it is sealed in the vault.
    secret: String,
    /// The origin of the address, where it may be at an address of the server's machine or network.
    allow_private_origin: Option<String>,
}

fn origin(text: Option<&str>) -> Result<Option<Origin>, Fault> {
    Ok(text.map(str::parse).transpose().map_err(Error::from)?)
}

fn secret(text: &str) -> Result<Secret, Fault> {
    Ok(Secret::typed(text).map_err(Error::from)?)
}

pub(super) async fn list(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.notify_list().await?))
}

pub(super) async fn set(asked: Asked, Sent(_, sent): Sent<NewNotification>) -> Answer {
    let name = asked.instance()?;
    let private_origin = origin(sent.allow_private_origin.as_deref())?;
    let secret = GivenSecret::Typed(secret(&sent.secret)?);
    let webhook = asked.tenant.set_webhook(&name, WebhookSetup { url: sent.url, private_origin, secret }).await?;
    Ok(json(&NotifyReport::of(&name, webhook)))
}

pub(super) async fn remove(asked: Asked) -> Answer {
    let name = asked.instance()?;
    asked.tenant.remove_webhook(&name).await?;
    Ok(json(&NotifyRemoved { removed: name.to_string() }))
}

pub(super) async fn test(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.test_webhook(&asked.instance()?).await?))
}

pub(super) async fn alerts(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.alert_list().await?))
}

pub(super) async fn set_alert(asked: Asked, Sent(_, sent): Sent<NewAlert>) -> Answer {
    let (name, format): (_, AlertFormat) = (asked.instance()?, asked.named("format")?);
    let private_origin = origin(sent.allow_private_origin.as_deref())?;
    let receiver = receiver(format, sent.url, secret(&sent.secret)?, private_origin)?;
    Ok(json(&asked.tenant.set_alert(&name, sent.policies, receiver).await?))
}

pub(super) async fn remove_alert(asked: Asked) -> Answer {
    let name = asked.instance()?;
    asked.tenant.remove_alert(&name, asked.named("format")?).await?;
    Ok(json(&NotifyRemoved { removed: name.to_string() }))
}

pub(super) async fn test_alert(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.test_alert(&asked.instance()?, asked.named("format")?).await?))
}

pub(super) async fn deliveries(asked: Asked) -> Answer {
    let limit = asked.number("limit")?.unwrap_or(DELIVERIES);
    let offset = asked.number("offset")?.unwrap_or_default();
    Ok(json(&asked.tenant.delivery_list(asked.maybe_instance()?.as_ref(), limit, offset).await?))
}

pub(super) async fn resend(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.retry_delivery(asked.named("delivery")?).await?))
}
