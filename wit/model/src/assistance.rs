//! What an AI says of a finding.

use serde::{Deserialize, Serialize};

use crate::open::open_enum;

/// What an AI says. Advice, never a state.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Assistance {
    /// Whether it is real.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<Explanation>,
    /// Code that would fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autofix: Option<String>,
    /// What the rule is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_explanation: Option<Explanation>,
    /// The sort of code it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// What an attacker could do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
}

/// An AI's verdict.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verdict {
    /// What it says.
    pub conclusion: Conclusion,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

open_enum! {
    /// What a verdict says.
    Conclusion {
        /// It is real.
        TruePositive = "true-positive",
        /// It is not.
        FalsePositive = "false-positive",
    }
}

/// A text with a summary.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explanation {
    /// In short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// In full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The sort of code that a finding is in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Component {
    /// Such as `user data`.
    pub tag: String,
    /// Such as `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
}
