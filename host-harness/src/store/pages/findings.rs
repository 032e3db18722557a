//! Findings of a page and their occurrences.

use std::collections::{BTreeSet, HashMap};

use appsec_model::{Finding, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Classified, PackageKey, PageCommit, ProjectIndex, RecordState, package_key, vanish::lead};
use crate::store::Result;

/// Writes findings and their occurrences.
pub(super) struct FindingWriter<'a> {
    connection: &'a Connection,
    page: &'a PageCommit,
    projects: &'a ProjectIndex,
    packages: HashMap<PackageKey, i64>,
    insert: CachedStatement<'a>,
    occurrence: CachedStatement<'a>,
    occurrence_of: CachedStatement<'a>,
    known: CachedStatement<'a>,
    /// Findings with more than one occurrence, or one less: what they show is
    /// decided when all of the page is written.
    touched: BTreeSet<i64>,
}

impl<'a> FindingWriter<'a> {
    pub fn new(
        connection: &'a Connection,
        page: &'a PageCommit,
        projects: &'a ProjectIndex,
        packages: HashMap<PackageKey, i64>,
    ) -> Result<Self> {
        Ok(Self {
            connection,
            page,
            projects,
            packages,
            insert: connection.prepare_cached(
                "INSERT INTO findings (public_id, instance_id, project_id, kind, occurrence_id, severity, status, title, rule_id, \
                 path, start_line, package_id, reachability, first_seen_at, changed_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14) ON CONFLICT (public_id) DO NOTHING",
            )?,
            occurrence: connection.prepare_cached(
                "INSERT INTO occurrences (id, finding_id, project_id, kind, vendor_id, ref, on_primary, status, \
                 relevant_since, package_id, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
                 ON CONFLICT (id) DO UPDATE SET finding_id = excluded.finding_id, project_id = excluded.project_id, \
                 ref = excluded.ref, on_primary = excluded.on_primary, status = excluded.status, \
                 relevant_since = excluded.relevant_since, package_id = excluded.package_id, vanished_at = NULL, \
                 document = excluded.document",
            )?,
            occurrence_of: connection.prepare_cached("SELECT finding_id FROM occurrences WHERE id = ?1")?,
            known: connection.prepare_cached("SELECT id FROM findings WHERE public_id = ?1")?,
            touched: BTreeSet::new(),
        })
    }

    pub fn write(&mut self, raw_id: i64, it: &Classified, finding: &Finding, document: &str) -> Result<()> {
        // A record that names no project has no place among the findings.
        let Some(project_id) = it.project_id else { return Ok(()) };
        let vendor_project = self.projects.vendor_ids.get(&project_id).map_or("", String::as_str);
        let public_id = public_id(&self.page.instance, vendor_project, finding);
        let before: Option<i64> = match it.state {
            RecordState::Changed { .. } => self.occurrence_of.query_row([raw_id], |row| row.get(0)).optional()?,
            _ => None,
        };
        let dependency = finding.dependency.as_ref();
        let package_id =
            dependency.and_then(|dependency| self.packages.get(&package_key(project_id, &dependency.package))).copied();
        let kind = finding.kind.as_str();
        let status = finding.lifecycle.status.as_str();
        let location = finding.location.as_ref();
        let inserted = self.insert.execute(params![
            public_id,
            self.page.instance_id,
            project_id,
            kind,
            raw_id,
            finding.severity as i64,
            status,
            finding.title,
            finding.rule_id,
            location.map(|location| &location.path),
            location.and_then(|location| location.start_line),
            package_id,
            dependency.map(|dependency| dependency.reachability.verdict.as_str()),
            self.page.now.as_micros(),
        ])?;
        let id: i64 = if inserted == 1 {
            self.connection.last_insert_rowid()
        } else {
            self.known.query_row([public_id], |row| row.get(0))?
        };
        let on_primary = match (&finding.r#ref, self.projects.primary_branch.get(&project_id)) {
            (Some(found), Some(primary)) => found == primary,
            _ => false,
        };
        self.occurrence.execute(params![
            raw_id,
            id,
            project_id,
            kind,
            finding.id,
            finding.r#ref,
            on_primary,
            status,
            finding.lifecycle.relevant_since.map(Timestamp::as_micros),
            package_id,
            document,
        ])?;
        if inserted == 0 {
            self.touched.insert(id);
        }
        self.touched.extend(before.filter(|before| *before != id));
        Ok(())
    }

    /// Decides what the findings show that this page shares with others.
    pub fn finish(self) -> Result<()> {
        self.touched.into_iter().try_for_each(|id| lead(self.connection, id, Some(self.page.now)))
    }
}

/// What a finding is known by: the same for the same problem in every sync,
/// on every machine, also when the instance was removed and added again.
fn public_id(instance: &str, project: &str, finding: &Finding) -> i64 {
    let mut hasher = Sha256::new();
    for part in [instance, project, finding.kind.as_str(), &finding.identity.key] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hasher.finalize());
    // SQLite's row ids are signed; a positive one reads better.
    i64::from_be_bytes([a & 0x7f, b, c, d, e, f, g, h])
}
