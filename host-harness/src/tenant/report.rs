//! Instances, as they are shown.

use std::collections::BTreeMap;

use appsec_grant::{Addresses, EgressPolicy, InstanceName};
use appsec_model::{Connection, Timestamp};
use appsec_store::{AutoMap, ConnectorSource, Instance, InstanceStatus, MappingCounts, WriteBackMode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{LastRun, ProxyRoute, Tenant};
use crate::error::Error;

/// An instance, as commands print it.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct InstanceReport {
    /// Its name.
    pub name: String,
    /// Id of its connector.
    pub connector: String,
    /// Version of its connector that all of its records were normalized with; what
    /// came since an update may be of the accepted one.
    pub connector_version: String,
    /// Version of the connector that was accepted, which may be a newer one. Only
    /// `instance show` tells it, and only where the connector can be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_version: Option<String>,
    /// Where the connector comes from.
    pub connector_source: ConnectorSource,
    /// SHA-256 of the file that it comes from, as it was accepted; no other one
    /// runs. None of the connector inside of the program.
    pub connector_sha256: Option<String>,
    /// `paused`, or how it is: `connected`, `unauthorized`, `degraded` or
    /// `never-checked`.
    pub status: String,
    /// Why, where it is paused or not well.
    pub status_detail: Option<String>,
    /// How it is, also while it is paused.
    pub health: InstanceStatus,
    /// Since when it is paused.
    pub paused_since: Option<Timestamp>,
    /// Its settings.
    pub settings: Map<String, Value>,
    /// Origins that it may reach: `public`, or `private` where addresses of
    /// this machine and network are allowed too.
    pub origins: BTreeMap<String, String>,
    /// Where its secrets are read from, by variable.
    pub secrets: BTreeMap<String, String>,
    /// The proxy for each origin, and where it was set.
    pub proxies: Vec<ProxyRoute>,
    /// What the last good check learnt.
    pub connection: Option<Connection>,
    /// Whether decisions go back to its vendor: `off`, `on`, or `hold` where a
    /// person chooses between two decisions.
    pub write_back: WriteBackMode,
    /// What becomes of new projects.
    pub auto_map: AutoMap,
    /// How its projects stand to repositories; the mapped and drifted are synced.
    pub projects: MappingCounts,
    /// When it was set up.
    pub created_at: Timestamp,
    /// When it was last checked.
    pub checked_at: Option<Timestamp>,
    /// Its last run.
    pub last_run: Option<LastRun>,
    /// When it is synced, in words; none where only somebody asks for it.
    pub schedule: Option<String>,
    /// When the next sync is due.
    pub next_at: Option<Timestamp>,
}

/// What `instance list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct InstanceList {
    /// The instances, by name.
    pub instances: Vec<InstanceReport>,
}

impl InstanceReport {
    /// Why an instance is paused that was restored.
    pub const NOT_ACCEPTED: &str =
        "restored from a backup; its origins, secrets, proxy and webhooks have not been accepted yet";
}

impl Tenant {
    /// The instances, as they are shown.
    pub async fn instance_list(&self) -> Result<InstanceList, Error> {
        let mut list = InstanceList { instances: Vec::new() };
        for instance in self.instances().await? {
            list.instances.push(self.report_of(instance).await?);
        }
        Ok(list)
    }

    /// An instance, as it is shown.
    pub async fn instance_report(&self, name: &InstanceName) -> Result<InstanceReport, Error> {
        let instance = self.instance(name).await?;
        self.report_of(instance).await
    }

    /// The same, with what only its connector says of itself.
    pub async fn full_report_of(&self, instance: Instance) -> Result<InstanceReport, Error> {
        // One that is not there any more is no reason to show nothing.
        let accepted_version = self.loaded(&instance).await.ok().map(|loaded| loaded.manifest.version.clone());
        Ok(InstanceReport { accepted_version, ..self.report_of(instance).await? })
    }

    /// What there is to say of an instance.
    pub async fn report_of(&self, instance: Instance) -> Result<InstanceReport, Error> {
        let id = instance.id;
        let work = self.work_of(&instance).await?;
        let (last_run, auto_map, projects, write_back) = self
            .store
            .read(move |store| {
                let counts = store.mapping_counts(Some(id))?;
                Ok((store.runs(Some(id), 1)?.pop(), store.auto_map(id)?, counts, store.write_back(id)?))
            })
            .await?;
        let proxies = self.proxy_routes(&instance.made);
        let made = instance.made;
        let (status, status_detail, paused_since) = match instance.paused {
            Some(paused) => {
                let why = paused.unaccepted.then(|| InstanceReport::NOT_ACCEPTED.to_owned()).or(paused.reason);
                ("paused", why, Some(paused.since))
            }
            None => (instance.status.as_str(), instance.status_detail, None),
        };
        Ok(InstanceReport {
            name: made.name.to_string(),
            connector: made.connector_id,
            connector_version: made.connector_version,
            accepted_version: None,
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
            write_back,
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
        Addresses::Public => "public".to_owned(),
        Addresses::Private => "private".to_owned(),
    };
    policy.origins().map(|(origin, addresses)| (origin.to_string(), word(addresses))).collect()
}
