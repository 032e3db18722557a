//! Instances, as commands print them.

use std::time::Duration;

use appsec_model::{Access, Deployment, KindAccess};
use host_harness::{InstanceList, InstanceReport, LastRun, store::WriteBackMode};

use crate::{
    mapping::states,
    output::{Output, joined, moment, short},
    style,
    table::{Cell, cells},
};

pub fn show_list(output: Output, list: &InstanceList) {
    if list.instances.is_empty() {
        output.line("No instances yet. Set one up with: harness onboard");
        return;
    }
    let mut table = output
        .table(&[
            "NAME",
            "STATUS",
            "DEPLOYMENT",
            "KINDS",
            "PROJECTS",
            "LAST RUN",
            "STATE",
            "NEXT SYNC",
            "CHECKED",
            "CONNECTOR",
        ])
        .spare(&["CONNECTOR", "CHECKED", "DEPLOYMENT", "KINDS"]);
    for instance in &list.instances {
        let deployment = instance.connection.as_ref().map(|it| it.deployment.slug.clone());
        table.add_row(cells![
            &instance.name,
            status(instance, 60),
            deployment,
            readable(instance),
            states(&instance.projects),
            instance.last_run.as_ref().map_or_else(|| "never".into(), |run| Cell::from(run.started_at)),
            instance.last_run.as_ref().map(|run| Cell::state(run.state.as_str())),
            instance.next_at.map_or_else(|| "not scheduled".into(), Cell::from),
            instance.checked_at.map_or_else(|| "never".into(), Cell::from),
            format!("{} {}", instance.connector, instance.connector_version),
        ]);
    }
    output.print(&table);
}

pub fn show(output: Output, report: &InstanceReport) {
    let mut facts = output.facts("instance", &report.name);
    facts.add("status", status(report, 300));
    if let Some(since) = report.paused_since {
        facts.add("paused since", since);
        facts.add("before", Cell::state(report.health.as_str()));
    }
    let normalized_with = &report.connector_version;
    let version = report.accepted_version.as_ref().unwrap_or(normalized_with);
    facts.add("connector", format!("{} {version}, {}", report.connector, report.connector_source));
    if version != normalized_with {
        let next = format!("harness renormalize {}", report.name);
        facts.add("records", format!("normalized with {normalized_with}; {next} brings them up to date"));
    }
    if let Some(sha256) = &report.connector_sha256 {
        facts.add("accepted", format!("sha256 {sha256}"));
    }
    if let Some(connection) = &report.connection {
        let deployment = &connection.deployment;
        facts.add("deployment", format!("{} (id {})", deployment.slug, deployment.id));
        let kinds = connection.kinds.iter().map(|it| match &it.access {
            Access::Readable => format!("{}: readable", it.kind),
            Access::Denied { reason } => format!("{}: {reason}", it.kind),
        });
        facts.add("kinds", Cell::list(kinds));
        for diagnostic in &connection.diagnostics {
            facts.add("note", &diagnostic.message);
        }
    }
    let settings = report.settings.iter().map(|(key, value)| format!("{key} = {value}"));
    facts.add("settings", Cell::list(settings));
    let origins = report.origins.iter().map(|(origin, addresses)| format!("{origin} ({addresses} addresses)"));
    facts.add("origins", Cell::list(origins));
    facts.add("proxy", Cell::list(crate::proxy::lines(&report.proxies)));
    let secrets = report.secrets.iter().map(|(variable, source)| format!("{variable} from {source}"));
    facts.add("secrets", Cell::list(secrets));
    let new = format!("new ones: {}", report.auto_map.as_str());
    facts.add("projects", Cell::list([states(&report.projects), new]));
    match report.write_back {
        WriteBackMode::Off => {}
        WriteBackMode::On => facts.add("write-back", "on; a later decision of the vendor's stands"),
        WriteBackMode::Hold => {
            facts.add("write-back", "on; where the vendor has a later decision, it waits for a person");
        }
    }
    facts.add("checked", report.checked_at.map_or_else(|| "never".into(), Cell::from));
    facts.add("last run", report.last_run.as_ref().map_or_else(|| "never".into(), last_run));
    if let Some(schedule) = &report.schedule {
        facts.add("schedule", schedule);
        facts.add("next sync", report.next_at.map_or_else(|| "paused".into(), Cell::from));
    }
    output.print(&facts);
}

/// Says that the vendor took the token: for which account, for which kinds, and
/// how long that took.
pub fn connected(output: Output, deployment: &Deployment, kinds: &[KindAccess], took: Option<Duration>) {
    let readable: Vec<&str> =
        kinds.iter().filter(|it| it.access == Access::Readable).map(|it| it.kind.as_str()).collect();
    let took = took.map(|took| format!(" ({:.1} s)", took.as_secs_f64())).unwrap_or_default();
    let account = format!("deployment {} (id {})", deployment.slug, deployment.id);
    match readable.as_slice() {
        [] => {
            let rest = format!(" to {account}, but the token reads no kind of findings{took}");
            output.verdict("", ("Connected", style::ATTENTION), &rest);
        }
        kinds => {
            let rest = format!(": {account}; the token reads {}{took}", kinds.join(", "));
            output.verdict("", ("Connection successful", style::GOOD), &rest);
        }
    }
    for it in kinds {
        if let Access::Denied { reason } = &it.access {
            output.verdict("  ", (it.kind.as_str(), style::ATTENTION), &format!(" cannot be read: {reason}"));
        }
    }
}

/// The status, and why. The reason may begin with the status.
fn status(report: &InstanceReport, signs: usize) -> Cell {
    let detail = report.status_detail.as_deref().unwrap_or_default();
    let detail = detail.strip_prefix(&format!("{}: ", report.status)).unwrap_or(detail);
    let hint = if detail == InstanceReport::NOT_ACCEPTED { ": harness instance resume" } else { "" };
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!(": {}", short(&joined(&format!("{detail}{hint}")), signs))
    };
    Cell::from(format!("{}{detail}", report.status)).styled(style::state(&report.status))
}

/// The kinds that the secret can read.
fn readable(report: &InstanceReport) -> String {
    let kinds = report.connection.iter().flat_map(|it| &it.kinds).filter(|it| it.access == Access::Readable);
    kinds.map(|it| it.kind.to_string()).collect::<Vec<_>>().join(", ")
}

fn last_run(run: &LastRun) -> Cell {
    let text = format!("{} {} ({} {})", moment(run.started_at), run.state.as_str(), run.mode.as_str(), run.id);
    Cell::from(text).styled(style::state(run.state.as_str()))
}
