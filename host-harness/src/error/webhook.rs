//! Why something about webhooks cannot be done.

use std::{net::SocketAddr, path::PathBuf};

use appsec_grant::{Code, InstanceName, Origin, OriginError};

/// Why something about webhooks cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is none that can be told.
    #[error(transparent)]
    Url(#[from] OriginError),
    /// The address of a chat is none. It is a secret, and not shown.
    #[error("the secret is not the URL of an incoming webhook: an address with https")]
    ChatUrl,
    /// The address names a part of a page.
    #[error("the address has a fragment, which is never sent")]
    Fragment,
    /// The address is not protected.
    #[error("{0} does not use TLS: notifications could be read and altered in transit")]
    Plain(Origin),
    /// The grant is for something else.
    #[error("origin mismatch: {granted} is granted, but the URL is at {origin}")]
    OtherOrigin {
        /// What was granted.
        granted: Origin,
        /// Where the address is.
        origin: Origin,
    },
    /// The secret can be guessed.
    #[error("the secret has {bytes} characters; fewer than {least} can be guessed")]
    ShortSecret {
        /// How many it has.
        bytes: usize,
        /// How many it needs.
        least: usize,
    },
    /// The secret says that it is in base64, and is not.
    #[error("the secret begins with `whsec_`, but the rest is not valid base64")]
    SecretForm,
    /// The secret can be read once only.
    #[error("the secret is needed for every event, but standard input can be read only once")]
    SecretOnce,
    /// There is no webhook.
    #[error("the instance `{0}` has no webhook")]
    NoWebhook(InstanceName),
    /// There is no alert.
    #[error("the instance `{0}` has no alert in the format `{1}`")]
    NoAlert(InstanceName, &'static str),
    /// It is no address of a mail.
    #[error("invalid mail address `{0}`")]
    MailAddress(String),
    /// Mails cannot go there.
    #[error("{} is not a directory", .0.display())]
    MailFolder(PathBuf),
    /// There is no delivery of that number, or nowhere for it to go.
    #[error("delivery {0} not found, or its instance has no webhook")]
    NoDelivery(i64),
    /// The connector knows of no events.
    #[error("the connector `{0}` does not support vendor events")]
    NoEvents(String),
    /// The vendor signs in a way that this host cannot check.
    #[error("the vendor signs with `{0}`, which this program cannot check")]
    Algorithm(String),
    /// The connector names a header that is none.
    #[error("invalid header name `{0}`")]
    Header(String),
    /// The instance takes no events.
    #[error("the instance `{0}` does not accept vendor events")]
    NoInbox(InstanceName),
    /// The address is one that other machines reach.
    #[error("refusing to listen on non-loopback {0} without TLS")]
    Anywhere(SocketAddr),
    /// The address cannot be taken.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

impl WebhookError {
    /// A stable word for it.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Url(_) | Self::ChatUrl => Code::InvalidUrl,
            Self::Fragment => Code::UrlFragment,
            Self::Plain(_) => Code::UrlWithoutTls,
            Self::OtherOrigin { .. } => Code::OriginMismatch,
            Self::ShortSecret { .. } => Code::SecretTooShort,
            Self::SecretForm => Code::SecretForm,
            Self::SecretOnce => Code::SecretOnce,
            Self::NoWebhook(_) => Code::NotifyNotFound,
            Self::NoAlert(..) => Code::AlertNotFound,
            Self::MailAddress(_) => Code::InvalidMailAddress,
            Self::MailFolder(_) => Code::MailFolder,
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
