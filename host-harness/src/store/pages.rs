//! Pages of a read: which of their records are new, and the one transaction
//! that takes a page in.

mod findings;
mod raw;
mod vanish;

use std::collections::{HashMap, HashSet};

use appsec_model::{
    Diagnostic, DiagnosticLevel, Kind, NextPage, Normalized, PackageVersion, ProjectRef, RawRecord, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use self::{
    findings::FindingWriter,
    raw::RawWriter,
    vanish::{revive, vanish_unseen},
};
use super::{FindingStore, ReadCounts, Result, Seen, json, seen};

pub(super) use self::vanish::{read_seen, vanish};

/// What the store knows of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordState {
    /// Nothing.
    New,
    /// Another content.
    Changed {
        /// Its row id.
        id: i64,
    },
    /// The same content.
    Unchanged {
        /// Its row id.
        id: i64,
    },
    /// The same content, but it had vanished.
    Returned {
        /// Its row id.
        id: i64,
    },
    /// An earlier record of this read is the same.
    Repeated,
    /// Its project is not ingested.
    Unmapped,
}

/// A record of a page, compared with the store.
#[derive(Clone, Debug)]
pub struct Classified {
    /// The record.
    pub record: RawRecord,
    /// What the store knows of it.
    pub state: RecordState,
    key: String,
    sha256: [u8; 32],
    project_id: Option<i64>,
}

/// A page to take in.
pub struct PageCommit {
    /// Row id of the instance.
    pub instance_id: i64,
    /// Name of the instance: a part of what makes a finding's id.
    pub instance: String,
    /// Number of the run.
    pub run_id: i64,
    /// Row id of the read.
    pub read_id: i64,
    /// The kind that the read is of.
    pub kind: Kind,
    /// Number of the page in its read, from 0.
    pub page: u64,
    /// How the read goes on.
    pub next: NextPage,
    /// The records.
    pub records: Vec<Classified>,
    /// What those that are new or changed normalize to; `index` counts these
    /// alone.
    pub normalized: Normalized,
    /// The JSON of each normalized finding. Made before the store is locked:
    /// other pages wait for it.
    pub documents: Vec<String>,
    /// Whether records that a complete read has not brought have vanished: only
    /// a read of everything in its scope can tell.
    pub full: bool,
    /// The projects of the read's scope; none for all of the instance.
    pub scope: Option<Vec<String>>,
    /// What the page took.
    pub costs: ReadCounts,
    /// The time.
    pub now: Timestamp,
}

/// What a page brought.
#[derive(Clone, Debug, Default)]
pub struct PageCounts {
    /// To be added to the read's.
    pub counts: ReadCounts,
    /// Row ids of the page's records, in no order.
    pub ids: Vec<i64>,
}

/// The projects of an instance as records name them.
#[derive(Clone, Debug, Default)]
pub struct ProjectIndex {
    by_id: HashMap<String, i64>,
    by_name: HashMap<String, i64>,
    primary_branch: HashMap<i64, String>,
    vendor_ids: HashMap<i64, String>,
}

impl ProjectIndex {
    /// The row id of a project. Names are compared without case, as the
    /// forges do that the projects come from.
    fn find(&self, project: Option<&ProjectRef>) -> Option<i64> {
        let project = project?;
        let by_id = project.id.as_ref().and_then(|id| self.by_id.get(id));
        by_id.or_else(|| self.by_name.get(&project.name.as_ref()?.to_lowercase())).copied()
    }
}

/// The JSON of findings, as the store keeps them.
pub fn documents(normalized: &Normalized) -> Result<Vec<String>> {
    normalized.findings.iter().map(|finding| json("finding", finding)).collect()
}

impl FindingStore {
    /// The projects of an instance that are listed by the vendor.
    pub fn project_index(&self, instance_id: i64) -> Result<ProjectIndex> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, vendor_id, name, primary_branch FROM projects WHERE instance_id = ?1 AND vanished_at IS NULL",
        )?;
        let mut rows = statement.query([instance_id])?;
        let mut index = ProjectIndex::default();
        while let Some(row) = rows.next()? {
            let (id, vendor_id, name): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            index.by_name.insert(name.to_lowercase(), id);
            index.by_id.insert(vendor_id.clone(), id);
            index.vendor_ids.insert(id, vendor_id);
            if let Some(branch) = row.get(3)? {
                index.primary_branch.insert(id, branch);
            }
        }
        Ok(index)
    }

    /// Compares the records of a page with the store. `seen` is what earlier
    /// pages of the read brought.
    pub fn classify(
        &self,
        instance_id: i64,
        records: Vec<RawRecord>,
        projects: &ProjectIndex,
        seen: &Seen,
    ) -> Result<Vec<Classified>> {
        let mut lookup = self.connection.prepare_cached(
            "SELECT id, sha256, vanished_at FROM raw_records WHERE instance_id = ?1 AND kind = ?2 AND record_key = ?3",
        )?;
        let mut keys = HashSet::with_capacity(records.len());
        let mut classified = Vec::with_capacity(records.len());
        for record in records {
            let sha256: [u8; 32] = Sha256::digest(&record.body).into();
            // A record without id is itself its id.
            let key = match &record.id {
                Some(id) => id.clone(),
                None => format!("sha256:{}", crate::hex::encode(&sha256)),
            };
            let project_id = projects.find(record.project.as_ref());
            let state = if project_id.is_none() && record.project.is_some() {
                RecordState::Unmapped
            } else if !keys.insert(key.clone()) {
                RecordState::Repeated
            } else {
                lookup
                    .query_row(params![instance_id, record.kind.as_str(), key], |row| {
                        let id = row.get(0)?;
                        let same = row.get_ref(1)?.as_blob().is_ok_and(|known| known == sha256);
                        let gone = row.get::<_, Option<i64>>(2)?.is_some();
                        Ok(match (same, gone) {
                            (true, false) if seen.contains(id) => RecordState::Repeated,
                            (true, false) => RecordState::Unchanged { id },
                            (true, true) => RecordState::Returned { id },
                            (false, _) => RecordState::Changed { id },
                        })
                    })
                    .optional()?
                    .unwrap_or(RecordState::New)
            };
            classified.push(Classified { record, state, key, sha256, project_id });
        }
        Ok(classified)
    }

    /// Takes a page in: raw records, findings, packages, diagnostics, counts
    /// and cursor, all or nothing.
    pub fn commit_page(&mut self, page: &PageCommit, projects: &ProjectIndex) -> Result<PageCounts> {
        let result = self.try_commit_page(page, projects);
        if result.is_err() {
            // A dictionary that was made in the transaction is gone with it.
            self.codecs = super::compress::Codecs::default();
        }
        result
    }

    fn try_commit_page(&mut self, page: &PageCommit, projects: &ProjectIndex) -> Result<PageCounts> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut outcome = PageCounts { counts: page.costs, ids: Vec::with_capacity(page.records.len()) };
        outcome.counts.pages = 1;
        outcome.counts.records = page.records.len() as u64;

        // Raw records, in the order of the normalized ones.
        let mut taken: Vec<(i64, &Classified)> = Vec::new();
        let fresh =
            || page.records.iter().filter(|it| matches!(it.state, RecordState::New | RecordState::Changed { .. }));
        if let Some(first) = fresh().next() {
            let kind = first.record.kind.as_str();
            let samples = fresh().map(|it| it.record.body.as_bytes());
            let encoder = self.codecs.encoder(&transaction, page.instance_id, kind, samples)?;
            let mut raw = RawWriter::new(&transaction, page.instance_id, encoder)?;
            for it in fresh() {
                taken.push((raw.write(it)?, it));
            }
        }
        for it in &page.records {
            let counts = &mut outcome.counts;
            match it.state {
                RecordState::New => counts.new += 1,
                RecordState::Changed { .. } => counts.changed += 1,
                RecordState::Unchanged { id } => {
                    counts.unchanged += 1;
                    outcome.ids.push(id);
                }
                RecordState::Returned { id } => {
                    counts.changed += 1;
                    outcome.ids.push(id);
                    revive(&transaction, id)?;
                }
                RecordState::Repeated => counts.repeated += 1,
                RecordState::Unmapped => counts.unmapped += 1,
            }
        }
        outcome.ids.extend(taken.iter().map(|(id, _)| *id));

        let packages = write_packages(&transaction, page, projects)?;
        write_rules(&transaction, page)?;
        let mut writer = FindingWriter::new(&transaction, page, projects, packages)?;
        for (finding, document) in page.normalized.findings.iter().zip(&page.documents) {
            // `index` is the guest's word: an impossible one is ignored.
            if let Some((raw_id, it)) = usize::try_from(finding.index).ok().and_then(|index| taken.get(index)) {
                writer.write(*raw_id, it, finding, document)?;
            }
        }
        writer.finish()?;
        write_diagnostics(&transaction, page, &taken, &mut outcome.counts)?;
        close_page(&transaction, page, projects, &mut outcome)?;
        transaction.commit()?;
        Ok(outcome)
    }
}

/// A package within a page: project, ecosystem, name, version.
type PackageKey = (i64, String, String, String);

fn package_key(project_id: i64, package: &PackageVersion) -> PackageKey {
    let version = package.version.clone().unwrap_or_default();
    (project_id, package.ecosystem.as_str().to_owned(), package.name.clone(), version)
}

fn write_packages(
    connection: &Connection,
    page: &PageCommit,
    projects: &ProjectIndex,
) -> Result<HashMap<PackageKey, i64>> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO packages (instance_id, project_id, ecosystem, name, version, purl, transitivity, lockfile_url) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
         ON CONFLICT (project_id, ecosystem, name, version) DO UPDATE SET purl = excluded.purl, \
         transitivity = excluded.transitivity, lockfile_url = excluded.lockfile_url RETURNING id",
    )?;
    let mut ids = HashMap::with_capacity(page.normalized.packages.len());
    for package in &page.normalized.packages {
        let Some(project_id) = projects.find(Some(&package.project)) else { continue };
        let key = package_key(project_id, &package.package);
        let id = upsert.query_row(
            params![
                page.instance_id,
                project_id,
                key.1,
                key.2,
                key.3,
                package.package.purl,
                package.transitivity.as_str(),
                package.lockfile_url
            ],
            |row| row.get(0),
        )?;
        ids.insert(key, id);
    }
    Ok(ids)
}

fn write_rules(connection: &Connection, page: &PageCommit) -> Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO rules VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET document = excluded.document \
         WHERE document <> excluded.document",
    )?;
    for rule in &page.normalized.rules {
        upsert.execute(params![page.instance_id, rule.id, json("rule", rule)?])?;
    }
    Ok(())
}

fn write_diagnostics(
    connection: &Connection,
    page: &PageCommit,
    taken: &[(i64, &Classified)],
    counts: &mut ReadCounts,
) -> Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT INTO diagnostics (instance_id, run_id, raw_id, document) VALUES (?1, ?2, ?3, ?4)")?;
    for diagnostic in &page.normalized.diagnostics {
        let Diagnostic { level, index, .. } = diagnostic;
        match level {
            DiagnosticLevel::Warning => counts.warnings += 1,
            DiagnosticLevel::Skipped => {}
            DiagnosticLevel::Error => counts.unusable += 1,
        }
        let raw_id = index.and_then(|index| taken.get(usize::try_from(index).ok()?)).map(|(id, _)| *id);
        insert.execute(params![page.instance_id, page.run_id, raw_id, json("diagnostic", diagnostic)?])?;
    }
    Ok(())
}

/// Moves the read's cursor behind the page and adds up what it brought.
fn close_page(
    connection: &Connection,
    page: &PageCommit,
    projects: &ProjectIndex,
    outcome: &mut PageCounts,
) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO read_pages VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seen = excluded.seen")?
        .execute(params![page.read_id, page.page, seen::encode(outcome.ids.clone())])?;
    let (cursor, state) = match &page.next {
        NextPage::Cursor(cursor) => (Some(cursor), "pending"),
        NextPage::Complete => {
            if page.full {
                outcome.counts.vanished = vanish_unseen(connection, page, projects)?;
            }
            connection.execute("DELETE FROM read_pages WHERE read_id = ?1", [page.read_id])?;
            (None, "complete")
        }
    };
    let counts = &outcome.counts;
    connection
        .prepare_cached(
            "UPDATE reads SET cursor = ?2, state = ?3, pages = pages + 1, records = records + ?4, new = new + ?5, \
             changed = changed + ?6, unchanged = unchanged + ?7, repeated = repeated + ?8, unmapped = unmapped + ?9, \
             warnings = warnings + ?10, unusable = unusable + ?11, requests = requests + ?12, \
             received_bytes = received_bytes + ?13, waits = waits + ?14, waited_ms = waited_ms + ?15, \
             peak_memory_bytes = max(peak_memory_bytes, ?16), vanished = vanished + ?17 WHERE id = ?1",
        )?
        .execute(params![
            page.read_id,
            cursor,
            state,
            counts.records,
            counts.new,
            counts.changed,
            counts.unchanged,
            counts.repeated,
            counts.unmapped,
            counts.warnings,
            counts.unusable,
            counts.requests,
            counts.received_bytes,
            counts.waits,
            counts.waited_ms,
            counts.peak_memory_bytes,
            counts.vanished
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
