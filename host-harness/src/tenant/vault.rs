//! What a tenant does with its vault.

use super::Tenant;
use crate::{
    error::Error,
    vault::{GivenKeys, Vault, VaultKey, VaultReport},
};
use appsec_grant::{Audience, InstanceName, Secret};

impl Tenant {
    /// Its vault.
    pub fn vault(&self) -> Vault {
        Vault::new(&self.folder, self.id.clone())
    }

    /// The key of its vault, among those that the operator gives.
    pub fn vault_key(&self) -> Result<VaultKey, Error> {
        Ok(self.vault().key(self.given_keys())?)
    }

    fn given_keys(&self) -> GivenKeys {
        GivenKeys::read(&self.host.options().vault_keys)
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
        Ok(self.vault().report(self.given_keys())?)
    }

    /// Seals its vault with another key. Returns the number of entries, and the
    /// id of the key before, if there was another one.
    pub fn rekey_vault(&self, new: &VaultKey) -> Result<(usize, Option<String>), Error> {
        let vault = self.vault();
        match vault.wanted_key()? {
            Some(wanted) if wanted != new.id() => Ok((vault.rekey(&self.vault_key()?, new)?, Some(wanted))),
            // Stopped after it was done, and started again; or nothing is sealed.
            _ => Ok((vault.rekey(new, new)?, None)),
        }
    }
}
