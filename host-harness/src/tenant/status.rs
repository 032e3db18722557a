//! How the instances of a tenant are: read from the store, by any process.

use appsec_model::Timestamp;
use serde::Serialize;

use super::Tenant;
use crate::error::Error;
use appsec_store::{Instance, LeaseRow, Run, RunMode, RunState};

/// What is done with an instance, and when.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct InstanceWork {
    /// Name of the tenant.
    pub tenant: String,
    /// Name of the instance.
    pub instance: String,
    /// When it is synced, in words; none where only somebody asks for it.
    pub schedule: Option<String>,
    /// Whether the schedule is paused.
    pub paused: bool,
    /// Process that works on it now, or was interrupted.
    pub running: Option<RunningWork>,
    /// Its last run that came to an end.
    pub last_run: Option<LastRun>,
    /// When the next sync is due; the time may have gone by.
    pub next_at: Option<Timestamp>,
    /// Whether the next one reads everything.
    pub next_full: bool,
    /// When everything is read next.
    pub next_full_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// Why it is not as planned.
    pub waiting: Option<String>,
}

/// Work that is under way.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RunningWork {
    /// Who.
    #[serde(flatten)]
    pub holder: LeaseRow,
    /// Whether the process is still alive; if not, it was interrupted, and the next sync
    /// goes on there.
    pub alive: bool,
    /// The run, once it has begun.
    pub run: Option<i64>,
    /// Its pages so far.
    pub pages: u64,
    /// The records in them.
    pub records: u64,
}

/// A run that came to an end.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct LastRun {
    /// Its number.
    pub id: i64,
    /// What it read.
    pub mode: RunMode,
    /// How it ended.
    pub state: RunState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it is not complete.
    pub message: Option<String>,
}

impl From<Run> for LastRun {
    fn from(run: Run) -> Self {
        let Run { id, mode, state, started_at, finished_at, message, .. } = run;
        Self { id, mode, state, started_at, finished_at, message }
    }
}

impl Tenant {
    /// How all instances are.
    pub async fn work(&self) -> Result<Vec<InstanceWork>, Error> {
        let instances = self.store().read(|store| store.instances()).await?;
        let mut work = Vec::with_capacity(instances.len());
        for instance in instances {
            work.push(self.work_of(&instance).await?);
        }
        Ok(work)
    }

    /// How an instance is.
    pub async fn work_of(&self, instance: &Instance) -> Result<InstanceWork, Error> {
        let id = instance.id;
        let (schedule, current, last) = self
            .store()
            .read(move |store| Ok((store.schedule(id)?, store.current_run(id)?, store.last_ended_run(id)?)))
            .await?;
        let holder = self.holder(instance).await?;
        let (instance_path, now) = (format!("{}/{}", self.id(), instance.made.name), self.now());
        let due = schedule.as_ref().and_then(|it| it.next_due(&instance_path, now));
        Ok(InstanceWork {
            tenant: self.id().to_string(),
            instance: instance.made.name.to_string(),
            schedule: schedule.as_ref().map(|it| it.plan.to_string()),
            paused: schedule.as_ref().is_some_and(|it| it.paused),
            running: holder.map(|holder| RunningWork {
                holder: holder.row,
                alive: holder.alive,
                run: current.as_ref().map(|run| run.id),
                pages: current.as_ref().map_or(0, |run| run.counts.pages),
                records: current.as_ref().map_or(0, |run| run.counts.records),
            }),
            last_run: last.map(LastRun::from),
            next_at: due.map(|due| due.at),
            next_full: due.is_some_and(|due| due.full),
            next_full_at: schedule.as_ref().and_then(|it| it.next_times(&instance_path, now).full),
            failures: schedule.as_ref().map_or(0, |it| it.failures),
            waiting: schedule.and_then(|it| it.waiting),
        })
    }
}
