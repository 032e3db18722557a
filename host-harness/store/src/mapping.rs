//! Which repository each project is of, by whom and why. Only projects that
//! are mapped are read.

mod auto;
mod release;
mod rows;

use std::collections::{BTreeMap, HashSet};

use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

pub(super) use self::auto::settle;
pub use self::{
    auto::{AUTO_CONFIDENCE, ResolvedMappings},
    release::{KeptFindings, Released},
    rows::{Candidate, MappingCounts, MappingFilter, MappingRow, Proposal},
};
use crate::{
    columns::{document, json},
    database::FindingStore,
    error::{Result, StoreError},
    repository_index::sweep,
    runs::RunExtent,
};

words! {
    /// What becomes of new projects.
    AutoMap {
        /// They are mapped to the repository that they match, else to one of their own.
        Create = "create",
        /// They are mapped to the listed repository that they match with certainty; others stay unmapped.
        Match = "match",
        /// They wait.
        Manual = "manual",
    }
}

words! {
    /// Mapping state of a project.
    MappingState {
        /// It belongs to a repository, and is fetched.
        Mapped = "mapped",
        /// It has no repository yet, and is not fetched.
        Unmapped = "unmapped",
        /// Its URL no longer points to its repository; it is still fetched, and you
        /// must confirm or correct the mapping.
        Drifted = "drifted",
        /// It is excluded, and not fetched.
        Ignored = "ignored",
        /// The vendor no longer lists it.
        Stale = "stale",
    }
}

words! {
    /// Who decided on a mapping.
    MappedBy {
        /// The host, by matching.
        Auto = "auto",
        /// A person.
        Manual = "manual",
        /// The choice of projects when the instance was set up.
        Selection = "selection",
    }
}

/// The reason of a mapping to a repository that was made of the project.
pub(super) const ADOPTED: &str = "adopted";

/// Why a mapping is what it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Note {
    /// Who decided.
    pub by: MappedBy,
    /// When.
    pub at: Timestamp,
    /// What matching found, `adopted`, or words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How sure matching is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The project's URL when that was decided: another one asks anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A project and the repository that it is of, both by row; if matching found
/// it, with its reason and confidence.
pub type ChosenMapping<'a> = (i64, i64, Option<(&'a str, f64)>);

/// A project that a person names.
#[derive(Clone, Debug)]
pub struct NamedProject {
    /// Row id.
    pub row: i64,
    /// Row id of its instance.
    pub instance_id: i64,
    /// Name of its instance.
    pub instance: String,
    /// The vendor's id.
    pub vendor_id: String,
    /// Its name.
    pub name: String,
    /// Whether the vendor still lists it.
    pub listed: bool,
}

/// What the operator says of a project's scans.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ScanFields {
    /// Where what is scanned runs, such as `production`.
    pub environment: Option<String>,
    /// The branch that is scanned.
    pub branch: Option<String>,
    /// A tag.
    pub tag: Option<String>,
    /// Anything else, by key.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Whether scheduled syncs read it.
    #[serde(default = "yes")]
    pub scheduled: bool,
    /// Whether the webhook of the instance tells of runs that read it.
    #[serde(default = "yes")]
    pub notify: bool,
}

const fn yes() -> bool {
    true
}

impl Default for ScanFields {
    fn default() -> Self {
        Self { environment: None, branch: None, tag: None, metadata: BTreeMap::new(), scheduled: true, notify: true }
    }
}

impl FindingStore {
    /// What becomes of an instance's new projects.
    pub(crate) fn auto_map(&self, instance_id: i64) -> Result<AutoMap> {
        let sql = "SELECT auto_map FROM instances WHERE id = ?1";
        let word: Option<String> = self.connection.query_row(sql, [instance_id], |row| row.get(0)).optional()?;
        word.and_then(|word| AutoMap::named(&word)).ok_or(StoreError::Corrupt)
    }

    /// Sets what becomes of an instance's new projects, and of those that wait.
    /// Those that are mapped stay what they are.
    pub(crate) fn set_auto_map(&mut self, instance_id: i64, mode: AutoMap, now: Timestamp) -> Result<ResolvedMappings> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE instances SET auto_map = ?2 WHERE id = ?1", params![instance_id, mode.as_str()])?;
        let settled = settle(&transaction, Some(instance_id), false, now)?;
        transaction.commit()?;
        Ok(settled)
    }

    /// The vendor's ids of an instance's projects that are read.
    pub(crate) fn read_projects(&self, instance_id: i64) -> Result<HashSet<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT vendor_id FROM projects WHERE instance_id = ?1 AND mapping IN ('mapped', 'drifted') \
             AND vanished_at IS NULL",
        )?;
        let ids = statement.query_map([instance_id], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether a project that was known at a time was mapped, or put into the
    /// schedule of a run that keeps to it, only after it: a read of what is new
    /// since then would leave out what it had before.
    pub(crate) fn has_mapped_since(&self, instance_id: i64, then: Timestamp, extent: RunExtent) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM projects WHERE instance_id = ?1 AND vanished_at IS NULL \
                   AND mapping IN ('mapped', 'drifted') AND (mapped_at > ?2 OR (?3 AND scheduled_at > ?2)) \
                   AND first_seen_at <= ?2)";
        let scheduled = extent == RunExtent::Scheduled;
        Ok(self.connection.query_row(sql, params![instance_id, then.as_micros(), scheduled], |row| row.get(0))?)
    }

    /// The vendor's ids of an instance's projects that scheduled syncs leave out.
    pub(crate) fn left_out_of_schedule(&self, instance_id: i64) -> Result<HashSet<String>> {
        let sql = "SELECT vendor_id FROM projects WHERE instance_id = ?1 AND scheduled_at IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let ids = statement.query_map([instance_id], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// The projects of a name, whatever its capitals, or of a vendor's id; of
    /// one instance or of all. Those that the vendor lists come first.
    pub(crate) fn projects_named(&self, instance_id: Option<i64>, wanted: &str) -> Result<Vec<NamedProject>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT projects.id, instance_id, instances.name, vendor_id, projects.name, vanished_at IS NULL \
             FROM projects JOIN instances ON instances.id = instance_id WHERE ?1 IS NULL OR instance_id = ?1 \
             ORDER BY vanished_at IS NOT NULL, instances.name, projects.id",
        )?;
        let rows = statement.query_map([instance_id], |row| {
            Ok(NamedProject {
                row: row.get(0)?,
                instance_id: row.get(1)?,
                instance: row.get(2)?,
                vendor_id: row.get(3)?,
                name: row.get(4)?,
                listed: row.get(5)?,
            })
        })?;
        let folded = wanted.to_lowercase();
        let mut found = Vec::new();
        for row in rows {
            let row = row?;
            if row.vendor_id == wanted || row.name.to_lowercase() == folded {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// Maps projects to repositories, each by row, as a person says it. Their
    /// findings go along.
    pub(crate) fn map_projects(&mut self, chosen: &[ChosenMapping<'_>], now: Timestamp) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (project, repository, found) in chosen {
            let note = Note {
                by: MappedBy::Manual,
                at: now,
                reason: found.map(|(reason, _)| reason.to_owned()),
                confidence: found.map(|(_, confidence)| confidence),
                url: url(&transaction, *project)?,
            };
            map(&transaction, *project, *repository, &note)?;
        }
        sweep(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// Takes a project that was ignored or unmapped up again: into the
    /// repository that it kept, else as a new project is.
    pub(crate) fn restore_project(&mut self, project: &NamedProject, now: Timestamp) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (state, repository): (String, Option<i64>) = transaction.query_row(
            "SELECT mapping, repository_id FROM projects WHERE id = ?1",
            [project.row],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        match (MappingState::named(&state), repository) {
            (Some(MappingState::Ignored), Some(repository)) => {
                let url = url(&transaction, project.row)?;
                let reason = Some("restored".to_owned());
                let note = Note { by: MappedBy::Manual, at: now, reason, confidence: None, url };
                map(&transaction, project.row, repository, &note)?;
            }
            (Some(MappingState::Ignored | MappingState::Unmapped), _) => {
                transaction.execute(
                    "UPDATE projects SET mapping = 'unmapped', mapping_document = NULL WHERE id = ?1",
                    [project.row],
                )?;
                settle(&transaction, Some(project.instance_id), false, now)?;
            }
            // It is mapped.
            _ => {}
        }
        Ok(transaction.commit()?)
    }

    /// What the operator says of a project's scans.
    pub(crate) fn scan_fields(&self, project: i64) -> Result<ScanFields> {
        let sql = format!("SELECT {SCAN_FIELDS} FROM projects WHERE id = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([project])?;
        scan_fields(rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    /// Sets what the operator says of a project's scans.
    pub(crate) fn set_scan_fields(&mut self, project: i64, fields: &ScanFields, now: Timestamp) -> Result<()> {
        self.connection.execute(
            "UPDATE projects SET environment = ?2, branch = ?3, tag = ?4, metadata = ?5, \
             scheduled_at = CASE WHEN ?6 THEN coalesce(scheduled_at, ?7) END, notify = ?8 WHERE id = ?1",
            params![
                project,
                fields.environment,
                fields.branch,
                fields.tag,
                json("metadata", &fields.metadata)?,
                fields.scheduled,
                now.as_micros(),
                fields.notify
            ],
        )?;
        Ok(())
    }
}

/// The columns of what the operator says of a project's scans.
pub(crate) const SCAN_FIELDS: &str = "projects.environment AS scan_environment, projects.branch AS scan_branch, \
                                      projects.tag AS scan_tag, projects.metadata AS scan_metadata, \
                                      projects.scheduled_at IS NOT NULL AS scan_scheduled, projects.notify AS scan_notify";

/// What the operator says of a project's scans, of a row with those columns.
pub(crate) fn scan_fields(row: &Row<'_>) -> Result<ScanFields> {
    Ok(ScanFields {
        environment: row.get("scan_environment")?,
        branch: row.get("scan_branch")?,
        tag: row.get("scan_tag")?,
        metadata: document("metadata", row.get_ref("scan_metadata")?.as_str().unwrap_or_default())?,
        scheduled: row.get("scan_scheduled")?,
        notify: row.get("scan_notify")?,
    })
}

/// Maps a project to a repository.
fn map(connection: &Connection, project: i64, repository: i64, note: &Note) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE projects SET repository_id = ?2, mapping = 'mapped', mapping_document = ?3, \
             mapped_at = coalesce(mapped_at, ?4) WHERE id = ?1",
        )?
        .execute(params![project, repository, json("mapping", note)?, note.at.as_micros()])?;
    Ok(())
}

/// Maps projects of an instance, by the vendor's ids, to the repositories that a
/// person chose for them, or leaves them without one. Within a transaction of
/// the caller's.
pub(super) fn choose(
    connection: &Connection,
    instance_id: i64,
    chosen: &BTreeMap<String, Option<i64>>,
    now: Timestamp,
) -> Result<()> {
    let sql = "SELECT id FROM projects WHERE instance_id = ?1 AND vendor_id = ?2 AND mapping <> 'ignored'";
    for (vendor_id, repository) in chosen {
        let project: Option<i64> =
            connection.query_row(sql, params![instance_id, vendor_id], |row| row.get(0)).optional()?;
        // What the vendor no longer lists, or is no longer wanted, is left as it is.
        let Some(project) = project else { continue };
        let url = url(connection, project)?;
        let note = Note { by: MappedBy::Manual, at: now, reason: None, confidence: None, url };
        match repository {
            Some(repository) => map(connection, project, *repository, &note)?,
            None => {
                connection.execute(
                    "UPDATE projects SET mapping = 'unmapped', repository_id = NULL, mapping_document = ?2 WHERE id = ?1",
                    params![project, json("mapping", &note)?],
                )?;
            }
        }
    }
    sweep(connection)
}

/// The project's URL, as the vendor last gave it.
fn url(connection: &Connection, project: i64) -> Result<Option<String>> {
    let sql = "SELECT document ->> 'url' FROM projects WHERE id = ?1";
    Ok(connection.query_row(sql, [project], |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
