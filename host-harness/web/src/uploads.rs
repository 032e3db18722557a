//! Where files lie that were sent, until they are imported.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use host_harness::{
    AdvisoryImport, Error,
    analysis::Advisories,
    grant::InstanceName,
    ingest::{ImportOptions, ImportReport},
};
use tempfile::{Builder, TempDir};

use crate::{answer::Fault, asked::Asked};

/// What the folders of servers begin with, in the data folder.
const PREFIX: &str = "uploads-";

/// A folder of this server, which goes with it.
pub(crate) struct Uploads {
    folder: TempDir,
    _lock: File,
}

impl Uploads {
    /// A folder of our own; those of servers that were killed are removed.
    pub fn new(data_dir: &Path) -> io::Result<Self> {
        for entry in fs::read_dir(data_dir)?.flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with(PREFIX)
                && File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok())
            {
                fs::remove_dir_all(path)?;
            }
        }
        let folder = Builder::new().prefix(PREFIX).tempdir_in(data_dir)?;
        let lock = File::create_new(folder.path().join("lock"))?;
        // A lock of a file that nobody else has is free.
        lock.try_lock().map_err(io::Error::other)?;
        Ok(Self { folder, _lock: lock })
    }

    /// A folder for one file, which goes with what is returned.
    pub fn scratch(&self) -> io::Result<TempDir> {
        TempDir::new_in(self.folder.path())
    }
}

/// Imports ratings of advisories from a file.
pub(crate) async fn rated(asked: &Asked, file: PathBuf) -> Result<AdvisoryImport, Fault> {
    let read = move || {
        let mut advisories = Advisories::default();
        let problems = advisories.read_path(&file)?;
        Ok::<_, io::Error>((advisories, problems.iter().map(ToString::to_string).collect::<Vec<_>>()))
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(|_| Fault::from(Error::Stopped))?;
    let (advisories, problems) = read.map_err(|error| Fault::field("file", &error.to_string()))?;
    Ok(asked.tenant.import_advisories(advisories, problems).await?)
}

/// Imports a file for a source; one of the name is made if there is none, and taken
/// back where the file is not imported.
pub(crate) async fn imported(
    asked: &Asked,
    name: &InstanceName,
    file: &Path,
    options: ImportOptions,
) -> Result<ImportReport, Fault> {
    let is_there = asked.tenant.instances().await?.iter().any(|it| it.made.name == *name);
    let made = if is_there { false } else { asked.tenant.source(name).await?.1 };
    let imported = asked.tenant.import(name, file, options, Arc::new(|_| ())).await;
    if made && imported.is_err() {
        asked.tenant.withdraw_unused(name).await?;
    }
    Ok(imported?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_server_that_was_killed_are_removed_and_those_of_another_one_stay() {
        let data = tempfile::tempdir().unwrap();
        let killed = Uploads::new(data.path()).unwrap();
        let (left, other) = (killed.folder.path().to_owned(), Uploads::new(data.path()).unwrap());
        std::mem::forget(killed.scratch().unwrap());
        let Uploads { folder, _lock } = killed;
        drop(_lock);
        let _ = folder.keep();
        let scratch = other.scratch().unwrap();
        assert!(left.exists());
        let next = Uploads::new(data.path()).unwrap();
        assert!(!left.exists() && scratch.path().exists() && next.scratch().is_ok());
        drop((scratch, other, next));
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
    }
}
