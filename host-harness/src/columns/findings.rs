//! The columns of each view of findings.

use appsec_model::Timestamp;
use appsec_store::{DecisionRow, FindingRow};

use super::{Column, Value, column, cvss, epss, optional};
use crate::query::View;

impl View {
    /// The columns of the list.
    pub fn columns(self) -> Vec<Column<FindingRow, Value>> {
        let first = [
            column("FINDING", |row: &FindingRow| Value::Text(row.id.to_string())),
            column("PRIORITY", |row| Value::Number(row.priority.into())),
            column("SEVERITY", |row| Value::Severity(Some(row.severity))),
        ];
        let kind = column("KIND", |row: &FindingRow| Value::Text(row.kind.clone()));
        let status = column("STATUS", |row: &FindingRow| Value::Text(status(row)));
        let first_seen = column("FIRST SEEN", |row: &FindingRow| Value::Text(day(row.first_seen_at)));
        let score = column("CVSS", |row: &FindingRow| cvss(row.cvss));
        let likelihood = column("EPSS", |row: &FindingRow| epss(row.epss));
        let source = column("SOURCE", |row: &FindingRow| Value::Text(row.instance.clone()));
        let project = column("PROJECT", |row: &FindingRow| Value::Text(row.project.clone()));
        let title = column("TITLE", |row: &FindingRow| Value::Title(row.title.clone()));
        let place = column("WHERE", |row| Value::Text(place(row)));
        let rest = match self {
            Self::All => vec![
                kind,
                column("STATUS", |row| Value::Text(status_and_reachability(row))),
                score,
                likelihood,
                first_seen,
                source,
                project,
                title,
                place,
            ],
            Self::Vulnerabilities => vec![
                status,
                first_seen,
                score,
                likelihood,
                column("KEV", |row| Value::text(row.kev.then(|| "yes".to_owned()))),
                column("REACHABILITY", |row| Value::text(row.reachability.clone())),
                column("PACKAGE", |row| Value::text(row.package.clone())),
                column("HOW", |row| Value::Text(transitivity(row))),
                column("ADVISORIES", |row| Value::Text(row.advisories.join(", "))),
                column("FIX", |row| Value::Text(fix(row))),
                source,
                project,
            ],
            Self::Weaknesses => vec![
                kind,
                status,
                column("CWE", |row| Value::Text(cwes(row))),
                column("TOP 25", |row| Value::text(row.cwe_rank.map(|rank| rank.to_string()))),
                project,
                title,
                place,
            ],
            Self::Secrets => vec![
                status,
                column("OPENS", |row| Value::Text(service(row))),
                column("VALIDATION", |row| Value::Text(validation(row))),
                project,
                title,
                place,
            ],
        };
        first.into_iter().chain(rest).collect()
    }

    /// The columns of the list as CSV.
    pub fn csv_columns(self) -> Vec<Column<FindingRow>> {
        let is_own = |name: &str| match name {
            "package" | "reachability" | "advisories" | "cvss" | "epss" | "kev" => {
                matches!(self, Self::All | Self::Vulnerabilities)
            }
            "transitivity" | "fix" => self == Self::Vulnerabilities,
            "opens" | "validation" => self == Self::Secrets,
            "cwes" | "cwe_top25_rank" => matches!(self, Self::All | Self::Weaknesses),
            _ => true,
        };
        ALL.iter().filter(|it| is_own(it.name)).copied().collect()
    }

    /// The columns of these names, in this order; those of CSV where there are none.
    pub fn chosen_columns(self, names: &[String]) -> Vec<Column<FindingRow>> {
        if names.is_empty() {
            return self.csv_columns();
        }
        names.iter().filter_map(|name| ALL.iter().find(|it| it.name == name)).copied().collect()
    }
}

/// What a column that was chosen says of a row to people.
pub fn chosen_value(column: &Column<FindingRow>, row: &FindingRow) -> Value {
    match column.name {
        "severity" => Value::Severity(Some(row.severity)),
        "priority" => Value::Number(row.priority.into()),
        "occurrences" => Value::Number(row.occurrences.into()),
        "title" => Value::Title(row.title.clone()),
        "status" => Value::Text(status(row)),
        "cvss" => cvss(row.cvss),
        "epss" => epss(row.epss),
        name if name.ends_with("_at") || name.ends_with("_until") => {
            Value::Text((column.of)(row).chars().take(DAY_SIGNS).collect())
        }
        _ => Value::Text((column.of)(row)),
    }
}

/// The signs of a moment that are its day.
const DAY_SIGNS: usize = 10;

/// All columns.
const ALL: &[Column<FindingRow>] = &[
    column("id", |row| row.id.to_string()),
    column("priority", |row| row.priority.to_string()),
    column("severity", |row| row.severity.as_str().to_owned()),
    column("kind", |row| row.kind.clone()),
    column("status", |row| row.status.clone()),
    column("instance", |row| row.instance.clone()),
    column("project", |row| row.project.clone()),
    column("repository", |row| optional(row.repository.as_ref())),
    column("environment", |row| optional(row.environment.as_ref())),
    column("title", |row| row.title.clone()),
    column("rule", |row| optional(row.rule_id.as_ref())),
    column("path", |row| optional(row.path.as_ref())),
    column("line", |row| optional(row.start_line)),
    column("package", |row| row.package.clone().unwrap_or_default()),
    column("reachability", |row| optional(row.reachability.as_ref())),
    column("advisories", |row| row.advisories.join(", ")),
    column("cvss", |row| optional(row.cvss)),
    column("epss", |row| optional(row.epss)),
    column("kev", |row| row.kev.to_string()),
    column("transitivity", transitivity),
    column("fix", fix),
    column("opens", service),
    column("validation", validation),
    column("cwes", cwes),
    column("cwe_top25_rank", |row| optional(row.cwe_rank)),
    column("first_seen_at", |row| row.first_seen_at.to_string()),
    column("ingested_at", |row| row.ingested_at.to_string()),
    column("closed_at", |row| optional(row.closed_at)),
    column("last_seen_at", |row| row.last_seen_at.to_string()),
    column("changed_at", |row| row.changed_at.to_string()),
    column("occurrences", |row| row.occurrences.to_string()),
    column("decision", |row| decision(row, |it| Some(it.entry.decision.to_string()))),
    column("decision_reason", |row| decision(row, |it| it.entry.reason.clone())),
    column("decision_until", |row| decision(row, |it| Some(it.entry.until?.to_string()))),
    column("decided_by", |row| decision(row, |it| Some(it.author.clone()))),
    column("assignee", |row| decision(row, |it| it.entry.assignee.clone())),
    column("labels", |row| decision(row, |it| Some(it.entry.labels.join(", ")))),
];

/// What the decision in force says; nothing where there is none.
fn decision(row: &FindingRow, says: impl Fn(&DecisionRow) -> Option<String>) -> String {
    row.decision.as_ref().and_then(says).unwrap_or_default()
}

/// The day of a moment.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take(DAY_SIGNS).collect()
}

fn place(row: &FindingRow) -> String {
    match (&row.path, row.start_line) {
        (Some(path), Some(line)) => format!("{path}:{line}"),
        (Some(path), None) => path.clone(),
        (None, _) => row.package.clone().unwrap_or_default(),
    }
}

/// The status, with the decision where that says more.
fn status(row: &FindingRow) -> String {
    let decided = row.decision.as_ref().and_then(|it| it.status_shown(&row.status));
    decided.unwrap_or_else(|| row.status.clone())
}

fn status_and_reachability(row: &FindingRow) -> String {
    match row.reachability.as_deref().filter(|verdict| *verdict != "not-analyzed") {
        Some(reachability) => format!("{}, {reachability}", status(row)),
        None => status(row),
    }
}

fn cwes(row: &FindingRow) -> String {
    row.cwes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
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

#[cfg(test)]
mod tests {
    use super::{ALL, View};
    use crate::query::{List, Takes};

    #[test]
    fn whoever_chooses_columns_is_offered_all_that_there_are() {
        let names: Vec<&str> = ALL.iter().map(|it| it.name).collect();
        let field = List::Findings(View::All).field("columns").unwrap();
        assert!(matches!(field.takes, Takes::Columns(offered) if offered == names), "{names:?}");
        let chosen = View::Secrets.chosen_columns(&["path".to_owned(), "id".to_owned()]);
        assert_eq!(chosen.iter().map(|it| it.name).collect::<Vec<_>>(), ["path", "id"]);
        assert_eq!(View::Secrets.chosen_columns(&[]).len(), View::Secrets.csv_columns().len());
    }
}
