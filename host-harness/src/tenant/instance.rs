//! Setting up an instance, and looking again whether it works.

use std::collections::BTreeMap;

use appsec_model::{Connection, Manifest, OriginNeed};

use super::{
    Tenant,
    proxies::{PROXY, ProxyChange},
    session::{Sources, pin, require_accepted},
};
use crate::{
    error::Error,
    host::{Loaded, Secrets},
};
use appsec_grant::{Addresses, EgressPolicy, InstanceName, Origin, Secret, SecretSource, UnknownName};
use appsec_store::{ConnectorSource, Instance, NewInstance};

/// Settings, by key.
type Settings = serde_json::Map<String, serde_json::Value>;

/// What the operator gives to set up an instance.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its name.
    pub name: InstanceName,
    /// Its connector.
    pub connector: ConnectorSource,
    /// Settings, by key.
    pub settings: Settings,
    /// Further origins that it may reach.
    pub allow_origins: Vec<Origin>,
    /// Origins that may be at an address of this machine or network.
    pub allow_private_origins: Vec<Origin>,
    /// Where its secret is read from; by default from the environment
    /// variable that the connector names. For connectors with one secret.
    pub secret: Option<SecretSource>,
    /// The same for each of several secrets, by the variables that the connector
    /// names; by default from the environment variable of that name.
    pub secrets: BTreeMap<String, SecretSource>,
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
    settings: &Settings,
    connector: &ConnectorSource,
) -> Result<Vec<Origin>, Error> {
    let trusted = matches!(connector, ConnectorSource::Bundled { .. });
    let needed = manifest.origins.iter().zip(needed_origins(manifest, settings)?);
    Ok(needed.filter(|(need, _)| trusted || configured(need, settings).is_some()).map(|(_, origin)| origin).collect())
}

/// The origins that a connector asks for under these settings, in its order.
pub(crate) fn needed_origins(manifest: &Manifest, settings: &Settings) -> Result<Vec<Origin>, Error> {
    let origin = |need: &OriginNeed| Ok(configured(need, settings).unwrap_or(&need.default).parse()?);
    manifest.origins.iter().map(origin).collect()
}

/// The origin that settings put in the place of the default.
fn configured<'a>(need: &OriginNeed, settings: &'a Settings) -> Option<&'a str> {
    need.setting.as_ref().and_then(|key| settings.get(key)).and_then(|value| value.as_str())
}

/// The instance that a setup makes, and where its secrets are read from now:
/// the instance may read them from the vault afterwards.
pub(crate) fn candidate(loaded: &Loaded, setup: Setup) -> Result<(NewInstance, Sources), Error> {
    let manifest = &loaded.manifest;
    let from = secret_sources(manifest, setup.secret.as_ref(), &setup.secrets)?;
    let secrets = match setup.store_secret {
        true => from.keys().map(|variable| (variable.clone(), SecretSource::Vault)).collect(),
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

/// Where each secret of the connector is read from. One source is never two
/// secrets: of several, each needs its own.
pub(crate) fn secret_sources(
    manifest: &Manifest,
    only: Option<&SecretSource>,
    each: &Sources,
) -> Result<Sources, Error> {
    let variables = || manifest.secrets.iter().map(|need| &need.variable);
    require_known(manifest, each.keys())?;
    if only.is_some() && manifest.secrets.len() > 1 {
        return Err(Error::SeveralSecrets(variables().cloned().collect()));
    }
    let source = |variable: &String| {
        let usual = || SecretSource::Variable { name: variable.clone() };
        each.get(variable).or(only).cloned().unwrap_or_else(usual)
    };
    Ok(variables().map(|variable| (variable.clone(), source(variable))).collect())
}

/// Makes sure that the connector needs these secrets.
fn require_known<'a>(manifest: &Manifest, mut given: impl Iterator<Item = &'a String>) -> Result<(), Error> {
    let known = || manifest.secrets.iter().map(|need| &need.variable);
    match given.find(|variable| !known().any(|it| it == *variable)) {
        Some(unknown) => Err(Error::NoSecretNeed(UnknownName::among(unknown, known()))),
        None => Ok(()),
    }
}

/// Secrets that a person has typed.
#[derive(Clone, Debug, Default)]
pub enum TypedSecrets {
    /// None.
    #[default]
    None,
    /// The only one that the connector needs.
    Only(Secret),
    /// Each of them, by variable.
    Each(BTreeMap<String, Secret>),
}

impl TypedSecrets {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// They by variable.
    pub(crate) fn by_variable(self, manifest: &Manifest) -> Result<BTreeMap<String, Secret>, Error> {
        let typed = match (self, manifest.secrets.as_slice()) {
            (Self::None, _) => BTreeMap::new(),
            (Self::Only(secret), [need]) => BTreeMap::from([(need.variable.clone(), secret)]),
            (Self::Only(_), needs) => {
                return Err(Error::SeveralSecrets(needs.iter().map(|need| need.variable.clone()).collect()));
            }
            (Self::Each(secrets), _) => secrets,
        };
        require_known(manifest, typed.keys())?;
        Ok(typed)
    }
}
