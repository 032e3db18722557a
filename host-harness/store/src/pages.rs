//! Pages of a read: which of their records are new, and the one transaction
//! that takes a page in.

mod commit;
mod contents;
mod findings;
mod guard;
mod looked_at;
mod packages;
mod primary;
mod stats;
mod vanish;

use std::collections::{HashMap, HashSet};

use appsec_model::{Gist, Kind, NextPage, Normalized, Project, ProjectRef, ProjectScope, RawRecord, Timestamp};
use rusqlite::{Connection, OptionalExtension};

pub(super) use self::{
    commit::{write_diagnostics, write_rules},
    findings::{Batch, RecordWriter},
    packages::{settle_packages, write_packages},
    primary::elect_primary,
    stats::RunStats,
    vanish::vanish_project,
};
pub use self::{
    contents::Contents,
    guard::{OnAbsence, Percent, PercentError},
    looked_at::LookedAt,
};
use crate::{database::FindingStore, error::Result, ids::key_hash, runs::FetchStats, seen::Seen};

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

/// How the key of a record begins that has no id.
pub(super) const HASH_KEY: &str = "blake3:";

/// A record with the hash of its body. Hashing takes time and needs no store.
#[derive(Clone, Debug)]
pub struct HashedRecord {
    record: RawRecord,
    key: String,
    hash: Vec<u8>,
}

/// Bytes of the hash over a record. What its formats tell alike stands behind it.
const HASH_BYTES: usize = 32;

/// Bytes of the hash over what formats tell alike, and of how much detail one has.
const GIST_BYTES: usize = 16 + 4;

impl HashedRecord {
    /// What it is known by within its project and kind.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl From<RawRecord> for HashedRecord {
    fn from(record: RawRecord) -> Self {
        let hash = blake3::hash(record.body.as_bytes());
        // A record without id is itself its id.
        let key = match record.id.as_ref().filter(|id| !id.is_empty()) {
            Some(id) => id.clone(),
            None => format!("{HASH_KEY}{}", hash.to_hex()),
        };
        let mut hash = hash.as_bytes().to_vec();
        if let Some(Gist { detail, text }) = &record.gist {
            hash.extend(detail.to_be_bytes());
            hash.extend(blake3::hash(text.as_bytes()).as_bytes().iter().take(16));
        }
        Self { record, key, hash }
    }
}

/// What stands behind the hash of a record: how much detail it has, and the hash
/// of what its formats tell alike.
fn gist_of(hash: &[u8]) -> Option<(&[u8], &[u8])> {
    hash.get(HASH_BYTES..).filter(|gist| gist.len() == GIST_BYTES)?.split_at_checked(4)
}

impl HashedRecord {
    /// A record whose meaning depends on more than its body: it counts as
    /// changed also where that changes.
    pub fn with_meaning(record: RawRecord, meaning: &[u8]) -> Self {
        let mut hashed = Self::from(record);
        let hash = blake3::Hasher::new().update(&hashed.hash).update(meaning).finalize();
        hashed.hash = hash.as_bytes().to_vec();
        hashed
    }

    /// Whether it says the same as what is known, or less of it: a format that
    /// tells less than another one takes nothing back.
    fn is_known(&self, known: &[u8]) -> bool {
        let says_less = || match (gist_of(&self.hash), gist_of(known)) {
            (Some((detail, text)), Some((known_detail, known_text))) => detail < known_detail && text == known_text,
            _ => false,
        };
        known == self.hash || says_less()
    }
}

/// A record of a page, compared with the store.
#[derive(Clone, Debug)]
pub struct Classified {
    /// The record.
    pub record: RawRecord,
    /// What the store knows of it.
    pub state: RecordState,
    pub(super) key: String,
    pub(super) key_hash: i64,
    pub(super) hash: Vec<u8>,
    pub(super) project_id: Option<i64>,
}

impl Classified {
    /// What the record is known by within its instance, origin and kind.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether it is to be normalized and written.
    pub fn is_fresh(&self) -> bool {
        matches!(self.state, RecordState::New | RecordState::Changed { .. })
    }
}

/// A page to take in.
pub struct PageCommit {
    /// Row id of the instance.
    pub instance_id: i64,
    /// Name of the instance: a part of what makes a finding's id.
    pub instance: String,
    /// Which records of the instance these stand beside: empty for what the
    /// vendor's API brings, else a word for what files they are from. Absence
    /// from a complete read says something on records of its own origin only.
    pub origin: String,
    /// Number of the run.
    pub run_id: i64,
    /// Row id of the read.
    pub fetch_id: i64,
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
    /// What is kept of the records that are new or changed.
    pub contents: Contents,
    /// Whether records that a complete read has not brought have vanished: only
    /// a read of everything in its scope can tell.
    pub full: bool,
    /// Whether what the read has not brought can be asked for once more, before
    /// it is taken for gone.
    pub ask_again: bool,
    /// The projects of the read's scope; none for all of the instance.
    pub scope: Option<Vec<String>>,
    /// The refs of the read's scope.
    pub refs: Refs,
    /// What the page took.
    pub usage: FetchStats,
    /// The time.
    pub now: Timestamp,
}

/// Refs that a complete read has looked at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Refs {
    /// All that there are.
    #[default]
    All,
    /// This one.
    One(String),
    /// Those that its findings name; where there are none, only what is on no ref.
    Named,
}

/// What a page brought.
#[derive(Clone, Debug, Default)]
pub struct PageCounts {
    /// To be added to the read's.
    pub counts: FetchStats,
    /// Row ids of the page's records, in no order.
    pub ids: Vec<i64>,
    /// The projects of which it has not brought everything, and which are to be
    /// read once more before it is complete.
    pub missed: Vec<ProjectScope>,
}

/// The projects of an instance as records name them.
#[derive(Clone, Debug, Default)]
pub struct ProjectIndex {
    by_id: HashMap<String, i64>,
    by_name: HashMap<String, i64>,
    primary_branch: HashMap<i64, String>,
    identities: HashMap<i64, String>,
}

impl ProjectIndex {
    /// The row id of a project. Names are compared without case, as the
    /// forges do that the projects come from.
    pub(super) fn find(&self, project: Option<&ProjectRef>) -> Option<i64> {
        let project = project?;
        let by_id = project.id.as_ref().and_then(|id| self.by_id.get(id));
        by_id.or_else(|| self.by_name.get(&project.name.as_ref()?.to_lowercase())).copied()
    }

    /// Adds a project that was just made.
    pub(super) fn add(&mut self, id: i64, project: &Project) {
        self.by_name.insert(project.name.to_lowercase(), id);
        self.by_id.insert(project.id.clone(), id);
    }

    /// The id of a project, as the scope of a read names it.
    pub fn vendor_id(&self, project: &ProjectRef) -> Option<String> {
        let wanted = self.find(Some(project))?;
        self.by_id.iter().find(|(_, row)| **row == wanted).map(|(id, _)| id.clone())
    }
}

impl FindingStore {
    /// The projects of an instance that are read: those that the vendor lists or
    /// files name, and that are mapped. Records of others are not taken in, and
    /// that a read does not bring them says nothing.
    pub(crate) fn project_index(&self, instance_id: i64) -> Result<ProjectIndex> {
        project_index(&self.connection, instance_id, Which::Read)
    }

    /// The projects of an instance that the vendor lists or files name.
    pub(super) fn listed_index(&self, instance_id: i64) -> Result<ProjectIndex> {
        project_index(&self.connection, instance_id, Which::Listed)
    }

    /// Compares the records of a page with the store. `seen` is what earlier
    /// pages of the read brought.
    pub(crate) fn classify(
        &self,
        instance_id: i64,
        origin: &str,
        records: Vec<HashedRecord>,
        projects: &ProjectIndex,
        seen: &Seen,
    ) -> Result<Vec<Classified>> {
        let mut lookup =
            self.connection.prepare_cached("SELECT id, hash, vanished_at FROM records WHERE key_hash = ?1")?;
        let mut compare = |record: &HashedRecord, key_hash: i64| -> Result<RecordState> {
            let kind = &record.record.kind;
            let found = lookup
                .query_row([key_hash], |row| {
                    let id = row.get(0)?;
                    let same = row.get_ref(1)?.as_blob().is_ok_and(|known| record.is_known(known));
                    let gone = row.get::<_, Option<i64>>(2)?.is_some();
                    Ok(match (same, gone) {
                        (true, false) if seen.contains(id) => RecordState::Repeated,
                        // A package in two lockfiles may be two records of one
                        // id: the first one stays, or each sync would change both.
                        (false, false) if *kind == Kind::Packages && seen.contains(id) => RecordState::Repeated,
                        (true, false) => RecordState::Unchanged { id },
                        (true, true) => RecordState::Returned { id },
                        (false, _) => RecordState::Changed { id },
                    })
                })
                .optional()?;
            Ok(found.unwrap_or(RecordState::New))
        };
        let mut keys = HashSet::with_capacity(records.len());
        let mut states = Vec::with_capacity(records.len());
        for record in &records {
            let project_id = projects.find(record.record.project.as_ref());
            let key_hash = key_hash(instance_id, origin, project_id, &record.record.kind, &record.key);
            let state = if project_id.is_none() && record.record.project.is_some() {
                RecordState::Unmapped
            } else if !keys.insert(key_hash) {
                RecordState::Repeated
            } else {
                compare(record, key_hash)?
            };
            states.push((state, project_id, key_hash));
        }
        let classified = records.into_iter().zip(states).map(|(hashed, (state, project_id, key_hash))| {
            let HashedRecord { record, key, hash } = hashed;
            Classified { record, state, key, key_hash, hash, project_id }
        });
        Ok(classified.collect())
    }
}

/// Projects of an instance.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// Those that are mapped, as long as the vendor lists them.
    Read,
    /// Those that the vendor lists.
    Listed,
    /// All that there ever were.
    Known,
}

/// Projects of an instance as records name them.
pub(super) fn project_index(connection: &Connection, instance_id: i64, which: Which) -> Result<ProjectIndex> {
    let condition = match which {
        Which::Read => "AND vanished_at IS NULL AND mapping IN ('mapped', 'drifted')",
        Which::Listed => "AND vanished_at IS NULL",
        Which::Known => "",
    };
    // Of two projects of one name the one that the vendor lists counts.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, vendor_id, name, primary_branch, identity FROM projects WHERE instance_id = ?1 {condition} \
         ORDER BY vanished_at IS NULL, vendor_id GLOB 'name:*' DESC, id"
    ))?;
    let mut rows = statement.query([instance_id])?;
    let mut index = ProjectIndex::default();
    while let Some(row) = rows.next()? {
        let (id, vendor_id, name): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        index.by_name.insert(name.to_lowercase(), id);
        index.by_id.insert(vendor_id, id);
        index.identities.insert(id, row.get(4)?);
        if let Some(branch) = row.get(3)? {
            index.primary_branch.insert(id, branch);
        }
    }
    Ok(index)
}

#[cfg(test)]
mod tests;
