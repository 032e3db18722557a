//! What is to be known of a run: as it goes on, and what it remarked.

use appsec_model::Diagnostic;
use host_harness::{InstanceWork, RunList, VanishingList};
use serde::Serialize;

use super::REMARKS;
use crate::{
    answer::{Fault, json},
    asked::{Answer, Asked},
    watch::{self, Look, Watched},
};

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
    let id = asked.named("run")?;
    watch::events(asked, Data(id)).await
}

/// A run as programs read it.
struct Data(i64);

impl Watched for Data {
    const STATE: &str = "run";
    const END: &str = "{}";

    async fn look(&self, asked: &Asked) -> Result<Look, Fault> {
        let list = asked.tenant.run(self.0, 0).await?;
        let work = work_of(asked, &list).await;
        // What has only words and numbers is always JSON.
        let text = serde_json::to_string(&list).unwrap_or_default();
        Ok(Look { text, is_live: watch::is_live(&list, work.as_ref()) })
    }
}

/// What is at work on the instance of a run.
async fn work_of(asked: &Asked, list: &RunList) -> Option<InstanceWork> {
    let instance = asked.tenant.instance(&list.runs.first()?.instance.parse().ok()?).await.ok()?;
    asked.tenant.work_of(&instance).await.ok()
}
