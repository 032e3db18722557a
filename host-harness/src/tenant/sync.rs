//! Syncs, imports and renormalizations of an instance.

use std::{path::Path, sync::Arc};

use super::{Tenant, session::require_accepted};
use crate::error::Error;
use appsec_grant::{InstanceName, SecretSource};
use appsec_ingest::{
    CompleteFile, Import, ImportOptions, ImportProgress, ImportReport, Progress, Renormalize, RenormalizeOptions,
    RenormalizeProgress, RenormalizeReport, SyncOptions,
};
use appsec_store::{AdminStore, Instance, InstanceStatus, Refreshed, Run, RunState};

impl Tenant {
    /// Brings an instance's findings up to date, or goes on where the last
    /// sync was cut off.
    pub async fn sync(
        &self,
        name: &InstanceName,
        secret: Option<SecretSource>,
        options: SyncOptions,
        progress: Progress,
    ) -> Result<Run, Error> {
        self.run_on(name, "sync", |instance| self.sync_instance(instance, secret, options, progress)).await
    }

    async fn sync_instance(
        &self,
        instance: Instance,
        secret: Option<SecretSource>,
        options: SyncOptions,
        progress: Progress,
    ) -> Result<Run, Error> {
        let (id, name) = (instance.id, instance.made.name.clone());
        require_accepted(&instance)?;
        if instance.paused.is_some() {
            return Err(Error::Paused(name));
        }
        let loaded = self.loaded(&instance).await?;
        let secrets = self.secrets(&instance, secret.as_ref())?;
        let watch = self.host.metrics().sync(&self.id, &name);
        let progress = watch.beside(progress);
        let outcome = self.sync_of(&loaded, instance, secrets, progress, &options)?.run(options).await;
        watch.ended(outcome.as_ref());
        match &outcome {
            Ok(run) => {
                let (now, detail) = (self.now(), run.message.clone());
                let (status, detail) = match run.state {
                    RunState::Complete => (InstanceStatus::Connected, None),
                    RunState::Running | RunState::Partial | RunState::Failed => (InstanceStatus::Degraded, detail),
                };
                let noted = move |store: &mut dyn AdminStore| {
                    store.set_instance_status(id, status, detail.as_deref(), None, now)
                };
                self.store.run(noted).await?;
            }
            Err(error) => self.note(id, error).await?,
        }
        Ok(outcome?)
    }

    /// Takes in what a file holds, or goes on where an import of the same file
    /// was cut off.
    pub async fn import(
        &self,
        name: &InstanceName,
        file: &Path,
        options: ImportOptions,
        progress: ImportProgress,
    ) -> Result<ImportReport, Error> {
        self.run_on(name, "import", async |instance| {
            let native = instance.is_report_source();
            let loaded = if native { None } else { Some(self.loaded(&instance).await?) };
            let id = instance.id;
            let import = self.import_of(instance, options, progress);
            let Some(loaded) = loaded else {
                let report = import.run_report(file).await?;
                let (connected, now) = (InstanceStatus::Connected, self.now());
                self.store.run(move |store| store.set_instance_status(id, connected, None, None, now)).await?;
                return Ok(report);
            };
            Ok(import.run(&loaded.connector, file).await?)
        })
        .await
    }

    /// What a file is that is to be imported as a complete one, together with
    /// others ([`ImportOptions::beside`]). Nothing of it is stored.
    pub async fn survey(
        &self,
        name: &InstanceName,
        file: &Path,
        options: ImportOptions,
    ) -> Result<CompleteFile, Error> {
        let instance = self.instance(name).await?;
        let loaded = if instance.is_report_source() { None } else { Some(self.loaded(&instance).await?) };
        let import = self.import_of(instance, options, Arc::new(|_| ()));
        Ok(match loaded {
            None => import.survey_report(file).await?,
            Some(loaded) => import.survey(&loaded.connector, file).await?,
        })
    }

    fn import_of(&self, instance: Instance, options: ImportOptions, progress: ImportProgress) -> Import {
        Import {
            store: self.store.ingest(),
            instance_path: format!("{}/{}", self.id, instance.made.name),
            instance,
            clock: self.host.options().clock.clone(),
            progress,
            options,
        }
    }

    /// Normalizes the stored records of an instance again, with its connector
    /// as it is now.
    pub async fn renormalize(
        &self,
        name: &InstanceName,
        options: RenormalizeOptions,
        progress: RenormalizeProgress,
    ) -> Result<RenormalizeReport, Error> {
        self.run_on(name, "renormalize", async |instance| {
            let loaded = match &options.connector {
                Some(_) if !options.dry_run => return Err(Error::OnlyOwnConnector(name.clone())),
                Some(other) => self.loaded_from(&instance, other).await?,
                None => self.loaded(&instance).await?,
            };
            let renormalize = Renormalize {
                store: self.store.ingest(),
                connector: loaded.connector,
                connector_version: loaded.manifest.version.clone(),
                instance_path: format!("{}/{name}", self.id),
                instance,
                clock: self.host.options().clock.clone(),
                options: options.clone(),
                progress,
            };
            Ok(renormalize.run().await?)
        })
        .await
    }

    /// Brings up to date what is derived from findings that changed. Whatever
    /// changes findings ends with it; what a crash left undone is done by the
    /// next one.
    pub async fn refresh(&self) -> Result<Refreshed, Error> {
        let now = self.now();
        Ok(self.store.run(move |store| store.refresh(now)).await?)
    }
}
