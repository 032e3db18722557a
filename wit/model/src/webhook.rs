//! Events of vendors, and how they are signed.

use serde::{Deserialize, Serialize};

use crate::{Kind, ProjectRef, open::open_enum};

/// How a vendor signs the events that it sends: over the body, or, where there
/// is a header with the time, over its value, a full stop, and the body.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookScheme {
    /// Name of the header that holds the signature.
    pub signature_header: String,
    /// What it is made with.
    pub algorithm: SignatureAlgorithm,
    /// How it is written.
    pub encoding: SignatureEncoding,
    /// What stands before it in its header.
    pub prefix: String,
    /// Name of the header that holds the time of sending, in seconds.
    pub timestamp_header: Option<String>,
    /// Where a person sets address and secret at the vendor.
    pub description: String,
}

open_enum! {
    /// What a signature is made with.
    SignatureAlgorithm {
        /// HMAC (RFC 2104) with SHA-256.
        HmacSha256 = "hmac-sha256",
    }
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SignatureEncoding {
    /// Hexadecimal digits, in either case.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// What an event of the vendor's webhooks is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// What happened.
    #[serde(flatten)]
    pub what: EventType,
    /// The vendor's id of the event.
    pub id: Option<String>,
    /// The projects that it is about; empty where it names none.
    pub projects: Vec<ProjectRef>,
    /// The kinds that it is about; empty where it may be any.
    pub kinds: Vec<Kind>,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventType {
    /// There are new findings, or known ones changed.
    FindingsChanged,
    /// A scan came to its end.
    ScanFinished,
    /// Nothing that a sync would bring.
    Ignored {
        /// Why.
        reason: String,
    },
}
