//! The columns of each view.

use appsec_model::Timestamp;
use host_harness::FindingRow;

use super::View;
use crate::{output::short, table::Cell};

/// Signs of a title that a table shows.
const TITLE: usize = 120;

pub fn header(view: View) -> &'static [&'static str] {
    match view {
        View::All => {
            &["FINDING", "PRIORITY", "SEVERITY", "KIND", "STATUS", "FIRST SEEN", "SOURCE", "PROJECT", "TITLE", "WHERE"]
        }
        View::Vulnerabilities => &[
            "FINDING",
            "PRIORITY",
            "SEVERITY",
            "STATUS",
            "FIRST SEEN",
            "CVSS",
            "EPSS",
            "REACHABILITY",
            "PACKAGE",
            "HOW",
            "ADVISORIES",
            "FIX",
            "SOURCE",
            "PROJECT",
        ],
        View::Weaknesses => {
            &["FINDING", "PRIORITY", "SEVERITY", "KIND", "STATUS", "CWE", "TOP 25", "PROJECT", "TITLE", "WHERE"]
        }
        View::Secrets => {
            &["FINDING", "PRIORITY", "SEVERITY", "STATUS", "OPENS", "VALIDATION", "PROJECT", "TITLE", "WHERE"]
        }
    }
}

/// Columns that are left out first where there is no room.
pub fn spare(view: View) -> &'static [&'static str] {
    match view {
        View::All | View::Secrets => &["KIND", "PRIORITY"],
        View::Vulnerabilities => &["HOW", "PRIORITY"],
        View::Weaknesses => &["KIND", "TOP 25", "PRIORITY"],
    }
}

pub fn cells(view: View, row: &FindingRow) -> Vec<Cell> {
    let text = |text: String| Cell::from(text);
    let first = [text(row.id.to_string()), row.priority.into(), row.severity.into()];
    let source = || text(row.instance.clone());
    let first_seen = || text(day(row.first_seen_at));
    let project = || text(row.project.clone());
    let title = || text(short(&row.title, TITLE));
    let rest = match view {
        View::All => {
            vec![
                text(row.kind.clone()),
                text(status(row)),
                first_seen(),
                source(),
                project(),
                title(),
                text(place(row)),
            ]
        }
        View::Vulnerabilities => vec![
            text(row.status.clone()),
            first_seen(),
            text(row.cvss.map(|score| format!("{score:.1}")).unwrap_or_default()),
            text(row.epss.map(|score| format!("{score:.3}")).unwrap_or_default()),
            text(row.reachability.clone().unwrap_or_default()),
            text(row.package.clone().unwrap_or_default()),
            text(transitivity(row)),
            text(row.advisories.join(" ")),
            text(fix(row)),
            source(),
            project(),
        ],
        View::Weaknesses => vec![
            text(row.kind.clone()),
            text(row.status.clone()),
            text(cwes(row)),
            text(row.cwe_rank.map(|rank| rank.to_string()).unwrap_or_default()),
            project(),
            title(),
            text(place(row)),
        ],
        View::Secrets => vec![
            text(row.status.clone()),
            text(service(row)),
            text(validation(row)),
            project(),
            title(),
            text(place(row)),
        ],
    };
    first.into_iter().chain(rest).collect()
}

/// The day of a moment.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// A column: its name, and what it says of a finding.
type Column = (&'static str, fn(&FindingRow) -> String);

/// Names of a view's columns in CSV, and their cells.
pub fn csv_columns(view: View) -> Vec<Column> {
    let mut columns: Vec<Column> = vec![
        ("id", |row| row.id.to_string()),
        ("priority", |row| row.priority.to_string()),
        ("severity", |row| row.severity.as_str().to_owned()),
        ("kind", |row| row.kind.clone()),
        ("status", |row| row.status.clone()),
        ("instance", |row| row.instance.clone()),
        ("project", |row| row.project.clone()),
        ("repository", |row| row.repository.clone().unwrap_or_default()),
        ("environment", |row| row.environment.clone().unwrap_or_default()),
        ("title", |row| row.title.clone()),
        ("rule", |row| row.rule_id.clone().unwrap_or_default()),
        ("path", |row| row.path.clone().unwrap_or_default()),
        ("line", |row| row.start_line.map(|line| line.to_string()).unwrap_or_default()),
    ];
    if matches!(view, View::All | View::Vulnerabilities) {
        columns.extend([
            ("package", (|row| row.package.clone().unwrap_or_default()) as fn(&FindingRow) -> String),
            ("reachability", |row| row.reachability.clone().unwrap_or_default()),
            ("advisories", |row| row.advisories.join(" ")),
            ("cvss", |row| row.cvss.map(|score| score.to_string()).unwrap_or_default()),
            ("epss", |row| row.epss.map(|score| score.to_string()).unwrap_or_default()),
        ]);
    }
    match view {
        View::Vulnerabilities => {
            columns.extend([("transitivity", transitivity as fn(&FindingRow) -> String), ("fix", fix)]);
        }
        View::Secrets => {
            columns.extend([("opens", service as fn(&FindingRow) -> String), ("validation", validation)]);
        }
        View::All | View::Weaknesses => columns.extend([
            ("cwes", cwes as fn(&FindingRow) -> String),
            ("cwe_top25_rank", |row| row.cwe_rank.map(|rank| rank.to_string()).unwrap_or_default()),
        ]),
    }
    columns.extend([
        ("first_seen_at", (|row| row.first_seen_at.to_string()) as fn(&FindingRow) -> String),
        ("ingested_at", |row| row.ingested_at.to_string()),
        ("closed_at", |row| row.closed_at.map(|at| at.to_string()).unwrap_or_default()),
        ("last_seen_at", (|row| row.last_seen_at.to_string()) as fn(&FindingRow) -> String),
        ("changed_at", |row| row.changed_at.to_string()),
        ("occurrences", |row| row.occurrences.to_string()),
    ]);
    columns
}

fn place(row: &FindingRow) -> String {
    match (&row.path, row.start_line) {
        (Some(path), Some(line)) => format!("{path}:{line}"),
        (Some(path), None) => path.clone(),
        (None, _) => row.package.clone().unwrap_or_default(),
    }
}

fn status(row: &FindingRow) -> String {
    match row.reachability.as_deref().filter(|verdict| *verdict != "not-analyzed") {
        Some(reachability) => format!("{}, {reachability}", row.status),
        None => row.status.clone(),
    }
}

fn cwes(row: &FindingRow) -> String {
    row.cwes.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

fn transitivity(row: &FindingRow) -> String {
    row.facts.as_ref().and_then(|facts| facts.transitivity.clone()).unwrap_or_default()
}

/// Upgrades; those of the package itself by their version alone.
fn fix(row: &FindingRow) -> String {
    let own = |fix: &String| {
        let name = row.package.as_deref().and_then(|package| package.rsplit_once(' ')).map(|(name, _)| name);
        let version = name.and_then(|name| fix.strip_prefix(name)?.strip_prefix(' '));
        version.unwrap_or(fix).to_owned()
    };
    match row.facts.as_ref().and_then(|facts| facts.fixes.as_ref()) {
        None => String::new(),
        Some(fixes) if fixes.is_empty() => "none known".to_owned(),
        Some(fixes) => fixes.iter().map(own).collect::<Vec<_>>().join(", "),
    }
}

fn service(row: &FindingRow) -> String {
    row.facts.as_ref().and_then(|facts| facts.service.clone()).unwrap_or_default()
}

fn validation(row: &FindingRow) -> String {
    row.facts.as_ref().and_then(|facts| facts.validation.clone()).unwrap_or_default()
}
