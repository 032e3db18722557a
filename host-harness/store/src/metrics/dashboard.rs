//! What a dashboard shows: the sums of a filter.

use std::collections::BTreeMap;

use appsec_analysis::{Edition, cwe, status::ACTIVE};
use appsec_model::{Severity, Timestamp};
use rusqlite::{Row, ToSql};
use serde::Serialize;

use super::{DAY, Happened, day};
use crate::{
    database::FindingStore,
    error::Result,
    filter::{Conditions, ProjectFilter},
    status::severity,
};

/// Ages of open findings, by the last day of each.
const AGES: [(&str, i64); 6] = [
    ("up to 7 days", 7),
    ("8 to 30 days", 30),
    ("31 to 90 days", 90),
    ("91 to 180 days", 180),
    ("181 to 365 days", 365),
    ("over a year", i64::MAX),
];

/// Which findings a dashboard is about. Lists are alternatives.
#[derive(Clone, Debug, Default)]
pub struct DashboardFilter {
    /// Row id of the instance.
    pub instance_id: Option<i64>,
    /// Kinds.
    pub kinds: Vec<String>,
    /// A part of the project's name.
    pub project: Option<String>,
    /// What is said of the project and its repository.
    pub scope: ProjectFilter,
    /// Only those that are, or are not, about security.
    pub security: Option<bool>,
    /// From when on days are shown and fixes are counted; the counts of open
    /// findings are those of now.
    pub since: Timestamp,
    /// Longest of the lists that could be long: repositories, weaknesses and
    /// packages.
    pub top: u32,
}

/// Counts and trends.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Dashboard {
    /// Open findings.
    pub open: u64,
    /// Open findings by severity, worst first.
    pub severities: Vec<SeverityCount>,
    /// Open findings by kind.
    pub kinds: Vec<LabelCount>,
    /// All findings by status.
    pub statuses: Vec<LabelCount>,
    /// Open findings by repository, the most first.
    pub repositories: Vec<RepositoryCount>,
    /// Open findings by how long ago they were first seen.
    pub ages: Vec<AgeCount>,
    /// What happened on each day, the oldest first.
    pub days: Vec<DayCounts>,
    /// How long fixes took: of all severities, then of each one that has any.
    pub time_to_fix: Vec<TimeToFix>,
    /// Open findings by weakness, the most first. One that names several counts
    /// for each.
    pub cwes: Vec<CweCount>,
    /// Open findings on the newest CWE Top 25.
    pub top25: Top25Share,
    /// Open findings by package, the most first.
    pub packages: Vec<PackageCount>,
    /// Open findings whose vulnerable code is reached.
    pub reachability: ReachableShare,
}

/// Open findings of a severity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SeverityCount {
    /// The severity.
    pub severity: Severity,
    /// How many.
    pub open: u64,
}

/// Findings under a word.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LabelCount {
    /// The word.
    pub name: String,
    /// How many.
    pub findings: u64,
}

/// Open findings of a repository.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct RepositoryCount {
    /// Its full name; none for projects that are of no repository.
    pub repository: Option<String>,
    /// Open findings.
    pub open: u64,
    /// Critical ones among them.
    pub critical: u64,
    /// High ones among them.
    pub high: u64,
}

/// Open findings of an age.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct AgeCount {
    /// The age in words.
    pub age: String,
    /// How many.
    pub open: u64,
}

/// What happened on a day.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct DayCounts {
    /// The day, in UTC, as `2026-01-31`.
    pub day: String,
    /// First seen.
    pub new: u64,
    /// Open again.
    pub reopened: u64,
    /// Fixed, as the vendor says.
    pub fixed: u64,
    /// No longer found by a complete fetch.
    pub vanished: u64,
    /// Ignored.
    pub dismissed: u64,
    /// Open at its end.
    pub open: u64,
}

/// How long fixes took.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TimeToFix {
    /// Of this severity; none for all.
    pub severity: Option<Severity>,
    /// Fixes.
    pub fixed: u64,
    /// The mean in days; none without a fix.
    pub mean_days: Option<f64>,
}

/// Open findings of a weakness.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CweCount {
    /// Its number in the CWE.
    pub cwe: u32,
    /// Its name, where it is or was on a Top 25.
    pub name: Option<String>,
    /// How many.
    pub open: u64,
}

/// Open findings on a CWE Top 25.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Top25Share {
    /// The edition.
    pub edition: Edition,
    /// Open findings whose rule names a weakness.
    pub with_weakness: u64,
    /// Those among them with one that is on the list.
    pub listed: u64,
    /// Their share; none where there is nothing to share.
    pub share: Option<f64>,
}

/// Open findings of a package.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PackageCount {
    /// Its ecosystem.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// How many, over all projects and versions.
    pub open: u64,
}

/// Open findings whose vulnerable code is reached.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ReachableShare {
    /// Open findings by verdict.
    pub verdicts: Vec<LabelCount>,
    /// Those that were analyzed.
    pub analyzed: u64,
    /// Those among them that are reachable or always reachable.
    pub reachable: u64,
    /// Their share; none where nothing was analyzed.
    pub share: Option<f64>,
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A sum, which is never below nothing.
fn count(sum: i64) -> u64 {
    u64::try_from(sum).unwrap_or(0)
}

fn date(day: i64) -> String {
    let text = Timestamp::from_micros(day.saturating_mul(DAY)).to_string();
    text.split('T').next().unwrap_or(&text).to_owned()
}

impl DashboardFilter {
    fn projects(&self) -> Conditions {
        let mut projects = self.scope.conditions();
        projects.part("projects.name", self.project.as_ref());
        projects.one("projects.instance_id = ?", self.instance_id);
        projects
    }

    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.within("project_id", self.projects());
        conditions.any("kind", self.kinds.clone());
        conditions.one("security = ?", self.security);
        conditions
    }

    fn open(&self) -> Conditions {
        let mut conditions = self.conditions();
        conditions.any("status", ACTIVE.to_vec());
        conditions
    }

    fn labelled(&self, dimension: &'static str) -> Conditions {
        let mut conditions = self.conditions();
        conditions.one("dimension = ?", Some(dimension));
        conditions
    }
}

fn of_all(severities: &[Happened]) -> Happened {
    severities.iter().fold(Happened::default(), |mut all, it| {
        all += *it;
        all
    })
}

fn ages(happened: &BTreeMap<i64, [Happened; 6]>, today: i64) -> Vec<AgeCount> {
    let mut from = i64::MIN;
    // A first day in the future is that of another clock.
    let of_age = |(age, last): &(&str, i64)| {
        let within = happened.iter().filter(|(first, _)| (from..=*last).contains(&(today - **first)));
        let open = within.map(|(_, severities)| count(of_all(severities).still_open)).sum();
        from = last.saturating_add(1);
        AgeCount { age: (*age).to_owned(), open }
    };
    AGES.iter().map(of_age).collect()
}

/// Every day from the first one that is wanted to today, but none before
/// anything happened.
fn days(happened: &BTreeMap<i64, [Happened; 6]>, since: i64, today: i64) -> Vec<DayCounts> {
    let first = happened.first_key_value().map_or(today, |(day, _)| *day).max(since);
    let mut open = 0_i64;
    let mut add = |on: &Happened| {
        open += on.new + on.reopened - on.fixed - on.vanished - on.dismissed;
        count(open)
    };
    for severities in happened.range(..first).map(|(_, it)| it) {
        add(&of_all(severities));
    }
    let of_day = |day: i64| {
        let on = happened.get(&day).map_or_else(Happened::default, |it| of_all(it));
        DayCounts {
            day: date(day),
            new: count(on.new),
            reopened: count(on.reopened),
            fixed: count(on.fixed),
            vanished: count(on.vanished),
            dismissed: count(on.dismissed),
            open: add(&on),
        }
    };
    (first..=today).map(of_day).collect()
}

fn time_to_fix(happened: &BTreeMap<i64, [Happened; 6]>, since: i64) -> Vec<TimeToFix> {
    let mut by_severity = [Happened::default(); 6];
    for severities in happened.range(since..).map(|(_, it)| it) {
        by_severity.iter_mut().zip(severities).for_each(|(sum, it)| *sum += *it);
    }
    let of = |severity: Option<Severity>, it: Happened| {
        let mean = share(count(it.fix_seconds), count(it.fixed)).map(|seconds| seconds / 86_400.0);
        TimeToFix { severity, fixed: count(it.fixed), mean_days: mean }
    };
    let each = Severity::ALL.into_iter().zip(by_severity.into_iter().rev()).filter(|(_, it)| it.fixed > 0);
    let all = of(None, of_all(&by_severity));
    [all].into_iter().chain(each.map(|(severity, it)| of(Some(severity), it))).collect()
}

impl FindingStore {
    /// Counts and trends of a filter, as of the last refresh.
    pub(crate) fn dashboard(&self, filter: &DashboardFilter, now: Timestamp) -> Result<Dashboard> {
        let (since, today) = (day(filter.since.as_micros()), day(now.as_micros()));
        let happened = self.happened(filter)?;
        let severities = self.sums(
            "SELECT severity, sum(findings) FROM metric_counts{} GROUP BY severity ORDER BY severity DESC",
            &filter.open(),
            |row| Ok(SeverityCount { severity: severity(row.get(0)?), open: row.get(1)? }),
        )?;
        let words = |sql: &str, conditions: &Conditions| {
            self.sums(sql, conditions, |row| Ok(LabelCount { name: row.get(0)?, findings: row.get(1)? }))
        };
        let verdicts = words(
            "SELECT label, sum(findings) AS number FROM metric_labels{} GROUP BY label ORDER BY number DESC, label",
            &filter.labelled("reachability"),
        )?;
        let of = |names: &[&str]| -> u64 {
            verdicts.iter().filter(|it| names.contains(&it.name.as_str())).map(|it| it.findings).sum()
        };
        let analyzed = verdicts.iter().map(|it| it.findings).sum::<u64>() - of(&["not-analyzed"]);
        let reachable = of(&["reachable", "always-reachable"]);
        Ok(Dashboard {
            open: severities.iter().map(|it| it.open).sum(),
            severities,
            kinds: words(
                "SELECT kind, sum(findings) FROM metric_counts{} GROUP BY kind ORDER BY kind",
                &filter.open(),
            )?,
            statuses: words(
                "SELECT status, sum(findings) AS number FROM metric_counts{} GROUP BY status \
                 ORDER BY number DESC, status",
                &filter.conditions(),
            )?,
            repositories: self.repositories_of(filter)?,
            ages: ages(&happened, today),
            days: days(&happened, since, today),
            time_to_fix: time_to_fix(&happened, since),
            cwes: self.top(
                filter,
                "SELECT label, sum(findings) AS number FROM metric_labels{} GROUP BY label \
                 ORDER BY number DESC, CAST(label AS INTEGER)",
                &filter.labelled("cwe"),
                |row| {
                    let cwe = row.get_ref(0)?.as_str().unwrap_or_default().parse().unwrap_or_default();
                    Ok(CweCount { cwe, name: cwe::name(cwe).map(str::to_owned), open: row.get(1)? })
                },
            )?,
            top25: self.top25(filter)?,
            packages: self.top(
                filter,
                "SELECT label, sum(findings) AS number FROM metric_labels{} GROUP BY label ORDER BY number DESC, label",
                &filter.labelled("package"),
                |row| {
                    let label: String = row.get(0)?;
                    let (ecosystem, name) = label.split_once(' ').unwrap_or(("", &label));
                    Ok(PackageCount { ecosystem: ecosystem.to_owned(), name: name.to_owned(), open: row.get(1)? })
                },
            )?,
            reachability: ReachableShare { share: share(reachable, analyzed), analyzed, reachable, verdicts },
        })
    }

    /// Rows of a query whose `{}` is the place of its conditions.
    fn sums<T>(
        &self,
        sql: &str,
        conditions: &Conditions,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(&sql.replacen("{}", &conditions.clause(), 1))?;
        let parameters: Vec<&dyn ToSql> = conditions.parameters.iter().map(AsRef::as_ref).collect();
        let rows = statement.query_map(parameters.as_slice(), read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn top<T>(
        &self,
        filter: &DashboardFilter,
        sql: &str,
        conditions: &Conditions,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.sums(&format!("{sql} LIMIT {}", filter.top), conditions, read)
    }

    fn repositories_of(&self, filter: &DashboardFilter) -> Result<Vec<RepositoryCount>> {
        self.top(
            filter,
            "SELECT full_name, sum(findings) AS number, sum(findings) FILTER (WHERE severity = 5), \
             sum(findings) FILTER (WHERE severity = 4) FROM metric_counts \
             JOIN (SELECT id AS project, repository_id AS repository FROM projects) ON project = project_id \
             LEFT JOIN (SELECT id AS known, full_name FROM repositories) ON known = repository{} \
             GROUP BY repository ORDER BY number DESC, full_name",
            &filter.open(),
            |row| {
                let number = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<u64>>(column)?.unwrap_or(0));
                Ok(RepositoryCount {
                    repository: row.get(0)?,
                    open: number(1)?,
                    critical: number(2)?,
                    high: number(3)?,
                })
            },
        )
    }

    /// What happened on each day, by severity.
    fn happened(&self, filter: &DashboardFilter) -> Result<BTreeMap<i64, [Happened; 6]>> {
        // Only with a condition on projects their own rows are read.
        let conditions = filter.conditions();
        let table = if filter.projects().sql.is_empty() { "metric_totals" } else { "metric_days" };
        let sql = format!("SELECT day, severity, {} FROM {table}{}", Happened::COLUMNS, conditions.clause());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let parameters: Vec<&dyn ToSql> = conditions.parameters.iter().map(AsRef::as_ref).collect();
        let mut rows = statement.query(parameters.as_slice())?;
        let mut days = BTreeMap::<i64, [Happened; 6]>::new();
        while let Some(row) = rows.next()? {
            let of_day = days.entry(row.get(0)?).or_default();
            if let Some(of_severity) = of_day.get_mut(row.get::<_, usize>(1)?) {
                *of_severity += Happened::of_row(row, 2)?;
            }
        }
        Ok(days)
    }

    fn top25(&self, filter: &DashboardFilter) -> Result<Top25Share> {
        let count = |dimension: &'static str, label: &'static str| -> Result<u64> {
            let mut conditions = filter.labelled(dimension);
            conditions.one("label = ?", Some(label));
            let sql = "SELECT coalesce(sum(findings), 0) FROM metric_labels{}";
            let sums: Vec<u64> = self.sums(sql, &conditions, |row| row.get(0))?;
            Ok(sums.into_iter().sum())
        };
        let edition = Edition::default();
        let (with_weakness, listed) = (count("weakness", "named")?, count("top25", edition.as_str())?);
        Ok(Top25Share { edition, with_weakness, listed, share: share(listed, with_weakness) })
    }
}
