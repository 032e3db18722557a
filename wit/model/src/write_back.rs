//! Decisions of people that go back to the vendor.

use serde::{Deserialize, Serialize};

use crate::{Diagnostic, Kind};

/// What `write-decisions` of a connector takes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WriteBack {
    /// Kinds of which records take decisions.
    pub kinds: Vec<Kind>,
    /// Decisions that the vendor has a word for.
    pub decisions: Vec<Decision>,
    /// Most ids that one call takes.
    pub batch: u32,
    /// Most characters that the vendor takes of a comment.
    pub comment_chars: u32,
    /// What a decision changes besides the record that it is about, in words.
    pub effect: String,
}

/// One decision about several records of one kind.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecisionBatch {
    /// Their kind.
    pub kind: Kind,
    /// What was decided.
    pub decision: Decision,
    /// Why, in words.
    pub comment: Option<String>,
    /// Ids of the vendor, each once.
    pub ids: Vec<String>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Decision {
    /// Somebody looks into it.
    Reviewing,
    /// Somebody fixes it.
    Fixing,
    /// It is true, and accepted.
    AcceptedRisk,
    /// It is not true.
    FalsePositive,
    /// It is true, and nobody will fix it.
    WontFix,
    /// Another finding stands for it.
    Duplicate,
    /// What was decided before no longer holds.
    Reopened,
}

impl Decision {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reviewing => "reviewing",
            Self::Fixing => "fixing",
            Self::AcceptedRisk => "accepted-risk",
            Self::FalsePositive => "false-positive",
            Self::WontFix => "wont-fix",
            Self::Duplicate => "duplicate",
            Self::Reopened => "reopened",
        }
    }
}

/// What came of a batch.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecisionReport {
    /// One for each id, in their order.
    pub outcomes: Vec<DecisionOutcome>,
    /// Ids of further records that the vendor changed with them.
    pub also_changed: Vec<String>,
    /// Remarks.
    pub diagnostics: Vec<Diagnostic>,
}

/// What came of one decision.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum DecisionOutcome {
    /// The vendor has it.
    Written,
    /// The vendor has it not, and would not take it later either.
    Refused {
        /// Why.
        reason: String,
    },
}
