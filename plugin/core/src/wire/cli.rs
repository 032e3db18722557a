//! A result of the command-line tool's JSON, of every version. The field names
//! are the tool's.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    Count, Id, Policy, Text, Texts,
    repair::Wire,
    scalar::{object, objects},
};

impl Wire for CliResult<'_> {
    type Of<'a> = CliResult<'a>;
}

impl Wire for CliMetadata<'_> {
    type Of<'a> = CliMetadata<'a>;
}

/// A result.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliResult<'a> {
    #[serde(borrow)]
    pub check_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub path: Option<Text<'a>>,
    #[serde(deserialize_with = "object")]
    pub start: Option<CliPosition>,
    #[serde(deserialize_with = "object")]
    pub end: Option<CliPosition>,
    #[serde(borrow, deserialize_with = "object")]
    pub extra: Option<CliExtra<'a>>,
}

/// A line and a column. The offset beside them is a dummy in some versions.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliPosition {
    pub line: Option<Count>,
    pub col: Option<Count>,
}

/// All but the place.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliExtra<'a> {
    #[serde(borrow)]
    pub message: Option<Text<'a>>,
    /// As text: results share few rules, and equal texts are read once.
    #[serde(borrow)]
    pub metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub severity: Option<Id<'a>>,
    #[serde(borrow)]
    pub fingerprint: Option<Text<'a>>,
    #[serde(borrow)]
    pub lines: Option<Text<'a>>,
    #[serde(borrow)]
    pub fix: Option<Text<'a>>,
    pub is_ignored: Option<bool>,
    #[serde(borrow)]
    pub validation_state: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub historical_info: Option<CliHistory<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub sca_info: Option<CliSca<'a>>,
    /// As text: it has had several forms.
    #[serde(borrow)]
    pub dataflow_trace: Option<&'a RawValue>,
}

/// Where a credential stands in the history.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliHistory<'a> {
    #[serde(borrow)]
    pub git_commit: Option<Text<'a>>,
    #[serde(borrow)]
    pub git_blob: Option<Text<'a>>,
    #[serde(borrow)]
    pub git_commit_timestamp: Option<Text<'a>>,
}

/// What a supply chain result says on the package.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliSca<'a> {
    pub reachability_rule: Option<bool>,
    pub reachable: Option<bool>,
    /// As text: a word, or a list that begins with one.
    #[serde(borrow)]
    pub kind: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "object")]
    pub dependency_match: Option<CliMatch<'a>>,
}

/// The package, and what the rule looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliMatch<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub dependency_pattern: Option<CliPattern<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub found_dependency: Option<CliDependency<'a>>,
    #[serde(borrow)]
    pub lockfile: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub dependency_paths: Option<Vec<DependencyPath<'a>>>,
}

/// The versions that the rule looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliPattern<'a> {
    #[serde(borrow)]
    pub ecosystem: Option<Text<'a>>,
    #[serde(borrow)]
    pub package: Option<Text<'a>>,
    #[serde(borrow)]
    pub semver_range: Option<Text<'a>>,
}

/// The package that was found.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliDependency<'a> {
    #[serde(borrow)]
    pub package: Option<Text<'a>>,
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
    #[serde(borrow)]
    pub ecosystem: Option<Text<'a>>,
    #[serde(borrow)]
    pub transitivity: Option<Text<'a>>,
    #[serde(borrow)]
    pub lockfile_path: Option<Text<'a>>,
    pub line_number: Option<Count>,
}

/// How a package came in: from the project's own dependency to the package.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DependencyPath<'a> {
    #[serde(borrow, deserialize_with = "objects")]
    pub nodes: Option<Vec<DependencyNode<'a>>>,
}

/// A package on such a path.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DependencyNode<'a> {
    #[serde(borrow)]
    pub package: Option<Text<'a>>,
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
}

/// What the rule's author, the registry and the platform say on the rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct CliMetadata<'a> {
    #[serde(borrow)]
    pub category: Option<Text<'a>>,
    #[serde(borrow)]
    pub confidence: Option<Id<'a>>,
    #[serde(borrow)]
    pub likelihood: Option<Id<'a>>,
    #[serde(borrow)]
    pub impact: Option<Id<'a>>,
    #[serde(borrow)]
    pub cwe: Option<Texts<'a>>,
    #[serde(borrow)]
    pub owasp: Option<Texts<'a>>,
    #[serde(borrow)]
    pub references: Option<Texts<'a>>,
    #[serde(borrow)]
    pub technology: Option<Texts<'a>>,
    #[serde(borrow)]
    pub subcategory: Option<Texts<'a>>,
    #[serde(borrow, rename = "vulnerability_class")]
    pub vulnerability_class: Option<Texts<'a>>,
    #[serde(borrow)]
    pub source: Option<Text<'a>>,
    #[serde(borrow)]
    pub shortlink: Option<Text<'a>>,
    #[serde(borrow)]
    pub source_rule_url: Option<Text<'a>>,
    #[serde(borrow)]
    pub product: Option<Text<'a>>,
    /// What a credential opens.
    #[serde(borrow, rename = "secret_type")]
    pub secret_type: Option<Text<'a>>,
    #[serde(rename = "semgrep.dev", deserialize_with = "object")]
    pub platform: Option<CliPlatform>,
    #[serde(borrow, rename = "semgrep.policy", deserialize_with = "object")]
    pub policy: Option<Policy<'a>>,
    #[serde(rename = "semgrep.url")]
    pub platform_url: Option<IgnoredAny>,
    #[serde(borrow)]
    pub sca_kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub sca_vuln_database_identifier: Option<Text<'a>>,
    #[serde(borrow)]
    pub cve: Option<Text<'a>>,
    #[serde(borrow)]
    pub ghsa: Option<Text<'a>>,
    /// As text: a list of objects with a package's name as key.
    #[serde(borrow)]
    pub sca_fix_versions: Option<&'a RawValue>,
    #[serde(borrow)]
    pub sca_reachable_if: Option<Text<'a>>,
}

/// What the platform says on the rule. The registry gives `rule` to everybody,
/// `src` only comes with a run of the platform.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CliPlatform {
    pub src: Option<IgnoredAny>,
}
