//! What is known of a vault, with a key or without.

use serde::Serialize;

use super::{GivenKeys, Vault, VaultError, VaultKey};

/// What `vault generate-key` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct GeneratedKey {
    /// The key; none if it was written to a file.
    pub key: Option<String>,
    /// Its id, by which a vault names it.
    pub id: String,
    /// The file that it was written to.
    pub file: Option<String>,
}

/// What `vault rekey` prints.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Rekeyed {
    /// Entries that are sealed with the new key.
    pub entries: usize,
    /// Id of the new key.
    pub key: String,
    /// Id of the key before; none where it was the same, or nothing was sealed.
    pub previous_key: Option<String>,
}

/// What is known of a vault.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct VaultReport {
    /// Its file; none where there is no vault yet.
    pub file: Option<String>,
    /// Id of the key that it wants.
    pub wanted_key: Option<String>,
    /// Ids of the keys that are given.
    pub given_keys: Vec<String>,
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
    /// Its vault wants another key than those that are given.
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
    /// What is known of it, with keys or without.
    pub(crate) fn report(&self, given: GivenKeys) -> Result<VaultReport, VaultError> {
        let (keys, unread) = given.readable();
        let given_keys: Vec<String> = keys.iter().map(VaultKey::id).collect();
        let content = self.content()?;
        let own = content.as_ref().and_then(|content| keys.iter().find(|key| key.id() == content.key_id));
        // One that cannot be read may be the one that is wanted.
        if let (None, Some(error)) = (own, unread) {
            return Err(error);
        }
        let Some(content) = content else {
            return Ok(VaultReport { file: None, wanted_key: None, given_keys, entries: Vec::new() });
        };
        let state = |name| match own {
            None if keys.is_empty() => EntryState::Unknown,
            None => EntryState::OtherKey,
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
            given_keys,
            entries: entries.collect(),
        })
    }
}
