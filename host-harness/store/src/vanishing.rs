//! What a run would have marked as vanished, and did not.

use crate::{database::FindingStore, error::Result, ids::FindingId, pages::Percent, status::severity};
use appsec_model::Severity;
use rusqlite::params;
use serde::Serialize;

/// A finding that would have been marked as vanished.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct VanishingRow {
    /// Its id.
    pub id: FindingId,
    /// Its kind.
    pub kind: String,
    /// Its severity.
    pub severity: Severity,
    /// Its status, which it keeps.
    pub status: String,
    /// Name of its project.
    pub project: String,
    /// What it is about.
    pub title: String,
}

impl FindingStore {
    /// Findings that a run did not mark as vanished, the most urgent first, and
    /// how many there are in all.
    pub(crate) fn vanishing(&self, run_id: i64, limit: u32) -> Result<(Vec<VanishingRow>, u64)> {
        let total = self.connection.query_row(
            "SELECT count(*) FROM vanishing JOIN findings ON findings.id = finding_id WHERE run_id = ?1",
            [run_id],
            |row| row.get(0),
        )?;
        let mut statement = self.connection.prepare_cached(
            "SELECT public_id, findings.kind, severity, status, projects.name, title \
             FROM vanishing JOIN findings ON findings.id = finding_id JOIN projects ON projects.id = project_id \
             WHERE run_id = ?1 ORDER BY priority DESC, public_id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![run_id, limit], |row| {
            Ok(VanishingRow {
                id: FindingId(row.get(0)?),
                kind: row.get(1)?,
                severity: severity(row.get(2)?),
                status: row.get(3)?,
                project: row.get(4)?,
                title: row.get(5)?,
            })
        })?;
        Ok((rows.collect::<rusqlite::Result<_>>()?, total))
    }

    /// Sets the share of the open findings that one sync of an instance may
    /// find gone without a question; none for the default.
    pub(crate) fn set_max_vanish(&mut self, instance_id: i64, limit: Option<Percent>) -> Result<()> {
        let sql = "UPDATE instances SET max_removal = ?2 WHERE id = ?1";
        self.connection.execute(sql, params![instance_id, limit.map(Percent::get)])?;
        Ok(())
    }
}
