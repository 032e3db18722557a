//! What becomes of an instance after it was set up: another token, other
//! settings, a pause. A change is tried with the vendor before it is written,
//! and written in one piece: what fails leaves the instance as it was.

use std::collections::BTreeSet;

use appsec_model::{Connection, Deployment, Kind, Manifest};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Tenant,
    instance::{secret_sources, trusted_origins},
    proxies::{PROXY, ProxyChange},
    session::{pin, require_accepted},
};
use crate::{
    error::Error,
    host::{Secrets, VendorAccess},
    vault::VaultKey,
};
use appsec_grant::{Addresses, InstanceName, Origin, Secret, SecretSource, UnknownName};
use appsec_store::{ConnectorSource, Instance, NewInstance, Paused};

/// Another secret for an instance.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    /// Where the new secret is read from. Without it, where the old one was:
    /// the operator has changed it there.
    pub secret: Option<SecretSource>,
    /// The new secret, as a person has typed it; it goes into the vault.
    pub typed: Option<Secret>,
    /// Whether it goes into the vault; if nothing is said, where the old one is.
    pub store: Option<bool>,
    /// Whether it may be of another account of the vendor.
    pub other_account: bool,
}

/// Other settings for an instance.
#[derive(Clone, Debug, Default)]
pub struct SettingsChange {
    /// Settings to set, by key.
    pub set: Map<String, Value>,
    /// Keys of settings that go back to their defaults.
    pub unset: Vec<String>,
    /// The kinds to bring; empty to leave them.
    pub kinds: Vec<Kind>,
    /// Further origins that it may reach.
    pub allow_origins: Vec<Origin>,
    /// Origins that may be at an address of this machine or network.
    pub allow_private_origins: Vec<Origin>,
    /// Another proxy.
    pub proxy: Option<ProxyChange>,
    /// A secret for this check alone.
    pub secret: Option<SecretSource>,
    /// Whether the settings may lead to another account of the vendor.
    pub other_account: bool,
}

/// What `instance accept-connector` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct AcceptedConnector {
    /// Name of the instance.
    pub instance: String,
    /// Where the connector comes from.
    pub connector_source: ConnectorSource,
    /// Whether it is another file than before.
    pub changed: bool,
    /// SHA-256 of the file that was accepted before.
    pub sha256_before: Option<String>,
    /// SHA-256 of the file that is accepted now.
    pub sha256: String,
    /// Version that the instance was set up or last normalized with.
    pub version_before: String,
    /// Version stated in the file's manifest.
    pub version: String,
    /// Origins that it asks for and the instance may not reach.
    pub origins_not_granted: Vec<String>,
    /// Origins that the instance may reach and it does not ask for.
    pub origins_not_asked_for: Vec<String>,
    /// Secrets that it asks for and the instance does not give it.
    pub secrets_not_given: Vec<String>,
    /// Secrets that the instance gives and it does not ask for.
    pub secrets_not_asked_for: Vec<String>,
}

/// The setting that connectors take the kinds to bring from.
const KINDS: &str = "kinds";

impl Tenant {
    /// Puts another secret in the place of the one that an instance has, after
    /// the vendor has taken it for the same account. What was brought so far
    /// stays, and a sync that was cut off goes on.
    pub async fn rotate_secret(&self, name: &InstanceName, rotation: Rotation) -> Result<Instance, Error> {
        self.run_on(name, "rotate-token", async |instance| {
            require_accepted(&instance)?;
            let loaded = self.loaded(&instance).await?;
            let stored = instance.made.secrets.values().any(|source| *source == SecretSource::Vault);
            let store = rotation.store.unwrap_or(stored) || rotation.typed.is_some();
            let from = match &rotation.secret {
                Some(SecretSource::Input) if !store => return Err(Error::NotKept),
                Some(source) => secret_sources(&loaded.manifest, Some(source)),
                None if rotation.typed.is_some() => secret_sources(&loaded.manifest, Some(&SecretSource::Vault)),
                None if stored => return Err(Error::NoNewSecret),
                None => instance.made.secrets.clone(),
            };
            let secrets = match &rotation.typed {
                Some(typed) => from.keys().map(|variable| (variable.clone(), typed.clone())).collect(),
                None => self.secrets_from(&instance.made, &from, None)?,
            };
            let key = if store { Some(self.vault_key()?) } else { None };
            let sources = if store { secret_sources(&loaded.manifest, Some(&SecretSource::Vault)) } else { from };

            let made = NewInstance { secrets: sources, ..instance.made.clone() };
            let access = VendorAccess { secrets: secrets.clone(), proxies: self.proxies(&made)? };
            let accepted = self.rehearsal(&loaded, made, Some(&instance), access)?.configure().await?;
            let other = other_account(&instance, &accepted.connection, rotation.other_account)?;
            // The vault first: at no time does the instance name a secret that is
            // not there.
            if let Some(key) = key {
                self.vault().put(&key, name, &secrets, &instance.made.audience())?;
            }
            let (now, anew) = (self.now(), other.then_some("cut off, and the account was changed"));
            self.store.run(move |store| store.change_instance(instance.id, &accepted, anew, now)).await?;
            if stored && !store {
                // And not those that sign webhooks.
                let secrets = instance.made.secrets.iter();
                for (variable, _) in secrets.filter(|(_, source)| **source == SecretSource::Vault) {
                    self.vault().remove_one(name, variable)?;
                }
            }
            self.instance(name).await
        })
        .await
    }

    /// Gives an instance other settings, after the connector and the vendor
    /// have taken them.
    pub async fn change_settings(&self, name: &InstanceName, change: SettingsChange) -> Result<Instance, Error> {
        self.run_on(name, "set", async |instance| {
            require_accepted(&instance)?;
            let loaded = self.loaded(&instance).await?;
            let made = changed(&loaded.manifest, &instance.made, &change)?;
            let secrets = self.secrets(&instance, change.secret.as_ref())?;
            // What is stored is sealed for the origins and the proxy, and anew for others.
            let audience = made.audience();
            let mut stored = match audience == instance.made.audience() {
                true => None,
                false => self.stored_secrets(&instance)?,
            };
            let typed = change.proxy.as_ref().and_then(ProxyChange::credentials);
            let credentials = match (typed, &change.proxy) {
                (Some(typed), _) => Some(typed.clone()),
                (None, Some(_)) => self.proxy_credentials(&made)?,
                (None, None) => self.proxy_credentials(&instance.made)?,
            };
            let sealed_anew = made.has_sealed_proxy() && (typed.is_some() || audience != instance.made.audience());
            if let Some(credentials) = credentials.clone().filter(|_| sealed_anew) {
                let (_, sealed) = match &mut stored {
                    Some(stored) => stored,
                    none => none.insert((self.vault_key()?, Secrets::new())),
                };
                sealed.push((PROXY.to_owned(), credentials));
            }
            let forgotten = instance.made.has_sealed_proxy() && !made.has_sealed_proxy();
            let access = VendorAccess { secrets, proxies: self.usable_proxies(&made, credentials.as_ref())? };
            let accepted = self.rehearsal(&loaded, made, Some(&instance), access)?.configure().await?;
            let other = other_account(&instance, &accepted.connection, change.other_account)?;
            let anew = (other || accepted.made.settings != instance.made.settings)
                .then_some("cut off, and the settings were changed");
            let now = self.now();
            // The vault first, beside what is there: whenever this is stopped, the
            // origins in the store are those of a secret.
            if let Some((key, stored)) = &stored {
                self.vault().put_beside(key, name, stored, &audience)?;
            }
            self.store.run(move |store| store.change_instance(instance.id, &accepted, anew, now)).await?;
            if let Some((_, stored)) = &stored {
                self.vault().keep_only(name, stored, &audience)?;
            }
            if forgotten {
                self.vault().remove_one(name, PROXY)?;
            }
            self.instance(name).await
        })
        .await
    }

    /// Holds an instance to the file of its connector as it is now, and tells how
    /// it differs from what the instance was set up for. Grants stay as they are:
    /// what it asks for beyond them it does not get.
    pub async fn accept_connector(&self, name: &InstanceName) -> Result<AcceptedConnector, Error> {
        self.run_on(name, "accept-connector", async |instance| {
            let made = &instance.made;
            let loaded = self.loaded_from(&instance, &made.connector_source).await?;
            let Some(sha256) = pin(&loaded, &made.connector_source) else {
                return Err(Error::NotPinned(name.clone()));
            };
            let configured = |key: &String| made.settings.get(key).and_then(|value| value.as_str());
            let asked = loaded.manifest.origins.iter().map(|need| {
                let setting = need.setting.as_ref().and_then(configured);
                Ok(setting.unwrap_or(&need.default).parse::<Origin>()?)
            });
            let asked: BTreeSet<String> =
                asked.map(|it| it.map(|origin| origin.to_string())).collect::<Result<_, Error>>()?;
            let granted = made.egress.origins().map(|(origin, _)| origin.to_string()).collect();
            let wanted: BTreeSet<String> = loaded.manifest.secrets.iter().map(|need| need.variable.clone()).collect();
            let given = made.secrets.keys().cloned().collect();
            let less = |more: &BTreeSet<String>, less: &BTreeSet<String>| more.difference(less).cloned().collect();
            let accepted = AcceptedConnector {
                instance: name.to_string(),
                connector_source: made.connector_source.clone(),
                changed: made.connector_sha256.as_ref() != Some(&sha256),
                sha256_before: made.connector_sha256.clone(),
                sha256: sha256.clone(),
                version_before: made.connector_version.clone(),
                version: loaded.manifest.version.clone(),
                origins_not_granted: less(&asked, &granted),
                origins_not_asked_for: less(&granted, &asked),
                secrets_not_given: less(&wanted, &given),
                secrets_not_asked_for: less(&given, &wanted),
            };
            self.store.run(move |store| store.accept_connector(instance.id, &sha256)).await?;
            Ok(accepted)
        })
        .await
    }

    /// The secrets of an instance that are in the vault, and its key; none where
    /// there are none.
    fn stored_secrets(&self, instance: &Instance) -> Result<Option<(VaultKey, Secrets)>, Error> {
        let mut sources = instance.made.secrets.clone();
        sources.retain(|_, source| *source == SecretSource::Vault);
        if sources.is_empty() {
            return Ok(None);
        }
        Ok(Some((self.vault_key()?, self.secrets_from(&instance.made, &sources, None)?)))
    }

    /// Pauses an instance: it is not synced until it is resumed. A sync under
    /// way comes to its end.
    pub async fn pause_instance(&self, name: &InstanceName, reason: Option<String>) -> Result<Instance, Error> {
        let paused = Paused { since: self.now(), reason, unaccepted: false };
        self.set_paused(name, Some(paused)).await
    }

    /// Lets an instance be synced again.
    pub async fn resume_instance(&self, name: &InstanceName) -> Result<Instance, Error> {
        self.set_paused(name, None).await
    }

    async fn set_paused(&self, name: &InstanceName, paused: Option<Paused>) -> Result<Instance, Error> {
        let instance = self.instance(name).await?;
        // One without a connector may still have a webhook to accept.
        if instance.is_report_source() && !(paused.is_none() && instance.is_unaccepted()) {
            return Err(Error::ImportOnly);
        }
        self.store.run(move |store| store.set_paused(instance.id, paused.as_ref())).await?;
        self.instance(name).await
    }
}

/// Whether the vendor's account is another one than before, which must be said
/// to be meant.
fn other_account(instance: &Instance, now: &Connection, allowed: bool) -> Result<bool, Error> {
    let Some(before) = &instance.connection else { return Ok(false) };
    if before.deployment.id == now.deployment.id {
        return Ok(false);
    }
    if allowed {
        return Ok(true);
    }
    let name = |it: &Deployment| format!("`{}` (id {})", it.slug, it.id);
    Err(Error::OtherAccount { before: name(&before.deployment), now: name(&now.deployment) })
}

/// Settings with the kinds to bring, for connectors that let one choose.
pub(crate) fn set_kinds(manifest: &Manifest, settings: &mut Map<String, Value>, kinds: &[Kind]) -> Result<(), Error> {
    let schema: Value = serde_json::from_str(&manifest.settings_schema).unwrap_or_default();
    if schema.pointer("/properties").and_then(|properties| properties.get(KINDS)).is_none() {
        return Err(Error::NoKindSetting(manifest.id.clone()));
    }
    let kinds = kinds.iter().map(|kind| Value::from(kind.as_str())).collect();
    settings.insert(KINDS.to_owned(), Value::Array(kinds));
    Ok(())
}

/// An instance with other settings, and granted the origins that they name.
fn changed(manifest: &Manifest, made: &NewInstance, change: &SettingsChange) -> Result<NewInstance, Error> {
    let mut new = made.clone();
    for key in &change.unset {
        if new.settings.remove(key).is_none() {
            return Err(Error::NoSetting(UnknownName::among(key, new.settings.keys())));
        }
    }
    new.settings.extend(change.set.clone());
    if !change.kinds.is_empty() {
        set_kinds(manifest, &mut new.settings, &change.kinds)?;
    }
    let trusted = |settings| trusted_origins(manifest, settings, &made.connector_source);
    let (before, now) = (trusted(&made.settings)?, trusted(&new.settings)?);
    before.iter().filter(|origin| !now.contains(origin)).for_each(|origin| new.egress.revoke(origin));
    // An origin that is granted stays granted as it is.
    for origin in now.into_iter().chain(change.allow_origins.clone()) {
        if new.egress.origins().all(|(granted, _)| *granted != origin) {
            new.egress.grant(origin, Addresses::Public);
        }
    }
    for origin in &change.allow_private_origins {
        new.egress.grant(origin.clone(), Addresses::Private);
    }
    if let Some(proxy) = &change.proxy {
        new.proxy = proxy.setting();
    }
    Ok(new)
}

#[cfg(test)]
mod tests;
