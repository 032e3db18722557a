//! The keys that the operator gives: the vaults of several tenants may each have
//! one of their own, and a process that works for all of them has them all.

use super::{VAULT_KEY_VARIABLE, VaultError, VaultKey};
use appsec_grant::{SecretError, SecretSource};

/// What was read from each source, in the order in which they are given.
pub struct GivenKeys(Vec<Result<VaultKey, VaultError>>);

impl GivenKeys {
    /// The keys as they are now. Where no source is named, it is the variable.
    pub fn read(sources: &[SecretSource]) -> Self {
        let usual = SecretSource::Variable { name: VAULT_KEY_VARIABLE.to_owned() };
        let sources = if sources.is_empty() { std::slice::from_ref(&usual) } else { sources };
        Self(sources.iter().map(VaultKey::read).collect())
    }

    /// Those that can be read, and why the first of the others cannot. A variable
    /// that is not set is no key.
    pub fn readable(self) -> (Vec<VaultKey>, Option<VaultError>) {
        let (mut keys, mut unread) = (Vec::new(), None);
        for read in self.0 {
            match read {
                Ok(key) => keys.push(key),
                Err(VaultError::NoKey { error: SecretError::NotSet(_), .. }) => {}
                Err(error) => _ = unread.get_or_insert(error),
            }
        }
        (keys, unread)
    }

    /// Ids of those that can be read.
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().flatten().map(VaultKey::id).collect()
    }

    /// The key of an id. Where it is not among them, one that cannot be read may
    /// be it: that is the error. Else, and where no id is asked for, the first.
    pub fn choose(mut self, wanted: Option<&str>) -> Result<VaultKey, VaultError> {
        let wanted_at = |id: &str| self.0.iter().position(|read| read.as_ref().is_ok_and(|key| key.id() == id));
        let at = wanted.map_or(Some(0), |id| wanted_at(id).or_else(|| self.0.iter().position(Result::is_err)));
        self.0.swap_remove(at.unwrap_or(0)).map_err(|error| match error {
            VaultError::NoKey { error, .. } => VaultError::NoKey { wanted: wanted.map(str::to_owned), error },
            error => error,
        })
    }
}
