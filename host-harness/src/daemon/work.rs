//! One scheduled sync, and what its end means for the schedule.

use std::{sync::Arc, time::Duration};

use appsec_model::Timestamp;

use super::{DaemonEvent, DaemonProgress};
use crate::{error::Error, tenant::Tenant};
use appsec_grant::TenantId;
use appsec_ingest::SyncOptions;
use appsec_store::{Due, Run, RunMode, RunState, ScheduleRow, backoff};
use tokio_util::sync::CancellationToken;

/// When an instance is looked at again that another process is at work on, or
/// of whose sync nothing could be written down.
pub(super) const AGAIN: Duration = Duration::from_secs(60);

/// A sync that is due.
pub(super) struct Work {
    pub tenant: Tenant,
    pub row: ScheduleRow,
    pub due: Due,
    pub stop: CancellationToken,
    pub progress: DaemonProgress,
}

/// How it ended.
pub(super) struct Ended {
    pub tenant: TenantId,
    /// Whether its run lacks nothing; none where there is no run to tell of.
    pub whole: Option<bool>,
    pub failed: bool,
    /// Whether the schedule knows of it.
    pub noted: bool,
}

impl Work {
    /// Syncs, unless it is to end at once.
    pub async fn run_unless(self, abort: &CancellationToken) -> Ended {
        tokio::select! {
            ended = self.run() => ended,
            () = abort.cancelled() => {
                (self.progress)(DaemonEvent::SyncStopped { instance_path: self.instance_path() });
                self.ended()
            }
        }
    }

    fn ended(&self) -> Ended {
        Ended { tenant: self.tenant.id().clone(), whole: None, failed: false, noted: true }
    }

    async fn run(&self) -> Ended {
        let mut ended = self.ended();
        (self.progress)(DaemonEvent::SyncStarted {
            instance_path: self.instance_path(),
            full: self.due.full,
            due_at: self.due.at,
        });
        let options = SyncOptions {
            incremental: !self.due.full,
            full: self.due.full,
            scheduled: true,
            stop: self.stop.clone(),
            ..SyncOptions::default()
        };
        let outcome = self.tenant.sync(&self.row.instance, None, options, Arc::new(|_| ())).await;
        let noted = match outcome {
            Ok(run) if run.state != RunState::Failed => {
                ended.whole = Some(run.is_whole());
                self.done(run).await
            }
            Ok(run) => {
                ended.failed = true;
                self.failed(run.message.unwrap_or_default()).await
            }
            Err(Error::Ingest(appsec_ingest::Error::Stopped)) => {
                (self.progress)(DaemonEvent::SyncStopped { instance_path: self.instance_path() });
                Ok(())
            }
            Err(error @ (Error::Locked | Error::AtWork(_))) => self.postponed(error.to_string()).await,
            Err(error) => {
                ended.failed = true;
                self.failed(error.to_string()).await
            }
        };
        if let Err(error) = noted {
            ended.noted = false;
            (self.progress)(DaemonEvent::Broken { tenant: ended.tenant.to_string(), why: error.to_string() });
        }
        ended
    }

    fn instance_path(&self) -> String {
        format!("{}/{}", self.tenant.id(), self.row.instance)
    }

    async fn done(&self, run: Run) -> Result<(), Error> {
        let (id, full, now) = (self.row.instance_id, run.mode == RunMode::Full, self.tenant.now());
        let next = self.row.plan.next(&self.instance_path(), now, self.row.anchor);
        let remark = run.message.clone();
        let row = self.tenant.store().run(move |store| {
            store.schedule_done(id, full, next, remark.as_deref())?;
            store.schedule(id)
        });
        let next_at = row.await?.and_then(|row| row.next_due(&self.instance_path(), now)).map(|due| due.at);
        (self.progress)(DaemonEvent::SyncEnded {
            instance_path: self.instance_path(),
            run: run.id,
            mode: run.mode.as_str().to_owned(),
            state: run.state.as_str().to_owned(),
            new: run.counts.new,
            changed: run.counts.changed,
            vanished: run.counts.vanished,
            rejected: run.counts.rejected,
            why: run.message,
            next_at,
        });
        Ok(())
    }

    async fn failed(&self, why: String) -> Result<(), Error> {
        let (id, now, told) = (self.row.instance_id, self.tenant.now(), why.clone());
        let noted = self.tenant.store().run(move |store| {
            let failures = store.schedule_failed(id, &told)?;
            let again_at = later(now, backoff(failures));
            store.schedule_later(id, again_at, &told)?;
            Ok((failures, again_at))
        });
        let (failures, again_at) = noted.await?;
        (self.progress)(DaemonEvent::SyncFailed { instance_path: self.instance_path(), why, failures, again_at });
        Ok(())
    }

    async fn postponed(&self, why: String) -> Result<(), Error> {
        let (id, again_at, told) = (self.row.instance_id, later(self.tenant.now(), AGAIN), why.clone());
        self.tenant.store().run(move |store| store.schedule_later(id, again_at, &told)).await?;
        (self.progress)(DaemonEvent::Postponed { instance_path: self.instance_path(), why, again_at });
        Ok(())
    }
}

fn later(now: Timestamp, time: Duration) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}
