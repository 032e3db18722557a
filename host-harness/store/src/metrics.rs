//! Counts and trends for dashboards.
//!
#![doc = include_str!("metrics.md")]

mod dashboard;

use std::collections::BTreeMap;

use appsec_analysis::{Edition, dates, fix, status::ACTIVE};
use appsec_model::{Finding, Fix, Rule, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, ToSql, params, params_from_iter};
use serde::{Deserialize, Serialize};

pub use self::dashboard::{
    AgeCount, CweCount, Dashboard, DashboardFilter, DayCounts, LabelCount, PackageCount, ReachableShare,
    RepositoryCount, SeverityCount, TimeToFix, Top25Share,
};
use crate::{
    columns::{document, json},
    error::Result,
    subject::{Dirty, Subject},
};

const DAY: i64 = 86_400_000_000;

/// The day of a moment.
fn day(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

/// How a finding was opened or closed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Turn {
    New,
    Reopened,
    Fixed,
    Vanished,
    Dismissed,
}

impl Turn {
    fn opens(self) -> bool {
        matches!(self, Self::New | Self::Reopened)
    }
}

/// What a finding contributes.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Contribution {
    project_id: i64,
    kind: String,
    security: bool,
    severity: i64,
    status: String,
    first_day: i64,
    fix_available: bool,
    /// Pairs of dimension and label; none while it is closed.
    labels: Vec<(String, String)>,
    /// Opened and closed by turns, with the moment in microseconds.
    turns: Vec<(i64, Turn)>,
}

const COLUMNS: &str =
    "project_id, kind, security, severity, status, first_day, fix_available, labels, turns, finding_id";

impl Contribution {
    fn of_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get(0)?,
            kind: row.get(1)?,
            security: row.get(2)?,
            severity: row.get(3)?,
            status: row.get(4)?,
            first_day: row.get(5)?,
            fix_available: row.get(6)?,
            labels: document("metric", row.get_ref(7)?.as_str().unwrap_or_default())?,
            turns: document("metric", row.get_ref(8)?.as_str().unwrap_or_default())?,
        })
    }

    /// What a finding contributes now, after what it contributed before.
    fn of(subject: &Subject<'_>, before: Option<&Self>) -> Self {
        let is_open = ACTIVE.contains(&subject.status.as_str());
        let mut turns = before.map(|before| before.turns.clone()).unwrap_or_default();
        let first_seen = subject.first_seen_at.as_micros();
        let closing = match subject.status.as_str() {
            "fixed" => Turn::Fixed,
            "vanished" => Turn::Vanished,
            _ => Turn::Dismissed,
        };
        if before.is_none() {
            // Of one that was closed before anybody looked, both dates are known or
            // nothing is counted.
            match subject.closed_at {
                _ if is_open => turns.push((first_seen, Turn::New)),
                Some(closed) => turns.extend([(first_seen, Turn::New), (closed.as_micros(), closing)]),
                None => {}
            }
        }
        // Another occurrence may tell an earlier date.
        let next = turns.get(1).map_or(i64::MAX, |(at, _)| *at);
        if let Some((at, Turn::New)) = turns.first_mut() {
            *at = first_seen.min(next);
        }
        let last = turns.last().copied();
        let was_open = last.is_some_and(|(_, turn)| turn.opens());
        // Time does not run backwards within a finding, whatever the clock says.
        let before = last.map_or(i64::MIN, |(at, _)| at);
        match (was_open, is_open) {
            (false, true) => {
                let closed = Timestamp::from_micros(before);
                let opened = dates::reopened_at(&subject.finding.lifecycle, closed, subject.changed_at);
                turns.push((opened.as_micros().max(before), Turn::Reopened));
            }
            (true, false) => {
                let closed = subject.closed_at.unwrap_or(subject.changed_at);
                turns.push((closed.as_micros().max(before), closing));
            }
            (true, true) | (false, false) => {}
        }
        Self {
            project_id: subject.project_id,
            kind: subject.kind.clone(),
            security: subject.security,
            severity: subject.severity as i64,
            status: subject.status.clone(),
            first_day: day(first_seen),
            fix_available: has_fix(&subject.finding),
            labels: if is_open { labels(&subject.finding, subject.rule.as_deref()) } else { Vec::new() },
            turns,
        }
    }
}

fn has_fix(finding: &Finding) -> bool {
    finding.dependency.as_ref().is_some_and(|it| matches!(fix::known(it), Fix::Upgrades { .. }))
}

/// What an open finding is counted under, each pair once.
fn labels(finding: &Finding, rule: Option<&Rule>) -> Vec<(String, String)> {
    let cwes = rule.map(|rule| rule.cwes.as_slice()).unwrap_or_default();
    let mut labels: Vec<(&str, String)> = Vec::new();
    labels.extend(cwes.iter().filter_map(|cwe| cwe.number).map(|number| ("cwe", number.to_string())));
    if !labels.is_empty() {
        labels.push(("weakness", "named".to_owned()));
    }
    let listed = Edition::ALL.into_iter().filter(|edition| edition.best_rank(cwes).is_some());
    labels.extend(listed.map(|edition| ("top25", edition.to_string())));
    if let Some(dependency) = &finding.dependency {
        let package = &dependency.package;
        labels.push(("package", format!("{} {}", package.ecosystem, package.name)));
        labels.push(("reachability", dependency.reachability.verdict.to_string()));
    }
    if has_fix(finding) {
        labels.push(("fix", "available".to_owned()));
    }
    labels.sort();
    labels.dedup();
    labels.into_iter().map(|(dimension, label)| (dimension.to_owned(), label)).collect()
}

/// What a batch changes in the sums.
#[derive(Default)]
struct Deltas<'a> {
    counts: BTreeMap<CountKey<'a>, i64>,
    labels: BTreeMap<LabelKey<'a>, i64>,
    days: BTreeMap<DayKey<'a>, Happened>,
}

/// Project, kind, security, severity, status.
type CountKey<'a> = (i64, &'a str, bool, i64, &'a str);
/// Dimension, label, project, kind, security.
type LabelKey<'a> = (&'a str, &'a str, i64, &'a str, bool);
/// Project, kind, security, severity, day.
type DayKey<'a> = (i64, &'a str, bool, i64, i64);

/// What happened on a day.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
struct Happened {
    new: i64,
    reopened: i64,
    fixed: i64,
    vanished: i64,
    dismissed: i64,
    fix_seconds: i64,
    still_open: i64,
}

impl Happened {
    const COLUMNS: &str = "new, reopened, fixed, vanished, dismissed, fix_seconds, still_open";

    fn numbers(&self) -> [i64; 7] {
        let Self { new, reopened, fixed, vanished, dismissed, fix_seconds, still_open } = *self;
        [new, reopened, fixed, vanished, dismissed, fix_seconds, still_open]
    }

    /// Reads [`Self::COLUMNS`], which begin at this column.
    fn of_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let number = |column: usize| row.get(first + column);
        Ok(Self {
            new: number(0)?,
            reopened: number(1)?,
            fixed: number(2)?,
            vanished: number(3)?,
            dismissed: number(4)?,
            fix_seconds: number(5)?,
            still_open: number(6)?,
        })
    }
}

impl std::ops::AddAssign for Happened {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.reopened += other.reopened;
        self.fixed += other.fixed;
        self.vanished += other.vanished;
        self.dismissed += other.dismissed;
        self.fix_seconds += other.fix_seconds;
        self.still_open += other.still_open;
    }
}

impl<'a> Deltas<'a> {
    /// Adds a contribution (`by` is 1), or takes it out (-1).
    fn add(&mut self, it: &'a Contribution, by: i64) {
        let kind = it.kind.as_str();
        *self.counts.entry((it.project_id, kind, it.security, it.severity, it.status.as_str())).or_default() += by;
        for (dimension, label) in &it.labels {
            let key = (dimension.as_str(), label.as_str(), it.project_id, kind, it.security);
            *self.labels.entry(key).or_default() += by;
        }
        let of_day = |day| (it.project_id, kind, it.security, it.severity, day);
        if ACTIVE.contains(&it.status.as_str()) {
            self.days.entry(of_day(it.first_day)).or_default().still_open += by;
        }
        let mut opened_at = None;
        for (at, turn) in &it.turns {
            let happened = self.days.entry(of_day(day(*at))).or_default();
            match turn {
                Turn::New => happened.new += by,
                Turn::Reopened => happened.reopened += by,
                Turn::Fixed => {
                    happened.fixed += by;
                    happened.fix_seconds += by * opened_at.map_or(0, |opened: i64| (at - opened) / 1_000_000);
                }
                Turn::Vanished => happened.vanished += by,
                Turn::Dismissed => happened.dismissed += by,
            }
            opened_at = turn.opens().then_some(*at);
        }
    }

    /// Writes the sums.
    fn apply(&self, connection: &Connection) -> Result<()> {
        let keys = "project_id, kind, security, severity, status";
        let mut counts = Sums::of(connection, "metric_counts", keys, "findings")?;
        for ((project, kind, security, severity, status), by) in &self.counts {
            counts.add(params![project, kind, security, severity, status], &[*by])?;
        }
        let keys = "dimension, label, project_id, kind, security";
        let mut labels = Sums::of(connection, "metric_labels", keys, "findings")?;
        for ((dimension, label, project, kind, security), by) in &self.labels {
            labels.add(params![dimension, label, project, kind, security], &[*by])?;
        }
        let keys = "project_id, kind, security, severity, day";
        let mut days = Sums::of(connection, "metric_days", keys, Happened::COLUMNS)?;
        let mut totals = BTreeMap::<_, Happened>::new();
        for ((project, kind, security, severity, day), by) in &self.days {
            days.add(params![project, kind, security, severity, day], &by.numbers())?;
            *totals.entry((day, kind, security, severity)).or_default() += *by;
        }
        let mut sums = Sums::of(connection, "metric_totals", "day, kind, security, severity", Happened::COLUMNS)?;
        for ((day, kind, security, severity), by) in totals {
            sums.add(params![day, kind, security, severity], &by.numbers())?;
        }
        Ok(())
    }
}

/// Sums of a table. Those that are nothing any more go.
struct Sums<'a> {
    add: CachedStatement<'a>,
    remove: CachedStatement<'a>,
}

impl<'a> Sums<'a> {
    /// A table by the columns of its key, and of its numbers.
    fn of(connection: &'a Connection, table: &str, key: &str, numbers: &str) -> Result<Self> {
        let list =
            |columns: &str, of: &dyn Fn(&str) -> String| columns.split(", ").map(of).collect::<Vec<_>>().join(", ");
        let sign = |_: &str| "?".to_owned();
        let (keys, signs) = (list(key, &sign), list(numbers, &sign));
        let sums = list(numbers, &|it| format!("{it} = {it} + excluded.{it}"));
        let nothing = list(numbers, &|_| "0".to_owned());
        Ok(Self {
            add: connection.prepare_cached(&format!(
                "INSERT INTO {table} ({key}, {numbers}) VALUES ({keys}, {signs}) ON CONFLICT DO UPDATE SET {sums}"
            ))?,
            remove: connection.prepare_cached(&format!(
                "DELETE FROM {table} WHERE ({key}) = ({keys}) AND ({numbers}) = ({nothing})"
            ))?,
        })
    }

    fn add(&mut self, key: &[&dyn ToSql], by: &[i64]) -> Result<()> {
        if by.iter().all(|it| *it == 0) {
            return Ok(());
        }
        let numbers = by.iter().map(|it| it as &dyn ToSql);
        self.add.execute(params_from_iter(key.iter().copied().chain(numbers)))?;
        if by.iter().any(|it| *it < 0) {
            self.remove.execute(key)?;
        }
        Ok(())
    }
}

/// Brings the sums up to date with findings that changed.
pub(super) fn refresh(connection: &Connection, batch: &[Dirty<'_>]) -> Result<()> {
    let mut known =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM metric_findings WHERE finding_id = ?1"))?;
    let mut put = connection.prepare_cached(&format!(
        "INSERT INTO metric_findings ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (finding_id) DO UPDATE SET project_id = ?1, kind = ?2, security = ?3, severity = ?4, status = ?5, \
         first_day = ?6, fix_available = ?7, labels = ?8, turns = ?9"
    ))?;
    let mut remove = connection.prepare_cached("DELETE FROM metric_findings WHERE finding_id = ?1")?;
    let last: i64 = connection
        .prepare_cached("SELECT coalesce(max(finding_id), 0) FROM metric_findings")?
        .query_row([], |row| row.get(0))?;
    let mut changed = Vec::with_capacity(batch.len());
    for stale in batch {
        let before = match stale.id > last {
            true => None,
            false => known.query_row([stale.id], |row| Ok(Contribution::of_row(row))).optional()?.transpose()?,
        };
        let after = stale.subject.as_ref().map(|subject| Contribution::of(subject, before.as_ref()));
        if before != after {
            changed.push((stale, before, after));
        }
    }
    let mut deltas = Deltas::default();
    for (stale, before, after) in &changed {
        if let Some(before) = before {
            deltas.add(before, -1);
        }
        match after {
            None => _ = remove.execute([stale.id])?,
            Some(after) => {
                deltas.add(after, 1);
                put.execute(params![
                    after.project_id,
                    after.kind,
                    after.security,
                    after.severity,
                    after.status,
                    after.first_day,
                    after.fix_available,
                    json("metric", &after.labels)?,
                    json("metric", &after.turns)?,
                    stale.id
                ])?;
            }
        }
    }
    deltas.apply(connection)
}

/// Makes the sums again of what each finding contributes.
#[cfg(test)]
fn rebuild(connection: &Connection) -> Result<()> {
    let tables = ["metric_counts", "metric_labels", "metric_days", "metric_totals"];
    connection.execute_batch(&tables.map(|table| format!("DELETE FROM {table};")).concat())?;
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM metric_findings"))?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(Contribution::of_row(row)?);
    }
    let mut deltas = Deltas::default();
    all.iter().for_each(|it| deltas.add(it, 1));
    deltas.apply(connection)
}

#[cfg(test)]
mod tests;
