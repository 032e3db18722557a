//! What a tenant does with its vault.

use super::Tenant;
use crate::{
    error::{Error, WebhookError},
    vault::{GivenKeys, Vault, VaultKey, VaultReport},
};
use appsec_grant::{Audience, InstanceName, Secret, SecretSource};

/// A secret that signs, or that is an address, as the operator gives it.
#[derive(Clone, Debug)]
pub enum GivenSecret {
    /// It is read from there each time.
    Read(SecretSource),
    /// It is read from there once, and kept in the vault.
    Stored(SecretSource),
    /// It was typed, and is kept in the vault.
    Typed(Secret),
}

impl GivenSecret {
    /// The secret, and where it is read from in the future; none where it is kept in
    /// the vault.
    pub(super) fn taken(
        self,
        read: impl FnOnce(&SecretSource) -> Result<Secret, Error>,
    ) -> Result<(Secret, Option<SecretSource>), Error> {
        match self {
            Self::Read(SecretSource::Input) => Err(WebhookError::SecretOnce.into()),
            Self::Read(source) => Ok((read(&source)?, Some(source))),
            Self::Stored(source) => Ok((read(&source)?, None)),
            Self::Typed(secret) => Ok((secret, None)),
        }
    }
}

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

    /// Puts a secret into the vault, unless it is read from elsewhere. What was stored
    /// before goes when the store says so.
    pub(super) fn keep_secret(
        &self,
        name: &InstanceName,
        variable: &str,
        (secret, source): (Secret, Option<SecretSource>),
        audience: &Audience,
    ) -> Result<SecretSource, Error> {
        if let Some(source) = source {
            return Ok(source);
        }
        let key = self.vault_key()?;
        self.vault().put(&key, name, &[(variable.to_owned(), secret)], audience)?;
        Ok(SecretSource::Vault)
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
