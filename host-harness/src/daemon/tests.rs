//! The daemon over the simulated vendor, with a clock that the test moves.

use std::{
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use appsec_model::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use vendor_sim::{Effect, Fault, Match, Simulator, World, WorldShape};

use super::{Daemon, DaemonEvent, DaemonOptions, DaemonReport, Registry};
use crate::{
    bundled::BUNDLED,
    harness::Harness,
    host::Options,
    tenant::{InstanceWork, Setup, Tenant},
};
use appsec_grant::SecretSource;
use appsec_ingest::{RetryPolicy, Sleep, SyncOptions, Vanishing};
use appsec_store::{ConnectorSource, Plan, Run, RunMode, RunState, StoreError};
use tokio_util::sync::CancellationToken;

const HOUR: i64 = 3_600_000_000;

struct Desk {
    harness: Harness,
    simulator: Simulator,
    clock: Arc<AtomicI64>,
    events: Arc<Mutex<Vec<DaemonEvent>>>,
    folder: TempDir,
}

fn small() -> WorldShape {
    WorldShape { projects: 3, sast: 150, sca: 30, damaged_per_10_000: 0, ..WorldShape::default() }
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "sim-token").unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        // Compiled code is the same for all tests: it is kept beside the build.
        #[cfg(unix)]
        {
            let common = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/code");
            std::fs::create_dir_all(&common).unwrap();
            std::os::unix::fs::symlink(common, data_dir.join("cache")).unwrap();
        }
        let start: Timestamp = "2026-10-31T00:00:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(start.as_micros()));
        let now = clock.clone();
        let retry = RetryPolicy { tries: 1, ..RetryPolicy::default() };
        let harness = Harness::new(Options {
            retry,
            clock: Arc::new(move || Timestamp::from_micros(now.load(Ordering::SeqCst))),
            ..Options::new(data_dir)
        });
        let simulator = Simulator::start(World::new(small()), vendor_sim::Options::default()).unwrap();
        Self { harness, simulator, clock, events: Arc::default(), folder }
    }

    fn tenant(&self, name: &str) -> Tenant {
        self.harness.tenant(name.parse().unwrap()).unwrap()
    }

    /// An instance with a schedule: every hour, and everything every week.
    async fn scheduled(&self, tenant: &Tenant, name: &str) {
        let url = self.simulator.url();
        let settings = json!({ "origin": url, "branches": "all", "duplicates": "merged", "page_size": 100 });
        let setup = Setup {
            name: name.parse().unwrap(),
            connector: ConnectorSource::Bundled { id: BUNDLED[0].id.to_owned() },
            settings: settings.as_object().unwrap().clone(),
            allow_origins: vec![],
            allow_private_origins: vec![url.parse().unwrap()],
            secret: Some(SecretSource::File { path: self.folder.path().join("token") }),
            store_secret: false,
            proxy: None,
        };
        let instance = tenant.add_instance(setup, true).await.unwrap();
        let plan = Plan {
            sync: Some("every 1h".parse().unwrap()),
            full: Some("every 7d".parse().unwrap()),
            ..Plan::default()
        };
        tenant.schedule(&instance, plan).await.unwrap();
    }

    fn later(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::SeqCst);
    }

    fn options(&self, parallel: usize) -> DaemonOptions {
        let events = self.events.clone();
        DaemonOptions {
            listen: None,
            parallel,
            once: true,
            stop: CancellationToken::default(),
            abort: CancellationToken::default(),
            progress: Arc::new(move |event| events.lock().unwrap().push(event)),
        }
    }

    /// Makes what is due.
    async fn pass(&self) -> DaemonReport {
        Daemon::new(self.harness.clone(), self.options(2)).unwrap().run().await.unwrap()
    }

    /// The order in which syncs began.
    fn begun(&self) -> Vec<String> {
        let instance_path = |event: &DaemonEvent| match event {
            DaemonEvent::SyncStarted { instance_path, .. } => Some(instance_path.clone()),
            _ => None,
        };
        self.events.lock().unwrap().iter().filter_map(instance_path).collect()
    }
}

fn runs(tenant: &Tenant) -> Vec<Run> {
    let mut runs = tenant.store().run_now(|store| store.runs(None, 99)).unwrap();
    runs.reverse();
    runs
}

async fn work(tenant: &Tenant) -> InstanceWork {
    tenant.work().await.unwrap().remove(0)
}

fn count(tenant: &Tenant, status: &str) -> u64 {
    let filter =
        appsec_store::Filter { statuses: vec![status.to_owned()], limit: 1, ..appsec_store::Filter::default() };
    tenant.store().run_now(|store| store.findings(&filter)).unwrap().1
}

#[tokio::test]
async fn three_cycles_follow_a_moving_world_and_a_reconcile_finds_what_is_gone() {
    let desk = Desk::new();
    let tenant = desk.tenant("acme");
    desk.scheduled(&tenant, "code").await;
    assert_eq!(desk.pass().await, DaemonReport { synced: 1, ..DaemonReport::default() });
    assert_eq!(desk.pass().await.synced, 0, "nothing is due");
    let (mut new, mut gone) = (0, 0);
    for _ in 0..3 {
        // A day without a daemon: 24 missed times are one.
        desk.later(24 * HOUR);
        let changes = desk.simulator.advance();
        let of = |of: fn(&vendor_sim::Changes) -> u32| {
            u64::from(of(changes.of(vendor_sim::Kind::Sast)) + of(changes.of(vendor_sim::Kind::Sca)))
        };
        new += of(|it| it.new);
        gone += of(|it| it.vanished);
        assert_eq!(desk.pass().await.synced, 1);
    }
    let all = runs(&tenant);
    assert_eq!(all.len(), 4);
    assert_eq!(all[0].mode, RunMode::Full, "the first sync reads everything");
    assert!(all[1..].iter().all(|run| run.mode == RunMode::Incremental && run.counts.vanished == 0));
    assert!(new > 0 && gone > 0, "the world moves");
    assert_eq!(all[1..].iter().map(|run| run.counts.new).sum::<u64>(), new);
    assert_eq!(count(&tenant, "vanished"), 0);

    desk.later(5 * 24 * HOUR);
    assert!(work(&tenant).await.next_full);
    assert_eq!(desk.pass().await.synced, 1);
    let last = runs(&tenant).pop().unwrap();
    assert_eq!((last.mode, last.state), (RunMode::Full, RunState::Complete));
    assert_eq!(count(&tenant, "vanished"), gone);
    let now = work(&tenant).await;
    assert!(!now.next_full && now.running.is_none() && now.waiting.is_none(), "{now:?}");
    assert_eq!(now.last_run.unwrap().id, last.id);
}

#[tokio::test]
async fn a_clock_that_is_put_back_keeps_no_instance_waiting_and_loses_nothing() {
    let desk = Desk::new();
    let tenant = desk.tenant("acme");
    desk.scheduled(&tenant, "code").await;
    let year = 365 * 24 * HOUR;
    desk.later(year);
    desk.pass().await;
    let all = |tenant: &Tenant| ["open", "reviewing", "fixing", "fixed", "ignored"].map(|it| count(tenant, it));
    let before = all(&tenant);

    desk.later(-year);
    let now = work(&tenant).await;
    let (at, reconcile_at) = (now.next_at.unwrap().as_micros(), now.next_full_at.unwrap().as_micros());
    let clock = desk.clock.load(Ordering::SeqCst);
    assert!(at <= clock + HOUR && reconcile_at <= clock + 7 * 24 * HOUR, "{now:?}");
    assert_eq!(desk.pass().await.synced, 0, "the times are noted anew");
    desk.later(HOUR);
    assert_eq!(desk.pass().await, DaemonReport { synced: 1, ..DaemonReport::default() });
    let last = runs(&tenant).pop().unwrap();
    assert_eq!(
        (last.mode, last.counts.new, last.counts.vanished),
        (RunMode::Full, 0, 0),
        "what is new since a time that is yet to come would be nothing"
    );
    assert_eq!(all(&tenant), before);

    // An instance that failed then is tried as well.
    desk.later(year);
    std::fs::write(desk.folder.path().join("token"), "revoked").unwrap();
    assert_eq!(desk.pass().await.failed, 1);
    std::fs::write(desk.folder.path().join("token"), "sim-token").unwrap();
    desk.later(-year);
    assert_eq!(desk.pass().await.synced, 0);
    desk.later(HOUR);
    assert_eq!(desk.pass().await.synced, 1);
    assert_eq!(all(&tenant), before);
}

#[tokio::test]
async fn a_vendor_that_shows_less_is_asked_about_before_anything_is_marked() {
    let desk = Desk::new();
    let tenant = desk.tenant("acme");
    desk.scheduled(&tenant, "code").await;
    desk.pass().await;
    let open = |filter: &str| count(&tenant, filter);
    let open = open("open") + open("reviewing") + open("fixing");
    // The same projects with a third of the findings.
    desk.simulator.set_world(World::new(WorldShape { sast: 40, sca: 5, ..small() }));
    desk.later(8 * 24 * HOUR);
    let report = desk.pass().await;
    assert_eq!((report.synced, report.partial, report.failed), (1, 1, 0));
    let refused = runs(&tenant).pop().unwrap();
    assert_eq!(refused.state, RunState::Partial);
    assert!(refused.message.as_ref().unwrap().starts_with("nothing was marked as vanished"), "{refused:?}");
    let projects = tenant.store().run_now(|store| store.run_projects(&refused)).unwrap();
    let marked: u64 = projects.iter().map(|it| it.open_vanished).sum();
    assert!(marked * 10 <= open * 4, "{marked} of {open} are marked");
    let now = work(&tenant).await;
    assert!(now.waiting.unwrap().contains("nothing was marked as vanished"));
    assert_eq!(now.failures, 0, "it is no failure that is tried again and again");

    let (listed, total) = tenant.store().run_now(|store| store.vanishing(refused.id, 9)).unwrap();
    assert!(listed.len() == 9 && total > 50, "{total}");
    let options = SyncOptions { full: true, vanishing: Vanishing::Allow, ..SyncOptions::default() };
    let allowed = tenant.sync(&"code".parse().unwrap(), None, options, Arc::new(|_| ())).await.unwrap();
    assert_eq!(allowed.state, RunState::Complete);
    assert!(count(&tenant, "vanished") >= total);
}

#[tokio::test]
async fn a_failing_instance_is_left_alone_for_longer_and_longer_and_keeps_no_other_from_its_syncs() {
    let desk = Desk::new();
    let (bad, good) = (desk.tenant("bad"), desk.tenant("good"));
    desk.scheduled(&bad, "code").await;
    desk.scheduled(&good, "code").await;
    desk.pass().await;
    std::fs::rename(desk.folder.path().join("token"), desk.folder.path().join("token2")).unwrap();
    std::fs::write(desk.folder.path().join("token"), "revoked").unwrap();
    desk.later(HOUR);
    assert_eq!(desk.pass().await.failed, 2);
    let now = work(&bad).await;
    assert_eq!((now.failures, now.next_at.unwrap().as_micros() - desk.clock.load(Ordering::SeqCst)), (1, HOUR / 12));
    assert!(now.waiting.unwrap().contains("unauthorized"));
    assert_eq!(desk.pass().await.failed, 0, "not at once again");
    desk.later(HOUR / 12);
    desk.pass().await;
    let now = work(&bad).await;
    assert_eq!((now.failures, now.next_at.unwrap().as_micros() - desk.clock.load(Ordering::SeqCst)), (2, HOUR / 6));
    std::fs::rename(desk.folder.path().join("token2"), desk.folder.path().join("token")).unwrap();
    desk.later(HOUR / 6);
    assert_eq!(desk.pass().await.synced, 2);
    let now = work(&bad).await;
    assert_eq!((now.failures, now.waiting), (0, None));
}

#[tokio::test]
async fn many_due_instances_of_one_tenant_wait_for_those_of_others_and_paused_ones_for_a_word() {
    let desk = Desk::new();
    let (many, one) = (desk.tenant("a-many"), desk.tenant("b-one"));
    for number in 0..5 {
        desk.scheduled(&many, &format!("code-{number}")).await;
    }
    desk.scheduled(&one, "code").await;
    many.pause_instance(&"code-0".parse().unwrap(), None).await.unwrap();
    let report = Daemon::new(desk.harness.clone(), desk.options(1)).unwrap().run().await.unwrap();
    assert_eq!((report.synced, report.failed), (5, 0));
    let begun = desk.begun();
    assert_eq!(begun[1], "b-one/code", "{begun:?}");
    assert!(!begun.contains(&"a-many/code-0".to_owned()));
}

#[tokio::test]
async fn a_sync_that_is_stopped_stops_between_two_pages_and_goes_on_later() {
    let desk = Desk::new();
    let tenant = desk.tenant("acme");
    desk.scheduled(&tenant, "code").await;
    let stall = Effect::SlowFirstByte { delay: Duration::from_secs(30) };
    desk.simulator.set_faults(vec![Fault { when: Match::path("/findings").nth(2), what: stall }]);
    let options = desk.options(1);
    let stop = options.stop.clone();
    let daemon = Daemon::new(desk.harness.clone(), options).unwrap();
    let (report, ()) = tokio::join!(daemon.run(), async {
        // Until the sync has taken a page in, and waits for another.
        loop {
            let running = work(&tenant).await.running;
            if running.is_some_and(|it| it.alive && it.pages > 0) {
                break;
            }
            tokio::task::yield_now().await;
        }
        stop.cancel();
    });
    assert_eq!(report.unwrap(), DaemonReport { left: 1, ..DaemonReport::default() });
    let cut = runs(&tenant).pop().unwrap();
    assert_eq!(cut.state, RunState::Running);
    let now = work(&tenant).await;
    assert!(now.running.is_none(), "it was given back: {now:?}");
    assert!(now.next_at.unwrap().as_micros() <= desk.clock.load(Ordering::SeqCst), "it is still due");

    desk.simulator.set_faults(vec![]);
    drop(daemon);
    assert_eq!(desk.pass().await.synced, 1);
    let whole = runs(&tenant).pop().unwrap();
    assert_eq!((whole.id, whole.state, whole.resumed), (cut.id, RunState::Complete, 1));
}

#[tokio::test]
async fn an_instance_that_somebody_works_on_is_told_of_and_tried_again_soon() {
    let desk = Desk::new();
    let tenant = desk.tenant("acme");
    desk.scheduled(&tenant, "code").await;
    let instance = tenant.instance(&"code".parse().unwrap()).await.unwrap();
    let lease = tenant.lease(&instance, "import").await.unwrap();
    let running = work(&tenant).await.running.unwrap();
    assert_eq!((running.holder.work.as_str(), running.holder.pid, running.alive), ("import", std::process::id(), true));
    let report = desk.pass().await;
    assert_eq!((report.synced, report.failed), (0, 0));
    let now = work(&tenant).await;
    assert!(now.waiting.unwrap().contains("instance is locked by another process: import by process"));
    assert_eq!(now.next_at.unwrap().as_micros() - desk.clock.load(Ordering::SeqCst), 60_000_000);
    drop(lease);
    desk.later(HOUR / 60);
    assert_eq!(desk.pass().await.synced, 1);
    assert_eq!(work(&tenant).await.waiting, None);
}

/// Ends the daemon when it waits after something could not be written down.
struct UntilBroken {
    events: Arc<Mutex<Vec<DaemonEvent>>>,
    stop: CancellationToken,
}

impl Sleep for UntilBroken {
    fn wait(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        if self.events.lock().unwrap().iter().any(|event| matches!(event, DaemonEvent::Broken { .. })) {
            self.stop.cancel();
        }
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_sync_of_which_nothing_can_be_written_down_is_not_made_again_and_again() {
    let desk = Desk::new();
    let tenant = desk.tenant("acme");
    desk.scheduled(&tenant, "code").await;
    std::fs::write(desk.folder.path().join("token"), "revoked").unwrap();
    let options = desk.options(1);
    let (progress, path) = (options.progress.clone(), tenant.folder.join("store.sqlite3"));
    // As a disk that fills up while a sync runs: its failure cannot be noted.
    let progress = Arc::new(move |event| {
        if matches!(event, DaemonEvent::SyncStarted { .. }) {
            let refuse = "CREATE TRIGGER IF NOT EXISTS refuse BEFORE UPDATE ON schedules \
                          BEGIN SELECT RAISE(ABORT, 'full'); END";
            rusqlite::Connection::open(&path).unwrap().execute_batch(refuse).unwrap();
        }
        progress(event);
    });
    let options = DaemonOptions { once: false, progress, ..options };
    let waiter = Arc::new(UntilBroken { events: desk.events.clone(), stop: options.stop.clone() });
    let harness = Harness::new(Options { waiter, ..desk.harness.options().clone() });
    Daemon::new(harness, options).unwrap().run().await.unwrap();
    assert_eq!(desk.begun(), ["acme/code"]);
}

#[tokio::test]
async fn a_tenant_that_is_deleted_and_brought_back_is_looked_at_anew() {
    let desk = Desk::new();
    let tenant = desk.tenant("acme");
    desk.scheduled(&tenant, "code").await;
    let backup = desk.folder.path().join("backup");
    desk.harness.backup(tenant.id(), &backup).await.unwrap();
    let mut registry = Registry::new(desk.harness.clone(), Arc::new(|_| ()));
    registry.look().await;
    let now = desk.harness.now();
    let work = |registry: &Registry| {
        let candidate = registry.candidates(now).remove(0);
        registry.work(&candidate, CancellationToken::default(), Arc::new(|_| ())).unwrap()
    };
    let before = work(&registry).tenant;

    desk.harness.delete_tenant(tenant.id(), Some(tenant.id())).await.unwrap();
    desk.harness.restore(&backup, None, true).await.unwrap();
    // What goes to the file that was deleted would be lost in silence.
    let lost = before.store().run(|store| store.instances()).await;
    assert!(matches!(lost, Err(StoreError::Replaced)), "{lost:?}");
    assert!(before.store().read(|store| store.instances()).await.is_err());
    registry.look().await;
    let after = work(&registry).tenant;
    assert_eq!(after.store().run(|store| store.instances()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_ended_in_the_middle_is_told_from_who_is_at_work_and_taken_over() {
    let desk = Desk::new();
    let tenant = desk.tenant("acme");
    desk.scheduled(&tenant, "code").await;
    let instance = tenant.instance(&"code".parse().unwrap()).await.unwrap();
    // As a process that is killed leaves it: the row is there, the lock is free.
    let row = tenant
        .lease(&instance, "sync")
        .await
        .map(|_lease| tenant.store().run_now(|store| store.lease(instance.id)).unwrap().unwrap());
    let row = row.unwrap();
    tenant.store().run_now(|store| store.take_lease(instance.id, &row)).unwrap();
    assert!(!work(&tenant).await.running.unwrap().alive);
    let lease = tenant.lease(&instance, "sync").await.unwrap();
    assert!(work(&tenant).await.running.unwrap().alive);
    let second = tenant.lease(&instance, "sync").await.err().unwrap();
    assert!(second.to_string().starts_with("instance is locked by another process: sync by process"));
    drop(lease);
    assert!(work(&tenant).await.running.is_none());
}
