//! Refusals that are written down: a flood of them fills neither the disk nor the log.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Entries of one sender within [`WINDOW`].
const MOST: u32 = 10;

const WINDOW: Duration = Duration::from_secs(60);

/// Senders that are told apart: each has a token, or is nobody who is known.
const SENDERS: usize = 1_000;

/// What was refused lately, by who sent it.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<String, Window>>);

struct Window {
    begun: Instant,
    written: u32,
    left_out: u64,
}

impl Refusals {
    /// Whether another one is written down: with how many were not before it.
    pub fn admits(&self, who: &str) -> Option<u64> {
        self.admits_at(who, Instant::now())
    }

    fn admits_at(&self, who: &str, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SENDERS && !all.contains_key(who) {
            // Of one that is forgotten, it is not known how many were left out.
            all.retain(|_, it| now.saturating_duration_since(it.begun) < WINDOW || it.left_out > 0);
            if all.len() >= SENDERS {
                return None;
            }
        }
        let fresh = Window { begun: now, written: 0, left_out: 0 };
        let window = all.entry(who.to_owned()).or_insert(fresh);
        if now.saturating_duration_since(window.begun) >= WINDOW {
            (window.begun, window.written) = (now, 0);
        }
        if window.written >= MOST {
            window.left_out += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_the_first_are_written_down_and_the_rest_are_counted() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        let told = (0..1_000).filter_map(|_| refusals.admits_at("unknown", now)).collect::<Vec<_>>();
        assert_eq!(told, [0; 10]);
        assert_eq!(refusals.admits_at("token:a", now), Some(0), "another one is not kept out by it");
        let later = now + WINDOW;
        assert_eq!((refusals.admits_at("unknown", later), refusals.admits_at("unknown", later)), (Some(990), Some(0)));
        let names = (0..2_000).map(|it| format!("token:{it}"));
        assert_eq!(names.filter(|it| refusals.admits_at(it, later).is_some()).count(), SENDERS - 1);
    }
}
