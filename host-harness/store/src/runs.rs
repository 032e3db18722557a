//! Runs and their reads: what a sync is doing, has done, and where it goes on.

use std::collections::BTreeMap;

use crate::{
    columns::{document, json, parsed},
    database::FindingStore,
    error::{Cause, Result, StoreError},
    seen::{Seen, forget_absences, read_seen},
};
use appsec_analysis::status::VANISHED;
use appsec_grant::Code;
use appsec_model::{Kind, ProjectScope, Scope, Timestamp};
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

words! {
    /// What a run fetches.
    RunMode {
        /// Everything; findings that are missing are marked as vanished.
        Full = "full",
        /// Only what is new since the last run.
        Incremental = "incremental",
        /// A file.
        Import = "import",
        /// What is stored, with a newer connector.
        Renormalize = "renormalize",
        /// What vendor events named; nothing is marked as vanished.
        Event = "event",
    }
}

words! {
    /// How a run is.
    RunState {
        /// Running, or interrupted: the next sync resumes it.
        Running = "running",
        /// Every fetch is complete.
        Complete = "complete",
        /// Some fetches are not complete.
        Partial = "partial",
        /// Nothing could be read.
        Failed = "failed",
    }
}

words! {
    /// State of a fetch.
    FetchState {
        /// Not at its end yet.
        Pending = "pending",
        /// Complete: what it did not return no longer exists at the vendor.
        Complete = "complete",
        /// At its end, and what it has not brought was not marked as vanished: the
        /// run would mark more than it may, or was only to show it.
        Refused = "refused",
        /// Given up without an end, because pages repeat themselves.
        Incomplete = "incomplete",
        /// Given up after an error.
        Failed = "failed",
    }
}

/// One sync of an instance.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Run {
    /// Number of the run within the tenant.
    pub id: i64,
    /// Name of the instance.
    pub instance: String,
    /// What it reads.
    pub mode: RunMode,
    /// How it is.
    pub state: RunState,
    /// Why it is not complete: a stable word.
    #[schemars(with = "Option<String>")]
    pub code: Option<Code>,
    /// Why it is not complete, for people.
    pub message: Option<String>,
    /// Projects that it fetches.
    pub projects: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How often it was resumed after an interruption.
    pub resumed: u64,
    /// SHA-256 of the connector's file that it last ran with; none of one that
    /// comes with the program.
    pub connector_sha256: Option<String>,
    /// Sums over its reads.
    #[serde(flatten)]
    pub counts: FetchStats,
    /// Its fetches.
    pub fetches: Vec<Fetch>,
}

/// How much of its instance a run reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunExtent {
    /// All projects that are mapped, and all kinds.
    Whole,
    /// The same without the projects that scheduled syncs leave out.
    Scheduled,
    /// Some projects or kinds that somebody asked for.
    Selection,
}

/// A fetch of a run: one kind in one scope.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Fetch {
    /// Row id.
    #[serde(skip)]
    pub id: i64,
    /// The kind.
    pub kind: Kind,
    /// How wide it is.
    pub scope: Scope,
    /// How it is.
    pub state: FetchState,
    /// Why it is not complete: a stable word.
    #[schemars(with = "Option<String>")]
    pub code: Option<Code>,
    /// Why it is not complete, for people.
    pub message: Option<String>,
    /// Where it goes on.
    #[serde(skip)]
    pub cursor: Option<String>,
    /// The projects that are read once more, because something of them was
    /// missing when it came to its end.
    #[serde(skip)]
    pub again: Option<Vec<ProjectScope>>,
    /// Results and resource usage.
    #[serde(flatten)]
    pub counts: FetchStats,
}

/// Of runs that have fetched everything: one whose removals were refused has, too.
pub(crate) const FETCHED_ALL: &str = "(state = 'complete' OR state = 'partial' AND code = 'removal-refused')";

impl Run {
    /// Whether it did all that was asked for: every fetch is at its end, and
    /// everything that came could be used. Who imports a file asks for all of it,
    /// who syncs for the projects that are mapped.
    pub fn is_whole(&self) -> bool {
        let unmapped = if self.mode == RunMode::Import { self.counts.unmapped } else { 0 };
        self.state == RunState::Complete && self.counts.rejected + unmapped == 0
    }
}

impl Fetch {
    /// Why it is not complete, if it says so.
    pub fn cause(&self) -> Option<Cause> {
        Some(Cause { code: self.code?, message: self.message.clone()? })
    }
}

/// A read that a run is to make.
#[derive(Clone, Debug)]
pub struct FetchTask {
    /// The kind.
    pub kind: Kind,
    /// How wide it is.
    pub scope: Scope,
}

macro_rules! counts {
    ($( $(#[$meta:meta])* $field:ident, )+) => {
        /// Results and resource usage of a fetch.
        #[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
        pub struct FetchStats { $( $(#[$meta])* pub $field: u64, )+ }

        impl FetchStats {
            const COLUMNS: &str = concat!($( stringify!($field), ", " ),+);

            fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
                Ok(Self { $( $field: row.get(stringify!($field))?, )+ })
            }

            /// Adds another read's counts; the peak of memory is the larger one.
            pub fn add(&mut self, other: &Self) {
                let peak = self.peak_memory_bytes.max(other.peak_memory_bytes);
                $( self.$field += other.$field; )+
                self.peak_memory_bytes = peak;
            }
        }
    };
}

counts! {
    /// Pages.
    pages,
    /// Records in them.
    records,
    /// Records that were not known, and can be used.
    new,
    /// Records that are not what they were, and can be used.
    changed,
    /// Records that are what they were, and can be used.
    unchanged,
    /// Records that an earlier page held as well.
    duplicate,
    /// Records of projects that are not ingested.
    unmapped,
    /// Findings that vanished.
    vanished,
    /// Warnings on new and changed records.
    warnings,
    /// Records that could not be used, new or known; they are kept raw.
    rejected,
    /// New and changed records that hold nothing for the model; they are kept raw.
    skipped,
    /// Findings that new and changed records became.
    findings,
    /// Packages that new and changed records became.
    packages,
    /// Requests to the vendor.
    requests,
    /// Bytes received.
    received_bytes,
    /// Times that the vendor asked to wait, or did not answer.
    waits,
    /// Milliseconds waited.
    waited_ms,
    /// Largest memory of a sandbox.
    peak_memory_bytes,
}

/// When the last run of each instance ended that brought findings: by the
/// instance's name, with its row id.
pub(super) struct LastRuns(pub BTreeMap<String, (i64, Timestamp)>);

impl LastRuns {
    /// When a finding was last seen: by the last run of its instance, or, where
    /// it has vanished since, when that was marked.
    pub fn last_seen(&self, instance: &str, status: &str, changed_at: Timestamp) -> Timestamp {
        let run = self.0.get(instance).filter(|_| status != VANISHED);
        run.map_or(changed_at, |(_, ended_at)| *ended_at)
    }
}

/// The code of a row, where it has one that this program knows.
fn code(row: &Row<'_>) -> rusqlite::Result<Option<Code>> {
    Ok(row.get_ref("code")?.as_str_or_null()?.and_then(|word| word.parse().ok()))
}

impl FindingStore {
    /// Begins a run with all the reads it is to make.
    pub(crate) fn start_run(
        &mut self,
        instance_id: i64,
        mode: RunMode,
        extent: RunExtent,
        projects: u64,
        reads: &[FetchTask],
        now: Timestamp,
    ) -> Result<i64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            // An instance runs with the file that was accepted, and no other.
            "INSERT INTO runs (instance_id, mode, whole, scheduled, state, projects, started_at, connector_sha256) \
             VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6, (SELECT connector_sha256 FROM instances WHERE id = ?1))",
            params![
                instance_id,
                mode.as_str(),
                extent == RunExtent::Whole,
                extent == RunExtent::Scheduled,
                projects,
                now.as_micros()
            ],
        )?;
        let run_id = transaction.last_insert_rowid();
        for read in reads {
            transaction.execute(
                "INSERT INTO fetches (run_id, kind, scope, state) VALUES (?1, ?2, ?3, 'pending')",
                params![run_id, read.kind.as_str(), json("scope", &read.scope)?],
            )?;
        }
        transaction.commit()?;
        Ok(run_id)
    }

    /// Logs a run that failed before it could read anything.
    pub(crate) fn log_failed_run(
        &mut self,
        instance_id: i64,
        mode: RunMode,
        cause: &Cause,
        now: Timestamp,
    ) -> Result<i64> {
        self.connection.execute(
            "INSERT INTO runs (instance_id, mode, state, code, message, started_at, finished_at) \
             VALUES (?1, ?2, 'failed', ?3, ?4, ?5, ?5)",
            params![instance_id, mode.as_str(), cause.code.as_str(), cause.message, now.as_micros()],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The sync of an instance that was cut off, if the last one was, and what
    /// it reads. Imports of files are begun anew by whoever has the file.
    pub(crate) fn unfinished_run(&self, instance_id: i64) -> Result<Option<(i64, RunMode, RunExtent)>> {
        let sql = "SELECT id, mode, whole, scheduled FROM runs WHERE instance_id = ?1 AND state = 'running' \
                   AND mode IN ('full', 'incremental') ORDER BY id DESC LIMIT 1";
        let row = |row: &Row<'_>| {
            let extent = match (row.get(2)?, row.get(3)?) {
                (true, _) => RunExtent::Whole,
                (false, true) => RunExtent::Scheduled,
                (false, false) => RunExtent::Selection,
            };
            Ok((row.get(0)?, row.get::<_, String>(1)?, extent))
        };
        let found = self.connection.query_row(sql, [instance_id], row).optional()?;
        found.map(|(id, mode, extent)| Ok((id, RunMode::named(&mode).ok_or(StoreError::Corrupt)?, extent))).transpose()
    }

    /// Notes that a run goes on after having been cut off.
    pub(crate) fn resume_run(&mut self, run_id: i64) -> Result<()> {
        self.connection.execute(
            "UPDATE runs SET resumed = resumed + 1, \
             connector_sha256 = (SELECT connector_sha256 FROM instances WHERE id = instance_id) WHERE id = ?1",
            [run_id],
        )?;
        Ok(())
    }

    /// What an unfinished read has brought so far.
    pub(crate) fn seen(&self, fetch_id: i64) -> Result<Seen> {
        read_seen(&self.connection, fetch_id)
    }

    /// Adds requests and waits that brought no page.
    pub(crate) fn add_fetch_usage(&mut self, fetch_id: i64, usage: &FetchStats) -> Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE fetches SET requests = requests + ?2, received_bytes = received_bytes + ?3, waits = waits + ?4, \
                 waited_ms = waited_ms + ?5, peak_memory_bytes = max(peak_memory_bytes, ?6) WHERE id = ?1",
            )?
            .execute(params![
                fetch_id,
                usage.requests,
                usage.received_bytes,
                usage.waits,
                usage.waited_ms,
                usage.peak_memory_bytes
            ])?;
        Ok(())
    }

    /// Starts a read over, because its cursor is not accepted any more.
    pub(crate) fn restart_read(&mut self, fetch_id: i64) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE fetches SET cursor = NULL, again = NULL WHERE id = ?1", [fetch_id])?;
        transaction.execute("DELETE FROM fetch_pages WHERE fetch_id = ?1", [fetch_id])?;
        Ok(transaction.commit()?)
    }

    /// Ends a read without an end of its pages.
    pub(crate) fn give_up_fetch(&mut self, fetch_id: i64, state: FetchState, cause: &Cause) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE fetches SET state = ?2, code = ?3, message = ?4 WHERE id = ?1",
            params![fetch_id, state.as_str(), cause.code.as_str(), cause.message],
        )?;
        transaction.execute("DELETE FROM fetch_pages WHERE fetch_id = ?1", [fetch_id])?;
        Ok(transaction.commit()?)
    }

    /// Ends a run.
    pub(crate) fn finish_run(
        &mut self,
        run_id: i64,
        state: RunState,
        cause: Option<&Cause>,
        now: Timestamp,
    ) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        forget_absences(&transaction, run_id)?;
        transaction.execute(
            "UPDATE runs SET state = ?2, code = ?3, message = ?4, finished_at = ?5 WHERE id = ?1",
            params![
                run_id,
                state.as_str(),
                cause.map(|it| it.code.as_str()),
                cause.map(|it| it.message.as_str()),
                now.as_micros()
            ],
        )?;
        Ok(transaction.commit()?)
    }

    /// When the last complete run ended.
    pub(crate) fn last_complete_end(&self, instance_id: i64) -> Result<Option<Timestamp>> {
        let sql = "SELECT finished_at FROM runs WHERE instance_id = ?1 AND state = 'complete' ORDER BY id DESC LIMIT 1";
        let micros: Option<i64> = self.connection.query_row(sql, [instance_id], |row| row.get(0)).optional()?;
        Ok(micros.map(Timestamp::from_micros))
    }

    /// When the last complete run that read at least as much, under the settings
    /// and for the account of now, began: where an incremental one starts from.
    pub(crate) fn last_complete_start(&self, instance_id: i64, extent: RunExtent) -> Result<Option<Timestamp>> {
        // The last one, whatever the clock said of an earlier one.
        let sql = "SELECT started_at FROM runs WHERE instance_id = ?1 AND (whole OR (scheduled AND ?2)) \
                   AND state = 'complete' AND mode <> 'import' \
                   AND id > (SELECT outdated_run FROM instances WHERE instances.id = ?1) ORDER BY id DESC LIMIT 1";
        let scheduled = extent == RunExtent::Scheduled;
        let micros: Option<i64> =
            self.connection.query_row(sql, params![instance_id, scheduled], |row| row.get(0)).optional()?;
        Ok(micros.map(Timestamp::from_micros))
    }

    /// The last run of each instance that brought findings.
    pub(super) fn last_runs(&self) -> Result<LastRuns> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name, instance_id, max(finished_at) FROM runs JOIN instances ON instances.id = instance_id \
             WHERE state IN ('complete', 'partial') AND mode <> 'renormalize' AND finished_at IS NOT NULL \
             GROUP BY instance_id",
        )?;
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, Timestamp::from_micros(row.get(2)?)))))?;
        Ok(LastRuns(rows.collect::<rusqlite::Result<_>>()?))
    }

    /// A run with its reads.
    pub(crate) fn run(&self, run_id: i64) -> Result<Option<Run>> {
        Ok(self.select_runs("runs.id = ?1", run_id, 1)?.pop())
    }

    /// The last runs of an instance, or of all, newest first.
    pub(crate) fn runs(&self, instance_id: Option<i64>, limit: u32) -> Result<Vec<Run>> {
        match instance_id {
            Some(id) => self.select_runs("runs.instance_id = ?1", id, limit),
            None => self.select_runs("?1 = 0", 0, limit),
        }
    }

    /// The run of an instance that is under way or was cut off.
    pub(crate) fn current_run(&self, instance_id: i64) -> Result<Option<Run>> {
        Ok(self.select_runs("runs.instance_id = ?1 AND state = 'running'", instance_id, 1)?.pop())
    }

    /// The last run of an instance that came to an end.
    pub(crate) fn last_ended_run(&self, instance_id: i64) -> Result<Option<Run>> {
        Ok(self.select_runs("runs.instance_id = ?1 AND state <> 'running'", instance_id, 1)?.pop())
    }

    fn select_runs(&self, condition: &str, parameter: i64, limit: u32) -> Result<Vec<Run>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT runs.id, instances.name AS instance, mode, state, code, message, projects, started_at, finished_at, resumed, \
             runs.connector_sha256 FROM runs JOIN instances ON instances.id = instance_id WHERE {condition} ORDER BY runs.id DESC LIMIT ?2"
        ))?;
        let mut rows = statement.query(params![parameter, limit])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get("id")?;
            let fetches = self.fetches(id)?;
            let mut counts = FetchStats::default();
            for read in &fetches {
                counts.add(&read.counts);
            }
            runs.push(Run {
                id,
                instance: row.get("instance")?,
                mode: parsed(row, "mode")?,
                state: parsed(row, "state")?,
                code: code(row)?,
                message: row.get("message")?,
                projects: row.get("projects")?,
                started_at: Timestamp::from_micros(row.get("started_at")?),
                finished_at: row.get::<_, Option<i64>>("finished_at")?.map(Timestamp::from_micros),
                resumed: row.get("resumed")?,
                connector_sha256: row.get("connector_sha256")?,
                counts,
                fetches,
            });
        }
        Ok(runs)
    }

    fn fetches(&self, run_id: i64) -> Result<Vec<Fetch>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} id, kind, scope, state, code, message, cursor, again FROM fetches WHERE run_id = ?1 ORDER BY id",
            FetchStats::COLUMNS
        ))?;
        let mut rows = statement.query([run_id])?;
        let mut reads = Vec::new();
        while let Some(row) = rows.next()? {
            reads.push(Fetch {
                id: row.get("id")?,
                kind: row.get::<_, String>("kind")?.into(),
                scope: document("scope", row.get_ref("scope")?.as_str().unwrap_or_default())?,
                state: parsed(row, "state")?,
                code: code(row)?,
                message: row.get("message")?,
                cursor: row.get("cursor")?,
                again: row.get::<_, Option<String>>("again")?.map(|it| document("scope", &it)).transpose()?,
                counts: FetchStats::of_row(row)?,
            });
        }
        Ok(reads)
    }
}
