//! Instances, as commands print them.

use std::collections::BTreeMap;

use appsec_model::{Access, Connection, Timestamp};
use host_harness::{
    AcceptedConnector, AutoMap, ConnectorSource, EgressPolicy, Instance, InstanceStatus, LastRun, MappingCounts,
    ProxyRoute, Tenant,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::Failure,
    mapping::counted,
    output::{Cell, Output, moment, short},
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
        output.line("No instances yet. Set one up with: harness instance add NAME");
        return;
    }
    let mut table = output.table(&[
        "NAME",
        "STATUS",
        "DEPLOYMENT",
        "KINDS",
        "PROJECTS",
        "LAST RUN",
        "NEXT SYNC",
        "CHECKED",
        "CONNECTOR",
    ]);
    for instance in &list.instances {
        let deployment = instance.connection.as_ref().map(|it| it.deployment.slug.clone());
        table.add_row([
            instance.name.clone(),
            status(instance, 60),
            deployment.unwrap_or_default(),
            readable(instance),
            counted(&instance.projects),
            instance.last_run.as_ref().map(last_run).unwrap_or_else(|| "never".to_owned()),
            instance.next_at.map(moment).unwrap_or_else(|| "when asked".to_owned()),
            instance.checked_at.map(moment).unwrap_or_else(|| "never".to_owned()),
            format!("{} {}", instance.connector, instance.connector_version),
        ]);
    }
    output.print(&table);
}

pub fn show(output: Output, report: &InstanceReport) {
    let mut table = output.table(&["instance", &report.name]);
    table.add_row(["status", &status(report, 300)]);
    if let Some(since) = report.paused_since {
        table.add_row(["paused since", &moment(since)]);
        table.add_row(["before", report.health.as_str()]);
    }
    table.add_row([
        "connector",
        &format!("{} {}, {}", report.connector, report.connector_version, report.connector_source),
    ]);
    if let Some(sha256) = &report.connector_sha256 {
        table.add_row(["accepted", &format!("sha256 {sha256}")]);
    }
    if let Some(connection) = &report.connection {
        let deployment = &connection.deployment;
        table.add_row(["deployment", &format!("{} (id {})", deployment.slug, deployment.id)]);
        let kinds = connection.kinds.iter().map(|it| match &it.access {
            Access::Readable => format!("{}: readable", it.kind),
            Access::Denied { reason } => format!("{}: {reason}", it.kind),
        });
        table.add_row(["kinds".into(), Cell::list(kinds)]);
        for diagnostic in &connection.diagnostics {
            table.add_row(["note", &diagnostic.message]);
        }
    }
    let settings = report.settings.iter().map(|(key, value)| format!("{key} = {value}"));
    table.add_row(["settings".into(), Cell::list(settings)]);
    let origins = report.origins.iter().map(|(origin, addresses)| format!("{origin} ({addresses} addresses)"));
    table.add_row(["origins".into(), Cell::list(origins)]);
    table.add_row(["proxy".into(), Cell::list(crate::proxy::lines(&report.proxies))]);
    let secrets = report.secrets.iter().map(|(variable, source)| format!("{variable} from {source}"));
    table.add_row(["secrets".into(), Cell::list(secrets)]);
    let new = format!("new ones: {}", report.auto_map.as_str());
    table.add_row(["projects".into(), Cell::list([counted(&report.projects), new])]);
    table.add_row(["checked", &report.checked_at.map(moment).unwrap_or_else(|| "never".to_owned())]);
    table.add_row(["last run", &report.last_run.as_ref().map(last_run).unwrap_or_else(|| "never".to_owned())]);
    if let Some(schedule) = &report.schedule {
        table.add_row(["schedule", schedule]);
        table.add_row(["next sync", &report.next_at.map(moment).unwrap_or_else(|| "paused".to_owned())]);
    }
    output.print(&table);
}

pub fn show_accepted(output: Output, accepted: &AcceptedConnector) {
    let before = accepted.sha256_before.as_deref().unwrap_or("none");
    output.line(match accepted.changed {
        true => format!("Accepted {} for {}", accepted.connector_source, accepted.instance),
        false => format!("Nothing changed: {} is the file that was accepted", accepted.connector_source),
    });
    let mut table = output.table(&["", "BEFORE", "NOW"]);
    table.add_row(["sha256", before, &accepted.sha256]);
    table.add_row(["version", &accepted.version_before, &accepted.version]);
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

/// The status, and why.
fn status(report: &InstanceReport, signs: usize) -> String {
    // The vendor's word may be the status itself.
    let without = |detail: &'_ str| detail.strip_prefix(&format!("{}: ", report.status)).unwrap_or(detail).to_owned();
    let detail = report.status_detail.as_deref().map(without).map(|detail| format!(": {}", short(&detail, signs)));
    format!("{}{}", report.status, detail.unwrap_or_default())
}

/// The kinds that the secret can read.
fn readable(report: &InstanceReport) -> String {
    let kinds = report.connection.iter().flat_map(|it| &it.kinds).filter(|it| it.access == Access::Readable);
    kinds.map(|it| it.kind.to_string()).collect::<Vec<_>>().join(" ")
}

fn last_run(run: &LastRun) -> String {
    format!("{} {} ({} {})", moment(run.started_at), run.state.as_str(), run.mode.as_str(), run.id)
}
