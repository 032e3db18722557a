//! The fields of each list. What several lists have stands here once.

use appsec_analysis::TriageDecision;
use appsec_store::{CoverageSort, IssueSort, PackageSort, RunState, Sort};

use super::{Field, Group, Open, Takes};

impl Field {
    const fn new(name: &'static str, takes: Takes, value: &'static str, help: &'static str) -> Self {
        Self { name, takes, value, help, group: Group::Filter, default: None, excludes: None }
    }

    const fn flag(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Takes::Flag, "", help)
    }

    const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    const fn of(self, group: Group) -> Self {
        Self { group, ..self }
    }

    /// In the list of issues: what one of its findings must match.
    const fn one(self, help: &'static str) -> Self {
        self.of(Group::OneFinding).help(help)
    }

    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn excludes(self, other: &'static str) -> Self {
        Self { excludes: Some(other), ..self }
    }
}

const KIND: Field = Field::new("kind", Takes::Words(Open::Kind), "KIND,…", "Filter by kind, such as sast,sca");
const SEVERITY: Field =
    Field::new("severity", Takes::Severities, "SEVERITY,…", "Filter by severity, such as critical,high");
const MIN_SEVERITY: Field = Field::new("min-severity", Takes::Severity, "SEVERITY", "Set the minimum severity");
const MIN_PRIORITY: Field = Field::new("min-priority", Takes::Whole(100), "0-100", "Set the minimum priority");
const MIN_CVSS: Field = Field::new("min-cvss", Takes::Number(10.0), "0-10", "Set the minimum CVSS score");
const MIN_EPSS: Field =
    Field::new("min-epss", Takes::Number(1.0), "0-1", "Set the minimum EPSS score: the probability of exploitation");
const KEV: Field = Field::flag("kev", "Filter by known exploitation: listed in the imported KEV catalogue");
const STATUS: Field = Field::new(
    "status",
    Takes::Words(Open::Status),
    "STATUS,…",
    "Filter by status [default: open, reviewing, fixing and unknown]",
);
const INCLUDE_CLOSED: Field =
    Field::flag("include-closed", "Include closed findings, whatever their status").excludes("status");
const REACHABILITY: Field =
    Field::new("reachability", Takes::Words(Open::Verdict), "VERDICT,…", "Filter by reachability");
const RULE: Field = Field::new("rule", Takes::Text, "TEXT", "Filter by text in the rule id");
const PATH: Field = Field::new("path", Takes::Text, "TEXT", "Filter by text in the path");
const PACKAGE: Field = Field::new("package", Takes::Text, "NAME", "Filter by package");
const FIX_AVAILABLE: Field = Field::flag("fix-available", "Filter by available fix");
const ADVISORY: Field = Field::new("advisory", Takes::Text, "ID", "Filter by advisory, such as CVE-2021-44228");
const IDENTIFIER: Field = Field::new(
    "identifier",
    Takes::Text,
    "ID",
    "Filter by identifier: an id, the vendor's id, a fingerprint, an advisory or a rule",
);
const CWE: Field = Field::new("cwe", Takes::Cwes, "NUMBER,…", "Filter by CWE number, such as 79,89");
const TOP25: Field = Field::new("top25", Takes::Edition, "EDITION", "Filter by CWE Top 25, of an edition such as 2024");
const OWASP: Field =
    Field::new("owasp", Takes::Owasp, "CODE,…", "Filter by OWASP Top 10 category, such as A03 or A03:2021");
const INCLUDE_NON_SECURITY: Field = Field::flag("include-non-security", "Include findings that are not about security");
const TEXT: Field = Field::new("text", Takes::Text, "TEXT", "Filter by text in title, path or rule");
const FIRST_SEEN_SINCE: Field = Field::new(
    "first-seen-since",
    Takes::When,
    "WHEN",
    "Filter by first seen, by the source's date, at or after this time: a date, a timestamp, or an age such as 7d",
);
const FIRST_SEEN_UNTIL: Field =
    Field::new("first-seen-until", Takes::When, "WHEN", "Filter by first seen, before this time");
const LAST_SEEN_SINCE: Field = Field::new(
    "last-seen-since",
    Takes::When,
    "WHEN",
    "Filter by last seen (by a run, or when marked as vanished), at or after this time",
);
const LAST_SEEN_UNTIL: Field =
    Field::new("last-seen-until", Takes::When, "WHEN", "Filter by last seen, before this time");
const CHANGED_SINCE: Field =
    Field::new("changed-since", Takes::When, "WHEN", "Filter by last change, at or after this time");
const CHANGED_UNTIL: Field =
    Field::new("changed-until", Takes::When, "WHEN", "Filter by last change, before this time");

const PROJECT: Field =
    Field::new("project", Takes::Text, "TEXT", "Filter by text in the project name").of(Group::Scope);
const BRANCH: Field =
    Field::new("branch", Takes::Texts, "NAME", "Filter by branch, of the project's scans or of the finding")
        .of(Group::Scope);
const NEW_SINCE: Field = Field::new(
    "new-since",
    Takes::Text,
    "BASE",
    "Filter by what a base does not have: a run, a date or a time ago such as 7d, or a branch",
);
const INSTANCE: Field = Field::new("instance", Takes::Instance, "NAME", "Filter by instance").of(Group::Scope);
const REPOSITORY: Field = Field::new(
    "repository",
    Takes::Text,
    "NAME",
    "Filter by repository: full name, or part of one if no repository has that name",
)
.of(Group::Scope);
const REPOSITORY_GROUP: Field = Field::new("group", Takes::Text, "NAME", "Filter by repository group").of(Group::Scope);
const ENVIRONMENT: Field = Field::new("environment", Takes::Texts, "NAME", "Filter by environment").of(Group::Scope);
const TAG: Field =
    Field::new("tag", Takes::Texts, "TAG", "Filter by project tag, set by you or by the vendor").of(Group::Scope);
const METADATA: Field =
    Field::new("metadata", Takes::Pairs, "KEY=VALUE", "Filter by project metadata").of(Group::Scope);

/// The decisions, and what stands for all of them and for none.
const DECISIONS: &[&str] =
    &["reviewing", "fixing", "accepted-risk", "false-positive", "wont-fix", "duplicate", "any", "none"];
const DECISION: Field = Field::new(
    "decision",
    Takes::OneOf(DECISIONS),
    "DECISION",
    "Filter by decision, whatever the status: reviewing, fixing, accepted-risk, false-positive, wont-fix, duplicate, \
     any or none",
);
const ASSIGNEE: Field = Field::new("assignee", Takes::Text, "NAME", "Filter by assignee");
const LABEL: Field = Field::new("label", Takes::Text, "LABEL", "Filter by label of the decision");
const ENDS_BEFORE: Field = Field::new(
    "ends-before",
    Takes::Ahead,
    "WHEN",
    "Filter by decisions that end before then: a date, a moment, or a time from now such as 30d",
);

const REVERSE: Field = Field::flag("reverse", "Reverse the order").of(Group::Output);
const LIMIT: Field =
    Field::new("limit", Takes::Whole(u32::MAX), "N", "Limit the number of results").of(Group::Output).default("50");
const OFFSET: Field =
    Field::new("offset", Takes::Whole(u32::MAX), "N", "Skip this many results").of(Group::Output).default("0");

const fn sort(orders: &'static [&'static str], help: &'static str) -> Field {
    let sort = Field::new("sort", Takes::Choice(orders), "ORDER", help).of(Group::Output);
    Field { default: orders.first().copied(), ..sort }
}

/// The columns of findings, for whoever chooses some of them.
const COLUMNS: &[&str] = &[
    "id",
    "priority",
    "severity",
    "kind",
    "status",
    "instance",
    "project",
    "repository",
    "environment",
    "title",
    "rule",
    "path",
    "line",
    "package",
    "reachability",
    "advisories",
    "cvss",
    "epss",
    "kev",
    "transitivity",
    "fix",
    "opens",
    "validation",
    "cwes",
    "cwe_top25_rank",
    "first_seen_at",
    "ingested_at",
    "closed_at",
    "last_seen_at",
    "changed_at",
    "occurrences",
    "decision",
    "decision_reason",
    "decision_until",
    "decided_by",
    "assignee",
    "labels",
];

/// The fields of the list of findings.
pub(super) const FINDINGS: &[Field] = &[
    KIND,
    SEVERITY,
    MIN_SEVERITY,
    MIN_PRIORITY,
    MIN_CVSS,
    MIN_EPSS,
    KEV,
    STATUS,
    INCLUDE_CLOSED,
    REACHABILITY,
    RULE,
    PATH,
    PACKAGE,
    FIX_AVAILABLE,
    ADVISORY,
    IDENTIFIER,
    CWE,
    TOP25,
    OWASP,
    INCLUDE_NON_SECURITY,
    TEXT,
    FIRST_SEEN_SINCE,
    FIRST_SEEN_UNTIL,
    LAST_SEEN_SINCE,
    LAST_SEEN_UNTIL,
    CHANGED_SINCE,
    CHANGED_UNTIL,
    NEW_SINCE,
    PROJECT,
    BRANCH,
    INSTANCE,
    REPOSITORY,
    REPOSITORY_GROUP,
    ENVIRONMENT,
    TAG,
    METADATA,
    DECISION,
    ASSIGNEE,
    LABEL,
    ENDS_BEFORE,
    sort(Sort::WORDS, "Sort by priority, severity, first-seen, age, cvss, epss, changed, project or path"),
    REVERSE,
    LIMIT,
    OFFSET.excludes("cursor"),
    Field::new("cursor", Takes::Cursor, "CURSOR", "Continue after the previous page: give its `next_cursor`")
        .of(Group::Output),
    Field::new(
        "columns",
        Takes::Columns(COLUMNS),
        "NAME,…",
        "Choose the columns of the table and of CSV by their names in CSV, such as id,severity,path,assignee",
    )
    .of(Group::Output),
];

/// The fields of a view that says which kinds it shows.
pub(super) const VIEW: &[Field] = FINDINGS.split_at(1).1;

/// The fields of an export: filters alone.
pub(super) const EXPORT: &[Field] = FINDINGS.split_at(FINDINGS.len() - 6).0;

/// What decisions are made on: filters, but for those of decisions.
pub(super) const TRIAGE: &[Field] = FINDINGS.split_at(FINDINGS.len() - 10).0;

/// The fields of the list of decisions.
pub(super) const DECISIONS_MADE: &[Field] = &[
    Field { takes: Takes::OneOf(TriageDecision::WORDS), ..DECISION }
        .help("Filter by decision: reviewing, fixing, accepted-risk, false-positive, wont-fix or duplicate"),
    Field::new("author", Takes::Text, "NAME", "Filter by author"),
    ASSIGNEE,
    LABEL,
    ENDS_BEFORE,
    Field::flag("include-ended", "Include decisions that were replaced, cleared or have expired"),
    PROJECT,
    INSTANCE,
    LIMIT.help("Limit the number of results, newest first"),
    OFFSET,
];

/// The fields of the list of issues.
pub(super) const ISSUES: &[Field] = &[
    KIND,
    SEVERITY,
    MIN_SEVERITY,
    MIN_PRIORITY,
    MIN_CVSS,
    MIN_EPSS,
    KEV,
    STATUS,
    INCLUDE_CLOSED.help("Include closed issues, whatever their status"),
    Field::new("source", Takes::Instance, "NAME", "Filter by instance that still reports it"),
    Field::new("sources-min", Takes::Whole(u32::MAX), "N", "Set the minimum number of sources that still report it"),
    PACKAGE,
    ADVISORY,
    PATH,
    TEXT.help("Filter by text in the title"),
    FIRST_SEEN_SINCE,
    FIRST_SEEN_UNTIL,
    INCLUDE_NON_SECURITY,
    REACHABILITY.one("Require one of these reachability verdicts"),
    RULE.one("Require this text in the rule id"),
    FIX_AVAILABLE.one("Require an available fix"),
    IDENTIFIER.one("Require this identifier: an id, the vendor's id, a fingerprint, an advisory or a rule"),
    CWE.one("Require one of these CWE numbers, such as 79,89"),
    TOP25.one("Require a weakness of the CWE Top 25, of an edition such as 2024"),
    OWASP.one("Require one of these categories of the OWASP Top 10, such as A03 or A03:2021"),
    LAST_SEEN_SINCE.one("Require last seen at or after this time"),
    LAST_SEEN_UNTIL.one("Require last seen before this time"),
    CHANGED_SINCE.one("Require a last change at or after this time"),
    CHANGED_UNTIL.one("Require a last change before this time"),
    NEW_SINCE.one("Require a finding that a base does not have: a run, a date or a time ago, or a branch"),
    DECISION.one("Require this decision, or any or none"),
    ASSIGNEE.one("Require this assignee"),
    LABEL.one("Require this label of the decision"),
    ENDS_BEFORE.one("Require a decision that ends before then, such as 30d"),
    PROJECT.help("Require this text in the project name"),
    BRANCH.help("Require this branch, of the project's scans or of the finding"),
    REPOSITORY,
    REPOSITORY_GROUP,
    ENVIRONMENT,
    TAG,
    METADATA,
    sort(IssueSort::WORDS, "Sort by priority, severity, first-seen, age, cvss, epss, sources or repository"),
    REVERSE,
    LIMIT,
    OFFSET,
];

/// The fields of the list of packages.
pub(super) const PACKAGES: &[Field] = &[
    Field::new("search", Takes::Text, "TEXT", "Filter by text in name or package URL"),
    PACKAGE.help("Filter by name"),
    Field::new("ecosystem", Takes::Texts, "NAME", "Filter by ecosystem, such as npm"),
    Field::new("license", Takes::Text, "TEXT", "Filter by text in the license"),
    Field::new("transitivity", Takes::Words(Open::Transitivity), "HOW,…", "Filter by transitivity"),
    MIN_SEVERITY.help("Set the minimum severity of open findings"),
    Field::flag("vulnerable", "Show only packages with open findings"),
    Field::flag("include-unused", "Include packages that are no longer in use"),
    PROJECT,
    INSTANCE,
    REPOSITORY,
    REPOSITORY_GROUP,
    ENVIRONMENT,
    TAG,
    METADATA,
    sort(PackageSort::WORDS, "Sort by risk, name or project"),
    REVERSE,
    LIMIT,
    OFFSET,
];

/// The fields of the dashboard.
pub(super) const DASHBOARD: &[Field] = &[
    KIND,
    Field::new(
        "since",
        Takes::When,
        "WHEN",
        "Show days and fixes since this time: a date, a timestamp, or an age such as 30d",
    )
    .default("30d"),
    INCLUDE_NON_SECURITY,
    Field::new("top", Takes::Whole(u32::MAX), "N", "Limit the number of repositories, weaknesses and packages")
        .default("10"),
    PROJECT,
    INSTANCE,
    REPOSITORY,
    REPOSITORY_GROUP,
    ENVIRONMENT,
    TAG,
    METADATA,
];

/// The fields of coverage.
pub(super) const COVERAGE: &[Field] = &[
    Field::flag("uncovered", "Show only repositories that no instance covers"),
    Field::new(
        "stale-after",
        Takes::Whole(u32::MAX),
        "DAYS",
        "Set the age in days after which a scan or full sync is stale",
    )
    .default("30"),
    REPOSITORY,
    REPOSITORY_GROUP,
    ENVIRONMENT,
    TAG,
    METADATA,
    sort(
        CoverageSort::WORDS,
        "Sort repositories by name, state (worst covered first) or open (most open findings first)",
    ),
    REVERSE,
    Field::new("limit", Takes::Whole(u32::MAX), "N", "Limit the number of repositories [default: all]")
        .of(Group::Output),
    OFFSET,
];

/// The fields of a check of policies.
pub(super) const POLICY_CHECK: &[Field] = &[
    Field::new("policy", Takes::Texts, "ID", "Check only this policy"),
    NEW_SINCE.help("Check only what a base does not have: a run, a date or a time ago such as 7d, or a branch"),
    KIND,
    PROJECT,
    BRANCH,
    INSTANCE,
    REPOSITORY,
    REPOSITORY_GROUP,
    ENVIRONMENT,
    TAG,
    METADATA,
    LIMIT.help("Limit the number of results per policy").default("10"),
];

/// The fields of the run log.
pub(super) const RUNS: &[Field] = &[
    INSTANCE.of(Group::Filter),
    Field::new(
        "state",
        Takes::OneOf(RunState::WORDS),
        "STATE",
        "Filter by state: running, complete, partial or failed",
    ),
    Field::new(
        "since",
        Takes::When,
        "WHEN",
        "Filter by start, at or after this time: a date, a timestamp, or an age, such as 2026-11-20 or 7d",
    ),
    PROJECT.help("Filter by project").of(Group::Filter),
    LIMIT.help("Limit the number of results, newest first").of(Group::Filter).default("20"),
    OFFSET.of(Group::Filter),
];
