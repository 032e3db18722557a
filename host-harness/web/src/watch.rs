//! A run as it changes, for a page and for programs.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt, stream};
use host_harness::{InstanceWork, RunList, store::RunState};
use tokio::time::sleep;

use crate::{
    answer::Fault,
    asked::{Answer, Asked},
    problems::Own,
};

/// How often it is looked whether a run has changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is seen of a run, as it is told.
pub(crate) struct Look {
    pub text: String,
    /// Whether somebody works on it right now.
    pub is_live: bool,
}

/// Whether somebody works on the run of a list right now, as far as this work of its
/// instance says.
pub(crate) fn is_live(list: &RunList, work: Option<&InstanceWork>) -> bool {
    let running = work.and_then(|it| it.running.as_ref());
    list.runs.first().is_some_and(|run| {
        run.state == RunState::Running && running.is_some_and(|it| it.alive && it.run == Some(run.id))
    })
}

/// What a run is told as.
pub(crate) trait Watched: Send + Sync + 'static {
    /// The name of the event of a state.
    const STATE: &str;
    /// What the event `end` says.
    const END: &str;

    /// The run as it is now.
    fn look(&self, asked: &Asked) -> impl Future<Output = Result<Look, Fault>> + Send;
}

/// Answers with an event for each state of a run, and one behind the last.
pub(crate) async fn events<W: Watched>(asked: Asked, run: W) -> Answer {
    run.look(&asked).await?;
    let Ok(place) = asked.site.watched.clone().try_acquire_owned() else {
        return Err(Fault::of(Own::TooManyWatched, "as many runs are watched live as may be"));
    };
    let begin = (asked, run, String::new(), false, place);
    let events = stream::unfold(begin, async |(asked, run, mut told, mut ended, place)| {
        while !ended {
            let Look { text, is_live } = run.look(&asked).await.ok()?;
            let event = if text != told {
                told.clone_from(&text);
                Event::default().event(W::STATE).data(text)
            } else if is_live {
                tokio::select! {
                    () = sleep(LOOK_EVERY) => continue,
                    () = asked.site.stop.cancelled() => return None,
                }
            } else {
                ended = true;
                Event::default().event("end").data(W::END)
            };
            return Some((Ok::<_, Infallible>(event), (asked, run, told, ended, place)));
        }
        None
    });
    // Whoever packs an answer looks again behind its end.
    Ok(Sse::new(events.fuse()).keep_alive(KeepAlive::default()).into_response().map(Body::new))
}
