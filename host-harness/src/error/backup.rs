//! Why a backup cannot be made or brought back.

use std::{io, path::PathBuf};

use appsec_grant::Code;

/// The list of a backup.
pub(crate) const LIST: &str = "backup.json";

/// Why a backup cannot be made or brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is already there.
    #[error("{0} already exists")]
    Exists(PathBuf),
    /// A file or folder fails.
    #[error("I/O error on {0}")]
    File(PathBuf, #[source] io::Error),
    /// The folder is no backup.
    #[error("not a backup: {0} has no readable {LIST}")]
    NoBackup(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The list is signed with this key, and was changed since.
    #[error("the backup {0} was altered: its file list is signed with the given key, but the signature is invalid")]
    Forged(PathBuf),
    /// A file is no plain file, or of another size.
    #[error("{0} is not the file that was backed up: it is {1}")]
    Kind(PathBuf, &'static str),
    /// The folder was exchanged by somebody else.
    #[error("the backup directory was moved or replaced while it was written: {0} is not what was backed up")]
    Exchanged(PathBuf),
    /// A file is not what was backed up.
    #[error("{0} is not the file that was backed up: its hash does not match")]
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
            Self::Forged(_) | Self::Kind(..) => Code::BackupForged,
            Self::Exchanged(_) => Code::BackupExchanged,
        }
    }
}
