//! Imports of files: runs with one read per kind.

use crate::{
    columns::json,
    database::FindingStore,
    error::Result,
    runs::{FetchTask, RunExtent, RunMode},
};
use appsec_model::{Diagnostic, Kind, Scope, Timestamp};
use rusqlite::{OptionalExtension, params};

/// What an import reads: the same file under the same options is the same
/// import, and goes on where an earlier one was cut off.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportSource {
    /// Name of the file.
    pub file: String,
    /// BLAKE3 hash of its content, unpacked, in hexadecimal.
    pub blake3: String,
    /// The options, as text.
    pub options: String,
    /// What the file says as a whole, for the run log.
    pub remarks: Vec<Diagnostic>,
}

impl FindingStore {
    /// Begins an import that brings records of these kinds.
    pub(crate) fn start_import(
        &mut self,
        instance_id: i64,
        source: &ImportSource,
        kinds: &[Kind],
        now: Timestamp,
    ) -> Result<i64> {
        let scope = || Scope::Projects(Vec::new());
        let reads: Vec<FetchTask> = kinds.iter().map(|kind| FetchTask { kind: kind.clone(), scope: scope() }).collect();
        let run_id = self.start_run(instance_id, RunMode::Import, RunExtent::Selection, 0, &reads, now)?;
        self.connection.execute(
            "INSERT INTO imports (run_id, file, blake3, options) VALUES (?1, ?2, ?3, ?4)",
            params![run_id, source.file, source.blake3, source.options],
        )?;
        let mut note = self
            .connection
            .prepare_cached("INSERT INTO diagnostics (instance_id, run_id, document) VALUES (?1, ?2, ?3)")?;
        for remark in &source.remarks {
            note.execute(params![instance_id, run_id, json("diagnostic", remark)?])?;
        }
        Ok(run_id)
    }

    /// The import of the same file that was cut off, if there is one.
    pub(crate) fn unfinished_import(&self, instance_id: i64, source: &ImportSource) -> Result<Option<i64>> {
        let sql = "SELECT runs.id FROM runs JOIN imports ON run_id = runs.id WHERE instance_id = ?1 \
                   AND state = 'running' AND blake3 = ?2 AND options = ?3 ORDER BY runs.id DESC LIMIT 1";
        let parameters = params![instance_id, source.blake3, source.options];
        Ok(self.connection.query_row(sql, parameters, |row| row.get(0)).optional()?)
    }
}
