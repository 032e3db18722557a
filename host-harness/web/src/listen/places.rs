//! Places of connections: who comes when all are taken gets that of the one that has
//! been silent for longest.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use host_harness::CancellationToken;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

/// All places.
pub(super) struct Places {
    most: usize,
    state: Mutex<State>,
    /// A place is free, or somebody is silent.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Counts what happens, as a clock.
    moment: u64,
    taken: HashMap<u64, Taken>,
}

struct Taken {
    /// Requests under way.
    requests: usize,
    /// The moment since which there is none.
    since: u64,
    gone: CancellationToken,
}

/// A place that is taken, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    /// Whoever has it has to go.
    pub gone: CancellationToken,
}

/// A request under way on a connection, until its answer was sent.
pub(super) struct UnderWay {
    places: Arc<Places>,
    id: u64,
}

impl Places {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, state: Mutex::default(), changed: Notify::new() })
    }

    /// A place: a free one, or that of somebody silent. Where everybody is busy, the
    /// first that is free.
    pub async fn take(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_take() {
                return place;
            }
            self.changed.notified().await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        if state.taken.len() >= self.most {
            // One that was told to go has not gone yet.
            let stay = state.taken.values().filter(|it| !it.gone.is_cancelled());
            if state.taken.values().all(|it| !it.gone.is_cancelled())
                && let Some(silent) = stay.filter(|it| it.requests == 0).min_by_key(|it| it.since)
            {
                silent.gone.cancel();
            }
            return None;
        }
        let (id, gone) = (state.next(), CancellationToken::default());
        state.taken.insert(id, Taken { requests: 0, since: id, gone: gone.clone() });
        Some(Place { places: self.clone(), id, gone })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }
}

impl Place {
    /// A request has come.
    pub fn begin(&self) -> UnderWay {
        if let Some(taken) = self.places.state().taken.get_mut(&self.id) {
            taken.requests += 1;
        }
        UnderWay { places: self.places.clone(), id: self.id }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.state().taken.remove(&self.id);
        self.places.changed.notify_one();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.places.state();
        let now = state.next();
        if let Some(taken) = state.taken.get_mut(&self.id) {
            (taken.requests, taken.since) = (taken.requests.saturating_sub(1), now);
        }
        drop(state);
        self.places.changed.notify_one();
    }
}

/// An answer that is being sent.
pub(super) struct Sending {
    pub body: Body,
    pub _under_way: UnderWay,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn who_is_silent_for_longest_gives_way_and_who_is_busy_stays() {
        let places = Places::new(3);
        let (busy, silent, late) = (places.take().await, places.take().await, places.take().await);
        let request = busy.begin();
        drop(silent.begin());
        // By now the third one is silent for longest.
        let (waiting, all) = (places.clone(), places.clone());
        let next = tokio::spawn(async move { waiting.take().await });
        late.gone.cancelled().await;
        assert!(!busy.gone.is_cancelled() && !silent.gone.is_cancelled());
        drop(late);
        let next = next.await.unwrap();
        // Nobody else is told to go while there is a place.
        drop(next);
        let next = all.take().await;
        assert!(!silent.gone.is_cancelled());
        // Where everybody is busy, who comes waits for the first that is not.
        let more = (silent.begin(), next.begin());
        let waiting = tokio::spawn(async move { all.take().await });
        yield_now().await;
        assert!(![&busy, &silent, &next].iter().any(|it| it.gone.is_cancelled()));
        drop(request);
        busy.gone.cancelled().await;
        drop(busy);
        waiting.await.unwrap();
        drop(more);
    }
}
