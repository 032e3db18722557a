//! A store that is gone afterwards, with a connector set up in it.

use std::sync::{Arc, Mutex, PoisonError};

use appsec_conformance::{Stage, Synced};
use appsec_grant::{InstanceName, NameError, TenantId, with_causes};
use appsec_ingest::{Progress, RenormalizeOptions, SyncOptions};
use appsec_store::{Instance, Run, RunState};
use tempfile::TempDir;

use super::Harness;
use crate::{
    error::Error,
    host::Options,
    tenant::{Setup, Tenant},
};

/// A host of its own, over a folder that is removed with it.
pub(super) struct Scratch {
    harness: Harness,
    _folder: TempDir,
}

impl Harness {
    /// A host that works like this, over an empty folder and on the same engine.
    pub(super) fn scratch(&self, options: Options) -> Result<Scratch, Error> {
        let folder = tempfile::tempdir().map_err(|error| Error::Folder(std::env::temp_dir(), error))?;
        let options = Options { data_dir: folder.path().join("data"), ..options };
        Ok(Scratch { harness: Self { host: self.host.beside(options)? }, _folder: folder })
    }
}

impl Scratch {
    /// Sets a connector up in a tenant, and connects it. What recorded answers
    /// lack is why that fails, if it does.
    pub async fn connect(&self, tenant: TenantId, setup: Setup) -> Result<(Tenant, Instance), Error> {
        let tenant = self.harness.tenant(tenant)?;
        match tenant.add_instance(setup, true).await {
            Ok(instance) => Ok((tenant, instance)),
            Err(error) => Err(tenant.unanswered().unwrap_or(error)),
        }
    }

    /// Syncs it.
    pub async fn sync(
        &self,
        tenant: &Tenant,
        name: &InstanceName,
        options: SyncOptions,
        progress: Progress,
    ) -> Result<Run, Error> {
        let outcome = tenant.sync(name, None, options, progress).await;
        match outcome.as_ref().map(Run::is_whole) {
            Ok(true) => outcome,
            _ => tenant.unanswered().map_or(outcome, Err),
        }
    }
}

/// The stage on which a connector is judged over more than one sync.
pub(super) struct ScratchStage {
    scratch: Scratch,
    setup: Box<dyn Fn(InstanceName) -> Setup + Send + Sync>,
    tenants: Mutex<Vec<Tenant>>,
}

impl ScratchStage {
    pub fn new(scratch: Scratch, setup: impl Fn(InstanceName) -> Setup + Send + Sync + 'static) -> Self {
        Self { scratch, setup: Box::new(setup), tenants: Mutex::default() }
    }

    fn current(&self) -> Result<(Tenant, InstanceName), String> {
        let tenant = self.tenants.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
        Ok((tenant.ok_or("nothing is set up")?, name()?))
    }
}

fn name() -> Result<InstanceName, String> {
    "connector".parse().map_err(|error: NameError| error.to_string())
}

impl Stage for ScratchStage {
    async fn reset(&self) -> Result<(), String> {
        let number = self.tenants.lock().unwrap_or_else(PoisonError::into_inner).len() + 1;
        let tenant = format!("conformance-{number}").parse().map_err(|error: NameError| error.to_string())?;
        let (tenant, _) =
            self.scratch.connect(tenant, (self.setup)(name()?)).await.map_err(|error| with_causes(&error))?;
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).push(tenant);
        Ok(())
    }

    async fn sync(&self) -> Result<Synced, String> {
        let (tenant, name) = self.current()?;
        let run = self
            .scratch
            .sync(&tenant, &name, SyncOptions::default(), Arc::new(|_| ()))
            .await
            .map_err(|error| with_causes(&error))?;
        let counts = &run.counts;
        Ok(Synced {
            is_complete: run.state == RunState::Complete,
            requests: counts.requests,
            new: counts.new,
            changed: counts.changed,
            vanished: counts.vanished,
            unchanged: counts.unchanged,
        })
    }

    async fn renormalize(&self) -> Result<u64, String> {
        let (tenant, name) = self.current()?;
        let options = RenormalizeOptions { dry_run: true, ..RenormalizeOptions::default() };
        let report = tenant.renormalize(&name, options, Arc::new(|_| ())).await.map_err(|error| with_causes(&error))?;
        Ok(report.changed + report.gained + report.lost)
    }
}
