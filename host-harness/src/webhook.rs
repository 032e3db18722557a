//! Events that go out when a run ends, and events of vendors that come in.

mod attend;
mod event;
mod incoming;
mod listen;
mod outgoing;
mod places;
mod rate;
#[cfg(test)]
pub(crate) mod receiver;
mod reception;
mod retry;
mod scheme;
mod send;
mod signature;

use std::net::SocketAddr;

use crate::{
    capability::egress::{Origin, OriginError},
    ids::InstanceName,
};

pub(crate) use self::attend::{Attendant, EventSync};
pub use self::{
    event::{RunEnded, WebhookEvent},
    incoming::Inbox,
    listen::ListenOptions,
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
    /// The connector knows of no events.
    #[error("the connector `{0}` takes no events of its vendor")]
    NoEvents(String),
    /// The vendor signs in a way that this host cannot check.
    #[error("the vendor signs with `{0}`, which this program cannot check")]
    Algorithm(String),
    /// The connector names a header that is none.
    #[error("`{0}` is no name of a header")]
    Header(String),
    /// The instance takes no events.
    #[error("the instance `{0}` takes no events")]
    NoInbox(InstanceName),
    /// The address is one that other machines reach.
    #[error("other machines reach {0}, and what is sent there is not encrypted")]
    Anywhere(SocketAddr),
    /// The address cannot be taken.
    #[error("cannot listen at {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

impl WebhookError {
    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::Fragment | Self::Plain(_) | Self::OtherOrigin { .. } => "webhook-address",
            Self::ShortSecret(_) | Self::SecretForm | Self::SecretOnce => "webhook-secret",
            Self::NoWebhook(_) => "no-such-webhook",
            Self::NoDelivery(_) => "no-such-delivery",
            Self::NoEvents(_) | Self::Algorithm(_) | Self::Header(_) => "no-events",
            Self::NoInbox(_) => "no-such-inbox",
            Self::Anywhere(_) | Self::Listen(..) => "listen",
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
            Self::SecretOnce => "give a file or an environment variable, or keep it in the vault with --store-secret",
            Self::NoWebhook(_) => "set one: harness webhook set INSTANCE --url URL --secret-file FILE",
            Self::NoEvents(_) => "sync on a schedule: harness instance schedule INSTANCE --every 1h",
            Self::Algorithm(_) => "use a newer program, or sync on a schedule",
            Self::Header(_) => "the connector has a fault: tell its author",
            Self::NoInbox(_) => "let it: harness webhook secret INSTANCE --from-file FILE",
            Self::Anywhere(_) => {
                "listen at 127.0.0.1 behind a proxy that has TLS, or say that you mean it with --listen-anywhere"
            }
            Self::Listen(..) => "choose another address or port",
            Self::NoDelivery(_) => "`harness webhook deliveries` shows them, `harness webhook list` the webhooks",
        }
    }
}
