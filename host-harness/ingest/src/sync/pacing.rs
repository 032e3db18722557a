//! Waiting: how, and for all reads of an account together.

use std::{
    collections::HashMap,
    future::Future,
    hash::{BuildHasher, RandomState},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::time::Instant;

/// How waits are made. Tests put in one that only writes them down.
pub trait Sleep: Send + Sync {
    /// Waits.
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Waits by the clock.
pub struct SystemSleep;

impl Sleep for SystemSleep {
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// When the vendor may be called again. One read that is told to wait holds up
/// the others of its account, those of other instances as well: the vendor
/// limits them together.
#[derive(Default)]
pub struct AccountThrottle {
    opens_at: Mutex<Option<Instant>>,
}

impl AccountThrottle {
    /// Closes the throttle for some time, at least; returns when that is over.
    pub fn close_for(&self, time: Duration) -> Instant {
        let until = Instant::now() + time;
        let mut opens_at = self.opens_at.lock().unwrap_or_else(PoisonError::into_inner);
        *opens_at = Some(opens_at.map_or(until, |known| known.max(until)));
        until
    }

    /// When the throttle opens, and how long that is from now; none if it is open.
    pub fn closed(&self) -> Option<(Instant, Duration)> {
        let opens_at = (*self.opens_at.lock().unwrap_or_else(PoisonError::into_inner))?;
        let left = opens_at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some((opens_at, left))
    }
}

/// The throttles of the accounts that are read at present.
#[derive(Default)]
pub struct Throttles {
    /// Accounts are told apart by a hash whose key is made for this process: no
    /// secret is kept for it.
    hasher: RandomState,
    open: Mutex<HashMap<u64, Weak<AccountThrottle>>>,
}

impl Throttles {
    /// The throttle of an account: whatever uses the same connector with the same
    /// secrets shares it.
    pub fn of(&self, account: impl std::hash::Hash) -> Arc<AccountThrottle> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, throttle| throttle.strong_count() > 0);
        let known = open.entry(self.hasher.hash_one(account)).or_default();
        known.upgrade().unwrap_or_else(|| {
            let throttle = Arc::new(AccountThrottle::default());
            *known = Arc::downgrade(&throttle);
            throttle
        })
    }
}
