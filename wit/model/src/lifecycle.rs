//! States and dates of a finding.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, open::open_enum};

/// States and dates, each from who decides on it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lifecycle {
    /// What the last scan says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_state: Option<ScanState>,
    /// What people decided.
    pub triage: Triage,
    /// The vendor's sum of both.
    pub status: Status,
    /// When the finding was first recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it became, or became again, relevant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relevant_since: Option<Timestamp>,
    /// Last change of the scan state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_changed_at: Option<Timestamp>,
}

open_enum! {
    /// What the last scan says.
    ScanState {
        /// Still there.
        Unresolved = "unresolved",
        /// No longer there.
        Fixed = "fixed",
        /// Suppressed in the code itself.
        Muted = "muted",
        /// Its rule, file or project is gone.
        Removed = "removed",
    }
}

/// What people decided.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Triage {
    /// The state that they gave.
    pub state: TriageState,
    /// Such as `false_positive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

open_enum! {
    /// The state that people gave.
    #[derive(Default)]
    TriageState {
        /// None yet.
        #[default]
        Untriaged = "untriaged",
        /// Being looked at.
        Reviewing = "reviewing",
        /// Being fixed.
        Fixing = "fixing",
        /// Not to be fixed.
        Ignored = "ignored",
        /// Ignored by the vendor until somebody confirms.
        ProvisionallyIgnored = "provisionally-ignored",
        /// Opened again by people.
        Reopened = "reopened",
    }
}

open_enum! {
    /// The vendor's sum of scan state and triage.
    #[derive(Default)]
    Status {
        /// To be dealt with.
        Open = "open",
        /// Being looked at.
        Reviewing = "reviewing",
        /// Being fixed.
        Fixing = "fixing",
        /// Not to be fixed.
        Ignored = "ignored",
        /// Ignored until somebody confirms.
        ProvisionallyIgnored = "provisionally-ignored",
        /// Gone from the code.
        Fixed = "fixed",
        /// The vendor gave none.
        #[default]
        Unknown = "unknown",
    }
}
