//! A page on its way into the store, and what it says of its fetch.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use appsec_model::{Kind, ProjectScope, RawPage};

use super::{InstanceSync, SyncEvent};
use crate::{
    batch::{Absence, Batch, Place},
    error::Error,
};
use appsec_store::{Classified, FetchStats, HashedRecord, ProjectIndex, RecordState, Seen};

/// A fetched page and where it belongs.
pub(super) struct Page {
    pub sync: Arc<InstanceSync>,
    pub projects: Arc<ProjectIndex>,
    pub seen: Arc<Mutex<Seen>>,
    pub unmapped: Arc<Mutex<HashSet<u64>>>,
    pub run_id: i64,
    pub fetch_id: i64,
    pub kind: Kind,
    pub number: u64,
    pub absence: Absence,
    pub usage: FetchStats,
    pub raw: RawPage,
}

/// What became of a page.
pub(super) struct Taken {
    /// It held records, and none of them was new to the read.
    pub stale: bool,
    /// Projects that are to be read once more.
    pub missed: Vec<ProjectScope>,
}

impl Page {
    pub async fn take(self) -> Result<Taken, Error> {
        let sync = self.sync;
        let started = Instant::now();
        let batch = Batch {
            remarks: self.raw.diagnostics,
            seen: self.seen.clone(),
            usage: self.usage,
            ..Batch::new(self.kind.clone(), self.raw.records.into_iter().map(HashedRecord::from).collect())
        };
        let pipeline = sync.pipeline();
        let prepared = batch.prepare(&pipeline, self.projects).await?;
        let preparing = started.elapsed();
        let held = !prepared.records.is_empty();
        // Records of projects that are not ingested have no id to be known by.
        let others = unmapped_mark(&prepared.records)
            .is_some_and(|mark| self.unmapped.lock().unwrap_or_else(PoisonError::into_inner).insert(mark));
        let place = Place {
            run_id: self.run_id,
            fetch_id: self.fetch_id,
            number: self.number,
            next: self.raw.next,
            absence: self.absence,
        };
        let outcome = prepared.commit(&pipeline, place).await?;
        let storing = started.elapsed() - preparing;
        tracing::debug!(instance_path = sync.grant.instance_path, ?preparing, ?storing, "page taken in");
        let mut new = 0;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for id in outcome.ids {
            new += u64::from(seen.insert(id));
        }
        drop(seen);
        let counts = outcome.counts;
        let written = counts.new + counts.changed;
        (sync.progress)(SyncEvent::Page { kind: self.kind, records: counts.records, written });
        Ok(Taken { stale: held && new == 0 && !others, missed: outcome.missed })
    }
}

/// A mark for the records of a page whose projects are not ingested; none where
/// there are none. The same page once more has the same one.
fn unmapped_mark(classified: &[Classified]) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let mut keys = classified.iter().filter(|it| it.state == RecordState::Unmapped).map(Classified::key).peekable();
    keys.peek()?;
    keys.for_each(|key| key.hash(&mut hasher));
    Some(hasher.finish())
}
