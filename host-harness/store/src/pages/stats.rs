//! What happens to the projects of a page: counted for the run log.

use std::collections::BTreeMap;

use appsec_model::{DiagnosticLevel, Timestamp};
use rusqlite::{Connection, params};

use super::{Classified, RecordState, primary::Primary};

/// Counts of one project.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    records: u64,
    new: u64,
    changed: u64,
    unchanged: u64,
    duplicate: u64,
    fixed: u64,
    reopened: u64,
    vanished: u64,
    open_vanished: u64,
    warnings: u64,
    rejected: u64,
    skipped: u64,
}

/// What happened, by row id of the project.
#[derive(Default)]
pub(crate) struct RunStats(BTreeMap<i64, Counts>);

use crate::error::Result;
use appsec_analysis::status::is_open;

impl RunStats {
    /// Counts a record. One of a project that is not known has no place here.
    pub fn record(&mut self, it: &Classified, rejected: bool) {
        let Some(project_id) = it.project_id else { return };
        let counts = self.0.entry(project_id).or_default();
        counts.records += 1;
        match it.state {
            _ if rejected => counts.rejected += 1,
            RecordState::New => counts.new += 1,
            RecordState::Changed { .. } | RecordState::Returned { .. } => counts.changed += 1,
            RecordState::Unchanged { .. } => counts.unchanged += 1,
            RecordState::Repeated | RecordState::Unmapped => counts.duplicate += 1,
        }
    }

    /// Counts a remark on a record of a project.
    pub fn diagnostic(&mut self, project_id: i64, level: DiagnosticLevel) {
        let counts = self.0.entry(project_id).or_default();
        match level {
            DiagnosticLevel::Warning => counts.warnings += 1,
            DiagnosticLevel::Skipped => counts.skipped += 1,
            // Counted with its record.
            DiagnosticLevel::Error => {}
        }
    }

    /// Counts what a finding shows now, where that is another status than before.
    pub fn led(&mut self, led: Option<Primary>) {
        let Some(Primary { project_id, was, status }) = led else { return };
        if was == status {
            return;
        }
        let counts = self.0.entry(project_id).or_default();
        match status.as_str() {
            "vanished" => {
                counts.vanished += 1;
                counts.open_vanished += u64::from(is_open(&was));
            }
            "fixed" => counts.fixed += u64::from(is_open(&was)),
            open if is_open(open) => counts.reopened += u64::from(was == "fixed" || was == "vanished"),
            _ => {}
        }
    }

    /// Adds it to what the run has brought so far.
    pub fn write(&self, connection: &Connection, run_id: i64, now: Timestamp) -> Result<()> {
        let mut upsert = connection.prepare_cached(
            "INSERT INTO run_projects (run_id, project_id, pages, records, new, changed, unchanged, duplicate, fixed, \
             reopened, vanished, open_vanished, warnings, rejected, skipped, first_at, last_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?16) \
             ON CONFLICT DO UPDATE SET pages = pages + excluded.pages, records = records + excluded.records, \
             new = new + excluded.new, changed = changed + excluded.changed, \
             unchanged = unchanged + excluded.unchanged, duplicate = duplicate + excluded.duplicate, \
             fixed = fixed + excluded.fixed, reopened = reopened + excluded.reopened, \
             vanished = vanished + excluded.vanished, open_vanished = open_vanished + excluded.open_vanished, \
             warnings = warnings + excluded.warnings, rejected = rejected + excluded.rejected, \
             skipped = skipped + excluded.skipped, last_at = excluded.last_at",
        )?;
        for (project_id, counts) in &self.0 {
            upsert.execute(params![
                run_id,
                project_id,
                counts.records > 0,
                counts.records,
                counts.new,
                counts.changed,
                counts.unchanged,
                counts.duplicate,
                counts.fixed,
                counts.reopened,
                counts.vanished,
                counts.open_vanished,
                counts.warnings,
                counts.rejected,
                counts.skipped,
                now.as_micros(),
            ])?;
        }
        Ok(())
    }
}
