//! Who is at work on which instance, as far as the store knows.

use std::fmt;

use crate::{database::FindingStore, error::Result};
use appsec_model::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

/// Who is at work on an instance.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LeaseRow {
    /// What they do: `sync`, `import`, `renormalize`.
    pub work: String,
    /// Their process.
    pub pid: u32,
    /// Their machine.
    pub host: String,
    /// Since when.
    pub started_at: Timestamp,
    /// When they were last heard of.
    pub beat_at: Timestamp,
}

impl fmt::Display for LeaseRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} by process {} on {} since {}", self.work, self.pid, self.host, self.started_at)
    }
}

fn lease(row: &Row<'_>) -> rusqlite::Result<LeaseRow> {
    Ok(LeaseRow {
        work: row.get("work")?,
        pid: row.get("pid")?,
        host: row.get("host")?,
        started_at: Timestamp::from_micros(row.get("started_at")?),
        beat_at: Timestamp::from_micros(row.get("beat_at")?),
    })
}

impl FindingStore {
    /// Who is at work on an instance.
    pub(crate) fn lease(&self, instance_id: i64) -> Result<Option<LeaseRow>> {
        let mut statement = self.connection.prepare_cached("SELECT * FROM leases WHERE instance_id = ?1")?;
        Ok(statement.query_row([instance_id], lease).optional()?)
    }

    /// Writes down who is at work, and tells who was so until now.
    pub(crate) fn take_lease(&mut self, instance_id: i64, row: &LeaseRow) -> Result<Option<LeaseRow>> {
        let before = self.lease(instance_id)?;
        self.connection.execute(
            "INSERT OR REPLACE INTO leases (instance_id, work, pid, host, started_at, beat_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![instance_id, row.work, row.pid, row.host, row.started_at.as_micros(), row.beat_at.as_micros()],
        )?;
        Ok(before)
    }

    /// Notes that whoever is at work is still there.
    pub(crate) fn beat_lease(&mut self, instance_id: i64, now: Timestamp) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE leases SET beat_at = ?2 WHERE instance_id = ?1")?
            .execute(params![instance_id, now.as_micros()])?;
        Ok(())
    }

    /// Notes that nobody is at work any more.
    pub(crate) fn release_lease(&mut self, instance_id: i64) -> Result<()> {
        self.connection.execute("DELETE FROM leases WHERE instance_id = ?1", [instance_id])?;
        Ok(())
    }
}
