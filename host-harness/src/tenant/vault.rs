//! What a tenant does with its vault.

use super::Tenant;
use crate::{
    error::Error,
    vault::{Vault, VaultError, VaultKey, VaultReport},
};
use appsec_grant::{Audience, InstanceName, Secret};

impl Tenant {
    /// Its vault.
    pub fn vault(&self) -> Vault {
        Vault::new(&self.folder, self.id.clone())
    }

    /// The key that the operator gives, as it is now.
    pub fn vault_key(&self) -> Result<VaultKey, Error> {
        Ok(VaultKey::read(&self.host.options().vault_key)?)
    }

    /// The key, if the vault takes it.
    pub fn usable_vault_key(&self) -> Result<VaultKey, Error> {
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
