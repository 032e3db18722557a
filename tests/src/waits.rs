//! Time as tests have it: a clock that stands still, and waits that are written
//! down instead of waited for.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use appsec_model::Timestamp;
use host_harness::ingest::Sleep;
use tokio::sync::{Notify, watch};

/// Writes waits down and returns at once, unless they are held.
#[derive(Default)]
pub struct Waits {
    made: Mutex<Vec<Duration>>,
    /// Whether waits last until they are let go.
    held: watch::Sender<bool>,
    begun: Notify,
}

impl Waits {
    /// The waits since the last time that somebody asked.
    pub fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut self.made())
    }

    /// From now on waits last until they are let go.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Ends the waits.
    pub fn let_go(&self) {
        self.held.send_replace(false);
    }

    /// Comes back when so many waits have begun.
    pub async fn begun(&self, count: usize) {
        while self.made().len() < count {
            self.begun.notified().await;
        }
    }

    fn made(&self) -> MutexGuard<'_, Vec<Duration>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sleep for Waits {
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.made().push(time);
        self.begun.notify_one();
        let mut held = self.held.subscribe();
        Box::pin(async move {
            tokio::task::yield_now().await;
            // The sender lives as long as whoever waits.
            _ = held.wait_for(|held| !held).await;
        })
    }
}

/// A clock that moves only when it is told.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Default for Clock {
    fn default() -> Self {
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        Self(Arc::new(AtomicI64::new(start.as_micros())))
    }
}

impl Clock {
    /// What time it is.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    /// Moves on by a day.
    pub fn next_day(&self) {
        self.0.fetch_add(24 * 3600 * 1_000_000, Ordering::SeqCst);
    }
}
