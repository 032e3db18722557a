//! Who is at work on an instance. The lock of a file is the truth: the system
//! lets go of it also when a process is killed. A row in the store says who
//! holds it, for other processes to show.

use std::{fs::File, time::Duration};

use appsec_model::Timestamp;
use tokio::task::JoinHandle;

use crate::{error::Error, tenant::Tenant};
use appsec_grant::InstanceName;
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
    beating: JoinHandle<()>,
    _lock: File,
}

/// Who is or was at work on an instance.
#[derive(Clone, Debug)]
pub struct Holder {
    /// What the store says.
    pub row: LeaseRow,
    /// Whether they still are; else they ended without a word.
    pub alive: bool,
}

/// The name of this machine.
pub(crate) fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

impl Tenant {
    /// Takes an instance for some work, such as `sync`, and writes down who has
    /// it. Where a process ended without giving it back, it is taken over.
    pub(crate) async fn lease(&self, instance: &Instance, work: &str) -> Result<Lease, Error> {
        let (instance_id, name) = (instance.id, &instance.made.name);
        let lock = match self.locked(name).await {
            Ok(lock) => lock,
            Err(Error::Locked) => {
                let row = self.store.read(move |store| store.lease(instance_id)).await?;
                return Err(row.map_or(Error::Locked, |row| Error::AtWork(row.to_string())));
            }
            Err(error) => return Err(error),
        };
        let row = LeaseRow {
            work: work.to_owned(),
            pid: std::process::id(),
            host: host_name(),
            started_at: self.harness.now(),
            beat_at: self.harness.now(),
        };
        let before = self.store.run(move |store| store.take_lease(instance_id, &row)).await?;
        if let Some(before) = before {
            tracing::warn!(instance_path = %format!("{}/{name}", self.id), last = %before, "taken over: the last one ended in the middle");
        }
        let (store, clock) = (self.store.clone(), self.harness.options().clock.clone());
        let beats = store.clone();
        let beating = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                let now: Timestamp = clock();
                // Nothing depends on it but what is shown.
                let _ = beats.run(move |store| store.beat_lease(instance_id, now)).await;
            }
        });
        Ok(Lease { store, instance_id, beating, _lock: lock })
    }

    async fn locked(&self, name: &InstanceName) -> Result<File, Error> {
        for _ in 1..TRIES {
            match self.lock(name) {
                Err(Error::Locked) => tokio::time::sleep(BETWEEN_TRIES).await,
                other => return other,
            }
        }
        self.lock(name)
    }

    /// Who is at work on an instance, or was and ended in the middle.
    pub async fn holder(&self, instance: &Instance) -> Result<Option<Holder>, Error> {
        let id = instance.id;
        let Some(row) = self.store.read(move |store| store.lease(id)).await? else { return Ok(None) };
        let alive = match self.lock(&instance.made.name) {
            Ok(_lock) => false,
            Err(Error::Locked) => true,
            Err(error) => return Err(error),
        };
        Ok(Some(Holder { row, alive }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.beating.abort();
        let id = self.instance_id;
        // A row that stays behind is told from one that counts by the lock.
        if let Err(error) = self.store.with(|store| store.release_lease(id)) {
            tracing::warn!(%error, "the store still says that an instance is worked on");
        }
    }
}
