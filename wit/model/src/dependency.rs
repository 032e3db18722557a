//! Packages, and what is wrong with them.

use serde::{Deserialize, Serialize};

use crate::{Location, ProjectRef, Timestamp, open::open_enum};

/// The vulnerable package behind an SCA finding.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dependency {
    /// The package.
    pub package: PackageVersion,
    /// How it came into the project.
    pub transitivity: Transitivity,
    /// Web address of the line in the lockfile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockfile_url: Option<String>,
    /// The line in the lockfile or manifest that names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockfile: Option<Location>,
    /// The packages that bring it, from the project inwards, as `name@version`.
    pub introduced_by: Vec<String>,
    /// The versions that are vulnerable, in the ecosystem's own notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affected_range: Option<String>,
    /// What is wrong with it.
    pub advisories: Vec<AdvisoryId>,
    /// Whether the vulnerable code is used.
    pub reachability: Reachability,
    /// Whether there is a version without it.
    pub fix: Fix,
    /// Exploit Prediction Scoring System.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epss: Option<Epss>,
    /// Whether the package is malware.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malicious: Option<bool>,
}

/// A package in one version.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageVersion {
    /// Its name in its ecosystem.
    pub name: String,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its ecosystem.
    pub ecosystem: Ecosystem,
    /// Package URL; none where the ecosystem gives no certain one.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
}

/// A package that a project uses.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Package {
    /// Position of its raw record in the input; none where a finding names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The project.
    pub project: ProjectRef,
    /// The package.
    pub package: PackageVersion,
    /// How it came into the project.
    pub transitivity: Transitivity,
    /// Web address of the line in the lockfile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockfile_url: Option<String>,
    /// The line in the lockfile or manifest that names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockfile: Option<Location>,
    /// When that line was committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
    /// Licenses, as SPDX expressions or the vendor's words.
    pub licenses: Vec<String>,
    /// Where the package manager got it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_url: Option<String>,
    /// The packages that bring it, from the project inwards, as `name@version`.
    pub introduced_by: Vec<String>,
}
