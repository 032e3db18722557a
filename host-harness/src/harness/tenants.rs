//! The tenants of a harness: which there are, and what they hold.

use std::{fs, io, path::Path};

use appsec_model::Timestamp;
use serde::Serialize;

use super::Harness;
use crate::{error::Error, tenant::Tenant};
use appsec_grant::{TenantId, UnknownName};
use appsec_store::{InstanceStatus, RunState};

/// What `tenant list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TenantList {
    /// The tenants, by name.
    pub tenants: Vec<TenantReport>,
}

/// What a tenant holds.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TenantReport {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// Its instances, by name.
    pub instances: Vec<TenantInstance>,
    /// Instances that are being set up, by name.
    pub onboardings: Vec<String>,
    /// Its findings, also those that are not open.
    pub findings: u64,
    /// Its last run.
    pub last_run: Option<TenantRun>,
}

/// An instance of a tenant.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TenantInstance {
    /// Its name.
    pub name: String,
    /// Id of its connector.
    pub connector: String,
    /// How it is.
    pub status: InstanceStatus,
    /// Whether it is paused.
    pub paused: bool,
}

/// The last run of a tenant.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TenantRun {
    /// Name of the instance.
    pub instance: String,
    /// How it ended.
    pub state: RunState,
    /// When it began.
    pub started_at: Timestamp,
}

impl Harness {
    /// The tenants that there are, by name.
    pub fn tenants(&self) -> Result<Vec<TenantId>, Error> {
        let folder = self.data_dir().join("tenants");
        let names = || -> io::Result<Vec<TenantId>> {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            let mut names = Vec::new();
            for entry in entries {
                // What has another name is none of ours.
                let name = entry?.file_name().to_str().and_then(|name| name.parse().ok());
                names.extend(name.filter(|name| self.has_tenant(name)));
            }
            names.sort();
            Ok(names)
        };
        names().map_err(|error| Error::Folder(folder.clone(), error))
    }

    /// Whether there is such a tenant.
    pub fn has_tenant(&self, id: &TenantId) -> bool {
        self.tenant_folder(id).join("store.sqlite3").is_file()
    }

    /// That there is no such tenant.
    pub(crate) fn no_tenant(&self, id: &TenantId) -> Error {
        match self.tenants() {
            Ok(known) => Error::NoTenant(UnknownName::among(id.as_str(), known.iter().map(TenantId::as_str))),
            Err(error) => error,
        }
    }

    /// Opens the store of a tenant that is there.
    pub fn existing_tenant(&self, id: &TenantId) -> Result<Tenant, Error> {
        if self.has_tenant(id) { self.tenant(id.clone()) } else { Err(self.no_tenant(id)) }
    }

    /// Makes a tenant.
    pub fn add_tenant(&self, id: TenantId) -> Result<Tenant, Error> {
        match self.has_tenant(&id) {
            true => Err(Error::TenantExists(id.to_string())),
            false => self.tenant(id),
        }
    }

    /// What a tenant holds; none is made.
    pub async fn tenant_report(&self, id: &TenantId) -> Result<TenantReport, Error> {
        let tenant = self.existing_tenant(id)?;
        let (instances, drafts, counts, runs) = tenant
            .store
            .read(|store| Ok((store.instances()?, store.drafts()?, store.finding_counts(None)?, store.runs(None, 1)?)))
            .await?;
        let instances = instances.into_iter().map(|it| TenantInstance {
            name: it.made.name.to_string(),
            connector: it.made.connector_id,
            status: it.status,
            paused: it.paused.is_some(),
        });
        let last_run = runs.into_iter().next().map(|run| TenantRun {
            instance: run.instance,
            state: run.state,
            started_at: run.started_at,
        });
        let bytes = size(&tenant.folder).map_err(|error| Error::Folder(tenant.folder.clone(), error))?;
        Ok(TenantReport {
            name: id.to_string(),
            folder: tenant.folder.display().to_string(),
            bytes,
            instances: instances.collect(),
            onboardings: drafts.iter().map(|it| it.name.to_string()).collect(),
            findings: counts.iter().map(|(_, _, _, count)| count).sum(),
            last_run,
        })
    }
}

/// Bytes of the files of a folder. Files that go away while it is looked at,
/// as those of a store do, count for nothing.
fn size(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        match entry?.metadata() {
            Ok(metadata) if metadata.is_file() => bytes += metadata.len(),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(bytes)
}
