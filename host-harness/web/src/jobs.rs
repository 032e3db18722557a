//! Syncs and imports that pages and the API begin: they go on in this process when
//! their request was answered, and end between two pages when it ends.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use host_harness::{
    CancellationToken, Error, RunList, Tenant,
    grant::{InstanceName, TenantId},
    ingest::{SyncEvent, SyncOptions},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot},
    task::JoinSet,
    time::timeout,
};

/// How long a request waits for the run of its sync: a vendor that asks to wait
/// lets it begin later.
const BEGINS_WITHIN: Duration = Duration::from_secs(15);

/// How long syncs may take to come to the end of their pages.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// What a sync is of.
type Key = (TenantId, InstanceName);

/// The syncs under way that were begun here.
#[derive(Default)]
pub(crate) struct Jobs {
    stops: Mutex<HashMap<Key, CancellationToken>>,
    running: Mutex<JoinSet<()>>,
}

impl Jobs {
    /// Begins a sync: its run, or none where it has not begun yet.
    pub async fn sync(
        self: &Arc<Self>,
        tenant: &Tenant,
        name: &InstanceName,
        options: SyncOptions,
    ) -> Result<Option<i64>, Error> {
        let instance = tenant.instance(name).await?;
        let begun = Arc::new(Notify::new());
        let (told, mut ended) = (begun.clone(), oneshot::channel());
        let progress = Arc::new(move |event: SyncEvent| match event {
            SyncEvent::Waiting { .. } | SyncEvent::Projects { .. } => {}
            _ => told.notify_one(),
        });
        let key = (tenant.id().clone(), name.clone());
        let (jobs, runtime, of) = (self.clone(), Handle::current(), tenant.clone());
        let stop = options.stop.clone();
        let work = move || {
            runtime.block_on(async {
                // Whoever is not the one at work on it cannot stop it, and leaves it
                // to the one who is.
                let is_first = match jobs.stops().entry(key.clone()) {
                    Entry::Vacant(free) => {
                        free.insert(stop);
                        true
                    }
                    Entry::Occupied(_) => false,
                };
                let outcome = of.sync(&key.1, None, options, progress).await;
                if is_first {
                    jobs.stops().remove(&key);
                }
                if let Err(error) = &outcome {
                    tracing::warn!(instance_path = %format!("{}/{}", key.0, key.1), error = error as &dyn std::error::Error, "a sync failed");
                }
                // Nobody may wait for it any more.
                _ = ended.0.send(outcome);
            });
        };
        {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            while running.try_join_next().is_some() {}
            running.spawn_blocking(work);
        }
        let first = async {
            tokio::select! {
                outcome = &mut ended.1 => match outcome {
                    Ok(outcome) => outcome.map(|run| Some(run.id)),
                    Err(_) => Err(Error::Stopped),
                },
                () = begun.notified() => Ok(tenant.work_of(&instance).await?.running.and_then(|it| it.run)),
            }
        };
        timeout(BEGINS_WITHIN, first).await.unwrap_or(Ok(None))
    }

    /// Stops a sync that was begun here, between two pages; whether there is one.
    fn stop(&self, tenant: &TenantId, name: &InstanceName) -> bool {
        match self.stops().get(&(tenant.clone(), name.clone())) {
            Some(stop) => {
                stop.cancel();
                true
            }
            None => false,
        }
    }

    /// Stops a run, if it is what goes on of its instance and was begun here.
    pub async fn stop_run(&self, tenant: &Tenant, id: i64) -> Result<Option<RunList>, Error> {
        let list = tenant.run(id, 0).await?;
        let Some(name) = list.runs.first().and_then(|run| run.instance.parse().ok()) else { return Ok(None) };
        let Ok(instance) = tenant.instance(&name).await else { return Ok(None) };
        let running = tenant.work_of(&instance).await?.running;
        let is_it = running.is_some_and(|it| it.alive && it.run == Some(id));
        Ok((is_it && self.stop(tenant.id(), &name)).then_some(list))
    }

    /// Whether a sync that was begun here is under way.
    pub fn is_running(&self, tenant: &TenantId, name: &InstanceName) -> bool {
        self.stops().contains_key(&(tenant.clone(), name.clone()))
    }

    /// Stops all of them, and waits until they have come to the end of their pages.
    pub async fn end(&self) {
        self.stops().values().for_each(CancellationToken::cancel);
        let mut running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        _ = timeout(STOP_WITHIN, async { while running.join_next().await.is_some() {} }).await;
    }

    fn stops(&self) -> MutexGuard<'_, HashMap<Key, CancellationToken>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
