//! What becomes of a project's findings when it is no longer read.

use appsec_model::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use super::{MappedBy, MappingState, Note};
use crate::{columns::json, database::FindingStore, error::Result, pages::vanish_project, repository_index::sweep};

/// What becomes of the findings of a project that is no longer read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeptFindings {
    /// They stay as history: none of them is open any more, and when the
    /// project is mapped again those that are still there return.
    Keep,
    /// They are deleted, with everything that the project brought.
    Delete,
}

/// What became of a project that is no longer read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Released {
    /// Findings and packages that are kept, with the status `vanished`.
    pub kept: u64,
    /// Findings that were deleted.
    pub deleted: u64,
}

impl FindingStore {
    /// What a project has brought: findings, or records that are none.
    pub(crate) fn holdings(&self, project: i64) -> Result<(u64, u64)> {
        let count = |sql: &str| self.connection.query_row(sql, [project], |row| row.get(0));
        Ok((
            count("SELECT count(*) FROM findings WHERE project_id = ?1")?,
            count("SELECT count(*) FROM records WHERE project_id = ?1")?,
        ))
    }

    /// Stops reading a project, at a person's word: it waits for a repository,
    /// or is ignored and keeps its own.
    pub(crate) fn release_project(
        &mut self,
        project: i64,
        ignored: bool,
        findings: KeptFindings,
        now: Timestamp,
    ) -> Result<Released> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let state = if ignored { MappingState::Ignored } else { MappingState::Unmapped };
        let note = Note { by: MappedBy::Manual, at: now, reason: None, confidence: None, url: None };
        transaction.execute(
            "UPDATE projects SET mapping = ?2, mapping_document = ?3, mapped_at = NULL, \
             repository_id = iif(?4, repository_id, NULL) WHERE id = ?1",
            params![project, state.as_str(), json("mapping", &note)?, ignored],
        )?;
        let released = match findings {
            KeptFindings::Keep => {
                Released { kept: vanish_project(&transaction, &self.decoder, project, now)?, deleted: 0 }
            }
            KeptFindings::Delete => Released { kept: 0, deleted: delete(&transaction, project)? },
        };
        sweep(&transaction)?;
        transaction.commit()?;
        Ok(released)
    }
}

/// Deletes everything that a project has brought; returns how many findings.
fn delete(connection: &Connection, project: i64) -> Result<u64> {
    let of_records = "SELECT id FROM records WHERE project_id = ?1";
    let of_findings = "SELECT id FROM findings WHERE project_id = ?1";
    connection.execute(&format!("DELETE FROM diagnostics WHERE record_id IN ({of_records})"), [project])?;
    connection.execute(&format!("DELETE FROM changes WHERE finding_id IN ({of_findings})"), [project])?;
    let decided = "SELECT public_id FROM findings WHERE project_id = ?1";
    connection.execute(&format!("DELETE FROM decisions WHERE finding IN ({decided})"), [project])?;
    let deleted = connection.execute("DELETE FROM findings WHERE project_id = ?1", [project])?;
    for table in ["records", "packages"] {
        connection.execute(&format!("DELETE FROM {table} WHERE project_id = ?1"), [project])?;
    }
    Ok(deleted as u64)
}
