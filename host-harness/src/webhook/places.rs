//! The places of connections: who has not shown a signature yet holds none
//! against somebody who comes later.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// Connections at one time. Together with the size of a body this bounds the
/// memory that senders can take.
const CONNECTIONS: usize = 32;

/// Of them, those whose request has not named a signature yet. The others are
/// kept for requests that have.
const UNSIGNED: usize = 24;

/// How long a place is its holder's alone: a head that comes in one piece is
/// read within it, also when many come at once.
const GRACE: Duration = Duration::from_millis(250);

/// Who holds places.
#[derive(Default)]
pub(super) struct Places {
    held: Mutex<Held>,
    changed: Notify,
}

#[derive(Default)]
struct Held {
    /// Since when, and who is told when the place is taken away; oldest first.
    unsigned: VecDeque<(Instant, Arc<Notify>)>,
    signed: usize,
}

impl Held {
    fn full(&self) -> bool {
        self.unsigned.len() >= UNSIGNED || self.unsigned.len() + self.signed >= CONNECTIONS
    }
}

impl Places {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long nobody can be let in, unless something changes.
    pub fn wait(&self, now: Instant) -> Duration {
        let held = self.held();
        match held.unsigned.front() {
            _ if !held.full() => Duration::ZERO,
            Some((since, _)) => GRACE.saturating_sub(now.saturating_duration_since(*since)),
            None => GRACE,
        }
    }

    /// Waits for a place that is given back, or changes hands.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes a place; where all are held, from the one who has been without a
    /// signature for the longest time.
    pub fn enter(self: &Arc<Self>, now: Instant) -> Place {
        let lost = Arc::new(Notify::new());
        let mut held = self.held();
        if held.full()
            && let Some((_, oldest)) = held.unsigned.pop_front()
        {
            oldest.notify_one();
        }
        held.unsigned.push_back((now, lost.clone()));
        drop(held);
        Place { places: self.clone(), lost, signed: AtomicBool::new(false) }
    }
}

/// The place of one connection, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    lost: Arc<Notify>,
    signed: AtomicBool,
}

impl Place {
    /// Makes the place safe: its request names a signature.
    pub fn keep(&self) {
        let mut held = self.places.held();
        if self.withdraw(&mut held) {
            held.signed += 1;
            self.signed.store(true, Ordering::Relaxed);
            drop(held);
            self.places.changed.notify_one();
        }
    }

    /// Waits until somebody else takes the place.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }

    /// Gives the place of one without a signature back; whether it was held.
    fn withdraw(&self, held: &mut Held) -> bool {
        let before = held.unsigned.len();
        held.unsigned.retain(|(_, lost)| !Arc::ptr_eq(lost, &self.lost));
        held.unsigned.len() < before
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        if *self.signed.get_mut() {
            held.signed -= 1;
        } else {
            self.withdraw(&mut held);
        }
        drop(held);
        self.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the place was taken away.
    fn is_lost(place: &Place) -> bool {
        futures_util::FutureExt::now_or_never(place.lost()).is_some()
    }

    #[test]
    fn who_comes_takes_the_oldest_place_without_a_signature() {
        let (places, start) = (Arc::new(Places::default()), Instant::now());
        let held: Vec<Place> = (0..UNSIGNED).map(|_| places.enter(start)).collect();
        // Many that come at once are all read first.
        assert_eq!(places.wait(start), GRACE);
        assert_eq!(places.wait(start + GRACE), Duration::ZERO);
        held[0].keep();
        assert_eq!(places.wait(start), Duration::ZERO);
        let (more, newest) = (places.enter(start + GRACE), places.enter(start + GRACE));
        let lost: Vec<usize> = (0..UNSIGNED).filter(|at| is_lost(&held[*at])).collect();
        assert_eq!(lost, [1]);
        // What is taken away is not kept, and given back once.
        held[1].keep();
        drop((held, more, newest));
        let left = places.held();
        assert_eq!((left.unsigned.len(), left.signed), (0, 0));
    }

    #[test]
    fn places_with_a_signature_are_taken_from_nobody() {
        let (places, start) = (Arc::new(Places::default()), Instant::now());
        let kept = |_| {
            let place = places.enter(start);
            place.keep();
            place
        };
        let held: Vec<Place> = (0..CONNECTIONS).map(kept).collect();
        assert_eq!(places.wait(start + GRACE), GRACE, "nobody is let in");
        assert!(!held.iter().any(is_lost));
        drop(held);
        assert_eq!(places.wait(start), Duration::ZERO);
    }
}
