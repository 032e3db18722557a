//! The run log: what a run brought by project, why it waited, which runs there
//! were, and how long they are kept.

use std::collections::HashMap;

use crate::{
    database::FindingStore,
    error::Result,
    runs::{FetchStats, Run, RunState},
};
use appsec_model::{Scope, Timestamp};
use rusqlite::{TransactionBehavior, params};
use serde::Serialize;

/// Results of a run for one project.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RunProject {
    /// Name of the project.
    pub project: String,
    /// Pages that held a record of it.
    pub pages: u64,
    /// Its records.
    pub records: u64,
    /// Records that were not known.
    pub new: u64,
    /// Records that are not what they were.
    pub changed: u64,
    /// Records that are what they were.
    pub unchanged: u64,
    /// Records that an earlier page held as well.
    pub duplicate: u64,
    /// Findings that were open and are fixed.
    pub fixed: u64,
    /// Findings that were fixed or vanished and are open again.
    pub reopened: u64,
    /// Findings that vanished.
    pub vanished: u64,
    /// Those of them that were open.
    pub open_vanished: u64,
    /// Remarks.
    pub warnings: u64,
    /// Records that could not be used.
    pub rejected: u64,
    /// Records that hold nothing for the model.
    pub skipped: u64,
    /// When its first page was ingested.
    pub first_at: Timestamp,
    /// When its last page was ingested.
    pub last_at: Timestamp,
    /// Resource usage of its fetches; null if it was fetched together with other projects,
    /// whose share cannot be told apart.
    pub usage: Option<ProjectUsage>,
}

/// Resource usage of the fetches of one project.
#[derive(Clone, Copy, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct ProjectUsage {
    /// Requests to the vendor.
    pub requests: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Times that the vendor asked to wait, or did not answer.
    pub waits: u64,
    /// Milliseconds waited.
    pub waited_ms: u64,
    /// Largest memory of a sandbox.
    pub peak_memory_bytes: u64,
}

/// Why a run waited.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct RunWait {
    /// Code of the error, such as `rate-limited`.
    pub reason: String,
    /// How often.
    pub waits: u64,
    /// Milliseconds in all.
    pub waited_ms: u64,
}

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this instance.
    pub instance_id: Option<i64>,
    /// In one of these states; empty for any.
    pub states: Vec<RunState>,
    /// That began at this time or later.
    pub since: Option<Timestamp>,
    /// That brought something of a project of this name, without case.
    pub project: Option<String>,
    /// At most so many.
    pub limit: u32,
    /// Behind so many.
    pub offset: u32,
}

/// Which runs are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keep {
    /// Those that began at this time or later.
    Since(Timestamp),
    /// The newest ones of each instance.
    Newest(u32),
}

impl FindingStore {
    /// What a run brought, by project; those with the most news first.
    pub(crate) fn run_projects(&self, run: &Run) -> Result<Vec<RunProject>> {
        let mut usage: HashMap<&str, ProjectUsage> = HashMap::new();
        for read in &run.fetches {
            let Scope::Projects(projects) = &read.scope else { continue };
            if let [project] = projects.as_slice() {
                usage.entry(project.id.as_str()).or_default().add(&read.counts);
            }
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT run_projects.*, name, vendor_id FROM run_projects JOIN projects ON projects.id = project_id \
             WHERE run_id = ?1 ORDER BY new + changed + vanished DESC, name",
        )?;
        let rows = statement.query_map([run.id], |row| {
            Ok(RunProject {
                project: row.get("name")?,
                pages: row.get("pages")?,
                records: row.get("records")?,
                new: row.get("new")?,
                changed: row.get("changed")?,
                unchanged: row.get("unchanged")?,
                duplicate: row.get("duplicate")?,
                fixed: row.get("fixed")?,
                reopened: row.get("reopened")?,
                vanished: row.get("vanished")?,
                open_vanished: row.get("open_vanished")?,
                warnings: row.get("warnings")?,
                rejected: row.get("rejected")?,
                skipped: row.get("skipped")?,
                first_at: Timestamp::from_micros(row.get("first_at")?),
                last_at: Timestamp::from_micros(row.get("last_at")?),
                usage: usage.get(row.get_ref("vendor_id")?.as_str().unwrap_or_default()).copied(),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds waits to those of a run.
    pub(crate) fn add_waits(&mut self, run_id: i64, waits: &[RunWait]) -> Result<()> {
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO run_waits VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE \
             SET waits = waits + excluded.waits, waited_ms = waited_ms + excluded.waited_ms",
        )?;
        for it in waits {
            upsert.execute(params![run_id, it.reason, it.waits, it.waited_ms])?;
        }
        Ok(())
    }

    /// Why a run waited; what took longest first.
    pub(crate) fn run_waits(&self, run_id: i64) -> Result<Vec<RunWait>> {
        let sql = "SELECT reason, waits, waited_ms FROM run_waits WHERE run_id = ?1 ORDER BY waited_ms DESC, reason";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([run_id], |row| {
            Ok(RunWait { reason: row.get(0)?, waits: row.get(1)?, waited_ms: row.get(2)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Runs, newest first, and how many there are in all.
    pub(crate) fn find_runs(&self, filter: &RunFilter) -> Result<(Vec<Run>, u64)> {
        const WANTED: &str = "FROM runs WHERE (?1 IS NULL OR instance_id = ?1) \
             AND (?2 = '  ' OR instr(?2, ' ' || state || ' ') > 0) AND (?3 IS NULL OR started_at >= ?3) \
             AND (?4 IS NULL OR EXISTS (SELECT 1 FROM run_projects JOIN projects ON projects.id = project_id \
             WHERE run_id = runs.id AND name = ?4 COLLATE NOCASE))";
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let states = format!(" {} ", states.join(" "));
        let since = filter.since.map(Timestamp::as_micros);
        let total = self
            .connection
            .prepare_cached(&format!("SELECT count(*) {WANTED}"))?
            .query_row(params![filter.instance_id, states, since, filter.project], |row| row.get(0))?;
        let ids = {
            let sql = format!("SELECT id {WANTED} ORDER BY id DESC LIMIT ?5 OFFSET ?6");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let of = params![filter.instance_id, states, since, filter.project, filter.limit, filter.offset];
            let rows = statement.query_map(of, |row| row.get::<_, i64>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()?
        };
        let runs: Result<_> = ids.into_iter().filter_map(|id| self.run(id).transpose()).collect();
        Ok((runs?, total))
    }

    /// Forgets runs that are not to be kept, with their reads and with remarks
    /// on records that are not there; tells how many. What the next sync starts
    /// from is kept in any case: runs under way, and of each instance the last
    /// one, the last one of everything, and the last complete one. What changed
    /// on findings is kept as well.
    pub(crate) fn prune_runs(&mut self, instance_id: Option<i64>, keep: Keep) -> Result<u64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (since, newest) = match keep {
            Keep::Since(since) => (Some(since.as_micros()), None),
            Keep::Newest(newest) => (None, Some(newest)),
        };
        let gone = {
            let mut statement = transaction.prepare(
                "SELECT id FROM (SELECT id, instance_id, state, started_at, \
                 row_number() OVER (PARTITION BY instance_id ORDER BY id DESC) AS place, \
                 max(iif((whole OR scheduled) AND state = 'complete' AND mode <> 'import', id, 0)) OVER (PARTITION BY instance_id) \
                 AS start, max(iif(mode = 'full', id, 0)) OVER (PARTITION BY instance_id) AS last_full FROM runs) \
                 WHERE state <> 'running' AND place > 1 AND id <> start AND id <> last_full \
                 AND (?1 IS NULL OR instance_id = ?1) \
                 AND (?2 IS NULL OR started_at < ?2) AND (?3 IS NULL OR place > ?3)",
            )?;
            let rows = statement.query_map(params![instance_id, since, newest], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<i64>>>()?
        };
        {
            let mut remarks = transaction.prepare(
                "DELETE FROM diagnostics WHERE run_id = ?1 \
                 AND (record_id IS NULL OR record_id NOT IN (SELECT id FROM records))",
            )?;
            let mut runs = transaction.prepare("DELETE FROM runs WHERE id = ?1")?;
            for id in &gone {
                remarks.execute([id])?;
                runs.execute([id])?;
            }
        }
        transaction.commit()?;
        Ok(gone.len() as u64)
    }
}

impl ProjectUsage {
    fn add(&mut self, counts: &FetchStats) {
        self.requests += counts.requests;
        self.received_bytes += counts.received_bytes;
        self.waits += counts.waits;
        self.waited_ms += counts.waited_ms;
        self.peak_memory_bytes = self.peak_memory_bytes.max(counts.peak_memory_bytes);
    }
}

#[cfg(test)]
mod tests;
