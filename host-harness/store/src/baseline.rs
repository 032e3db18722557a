//! What a check or an export is held against.

use appsec_model::Timestamp;
use rusqlite::ToSql;

use crate::{database::FindingStore, error::Result};

/// What findings are held against: those that it has are not new. A finding is
/// the same one wherever its lines have moved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Baseline {
    /// What a run and those before it brought.
    Run(i64),
    /// What was brought before a moment.
    Moment(Timestamp),
    /// What is on a branch.
    Branch(String),
}

impl Baseline {
    /// That a finding is new.
    pub(crate) fn condition(&self) -> (&'static str, Box<dyn ToSql>) {
        match self {
            Self::Run(run) => ("findings.first_run_id > ?", Box::new(*run)),
            Self::Moment(at) => ("findings.ingested_at >= ?", Box::new(at.as_micros())),
            Self::Branch(name) => (
                "NOT EXISTS (SELECT 1 FROM records WHERE records.project_id = findings.project_id \
                 AND records.finding_id = findings.id AND records.ref = ? AND records.vanished_at IS NULL \
                 AND records.status <> 'fixed')",
                Box::new(name.clone()),
            ),
        }
    }
}

impl FindingStore {
    /// Whether anything was ever seen on a branch, or a project's scans are of it.
    pub(crate) fn is_branch_known(&self, name: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM projects WHERE branch = ?1) \
                   OR EXISTS (SELECT 1 FROM records WHERE ref = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([name], |row| row.get(0))?)
    }
}
