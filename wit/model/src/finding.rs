//! The unified finding and what belongs to it.

use serde::{Deserialize, Serialize};

use crate::{Diagnostic, Kind, ProjectRef, Timestamp, open::open_enum};

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
    pub repository_url: Option<String>,
    /// Branch name without `refs/heads/`, or the vendor's word for a pull or merge request.
    pub r#ref: Option<String>,
    /// A short line for people.
    pub title: String,
    /// What is wrong here, where that is more than the rule's message.
    pub message: Option<String>,
    /// `id` of one of the rules.
    pub rule_id: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// The vendor's own word for it.
    pub vendor_severity: Option<String>,
    /// How sure the scanner is.
    pub confidence: Option<Confidence>,
    /// The vendor's categories.
    pub categories: Vec<String>,
    /// Where in the code.
    pub location: Option<Location>,
    /// Web address of the line.
    pub code_url: Option<String>,
    /// The vulnerable package.
    pub dependency: Option<Dependency>,
    /// States and dates.
    pub lifecycle: Lifecycle,
    /// What an AI says.
    pub assistance: Option<Assistance>,
    /// The vendor's policy that asked for the rule.
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
    pub start_line: Option<u32>,
    /// First column.
    pub start_column: Option<u32>,
    /// Last line.
    pub end_line: Option<u32>,
    /// Column after the last character.
    pub end_column: Option<u32>,
}

/// What was looked for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rule {
    /// The vendor's id.
    pub id: String,
    /// Name for people, where it is not the id.
    pub name: Option<String>,
    /// What is wrong in general.
    pub message: Option<String>,
    /// How sure the rule is in general.
    pub confidence: Option<Confidence>,
    /// Such as `security`.
    pub category: Option<String>,
    /// Such as `vuln`.
    pub subcategories: Vec<String>,
    /// Such as `SQL Injection`.
    pub vulnerability_classes: Vec<String>,
    /// Weaknesses of the Common Weakness Enumeration.
    pub cwes: Vec<Cwe>,
    /// Categories of OWASP Top 10 editions.
    pub owasp: Vec<Owasp>,
    /// Web address of the rule's description.
    pub url: Option<String>,
    /// Further web addresses.
    pub references: Vec<String>,
}

/// A weakness of the Common Weakness Enumeration.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cwe {
    /// None where the vendor's text holds no number.
    pub number: Option<u32>,
    /// Its name.
    pub name: Option<String>,
    /// The vendor's text.
    pub text: String,
}

/// A category of an OWASP Top 10.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Owasp {
    /// Such as `A03`.
    pub code: Option<String>,
    /// Year of the edition.
    pub edition: Option<u16>,
    /// Its name.
    pub name: Option<String>,
    /// The vendor's text.
    pub text: String,
}

/// The vulnerable package behind an SCA finding.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dependency {
    /// The package.
    pub package: PackageVersion,
    /// How it came into the project.
    pub transitivity: Transitivity,
    /// Web address of the line in the lockfile.
    pub lockfile_url: Option<String>,
    /// What is wrong with it.
    pub advisories: Vec<AdvisoryId>,
    /// Whether the vulnerable code is used.
    pub reachability: Reachability,
    /// Whether there is a version without it.
    pub fix: Fix,
    /// Exploit Prediction Scoring System.
    pub epss: Option<Epss>,
    /// Whether the package is malware.
    pub malicious: Option<bool>,
}

/// A package in one version.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageVersion {
    /// Its name in its ecosystem.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its ecosystem.
    pub ecosystem: Ecosystem,
    /// Package URL; none where the ecosystem gives no certain one.
    pub purl: Option<String>,
}

open_enum! {
    /// The package manager's world that a package belongs to.
    Ecosystem {
        /// JavaScript.
        Npm = "npm",
        /// Python.
        Pypi = "pypi",
        /// Go modules.
        Go = "go",
        /// Rust.
        Cargo = "cargo",
        /// Java.
        Maven = "maven",
        /// Ruby.
        Gem = "gem",
        /// PHP.
        Composer = "composer",
        /// .NET.
        Nuget = "nuget",
        /// Dart.
        Pub = "pub",
        /// Swift.
        Swift = "swift",
        /// Erlang and Elixir.
        Hex = "hex",
        /// Elixir, by its build tool.
        Mix = "mix",
        /// Objective-C and Swift.
        Cocoapods = "cocoapods",
        /// OCaml.
        Opam = "opam",
        /// The vendor says that no package manager is involved.
        NoPackageManager = "no-package-manager",
    }
}

open_enum! {
    /// How a package came into the project.
    #[derive(Default)]
    Transitivity {
        /// Named by the project itself.
        Direct = "direct",
        /// Brought by another package.
        Transitive = "transitive",
        /// Not known.
        #[default]
        Unknown = "unknown",
    }
}

/// The number of an advisory.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdvisoryId {
    /// Who numbers it.
    pub source: AdvisorySource,
    /// The number.
    pub id: String,
}

/// Who numbers an advisory.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AdvisorySource {
    /// `CVE-…`
    Cve,
    /// `GHSA-…`
    Ghsa,
    /// `MAL-…`, malicious packages in OSV.
    Mal,
    /// Somebody else.
    #[default]
    Other,
}

/// Whether the vulnerable code is used.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reachability {
    /// The answer of the analysis.
    pub verdict: ReachabilityVerdict,
    /// What must hold for the code to be reached.
    pub condition: Option<String>,
    /// Where it is used.
    pub usage: Option<Usage>,
}

open_enum! {
    /// The answer of a reachability analysis.
    #[derive(Default)]
    ReachabilityVerdict {
        /// Vulnerable wherever the package is in use.
        AlwaysReachable = "always-reachable",
        /// A use of the vulnerable code was found.
        Reachable = "reachable",
        /// Reached if the condition holds.
        ConditionallyReachable = "conditionally-reachable",
        /// No use was found.
        Unreachable = "unreachable",
        /// Nobody looked, or the vendor does not say.
        #[default]
        NotAnalyzed = "not-analyzed",
    }
}

/// A place where vulnerable code is used.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// Where.
    pub location: Location,
    /// Web address of the line.
    pub url: Option<String>,
}

/// Whether there is a version without the vulnerability.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(tag = "availability", rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Fix {
    /// The vendor says nothing on it.
    #[default]
    NotSaid,
    /// The vendor lists fixes, and the list is empty.
    NoneKnown,
    /// Upgrade to one of these.
    Upgrades {
        /// Versions that fix it.
        upgrades: Vec<Upgrade>,
    },
}

/// A version that fixes the vulnerability.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Upgrade {
    /// Of which package.
    pub package: String,
    /// The version.
    pub version: String,
}

/// Exploit Prediction Scoring System, both from 0 to 1.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Epss {
    /// Probability of exploitation in the next 30 days.
    pub score: f64,
    /// Share of vulnerabilities with the same or a lower score.
    pub percentile: Option<f64>,
}

/// States and dates, each from who decides on it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lifecycle {
    /// What the last scan says.
    pub scan_state: Option<ScanState>,
    /// What people decided.
    pub triage: Triage,
    /// The vendor's sum of both.
    pub status: Status,
    /// When the finding was first recorded.
    pub created_at: Option<Timestamp>,
    /// When it became, or became again, relevant.
    pub relevant_since: Option<Timestamp>,
    /// Last change of the scan state.
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
    pub reason: Option<String>,
    /// In their words.
    pub comment: Option<String>,
    /// When.
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

/// What an AI says. Advice, never a state.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Assistance {
    /// Whether it is real.
    pub verdict: Option<Verdict>,
    /// How to fix it.
    pub guidance: Option<Explanation>,
    /// Code that would fix it.
    pub autofix: Option<String>,
    /// What the rule is about.
    pub rule_explanation: Option<Explanation>,
    /// The sort of code it is in.
    pub component: Option<Component>,
    /// What an attacker could do.
    pub impact: Option<String>,
}

/// An AI's verdict.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verdict {
    /// What it says.
    pub conclusion: Conclusion,
    /// Why.
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
    pub summary: Option<String>,
    /// In full.
    pub text: Option<String>,
}

/// The sort of code that a finding is in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Component {
    /// Such as `user data`.
    pub tag: String,
    /// Such as `high`.
    pub risk: Option<String>,
}

/// The vendor's policy that asked for a rule.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// The vendor's id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Short name in addresses.
    pub slug: Option<String>,
}

/// A ticket in an issue tracker.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ticket {
    /// The tracker's key, such as `OPS-158`.
    pub key: Option<String>,
    /// Its web address.
    pub url: Option<String>,
    /// The vendor's id of the ticket.
    pub id: Option<String>,
    /// The vendor's ids of findings that share it.
    pub linked: Vec<String>,
}

/// A comment of the scanner on a pull or merge request.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReviewComment {
    /// Id of the discussion.
    pub discussion_id: Option<String>,
    /// Id of the note in it.
    pub note_id: Option<String>,
}

/// A pull or merge request that the vendor opened to fix it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FixRequest {
    /// Its web address.
    pub url: String,
    /// When it was opened.
    pub created_at: Option<Timestamp>,
}

/// A failed attempt of the vendor to open a fix.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FixFailure {
    /// Why it failed.
    pub reason: String,
    /// When.
    pub created_at: Option<Timestamp>,
}

/// A package that a project uses.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Package {
    /// The project.
    pub project: ProjectRef,
    /// The package.
    pub package: PackageVersion,
    /// How it came into the project.
    pub transitivity: Transitivity,
    /// Web address of the line in the lockfile.
    pub lockfile_url: Option<String>,
}
