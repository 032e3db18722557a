//! The columns of issues.

use appsec_store::{IssueRow, IssueSource};

use super::{Column, Value, column, cvss, epss, optional};

/// The columns of the list.
pub const ISSUES: &[Column<IssueRow, Value>] = &[
    column("ISSUE", |row| Value::Text(row.id.to_string())),
    column("PRIORITY", |row| Value::Number(row.priority as u64)),
    column("SEVERITY", |row| Value::Severity(Some(row.severity))),
    column("KIND", |row| Value::Text(row.kind.clone())),
    column("STATUS", |row| Value::State(row.status.clone())),
    column("CVSS", |row| cvss(row.cvss)),
    column("EPSS", |row| epss(row.epss)),
    column("REPOSITORY", |row| Value::Text(row.repository.clone())),
    column("TITLE", |row| Value::Title(row.title.clone())),
    column("WHERE", |row| Value::Text(row.place())),
    column("SOURCES", |row| Value::List(row.sources.iter().map(source).collect())),
];

/// A source by name, with a word on one that sees the issue no more.
fn source(it: &IssueSource) -> String {
    match it.status.as_str() {
        "vanished" => format!("{} (vanished)", it.source),
        _ => it.source.clone(),
    }
}

/// The columns of the list as CSV.
pub const ISSUES_CSV: &[Column<IssueRow>] = &[
    column("issue", |row| row.id.to_string()),
    column("priority", |row| row.priority.to_string()),
    column("severity", |row| row.severity.as_str().to_owned()),
    column("kind", |row| row.kind.clone()),
    column("status", |row| row.status.clone()),
    column("repository", |row| row.repository.clone()),
    column("title", |row| row.title.clone()),
    column("ecosystem", |row| optional(row.ecosystem.as_ref())),
    column("package", |row| optional(row.package.as_ref())),
    column("versions", |row| row.versions.join(", ")),
    column("path", |row| optional(row.path.as_ref())),
    column("rule", |row| optional(row.rule_id.as_ref())),
    column("advisories", |row| row.advisories.join(", ")),
    column("cvss", |row| optional(row.cvss)),
    column("epss", |row| optional(row.epss)),
    column("kev", |row| row.kev.to_string()),
    column("source_count", |row| row.source_count.to_string()),
    column("sources", |row| row.sources.iter().map(|it| it.source.as_str()).collect::<Vec<_>>().join(", ")),
    column("findings", |row| {
        let findings = row.sources.iter().flat_map(|it| &it.findings);
        findings.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }),
    column("first_seen_at", |row| row.first_seen_at.to_string()),
    column("last_seen_at", |row| row.last_seen_at.to_string()),
    column("changed_at", |row| row.changed_at.to_string()),
];
