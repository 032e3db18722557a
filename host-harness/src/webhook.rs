//! Events that go out when a run ends, and events of vendors that come in.

mod event;
mod outgoing;
#[cfg(test)]
mod receiver;
mod retry;
mod send;
mod signature;

use crate::{
    capability::egress::{Origin, OriginError},
    ids::InstanceName,
};

pub use self::{
    event::{RunEnded, WebhookEvent},
    outgoing::{Deliveries, WebhookSetup},
};

/// Why something about webhooks cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is none that can be told.
    #[error(transparent)]
    Url(#[from] OriginError),
    /// The address names a part of a page.
    #[error("the address has a fragment, which is never sent")]
    Fragment,
    /// The address is not protected.
    #[error("{0} is without TLS: what is told could be read and changed on the way")]
    Plain(Origin),
    /// The grant is for something else.
    #[error("{granted} was granted, and the address is at {origin}")]
    OtherOrigin {
        /// What was granted.
        granted: Origin,
        /// Where the address is.
        origin: Origin,
    },
    /// The secret can be guessed.
    #[error("the secret has {0} characters, and less than {MIN_SECRET} can be guessed", MIN_SECRET = signature::MIN_SECRET_BYTES)]
    ShortSecret(usize),
    /// The secret says that it is in base64, and is not.
    #[error("the secret begins with `whsec_`, and what follows is not in base64")]
    SecretForm,
    /// The secret can be read once only.
    #[error("the secret is needed for every event, and standard input is read only once")]
    SecretOnce,
    /// There is no webhook.
    #[error("the instance `{0}` has no webhook")]
    NoWebhook(InstanceName),
    /// There is no delivery of that number, or nowhere for it to go.
    #[error("there is no delivery {0} of an instance with a webhook")]
    NoDelivery(i64),
}

impl WebhookError {
    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::Fragment | Self::Plain(_) | Self::OtherOrigin { .. } => "webhook-address",
            Self::ShortSecret(_) | Self::SecretForm | Self::SecretOnce => "webhook-secret",
            Self::NoWebhook(_) => "no-such-webhook",
            Self::NoDelivery(_) => "no-such-delivery",
        }
    }

    /// What the operator can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Url(_) => "write it as https://host/path",
            Self::Fragment => "leave out what follows the `#`",
            Self::Plain(_) => {
                "use https; plain http is for receivers in your own network: grant the origin with \
                 --allow-private-origin ORIGIN"
            }
            Self::OtherOrigin { .. } => "grant the very origin of the address: scheme, host and port",
            Self::ShortSecret(_) => "make a random one, such as with: openssl rand -hex 32",
            Self::SecretForm => "check that the secret is whole, or give one without that beginning",
            Self::SecretOnce => "give a file or an environment variable",
            Self::NoWebhook(_) => "set one: harness webhook set INSTANCE --url URL --secret-file FILE",
            Self::NoDelivery(_) => "`harness webhook deliveries` shows them, `harness webhook list` the webhooks",
        }
    }
}
