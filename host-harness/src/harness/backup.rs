//! Backups of a tenant, made while others work on it, and their return.
//!
//! A backup is a folder: the store as of one moment, the vault as it lies
//! there, and a list of both with hashes. It is written beside its place and
//! moved there whole, so that a backup is complete or is not there.
//!
//! Whoever can write a backup can write into it what they like. So the list is
//! signed where there is a key for it, the store is checked before anything in
//! it is run, and what is restored does nothing before somebody has accepted
//! what it may reach.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use appsec_model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Harness;
use crate::{
    error::{BackupError, Error, backup::LIST},
    vault::{GivenKeys, Vault, VaultError, VaultKey},
};
use appsec_grant::{
    Addresses, EgressPolicy, ProxySetting, SecretError, SecretSource, TenantId,
    files::{
        Part, create_new_dir, create_private_dir, folder_of, move_new, open_regular, private_file, read_open,
        sync_folder,
    },
};
use appsec_store::{Adopted, FindingStore, Instance, QueryStore, StoreError, Webhook};

/// The store within a tenant's folder, and within a backup.
const STORE: &str = "store.sqlite3";

/// What else of a tenant's folder is backed up, where it is there.
const OTHERS: &[&str] = &["vault"];

/// What the folder of a backup begins with that is being made.
const PART: &str = ".harness-backup-";

/// Largest list: it names two files.
const MAX_LIST_BYTES: u64 = 1 << 20;

/// What the folder of a tenant begins with that is being brought back: no name of
/// a tenant does.
pub(crate) const RESTORING: &str = ".restoring-";

/// What a backup holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Backup {
    /// The tenant.
    pub tenant: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Version of the program that made it.
    pub program: String,
    /// Its files.
    pub files: Vec<BackupFile>,
    /// What vouches for this list; none where there was no key of a vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<BackupSignature>,
}

/// What vouches for the list of a backup.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct BackupSignature {
    /// Id of the vault's key.
    pub key: String,
    /// HMAC-SHA256 over the list without it, with a key derived from that key.
    pub mac: String,
}

/// Who vouches for a backup that was restored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackupOrigin {
    /// Whoever has the given key of the vault.
    Verified,
    /// It is signed, and the key to verify that is not given.
    KeyNotGiven,
    /// It is signed with another key than the given one.
    OtherKey,
    /// Nobody: it is not signed.
    Unsigned,
}

/// A tenant that was restored.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Restored {
    /// Its name now.
    pub name: String,
    /// The backup.
    pub backup: Backup,
    /// Who vouches for it.
    pub origin: BackupOrigin,
    /// Whether what its instances may reach was accepted; if not, they are
    /// paused until it is.
    pub accepted: bool,
    /// Its instances.
    pub instances: Vec<RestoredInstance>,
    /// Instances to be, whose onboarding has to begin again.
    pub dropped_onboardings: Vec<String>,
}

/// What an instance may reach, and where its secrets are read from.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RestoredInstance {
    /// Its name.
    pub name: String,
    /// Where its connector comes from.
    pub connector: String,
    /// Origins that it may reach: `public`, or `private` where addresses of
    /// this machine and network are allowed too.
    pub origins: BTreeMap<String, String>,
    /// Where its secrets are read from, by variable.
    pub secrets: BTreeMap<String, String>,
    /// The proxy that it sets for itself.
    pub proxy: Option<String>,
    /// Where the credentials of that proxy are read from.
    pub proxy_credentials: Option<String>,
    /// The address that the ends of its runs are reported to.
    pub webhook: Option<String>,
    /// Whether that may be an address of this machine or network.
    pub webhook_private: bool,
    /// Where the secret is read from that signs what goes there.
    pub webhook_secret: Option<String>,
    /// Where the secret is read from that its vendor signs events with; none
    /// where it takes none.
    pub events_secret: Option<String>,
}

impl RestoredInstance {
    fn of((instance, webhook, inbox): (Instance, Option<Webhook>, Option<SecretSource>)) -> Self {
        let made = instance.made;
        let is_private = |granted: &EgressPolicy| granted.origins().any(|(_, it)| it == Addresses::Private);
        let word = |addresses| match addresses {
            Addresses::Public => "public".to_owned(),
            Addresses::Private => "private".to_owned(),
        };
        let (proxy, credentials) = match made.proxy {
            Some(ProxySetting::Proxy { address, credentials }) => (Some(address.to_string()), credentials),
            Some(ProxySetting::Direct) | None => (None, None),
        };
        Self {
            proxy,
            proxy_credentials: credentials.map(|from| from.to_string()),
            name: made.name.to_string(),
            connector: made.connector_source.to_string(),
            origins: made.egress.origins().map(|(origin, it)| (origin.to_string(), word(it))).collect(),
            secrets: made.secrets.iter().map(|(variable, from)| (variable.clone(), from.to_string())).collect(),
            webhook_private: webhook.as_ref().is_some_and(|it| is_private(&it.egress)),
            webhook_secret: webhook.as_ref().map(|it| it.secret.to_string()),
            webhook: webhook.map(|it| it.url),
            events_secret: inbox.map(|from| from.to_string()),
        }
    }
}

impl Backup {
    /// What is signed: the list without its signature.
    fn signed_text(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Self { signature: None, ..self.clone() })
    }
}

/// A file of a backup.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct BackupFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash, in hex.
    pub sha256: String,
}

impl Harness {
    /// Backs a tenant up into a folder that is not there yet.
    pub async fn backup(&self, id: &TenantId, target: &Path) -> Result<Backup, Error> {
        let folder = self.tenant_folder(id);
        if !folder.is_dir() {
            return Err(self.no_tenant(id));
        }
        if is_there(target) {
            return Err(BackupError::Exists(target.to_owned()).into());
        }
        let tenant = self.tenant(id.clone())?;
        // A vault that cannot be read is copied as it is.
        let wanted = tenant.vault().wanted_key().ok().flatten();
        let key = self.signing_key(wanted.as_deref())?;
        let list = Backup {
            tenant: id.to_string(),
            made_at: self.now(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            files: Vec::new(),
            signature: None,
        };
        let target = target.to_owned();
        Ok(tenant.store.read(move |store| Ok(write(store, &folder, &target, list, key.as_ref()))).await??)
    }

    /// Restores a tenant from a backup, under its name or another one. Nothing
    /// is written over. Unless somebody has accepted what its instances may reach
    /// and where their secrets are read from, they are paused.
    pub async fn restore(&self, source: &Path, id: Option<&TenantId>, accept_grants: bool) -> Result<Restored, Error> {
        let backup = read(source)?;
        let original: TenantId = backup
            .tenant
            .parse()
            .map_err(|error: appsec_grant::NameError| BackupError::NoBackup(source.to_owned(), error.into()))?;
        let key = self.signing_key(backup.signature.as_ref().map(|it| it.key.as_str()))?;
        let origin = origin(&backup, key.as_ref(), source)?;
        let id = id.cloned().unwrap_or_else(|| original.clone());
        let folder = self.tenant_folder(&id);
        if is_there(&folder) {
            return Err(BackupError::Exists(folder).into());
        }
        let failed = |path: &Path, error| BackupError::File(path.to_owned(), error);
        let part = folder.with_file_name(format!("{RESTORING}{id}"));
        match fs::remove_dir_all(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&part, error).into()),
            _ => {}
        }
        let paused = (!accept_grants).then(|| self.now());
        let restored = copy_back(&backup, source, &part, (&original, &id), paused).and_then(|adopted| {
            move_new(&part, &folder).map(|()| adopted).map_err(|error| failed(&folder, error).into())
        });
        if restored.is_err() {
            // What is refused is not left lying about. Why it is refused counts more than that it cannot be removed.
            _ = fs::remove_dir_all(&part);
        }
        let adopted = restored?;
        Ok(Restored {
            name: id.to_string(),
            backup,
            origin,
            accepted: accept_grants,
            instances: adopted.instances.into_iter().map(RestoredInstance::of).collect(),
            dropped_onboardings: adopted.dropped.iter().map(ToString::to_string).collect(),
        })
    }

    /// The key that lists of backups are signed with: the wanted one, else the
    /// first; none where none is given.
    fn signing_key(&self, wanted: Option<&str>) -> Result<Option<VaultKey>, Error> {
        match GivenKeys::read(&self.options().vault_keys).choose(wanted) {
            Ok(key) => Ok(Some(key)),
            Err(VaultError::NoKey { error: SecretError::NotSet(_), .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether there is anything at a place, also a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Who vouches for a backup. One that claims the given key, and that this key
/// does not vouch for, is refused.
fn origin(backup: &Backup, key: Option<&VaultKey>, source: &Path) -> Result<BackupOrigin, BackupError> {
    match (&backup.signature, key) {
        (None, _) => Ok(BackupOrigin::Unsigned),
        (Some(_), None) => Ok(BackupOrigin::KeyNotGiven),
        (Some(signature), Some(key)) if signature.key != key.id() => Ok(BackupOrigin::OtherKey),
        (Some(signature), Some(key)) => {
            let signed = backup.signed_text().is_ok_and(|text| key.vouches(&text, &signature.mac));
            if signed { Ok(BackupOrigin::Verified) } else { Err(BackupError::Forged(source.to_owned())) }
        }
    }
}

/// Copies the files of a backup into a new folder, for a tenant of this name or
/// another one, and looks whether they are whole.
fn copy_back(
    backup: &Backup,
    source: &Path,
    part: &Path,
    (original, id): (&TenantId, &TenantId),
    paused: Option<Timestamp>,
) -> Result<Adopted, Error> {
    let failed = |path: &Path, error| BackupError::File(path.to_owned(), error);
    if let Some(tenants) = part.parent() {
        create_private_dir(tenants).map_err(|error| failed(tenants, error))?;
    }
    create_new_dir(part).map_err(|error| failed(part, error))?;
    // A vault opens for its own tenant alone.
    let wanted = |file: &&BackupFile| id == original || file.name == STORE;
    for file in backup.files.iter().filter(wanted) {
        let from = source.join(&file.name);
        let open = plain_file(&from)?;
        if open.metadata().map_err(|error| failed(&from, error))?.len() != file.bytes {
            return Err(BackupError::Kind(from, "of another size").into());
        }
        let copied = copy(open.take(file.bytes), &part.join(&file.name)).map_err(|error| failed(&from, error))?;
        if copied != (file.bytes, file.sha256.clone()) {
            return Err(BackupError::Damaged(from).into());
        }
    }
    let adopted = FindingStore::adopt(&part.join(STORE), original, id, paused)?;
    if let Some(problem) = adopted.faults.into_iter().next() {
        return Err(BackupError::DamagedStore { path: source.to_owned(), problem }.into());
    }
    for name in &adopted.dropped {
        Vault::new(part, id.clone()).remove(name)?;
    }
    Ok(Adopted { faults: Vec::new(), ..adopted })
}

/// A file of a backup, opened to be read. A link, a pipe or a device is none.
fn plain_file(path: &Path) -> Result<File, BackupError> {
    let failed = |error| BackupError::File(path.to_owned(), error);
    if !path.symlink_metadata().map_err(failed)?.file_type().is_file() {
        return Err(BackupError::Kind(path.to_owned(), "a link, or no regular file"));
    }
    open_regular(path).map_err(failed)
}

/// Writes a backup into a new folder beside its place, and moves it there.
fn write(
    store: &dyn QueryStore,
    folder: &Path,
    target: &Path,
    mut list: Backup,
    key: Option<&VaultKey>,
) -> Result<Backup, BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| BackupError::File(path, error)
    };
    let parent = folder_of(target);
    create_private_dir(parent).map_err(failed(parent))?;
    // Of a name that nobody knows before: what is there already is never taken for it.
    let made = Part::make(parent, PART, |builder| {
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        builder.tempdir_in(parent)
    });
    let Part { inner: part, .. } = &made.map_err(failed(parent))?;
    let made = file_id(part.path()).map_err(failed(part.path()))?;
    let copied = part.path().join(STORE);
    store.copy_to(&copied).map_err(|error: StoreError| BackupError::File(copied.clone(), io::Error::other(error)))?;
    let file = open_regular(&copied).map_err(failed(&copied))?;
    file.sync_all().map_err(failed(&copied))?;
    let (bytes, sha256) = transfer(file, io::sink()).map_err(failed(&copied))?;
    list.files.push(BackupFile { name: STORE.to_owned(), bytes, sha256 });
    for name in OTHERS {
        let from = folder.join(name);
        if from.is_file() {
            let open = open_regular(&from).map_err(failed(&from))?;
            let (bytes, sha256) = copy(open, &part.path().join(name)).map_err(failed(&from))?;
            list.files.push(BackupFile { name: (*name).to_owned(), bytes, sha256 });
        }
    }
    let path = part.path().join(LIST);
    let as_text = |error: serde_json::Error| BackupError::File(path.clone(), error.into());
    if let Some(key) = key {
        let text = list.signed_text().map_err(as_text)?;
        list.signature = key.mac(&text).map(|mac| BackupSignature { key: key.id(), mac });
    }
    let text = serde_json::to_vec_pretty(&list).map_err(as_text)?;
    copy(text.as_slice(), &path).map_err(failed(&path))?;
    sync_folder(part.path()).map_err(failed(part.path()))?;
    if let Err(error) = move_new(part.path(), target) {
        return Err(match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
            _ => BackupError::File(target.to_owned(), error),
        });
    }
    sync_folder(parent).map_err(failed(parent))?;
    match file_id(target).map_err(failed(target))? == made {
        true => Ok(list),
        false => Err(BackupError::Exchanged(target.to_owned())),
    }
}

/// What tells a folder from another one of the same name.
#[cfg(unix)]
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    path.symlink_metadata().map(|it| (it.dev(), it.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> io::Result<()> {
    path.symlink_metadata().map(|_| ())
}

/// The list of a backup. Its names are names of files in it and nothing else.
fn read(source: &Path) -> Result<Backup, BackupError> {
    let none = |error: Box<dyn std::error::Error + Send + Sync>| BackupError::NoBackup(source.to_owned(), error);
    let list = plain_file(&source.join(LIST)).map_err(|error| none(error.into()))?;
    let text = read_open(list, MAX_LIST_BYTES).map_err(|error| none(error.into()))?;
    let backup: Backup = serde_json::from_slice(&text).map_err(|error| none(error.into()))?;
    let known = |file: &BackupFile| file.name == STORE || OTHERS.contains(&file.name.as_str());
    match backup.files.iter().all(known) && backup.files.iter().any(|file| file.name == STORE) {
        true => Ok(backup),
        false => Err(none("it lists other files than those of a tenant".into())),
    }
}

/// Writes a new file, readable by its owner alone, to the disk. Returns its size
/// and hash.
fn copy(from: impl Read, to: &Path) -> io::Result<(u64, String)> {
    let file = private_file().write(true).create_new(true).open(to)?;
    let written = transfer(from, &file)?;
    file.sync_all()?;
    Ok(written)
}

/// Hands on all that is read, and returns its size and hash.
fn transfer(mut from: impl Read, mut to: impl Write) -> io::Result<(u64, String)> {
    let (mut hasher, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok((bytes, data_encoding::HEXLOWER.encode(&hasher.finalize())));
        }
        let read = piece.get(..read).unwrap_or_default();
        hasher.update(read);
        to.write_all(read)?;
        bytes += read.len() as u64;
    }
}
