//! The vault of a tenant: secrets at rest, sealed with a key of the operator.
//!
//! A file beside the tenant's store, and no part of it: a copy of the store
//! holds no secret, and one of the vault none without the key. Every entry is
//! bound to its tenant, instance and variable, so that one put in the place of
//! another does not open, and to its audience: whoever changes the origins in
//! the store gets an error and not the secret.
//!
//! It keeps secrets from whoever gets at the file or its backups. It does not
//! keep them from whoever can read the key or this process's memory, and it
//! does not notice when an older vault is put back.

mod file;
mod given;
mod key;
mod report;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use self::file::{Content, EntryName};
pub(crate) use self::given::GivenKeys;
pub use self::{
    key::VaultKey,
    report::{EntryState, GeneratedKey, Rekeyed, VaultEntry, VaultReport},
};
use appsec_grant::{
    Audience, Code, InstanceName, Secret, SecretError, SecretSource, TenantId,
    files::{Exposure, open_private},
};

/// The variable that the key is read from where nothing else is said.
pub const VAULT_KEY_VARIABLE: &str = "HARNESS_VAULT_KEY";

/// Why the vault does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key is not there.
    #[error("the key {}of the vault cannot be read", .wanted.iter().map(|id| format!("{id} ")).collect::<String>())]
    NoKey {
        /// Id of the key that the vault wants, where it is known.
        wanted: Option<String>,
        /// Why it is not there.
        #[source]
        error: SecretError,
    },
    /// The text is no key.
    #[error("{0} does not contain a valid vault key")]
    KeyForm(SecretSource),
    /// No key that is given is that of this vault.
    #[error("the vault {path} is sealed with the key {wanted}, but the given {} {}", match given.len() { 1 => "key is", _ => "keys are" }, given.join(", "))]
    WrongKey {
        /// The vault.
        path: PathBuf,
        /// Id of the key that it wants.
        wanted: String,
        /// Ids of the given keys.
        given: Vec<String>,
    },
    /// The file is not as it was written.
    #[error("the vault {0} is damaged")]
    Damaged(PathBuf),
    /// The file is of another version.
    #[error("unsupported vault version {found}: this program supports {known}")]
    Version {
        /// Version of the file.
        found: u32,
        /// Version of this program.
        known: u32,
    },
    /// The file was written for another tenant.
    #[error("the vault {path} belongs to the tenant `{owner}`")]
    OtherTenant {
        /// The vault.
        path: PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// An entry does not open under its name.
    #[error("the vault's entry for {variable} of `{instance}` was changed, or was written for another place")]
    Entry {
        /// Name of the instance.
        instance: String,
        /// The variable.
        variable: String,
    },
    /// An entry is sealed for other origins than the store names.
    #[error(
        "the vault's entry for {variable} of `{instance}` is sealed for other origins than the store grants now: the \
         store was changed by another program, or a change was interrupted"
    )]
    OtherAudience {
        /// Name of the instance.
        instance: String,
        /// The variable.
        variable: String,
    },
    /// There is no such entry.
    #[error("the vault holds no {variable} for `{instance}`")]
    Missing {
        /// Name of the instance.
        instance: String,
        /// The variable.
        variable: String,
    },
    /// The file cannot be read.
    #[error("cannot read the vault {0}")]
    Read(PathBuf, #[source] std::io::Error),
    /// The file cannot be written.
    #[error("cannot write the vault {0}; it is unchanged")]
    Write(PathBuf, #[source] std::io::Error),
    /// The cipher takes no more.
    #[error("the secret is too large for the vault")]
    TooLarge,
    /// The system gives no random numbers.
    #[error("cannot get random numbers from the operating system")]
    Random(#[source] getrandom::Error),
}

impl VaultError {
    /// A stable word for it.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::NoKey { error: SecretError::Exposed(..), .. } => Code::FileExposed,
            Self::Read(_, error) if Exposure::behind(error).is_some() => Code::FileExposed,
            Self::NoKey { .. } => Code::VaultKey,
            Self::KeyForm(_) => Code::VaultKeyForm,
            Self::WrongKey { .. } => Code::VaultKeyMismatch,
            Self::Damaged(_) => Code::VaultDamaged,
            Self::Version { .. } => Code::VaultVersion,
            Self::OtherTenant { .. } => Code::VaultTenant,
            Self::OtherAudience { .. } => Code::VaultAudience,
            Self::Entry { .. } | Self::Missing { .. } => Code::VaultEntry,
            Self::Read(..) | Self::Write(..) => Code::VaultFile,
            Self::TooLarge => Code::Usage,
            Self::Random(_) => Code::Host,
        }
    }
}

/// The vault of one tenant.
#[derive(Clone, Debug)]
pub struct Vault {
    path: PathBuf,
    tenant: TenantId,
}

impl Vault {
    /// The vault in a tenant's folder. Nothing is made before it is needed.
    pub fn new(folder: &Path, tenant: TenantId) -> Self {
        Self { path: folder.join("vault"), tenant }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret of an instance's variable, for this audience.
    pub fn get(
        &self,
        key: &VaultKey,
        instance: &InstanceName,
        variable: &str,
        audience: &Audience,
    ) -> Result<Secret, VaultError> {
        let name = entry_name(instance, variable, audience);
        let missing = || VaultError::Missing { instance: name.0.clone(), variable: name.1.clone() };
        let content = self.content()?.ok_or_else(missing)?;
        if !content.entries.contains_key(&name) {
            let other = content.entries.keys().any(|it| (&it.0, &it.1) == (&name.0, &name.1));
            return Err(match other {
                true => VaultError::OtherAudience { instance: name.0, variable: name.1 },
                false => missing(),
            });
        }
        self.check_key(&content, key)?;
        let text = self.opened(&content, key, &name)?;
        Secret::checked(&text, &SecretSource::Vault).map_err(|_| altered(&name))
    }

    /// Puts secrets of an instance into the vault, in the place of those that
    /// it has under the same variables: all of them, or none if it fails.
    pub fn put(
        &self,
        key: &VaultKey,
        instance: &InstanceName,
        secrets: &[(String, Secret)],
        audience: &Audience,
    ) -> Result<(), VaultError> {
        self.seal(key, instance, secrets, audience, false)
    }

    /// Seals secrets of an instance for another audience, beside those for the
    /// one before: until the store names the new audience, the old one counts.
    /// [`keep_only`](Self::keep_only) ends it.
    pub fn put_beside(
        &self,
        key: &VaultKey,
        instance: &InstanceName,
        secrets: &[(String, Secret)],
        audience: &Audience,
    ) -> Result<(), VaultError> {
        self.seal(key, instance, secrets, audience, true)
    }

    fn seal(
        &self,
        key: &VaultKey,
        instance: &InstanceName,
        secrets: &[(String, Secret)],
        audience: &Audience,
        beside: bool,
    ) -> Result<(), VaultError> {
        self.change(|content| {
            let content = content.get_or_insert_with(|| self.fresh(key));
            self.check_key(content, key)?;
            content.key_id = key.id();
            for (variable, secret) in secrets {
                let name = entry_name(instance, variable, audience);
                let sealed = key.seal(secret.reveal(), &self.bound(&name))?;
                if !beside {
                    content.entries.retain(|it, _| (&it.0, &it.1) != (&name.0, &name.1));
                }
                content.entries.insert(name, sealed);
            }
            Ok(())
        })
    }

    /// Puts a secret in the place of another one, if that is there for this audience.
    /// Returns whether it was.
    pub fn replace(
        &self,
        key: &VaultKey,
        instance: &InstanceName,
        variable: &str,
        audience: &Audience,
        (before, after): (&Secret, &Secret),
    ) -> Result<bool, VaultError> {
        let name = entry_name(instance, variable, audience);
        let mut replaced = false;
        self.change(|content| {
            let Some(content) = content.as_mut().filter(|content| content.entries.contains_key(&name)) else {
                return Ok(());
            };
            self.check_key(content, key)?;
            if self.opened(content, key, &name)?.as_str() == before.reveal() {
                let sealed = key.seal(after.reveal(), &self.bound(&name))?;
                content.entries.insert(name.clone(), sealed);
                replaced = true;
            }
            Ok(())
        })?;
        Ok(replaced)
    }

    /// Removes what these variables of an instance hold for any other audience.
    /// Needs no key.
    pub fn keep_only(
        &self,
        instance: &InstanceName,
        secrets: &[(String, Secret)],
        audience: &Audience,
    ) -> Result<(), VaultError> {
        self.change(|content| {
            if let Some(content) = content {
                let old = |it: &EntryName| {
                    it.0 == instance.as_str()
                        && secrets.iter().any(|(variable, _)| *variable == it.1)
                        && it.2 != audience.as_str()
                };
                content.entries.retain(|it, _| !old(it));
            }
            Ok(())
        })
    }

    /// Removes the secrets of an instance. Needs no key.
    pub fn remove(&self, instance: &InstanceName) -> Result<(), VaultError> {
        if self.content()?.is_none_or(|content| content.entries.keys().all(|it| it.0 != instance.as_str())) {
            return Ok(());
        }
        self.change(|content| {
            if let Some(content) = content {
                content.entries.retain(|it, _| it.0 != instance.as_str());
            }
            Ok(())
        })
    }

    /// Removes one secret of an instance. Needs no key.
    pub fn remove_one(&self, instance: &InstanceName, variable: &str) -> Result<(), VaultError> {
        let this = |it: &EntryName| it.0 == instance.as_str() && it.1 == variable;
        if self.content()?.is_none_or(|content| !content.entries.keys().any(this)) {
            return Ok(());
        }
        self.change(|content| {
            if let Some(content) = content {
                content.entries.retain(|it, _| !this(it));
            }
            Ok(())
        })
    }

    /// Its key among those that are given. Where nothing is sealed yet, any
    /// will do, and the first is taken.
    pub(crate) fn key(&self, given: GivenKeys) -> Result<VaultKey, VaultError> {
        let Some(wanted) = self.wanted_key()? else { return given.choose(None) };
        let ids = given.ids();
        let key = given.choose(Some(&wanted))?;
        match key.id() == wanted {
            true => Ok(key),
            false => Err(VaultError::WrongKey { path: self.path.clone(), wanted, given: ids }),
        }
    }

    /// Id of the key that it is sealed with; none where nothing is sealed.
    pub(crate) fn wanted_key(&self) -> Result<Option<String>, VaultError> {
        Ok(self.content()?.filter(|content| !content.entries.is_empty()).map(|content| content.key_id))
    }

    /// Seals all entries with another key. If it fails or is stopped, the vault
    /// is whole under one of the two. Returns the number of entries.
    pub fn rekey(&self, old: &VaultKey, new: &VaultKey) -> Result<usize, VaultError> {
        let mut count = 0;
        self.change(|content| {
            let Some(content) = content else { return Ok(()) };
            // Stopped after it was done, and started again: all is well if the
            // new key opens everything.
            let from = if content.key_id == new.id() { new } else { old };
            self.check_key(content, from)?;
            let mut entries = content.entries.clone();
            for (name, entry) in &mut entries {
                let text = self.opened(content, from, name)?;
                *entry = new.seal(&text, &self.bound(name))?;
            }
            count = entries.len();
            *content = Content { key_id: new.id(), entries, ..self.fresh(new) };
            Ok(())
        })?;
        Ok(count)
    }

    fn fresh(&self, key: &VaultKey) -> Content {
        Content { tenant: self.tenant.to_string(), key_id: key.id(), ..Content::default() }
    }

    fn content(&self) -> Result<Option<Content>, VaultError> {
        let content = file::read(&self.path)?;
        match &content {
            Some(content) if content.tenant != self.tenant.as_str() => {
                Err(VaultError::OtherTenant { path: self.path.clone(), owner: content.tenant.clone() })
            }
            _ => Ok(content),
        }
    }

    fn check_key(&self, content: &Content, key: &VaultKey) -> Result<(), VaultError> {
        // Where nothing is sealed, any key will do.
        if content.key_id == key.id() || content.entries.is_empty() {
            return Ok(());
        }
        Err(VaultError::WrongKey { path: self.path.clone(), wanted: content.key_id.clone(), given: vec![key.id()] })
    }

    fn opened(&self, content: &Content, key: &VaultKey, name: &EntryName) -> Result<Zeroizing<String>, VaultError> {
        let entry = content.entries.get(name).ok_or_else(|| altered(name))?;
        key.open(entry, &self.bound(name)).ok_or_else(|| altered(name))
    }

    /// What an entry is bound to. Lengths keep the parts apart.
    fn bound(&self, (instance, variable, audience): &EntryName) -> Vec<u8> {
        let mut bound = Vec::new();
        for part in ["harness vault entry", self.tenant.as_str(), instance, variable, audience] {
            bound.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bound.extend_from_slice(part.as_bytes());
        }
        bound
    }

    /// Changes the content. One process at a time; readers need not wait.
    fn change(&self, change: impl FnOnce(&mut Option<Content>) -> Result<(), VaultError>) -> Result<(), VaultError> {
        let failed = |error| VaultError::Write(self.path.clone(), error);
        // No name of an instance, whose locks lie in the same folder.
        let path = self.path.with_extension("writer.lock");
        let lock = open_private(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut content = self.content()?;
        change(&mut content)?;
        if let Some(content) = content {
            file::replace(&self.path, &content)?;
        }
        Ok(())
    }
}

fn entry_name(instance: &InstanceName, variable: &str, audience: &Audience) -> EntryName {
    (instance.to_string(), variable.to_owned(), audience.as_str().to_owned())
}

fn altered((instance, variable, _): &EntryName) -> VaultError {
    VaultError::Entry { instance: instance.clone(), variable: variable.clone() }
}
