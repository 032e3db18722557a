//! Pages on their way into the store, and what they say of their fetch.
//!
//! One is compared and normalized while the one before it is written. They are
//! written in their order, several in one transaction, and a page that brings a
//! record of one that is not committed yet waits for that one first: what becomes
//! of each record is what would become of it if one page came after the other.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use appsec_model::{Diagnostic, Kind, NextPage, ProjectScope};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{InstanceSync, SyncEvent};
use crate::{
    batch::{Absence, Batch, Place},
    error::Error,
    task::Task,
    writer::{Batches, Committed, Ready},
};
use appsec_store::{Classified, FetchStats, HashedRecord, ProjectIndex, RecordState, Seen, StoreError};

/// Pages of a fetch that are in memory at one time: one that is written, one that
/// is prepared.
const PAGES_AT_ONCE: usize = 2;

/// Pages of a fetch that are under way at one time: of most of them nothing is left
/// but to be committed.
const PAGES_UNDER_WAY: usize = 40;

/// The pages of a fetch that are under way, in their order.
pub(super) struct UnderWay {
    /// With hashes of the keys of their records.
    pages: VecDeque<(Task<Taken>, Vec<u64>)>,
    /// How many of them have a record of that key.
    keys: HashMap<u64, usize>,
    /// Whether one of them waits for one before it.
    depends: bool,
    places: Arc<Semaphore>,
    /// The place of the next page in memory.
    place: Option<OwnedSemaphorePermit>,
    /// How far the last one of them is.
    last: Option<Before>,
}

/// How far the page before is.
struct Before {
    /// It goes to the writer.
    sent: oneshot::Receiver<()>,
    /// It is committed.
    written: oneshot::Receiver<()>,
}

/// Says how far a page is. Nobody may wait for it.
struct Behind {
    sent: oneshot::Sender<()>,
    written: oneshot::Sender<()>,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self {
            pages: VecDeque::new(),
            keys: HashMap::new(),
            depends: false,
            places: Arc::new(Semaphore::new(PAGES_AT_ONCE)),
            place: None,
            last: None,
        }
    }
}

impl UnderWay {
    /// Waits until there is room for one more page; what became of one that came to
    /// its end before that.
    pub async fn room(&mut self) -> Result<Option<Taken>, Error> {
        loop {
            // What repeats others is looked at before there is more of it.
            let most = if self.depends { PAGES_AT_ONCE } else { PAGES_UNDER_WAY };
            if self.pages.len() >= most || self.pages.front().is_some_and(|(page, _)| page.is_finished()) {
                return self.next().await;
            }
            if self.place.is_some() {
                return Ok(None);
            }
            let place = self.places.clone().acquire_owned().await;
            self.place = Some(place.map_err(|_| Error::Stopped)?);
        }
    }

    /// Waits for the first page; none if none is under way.
    pub async fn next(&mut self) -> Result<Option<Taken>, Error> {
        let Some((page, keys)) = self.pages.pop_front() else { return Ok(None) };
        let taken = page.join().await?;
        for key in keys {
            if let Some(pages) = self.keys.get_mut(&key) {
                *pages -= 1;
                if *pages == 0 {
                    self.keys.remove(&key);
                }
            }
        }
        self.depends &= !self.pages.is_empty();
        Ok(Some(taken))
    }

    /// Begins to take a page in, for which there is [room](Self::room).
    pub fn push(&mut self, page: Page, batches: Batches) {
        let keys: HashSet<u64> = page.records.iter().map(|it| hash_of(it.key())).collect();
        let depends = keys.iter().any(|key| self.keys.contains_key(key));
        self.depends |= depends;
        keys.iter().for_each(|key| *self.keys.entry(*key).or_default() += 1);
        let ((sent, is_sent), (written, is_written)) = (oneshot::channel(), oneshot::channel());
        let before = self.last.replace(Before { sent: is_sent, written: is_written });
        let route = Route { before, depends, place: self.place.take(), batches, behind: Behind { sent, written } };
        self.pages.push_back((Task::spawn(page.take(route)), keys.into_iter().collect()));
    }
}

fn hash_of(key: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The way of a page into the store.
struct Route {
    before: Option<Before>,
    /// Whether the page before must be committed before this one is compared with
    /// the store.
    depends: bool,
    /// Its place in memory.
    place: Option<OwnedSemaphorePermit>,
    batches: Batches,
    behind: Behind,
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
    /// Takes it in.
    async fn take(self, route: Route) -> Result<Taken, Error> {
        let Route { before, depends, place: room, batches, behind } = route;
        let (mut sent, mut written) = before.map(|it| (it.sent, it.written)).unzip();
        if depends {
            wait(&mut written).await?;
        }
        let announced = batches.announce();
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
        let (page, projects) = prepared.page(&pipeline, place);
        let (commit, committed) = oneshot::channel();
        // Nobody waits for it where the sync was dropped.
        let committing: Committed = Box::new(move |counts| {
            _ = commit.send(counts);
            Ok(())
        });
        wait(&mut sent).await?;
        let begun = Instant::now();
        batches.send(Ready { page, projects, room, committed: committing }).await?;
        drop((batches, announced));
        _ = behind.sent.send(());
        let outcome = committed.await.map_err(|_| Error::Stopped)?.ok_or(StoreError::FetchEnded)?;
        // What happened is told in the order of the pages.
        wait(&mut written).await?;
        let storing = begun.elapsed();
        tracing::debug!(instance_path = sync.grant.instance_path, ?preparing, ?storing, "page ingested");
        let mut new = 0;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for id in outcome.ids {
            new += u64::from(seen.insert(id));
        }
        drop(seen);
        let counts = outcome.counts;
        (sync.progress)(SyncEvent::Page {
            kind: self.kind,
            records: counts.records,
            written: counts.new + counts.changed,
        });
        _ = behind.written.send(());
        Ok(Taken { stale: held && new == 0 && !others, missed: outcome.missed })
    }
}

/// Waits for the page before. If it does not come so far, it says why, and this one
/// is not written.
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
