//! Too much that is gone at once is a vendor or a token that shows less, more
//! often than a company that has solved its problems: it is asked about before
//! anything is marked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use appsec_grant::{Code, counted};
use rusqlite::{Connection, OptionalExtension, params};

use super::looked_at::{LookedAt, Unseen};
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

/// What to do with what the complete reads of a run have not brought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnAbsence {
    /// Mark it as vanished, however much it is.
    #[default]
    Mark,
    /// Mark it, unless it is more than this share of what is open in the scope of a
    /// read, or in the scope of the run.
    Guard(Percent),
    /// Mark nothing, and keep a list of it.
    Show,
}

/// What a complete read has not brought.
pub(super) struct Absence {
    pub fetch_id: i64,
    pub kind: String,
    /// Row ids of the projects that it looked at.
    pub scope: Vec<i64>,
    /// Records.
    pub gone: Vec<i64>,
}

/// What a run has not brought.
pub(super) struct Missing {
    pub instance_id: i64,
    pub run_id: i64,
    /// Origin of its records.
    pub origin: String,
    /// The refs that it looked at, as JSON; none for all.
    pub refs: Option<String>,
    pub absences: Vec<Absence>,
    /// Projects that are not listed any more, and their records.
    pub unlisted: Vec<(i64, Vec<i64>)>,
}

impl Missing {
    /// All records that are gone.
    pub fn gone(&self) -> impl Iterator<Item = i64> {
        let of_reads = self.absences.iter().flat_map(|it| &it.gone);
        of_reads.chain(self.unlisted.iter().flat_map(|(_, gone)| gone)).copied()
    }

    /// Tells why nothing of it is to be marked as vanished, and keeps the list of
    /// its findings; none where all of it may be.
    pub fn refuse(
        &self,
        connection: &Connection,
        on_absence: OnAbsence,
        looked_at: &LookedAt,
    ) -> Result<Option<Cause>> {
        if self.gone().next().is_none() || on_absence == OnAbsence::Mark {
            return Ok(None);
        }
        let absent = Absent::of(connection, self)?;
        let why = match on_absence {
            OnAbsence::Mark => None,
            OnAbsence::Show => Some(Cause::new(
                Code::DryRun,
                format!(
                    "nothing was marked, as asked: {} would vanish, {} of them open{}",
                    counted(absent.findings.len() as u64, "finding"),
                    absent.open(),
                    match absent.packages() {
                        0 => String::new(),
                        packages => format!(", and {} of an inventory", counted(packages, "package")),
                    }
                ),
            )),
            OnAbsence::Guard(limit) => {
                let why = match self.too_much(connection, limit, &absent)? {
                    Some(Share { part, whole, what }) => {
                        let share = part.saturating_mul(100).checked_div(whole).unwrap_or(100);
                        let all = absent.findings.len() as u64 + absent.packages();
                        let all =
                            if all > part { format!("; {all} findings and packages in all") } else { String::new() };
                        Some(format!("{part} of {whole} {what} would be, {share}% with a limit of {limit}{all}"))
                    }
                    None => self.doubt(connection, limit, &absent, looked_at)?,
                };
                let refused = |why| Cause::new(Code::RemovalRefused, format!("nothing was marked as vanished: {why}"));
                why.map(refused)
            }
        };
        if why.is_some() {
            let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO vanishing VALUES (?1, ?2)")?;
            for finding in &absent.findings {
                insert.execute([self.run_id, *finding])?;
            }
        }
        Ok(why)
    }

    /// The first share that is larger than it may be: of what one read looked at,
    /// or of all that the run did. Many small reads may each lose little.
    fn too_much(&self, connection: &Connection, limit: Percent, absent: &Absent) -> Result<Option<Share>> {
        let over = |part: u64, whole: u64| part >= AT_LEAST && part * 100 > whole * u64::from(limit.get());
        let kinds: [(&str, &Places, CountThere); 2] =
            [("open findings", &absent.open, Self::open_findings), ("packages", &absent.packages, Self::packages)];
        for (noun, gone, count_there) in kinds {
            if gone.values().sum::<u64>() < AT_LEAST {
                continue;
            }
            let there = count_there(self, connection)?;
            for it in &self.absences {
                let sum = |places: &Places| -> u64 {
                    it.scope.iter().filter_map(|project| places.get(&(*project, it.kind.clone()))).sum()
                };
                let (part, whole) = (sum(gone), sum(&there));
                if over(part, whole) {
                    let what = format!("{noun} of the kind {} in {}", it.kind, scope_in_words(connection, &it.scope)?);
                    return Ok(Some(Share { part, whole, what }));
                }
            }
            let (part, whole) = (gone.values().sum(), self.in_scope(&there));
            if over(part, whole) {
                return Ok(Some(Share { part, whole, what: format!("{noun} in the scope of the run") }));
            }
        }
        Ok(None)
    }

    /// Why the run cannot have seen what it did not bring.
    fn doubt(
        &self,
        connection: &Connection,
        limit: Percent,
        absent: &Absent,
        looked_at: &LookedAt,
    ) -> Result<Option<String>> {
        if *looked_at == LookedAt::All || absent.open() == 0 {
            return Ok(None);
        }
        let mut path = connection.prepare_cached("SELECT path, status FROM findings WHERE id = ?1")?;
        let mut paths = BTreeMap::new();
        for id in &absent.findings {
            let (path, open): (Option<String>, bool) =
                path.query_row([id], |row| Ok((row.get(0)?, row.get_ref(1)?.as_str().is_ok_and(is_open))))?;
            if let Some(path) = path.filter(|_| open) {
                *paths.entry(path).or_default() += 1;
            }
        }
        let unseen = Unseen { paths, whole: self.in_scope(&self.open_findings(connection)?) };
        looked_at.doubt(connection, self.run_id, &unseen, limit.get())
    }

    /// How many of these are in the scope of the run.
    fn in_scope(&self, there: &Places) -> u64 {
        let of_reads = self.absences.iter().flat_map(|it| it.scope.iter().map(|project| (*project, it.kind.as_str())));
        let of_reads: BTreeSet<(i64, &str)> = of_reads.collect();
        let unlisted: BTreeSet<i64> = self.unlisted.iter().map(|(project, _)| *project).collect();
        let is_of_run = |(project, kind): &(i64, String)| {
            unlisted.contains(project) || of_reads.contains(&(*project, kind.as_str()))
        };
        there.iter().filter(|(place, _)| is_of_run(place)).map(|(_, count)| count).sum()
    }

    /// Open findings that a record of the run's origin and refs is about.
    fn open_findings(&self, connection: &Connection) -> Result<Places> {
        let sql = format!(
            "SELECT project_id, kind, count(*) FROM findings WHERE instance_id = ?1 AND {OPEN} AND EXISTS \
             (SELECT 1 FROM records WHERE records.project_id = findings.project_id AND finding_id = findings.id \
             AND records.vanished_at IS NULL AND origin = ?2 \
             AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(?3) WHERE value IS records.ref))) \
             GROUP BY project_id, kind"
        );
        self.places(connection, &sql)
    }

    /// Packages of inventories that are there.
    fn packages(&self, connection: &Connection) -> Result<Places> {
        let sql = "SELECT project_id, kind, count(*) FROM records WHERE instance_id = ?1 AND origin = ?2 \
                   AND finding_id IS NULL AND package_id IS NOT NULL AND vanished_at IS NULL \
                   AND project_id IS NOT NULL AND (?3 IS NULL OR ref IS NULL) GROUP BY project_id, kind";
        self.places(connection, sql)
    }

    fn places(&self, connection: &Connection, sql: &str) -> Result<Places> {
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![self.instance_id, self.origin, self.refs], |row| {
            Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// Counts by project and kind.
type Places = BTreeMap<(i64, String), u64>;

/// What of a sort is there, in the scope of a run.
type CountThere = fn(&Missing, &Connection) -> Result<Places>;

/// A part of a whole that is too large.
struct Share {
    part: u64,
    whole: u64,
    what: String,
}

/// What would vanish with some records.
#[derive(Default)]
struct Absent {
    /// Findings of which no record is left.
    findings: BTreeSet<i64>,
    /// Those of them that are open.
    open: Places,
    /// Records that are no findings: packages of an inventory.
    packages: Places,
}

impl Absent {
    fn of(connection: &Connection, missing: &Missing) -> Result<Self> {
        let mut ids = Seen::default();
        missing.gone().for_each(|id| _ = ids.insert(id));
        let mut record =
            connection.prepare_cached("SELECT finding_id, package_id, project_id, kind FROM records WHERE id = ?1")?;
        let mut finding = connection.prepare_cached("SELECT project_id, kind, status FROM findings WHERE id = ?1")?;
        let mut occurrences = connection.prepare_cached(
            "SELECT id FROM records WHERE project_id = ?1 AND finding_id = ?2 AND vanished_at IS NULL",
        )?;
        let mut absent = Self::default();
        let mut looked_at = BTreeSet::new();
        for id in missing.gone() {
            type Row = (Option<i64>, Option<i64>, Option<i64>, String);
            let (found, package, project, kind): Row =
                record.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            let Some(found) = found else {
                if let (Some(_), Some(project)) = (package, project) {
                    *absent.packages.entry((project, kind)).or_default() += 1;
                }
                continue;
            };
            if !looked_at.insert(found) {
                continue;
            }
            let (place, open) = finding.query_row([found], |row| {
                let open = row.get_ref(2)?.as_str().is_ok_and(is_open);
                Ok(((row.get::<_, i64>(0)?, row.get::<_, String>(1)?), open))
            })?;
            let mut rows = occurrences.query([place.0, found])?;
            let mut left = false;
            while let Some(row) = rows.next()? {
                left |= !ids.contains(row.get(0)?);
            }
            if !left {
                absent.findings.insert(found);
                if open {
                    *absent.open.entry(place).or_default() += 1;
                }
            }
        }
        Ok(absent)
    }

    fn open(&self) -> u64 {
        self.open.values().sum()
    }

    fn packages(&self) -> u64 {
        self.packages.values().sum()
    }
}

/// Projects of a scope: the name of one, the number of several.
fn scope_in_words(connection: &Connection, scope: &[i64]) -> Result<String> {
    match scope {
        [project] => {
            let name = connection
                .prepare_cached("SELECT name FROM projects WHERE id = ?1")?
                .query_row([project], |row| row.get(0))
                .optional()?;
            Ok(name.unwrap_or_else(|| "a project".to_owned()))
        }
        several => Ok(counted(several.len() as u64, "project")),
    }
}

#[cfg(test)]
mod tests;
