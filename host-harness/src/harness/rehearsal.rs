//! A sync into a store that is gone afterwards: what a connector would bring.

use std::{collections::BTreeMap, sync::Arc};

use appsec_grant::{InstanceName, SecretSource, TenantId};
use appsec_ingest::{Progress, Selection, SyncOptions};
use appsec_model::Deployment;
use appsec_store::ConnectorSource;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Harness,
    workbench::{Answers, point_at},
};
use crate::{
    error::Error,
    query::{List, Query, View},
    tenant::{FindingCount, FindingList, RunList, Setup},
};

/// A sync to try.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// What tenant and instance are called in logs and errors.
    pub path: (TenantId, InstanceName),
    /// The connector.
    pub connector: ConnectorSource,
    /// Who answers it.
    pub vendor: Answers,
    /// Whether the vendor's answers are recorded.
    pub record: bool,
    /// Where its secrets are read from; by default from the environment
    /// variables that it names.
    pub secret: Option<SecretSource>,
    /// The same of each of several, by variable.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Its settings.
    pub settings: Map<String, Value>,
    /// What to fetch.
    pub selection: Selection,
}

/// What `rehearse` prints: what would be stored.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RehearsalReport {
    /// Id of the connector.
    pub connector: String,
    /// Its version.
    pub version: String,
    /// The vendor's account.
    pub deployment: Option<Deployment>,
    /// Findings, by kind, severity and status.
    pub stored: Vec<FindingCount>,
    /// The most urgent of them.
    pub findings: FindingList,
    /// Projects.
    pub projects: u64,
    /// Packages.
    pub packages: u64,
    /// The run, with its fetches and notes.
    pub log: RunList,
}

/// A sync that was tried.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// What would be stored.
    pub report: RehearsalReport,
    /// The vendor's answers, where they were to be recorded.
    pub cassette: Option<String>,
}

/// Most findings and notes that are shown.
const MOST_SHOWN: u32 = 8;

impl Harness {
    /// Syncs a connector into a store that nobody keeps.
    pub async fn rehearse(&self, asked: Rehearsal, progress: Progress) -> Result<Rehearsed, Error> {
        let Rehearsal { path: (tenant, name), connector, vendor, record, secret, secrets, mut settings, selection } =
            asked;
        let origins = vendor.origins(&mut settings)?;
        let manifest = self.connector(&connector).await?.manifest;
        point_at(&manifest, &origins, &mut settings);
        let setup = Setup {
            name: name.clone(),
            connector,
            settings,
            allow_origins: Vec::new(),
            allow_private_origins: origins,
            secret,
            secrets,
            store_secret: false,
            proxy: None,
        };
        let options = self.options().clone().over(Arc::new(vendor.network())).with_secret(setup.secret.as_ref())?;
        let scratch = self.scratch(options)?;
        let (tenant, instance) = scratch.connect(tenant, setup).await?;
        let options = SyncOptions { selection, ..SyncOptions::default() };
        let run = scratch.sync(&tenant, &name, options, progress).await?;
        let cassette = tenant.recording(&name).await?.filter(|_| record);
        let shown = MOST_SHOWN.to_string();
        let query = Query::parse(List::Findings(View::All), [("limit", shown.as_str()), ("include-non-security", "")])?;
        let packages = Query::parse(List::Packages, [("limit", "0")])?;
        let report = RehearsalReport {
            connector: manifest.id.clone(),
            version: manifest.version.clone(),
            deployment: instance.connection.map(|connection| connection.deployment),
            stored: tenant.finding_counts().await?,
            findings: tenant.finding_list(&query).await?.list,
            projects: tenant.project_list(None, None).await?.projects.len() as u64,
            packages: tenant.package_list(&packages).await?.list.total,
            log: tenant.run(run.id, MOST_SHOWN).await?,
        };
        Ok(Rehearsed { report, cassette })
    }
}
