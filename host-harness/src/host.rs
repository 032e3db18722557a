//! What all tenants share: how the harness works, the engine with its loaded
//! connectors, connections, and what holds up calls of a limited account.

use std::{
    borrow::Cow,
    collections::HashMap,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use appsec_model::{Manifest, OauthClient, SecretPlacement, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

use crate::{
    access::Access,
    bundled::{BUNDLED, Bundled},
    error::Error,
    metrics::Metrics,
};
use appsec_conformance::Lab;
use appsec_grant::{BucketStore, Origin, OriginError, Proxies, Secret, SecretSource, TenantId};
use appsec_ingest::{AccountThrottle, RetryPolicy, Sleep, SystemSleep, Throttles};
use appsec_sandbox::{
    Connector, Grant, GrantedSecret, HttpGrant, KeepRefreshToken, Limits, Runtime, SandboxUsage, TokenCache, Tokens,
    Transport, tls_config,
};
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
    /// What stands between connectors and their vendors: a recorder, or recorded
    /// answers. None: nothing.
    pub network: Option<Arc<Lab>>,
    /// What connectors get for a secret, whatever it is to be read from. None:
    /// what is there.
    pub secret: Option<Secret>,
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
            network: None,
            secret: None,
        }
    }

    /// The same over a network of another kind. Recorded answers do not change:
    /// nothing is tried twice.
    pub(crate) fn over(self, network: Arc<Lab>) -> Self {
        let (tries, waiter): (_, Arc<dyn Sleep>) = match network.is_online() {
            true => (self.retry.tries, self.waiter),
            // What is recorded is there already.
            false => (1, Arc::new(AtOnce)),
        };
        Self { retry: RetryPolicy { tries, ..self.retry }, waiter, network: Some(network), ..self }
    }

    /// The same with a secret from a source that can be read only once.
    pub(crate) fn with_secret(self, source: Option<&SecretSource>) -> Result<Self, Error> {
        Ok(match source {
            Some(source @ SecretSource::Input) => Self { secret: Some(source.read()?), ..self },
            _ => self,
        })
    }

    /// What connectors get for a secret, whatever it is to be read from. Recorded
    /// answers need none.
    pub(crate) fn stand_in(&self) -> Result<Option<Secret>, Error> {
        match &self.network {
            Some(network) if !network.is_online() => Ok(Some(Secret::typed(NO_SECRET)?)),
            _ => Ok(self.secret.clone()),
        }
    }
}

/// Waits for nothing.
struct AtOnce;

impl Sleep for AtOnce {
    fn wait(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::task::yield_now())
    }
}

/// What recorded answers get in the place of a secret.
const NO_SECRET: &str = "no-secret";

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
    pub renew: Renew,
}

/// Keeps the secret of a variable that the vendor gives in the place of the one
/// before, which comes first; says why it cannot.
pub(crate) type Renew = Arc<dyn Fn(&str, &Secret, &Secret) -> Result<(), String> + Send + Sync>;

/// What calls of an instance's connector go through.
pub(crate) struct Channel {
    /// What holds them up while the account is limited.
    pub throttle: Arc<AccountThrottle>,
    /// What they may use.
    pub grant: Grant,
}

/// The connections of each instance, and its access token.
type Connections = HashMap<(TenantId, i64), (Arc<Transport>, TokenCache)>;

/// Where a connector is once it is loaded. Who loads it holds the lock.
type Place = Arc<tokio::sync::Mutex<Option<Loaded>>>;

/// Cheap to clone: all clones are the same host.
#[derive(Clone)]
pub(crate) struct Host(Arc<Shared>);

struct Shared {
    options: Options,
    runtime: OnceLock<Runtime>,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    connectors: Mutex<HashMap<ConnectorSource, Place>>,
    transports: Mutex<Connections>,
    throttles: Throttles,
    access: OnceLock<Access>,
    metrics: Metrics,
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
            metrics: Metrics::default(),
        }))
    }

    /// A host of its own that works in another way, on the same engine.
    pub fn beside(&self, options: Options) -> Result<Self, Error> {
        let engine = self.runtime()?.clone();
        let other = Self::new(options);
        other.0.runtime.get_or_init(|| engine);
        Ok(other)
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

    /// What this process has done.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// How the sandboxes are used; they are not, where no engine was needed yet.
    pub fn sandbox_usage(&self) -> SandboxUsage {
        self.0.runtime.get().map(Runtime::usage).unwrap_or_default()
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

    /// The bytes of a connector.
    pub fn component(&self, source: &ConnectorSource) -> Result<Cow<'static, [u8]>, Error> {
        Ok(match source {
            ConnectorSource::Bundled { id } => Cow::Borrowed(bundled(id)?.component),
            ConnectorSource::File { path } => Cow::Owned(self.runtime()?.read_file(path)?),
            ConnectorSource::Installed { sha256 } => Cow::Owned(self.installed_component(sha256)?),
            ConnectorSource::Reports => return Err(Error::ImportOnly),
        })
    }

    /// Loads a connector and asks it what it is. Loaded once per process, however
    /// many ask for it at a time; a file that is another one by now is loaded anew,
    /// and what could not be loaded is tried again by the next.
    pub async fn connector(&self, source: &ConnectorSource) -> Result<Loaded, Error> {
        let place = self.connectors().entry(source.clone()).or_default().clone();
        // The bytes and the code of a component can be a hundred megabytes: who waits
        // here holds neither.
        let mut place = place.lock().await;
        let code = self.component(source)?;
        let is_same = |loaded: &&Loaded| match source {
            // What is compiled are the very bytes that are told apart by their hash.
            ConnectorSource::File { .. } => {
                loaded.connector.inspection().sha256 == data_encoding::HEXLOWER.encode(&Sha256::digest(&code))
            }
            ConnectorSource::Bundled { .. } | ConnectorSource::Installed { .. } | ConnectorSource::Reports => true,
        };
        if let Some(loaded) = place.as_ref().filter(is_same) {
            return Ok(loaded.clone());
        }
        let compiled = match source {
            ConnectorSource::Bundled { id } => bundled(id)?.compiled,
            _ => None,
        };
        let connector = self.runtime()?.load_compiled(&code, compiled)?;
        let manifest = connector.describe(&source.to_string()).await?.value;
        let loaded = Loaded { connector, manifest: Arc::new(manifest) };
        Ok(place.insert(loaded).clone())
    }

    /// What calls of an instance's connector go through. The account that may be
    /// limited is that of the secrets, whichever tenants use it; without any, the
    /// instance's own.
    pub fn channel(
        &self,
        tenant: &TenantId,
        instance: &Instance,
        manifest: &Manifest,
        VendorAccess { secrets, proxies, renew }: VendorAccess,
        bucket: Arc<dyn BucketStore>,
    ) -> Result<Channel, Error> {
        // A newer version may need more of them than were given when it was added.
        let is_given = |variable: &String| secrets.iter().any(|(given, _)| given == variable);
        if let Some(need) = manifest.secrets.iter().find(|need| !is_given(&need.variable)) {
            return Err(Error::NoSecret(need.variable.clone()));
        }
        let revealed: Vec<&str> = secrets.iter().map(|(_, secret)| secret.reveal()).collect();
        let own = revealed.is_empty().then_some((tenant.as_str(), instance.id));
        if let Some(network) = &self.options().network {
            revealed.iter().for_each(|secret| network.keep_out(secret));
        }
        let throttle = self.0.throttles.of((&instance.made.connector_id, revealed, own));
        let (transport, cache) = self.connections(tenant, instance.id)?;
        let (secrets, tokens) = placed(manifest, &instance.made.settings, secrets, cache, Some(renew))?;
        let policy = Arc::new(instance.made.egress.clone());
        let http = HttpGrant { policy, transport, proxies, secrets, tokens };
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

    /// The connections of an instance, and its access token.
    fn connections(&self, tenant: &TenantId, instance_id: i64) -> Result<(Arc<Transport>, TokenCache), Error> {
        let tls = self.tls()?;
        let mut transports = self.transports();
        let connections = transports.entry((tenant.clone(), instance_id));
        let options = self.options();
        let made = || {
            let transport = Transport::new(tls, &options.limits);
            let transport = match &options.network {
                Some(network) => transport.intercepted(network.clone()),
                None => transport,
            };
            (Arc::new(transport), TokenCache::default())
        };
        Ok(connections.or_insert_with(made).clone())
    }

    /// The connections of an instance.
    pub fn transport(&self, tenant: &TenantId, instance_id: i64) -> Result<Arc<Transport>, Error> {
        Ok(self.connections(tenant, instance_id)?.0)
    }

    /// Closes the connections of an instance.
    pub fn forget_transport(&self, tenant: &TenantId, instance_id: i64) {
        self.transports().remove(&(tenant.clone(), instance_id));
    }

    /// Closes the connections of all instances of a tenant.
    pub fn forget_transports(&self, tenant: &TenantId) {
        self.transports().retain(|(of, _), _| of != tenant);
    }

    fn connectors(&self) -> MutexGuard<'_, HashMap<ConnectorSource, Place>> {
        self.0.connectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transports(&self) -> MutexGuard<'_, Connections> {
        self.0.transports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Secrets where the manifest places them, and where the access token comes from.
/// What it does not name is not sent.
pub(crate) fn placed(
    manifest: &Manifest,
    settings: &Map<String, Value>,
    secrets: Secrets,
    cache: TokenCache,
    renew: Option<Renew>,
) -> Result<(Vec<GrantedSecret>, Option<Tokens>), Error> {
    let placement = |variable: &str| {
        manifest.secrets.iter().find(|need| need.variable == variable).map(|need| need.placement.clone())
    };
    let granted = secrets.into_iter().filter_map(|(variable, secret)| {
        let placement = placement(&variable)?;
        Some(GrantedSecret::new(variable, secret, placement))
    });
    let granted = granted.collect::<Result<Vec<_>, _>>()?;
    let tokens = match &manifest.oauth {
        Some(client) => {
            let refresh = granted.iter().find(|it| it.placement == SecretPlacement::OauthRefreshToken);
            let keep = renew.zip(refresh.map(|it| it.variable.clone())).map(|(renew, variable)| {
                let keep: KeepRefreshToken = Arc::new(move |before, after| renew(&variable, before, after));
                keep
            });
            Some(Tokens::new(client, token_url(manifest, settings, client)?, &granted, cache, keep)?)
        }
        None => None,
    };
    Ok((granted, tokens))
}

/// The address of the token endpoint, where a setting may have replaced its
/// origin.
fn token_url(manifest: &Manifest, settings: &Map<String, Value>, client: &OauthClient) -> Result<Url, Error> {
    let unusable = || Error::from(OriginError::Form(client.token_url.clone()));
    let (url, origin) = (Url::parse(&client.token_url).map_err(|_| unusable())?, Origin::of_url(&client.token_url)?);
    let need = manifest.origins.iter().find(|need| need.default.parse().is_ok_and(|default: Origin| default == origin));
    let setting = need.and_then(|need| need.setting.as_ref()).and_then(|key| settings.get(key)).and_then(Value::as_str);
    let origin = setting.map_or(Ok(origin), str::parse)?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Url::parse(&format!("{origin}{}{query}", url.path())).map_err(|_| unusable())
}

/// The name of this machine.
pub(crate) fn machine() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn bundled(id: &str) -> Result<&'static Bundled, Error> {
    BUNDLED.iter().find(|bundled| bundled.id == id).ok_or_else(|| Error::NoConnector(id.to_owned()))
}
