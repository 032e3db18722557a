//! Deletion of instances, so that nothing of them is left behind.
//!
//! A deletion is irreversible, so that it takes two steps: a plan, and a
//! confirmation by name. Once it has begun it is finished: by this process, or
//! after a crash by whoever opens the tenant next.

mod parts;

use std::{fs, io, path::Path};

use serde::Serialize;

use super::Tenant;
use crate::{error::Error, search::search_folder, vault::Vault};
use appsec_grant::{InstanceName, Secret, TenantId};
use appsec_store::{AdminStore, DeletionPlan, DeletionProof, PendingDeletion, StoreError};

pub use parts::{DeletionEffect, DeletionPart, deletion_parts};

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

/// What `instance delete` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct InstanceDeletion {
    /// What goes and what stays.
    pub plan: DeletionPlan,
    /// What was done, and the proof that nothing is left; null without confirmation.
    pub report: Option<DeletionReport>,
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
        let report = self.run_on(name, "delete", async |instance| {
            let (now, folder, id) = (self.now(), self.folder.clone(), self.id.clone());
            let name = instance.made.name.clone();
            let deleted = self.store.run(move |store| {
                store.begin_deletion(instance.id, &plan, now)?;
                let pending = PendingDeletion { instance_id: instance.id, plan };
                Ok(finish(store, &folder, id, pending, &secrets, now))
            });
            match deleted.await? {
                Err(Error::Store(StoreError::Busy)) => Err(Error::DeletionWaits(name)),
                finished => finished,
            }
        });
        let report = report.await;
        self.host.forget_transport(&self.id, instance.id);
        report
    }

    /// Finishes what a crash cut off: deletions of its instances.
    pub(crate) fn finish_deletions(&self) -> Result<(), Error> {
        while let Some(pending) = self.store.run_now(|store| store.pending_deletion())? {
            let name: InstanceName = match pending.plan.instance.parse() {
                Ok(name) => name,
                Err(_) => return Ok(()),
            };
            // Whoever deletes it right now also ends it.
            let Ok(_held) = self.try_hold(&name) else { return Ok(()) };
            tracing::warn!(tenant = %self.id, instance = %name, "finishing a deletion that was cut off");
            let now = self.now();
            match self.store.run_now(|store| finish(store, &self.folder, self.id.clone(), pending, &[], now)) {
                Ok(report) if report.is_proven() => {
                    tracing::warn!(tenant = %self.id, instance = %name, "finished the deletion: nothing is left");
                }
                Ok(report) => {
                    let left = report.proof.left.join("; ");
                    tracing::error!(tenant = %self.id, instance = %name, left, "the deletion left something behind");
                }
                // Whoever reads or writes now does not keep the tenant from being opened: the next one finishes it.
                Err(Error::Store(StoreError::Busy)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Finishes a deletion that has begun. Every step may be done twice.
fn finish(
    store: &mut dyn AdminStore,
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
