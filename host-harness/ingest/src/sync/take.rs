//! Pages on their way into the store, and what they say of their fetch.
//!
//! One is compared and normalized while the one before it is written. They are
//! written in their order, and a page that brings a record of one that is not
//! written yet waits for that one first: what becomes of each record is what
//! would become of it if one page came after the other.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use appsec_model::{Diagnostic, Kind, NextPage, ProjectScope};
use tokio::sync::oneshot;

use super::{InstanceSync, SyncEvent};
use crate::{
    batch::{Absence, Batch, Place},
    error::Error,
    task::AbortOnDrop,
};
use appsec_store::{Classified, FetchStats, HashedRecord, ProjectIndex, RecordState, Seen};

/// Pages that are under way at one time: one that is written, one that is
/// prepared.
const PAGES_AT_ONCE: usize = 2;

/// The pages of a fetch that are under way, in their order.
#[derive(Default)]
pub(super) struct UnderWay {
    pages: VecDeque<(AbortOnDrop<Taken>, HashSet<String>)>,
    /// Says when the last one of them is written.
    written: Option<oneshot::Receiver<()>>,
}

impl UnderWay {
    /// Waits until there is room for one more page; what became of the one that
    /// had to end for that.
    pub async fn room(&mut self) -> Result<Option<Taken>, Error> {
        if self.pages.len() < PAGES_AT_ONCE { Ok(None) } else { self.next().await }
    }

    /// Waits for the first page; none if none is under way.
    pub async fn next(&mut self) -> Result<Option<Taken>, Error> {
        match self.pages.pop_front() {
            Some((page, _)) => page.join().await.map(Some),
            None => Ok(None),
        }
    }

    /// Begins to take a page in.
    pub fn push(&mut self, page: Page) {
        let keys: HashSet<String> = page.records.iter().map(|it| it.key().to_owned()).collect();
        let depends = self.pages.iter().any(|(_, before)| !before.is_disjoint(&keys));
        let (written, after) = oneshot::channel();
        let before = self.written.replace(after);
        self.pages.push_back((AbortOnDrop::spawn(page.take(before, depends, written)), keys));
    }
}

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
    pub records: Vec<HashedRecord>,
    pub remarks: Vec<Diagnostic>,
    pub next: NextPage,
}

/// What became of a page.
pub(super) struct Taken {
    /// It held records, and none of them was new to the read.
    pub stale: bool,
    /// Projects that are to be read once more.
    pub missed: Vec<ProjectScope>,
}

impl Page {
    /// Takes it in. `before` says that the page before it is written, and
    /// `depends` that it must be, before this one is compared with the store.
    async fn take(
        self,
        mut before: Option<oneshot::Receiver<()>>,
        depends: bool,
        written: oneshot::Sender<()>,
    ) -> Result<Taken, Error> {
        if depends {
            wait(&mut before).await?;
        }
        let sync = self.sync;
        let started = Instant::now();
        let batch = Batch {
            remarks: self.remarks,
            seen: self.seen.clone(),
            usage: self.usage,
            ..Batch::new(self.kind.clone(), self.records)
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
            next: self.next,
            absence: self.absence,
        };
        wait(&mut before).await?;
        let begun = Instant::now();
        let outcome = prepared.commit(&pipeline, place).await?;
        let storing = begun.elapsed();
        tracing::debug!(instance_path = sync.grant.instance_path, ?preparing, ?storing, "page ingested");
        let mut new = 0;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for id in outcome.ids {
            new += u64::from(seen.insert(id));
        }
        drop(seen);
        // Nobody may wait for it.
        _ = written.send(());
        let counts = outcome.counts;
        let written = counts.new + counts.changed;
        (sync.progress)(SyncEvent::Page { kind: self.kind, records: counts.records, written });
        Ok(Taken { stale: held && new == 0 && !others, missed: outcome.missed })
    }
}

/// Waits until the page before is written. If it cannot be, it says why, and this
/// one is not.
async fn wait(before: &mut Option<oneshot::Receiver<()>>) -> Result<(), Error> {
    match before.take() {
        Some(before) => before.await.map_err(|_| Error::Stopped),
        None => Ok(()),
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
