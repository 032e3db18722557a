//! What is known of a vault, with a key or without.

use serde::Serialize;

use super::{Vault, VaultError, VaultKey};

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
