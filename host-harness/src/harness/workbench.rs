//! A connector as its author tries it: before a vendor, recorded answers or
//! nobody, with nothing stored.

use std::{collections::BTreeMap, sync::Arc};

use appsec_conformance::{Cassette, Head, Lab};
use appsec_grant::{Addresses, EgressPolicy, InstanceName, Origin, Secret, SecretSource};
use appsec_model::Manifest;
use appsec_sandbox::{Connector, HttpGrant, TokenCache, Transport};
use appsec_store::ConnectorSource;
use serde_json::{Map, Value};

use super::Harness;
use crate::{
    error::Error,
    host::{Secrets, placed},
    tenant::{Setup, needed_origins, secret_sources},
};

/// Who answers a connector that is tried.
#[derive(Clone, Debug, Default)]
pub enum Answers {
    /// Nobody.
    #[default]
    Nobody,
    /// The vendor at these origins, in the order in which the connector names
    /// those that it needs. Each may be reached, at whatever address. Where there
    /// are fewer, the vendor is where the settings or the connector say.
    Origins(Vec<Origin>),
    /// Recorded answers, under the settings that they were recorded with.
    Cassette(Cassette),
}

impl Answers {
    /// The network that leads to them.
    pub(super) fn network(&self) -> Lab {
        match self {
            Self::Nobody => Lab::offline(),
            Self::Origins(_) => Lab::online(),
            Self::Cassette(cassette) => Lab::replaying(cassette.clone()),
        }
    }

    /// The origins that are given. What they were recorded with goes into the
    /// settings, as far as those say nothing.
    pub(super) fn origins(&self, settings: &mut Map<String, Value>) -> Result<Vec<Origin>, Error> {
        match self {
            Self::Nobody => Ok(Vec::new()),
            Self::Origins(origins) => Ok(origins.clone()),
            Self::Cassette(cassette) => {
                for (key, value) in &cassette.head.settings {
                    settings.entry(key).or_insert_with(|| value.clone());
                }
                Ok(cassette.head.origins.iter().map(|origin| origin.parse()).collect::<Result<_, _>>()?)
            }
        }
    }
}

/// Writes origins into the settings that name them, as far as those say nothing.
pub(super) fn point_at(manifest: &Manifest, origins: &[Origin], settings: &mut Map<String, Value>) {
    for (need, origin) in manifest.origins.iter().zip(origins) {
        if let Some(setting) = &need.setting {
            settings.entry(setting).or_insert_with(|| Value::String(origin.to_string()));
        }
    }
}

/// A connector with what it reaches.
pub(super) struct Workbench {
    /// What it says of itself; none where it cannot.
    pub manifest: Option<Manifest>,
    /// Its network.
    pub network: Arc<Lab>,
    /// The way to it.
    pub http: HttpGrant,
    /// Its settings.
    pub settings: Map<String, Value>,
    /// Its secret, where that can be read only once.
    pub secret: Option<Secret>,
    origins: Vec<Origin>,
    given: Vec<Origin>,
}

impl Workbench {
    /// The same connector as an instance.
    pub fn setup(
        &self,
        connector: &ConnectorSource,
        (secret, secrets): (Option<&SecretSource>, &BTreeMap<String, SecretSource>),
    ) -> impl Fn(InstanceName) -> Setup + use<> {
        let (connector, secret, secrets) = (connector.clone(), secret.cloned(), secrets.clone());
        let (settings, origins) = (self.settings.clone(), self.given.clone());
        move |name| Setup {
            name,
            connector: connector.clone(),
            settings: settings.clone(),
            allow_origins: Vec::new(),
            allow_private_origins: origins.clone(),
            secret: secret.clone(),
            secrets: secrets.clone(),
            store_secret: false,
            proxy: None,
        }
    }

    /// What was answered, as a cassette. None where the connector is unknown.
    pub fn recording(&self) -> Result<Option<String>, Error> {
        let Some(manifest) = &self.manifest else { return Ok(None) };
        let origins = self.origins.iter().map(ToString::to_string).collect();
        let head = Head::new(manifest.id.clone(), manifest.version.clone(), origins, self.settings.clone());
        Ok(Some(self.network.recording(head)?))
    }
}

impl Harness {
    /// Sets a connector up to be tried. `name` is who calls, in logs.
    pub(super) async fn workbench(
        &self,
        connector: &Connector,
        name: &str,
        vendor: &Answers,
        (secret, secrets): (Option<&SecretSource>, &BTreeMap<String, SecretSource>),
        mut settings: Map<String, Value>,
    ) -> Result<Workbench, Error> {
        let network = Arc::new(vendor.network());
        network.belongs_to(&connector.inspection().sha256);
        let each = secrets;
        let options = self.options().clone().over(network.clone());
        let options = if network.is_online() { options.with_secret(secret)? } else { options };
        let stand_in = options.stand_in()?;
        let given = vendor.origins(&mut settings)?;
        let mut policy = EgressPolicy::default();
        let mut origins = given.clone();
        let mut secrets = Secrets::new();
        // One that cannot say what it needs is tried without it.
        let manifest = connector.describe(name).await.ok().map(|described| described.value);
        if let Some(manifest) = &manifest {
            point_at(manifest, &given, &mut settings);
            if network.is_online() {
                origins = needed_origins(manifest, &settings)?;
                origins.iter().for_each(|origin| policy.grant(origin.clone(), Addresses::Public));
            }
            // Without the vendor none is needed, and what stands for it is looked for all the same.
            for (variable, source) in secret_sources(manifest, secret, each)? {
                let value = match &stand_in {
                    Some(secret) => secret.clone(),
                    None => source.read()?,
                };
                network.keep_out(value.reveal());
                secrets.push((variable, value));
            }
        }
        for origin in &given {
            policy.grant(origin.clone(), Addresses::Private);
        }
        let transport = Transport::new(self.host.tls()?, &self.options().limits).intercepted(network.clone());
        let (secrets, tokens) = match &manifest {
            Some(manifest) => placed(manifest, &settings, secrets, TokenCache::default(), None)?,
            None => (Vec::new(), None),
        };
        let http = HttpGrant {
            policy: Arc::new(policy),
            transport: Arc::new(transport),
            proxies: self.options().proxies.clone(),
            secrets,
            tokens,
        };
        Ok(Workbench { manifest, network, http, settings, secret: options.secret, origins, given })
    }
}
