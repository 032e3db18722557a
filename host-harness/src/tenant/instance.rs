//! Setting up an instance, and looking again whether it works.

use appsec_model::{Connection, Manifest};

use super::{
    Tenant,
    proxies::{PROXY, ProxyChange},
    session::{Sources, pin, require_accepted},
};
use crate::{
    error::Error,
    host::{Loaded, Secrets},
};
use appsec_grant::{Addresses, EgressPolicy, InstanceName, Origin, SecretSource};
use appsec_store::{ConnectorSource, Instance, NewInstance};

/// What the operator gives to set up an instance.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its name.
    pub name: InstanceName,
    /// Its connector.
    pub connector: ConnectorSource,
    /// Settings, by key.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Further origins that it may reach.
    pub allow_origins: Vec<Origin>,
    /// Origins that may be at an address of this machine or network.
    pub allow_private_origins: Vec<Origin>,
    /// Where its secret is read from; by default from the environment
    /// variable that the connector names.
    pub secret: Option<SecretSource>,
    /// Whether the secret goes into the vault, where it is read from then on.
    pub store_secret: bool,
    /// Its proxy; without a word that of the environment.
    pub proxy: Option<ProxyChange>,
}

impl Tenant {
    /// Sets up an instance: grants the origins that it needs and was given, and
    /// connects, which is also where the connector checks the settings. If that
    /// fails, nothing stays behind.
    pub async fn add_instance(&self, setup: Setup, check: bool) -> Result<Instance, Error> {
        let loaded = self.host.connector(&setup.connector).await?;
        let name = setup.name.clone();
        let credentials = setup.proxy.as_ref().and_then(ProxyChange::credentials).cloned();
        let (new, from) = candidate(&loaded, setup)?;
        // Secret and key are read before anything is written.
        let store = new.secrets.values().any(|source| *source == SecretSource::Vault);
        let secrets = if check || store { Some(self.secrets_from(&new, &from, None)?) } else { None };
        let mut sealed = if store { secrets.clone().unwrap_or_default() } else { Secrets::new() };
        sealed.extend(credentials.map(|credentials| (PROXY.to_owned(), credentials)));
        let (audience, stored) = (new.audience(), !sealed.is_empty());
        let key = if stored { Some(self.vault_key()?) } else { None };
        let now = self.now();
        let id = self.store.run(move |store| store.add_instance(&new, now)).await?;
        let made = async {
            if let Some(key) = key {
                self.vault().put(&key, &name, &sealed, &audience)?;
            }
            if let (Some(secrets), true) = (secrets, check) {
                self.connect(&loaded, self.instance(&name).await?, secrets).await?;
            }
            self.instance(&name).await
        };
        let outcome = made.await;
        if outcome.is_err() {
            self.store.run(move |store| store.withdraw_instance(id)).await?;
            if stored {
                self.vault().remove(&name)?;
            }
        }
        outcome
    }

    /// Connects an instance again and notes how it is.
    pub async fn check_instance(&self, name: &InstanceName, secret: Option<SecretSource>) -> Result<Connection, Error> {
        let instance = self.instance(name).await?;
        require_accepted(&instance)?;
        let loaded = self.loaded(&instance).await?;
        let secrets = self.secrets(&instance, secret.as_ref())?;
        self.connect(&loaded, instance, secrets).await
    }
}

/// The origins that somebody vouches for, and those that the operator adds. An
/// origin whose address is private is granted only by the operator's own word.
fn granted(manifest: &Manifest, setup: &Setup) -> Result<EgressPolicy, Error> {
    let mut policy = EgressPolicy::default();
    for origin in trusted_origins(manifest, &setup.settings, &setup.connector)? {
        policy.grant(origin, Addresses::Public);
    }
    for origin in &setup.allow_origins {
        policy.grant(origin.clone(), Addresses::Public);
    }
    for origin in &setup.allow_private_origins {
        policy.grant(origin.clone(), Addresses::Private);
    }
    Ok(policy)
}

/// The origins that the connector asks for under these settings and that are
/// granted without another word: those that the operator wrote into the
/// settings and, of a connector that came with this binary, its own. What a
/// file says of itself grants nothing.
pub(crate) fn trusted_origins(
    manifest: &Manifest,
    settings: &serde_json::Map<String, serde_json::Value>,
    connector: &ConnectorSource,
) -> Result<Vec<Origin>, Error> {
    let trusted = matches!(connector, ConnectorSource::Bundled { .. });
    let mut origins = Vec::new();
    for need in &manifest.origins {
        let configured = need.setting.as_ref().and_then(|key| settings.get(key)).and_then(|value| value.as_str());
        let origin = configured.unwrap_or(&need.default).parse()?;
        if trusted || configured.is_some() {
            origins.push(origin);
        }
    }
    Ok(origins)
}

/// The instance that a setup makes, and where its secrets are read from now:
/// the instance may read them from the vault afterwards.
pub(crate) fn candidate(loaded: &Loaded, setup: Setup) -> Result<(NewInstance, Sources), Error> {
    let manifest = &loaded.manifest;
    let from = secret_sources(manifest, setup.secret.as_ref());
    let secrets = match setup.store_secret {
        true => secret_sources(manifest, Some(&SecretSource::Vault)),
        false => from.clone(),
    };
    let new = NewInstance {
        egress: granted(manifest, &setup)?,
        name: setup.name,
        connector_id: manifest.id.clone(),
        connector_version: manifest.version.clone(),
        connector_sha256: pin(loaded, &setup.connector),
        connector_source: setup.connector,
        settings: setup.settings,
        secrets,
        proxy: setup.proxy.as_ref().and_then(ProxyChange::setting),
    };
    Ok((new, from))
}

/// Where each secret of the connector is read from.
pub(crate) fn secret_sources(manifest: &Manifest, given: Option<&SecretSource>) -> Sources {
    manifest
        .secrets
        .iter()
        .map(|need| {
            let source = given.cloned().unwrap_or_else(|| SecretSource::Variable { name: need.variable.clone() });
            (need.variable.clone(), source)
        })
        .collect()
}
