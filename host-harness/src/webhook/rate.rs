//! How many events an instance takes: some at once, and so many a second.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Events at once: a scan of a large project tells its findings in many pieces.
const BURST: f64 = 60.0;

/// Events a second in the long run.
const PER_SECOND: f64 = 2.0;

/// Lets a number of events through.
pub(super) struct Rate(Mutex<(f64, Instant)>);

impl Rate {
    pub fn new() -> Self {
        Self(Mutex::new((BURST, Instant::now())))
    }

    /// Lets one event through, or tells when to come again.
    pub fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = *state;
        let left = (left + now.saturating_duration_since(since).as_secs_f64() * PER_SECOND).min(BURST);
        if left >= 1.0 {
            *state = (left - 1.0, now);
            return Ok(());
        }
        *state = (left, now);
        Err(Duration::from_secs_f64((1.0 - left) / PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Rate};

    #[test]
    fn a_burst_passes_and_a_flood_waits() {
        let (rate, start) = (Rate::new(), Instant::now());
        assert!((0..60).all(|_| rate.admit(start).is_ok()));
        assert_eq!(rate.admit(start), Err(Duration::from_millis(500)));
        assert!(rate.admit(start + Duration::from_millis(500)).is_ok());
        assert!(rate.admit(start + Duration::from_millis(500)).is_err());
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..100).filter(|_| rate.admit(later).is_ok()).count(), 60);
    }
}
