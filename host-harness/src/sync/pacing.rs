//! Waiting: how, and for all reads of an instance together.

use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How waits are made. Tests put in one that only writes them down.
pub trait Waiter: Send + Sync {
    /// Waits.
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Waits by the clock.
pub(crate) struct ByClock;

impl Waiter for ByClock {
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// When the vendor may be called again. One read that is told to wait holds up
/// the others of its instance: they share the account that is limited.
#[derive(Default)]
pub(super) struct Gate {
    opens_at: Mutex<Option<Instant>>,
}

impl Gate {
    /// Closes the gate for some time, at least.
    pub fn close_for(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut opens_at = self.opens_at.lock().unwrap_or_else(PoisonError::into_inner);
        *opens_at = Some(opens_at.map_or(until, |known| known.max(until)));
    }

    /// When the gate opens, and how long that is from now; none if it is open.
    pub fn closed(&self) -> Option<(Instant, Duration)> {
        let opens_at = (*self.opens_at.lock().unwrap_or_else(PoisonError::into_inner))?;
        let left = opens_at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some((opens_at, left))
    }
}
