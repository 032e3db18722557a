//! A page of findings: in which order, how many there are, and how it goes on.
//!
//! The rows of the index `findings_by_urgency` are what views ask for most:
//! about security, asking for work, most urgent first; `findings_inactive` holds
//! all others. Conditions on their columns are decided while they are walked.
//! For others the first [`CANDIDATES`] are looked at, which fills a page where
//! what is asked for is not rare, and all rows only if they do not.

use std::{fmt, fmt::Write};

use crate::{
    database::FindingStore,
    error::{Result, StoreError},
    filter::{Filter, Resolved},
    findings::{FINDING_COLUMNS, FindingRow, RowFacts, finding_row},
    order::{Cursor, Sort},
    subject::Shared,
};
use rusqlite::{ToSql, types::Value};
use serde::Serialize;

/// The most urgent rows that are looked at before all are.
const CANDIDATES: u32 = 2_000;

/// Up to here rows are counted that cannot be counted in an index.
const COUNTED: u32 = 1_000;

/// How many rows a filter has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Total {
    /// The number.
    pub total: u64,
    /// What the number says.
    pub total_is: TotalIs,
}

/// What a number of rows says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TotalIs {
    /// All were counted.
    Exact,
    /// Counting ended here: there are that many or more.
    AtLeast,
}

impl fmt::Display for Total {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total_is {
            TotalIs::Exact => write!(out, "{}", self.total),
            TotalIs::AtLeast => write!(out, "at least {}", self.total),
        }
    }
}

/// A page of findings.
#[derive(Clone, Debug)]
pub struct FindingPage {
    /// Its rows.
    pub rows: Vec<FindingRow>,
    /// How many there are on all pages.
    pub total: Total,
    /// Where the next page begins; none where this is the last one.
    pub next: Option<Cursor>,
}

/// Where rows are read from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// The indexes, which decide everything.
    Index,
    /// Their first rows, for a look at each.
    Candidates,
    /// The rows themselves.
    Rows,
}

impl FindingStore {
    /// A page of findings.
    pub(crate) fn view(&self, filter: &Filter) -> Result<FindingPage> {
        let resolved = self.resolved(filter)?;
        let wanted = u64::from(filter.limit) + 1;
        let mut found = Vec::new();
        if filter.limit > 0 {
            if !resolved.named && filter.sort == Sort::Priority && !resolved.rest.sql.is_empty() {
                found = self.keys(&resolved, filter, Way::Candidates)?;
            }
            if (found.len() as u64) < wanted {
                found = self.keys(&resolved, filter, resolved.best(filter))?;
            }
        }
        let more = found.len() as u64 == wanted;
        if more {
            found.pop();
        }
        let next = match found.last() {
            Some(keys) if more => Some(Cursor::behind(filter.sort, filter.reverse, keys.clone())),
            _ => None,
        };
        // The last page tells how many there are.
        let total = if filter.limit > 0 && !more && filter.after.is_none() && (filter.offset == 0 || !found.is_empty())
        {
            Total { total: u64::from(filter.offset) + found.len() as u64, total_is: TotalIs::Exact }
        } else {
            self.total(&resolved, filter, false)?
        };
        let ids = found.iter().filter_map(|keys| match keys.last() {
            Some(Value::Integer(id)) => Some(*id),
            _ => None,
        });
        Ok(FindingPage { rows: self.rows(ids, filter.facts)?, total, next })
    }

    /// Findings of a filter and how many there are in all, counted to the end.
    pub(crate) fn findings(&self, filter: &Filter) -> Result<(Vec<FindingRow>, u64)> {
        let page = self.view(filter)?;
        let total = match page.total.total_is {
            TotalIs::Exact => page.total,
            TotalIs::AtLeast => self.total(&self.resolved(filter)?, filter, true)?,
        };
        Ok((page.rows, total.total))
    }

    /// The keys of the rows of a page, and of one more. The last key is the
    /// public id.
    fn keys(&self, resolved: &Resolved, filter: &Filter, way: Way) -> Result<Vec<Vec<Value>>> {
        let (sql, own) = page_sql(resolved, filter, way)?;
        let own = || own.iter().map(|it| it as &dyn ToSql);
        let mut parameters: Vec<&dyn ToSql> = Vec::new();
        // Each part of the indexes is asked for by itself.
        for _ in 0..if way == Way::Rows { 1 } else { parts(filter.urgent()).len() } {
            parameters.extend(resolved.covered.parameters().chain(own()));
        }
        parameters.extend(resolved.rest.parameters());
        let (limit, offset) = (i64::from(filter.limit) + 1, filter.offset);
        parameters.extend([&limit as &dyn ToSql, &offset]);
        let count = filter.sort.keys().len();
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(parameters.as_slice(), |row| (0..count).map(|key| row.get(key)).collect())?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn total(&self, resolved: &Resolved, filter: &Filter, exact: bool) -> Result<Total> {
        let bounded = !exact && !resolved.named && !resolved.rest.sql.is_empty();
        let sql = count_sql(resolved, filter, bounded);
        // The indexes are counted one by one.
        let times = if resolved.rest.sql.is_empty() { parts(filter.urgent()).len() } else { 1 };
        let covered = (0..times).flat_map(|_| resolved.covered.parameters());
        let parameters: Vec<&dyn ToSql> = covered.chain(resolved.rest.parameters()).collect();
        let total = self.connection.prepare_cached(&sql)?.query_row(parameters.as_slice(), |row| row.get(0))?;
        let total_is = if bounded && total >= u64::from(COUNTED) { TotalIs::AtLeast } else { TotalIs::Exact };
        Ok(Total { total, total_is })
    }

    /// Rows by their public ids.
    pub(super) fn rows(&self, ids: impl IntoIterator<Item = i64>, facts: bool) -> Result<Vec<FindingRow>> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {} WHERE findings.public_id = ?1", *FINDING_COLUMNS))?;
        let (mut shared, mut rows) = (Shared::default(), Vec::new());
        let runs = self.last_runs()?;
        for id in ids {
            let (mut shown, of) = statement.query_row([id], finding_row)?;
            shown.is_about(shared.rule(&self.connection, of.instance, shown.rule_id.as_deref())?.as_deref());
            shown.is_seen_by(&runs);
            if facts && let Some(content) = self.decoder.content(&self.connection, of.leading)? {
                shown.facts = Some(RowFacts::from(&content.finding()?));
            }
            rows.push(shown);
        }
        Ok(rows)
    }
}

impl Resolved {
    /// Where a filter's rows are read from when all of them are looked at.
    fn best(&self, filter: &Filter) -> Way {
        if self.rest.sql.is_empty() && filter.sort.is_covered() { Way::Index } else { Way::Rows }
    }
}

/// An index over a part of all findings, in the order of [`Sort::Priority`].
struct Part {
    index: &'static str,
    /// What its rows have in common, in its own words.
    of: &'static str,
}

/// What is about security and asks for work.
const URGENT: Part = Part {
    index: "findings_by_urgency",
    of: "security = 1 AND (findings.status = 'open' OR findings.status = 'reviewing' \
         OR findings.status = 'fixing' OR findings.status = 'unknown')",
};

/// All others.
const OTHERS: Part = Part {
    index: "findings_inactive",
    of: "NOT (security = 1 AND (findings.status = 'open' OR findings.status = 'reviewing' \
         OR findings.status = 'fixing' OR findings.status = 'unknown'))",
};

/// The parts that a filter's rows are in.
const fn parts(urgent: Option<bool>) -> &'static [Part] {
    match urgent {
        Some(true) => &[URGENT],
        Some(false) => &[OTHERS],
        None => &[URGENT, OTHERS],
    }
}

/// What a filter's rows have in common, where they are in one part.
const fn common(urgent: Option<bool>) -> &'static str {
    match parts(urgent) {
        [part] => part.of,
        _ => "",
    }
}

/// The query for the keys of a page, and the parameters of its cursor.
fn page_sql(resolved: &Resolved, filter: &Filter, way: Way) -> Result<(String, Vec<Value>)> {
    let keys = filter.sort.keys();
    let ordered = |names: &dyn Fn(usize, &str) -> String| {
        let falls = |falls: bool| if falls != filter.reverse { "DESC" } else { "ASC" };
        let order = keys.iter().enumerate().map(|(at, (name, it))| format!("{} {}", names(at, name), falls(*it)));
        order.collect::<Vec<_>>().join(", ")
    };
    let order = ordered(&|_, name| name.to_owned());
    let names: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let (behind, own) = match &filter.after {
        None => (String::new(), Vec::new()),
        Some(cursor) if cursor.sort == filter.sort && cursor.reverse == filter.reverse => behind(cursor),
        Some(_) => return Err(StoreError::OtherOrder),
    };
    // What is before the page is counted over all parts.
    let enough = match way {
        Way::Candidates => u64::from(CANDIDATES),
        Way::Index | Way::Rows => u64::from(filter.limit) + 1 + u64::from(filter.offset),
    };
    let of_index = |select: &str| {
        let of_part = |Part { index, of }: &Part| {
            let conditions = clause([*of].into_iter().chain(resolved.covered.all()).chain([behind.as_str()]));
            format!("SELECT {select} FROM findings INDEXED BY {index}{conditions} ORDER BY {order}")
        };
        match parts(filter.urgent()) {
            [part] => of_part(part),
            parts => {
                let limited = parts.iter().map(|part| format!("SELECT * FROM ({} LIMIT {enough})", of_part(part)));
                let named = ordered(&|at, _| format!("k{at}"));
                format!("SELECT * FROM ({}) ORDER BY {named}", limited.collect::<Vec<_>>().join(" UNION ALL "))
            }
        }
    };
    let aliased: Vec<String> = keys.iter().enumerate().map(|(at, (name, _))| format!("{name} AS k{at}")).collect();
    let sql = match way {
        Way::Candidates => format!(
            "SELECT {names} FROM ({} LIMIT {CANDIDATES}) AS candidates CROSS JOIN findings ON findings.id = candidates.row{} \
             ORDER BY {order} LIMIT ? OFFSET ?",
            of_index(&format!("{}, findings.id AS row", aliased.join(", "))),
            clause(resolved.rest.all()),
        ),
        Way::Index => format!("{} LIMIT ? OFFSET ?", of_index(&aliased.join(", "))),
        Way::Rows => format!(
            "SELECT {names} FROM findings{} CROSS JOIN projects ON projects.id = findings.project_id{} \
             ORDER BY {order} LIMIT ? OFFSET ?",
            rows_hint(resolved),
            clause(
                [common(filter.urgent())]
                    .into_iter()
                    .chain(resolved.covered.all())
                    .chain([behind.as_str()])
                    .chain(resolved.rest.all())
            ),
        ),
    };
    Ok((sql, own))
}

/// All of these conditions that say something.
fn clause<'a>(conditions: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = conditions.filter(|it| !it.is_empty()).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

/// The condition that a row comes behind a cursor, with its parameters: one key
/// after the other, from the first one that differs.
fn behind(cursor: &Cursor) -> (String, Vec<Value>) {
    let mut sql = String::new();
    let mut parameters = Vec::new();
    let keys = cursor.sort.keys();
    for (position, ((name, falls), value)) in keys.iter().zip(&cursor.keys).enumerate() {
        let beyond = if *falls != cursor.reverse { "<" } else { ">" };
        let last = position + 1 == keys.len();
        // Writing to a `String` does not fail.
        let _ = if last {
            write!(sql, "{name} {beyond} ?{}", ")".repeat(position * 2))
        } else {
            // The first half is what an index is searched by.
            write!(sql, "{name} {beyond}= ? AND ({name} {beyond} ? OR (")
        };
        parameters.extend(std::iter::repeat_n(value.clone(), if last { 1 } else { 2 }));
    }
    (format!("({sql})"), parameters)
}

/// How all rows are looked at. Row by row in the order of an index takes ten
/// times as long as one pass over the table, and SQLite would do it.
fn rows_hint(resolved: &Resolved) -> &'static str {
    if resolved.named { "" } else { " NOT INDEXED" }
}

/// All rows of a filter, as the end of a query.
pub(crate) fn of_rows(resolved: &Resolved, filter: &Filter) -> String {
    let conditions = [common(filter.urgent())].into_iter().chain(resolved.covered.all()).chain(resolved.rest.all());
    format!("FROM findings{}{}", rows_hint(resolved), clause(conditions))
}

/// The query that counts, to the end or to [`COUNTED`].
fn count_sql(resolved: &Resolved, filter: &Filter, bounded: bool) -> String {
    if resolved.rest.sql.is_empty() {
        let of_part = |Part { index, of }: &Part| {
            let conditions = clause([*of].into_iter().chain(resolved.covered.all()));
            format!("(SELECT count(*) FROM findings INDEXED BY {index}{conditions})")
        };
        let counts: Vec<String> = parts(filter.urgent()).iter().map(of_part).collect();
        return format!("SELECT {}", counts.join(" + "));
    }
    let rows = of_rows(resolved, filter);
    if bounded {
        format!("SELECT count(*) FROM (SELECT 1 {rows} LIMIT {COUNTED})")
    } else {
        format!("SELECT count(*) {rows}")
    }
}

#[cfg(test)]
mod tests;
