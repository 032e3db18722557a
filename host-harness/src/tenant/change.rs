//! What becomes of an instance after it was set up: another token, other
//! settings, a pause. A change is tried with the vendor before it is written,
//! and written in one piece: what fails leaves the instance as it was.

use std::collections::{BTreeMap, BTreeSet};

use appsec_model::{Connection, Deployment, Kind, Manifest};
use serde_json::{Map, Value};

use super::{
    Tenant,
    instance::{TypedSecrets, secret_sources, trusted_origins},
    proxies::{PROXY, ProxyChange},
    session::{Renewed, Sources, require_accepted},
};
use crate::{error::Error, host::Secrets, vault::VaultKey};
use appsec_grant::{Addresses, InstanceName, Origin, SecretSource, UnknownName};
use appsec_store::{Instance, NewInstance, Paused};

/// Another secret for an instance.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    /// Where the new secret is read from. Without it, where the old one was:
    /// the operator has changed it there. For connectors with one secret.
    pub secret: Option<SecretSource>,
    /// Where new ones of several are read from, by variable; the others stay.
    pub secrets: BTreeMap<String, SecretSource>,
    /// New secrets, as a person has typed them; they go into the vault.
    pub typed: TypedSecrets,
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
            let made = &instance.made;
            let is_stored = |variable: &String| made.secrets.get(variable) == Some(&SecretSource::Vault);
            let typed = rotation.typed.clone().by_variable(&loaded.manifest)?;
            let named = secret_sources(&loaded.manifest, rotation.secret.as_ref(), &rotation.secrets)?;
            // Those that are replaced; what is not named stays where it is.
            let mut replaced: Sources = match &rotation.secret {
                Some(_) => named,
                None => rotation.secrets.clone(),
            };
            if replaced.is_empty() && typed.is_empty() {
                if made.secrets.keys().any(is_stored) {
                    return Err(Error::NoNewSecret);
                }
                // The operator has changed them where they are.
                replaced = made.secrets.clone();
            }
            let mut from = made.secrets.clone();
            from.extend(replaced.clone());
            from.retain(|variable, _| !typed.contains_key(variable));
            let into_vault = |variable: &&String| rotation.store.unwrap_or(is_stored(variable));
            let new: BTreeSet<String> = replaced.keys().filter(into_vault).chain(typed.keys()).cloned().collect();
            let mut sources = made.secrets.clone();
            sources.extend(replaced);
            sources.extend(new.iter().map(|variable| (variable.clone(), SecretSource::Vault)));
            if sources.values().any(|source| *source == SecretSource::Input) {
                return Err(Error::NotKept);
            }
            let mut secrets = self.secrets_from(made, &from, None)?;
            secrets.extend(typed);
            let key = if new.is_empty() { None } else { Some(self.vault_key()?) };
            let no_longer =
                |variable: &&String| is_stored(variable) && sources.get(*variable) != Some(&SecretSource::Vault);
            let removed: Vec<String> = made.secrets.keys().filter(no_longer).cloned().collect();

            let renewed = Renewed::default();
            let changed = NewInstance { secrets: sources, ..made.clone() };
            let access = self.access(made, secrets.clone(), self.proxies(&changed)?, Some(&renewed));
            let accepted = self.rehearsal(&loaded, changed, Some(&instance), access)?.configure().await?;
            let other = other_account(&instance, &accepted.connection, rotation.other_account)?;
            // The vault first: at no time does the instance name a secret that is
            // not there.
            if let Some(key) = key {
                renewed.put_into(&mut secrets);
                secrets.retain(|(variable, _)| new.contains(variable));
                self.vault().put(&key, name, &secrets, &made.audience())?;
            }
            let (now, anew) = (self.now(), other.then_some("cut off, and the account was changed"));
            self.store.run(move |store| store.change_instance(instance.id, &accepted, anew, now)).await?;
            for variable in removed {
                self.vault().remove_one(name, &variable)?;
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
            let renewed = Renewed::default();
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
            let proxies = self.usable_proxies(&made, credentials.as_ref())?;
            let access = self.access(&instance.made, secrets, proxies, Some(&renewed));
            let accepted = self.rehearsal(&loaded, made, Some(&instance), access)?.configure().await?;
            let other = other_account(&instance, &accepted.connection, change.other_account)?;
            let anew = (other || accepted.made.settings != instance.made.settings)
                .then_some("cut off, and the settings were changed");
            let now = self.now();
            // The vault first, beside what is there: whenever this is stopped, the
            // origins in the store are those of a secret.
            if let Some((key, stored)) = &mut stored {
                renewed.put_into(stored);
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
