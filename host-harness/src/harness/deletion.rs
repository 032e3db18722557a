//! Deletion of tenants: a plan, and on confirmation by name the deletion with
//! its proof. Once begun it is finished, after a crash by the next start.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use serde::Serialize;

use super::Harness;
use crate::{error::Error, host::ACCESS_FILE, search::search_folder};
use appsec_grant::{InstanceName, TenantId, files::hold};
use appsec_store::DeletionPlan;

/// What a folder of a tenant that is being deleted begins with: no name of a
/// tenant does.
const DELETED: &str = ".deleted-";

/// What a tenant's deletion takes away.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TenantDeletion {
    /// Name of the tenant.
    pub tenant: String,
    /// Its instances.
    pub instances: Vec<DeletionPlan>,
    /// Its files.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Whether it was done.
    pub deleted: bool,
    /// Files of it whose content still exists afterwards, because they have a
    /// second name elsewhere.
    pub left: Vec<String>,
}

impl Harness {
    /// What a tenant's deletion would take away, or, with its name given once
    /// more, the deletion itself.
    pub async fn delete_tenant(&self, id: &TenantId, confirmed: Option<&TenantId>) -> Result<TenantDeletion, Error> {
        let folder = self.tenant_folder(id);
        if !folder.is_dir() {
            return Err(self.no_tenant(id));
        }
        if let Some(confirmed) = confirmed.filter(|confirmed| *confirmed != id) {
            return Err(Error::NotConfirmed { name: id.to_string(), confirmed: confirmed.to_string() });
        }
        no_links(&folder)?;
        let tenant = self.tenant(id.clone())?;
        let names: Vec<InstanceName> =
            tenant.store.run(|store| Ok(store.instances()?.into_iter().map(|it| it.made.name).collect())).await?;
        let mut instances = Vec::new();
        // Nobody works on any of them, and nobody begins to.
        let mut locks = Vec::new();
        for name in &names {
            instances.push(tenant.deletion_plan(name).await?);
            locks.push(tenant.hold(name).await?);
        }
        drop(tenant);
        let failed = |error| Error::Folder(folder.clone(), error);
        let held = search_folder(&folder, &[]).map_err(failed)?;
        let deleted = confirmed.is_some();
        let mut left = Vec::new();
        if deleted {
            let open = opened(&folder).map_err(failed)?;
            // From here on it is no tenant any more; a crash leaves a folder
            // that the next start removes.
            let gone = folder.with_file_name(format!("{DELETED}{id}"));
            fs::rename(&folder, &gone).map_err(failed)?;
            fs::remove_dir_all(&gone).map_err(failed)?;
            // Whoever makes a tenant of that name gives out tokens anew.
            if self.data_dir().join(ACCESS_FILE).exists() {
                self.access()?.forget_tokens(id).await?;
            }
            left = open.into_iter().filter(|(_, file)| exists(file)).map(|(name, _)| name).collect();
        }
        Ok(TenantDeletion { tenant: id.to_string(), instances, files: held.files, bytes: held.bytes, deleted, left })
    }

    /// Removes the folders of tenants whose deletion was cut off.
    pub(crate) fn sweep_tenants(&self) -> Result<(), Error> {
        let tenants = self.data_dir().join("tenants");
        let Ok(entries) = fs::read_dir(&tenants) else { return Ok(()) };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(DELETED) {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(|error| Error::Folder(path, error))?;
            }
        }
        Ok(())
    }
}

/// Makes sure that all of a folder is where it seems to be: what a link leads to
/// would stay behind.
fn no_links(folder: &Path) -> Result<(), Error> {
    let failed = |error| Error::Folder(folder.to_owned(), error);
    let mut paths = vec![folder.to_owned()];
    while let Some(path) = paths.pop() {
        let kind = path.symlink_metadata().map_err(failed)?.file_type();
        if kind.is_symlink() {
            return Err(Error::LinkedFiles(path));
        }
        if kind.is_dir() {
            for entry in fs::read_dir(&path).map_err(failed)? {
                paths.push(entry.map_err(failed)?.path());
            }
        }
    }
    Ok(())
}

/// The files of a folder, held to look at them when they have no name there any
/// more.
fn opened(folder: &Path) -> io::Result<Vec<(String, File)>> {
    let mut open = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                open.push((entry.file_name().to_string_lossy().into_owned(), hold(&entry.path())?));
            }
        }
    }
    Ok(open)
}

/// Whether a file has a name anywhere.
#[cfg(unix)]
fn exists(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|it| it.nlink() > 0)
}

/// Elsewhere a file that is open cannot be taken away.
#[cfg(not(unix))]
fn exists(_: &File) -> bool {
    false
}
