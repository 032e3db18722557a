//! Time as tests have it: a clock that stands still, and waits that are written
//! down instead of waited for.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use appsec_model::Timestamp;
use host_harness::Waiter;

/// Writes waits down and returns at once.
#[derive(Default)]
pub struct Waits(Mutex<Vec<Duration>>);

impl Waits {
    /// The waits since the last time that somebody asked.
    pub fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Waiter for Waits {
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(time);
        Box::pin(tokio::task::yield_now())
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
