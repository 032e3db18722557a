//! A result of the command-line tool's JSON, of every version. The field names
//! are the tool's.

use guest_json::{Anything, Raw, object};

use super::{Count, Id, Labels, Policy, Text, Texts, repair::Wire};

impl Wire for CliResult<'_> {
    type Of<'a> = CliResult<'a>;
}

impl Wire for CliGist<'_> {
    type Of<'a> = CliGist<'a>;
}

impl Wire for CliMetadata<'_> {
    type Of<'a> = CliMetadata<'a>;
}

object! {
    /// A result.
    #[derive(Debug, Default)]
    pub struct CliResult<'a> {
        pub check_id: Option<Text<'a>>,
        pub path: Option<Text<'a>>,
        pub start: Option<CliPosition>,
        pub end: Option<CliPosition>,
        pub extra: Option<CliExtra<'a>>,
    }

    /// The little of a result that SARIF tells alike.
    #[derive(Debug, Default)]
    pub struct CliGist<'a> {
        pub start: Option<CliPosition>,
        pub end: Option<CliPosition>,
        pub extra: Option<CliGistExtra<'a>>,
    }

    /// The same of what is not its place.
    #[derive(Debug, Default)]
    pub struct CliGistExtra<'a> {
        pub severity: Option<Id<'a>>,
        pub is_ignored: Option<bool>,
    }

    /// A line and a column. The offset beside them is a dummy in some versions.
    #[derive(Debug, Default)]
    pub struct CliPosition {
        pub line: Option<Count>,
        pub col: Option<Count>,
    }

    /// All but the place.
    #[derive(Debug, Default)]
    pub struct CliExtra<'a> {
        pub message: Option<Text<'a>>,
        /// As text: results share few rules, and equal texts are read once.
        pub metadata: Option<Raw<'a>>,
        pub severity: Option<Id<'a>>,
        pub fingerprint: Option<Text<'a>>,
        pub lines: Option<Text<'a>>,
        pub fix: Option<Text<'a>>,
        pub is_ignored: Option<bool>,
        pub validation_state: Option<Text<'a>>,
        pub historical_info: Option<CliHistory<'a>>,
        pub sca_info: Option<CliSca<'a>>,
        /// As text: it has had several forms.
        pub dataflow_trace: Option<Raw<'a>>,
    }

    /// Where a credential stands in the history.
    #[derive(Debug, Default)]
    pub struct CliHistory<'a> {
        pub git_commit: Option<Text<'a>>,
        pub git_blob: Option<Text<'a>>,
        pub git_commit_timestamp: Option<Text<'a>>,
    }

    /// What a supply chain result says on the package.
    #[derive(Debug, Default)]
    pub struct CliSca<'a> {
        pub reachability_rule: Option<bool>,
        pub reachable: Option<bool>,
        /// As text: a word, or a list that begins with one.
        pub kind: Option<Raw<'a>>,
        pub dependency_match: Option<CliMatch<'a>>,
    }

    /// The package, and what the rule looked for.
    #[derive(Debug, Default)]
    pub struct CliMatch<'a> {
        pub dependency_pattern: Option<CliPattern<'a>>,
        pub found_dependency: Option<CliDependency<'a>>,
        pub lockfile: Option<Text<'a>>,
        pub dependency_paths: Option<Vec<DependencyPath<'a>>>,
    }

    /// The versions that the rule looked for.
    #[derive(Debug, Default)]
    pub struct CliPattern<'a> {
        pub ecosystem: Option<Text<'a>>,
        pub package: Option<Text<'a>>,
        pub semver_range: Option<Text<'a>>,
    }

    /// The package that was found.
    #[derive(Debug, Default)]
    pub struct CliDependency<'a> {
        pub package: Option<Text<'a>>,
        pub version: Option<Text<'a>>,
        pub ecosystem: Option<Text<'a>>,
        pub transitivity: Option<Text<'a>>,
        pub lockfile_path: Option<Text<'a>>,
        pub line_number: Option<Count>,
    }

    /// How a package came in: from the project's own dependency to the package.
    #[derive(Debug, Default)]
    pub struct DependencyPath<'a> {
        pub nodes: Option<Vec<DependencyNode<'a>>>,
    }

    /// A package on such a path.
    #[derive(Debug, Default)]
    pub struct DependencyNode<'a> {
        pub package: Option<Text<'a>>,
        pub version: Option<Text<'a>>,
    }

    /// What the rule's author, the registry and the platform say on the rule.
    #[derive(Debug, Default)]
    pub struct CliMetadata<'a> {
        pub category: Option<Text<'a>>,
        pub confidence: Option<Id<'a>>,
        pub likelihood: Option<Id<'a>>,
        pub impact: Option<Id<'a>>,
        pub cwe: Option<Labels<'a>>,
        pub owasp: Option<Texts<'a>>,
        pub references: Option<Texts<'a>>,
        pub technology: Option<Texts<'a>>,
        pub subcategory: Option<Texts<'a>>,
        pub vulnerability_class: Option<Texts<'a>>,
        pub source: Option<Text<'a>>,
        pub shortlink: Option<Text<'a>>,
        pub source_rule_url: Option<Text<'a>> = "source-rule-url",
        pub product: Option<Text<'a>>,
        /// What a credential opens.
        pub secret_type: Option<Text<'a>>,
        pub platform: Option<CliPlatform> = "semgrep.dev",
        pub policy: Option<Policy<'a>> = "semgrep.policy",
        pub platform_url: Option<Anything> = "semgrep.url",
        pub sca_kind: Option<Text<'a>> = "sca-kind",
        pub sca_vuln_database_identifier: Option<Text<'a>> = "sca-vuln-database-identifier",
        pub cve: Option<Text<'a>>,
        pub ghsa: Option<Text<'a>>,
        /// As text: a list of objects with a package's name as key.
        pub sca_fix_versions: Option<Raw<'a>> = "sca-fix-versions",
        pub sca_reachable_if: Option<Text<'a>> = "sca-reachable-if",
    }

    /// What the platform says on the rule. The registry gives `rule` to everybody,
    /// `src` only comes with a run of the platform.
    #[derive(Debug, Default)]
    pub struct CliPlatform {
        pub src: Option<Anything>,
    }
}
