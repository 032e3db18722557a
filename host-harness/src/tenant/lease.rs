//! Who is at work on an instance. The lock of a file is the truth: the system
//! lets go of it also when a process is killed. A row in the store says who
//! holds it, for other processes to show.

use std::{
    fs::{File, TryLockError},
    time::Duration,
};

use appsec_model::Timestamp;
use tokio::task::JoinSet;

use super::Tenant;
use crate::{error::Error, host::machine};
use appsec_grant::{InstanceName, files::open_private};
use appsec_store::{Instance, LeaseRow, SharedStore};

/// How often a holder says that it is there.
const BEAT: Duration = Duration::from_secs(10);

/// A lock may be held for a moment by a process that only looks whether it is
/// free: it is asked for again so often, this far apart.
const TRIES: u32 = 4;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// The right to work on an instance, until it is dropped.
pub(crate) struct Lease {
    store: SharedStore,
    instance_id: i64,
    _beating: JoinSet<()>,
    _name: Held,
}

/// Who is or was at work on an instance.
#[derive(Clone, Debug)]
pub struct Holder {
    /// What the store says.
    pub row: LeaseRow,
    /// Whether they still are; else they ended without a word.
    pub alive: bool,
}

/// A name that nobody else works under, until it is dropped.
pub(crate) struct Held {
    _lock: File,
}

impl Tenant {
    /// Works on an instance that nobody else works on: takes the lease, reads
    /// the instance again, works, brings up to date what is derived from
    /// findings, and sends what is to be sent of the run.
    pub(super) async fn run_on<T, F>(
        &self,
        name: &InstanceName,
        work: &str,
        body: impl FnOnce(Instance) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (lease, instance) = self.leased_instance(name, work).await?;
        let instance_id = instance.id;
        let outcome = body(instance).await;
        let refreshed = self.refresh().await;
        if refreshed.is_ok() {
            self.report_violations(instance_id).await;
        }
        self.deliver_after_run(lease).await;
        let value = outcome?;
        refreshed?;
        Ok(value)
    }

    /// An instance with the right to work on it.
    async fn leased_instance(&self, name: &InstanceName, work: &str) -> Result<(Lease, Instance), Error> {
        let known = self.instance(name).await?;
        let lease = self.lease(&known, work).await?;
        // It may have been changed before the lease was there.
        Ok((lease, self.instance(name).await?))
    }

    /// Takes an instance for some work, such as `sync`, and writes down who has
    /// it. Where a process ended without giving it back, it is taken over.
    pub(crate) async fn lease(&self, instance: &Instance, work: &str) -> Result<Lease, Error> {
        let (instance_id, name) = (instance.id, &instance.made.name);
        let held = match self.hold(name).await {
            Ok(held) => held,
            Err(Error::Locked) => {
                let row = self.store.read(move |store| store.lease(instance_id)).await?;
                return Err(row.map_or(Error::Locked, |row| Error::AtWork(row.to_string())));
            }
            Err(error) => return Err(error),
        };
        let row = LeaseRow {
            work: work.to_owned(),
            pid: std::process::id(),
            host: machine(),
            started_at: self.now(),
            beat_at: self.now(),
        };
        let before = self.store.run(move |store| store.take_lease(instance_id, &row)).await?;
        if let Some(before) = before {
            // Whoever goes on with it says so.
            tracing::info!(instance_path = %format!("{}/{name}", self.id), last = %before, "a process ended without finishing");
        }
        let (store, clock) = (self.store.clone(), self.host.options().clock.clone());
        let beats = store.clone();
        let mut beating = JoinSet::new();
        beating.spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                let now: Timestamp = clock();
                // Nothing depends on it but what is shown.
                let _ = beats.run(move |store| store.beat_lease(instance_id, now)).await;
            }
        });
        Ok(Lease { store, instance_id, _beating: beating, _name: held })
    }

    /// Keeps others from working under a name, also of an instance that is not
    /// there yet, or soon no more.
    pub(crate) async fn hold(&self, name: &InstanceName) -> Result<Held, Error> {
        for _ in 1..TRIES {
            match self.try_hold(name) {
                Err(Error::Locked) => self.host.options().waiter.wait(BETWEEN_TRIES).await,
                other => return other,
            }
        }
        self.try_hold(name)
    }

    /// The same, where nobody has it at this very moment. Other processes are
    /// kept away as long as the file is open; the system lets go of it also when
    /// this process is killed.
    pub(super) fn try_hold(&self, name: &InstanceName) -> Result<Held, Error> {
        let path = self.folder.join(format!("{name}.lock"));
        let failed = |error| Error::Lock(path.clone(), error);
        let file = open_private(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Held { _lock: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Who is at work on an instance, or was and ended in the middle.
    pub async fn holder(&self, instance: &Instance) -> Result<Option<Holder>, Error> {
        let id = instance.id;
        let Some(row) = self.store.read(move |store| store.lease(id)).await? else { return Ok(None) };
        let alive = match self.try_hold(&instance.made.name) {
            Ok(_held) => false,
            Err(Error::Locked) => true,
            Err(error) => return Err(error),
        };
        Ok(Some(Holder { row, alive }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let id = self.instance_id;
        // A row that stays behind is told from one that counts by the lock.
        if let Err(error) = self.store.run_now(|store| store.release_lease(id)) {
            tracing::warn!(%error, "the store still says that an instance is worked on");
        }
    }
}

#[cfg(test)]
mod tests;
