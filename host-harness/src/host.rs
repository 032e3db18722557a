//! What all tenants share: how the harness works, the engine with its loaded
//! connectors, connections, and what holds up calls of a limited account.

use std::{
    borrow::Cow,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use appsec_model::{Manifest, Timestamp};
use sha2::{Digest, Sha256};

use crate::{access::Access, bundled::BUNDLED, error::Error};
use appsec_grant::{BucketStore, Proxies, Secret, SecretSource, TenantId};
use appsec_ingest::{AccountThrottle, RetryPolicy, Sleep, SystemSleep, Throttles};
use appsec_sandbox::{Connector, Grant, GrantedSecret, HttpGrant, Limits, Runtime, Transport, tls_config};
use appsec_store::{AccessStore, ConnectorSource, Instance};

/// The file that says who may use the pages and the HTTP API.
pub(crate) const ACCESS_FILE: &str = "access.sqlite3";

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
    /// Where keys are read from when a vault is opened: each takes its own, by
    /// its id. None: from [`VAULT_KEY_VARIABLE`](crate::VAULT_KEY_VARIABLE).
    pub vault_keys: Vec<SecretSource>,
    /// The proxies of the environment; the program reads them from there, and
    /// others have none.
    pub proxies: Arc<Proxies>,
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
            vault_keys: Vec::new(),
            proxies: Arc::default(),
            mounts: PathBuf::from("/proc/self/mountinfo"),
        }
    }
}

/// A connector and what it says of itself.
#[derive(Clone)]
pub struct Loaded {
    /// The connector.
    pub connector: Connector,
    /// What it says.
    pub manifest: Arc<Manifest>,
}

/// Secrets by the variable that a connector reads them from.
pub(crate) type Secrets = Vec<(String, Secret)>;

/// What an instance's connector reaches its vendor with.
pub(crate) struct VendorAccess {
    pub secrets: Secrets,
    pub proxies: Arc<Proxies>,
}

/// What calls of an instance's connector go through.
pub(crate) struct Channel {
    /// What holds them up while the account is limited.
    pub throttle: Arc<AccountThrottle>,
    /// What they may use.
    pub grant: Grant,
}

/// Cheap to clone: all clones are the same host.
#[derive(Clone)]
pub(crate) struct Host(Arc<Shared>);

struct Shared {
    options: Options,
    runtime: OnceLock<Runtime>,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    connectors: Mutex<HashMap<PathBuf, Loaded>>,
    transports: Mutex<HashMap<(TenantId, i64), Arc<Transport>>>,
    throttles: Throttles,
    access: OnceLock<Access>,
}

impl Host {
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Shared {
            options,
            runtime: OnceLock::new(),
            tls: OnceLock::new(),
            connectors: Mutex::default(),
            transports: Mutex::default(),
            throttles: Throttles::default(),
            access: OnceLock::new(),
        }))
    }

    pub fn options(&self) -> &Options {
        &self.0.options
    }

    pub fn data_dir(&self) -> &Path {
        &self.0.options.data_dir
    }

    /// What time it is, by the clock of the options.
    pub fn now(&self) -> Timestamp {
        (self.0.options.clock)()
    }

    /// Who may use the pages and the HTTP API; opened when first asked for.
    pub fn access(&self) -> Result<&Access, Error> {
        if let Some(access) = self.0.access.get() {
            return Ok(access);
        }
        let store = AccessStore::open(&self.data_dir().join(ACCESS_FILE))?;
        let access = Access::new(store, self.options().clock.clone());
        Ok(self.0.access.get_or_init(|| access))
    }

    /// The engine; started when first asked for.
    pub fn runtime(&self) -> Result<&Runtime, Error> {
        if let Some(runtime) = self.0.runtime.get() {
            return Ok(runtime);
        }
        let cache = self.data_dir().join("cache");
        let runtime = Runtime::new(self.0.options.limits.clone(), Some(&cache))?;
        Ok(self.0.runtime.get_or_init(|| runtime))
    }

    /// The bytes of a connector, and what it is kept under.
    pub fn component(&self, source: &ConnectorSource) -> Result<(PathBuf, Cow<'static, [u8]>), Error> {
        Ok(match source {
            ConnectorSource::Bundled { id } => {
                let bundled = BUNDLED.iter().find(|bundled| bundled.id == id);
                let component = bundled.ok_or_else(|| Error::NoConnector(id.clone()))?.component;
                (PathBuf::from(format!("bundled:{id}")), Cow::Borrowed(component))
            }
            // What is compiled are the very bytes that are told apart by their hash.
            ConnectorSource::File { path } => (path.clone(), Cow::Owned(self.runtime()?.read_file(path)?)),
            ConnectorSource::Reports => return Err(Error::ImportOnly),
        })
    }

    /// Loads a connector and asks it what it is. Loaded once per process; a file
    /// that is another one by now is loaded anew.
    pub async fn connector(&self, source: &ConnectorSource) -> Result<Loaded, Error> {
        let runtime = self.runtime()?;
        let (key, code) = self.component(source)?;
        let known = self.connectors().get(&key).cloned();
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
        self.connectors().insert(key, loaded.clone());
        Ok(loaded)
    }

    /// What calls of an instance's connector go through. The account that may be
    /// limited is that of the secrets, whichever tenants use it; without any, the
    /// instance's own.
    pub fn channel(
        &self,
        tenant: &TenantId,
        instance: &Instance,
        VendorAccess { secrets, proxies }: VendorAccess,
        bucket: Arc<dyn BucketStore>,
    ) -> Result<Channel, Error> {
        let revealed: Vec<&str> = secrets.iter().map(|(_, secret)| secret.reveal()).collect();
        let own = revealed.is_empty().then_some((tenant.as_str(), instance.id));
        let throttle = self.0.throttles.of((&instance.made.connector_id, revealed, own));
        let granted = secrets.into_iter().map(|(variable, secret)| GrantedSecret::new(variable, secret));
        let http = HttpGrant {
            policy: Arc::new(instance.made.egress.clone()),
            transport: self.transport(tenant, instance.id)?,
            proxies,
            secrets: granted.collect::<Result<_, _>>()?,
        };
        let instance_path = format!("{tenant}/{}", instance.made.name);
        Ok(Channel { throttle, grant: Grant { instance_path, http: Some(http), bucket: Some(bucket) } })
    }

    /// The certificates that are trusted.
    pub fn tls(&self) -> Result<Arc<rustls::ClientConfig>, Error> {
        if let Some(tls) = self.0.tls.get() {
            return Ok(tls.clone());
        }
        let tls = tls_config().map_err(|error| Error::Tls(error.into()))?;
        Ok(self.0.tls.get_or_init(|| tls).clone())
    }

    /// The connections of an instance.
    pub fn transport(&self, tenant: &TenantId, instance_id: i64) -> Result<Arc<Transport>, Error> {
        let tls = self.tls()?;
        let mut transports = self.transports();
        let transport = transports.entry((tenant.clone(), instance_id));
        Ok(transport.or_insert_with(|| Arc::new(Transport::new(tls, &self.0.options.limits))).clone())
    }

    /// Closes the connections of an instance.
    pub fn forget_transport(&self, tenant: &TenantId, instance_id: i64) {
        self.transports().remove(&(tenant.clone(), instance_id));
    }

    /// Closes the connections of all instances of a tenant.
    pub fn forget_transports(&self, tenant: &TenantId) {
        self.transports().retain(|(of, _), _| of != tenant);
    }

    fn connectors(&self) -> MutexGuard<'_, HashMap<PathBuf, Loaded>> {
        self.0.connectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transports(&self) -> MutexGuard<'_, HashMap<(TenantId, i64), Arc<Transport>>> {
        self.0.transports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of this machine.
pub(crate) fn machine() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}
