//! The harness: what the commands of a terminal, tests and other programs call.

mod backup;
mod call;
mod catalogues;
mod conformance;
mod connectors;
mod deletion;
mod doctor;
mod download;
mod oci;
mod origin;
mod outdated;
mod publish;
mod rehearsal;
mod stage;
mod tenants;
mod workbench;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use appsec_conformance::Lab;
use appsec_model::{Manifest, Normalized, RawInput, Timestamp};
use serde::Serialize;

pub use self::{
    backup::{Backup, BackupFile, BackupOrigin, BackupSignature, Restored, RestoredInstance},
    call::{Called, Function, FunctionCall, FunctionResult},
    catalogues::{AddedCatalogue, CatalogueList, CatalogueMatch, CatalogueSearch, UnreadCatalogue},
    conformance::{Conformance, ConformanceFile, Judged},
    connectors::{ConnectorList, InstalledConnector},
    deletion::TenantDeletion,
    doctor::{Check, CheckHint, Condition},
    origin::ComponentOrigin,
    outdated::{InstalledState, OutdatedConnector, OutdatedList},
    publish::{CatalogueBuild, CatalogueKeyFiles, SignedCatalogue},
    rehearsal::{Rehearsal, RehearsalReport, Rehearsed},
    tenants::{TenantInstance, TenantList, TenantReport, TenantRun},
    workbench::Answers,
};
use crate::{
    access::Access,
    error::{ConnectorError, Error},
    host::{Host, Loaded, Options},
    sbom,
    tenant::Tenant,
};
use appsec_grant::{SecretSource, TenantId, files::check_folder, network_file_system};
use appsec_sandbox::{Inspection, Response, Runtime, RuntimeError};
use appsec_store::{ConnectorSource, FindingStore, SharedStore};

/// What `inspect` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Inspected {
    /// Where the component comes from.
    pub source: ConnectorSource,
    /// What its bytes say.
    pub component: Inspection,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Runs connectors for tenants on one machine. Cheap to clone.
#[derive(Clone)]
pub struct Harness {
    host: Host,
}

impl Harness {
    /// A harness over a folder. Nothing is made or loaded before it is needed.
    pub fn new(options: Options) -> Self {
        Self { host: Host::new(options) }
    }

    /// The same over the same folder, with a key of the vaults from elsewhere.
    pub fn with_vault_key(&self, vault_key: SecretSource) -> Self {
        Self::new(Options { vault_keys: vec![vault_key], ..self.options().clone() })
    }

    /// The same over the same folder, with vendors behind another network.
    pub fn over(&self, network: Arc<Lab>) -> Result<Self, Error> {
        Ok(Self { host: self.host.beside(self.options().clone().over(network))? })
    }

    /// Whether a key of the vaults is given; whether it is the right one is another
    /// question.
    pub fn has_vault_keys(&self) -> bool {
        !self.options().vault_keys.is_empty() || std::env::var_os(crate::vault::VAULT_KEY_VARIABLE).is_some()
    }

    /// Where everything is kept.
    pub fn data_dir(&self) -> &Path {
        self.host.data_dir()
    }

    /// Who may use the pages and the HTTP API, and what they did.
    pub fn access(&self) -> Result<&Access, Error> {
        check_folder(self.data_dir()).map_err(Error::exposed(self.data_dir()))?;
        self.refuse_network_file_system()?;
        self.host.access()
    }

    /// The engine; started when first asked for.
    pub fn runtime(&self) -> Result<&Runtime, Error> {
        self.host.runtime()
    }

    /// What a connector is, imports, needs and can bring.
    pub async fn inspect(&self, source: ConnectorSource) -> Result<Inspected, Error> {
        let loaded = self.connector(&source).await?;
        let component = loaded.connector.inspection().clone();
        Ok(Inspected { source, component, manifest: (*loaded.manifest).clone() })
    }

    /// The packages of a connector as a bill of materials in the form of CycloneDX. None
    /// of it is run.
    pub fn sbom(&self, source: &ConnectorSource) -> Result<serde_json::Value, Error> {
        let code = self.host.component(source)?;
        let inspection = appsec_sandbox::inspect(&code).map_err(RuntimeError::from)?;
        sbom::cyclonedx(&inspection, env!("CARGO_PKG_VERSION")).ok_or_else(|| ConnectorError::NoPackages.into())
    }

    /// Loads a connector and asks it what it is. Loaded once per process; a file
    /// that is another one by now is loaded anew.
    pub async fn connector(&self, source: &ConnectorSource) -> Result<Loaded, Error> {
        self.host.connector(source).await
    }

    /// What time it is, by the clock of the options.
    pub fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// What all tenants share.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// How it works.
    pub(crate) fn options(&self) -> &Options {
        self.host.options()
    }

    /// Opens the store of a tenant; makes it if it is not there.
    pub fn tenant(&self, id: TenantId) -> Result<Tenant, Error> {
        // Whoever may write one of them decides what a store says: where secrets
        // are read from, and where they may be sent.
        for folder in [self.data_dir(), &self.data_dir().join("tenants"), &self.tenant_folder(&id)] {
            check_folder(folder).map_err(Error::exposed(folder))?;
        }
        self.refuse_network_file_system()?;
        self.sweep_tenants()?;
        let folder = self.tenant_folder(&id);
        let store = FindingStore::open(&folder.join("store.sqlite3"), &id)?;
        let store = SharedStore::new(store, self.options().clock.clone());
        let tenant = Tenant { host: self.host.clone(), id, folder, store };
        tenant.finish_deletions()?;
        Ok(tenant)
    }

    /// Refuses a data folder that other machines may share. SQLite's
    /// write-ahead log lies in memory that the processes of one machine share,
    /// and locks of files do not hold everywhere on a network. The name of the
    /// machine decides nothing: a container has another one at each start.
    pub(crate) fn refuse_network_file_system(&self) -> Result<(), Error> {
        // Only Linux has this list; elsewhere the operator decides.
        let mounts = fs::read_to_string(&self.options().mounts).unwrap_or_default();
        match network_file_system(self.data_dir(), &mounts) {
            Some(kind) => Err(Error::NetworkFileSystem(self.data_dir().to_owned(), kind.to_owned())),
            None => Ok(()),
        }
    }

    /// A tenant that may be open already. One that was deleted and is there again
    /// is opened anew, and the connections of the one before are closed.
    pub(crate) fn tenant_again(&self, id: &TenantId, open: Option<&Tenant>) -> Result<Tenant, Error> {
        match open {
            Some(tenant) if tenant.store.is_in_place() => return Ok(tenant.clone()),
            Some(_) => self.host.forget_transports(id),
            None => {}
        }
        self.tenant(id.clone())
    }

    /// A tenant that is not there, and that nobody asked to be made: it holds
    /// nothing.
    pub fn empty_tenant(&self, id: &TenantId) -> Result<Tenant, Error> {
        Ok(self.tenant_to_look_at(id, FindingStore::empty(id)?))
    }

    /// A tenant over a store that is only looked at: nothing that was begun is
    /// finished.
    pub(crate) fn tenant_to_look_at(&self, id: &TenantId, store: FindingStore) -> Tenant {
        Tenant {
            host: self.host.clone(),
            folder: self.tenant_folder(id),
            id: id.clone(),
            store: SharedStore::to_look_at(store),
        }
    }

    pub(crate) fn tenant_folder(&self, id: &TenantId) -> PathBuf {
        self.data_dir().join("tenants").join(id.as_str())
    }

    /// Normalizes records or a file without storing anything.
    pub async fn normalize(&self, source: &ConnectorSource, input: RawInput) -> Result<Response<Normalized>, Error> {
        let loaded = self.connector(source).await?;
        Ok(loaded.connector.normalize(&source.to_string(), input).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::ConnectorSource;
    use crate::{bundled::BUNDLED, test_context::TestContext};

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn many_that_ask_at_a_time_load_a_connector_once() {
        let context = TestContext::new();
        let path = context.file("connector.wasm", b"none");
        let source = ConnectorSource::File { path: path.clone() };
        let all_at_once = async || {
            let asked: Vec<_> = (0..64)
                .map(|_| {
                    let (harness, source) = (context.harness.clone(), source.clone());
                    tokio::spawn(async move { harness.connector(&source).await })
                })
                .collect();
            let mut loaded = Vec::new();
            for one in asked {
                loaded.push(one.await.unwrap());
            }
            loaded
        };
        // A failure is nobody's but his who met it.
        assert!(all_at_once().await.iter().all(Result::is_err));
        std::fs::write(&path, BUNDLED[0].component).unwrap();
        let loaded: Vec<_> = all_at_once().await.into_iter().map(Result::unwrap).collect();
        // Each load asks the connector anew what it is.
        assert!(loaded.iter().all(|it| Arc::ptr_eq(&it.manifest, &loaded[0].manifest)), "it was loaded more than once");
    }

    #[tokio::test]
    async fn a_file_that_is_another_one_by_now_is_loaded_anew() {
        let context = TestContext::new();
        let harness = &context.harness;
        let mut component = BUNDLED[0].component.to_vec();
        let path = context.file("connector.wasm", &component);
        let source = ConnectorSource::File { path: path.clone() };
        let first = harness.connector(&source).await.unwrap().connector.inspection().sha256.clone();
        // The same, with a note.
        component.extend(b"\0\x05\x04note");
        std::fs::write(&path, &component).unwrap();
        let second = harness.connector(&source).await.unwrap().connector.inspection().sha256.clone();
        assert_ne!(first, second);
        std::fs::remove_file(&path).unwrap();
        assert!(harness.connector(&source).await.is_err(), "what is not there does not run");
    }
}
