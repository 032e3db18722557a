//! The daemon: syncs the instances of all tenants of a data folder when they
//! are due.
//!
//! It keeps nothing in memory that counts. What is due is in the stores, and is
//! moved on only after a sync was made: a daemon that is killed, and another
//! one that is started, go on where the first one was.

mod event;
mod lock;
mod metrics;
mod queue;
mod registry;
mod status;
mod work;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use appsec_model::Timestamp;
use tokio::{
    runtime::Handle,
    task::{Id, JoinSet},
};

pub use self::{
    event::{DaemonEvent, DaemonProgress, TimedEvent},
    lock::DaemonInfo,
    status::StatusReport,
};
use self::{
    lock::DaemonLock,
    queue::{Candidate, pick},
    registry::Registry,
    work::{AGAIN, Ended, Work},
};
use crate::{
    error::Error,
    harness::Harness,
    webhook::{EventDispatcher, EventReceiver, EventSync, ListenOptions, WebhookHandler},
};
use appsec_grant::TenantId;
use tokio_util::sync::CancellationToken;

/// How often all tenants are looked at: what is new, or was scheduled anew,
/// waits so long at most.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How long syncs may take to come to the end of their pages when they are asked
/// to stop. One page is normalized within its limit of processor time.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// How a daemon works.
#[derive(Clone)]
pub struct DaemonOptions {
    /// Syncs at one time.
    pub parallel: usize,
    /// Make what is due, and end.
    pub once: bool,
    /// Stops it; syncs stop between two pages.
    pub stop: CancellationToken,
    /// Stops it at once.
    pub abort: CancellationToken,
    /// Where it listens for events of vendors; none for not at all.
    pub listen: Option<ListenOptions>,
    /// What happens.
    pub progress: DaemonProgress,
}

/// What a daemon did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DaemonReport {
    /// Syncs that came to their end.
    pub synced: u64,
    /// Those of them that lack something.
    pub partial: u64,
    /// Syncs that failed.
    pub failed: u64,
    /// Syncs that were due and not made: another process was at work on the
    /// instance, or the daemon was stopped.
    pub left: u64,
    /// Tenants that could not be looked at.
    pub broken: u64,
}

/// A daemon over a data folder: the only one as long as it is there.
pub struct Daemon {
    harness: Harness,
    options: DaemonOptions,
    events: Arc<WebhookHandler>,
    _lock: DaemonLock,
}

impl Daemon {
    /// Takes the data folder.
    pub fn new(harness: Harness, options: DaemonOptions) -> Result<Self, Error> {
        harness.refuse_network_file_system()?;
        let lock = DaemonLock::take(harness.data_dir(), options.parallel, harness.now())?;
        let events = Arc::new(WebhookHandler::new(harness.clone())?);
        Ok(Self { harness, options, events, _lock: lock })
    }

    /// Takes vendors' events in for it, where a server beside it has the address.
    pub fn event_receiver(&self) -> EventReceiver {
        EventReceiver::new(self.events.clone())
    }

    /// Works until it is stopped, or with `once` until nothing is due.
    pub async fn run(&self) -> Result<DaemonReport, Error> {
        let options = &self.options;
        let tell = &options.progress;
        let (told, made, lost) = (options.progress.clone(), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (synced, failed) = (made.clone(), lost.clone());
        let of_events = move |ended: &EventSync| {
            if let Some(event) = DaemonEvent::of_events(ended) {
                let sum = if matches!(event, DaemonEvent::EventsSynced { .. }) { &synced } else { &failed };
                sum.fetch_add(1, Ordering::Relaxed);
                told(event);
            }
        };
        let attendant = EventDispatcher::new(self.events.clone(), options.listen.as_ref(), Arc::new(of_events)).await?;
        tell(DaemonEvent::Started { pid: std::process::id(), parallel: options.parallel });
        if let Some(address) = attendant.address()? {
            tell(DaemonEvent::Listening { address: address.to_string() });
        }
        let report = if options.once {
            let report = self.keep_schedules().await;
            attendant.tell().await;
            report
        } else {
            let ended = CancellationToken::default();
            let word = async {
                tokio::select! {
                    () = options.stop.cancelled() => {}
                    () = options.abort.cancelled() => {}
                }
                ended.cancel();
            };
            let attending = attendant.run(&ended, &options.abort, STOP_WITHIN);
            tokio::join!(self.keep_schedules(), attending, word).0
        };
        let (of_events, lost) = (made.load(Ordering::Relaxed), lost.load(Ordering::Relaxed));
        tell(DaemonEvent::Ended { synced: report.synced + of_events, failed: report.failed + lost });
        Ok(report)
    }

    async fn keep_schedules(&self) -> DaemonReport {
        let options = &self.options;
        let tell = &options.progress;
        let mut registry = Registry::new(self.harness.clone(), tell.clone());
        let mut running: JoinSet<Ended> = JoinSet::new();
        let mut at_work: HashSet<(TenantId, i64)> = HashSet::new();
        let mut tasks: HashMap<Id, (TenantId, i64)> = HashMap::new();
        let mut done: HashSet<(TenantId, i64)> = HashSet::new();
        // When a sync ended of which nothing could be written down: a full disk
        // must not make a loop of it.
        let mut unnoted: HashMap<(TenantId, i64), Timestamp> = HashMap::new();
        let mut last: Option<TenantId> = None;
        let mut report = DaemonReport::default();
        let mut looked_at: Option<Timestamp> = None;
        while !options.stop.is_cancelled() && !options.abort.is_cancelled() {
            let now = self.harness.now();
            // A clock that was put back counts as well.
            let is_older = |at: Timestamp, than| at.as_micros().abs_diff(now.as_micros()) >= micros(than);
            if looked_at.is_none_or(|at| is_older(at, LOOK_EVERY)) {
                registry.look().await;
                looked_at = Some(now);
            }
            let free = |candidate: &Candidate| {
                let key = (candidate.tenant.clone(), candidate.instance_id);
                let waits = unnoted.get(&key).is_some_and(|at| !is_older(*at, AGAIN));
                !(at_work.contains(&key) || waits || options.once && done.contains(&key))
            };
            let mut waiting: Vec<Candidate> = registry.candidates(now).into_iter().filter(free).collect();
            while running.len() < options.parallel {
                let Some(chosen) = pick(&waiting, now, &at_work, last.as_ref()) else { break };
                let candidate = waiting.swap_remove(chosen);
                let key = (candidate.tenant.clone(), candidate.instance_id);
                last = Some(candidate.tenant.clone());
                if let Some(work) = registry.work(&candidate, options.stop.clone(), tell.clone()) {
                    at_work.insert(key.clone());
                    // On a thread of its own, of which there are `parallel`.
                    let (runtime, abort) = (Handle::current(), options.abort.clone());
                    let task = running.spawn_blocking(move || runtime.block_on(work.run_unless(&abort)));
                    tasks.insert(task.id(), key.clone());
                }
                done.insert(key);
            }
            if options.once && running.is_empty() {
                break;
            }
            let next = waiting.iter().map(|it| it.due.at).filter(|at| *at > now).min();
            let until_next = next.map(|at| Duration::from_micros(at.as_micros().abs_diff(now.as_micros())));
            let idle = until_next.unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
            tokio::select! {
                Some(ended) = running.join_next_with_id() => {
                    let task = ended.as_ref().map_or_else(|error| error.id(), |(task, _)| *task);
                    let Some(key) = tasks.remove(&task) else { continue };
                    let noted = match ended {
                        Ok((_, ended)) => {
                            report.add(&ended);
                            ended.noted
                        }
                        // A fault of this program: it is told by the panic itself.
                        Err(_) => {
                            report.failed += 1;
                            false
                        }
                    };
                    match noted {
                        true => _ = unnoted.remove(&key),
                        false => _ = unnoted.insert(key.clone(), self.harness.now()),
                    }
                    at_work.remove(&key);
                    registry.look_at(&key.0).await;
                }
                () = options.stop.cancelled() => {}
                () = options.abort.cancelled() => {}
                () = self.harness.options().waiter.wait(idle), if running.is_empty() || !options.once => {}
            }
        }
        self.stop(running, &mut report).await;
        report.broken = registry.broken();
        report
    }

    /// Lets the syncs come to the end of their pages, for some time.
    async fn stop(&self, mut running: JoinSet<Ended>, report: &mut DaemonReport) {
        if running.is_empty() {
            return;
        }
        (self.options.progress)(DaemonEvent::Stopping { running: running.len() });
        let ended = async {
            while let Some(ended) = running.join_next().await {
                if let Ok(ended) = ended {
                    report.add(&ended);
                }
            }
        };
        tokio::select! {
            () = ended => {}
            () = tokio::time::sleep(STOP_WITHIN) => {}
            () = self.options.abort.cancelled() => {}
        }
        // Whatever is left loses the pages under way, and nothing else.
        self.options.abort.cancel();
        while running.join_next().await.is_some() {}
    }
}

impl DaemonReport {
    fn add(&mut self, ended: &Ended) {
        match ended.whole {
            Some(whole) => {
                self.synced += 1;
                self.partial += u64::from(!whole);
            }
            None if ended.failed => self.failed += 1,
            None => self.left += 1,
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
