//! What a policy is evaluated over.

use std::collections::BTreeMap;

use appsec_model::{Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// What a policy is about.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum On {
    /// A finding of one source.
    #[default]
    Finding,
    /// What findings of several sources have in common.
    Issue,
}

impl On {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Finding, Self::Issue];

    /// The word of the case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::Issue => "issue",
        }
    }
}

/// What is known of a finding or an issue. `None` is: nobody said, or there is
/// no such thing. Of an issue, each fact is that of the findings together.
///
/// [`FIELDS`](crate::FIELDS) says what conditions see of it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Subject {
    /// What it is.
    pub on: On,
    /// Its id in the harness.
    pub id: String,
    /// Its kind, such as `sast`.
    pub kind: String,
    /// How bad; of an issue: the worst.
    pub severity: Severity,
    /// Where it stands, such as `open`, or `vanished`.
    pub status: String,
    /// Whether there is something to do about it.
    pub is_open: bool,
    /// Whether it is about security.
    pub security: bool,
    /// A short line for people.
    pub title: String,
    /// Id of the rule.
    pub rule_id: Option<String>,
    /// File, from the repository's root.
    pub path: Option<String>,
    /// How urgent, from 0 to 100.
    pub priority: u8,
    /// How sure the scanner is, such as `high`.
    pub confidence: Option<String>,
    /// CVSS score, from 0 to 10.
    pub cvss: Option<f64>,
    /// Probability of exploitation, from 0 to 1.
    pub epss: Option<f64>,
    /// Whether it is known to be exploited.
    pub kev: bool,
    /// Numbers of weaknesses in the CWE.
    pub cwe: Vec<u32>,
    /// Best rank on the CWE Top 25.
    pub top25: Option<u8>,
    /// Categories of OWASP Top 10 editions, such as `A03:2021`.
    pub owasp: Vec<String>,
    /// The vendor's categories.
    pub categories: Vec<String>,
    /// Whether vulnerable code of a package is used, such as `reachable`. None for what is no package.
    pub reachability: Option<String>,
    /// Numbers of advisories, such as `CVE-2021-44228`.
    pub advisories: Vec<String>,
    /// What an AI says, such as `false-positive`.
    pub ai_verdict: Option<String>,
    /// The vulnerable package.
    pub dependency: Option<SubjectDependency>,
    /// The leaked credential.
    pub secret: Option<SubjectSecret>,
    /// Name of the project.
    pub project: String,
    /// The repository.
    pub repository: Option<SubjectRepository>,
    /// Where the code runs, such as `production`.
    pub environment: Option<String>,
    /// Branch.
    pub branch: Option<String>,
    /// Tag.
    pub tag: Option<String>,
    /// What the organisation says of the project, by keys of its own.
    pub metadata: BTreeMap<String, String>,
    /// When it was first seen: by its source's date where that gives one.
    pub first_seen_at: Timestamp,
    /// When the harness first ingested it.
    pub ingested_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// Names of the sources that found it.
    pub sources: Vec<String>,
    /// Of an issue: how many findings it has. Of a finding: 1.
    pub findings: u32,
}

/// The vulnerable package of a [`Subject`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct SubjectDependency {
    /// Such as `npm`.
    pub ecosystem: String,
    /// Its name in its ecosystem.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// How it came into the project, such as `direct`.
    pub transitivity: String,
    /// Whether there is a version without the vulnerability.
    pub fix_available: FixAvailable,
    /// Whether the package is malware.
    pub malicious: Option<bool>,
}

/// Whether there is a version without a vulnerability.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixAvailable {
    /// There is.
    Known,
    /// The vendor says that there is none.
    None,
    /// Nobody says.
    #[default]
    Unknown,
}

impl FixAvailable {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Known, Self::None, Self::Unknown];

    /// The word of the case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

/// The leaked credential of a [`Subject`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct SubjectSecret {
    /// What it opens, such as `AWS`.
    pub kind: Option<String>,
    /// Whether it works, such as `confirmed-valid`.
    pub validation: String,
}

/// The repository of a [`Subject`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct SubjectRepository {
    /// Such as `org/repo`.
    pub full_name: String,
    /// Who hosts it, such as `github`.
    pub provider: Option<String>,
    /// Names of the groups that it is in.
    pub groups: Vec<String>,
}
