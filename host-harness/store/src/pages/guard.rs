//! Too much that is gone at once is a vendor or a token that shows less, more
//! often than a company that has solved its problems: it is asked about before
//! anything is marked.

use std::{collections::BTreeSet, fmt, str::FromStr};

use appsec_grant::Code;
use rusqlite::{Connection, params, params_from_iter};

use crate::{
    error::{Cause, Result},
    seen::Seen,
    status::OPEN,
};
use appsec_analysis::status::is_open;

/// Fewer findings than this may always be marked: a small project may lose all
/// of its findings.
pub const AT_LEAST: u64 = 20;

/// A part of a whole, in percent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Percent(u8);

/// A text is no percentage.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("write a whole number from 0 to 100, such as 30%")]
pub struct PercentError;

impl Percent {
    /// What one sync may find gone without a question, where nothing else is set.
    pub const DEFAULT_REMOVAL: Self = Self(30);

    /// So many percent.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let number = text.strip_suffix('%').unwrap_or(text).trim_end();
        number.parse().ok().and_then(Self::new).ok_or(PercentError)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}%", self.0)
    }
}

/// What to do with what a complete read has not brought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnAbsence {
    /// Mark it as vanished, however much it is.
    #[default]
    Mark,
    /// Mark it, unless it is more than this share of the open findings in the
    /// read's scope, or of those of the instance over the run so far.
    Guard(Percent),
    /// Mark nothing, and keep a list of it.
    Show,
}

/// Where records are gone from.
pub(super) struct Scope<'a> {
    pub instance_id: i64,
    pub run_id: i64,
    /// Kind of the read, and the row ids of its projects; none for all kinds
    /// and projects.
    pub of: Option<(&'a str, &'a [i64])>,
}

/// Tells why these records are not to be marked as vanished, and keeps the list
/// of their findings; none where they may be.
pub(super) fn refuse(
    connection: &Connection,
    on_absence: OnAbsence,
    scope: &Scope<'_>,
    gone: &[i64],
) -> Result<Option<Cause>> {
    if gone.is_empty() || on_absence == OnAbsence::Mark {
        return Ok(None);
    }
    let absent = Absent::of(connection, gone)?;
    let why = match on_absence {
        OnAbsence::Mark => None,
        OnAbsence::Show => Some(Cause::new(
            Code::DryRun,
            format!(
                "nothing was marked, as asked: {} findings would vanish, {} of them open{}",
                absent.findings.len(),
                absent.open,
                match absent.others {
                    0 => String::new(),
                    others => format!(", and {others} other records"),
                }
            ),
        )),
        OnAbsence::Guard(limit) => too_many(connection, limit, scope, &absent)?.map(|(part, whole, what)| {
            let share = part.saturating_mul(100).checked_div(whole).unwrap_or(100);
            Cause::new(
                Code::RemovalRefused,
                format!(
                    "nothing was marked as vanished: {part} of {whole} {what} would be, {share}% with a limit of {limit}"
                ),
            )
        }),
    };
    if why.is_some() {
        let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO vanishing VALUES (?1, ?2)")?;
        for finding in &absent.findings {
            insert.execute([scope.run_id, *finding])?;
        }
    }
    Ok(why)
}

/// What would vanish with some records.
struct Absent {
    /// Findings of which no record is left.
    findings: BTreeSet<i64>,
    /// Those of them that are open.
    open: u64,
    /// Records that are no findings: packages of an inventory.
    others: u64,
}

impl Absent {
    fn of(connection: &Connection, gone: &[i64]) -> Result<Self> {
        let mut ids = Seen::default();
        gone.iter().for_each(|id| _ = ids.insert(*id));
        let mut finding = connection.prepare_cached("SELECT finding_id, package_id FROM records WHERE id = ?1")?;
        let mut status = connection.prepare_cached("SELECT project_id, status FROM findings WHERE id = ?1")?;
        let mut occurrences = connection.prepare_cached(
            "SELECT id FROM records WHERE project_id = ?1 AND finding_id = ?2 AND vanished_at IS NULL",
        )?;
        let mut absent = Self { findings: BTreeSet::new(), open: 0, others: 0 };
        let mut looked_at = BTreeSet::new();
        for id in gone {
            let (found, package): (Option<i64>, Option<i64>) =
                finding.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let Some(found) = found else {
                absent.others += u64::from(package.is_some());
                continue;
            };
            if !looked_at.insert(found) {
                continue;
            }
            let (project_id, open) = status
                .query_row([found], |row| Ok((row.get::<_, i64>(0)?, row.get_ref(1)?.as_str().is_ok_and(is_open))))?;
            let mut rows = occurrences.query([project_id, found])?;
            let mut left = false;
            while let Some(row) = rows.next()? {
                left |= !ids.contains(row.get(0)?);
            }
            if !left {
                absent.findings.insert(found);
                absent.open += u64::from(open);
            }
        }
        Ok(absent)
    }
}

/// The part, the whole, and of what, where the part is more than it may be.
fn too_many(
    connection: &Connection,
    limit: Percent,
    scope: &Scope<'_>,
    absent: &Absent,
) -> Result<Option<(u64, u64, &'static str)>> {
    let over = |part: u64, whole: u64| part >= AT_LEAST && part * 100 > whole * u64::from(limit.get());
    let open = OPEN;
    if let Some((kind, projects)) = scope.of {
        if absent.open >= AT_LEAST {
            let sql = format!(
                "SELECT project_id, count(*) FROM findings WHERE instance_id = ?1 AND kind = ?2 AND {open} \
                 GROUP BY project_id"
            );
            let wanted: BTreeSet<&i64> = projects.iter().collect();
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![scope.instance_id, kind])?;
            let mut whole = 0;
            while let Some(row) = rows.next()? {
                if wanted.contains(&row.get::<_, i64>(0)?) {
                    whole += row.get::<_, u64>(1)?;
                }
            }
            if over(absent.open, whole) {
                return Ok(Some((absent.open, whole, "open findings in the scope of the read")));
            }
        }
        if absent.others >= AT_LEAST {
            let mut statement = connection.prepare_cached(
                "SELECT count(*) FROM records WHERE project_id = ?1 AND finding_id IS NULL AND kind = ?2 \
                 AND vanished_at IS NULL AND package_id IS NOT NULL",
            )?;
            let mut whole = 0;
            for project in projects {
                whole += statement.query_row(params![project, kind], |row| row.get::<_, u64>(0))?;
            }
            if over(absent.others, whole) {
                return Ok(Some((absent.others, whole, "packages in the scope of the read")));
            }
        }
    }
    // Many small reads that each lose little.
    let so_far: u64 = connection.query_row(
        "SELECT coalesce(sum(open_vanished), 0) FROM run_projects WHERE run_id = ?1",
        [scope.run_id],
        |row| row.get(0),
    )?;
    let part = so_far + absent.open;
    if absent.open > 0 && part >= AT_LEAST {
        let sql = format!("SELECT count(*) FROM findings WHERE instance_id = ?1 AND {open}");
        let left: u64 = connection.query_row(&sql, params_from_iter([scope.instance_id]), |row| row.get(0))?;
        if over(part, left + so_far) {
            return Ok(Some((part, left + so_far, "open findings of the instance")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
