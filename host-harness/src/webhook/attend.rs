//! What a daemon does about webhooks: takes events in, makes the syncs that
//! they lead to, and tells receivers what could not be told at once.
//!
//! What waits is in the stores: a daemon that is killed, and the next one, go on
//! where the first one was.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use appsec_model::Timestamp;
use futures_util::{StreamExt, stream};
use tokio::{
    runtime::Handle,
    task::{Id, JoinSet},
    time::{sleep, timeout},
};

use super::{
    listen::{ListenOptions, Listener},
    reception::WebhookHandler,
};
use crate::{error::Error, tenant::Tenant};
use appsec_grant::{InstanceName, TenantId};
use appsec_store::Run;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether an instance takes events, and with which
/// secret.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How often it is looked whether anything is to be told.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Tenants that are told of at one time.
const TELL_AT_ONCE: usize = 8;

/// Syncs of events at one time, beside those that are scheduled.
const AT_ONCE: usize = 2;

/// When events are tried again whose instance another process is at work on.
const AGAIN: Duration = Duration::from_secs(10);

/// A sync that events led to, as it ended.
pub(crate) struct EventSync {
    pub tenant: TenantId,
    pub instance: InstanceName,
    pub outcome: Result<Option<Run>, Error>,
}

/// Told of each of them.
pub(crate) type EventProgress = Arc<dyn Fn(&EventSync) + Send + Sync>;

/// Attends to the webhooks of all tenants.
pub(crate) struct EventDispatcher {
    reception: Arc<WebhookHandler>,
    listener: Option<Listener>,
    window: Duration,
    progress: EventProgress,
}

impl EventDispatcher {
    /// Listens, if it is to, and attends to what there is.
    pub async fn new(
        reception: Arc<WebhookHandler>,
        listen: Option<&ListenOptions>,
        progress: EventProgress,
    ) -> Result<Self, Error> {
        let listener = match listen {
            Some(options) => Some(Listener::bind(options, reception.clone()).await?),
            None => None,
        };
        let window = listen.map_or(ListenOptions::WINDOW, |options| options.window);
        Ok(Self { reception, listener, window, progress })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<Option<SocketAddr>, Error> {
        self.listener.as_ref().map(Listener::address).transpose()
    }

    /// Works until it is stopped, and syncs have ended `within` some time; `abort`
    /// ends it at once.
    pub async fn run(&self, stop: &CancellationToken, abort: &CancellationToken, within: Duration) {
        // Before the first request is answered.
        self.reception.look().await;
        let serving = async {
            if let Some(listener) = &self.listener {
                listener.serve(stop).await;
            }
        };
        let looking = async {
            loop {
                sleep(LOOK_EVERY).await;
                self.reception.look().await;
            }
        };
        let telling = async {
            loop {
                tell(&self.reception).await;
                sleep(TELL_EVERY).await;
            }
        };
        let until_stopped = async {
            tokio::select! {
                ((), ()) = async { tokio::join!(looking, telling) } => {}
                () = stop.cancelled() => {}
            }
        };
        tokio::join!(serving, self.syncs(stop, abort, within), until_stopped);
    }

    /// Tells what is due, once.
    pub async fn tell(&self) {
        self.reception.look().await;
        tell(&self.reception).await;
    }

    /// Makes the syncs of events that have waited for the window.
    async fn syncs(&self, stop: &CancellationToken, abort: &CancellationToken, within: Duration) {
        let reception = &self.reception;
        type Key = (TenantId, InstanceName);
        let mut running: JoinSet<EventSync> = JoinSet::new();
        let mut at_work: HashMap<Id, Key> = HashMap::new();
        let mut failed: HashMap<Key, Timestamp> = HashMap::new();
        while !stop.is_cancelled() {
            let mut soonest = LOOK_EVERY;
            for tenant in reception.tenants() {
                let waiting = match tenant.store().read(|store| store.waiting_events()).await {
                    Ok(waiting) => waiting,
                    Err(error) => {
                        tracing::warn!(tenant = %tenant.id(), %error, "events wait");
                        continue;
                    }
                };
                for it in waiting {
                    let (key, now) = ((tenant.id().clone(), it.instance), tenant.now());
                    if at_work.values().any(|it| *it == key) {
                        continue;
                    }
                    let again = failed.get(&key).map_or(Duration::ZERO, |at| left(*at, AGAIN, now));
                    let wait = left(it.since, self.window, now).max(again);
                    if !wait.is_zero() {
                        soonest = soonest.min(wait);
                    } else if running.len() < AT_ONCE {
                        let instance = key.1.clone();
                        // On a thread of its own, as scheduled syncs are.
                        let (runtime, tenant) = (Handle::current(), tenant.clone());
                        let (stop, abort) = (stop.clone(), abort.clone());
                        let task =
                            running.spawn_blocking(move || runtime.block_on(sync(tenant, instance, stop, &abort)));
                        at_work.insert(task.id(), key);
                    }
                }
            }
            tokio::select! {
                Some(ended) = running.join_next_with_id() => {
                    let task = ended.as_ref().map_or_else(|error| error.id(), |(task, _)| *task);
                    let Some(key) = at_work.remove(&task) else { continue };
                    // What panicked is a fault of this program: it is told by the panic itself.
                    match ended.as_ref().is_ok_and(|(_, ended)| ended.outcome.is_ok()) {
                        true => _ = failed.remove(&key),
                        false => _ = failed.insert(key, reception.now()),
                    }
                    if let Ok((_, ended)) = ended {
                        (self.progress)(&ended);
                    }
                }
                () = reception.news.notified() => {}
                () = sleep(soonest) => {}
                () = stop.cancelled() => {}
            }
        }
        let ending = async {
            // They were asked to stop between two pages.
            while let Some(ended) = running.join_next().await {
                if let Ok(ended) = ended {
                    (self.progress)(&ended);
                }
            }
        };
        if timeout(within, ending).await.is_err() {
            abort.cancel();
            while running.join_next().await.is_some() {}
        }
    }
}

/// Tells what is due, of some tenants at a time: a receiver that does not answer
/// keeps those of one tenant waiting at most.
async fn tell(reception: &WebhookHandler) {
    let tell = async |tenant: Tenant| {
        if let Err(error) = tenant.deliver(Duration::ZERO).await {
            tracing::warn!(tenant = %tenant.id(), %error, "webhooks are notified later");
        }
    };
    stream::iter(reception.tenants()).for_each_concurrent(TELL_AT_ONCE, tell).await;
}

async fn sync(tenant: Tenant, instance: InstanceName, stop: CancellationToken, abort: &CancellationToken) -> EventSync {
    let outcome = tokio::select! {
        outcome = tenant.sync_events(&instance, stop) => outcome,
        // The pages under way are lost, and the events go on waiting.
        () = abort.cancelled() => Ok(None),
    };
    EventSync { tenant: tenant.id().clone(), instance, outcome }
}

/// What is left of a time that began at some moment. A clock that was put back
/// keeps nobody waiting.
fn left(began: Timestamp, time: Duration, now: Timestamp) -> Duration {
    match u64::try_from(now.as_micros().saturating_sub(began.as_micros())) {
        Ok(gone) => time.saturating_sub(Duration::from_micros(gone)),
        Err(_) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use appsec_model::Timestamp;

    use super::left;

    #[test]
    fn a_clock_that_was_put_back_keeps_no_event_waiting() {
        let (at, window) = (Timestamp::from_micros, Duration::from_micros(100));
        assert_eq!(left(at(50), window, at(50)), window);
        assert_eq!(left(at(50), window, at(120)), Duration::from_micros(30));
        assert_eq!(left(at(50), window, at(150)), Duration::ZERO);
        assert_eq!(left(at(50), window, at(49)), Duration::ZERO);
    }
}
