//! What a tenant does with its vault.

use serde::Serialize;

use super::{Vault, VaultError, VaultKey};
use crate::{error::Error, tenant::Tenant};
use appsec_grant::{Audience, InstanceName, Secret};

/// What is known of a vault.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct VaultReport {
    /// Its file; none where there is no vault yet.
    pub file: Option<String>,
    /// Id of the key that it wants.
    pub wanted_key: Option<String>,
    /// Id of the key that is given.
    pub given_key: Option<String>,
    /// Its entries, by instance and variable.
    pub entries: Vec<VaultEntry>,
}

/// An entry of a vault.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct VaultEntry {
    /// Name of the instance.
    pub instance: String,
    /// The variable that the secret is for.
    pub variable: String,
    /// How it is.
    pub state: EntryState,
}

/// How an entry of a vault is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// The given key opens it.
    Opens,
    /// Its vault wants another key.
    OtherKey,
    /// The right key does not open it.
    Altered,
    /// No key is given.
    Unknown,
}

impl EntryState {
    /// The word of the case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::OtherKey => "other-key",
            Self::Altered => "altered",
            Self::Unknown => "unknown",
        }
    }
}

impl Vault {
    /// What is known of it, with a key or without.
    pub fn report(&self, key: Option<&VaultKey>) -> Result<VaultReport, VaultError> {
        let given_key = key.map(VaultKey::id);
        let Some(content) = self.content()? else {
            return Ok(VaultReport { file: None, wanted_key: None, given_key, entries: Vec::new() });
        };
        let state = |name| match key {
            None => EntryState::Unknown,
            Some(key) if key.id() != content.key_id => EntryState::OtherKey,
            Some(key) if self.opened(&content, key, name).is_ok() => EntryState::Opens,
            Some(_) => EntryState::Altered,
        };
        let entries = content.entries.keys().map(|name| VaultEntry {
            instance: name.0.clone(),
            variable: name.1.clone(),
            state: state(name),
        });
        Ok(VaultReport {
            file: Some(self.path().display().to_string()),
            wanted_key: Some(content.key_id.clone()),
            given_key,
            entries: entries.collect(),
        })
    }
}

impl Tenant {
    /// Its vault.
    pub fn vault(&self) -> Vault {
        Vault::new(&self.folder, self.id.clone())
    }

    /// The key that the operator gives, as it is now.
    pub fn vault_key(&self) -> Result<VaultKey, Error> {
        Ok(VaultKey::read(&self.harness.options().vault_key)?)
    }

    /// The key, if the vault takes it.
    pub(crate) fn usable_vault_key(&self) -> Result<VaultKey, Error> {
        let key = self.vault_key()?;
        self.vault().check(&key)?;
        Ok(key)
    }

    /// The secret of an instance's variable, out of the vault.
    pub(crate) fn stored_secret(
        &self,
        name: &InstanceName,
        variable: &str,
        audience: &Audience,
    ) -> Result<Secret, Error> {
        Ok(self.vault().get(&self.vault_key()?, name, variable, audience)?)
    }

    /// What is known of its vault; which entries open, if the key is given.
    pub fn vault_report(&self) -> Result<VaultReport, Error> {
        let key = match self.vault_key() {
            Ok(key) => Some(key),
            Err(Error::Vault(VaultError::NoKey(..))) => None,
            Err(error) => return Err(error),
        };
        Ok(self.vault().report(key.as_ref())?)
    }

    /// Seals its vault with another key. Returns the number of entries.
    pub fn rekey_vault(&self, new: &VaultKey) -> Result<usize, Error> {
        Ok(self.vault().rekey(&self.vault_key()?, new)?)
    }
}
