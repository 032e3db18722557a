//! What a priority is computed from.

use appsec_model::{Conclusion, Epss, ReachabilityVerdict, Severity, Status};
use serde::{Deserialize, Serialize};

/// What is known of a finding. `None` is: nobody said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// How bad, as the vendor rates it.
    pub severity: Severity,
    /// Where it stands. `vanished` is understood for what a whole read no longer brought.
    pub status: Status,
    /// Whether vulnerable code of a third party is used. None for first-party code and for credentials.
    pub reachability: Option<ReachabilityVerdict>,
    /// Probability of exploitation.
    pub epss: Option<Epss>,
    /// Whether it is known to be exploited.
    pub kev: bool,
    /// Whether the package is malware.
    pub malicious: Option<bool>,
    /// A CVSS score, from 0 to 10.
    pub cvss: Option<f64>,
    /// Whether a credential works.
    pub validation: Option<Validation>,
    /// What an AI says.
    pub ai_verdict: Option<Conclusion>,
    /// The rank on a CWE Top 25 list; none where it is on none.
    pub top25: Option<u8>,
    /// Whether there is a version without it, or code that fixes it.
    pub fix_available: Option<bool>,
}

/// Whether somebody tried a credential, and what came of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Validation {
    /// It works.
    ConfirmedValid,
    /// It does not.
    ConfirmedInvalid,
    /// The attempt failed.
    ValidationError,
    /// Nobody knows how to try.
    NoValidator,
}

impl Validation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ConfirmedValid, Self::ConfirmedInvalid, Self::ValidationError, Self::NoValidator];

    /// The word of the case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmedValid => "confirmed-valid",
            Self::ConfirmedInvalid => "confirmed-invalid",
            Self::ValidationError => "validation-error",
            Self::NoValidator => "no-validator",
        }
    }

    /// The case of exactly this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.as_str() == word)
    }
}
