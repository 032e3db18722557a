//! What a receiver is told.

use appsec_model::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::alert::AlertEvent;
use appsec_grant::TenantId;
use appsec_store::{FetchStats, Run, RunMode, RunState};

/// The body of a request to a webhook. Fields may be added; a receiver leaves
/// aside what it does not know.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum WebhookEvent {
    /// A run of an instance ended.
    RunEnded(Box<RunEnded>),
    /// Findings newly violate policies.
    Alert(Box<AlertEvent>),
    /// A test, which the operator asked for.
    Test {
        /// Name of the tenant.
        tenant: String,
        /// Name of the instance.
        instance: String,
        /// When it was asked for.
        at: Timestamp,
    },
}

/// A run that ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunEnded {
    /// Name of the tenant.
    pub tenant: String,
    /// Name of the instance.
    pub instance: String,
    /// Number of the run within the tenant.
    pub run: i64,
    /// What it read.
    pub mode: RunMode,
    /// How it ended.
    pub state: RunState,
    /// Projects that the vendor listed.
    pub projects: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it brought and took.
    pub counts: FetchStats,
}

impl WebhookEvent {
    /// The event of a run that ended. Of what went wrong it says that it did:
    /// the words of vendors and connectors stay with the run log.
    pub(crate) fn run_ended(tenant: &TenantId, run: &Run) -> Self {
        Self::RunEnded(Box::new(RunEnded {
            tenant: tenant.to_string(),
            instance: run.instance.clone(),
            run: run.id,
            mode: run.mode,
            state: run.state,
            projects: run.projects,
            started_at: run.started_at,
            finished_at: run.finished_at,
            counts: run.counts,
        }))
    }
}
