//! The columns of instances and their runs as CSV.

use appsec_model::Access;
use appsec_store::Run;

use super::{Column, column, optional};
use crate::tenant::InstanceReport;

/// The columns of instances.
pub const INSTANCES_CSV: &[Column<InstanceReport>] = &[
    column("name", |it| it.name.clone()),
    column("status", |it| it.status.clone()),
    column("status_detail", |it| optional(it.status_detail.as_ref())),
    column("connector", |it| it.connector.clone()),
    column("connector_version", |it| it.connector_version.clone()),
    column("deployment", |it| optional(it.connection.as_ref().map(|it| &it.deployment.slug))),
    column("kinds", |it| {
        let kinds = it.connection.iter().flat_map(|it| &it.kinds).filter(|it| it.access == Access::Readable);
        kinds.map(|it| it.kind.as_str()).collect::<Vec<_>>().join(", ")
    }),
    column("auto_map", |it| it.auto_map.as_str().to_owned()),
    column("projects_mapped", |it| it.projects.mapped.to_string()),
    column("projects_drifted", |it| it.projects.drifted.to_string()),
    column("projects_unmapped", |it| it.projects.unmapped.to_string()),
    column("projects_ignored", |it| it.projects.ignored.to_string()),
    column("projects_stale", |it| it.projects.stale.to_string()),
    column("last_run", |it| optional(it.last_run.as_ref().map(|it| it.id))),
    column("last_run_at", |it| optional(it.last_run.as_ref().map(|it| it.started_at))),
    column("last_run_state", |it| optional(it.last_run.as_ref().map(|it| it.state.as_str()))),
    column("schedule", |it| optional(it.schedule.as_ref())),
    column("next_at", |it| optional(it.next_at)),
    column("checked_at", |it| optional(it.checked_at)),
    column("created_at", |it| it.created_at.to_string()),
];

/// The columns of runs.
pub const RUNS_CSV: &[Column<Run>] = &[
    column("run", |it| it.id.to_string()),
    column("instance", |it| it.instance.clone()),
    column("mode", |it| it.mode.as_str().to_owned()),
    column("state", |it| it.state.as_str().to_owned()),
    column("code", |it| optional(it.code.map(|it| it.as_str()))),
    column("message", |it| optional(it.message.as_ref())),
    column("started_at", |it| it.started_at.to_string()),
    column("finished_at", |it| optional(it.finished_at)),
    column("resumed", |it| it.resumed.to_string()),
    column("projects", |it| it.projects.to_string()),
    column("pages", |it| it.counts.pages.to_string()),
    column("records", |it| it.counts.records.to_string()),
    column("new", |it| it.counts.new.to_string()),
    column("changed", |it| it.counts.changed.to_string()),
    column("unchanged", |it| it.counts.unchanged.to_string()),
    column("duplicate", |it| it.counts.duplicate.to_string()),
    column("unmapped", |it| it.counts.unmapped.to_string()),
    column("skipped", |it| it.counts.skipped.to_string()),
    column("rejected", |it| it.counts.rejected.to_string()),
    column("vanished", |it| it.counts.vanished.to_string()),
    column("warnings", |it| it.counts.warnings.to_string()),
    column("requests", |it| it.counts.requests.to_string()),
    column("received_bytes", |it| it.counts.received_bytes.to_string()),
    column("waited_ms", |it| it.counts.waited_ms.to_string()),
];
