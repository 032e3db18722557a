//! What is to be known of a run: as it goes on, and what it remarked.

use std::{convert::Infallible, time::Duration};

use appsec_model::Diagnostic;
use axum::{
    body::Body,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt, stream};
use host_harness::{RunList, VanishingList, store::RunState};
use serde::Serialize;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use super::REMARKS;
use crate::{
    answer::{Fault, json},
    asked::{Answer, Asked},
    problems::Own,
};

/// How often it is looked whether a run has changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The remarks of a run.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RunRemarks {
    run: i64,
    /// The first of them, up to the limit.
    diagnostics: Vec<Diagnostic>,
}

pub(super) async fn diagnostics(asked: Asked) -> Answer {
    let run = asked.named("run")?;
    let limit = asked.number("limit")?.unwrap_or(REMARKS);
    Ok(json(&RunRemarks { run, diagnostics: asked.tenant.run(run, limit).await?.diagnostics }))
}

pub(super) async fn vanishing(asked: Asked) -> Answer {
    let run = asked.named("run")?;
    let limit = asked.number("limit")?.unwrap_or(REMARKS);
    let kept = asked.tenant.run(run, limit).await?.vanishing;
    Ok(json(&kept.unwrap_or(VanishingList { run, total: 0, findings: Vec::new() })))
}

/// The run as it changes: an event `run` for each state, and `end`.
pub(super) async fn events(asked: Asked) -> Answer {
    let id: i64 = asked.named("run")?;
    asked.tenant.run(id, 0).await?;
    let Ok(place) = asked.site.watched.clone().try_acquire_owned() else {
        return Err(Fault::of(Own::TooManyWatched, "as many runs are watched live as may be"));
    };
    let watch = Watch { asked, id, told: String::new(), ended: false, _place: place };
    let events = stream::unfold(watch, async |mut watch| Some((Ok::<_, Infallible>(watch.next().await?), watch)));
    Ok(Sse::new(events.fuse()).keep_alive(KeepAlive::default()).into_response().map(Body::new))
}

/// Somebody who watches a run.
struct Watch {
    asked: Asked,
    id: i64,
    told: String,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    /// What comes next; nothing after the end.
    async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            let list = self.asked.tenant.run(self.id, 0).await.ok()?;
            let is_live = is_live(&self.asked, &list).await;
            let text = serde_json::to_string(&list).ok()?;
            if text != self.told {
                self.told.clone_from(&text);
                return Some(Event::default().event("run").data(text));
            }
            if !is_live {
                self.ended = true;
                return Some(Event::default().event("end").data("{}"));
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.asked.site.stop.cancelled() => return None,
            }
        }
        None
    }
}

/// Whether somebody works on it right now.
async fn is_live(asked: &Asked, list: &RunList) -> bool {
    let Some(run) = list.runs.first().filter(|run| run.state == RunState::Running) else { return false };
    let Ok(name) = run.instance.parse() else { return false };
    let Ok(instance) = asked.tenant.instance(&name).await else { return false };
    let work = asked.tenant.work_of(&instance).await;
    work.is_ok_and(|it| it.running.is_some_and(|it| it.alive && it.run == Some(run.id)))
}
