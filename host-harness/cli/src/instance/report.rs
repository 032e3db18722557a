//! Instances, as commands print them.

use std::{collections::BTreeMap, time::Duration};

use appsec_model::{Access, Connection, Deployment, KindAccess, Timestamp};
use host_harness::{
    AcceptedConnector, AutoMap, ConnectorSource, EgressPolicy, Instance, InstanceStatus, LastRun, MappingCounts,
    ProxyRoute, Tenant,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::Failure,
    mapping::states,
    output::{Output, moment, short},
    style,
    table::{Cell, cells},
};

/// Why an instance is paused that was restored.
const UNACCEPTED: &str = "restored from a backup, and nobody has accepted yet its origins, secrets, proxy and webhooks: harness instance resume";

/// An instance, as commands print it.
#[derive(Serialize, schemars::JsonSchema)]
pub struct InstanceReport {
    /// Its name.
    name: String,
    /// Id of its connector.
    connector: String,
    /// Version of its connector when it was set up.
    connector_version: String,
    /// Where the connector comes from.
    connector_source: ConnectorSource,
    /// SHA-256 of the file that it comes from, as it was accepted; no other one
    /// runs. None of the connector inside of the program.
    connector_sha256: Option<String>,
    /// `paused`, or how it is: `connected`, `unauthorized`, `degraded` or
    /// `never-checked`.
    status: String,
    /// Why, where it is paused or not well.
    status_detail: Option<String>,
    /// How it is, also while it is paused.
    health: InstanceStatus,
    /// Since when it is paused.
    paused_since: Option<Timestamp>,
    /// Its settings.
    settings: Map<String, Value>,
    /// Origins that it may reach: `public`, or `private` where addresses of
    /// this machine and network are allowed too.
    origins: BTreeMap<String, String>,
    /// Where its secrets are read from, by variable.
    secrets: BTreeMap<String, String>,
    /// The proxy for each origin, and where it was set.
    proxies: Vec<ProxyRoute>,
    /// What the last good check learnt.
    connection: Option<Connection>,
    /// What becomes of new projects.
    auto_map: AutoMap,
    /// How its projects stand to repositories; the mapped and drifted are synced.
    projects: MappingCounts,
    /// When it was set up.
    created_at: Timestamp,
    /// When it was last checked.
    checked_at: Option<Timestamp>,
    /// Its last run.
    last_run: Option<LastRun>,
    /// When it is synced, in words; none where only somebody asks for it.
    schedule: Option<String>,
    /// When the next sync is due.
    next_at: Option<Timestamp>,
}

/// What `instance list` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct InstanceList {
    /// The instances, by name.
    pub instances: Vec<InstanceReport>,
}

impl InstanceReport {
    /// What there is to say of an instance.
    pub async fn of(tenant: &Tenant, instance: Instance) -> Result<Self, Failure> {
        let id = instance.id;
        let work = tenant.work_of(&instance).await?;
        let (last_run, auto_map, projects) = tenant
            .store()
            .read(move |store| {
                Ok((store.runs(Some(id), 1)?.pop(), store.auto_map(id)?, store.mapping_counts(Some(id))?))
            })
            .await?;
        let proxies = tenant.proxy_routes(&instance.made);
        let made = instance.made;
        let (status, status_detail, paused_since) = match instance.paused {
            Some(paused) => {
                let why = paused.unaccepted.then(|| UNACCEPTED.to_owned()).or(paused.reason);
                ("paused", why, Some(paused.since))
            }
            None => (instance.status.as_str(), instance.status_detail, None),
        };
        Ok(Self {
            name: made.name.to_string(),
            connector: made.connector_id,
            connector_version: made.connector_version,
            connector_source: made.connector_source,
            connector_sha256: made.connector_sha256,
            status: status.to_owned(),
            status_detail,
            health: instance.status,
            paused_since,
            settings: made.settings,
            origins: origins(&made.egress),
            secrets: made.secrets.into_iter().map(|(variable, source)| (variable, source.to_string())).collect(),
            proxies,
            connection: instance.connection,
            created_at: instance.created_at,
            checked_at: instance.checked_at,
            auto_map,
            projects,
            last_run: last_run.map(LastRun::from),
            schedule: work.schedule,
            next_at: work.next_at,
        })
    }
}

fn origins(policy: &EgressPolicy) -> BTreeMap<String, String> {
    let word = |addresses| match addresses {
        host_harness::Addresses::Public => "public".to_owned(),
        host_harness::Addresses::Private => "private".to_owned(),
    };
    policy.origins().map(|(origin, addresses)| (origin.to_string(), word(addresses))).collect()
}

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
            instance.next_at.map_or_else(|| "when asked".into(), Cell::from),
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
    let connector = format!("{} {}, {}", report.connector, report.connector_version, report.connector_source);
    facts.add("connector", connector);
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
    let readable = if readable.is_empty() { "no kind".to_owned() } else { readable.join(", ") };
    let took = took.map(|took| format!(" ({:.1} s)", took.as_secs_f64())).unwrap_or_default();
    let account = format!(": deployment {} (id {}); the token reads {readable}{took}", deployment.slug, deployment.id);
    output.verdict("", ("Connection successful", style::GOOD), &account);
    for it in kinds {
        if let Access::Denied { reason } = &it.access {
            output.verdict("  ", (it.kind.as_str(), style::ATTENTION), &format!(" cannot be read: {reason}"));
        }
    }
}

pub fn show_accepted(output: Output, accepted: &AcceptedConnector) {
    let before = accepted.sha256_before.as_deref().unwrap_or("none");
    output.line(match accepted.changed {
        true => format!("Accepted {} for {}", accepted.connector_source, accepted.instance),
        false => format!("Nothing changed: {} is the file that was accepted", accepted.connector_source),
    });
    let mut table = output.table(&["", "BEFORE", "NOW"]);
    table.add_row(cells!["sha256", before, &accepted.sha256]);
    table.add_row(cells!["version", &accepted.version_before, &accepted.version]);
    output.print(&table);
    let told = |what: &str, names: &[String]| {
        if !names.is_empty() {
            output.line(format!("{what}: {}", names.join(", ")));
        }
    };
    told("Origins that it asks for and may not reach", &accepted.origins_not_granted);
    told("Origins that it may reach and does not ask for", &accepted.origins_not_asked_for);
    told("Secrets that it asks for and does not get", &accepted.secrets_not_given);
    told("Secrets that it gets and does not ask for", &accepted.secrets_not_asked_for);
    if accepted.version != accepted.version_before {
        output.line(format!("Next: harness renormalize {} --dry-run", accepted.instance));
    }
}

/// The status, and why. The reason may begin with the status.
fn status(report: &InstanceReport, signs: usize) -> Cell {
    let detail = report.status_detail.as_deref().unwrap_or_default();
    let detail = detail.strip_prefix(&format!("{}: ", report.status)).unwrap_or(detail);
    let detail = if detail.is_empty() { String::new() } else { format!(": {}", short(detail, signs)) };
    Cell::from(format!("{}{detail}", report.status)).styled(style::state(&report.status))
}

/// The kinds that the secret can read.
fn readable(report: &InstanceReport) -> String {
    let kinds = report.connection.iter().flat_map(|it| &it.kinds).filter(|it| it.access == Access::Readable);
    kinds.map(|it| it.kind.to_string()).collect::<Vec<_>>().join(" ")
}

fn last_run(run: &LastRun) -> Cell {
    let text = format!("{} {} ({} {})", moment(run.started_at), run.state.as_str(), run.mode.as_str(), run.id);
    Cell::from(text).styled(style::state(run.state.as_str()))
}
