//! Backups of a tenant, made while others work on it, and their return.
//!
//! A backup is a folder: the store as of one moment, the vault as it lies
//! there, and a list of both with hashes. It is written beside its place and
//! moved there whole, so that a backup is complete or is not there.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use appsec_model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{error::HarnessError, harness::Harness};
use appsec_grant::{Code, TenantId, files::create_private_dir};
use appsec_store::{FindingStore, StoreError};

/// The list of a backup.
const LIST: &str = "backup.json";

/// The store within a tenant's folder, and within a backup.
const STORE: &str = "store.sqlite3";

/// What else of a tenant's folder is backed up, where it is there.
const OTHERS: &[&str] = &["vault"];

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

/// Why a backup cannot be made or brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is already there.
    #[error("{0} is already there")]
    Exists(PathBuf),
    /// A file or folder fails.
    #[error("cannot work on {0}")]
    File(PathBuf, #[source] io::Error),
    /// The folder is no backup.
    #[error("{0} is no backup: it has no readable {LIST}")]
    NoBackup(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file is not what was backed up.
    #[error("{0} is not the file that was backed up: its hash is another one")]
    Damaged(PathBuf),
    /// The store within is damaged.
    #[error("the store in {path} is damaged: {problem}")]
    DamagedStore {
        /// The backup.
        path: PathBuf,
        /// What SQLite says.
        problem: String,
    },
}

impl BackupError {
    /// A stable word for it.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Exists(_) => Code::BackupExists,
            Self::File(..) => Code::BackupFile,
            Self::NoBackup(..) => Code::NotABackup,
            Self::Damaged(_) | Self::DamagedStore { .. } => Code::BackupDamaged,
        }
    }
}

impl Harness {
    /// Backs a tenant up into a folder that is not there yet.
    pub async fn backup(&self, id: &TenantId, target: &Path) -> Result<Backup, HarnessError> {
        let folder = self.tenant_folder(id);
        if !folder.is_dir() {
            return Err(HarnessError::NoTenant(id.to_string()));
        }
        if target.exists() {
            return Err(BackupError::Exists(target.to_owned()).into());
        }
        let tenant = self.tenant(id.clone())?;
        let part = beside(target);
        let (made_at, tenant_name, target) = (self.now(), id.to_string(), target.to_owned());
        let made = tenant
            .store
            .read(move |store| {
                Ok(write(store, &folder, &part, tenant_name, made_at).and_then(|made| {
                    fs::rename(&part, &target).map_err(|error| BackupError::File(target.clone(), error))?;
                    Ok(made)
                }))
            })
            .await?;
        Ok(made?)
    }

    /// Brings a tenant back from a backup, under its name or another one.
    /// Nothing is written over.
    pub async fn restore(&self, source: &Path, id: Option<&TenantId>) -> Result<Backup, HarnessError> {
        let backup = read(source)?;
        let original: TenantId = backup
            .tenant
            .parse()
            .map_err(|error: appsec_grant::NameError| BackupError::NoBackup(source.to_owned(), error.into()))?;
        let id = id.cloned().unwrap_or_else(|| original.clone());
        let folder = self.tenant_folder(&id);
        if folder.exists() {
            return Err(BackupError::Exists(folder).into());
        }
        let failed = |path: &Path, error| BackupError::File(path.to_owned(), error);
        let part = folder.with_file_name(format!("{RESTORING}{id}"));
        match fs::remove_dir_all(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&part, error).into()),
            _ => {}
        }
        let brought = bring_back(&backup, source, &part, (&original, &id))
            .and_then(|()| fs::rename(&part, &folder).map_err(|error| failed(&folder, error).into()));
        if brought.is_err() {
            // What is refused is not left lying about. Why it is refused counts more than that it cannot be removed.
            _ = fs::remove_dir_all(&part);
        }
        brought.map(|()| backup)
    }
}

/// Copies the files of a backup into a new folder, for a tenant of this name or
/// another one, and looks whether they are whole.
fn bring_back(
    backup: &Backup,
    source: &Path,
    part: &Path,
    (original, id): (&TenantId, &TenantId),
) -> Result<(), HarnessError> {
    let failed = |path: &Path, error| BackupError::File(path.to_owned(), error);
    create_private_dir(part).map_err(|error| failed(part, error))?;
    // A vault opens for its own tenant alone.
    let wanted = |file: &&BackupFile| id == original || file.name == STORE;
    for file in backup.files.iter().filter(wanted) {
        let (from, to) = (source.join(&file.name), part.join(&file.name));
        fs::copy(&from, &to).map_err(|error| failed(&from, error))?;
        if hash(&to).map_err(|error| failed(&to, error))? != (file.bytes, file.sha256.clone()) {
            return Err(BackupError::Damaged(from).into());
        }
    }
    match FindingStore::rename_tenant(&part.join(STORE), original, id)?.into_iter().next() {
        Some(problem) => Err(BackupError::DamagedStore { path: source.to_owned(), problem }.into()),
        None => Ok(()),
    }
}

/// A place beside another one, for what is not whole yet.
fn beside(target: &Path) -> PathBuf {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}.part"))
}

/// Writes a backup into a new folder.
fn write(
    store: &FindingStore,
    folder: &Path,
    target: &Path,
    tenant: String,
    made_at: Timestamp,
) -> Result<Backup, BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| BackupError::File(path, error)
    };
    // What an earlier backup left half done.
    match fs::remove_dir_all(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(BackupError::File(target.to_owned(), error));
        }
        _ => {}
    }
    create_private_dir(target).map_err(failed(target))?;
    let copy = target.join(STORE);
    store.copy_to(&copy).map_err(|error: StoreError| BackupError::File(copy.clone(), io::Error::other(error)))?;
    let mut names = vec![STORE];
    for name in OTHERS {
        let from = folder.join(name);
        if from.is_file() {
            fs::copy(&from, target.join(name)).map_err(failed(&from))?;
            names.push(name);
        }
    }
    let mut files = Vec::new();
    for name in names {
        let path = target.join(name);
        File::open(&path).and_then(|file| file.sync_all()).map_err(failed(&path))?;
        let (bytes, sha256) = hash(&path).map_err(failed(&path))?;
        files.push(BackupFile { name: name.to_owned(), bytes, sha256 });
    }
    let backup = Backup { tenant, made_at, program: env!("CARGO_PKG_VERSION").to_owned(), files };
    let list = target.join(LIST);
    let text = serde_json::to_vec_pretty(&backup).map_err(|error| BackupError::File(list.clone(), error.into()))?;
    fs::write(&list, text).map_err(failed(&list))?;
    Ok(backup)
}

/// The list of a backup. Its names are names of files in it and nothing else.
fn read(source: &Path) -> Result<Backup, BackupError> {
    let none = |error: Box<dyn std::error::Error + Send + Sync>| BackupError::NoBackup(source.to_owned(), error);
    let text = fs::read(source.join(LIST)).map_err(|error| none(error.into()))?;
    let backup: Backup = serde_json::from_slice(&text).map_err(|error| none(error.into()))?;
    let known = |file: &BackupFile| file.name == STORE || OTHERS.contains(&file.name.as_str());
    match backup.files.iter().all(known) && backup.files.iter().any(|file| file.name == STORE) {
        true => Ok(backup),
        false => Err(none("it lists other files than those of a tenant".into())),
    }
}

/// Size and hash of a file.
fn hash(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hasher, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((bytes, data_encoding::HEXLOWER.encode(&hasher.finalize())));
        }
        hasher.update(piece.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}
