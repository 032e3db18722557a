//! Deletion of instances and tenants, so that nothing of them is left behind.
//!
//! A deletion is irreversible, so that it takes two steps: a plan, and a
//! confirmation by name. Once it has begun it is finished: by this process, or
//! after a crash by whoever opens the tenant next.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{error::Error, harness::Harness, tenant::Tenant, vault::Vault};
use appsec_grant::{InstanceName, Secret, TenantId, files::open_regular};
use appsec_store::{DeletionPlan, DeletionProof, FindingStore, PendingDeletion, StoreError, contains};

/// What a folder of a tenant that is being deleted begins with: no name of a
/// tenant does.
const DELETED: &str = ".deleted-";

/// How much of a file is searched at one time.
const PIECE_BYTES: usize = 1 << 20;

/// What a deletion did, and the proof that nothing is left.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct DeletionReport {
    /// What was there.
    pub plan: DeletionPlan,
    /// What was searched afterwards, and what was found.
    pub proof: DeletionProof,
    /// Whether the secret was known, so that it could be searched for.
    pub searched_for_secret: bool,
    /// Files of the tenant that were searched for the secret.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl DeletionReport {
    /// Whether nothing is left.
    pub fn is_proven(&self) -> bool {
        self.proof.left.is_empty()
    }
}

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

impl Tenant {
    /// What the deletion of an instance would take away.
    pub async fn deletion_plan(&self, name: &InstanceName) -> Result<DeletionPlan, Error> {
        let instance = self.instance(name).await?;
        let mut plan = self.store.run(move |store| store.deletion_plan(instance.id)).await?;
        let sources = instance.made.secrets.iter();
        plan.secrets = sources.map(|(variable, source)| format!("{variable} from {source}")).collect();
        Ok(plan)
    }

    /// Deletes an instance and everything that it brought. `confirmed` is its
    /// name once more, given by a person.
    pub async fn delete_instance(
        &self,
        name: &InstanceName,
        confirmed: &InstanceName,
    ) -> Result<DeletionReport, Error> {
        if name != confirmed {
            return Err(Error::NotConfirmed { name: name.to_string(), confirmed: confirmed.to_string() });
        }
        let instance = self.instance(name).await?;
        let plan = self.deletion_plan(name).await?;
        // Only to search for them: without them the rest is proven all the same.
        let secrets = self.secrets(&instance, None).unwrap_or_default();
        let mut secrets: Vec<Secret> = secrets.into_iter().map(|(_, secret)| secret).collect();
        secrets.extend(self.webhook_secrets(&instance).await);
        let _lock = self.lock(name)?;
        let (now, folder, id) = (self.harness.now(), self.folder.clone(), self.id.clone());
        let report = self
            .store
            .run(move |store| {
                store.begin_deletion(instance.id, &plan, now)?;
                let pending = PendingDeletion { instance_id: instance.id, plan };
                Ok(match finish(store, &folder, id, pending, &secrets, now) {
                    Err(Error::Store(StoreError::Busy)) => Err(Error::DeletionWaits(instance.made.name)),
                    finished => finished,
                })
            })
            .await?;
        self.harness.forget_transport(&self.id, instance.id);
        report
    }
}

/// Finishes a deletion that has begun. Every step may be done twice.
fn finish(
    store: &mut FindingStore,
    folder: &Path,
    tenant: TenantId,
    pending: PendingDeletion,
    secrets: &[Secret],
    now: appsec_model::Timestamp,
) -> Result<DeletionReport, Error> {
    let PendingDeletion { instance_id, plan } = pending;
    let name: Option<InstanceName> = plan.instance.parse().ok();
    // Where the deletion had to wait, there may be another one of that name.
    let taken = match &name {
        Some(name) => {
            store.draft(name)?.is_some() || store.instance(name)?.is_some_and(|other| other.id != instance_id)
        }
        None => false,
    };
    // A vault that cannot be changed must not keep the tenant from being opened.
    let kept = name.filter(|_| !taken).and_then(|name| Vault::new(folder, tenant).remove(&name).err());
    store.delete_rows(instance_id, now)?;
    let texts: Vec<&[u8]> = secrets.iter().map(|secret| secret.reveal().as_bytes()).collect();
    let mut proof = store.shred_and_prove(instance_id, &texts, now)?;
    proof.left.extend(kept.map(|error| format!("its secrets, because {error}")));
    let lock = folder.join(format!("{}.lock", plan.instance));
    let searched = search_folder(folder, &texts).map_err(|error| Error::Folder(folder.to_owned(), error))?;
    proof.left.extend(searched.found.iter().map(|file| format!("a secret in the file {file}")));
    store.end_deletion(instance_id)?;
    match if taken { Ok(()) } else { fs::remove_file(&lock) } {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::Folder(lock, error)),
        _ => {}
    }
    Ok(DeletionReport {
        plan,
        proof,
        searched_for_secret: !texts.is_empty(),
        files: searched.files,
        bytes: searched.bytes,
    })
}

impl Harness {
    /// Finishes what a crash cut off: deletions of instances of this tenant.
    pub(crate) fn finish_deletions(&self, tenant: &Tenant) -> Result<(), Error> {
        while let Some(pending) = tenant.store.with(|store| store.pending_deletion())? {
            let name: InstanceName = match pending.plan.instance.parse() {
                Ok(name) => name,
                Err(_) => return Ok(()),
            };
            // Whoever deletes it right now also ends it.
            let Ok(_lock) = tenant.lock(&name) else { return Ok(()) };
            tracing::warn!(tenant = %tenant.id, instance = %name, "finishing a deletion that was cut off");
            let now = self.now();
            match tenant.store.with(|store| finish(store, &tenant.folder, tenant.id.clone(), pending, &[], now)) {
                Ok(report) if report.is_proven() => {
                    tracing::warn!(tenant = %tenant.id, instance = %name, "finished the deletion: nothing is left");
                }
                Ok(report) => {
                    let left = report.proof.left.join("; ");
                    tracing::error!(tenant = %tenant.id, instance = %name, left, "the deletion left something behind");
                }
                // Whoever reads or writes now does not keep the tenant from being opened: the next one finishes it.
                Err(Error::Store(StoreError::Busy)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What a tenant's deletion would take away, or, with its name given once
    /// more, the deletion itself.
    pub async fn delete_tenant(&self, id: &TenantId, confirmed: Option<&TenantId>) -> Result<TenantDeletion, Error> {
        let folder = self.tenant_folder(id);
        if !folder.is_dir() {
            return Err(Error::NoTenant(id.to_string()));
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
            locks.push(tenant.lock(name)?);
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

/// The files of a folder, held open to look at them when they have no name there
/// any more.
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
                open.push((entry.file_name().to_string_lossy().into_owned(), open_regular(&entry.path())?));
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

/// What was searched.
#[derive(Default)]
struct Searched {
    files: u64,
    bytes: u64,
    /// Names of files in which something was found.
    found: Vec<String>,
}

/// Searches every file of a folder for any of these texts.
fn search_folder(folder: &Path, texts: &[&[u8]]) -> io::Result<Searched> {
    let mut searched = Searched::default();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
                continue;
            }
            // A pipe or a device keeps nothing.
            if !entry.path().is_file() {
                continue;
            }
            searched.files += 1;
            searched.bytes += entry.metadata()?.len();
            if holds(&entry.path(), texts)? {
                searched.found.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    Ok(searched)
}

/// Whether a file holds any of these texts, read piece by piece.
fn holds(path: &Path, texts: &[&[u8]]) -> io::Result<bool> {
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    if longest == 0 {
        return Ok(false);
    }
    let mut file = open_regular(path)?;
    let mut held = Vec::new();
    loop {
        let before = held.len();
        file.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut held)?;
        if texts.iter().any(|text| contains(&held, text)) {
            return Ok(true);
        }
        if held.len() == before {
            return Ok(false);
        }
        // A text may lie on the border of two pieces.
        held.drain(..held.len().saturating_sub(longest - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, holds};

    #[test]
    fn a_text_on_the_border_of_two_pieces_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut content = vec![b'x'; PIECE_BYTES - 3];
        content.extend(b"t0ken");
        content.extend(vec![b'x'; PIECE_BYTES]);
        std::fs::write(&path, content).unwrap();
        assert!(holds(&path, &[b"t0ken"]).unwrap());
        assert!(!holds(&path, &[b"t0kem"]).unwrap());
        assert!(!holds(&path, &[]).unwrap());
    }
}
