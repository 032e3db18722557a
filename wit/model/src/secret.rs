//! Leaked credentials.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, open::open_enum};

/// A leaked credential. What it is, never the credential itself.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeakedSecret {
    /// What it opens, such as `AWS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether it still works.
    pub validation: Validation,
    /// Where it stands in the history, if it is no longer in the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Who can see the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

open_enum! {
    /// Whether a credential still works.
    #[derive(Default)]
    Validation {
        /// It was tried, and it works.
        ConfirmedValid = "confirmed-valid",
        /// It was tried, and it does not.
        ConfirmedInvalid = "confirmed-invalid",
        /// It could not be tried.
        ValidationError = "validation-error",
        /// Nobody knows how to try this sort.
        NoValidator = "no-validator",
        /// The vendor does not say.
        #[default]
        NotSaid = "not-said",
    }
}

open_enum! {
    /// Who can see a repository.
    Visibility {
        /// Everybody.
        Public = "public",
        /// Its members.
        Private = "private",
        /// The vendor does not know.
        Unknown = "unknown",
    }
}

/// A place in a repository's history.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct History {
    /// Hash of the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Hash of the file's content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
    /// When it was committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
}
