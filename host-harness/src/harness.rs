//! The harness: what the commands of a terminal, tests and other programs call.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use appsec_model::{Manifest, Normalized, RawInput, Timestamp};
use sha2::{Digest, Sha256};

use crate::{
    bundled::BUNDLED,
    error::Error,
    tenant::{Secrets, Tenant},
    vault::VAULT_KEY_VARIABLE,
};
use appsec_grant::{SecretSource, TenantId, files::check_folder, network_file_system};
use appsec_ingest::{AccountThrottle, RetryPolicy, Sleep, SystemSleep, Throttles};
use appsec_sandbox::{Connector, Limits, Response, Runtime, Transport, tls_config};
use appsec_store::{ConnectorSource, FindingStore, Instance, SharedStore};

/// How a harness works.
#[derive(Clone)]
pub struct Options {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Limits of the sandboxes.
    pub limits: Limits,
    /// When calls are tried again.
    pub retry: RetryPolicy,
    /// How waits are made.
    pub waiter: Arc<dyn Sleep>,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Where the key of the vaults is read from, when one is opened.
    pub vault_key: SecretSource,
    /// Where the system lists what is mounted.
    pub mounts: PathBuf,
}

impl Options {
    /// The usual ways, over a folder.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            waiter: Arc::new(SystemSleep),
            clock: Arc::new(|| Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())),
            vault_key: SecretSource::Variable { name: VAULT_KEY_VARIABLE.to_owned() },
            mounts: PathBuf::from("/proc/self/mountinfo"),
        }
    }
}

/// Runs connectors for tenants on one machine. Cheap to clone.
#[derive(Clone)]
pub struct Harness {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    runtime: OnceLock<Runtime>,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    connectors: Mutex<HashMap<PathBuf, Loaded>>,
    transports: Mutex<HashMap<(TenantId, i64), Arc<Transport>>>,
    throttles: Throttles,
}

/// A connector and what it says of itself.
#[derive(Clone)]
pub struct Loaded {
    /// The connector.
    pub connector: Connector,
    /// What it says.
    pub manifest: Arc<Manifest>,
}

impl Harness {
    /// A harness over a folder. Nothing is made or loaded before it is needed.
    pub fn new(options: Options) -> Self {
        let shared = Shared {
            options,
            runtime: OnceLock::new(),
            tls: OnceLock::new(),
            connectors: Mutex::default(),
            transports: Mutex::default(),
            throttles: Throttles::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Where everything is kept.
    pub fn data_dir(&self) -> &Path {
        &self.shared.options.data_dir
    }

    /// The engine; started when first asked for.
    pub fn runtime(&self) -> Result<&Runtime, Error> {
        if let Some(runtime) = self.shared.runtime.get() {
            return Ok(runtime);
        }
        let cache = self.data_dir().join("cache");
        let runtime = Runtime::new(self.shared.options.limits.clone(), Some(&cache))?;
        Ok(self.shared.runtime.get_or_init(|| runtime))
    }

    /// Loads a connector and asks it what it is. Loaded once per process; a file
    /// that is another one by now is loaded anew.
    pub async fn connector(&self, source: &ConnectorSource) -> Result<Loaded, Error> {
        let runtime = self.runtime()?;
        let (key, code) = match source {
            ConnectorSource::Bundled { id } => {
                let bundled = BUNDLED.iter().find(|bundled| bundled.id == id);
                let component = bundled.ok_or_else(|| Error::NoConnector(id.clone()))?.component;
                (PathBuf::from(format!("bundled:{id}")), Cow::Borrowed(component))
            }
            // What is compiled are the very bytes that are told apart by their hash.
            ConnectorSource::File { path } => (path.clone(), Cow::Owned(runtime.read_file(path)?)),
            ConnectorSource::Reports => return Err(Error::ImportOnly),
        };
        let known = self.shared.connectors.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let is_same = |loaded: &Loaded| match source {
            ConnectorSource::File { .. } => {
                loaded.connector.inspection().sha256 == data_encoding::HEXLOWER.encode(&Sha256::digest(&code))
            }
            ConnectorSource::Bundled { .. } | ConnectorSource::Reports => true,
        };
        if let Some(loaded) = known.filter(is_same) {
            return Ok(loaded);
        }
        let connector = runtime.load(&code)?;
        let manifest = connector.describe(&source.to_string()).await?.value;
        let loaded = Loaded { connector, manifest: Arc::new(manifest) };
        self.shared.connectors.lock().unwrap_or_else(PoisonError::into_inner).insert(key, loaded.clone());
        Ok(loaded)
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
        let store = SharedStore::new(FindingStore::open(&folder.join("store.sqlite3"), &id)?);
        let tenant = Tenant { harness: self.clone(), id, folder, store };
        self.finish_deletions(&tenant)?;
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
            Some(_) => {
                let mut transports = self.shared.transports.lock().unwrap_or_else(PoisonError::into_inner);
                transports.retain(|(tenant, _), _| tenant != id);
            }
            None => {}
        }
        self.tenant(id.clone())
    }

    /// A tenant over a store that is only looked at: nothing that was begun is
    /// finished.
    pub(crate) fn tenant_to_look_at(&self, id: &TenantId, store: FindingStore) -> Tenant {
        Tenant { harness: self.clone(), folder: self.tenant_folder(id), id: id.clone(), store: SharedStore::new(store) }
    }

    pub(crate) fn tenant_folder(&self, id: &TenantId) -> PathBuf {
        self.data_dir().join("tenants").join(id.as_str())
    }

    /// Normalizes records or a file without storing anything.
    pub async fn normalize(&self, source: &ConnectorSource, input: RawInput) -> Result<Response<Normalized>, Error> {
        let loaded = self.connector(source).await?;
        Ok(loaded.connector.normalize(&source.to_string(), input).await?)
    }

    /// What time it is, by the clock of the options.
    pub fn now(&self) -> Timestamp {
        (self.shared.options.clock)()
    }

    /// How it works.
    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    /// What holds up the calls of an instance while its account is limited. The
    /// account is that of its secrets, whichever tenants use it; without any,
    /// the instance's own.
    pub(crate) fn throttle(&self, tenant: &TenantId, instance: &Instance, secrets: &Secrets) -> Arc<AccountThrottle> {
        let revealed: Vec<&str> = secrets.iter().map(|(_, secret)| secret.reveal()).collect();
        let own = revealed.is_empty().then_some((tenant.as_str(), instance.id));
        self.shared.throttles.of((&instance.made.connector_id, revealed, own))
    }

    /// Closes the connections of an instance.
    pub(crate) fn forget_transport(&self, tenant: &TenantId, instance_id: i64) {
        let mut transports = self.shared.transports.lock().unwrap_or_else(PoisonError::into_inner);
        transports.remove(&(tenant.clone(), instance_id));
    }

    /// The connections of an instance.
    pub(crate) fn transport(&self, tenant: &TenantId, instance_id: i64) -> Result<Arc<Transport>, Error> {
        let tls = match self.shared.tls.get() {
            Some(tls) => tls.clone(),
            None => {
                let tls = tls_config().map_err(|error| Error::Tls(error.into()))?;
                self.shared.tls.get_or_init(|| tls).clone()
            }
        };
        let mut transports = self.shared.transports.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = &self.shared.options.limits;
        let transport = transports.entry((tenant.clone(), instance_id));
        Ok(transport.or_insert_with(|| Arc::new(Transport::new(tls, limits))).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{BUNDLED, ConnectorSource, Harness, Options};

    #[tokio::test]
    async fn a_file_that_is_another_one_by_now_is_loaded_anew() {
        let folder = tempfile::tempdir().unwrap();
        let harness = Harness::new(Options::new(folder.path().join("data")));
        let path = folder.path().join("connector.wasm");
        let source = ConnectorSource::File { path: path.clone() };
        let mut component = BUNDLED[0].component.to_vec();
        std::fs::write(&path, &component).unwrap();
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
