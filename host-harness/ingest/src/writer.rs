//! The one writer of a run: batches are committed as they get ready, several in one
//! transaction, in the order in which they come.
//!
//! Most parts of an index are touched by each of them, and so are written once for
//! all. A crash costs those that were not committed yet.

use std::{
    iter,
    sync::{Arc, Weak},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::{JoinHandle, spawn_blocking},
};

use crate::{batch::Clock, error::Error};
use appsec_model::Timestamp;
use appsec_store::{IngestHandle, PageCommit, PageCounts, ProjectIndex, StoreError};

/// For how long batches are written in one transaction: others who write wait.
const TRANSACTION_TIME: Duration = Duration::from_secs(1);

/// How many batches are written in one transaction.
const BATCHES_PER_TRANSACTION: usize = 40;

/// For how long a transaction waits for a batch that is announced and not ready yet.
const GRACE: Duration = Duration::from_millis(20);

/// A batch to be written.
pub(crate) struct Ready {
    pub page: PageCommit,
    pub projects: Arc<ProjectIndex>,
    /// Its place among those that are in memory, given up when it is taken in: before
    /// it is committed.
    pub room: Option<OwnedSemaphorePermit>,
    pub committed: Committed,
}

/// Learns what was committed of a batch: nothing where its fetch had ended before.
pub(crate) type Committed = Box<dyn FnOnce(Option<PageCounts>) -> Result<(), StoreError> + Send>;

/// Batches that wait to be written.
const WAITING: usize = 1;

/// The writer of a run.
pub(crate) struct Writer {
    batches: Batches,
    task: JoinHandle<Result<(), StoreError>>,
}

/// Where batches go.
#[derive(Clone)]
pub(crate) struct Batches {
    sender: mpsc::Sender<Ready>,
    announced: Weak<()>,
}

/// A batch that is made ready: a transaction waits a moment for it.
pub(crate) struct Announced(#[expect(dead_code, reason = "it counts by being there")] Option<Arc<()>>);

impl Batches {
    pub fn announce(&self) -> Announced {
        Announced(self.announced.upgrade())
    }

    /// Hands a batch over. Where nobody takes it, the [end](Writer::end) of the writer
    /// says why.
    pub async fn send(&self, batch: Ready) -> Result<(), Error> {
        self.sender.send(batch).await.map_err(|_| Error::Stopped)
    }
}

impl Writer {
    /// Starts it, on a thread of its own.
    pub fn start(store: IngestHandle, clock: Clock) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        let announced = Arc::new(());
        let batches = Batches { sender, announced: Arc::downgrade(&announced) };
        Self { batches, task: spawn_blocking(move || write(&store, &clock, waiting, &announced)) }
    }

    pub fn batches(&self) -> Batches {
        self.batches.clone()
    }

    /// Waits until everything is committed and nobody has more. A panic goes on here.
    pub async fn end(self) -> Result<(), Error> {
        drop(self.batches);
        match self.task.await {
            Ok(written) => Ok(written?),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Stopped),
            },
        }
    }
}

/// Writes batches until there are no more of them.
fn write(
    store: &IngestHandle,
    clock: &Clock,
    mut pages: mpsc::Receiver<Ready>,
    announced: &Arc<()>,
) -> Result<(), StoreError> {
    let _memory = store.with_more_memory()?;
    let mut now = Timestamp::from_micros(i64::MIN);
    while let Some(first) = pages.blocking_recv() {
        let begun = Instant::now();
        let mut more = || {
            let time = TRANSACTION_TIME.checked_sub(begun.elapsed())?.min(GRACE);
            recv_within(&mut pages, time, || Arc::strong_count(announced) > 1)
        };
        let mut batches = iter::once(first).chain(iter::from_fn(&mut more)).take(BATCHES_PER_TRANSACTION).fuse();
        let (mut waiting, mut room) = (Vec::new(), None);
        // Who asks for the next one has taken the one before in.
        let mut next = || {
            drop(room.take());
            let mut ready = batches.next()?;
            // It is this one's turn: others that were ready later may have been written
            // before, and times in the store never go backwards.
            now = now.max(clock());
            ready.page.now = now;
            room = ready.room;
            waiting.push(ready.committed);
            Some((ready.page, ready.projects))
        };
        let counts = store.with(|store| store.commit_pages(&mut iter::from_fn(&mut next)))?;
        for (committed, counts) in waiting.into_iter().zip(counts) {
            committed(counts)?;
        }
        // Let others have the store.
        thread::yield_now();
    }
    Ok(())
}

/// The next batch, if it is ready in time; nobody waits where none is announced.
/// Nothing of the runtime is needed for that: its threads may all be waiting for the
/// store, which is held meanwhile.
fn recv_within<T>(pages: &mut mpsc::Receiver<T>, time: Duration, announced: impl Fn() -> bool) -> Option<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let until = Instant::now() + time;
    loop {
        // What is announced no more was sent before.
        let more = announced();
        if let Poll::Ready(page) = pages.poll_recv(&mut context) {
            return page;
        }
        if !more {
            return None;
        }
        thread::park_timeout(until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?);
    }
}
