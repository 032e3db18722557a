//! The daemon over the mock vendor, with a clock that the test moves.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use vendor_sim::{Effect, Fault, Match, World, WorldShape};

use super::{Daemon, DaemonEvent, DaemonOptions, DaemonReport, Registry};
use crate::{
    harness::Harness,
    host::Options,
    tenant::{InstanceWork, Tenant},
    test_context::{TestContext, name},
};
use appsec_ingest::{Sleep, SyncOptions, Vanishing};
use appsec_store::{Plan, Run, RunMode, RunState, StoreError};
use tokio_util::sync::CancellationToken;

const HOUR: i64 = 3_600_000_000;

/// What a daemon told.
type Events = Arc<Mutex<Vec<DaemonEvent>>>;

/// An instance with a schedule: every hour, and everything every week.
async fn schedule(context: &TestContext, tenant: &Tenant, instance: &str) {
    let instance = context.connected(tenant, instance).await;
    let plan =
        Plan { sync: Some("every 1h".parse().unwrap()), full: Some("every 7d".parse().unwrap()), ..Plan::default() };
    tenant.schedule(&instance, plan).await.unwrap();
}

fn options(parallel: usize, events: &Events) -> DaemonOptions {
    let events = events.clone();
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
async fn pass(context: &TestContext) -> DaemonReport {
    Daemon::new(context.harness.clone(), options(2, &Events::default())).unwrap().run().await.unwrap()
}

/// The order in which syncs began.
fn begun(events: &Events) -> Vec<String> {
    let instance_path = |event: &DaemonEvent| match event {
        DaemonEvent::SyncStarted { instance_path, .. } => Some(instance_path.clone()),
        _ => None,
    };
    events.lock().unwrap().iter().filter_map(instance_path).collect()
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
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    schedule(&context, &tenant, "code").await;
    assert_eq!(pass(&context).await, DaemonReport { synced: 1, ..DaemonReport::default() });
    assert_eq!(pass(&context).await.synced, 0, "nothing is due");
    let (mut new, mut gone) = (0, 0);
    for _ in 0..3 {
        // A day without a daemon: 24 missed times are one.
        context.clock.later(24 * HOUR);
        let changes = context.vendor().advance();
        let of = |of: fn(&vendor_sim::Changes) -> u32| {
            u64::from(of(changes.of(vendor_sim::Kind::Sast)) + of(changes.of(vendor_sim::Kind::Sca)))
        };
        new += of(|it| it.new);
        gone += of(|it| it.vanished);
        assert_eq!(pass(&context).await.synced, 1);
    }
    let all = runs(&tenant);
    assert_eq!(all.len(), 4);
    assert_eq!(all[0].mode, RunMode::Full, "the first sync reads everything");
    assert!(all[1..].iter().all(|run| run.mode == RunMode::Incremental && run.counts.vanished == 0));
    assert!(new > 0 && gone > 0, "the world moves");
    assert_eq!(all[1..].iter().map(|run| run.counts.new).sum::<u64>(), new);
    assert_eq!(count(&tenant, "vanished"), 0);

    context.clock.later(5 * 24 * HOUR);
    assert!(work(&tenant).await.next_full);
    assert_eq!(pass(&context).await.synced, 1);
    let last = runs(&tenant).pop().unwrap();
    assert_eq!((last.mode, last.state), (RunMode::Full, RunState::Complete));
    assert_eq!(count(&tenant, "vanished"), gone);
    let now = work(&tenant).await;
    assert!(!now.next_full && now.running.is_none() && now.waiting.is_none(), "{now:?}");
    assert_eq!(now.last_run.unwrap().id, last.id);
}

#[tokio::test]
async fn a_clock_that_is_put_back_keeps_no_instance_waiting_and_loses_nothing() {
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    schedule(&context, &tenant, "code").await;
    let year = 365 * 24 * HOUR;
    context.clock.later(year);
    pass(&context).await;
    let all = |tenant: &Tenant| ["open", "reviewing", "fixing", "fixed", "ignored"].map(|it| count(tenant, it));
    let before = all(&tenant);

    context.clock.later(-year);
    let now = work(&tenant).await;
    let (at, reconcile_at) = (now.next_at.unwrap().as_micros(), now.next_full_at.unwrap().as_micros());
    let clock = context.clock.now();
    assert!(at <= clock + HOUR && reconcile_at <= clock + 7 * 24 * HOUR, "{now:?}");
    assert_eq!(pass(&context).await.synced, 0, "the times are noted anew");
    context.clock.later(HOUR);
    assert_eq!(pass(&context).await, DaemonReport { synced: 1, ..DaemonReport::default() });
    let last = runs(&tenant).pop().unwrap();
    assert_eq!(
        (last.mode, last.counts.new, last.counts.vanished),
        (RunMode::Full, 0, 0),
        "what is new since a time that is yet to come would be nothing"
    );
    assert_eq!(all(&tenant), before);

    // An instance that failed then is tried as well.
    context.clock.later(year);
    context.file("token", "revoked");
    assert_eq!(pass(&context).await.failed, 1);
    context.file("token", "sim-token");
    context.clock.later(-year);
    assert_eq!(pass(&context).await.synced, 0);
    context.clock.later(HOUR);
    assert_eq!(pass(&context).await.synced, 1);
    assert_eq!(all(&tenant), before);
}

#[tokio::test]
async fn a_vendor_that_shows_less_is_asked_about_before_anything_is_marked() {
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    schedule(&context, &tenant, "code").await;
    pass(&context).await;
    let open = |filter: &str| count(&tenant, filter);
    let open = open("open") + open("reviewing") + open("fixing");
    // The same projects with a third of the findings.
    context.vendor().set_world(World::new(WorldShape { sast: 40, sca: 5, ..TestContext::shape() }));
    context.clock.later(8 * 24 * HOUR);
    let report = pass(&context).await;
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
    let allowed = tenant.sync(&name("code"), None, options, Arc::new(|_| ())).await.unwrap();
    assert_eq!(allowed.state, RunState::Complete);
    assert!(count(&tenant, "vanished") >= total);
}

#[tokio::test]
async fn a_failing_instance_is_left_alone_for_longer_and_longer_and_keeps_no_other_from_its_syncs() {
    let context = TestContext::new();
    let (bad, good) = (context.tenant("bad"), context.tenant("good"));
    schedule(&context, &bad, "code").await;
    schedule(&context, &good, "code").await;
    pass(&context).await;
    context.file("token", "revoked");
    context.clock.later(HOUR);
    assert_eq!(pass(&context).await.failed, 2);
    let now = work(&bad).await;
    assert_eq!((now.failures, now.next_at.unwrap().as_micros() - context.clock.now()), (1, HOUR / 12));
    assert!(now.waiting.unwrap().contains("unauthorized"));
    assert_eq!(pass(&context).await.failed, 0, "not at once again");
    context.clock.later(HOUR / 12);
    pass(&context).await;
    let now = work(&bad).await;
    assert_eq!((now.failures, now.next_at.unwrap().as_micros() - context.clock.now()), (2, HOUR / 6));
    context.file("token", "sim-token");
    context.clock.later(HOUR / 6);
    assert_eq!(pass(&context).await.synced, 2);
    let now = work(&bad).await;
    assert_eq!((now.failures, now.waiting), (0, None));
}

#[tokio::test]
async fn many_due_instances_of_one_tenant_wait_for_those_of_others_and_paused_ones_for_a_word() {
    let context = TestContext::new();
    let (many, one) = (context.tenant("a-many"), context.tenant("b-one"));
    for number in 0..5 {
        schedule(&context, &many, &format!("code-{number}")).await;
    }
    schedule(&context, &one, "code").await;
    many.pause_instance(&name("code-0"), None).await.unwrap();
    let events = Events::default();
    let report = Daemon::new(context.harness.clone(), options(1, &events)).unwrap().run().await.unwrap();
    assert_eq!((report.synced, report.failed), (5, 0));
    let begun = begun(&events);
    assert_eq!(begun[1], "b-one/code", "{begun:?}");
    assert!(!begun.contains(&"a-many/code-0".to_owned()));
}

#[tokio::test]
async fn a_sync_that_is_stopped_stops_between_two_pages_and_goes_on_later() {
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    schedule(&context, &tenant, "code").await;
    let stall = Effect::SlowFirstByte { delay: Duration::from_secs(30) };
    context.vendor().set_faults(vec![Fault { when: Match::path("/findings").nth(2), what: stall }]);
    let options = options(1, &Events::default());
    let stop = options.stop.clone();
    let daemon = Daemon::new(context.harness.clone(), options).unwrap();
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
    assert!(now.next_at.unwrap().as_micros() <= context.clock.now(), "it is still due");

    context.vendor().set_faults(vec![]);
    drop(daemon);
    assert_eq!(pass(&context).await.synced, 1);
    let whole = runs(&tenant).pop().unwrap();
    assert_eq!((whole.id, whole.state, whole.resumed), (cut.id, RunState::Complete, 1));
}

#[tokio::test]
async fn an_instance_that_somebody_works_on_is_told_of_and_tried_again_soon() {
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    schedule(&context, &tenant, "code").await;
    let instance = tenant.instance(&name("code")).await.unwrap();
    let lease = tenant.lease(&instance, "import").await.unwrap();
    let running = work(&tenant).await.running.unwrap();
    assert_eq!((running.holder.work.as_str(), running.holder.pid, running.alive), ("import", std::process::id(), true));
    let report = pass(&context).await;
    assert_eq!((report.synced, report.failed), (0, 0));
    let now = work(&tenant).await;
    assert!(now.waiting.unwrap().contains("instance is locked: import by process"));
    assert_eq!(now.next_at.unwrap().as_micros() - context.clock.now(), 60_000_000);
    drop(lease);
    context.clock.later(HOUR / 60);
    assert_eq!(pass(&context).await.synced, 1);
    assert_eq!(work(&tenant).await.waiting, None);
}

/// Ends the daemon when it waits after something could not be written down.
struct UntilBroken {
    events: Events,
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
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    schedule(&context, &tenant, "code").await;
    context.file("token", "revoked");
    let events = Events::default();
    let options = options(1, &events);
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
    let waiter = Arc::new(UntilBroken { events: events.clone(), stop: options.stop.clone() });
    let harness = Harness::new(Options { waiter, ..context.harness.options().clone() });
    Daemon::new(harness, options).unwrap().run().await.unwrap();
    assert_eq!(begun(&events), ["acme/code"]);
}

#[tokio::test]
async fn a_tenant_that_is_deleted_and_brought_back_is_looked_at_anew() {
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    schedule(&context, &tenant, "code").await;
    let backup = context.path("backup");
    context.harness.backup(tenant.id(), &backup).await.unwrap();
    let mut registry = Registry::new(context.harness.clone(), Arc::new(|_| ()));
    registry.look().await;
    let now = context.harness.now();
    let work = |registry: &Registry| {
        let candidate = registry.candidates(now).remove(0);
        registry.work(&candidate, CancellationToken::default(), Arc::new(|_| ())).unwrap()
    };
    let before = work(&registry).tenant;

    context.harness.delete_tenant(tenant.id(), Some(tenant.id())).await.unwrap();
    context.harness.restore(&backup, None, true).await.unwrap();
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
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    schedule(&context, &tenant, "code").await;
    let instance = tenant.instance(&name("code")).await.unwrap();
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
    assert!(second.to_string().starts_with("instance is locked: sync by process"));
    drop(lease);
    assert!(work(&tenant).await.running.is_none());
}
