//! The unified finding.

use serde::{Deserialize, Serialize};

use crate::{
    Assistance, Dependency, Diagnostic, Kind, LeakedSecret, Lifecycle, Package, ProjectRef, Rule, Timestamp,
    open::open_enum,
};

/// The outcome of `normalize`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Normalized {
    /// One per occurrence.
    pub findings: Vec<Finding>,
    /// The rules that the findings name, each id once.
    pub rules: Vec<Rule>,
    /// The packages that the records name, each once per project.
    pub packages: Vec<Package>,
    /// Remarks, and the records that could not be used.
    pub diagnostics: Vec<Diagnostic>,
}

/// One finding on one ref.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// Position of its raw record in the input, from 0.
    pub index: u32,
    /// The vendor's id of this occurrence.
    pub id: String,
    /// What makes it the same finding over time.
    pub identity: Identity,
    /// Its kind.
    pub kind: Kind,
    /// Its project.
    pub project: ProjectRef,
    /// Web address of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_url: Option<String>,
    /// Branch name without `refs/heads/`, or the vendor's word for a pull or merge request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#ref: Option<String>,
    /// A short line for people.
    pub title: String,
    /// What is wrong here, where that is more than the rule's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `id` of one of the rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// The vendor's own word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_severity: Option<String>,
    /// How sure the scanner is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The vendor's categories.
    pub categories: Vec<String>,
    /// Whether it is about security; none where the vendor does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<bool>,
    /// Where in the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Web address of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    /// The lines at `location`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
    /// How data flows from its source to where it does harm.
    pub flow: Vec<FlowStep>,
    /// Code that the rule's author suggests instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_fix: Option<String>,
    /// The vulnerable package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependency: Option<Dependency>,
    /// The leaked credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<LeakedSecret>,
    /// States and dates.
    pub lifecycle: Lifecycle,
    /// What an AI says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistance: Option<Assistance>,
    /// The vendor's policy that asked for the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Tickets in issue trackers.
    pub tickets: Vec<Ticket>,
    /// Comments of the scanner on pull requests.
    pub review_comments: Vec<ReviewComment>,
    /// Pull requests that the vendor opened to fix it.
    pub fix_requests: Vec<FixRequest>,
    /// Failed attempts to open one.
    pub fix_failures: Vec<FixFailure>,
    /// The vendor's id of the scan that saw it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen_scan: Option<String>,
}

/// What makes a finding the same finding over time. Never a line number.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// Compared byte by byte within kind and project.
    pub key: String,
    /// Where the key comes from.
    pub algorithm: String,
    /// Weaker identities of the same finding.
    pub aliases: Vec<String>,
}

/// How bad, on the common scale.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Severity {
    /// The vendor gave none, or a word that is not known.
    #[default]
    Unknown,
    /// For information.
    Info,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// All of them, worst first.
    pub const ALL: [Self; 6] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info, Self::Unknown];

    /// The word of the case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
            Self::Unknown => "unknown",
        }
    }
}

open_enum! {
    /// How sure the scanner is.
    Confidence {
        /// High.
        High = "high",
        /// Medium.
        Medium = "medium",
        /// Low.
        Low = "low",
    }
}

/// A place in a file of the repository. Lines and columns count from 1.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Location {
    /// Relative to the repository's root, with `/`.
    pub path: String,
    /// First line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_line: Option<u32>,
    /// First column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_column: Option<u32>,
    /// Last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// Column after the last character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
}

/// One step of a data flow.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FlowStep {
    /// What happens there.
    pub role: FlowRole,
    /// Where.
    pub location: Location,
    /// The code there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// What happens at a step of a data flow.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum FlowRole {
    /// Untrusted data comes in.
    Source,
    /// It passes.
    Step,
    /// It does harm.
    Sink,
}

impl FlowRole {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Step => "step",
            Self::Sink => "sink",
        }
    }
}

/// The vendor's policy that asked for a rule.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// The vendor's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Short name in addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
}

/// A ticket in an issue tracker.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ticket {
    /// The tracker's key, such as `OPS-158`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its web address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The vendor's id of the ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The vendor's ids of findings that share it.
    pub linked: Vec<String>,
}

/// A comment of the scanner on a pull or merge request.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReviewComment {
    /// Id of the discussion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discussion_id: Option<String>,
    /// Id of the note in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note_id: Option<String>,
}

/// A pull or merge request that the vendor opened to fix it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FixRequest {
    /// Its web address.
    pub url: String,
    /// When it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// A failed attempt of the vendor to open a fix.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FixFailure {
    /// Why it failed.
    pub reason: String,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}
