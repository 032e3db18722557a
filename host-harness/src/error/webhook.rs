//! Why something about webhooks cannot be done.

use std::net::SocketAddr;

use appsec_grant::{Code, InstanceName, Origin, OriginError};

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
    #[error("the secret has {bytes} characters, and less than {least} can be guessed")]
    ShortSecret {
        /// How many it has.
        bytes: usize,
        /// How many it needs.
        least: usize,
    },
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
    #[error("delivery {0} of an instance with a webhook not found")]
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
    #[error("refusing to listen on non-loopback {0} without TLS")]
    Anywhere(SocketAddr),
    /// The address cannot be taken.
    #[error("cannot listen at {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

impl WebhookError {
    /// A stable word for it.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Url(_) => Code::InvalidUrl,
            Self::Fragment => Code::UrlFragment,
            Self::Plain(_) => Code::UrlWithoutTls,
            Self::OtherOrigin { .. } => Code::OriginMismatch,
            Self::ShortSecret { .. } => Code::SecretTooShort,
            Self::SecretForm => Code::SecretForm,
            Self::SecretOnce => Code::SecretOnce,
            Self::NoWebhook(_) => Code::NotifyNotFound,
            Self::NoDelivery(_) => Code::DeliveryNotFound,
            Self::NoEvents(_) => Code::NoEvents,
            Self::Algorithm(_) => Code::SignatureUnsupported,
            Self::Header(_) => Code::InvalidHeader,
            Self::NoInbox(_) => Code::WebhookNotFound,
            Self::Anywhere(_) => Code::RemoteListen,
            Self::Listen(..) => Code::ListenFailed,
        }
    }
}
