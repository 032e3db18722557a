//! Syncs that are cut off: the next one goes on where the last one was, and
//! nobody can tell from the store.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use host_harness::{
    Tenant,
    grant::Code,
    ingest::{SyncEvent, SyncOptions},
    store::RunState,
};
use serde_json::json;
use tests::{Content, TestContext, content, name, settings, store};
use tokio::sync::Notify;
use vendor_sim::{Effect, Fault, Match, WorldShape};

fn shape() -> WorldShape {
    WorldShape { projects: 5, sast: 900, sca: 400, damaged_per_10_000: 50, ..WorldShape::default() }
}

async fn connected(context: &TestContext) -> Tenant {
    context.connected("acme", settings(json!({ "branches": "all", "page_size": 100 }))).await.0
}

/// What an undisturbed sync stores.
async fn undisturbed() -> (Content, usize) {
    let context = TestContext::new(shape());
    let tenant = connected(&context).await;
    let events = Arc::new(AtomicUsize::new(0));
    let counted = events.clone();
    let progress = Arc::new(move |_: SyncEvent| _ = counted.fetch_add(1, Ordering::SeqCst));
    let run = tenant.sync(&name("code"), None, SyncOptions::default(), progress).await.unwrap();
    assert_eq!((run.state, run.resumed), (RunState::Complete, 0));
    let mut content = content(&tenant);
    content.changed_at.clear();
    (content, events.load(Ordering::SeqCst))
}

/// Syncs until a number of events has come, and drops the sync there.
async fn cut_off(tenant: &Tenant, after: usize) {
    let (events, enough) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let notify = enough.clone();
    let progress = Arc::new(move |_: SyncEvent| {
        if events.fetch_add(1, Ordering::SeqCst) + 1 == after {
            notify.notify_one();
        }
    });
    let instance = name("code");
    let sync = tenant.sync(&instance, None, SyncOptions::default(), progress);
    tokio::select! {
        biased;
        () = enough.notified() => {}
        done = sync => panic!("done before {after} events: {done:?}"),
    }
}

#[tokio::test]
async fn a_sync_that_is_cut_off_anywhere_goes_on_and_stores_the_same() {
    let (whole, events) = undisturbed().await;
    assert!(events > 20, "only {events} events");
    for after in [3, 4, 7, events / 2, events - 6] {
        let context = TestContext::new(shape());
        let tenant = connected(&context).await;
        cut_off(&tenant, after).await;
        let run = context.sync(&tenant).await.unwrap();
        assert_eq!((run.state, run.resumed), (RunState::Complete, 1), "after {after} events");
        content(&tenant).assert_same(&whole);
    }
}

#[tokio::test]
async fn a_sync_that_is_cut_off_again_and_again_comes_to_its_end() {
    let (whole, _) = undisturbed().await;
    let context = TestContext::new(shape());
    let tenant = connected(&context).await;
    for _ in 0..4 {
        cut_off(&tenant, 5).await;
    }
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!((run.state, run.resumed), (RunState::Complete, 4));
    content(&tenant).assert_same(&whole);
}

#[tokio::test]
async fn a_sync_that_is_cut_off_while_it_asks_again_goes_on_there() {
    let context = TestContext::new(WorldShape { projects: 1, sast: 450, ..WorldShape::default() }.without_oddities());
    let settings = settings(json!({ "branches": "all", "page_size": 100, "kinds": ["sast"] }));
    let (tenant, _) = context.connected("acme", settings).await;
    let pages = context.sync(&tenant).await.unwrap().counts.pages;
    let before = content(&tenant);
    // Projects, plan and the page that is left empty come before.
    for after in 3..=2 + pages {
        context.faults(vec![Fault { when: Match::path("/findings").nth(0), what: Effect::EmptyPage }]);
        cut_off(&tenant, usize::try_from(after).unwrap()).await;
        let run = context.sync(&tenant).await.unwrap();
        assert_eq!((run.state, run.resumed, run.counts.vanished), (RunState::Complete, 1, 0), "after {after} events");
        assert_eq!(run.counts.pages, 1 + pages, "after {after} events");
        content(&tenant).assert_untouched(&before);
    }
}

#[tokio::test]
async fn a_host_that_is_started_anew_goes_on_as_well() {
    let (whole, _) = undisturbed().await;
    let context = TestContext::new(shape());
    let tenant = connected(&context).await;
    cut_off(&tenant, 6).await;
    drop(tenant);
    let again = context.tenant("acme");
    let run = context.sync(&again).await.unwrap();
    assert_eq!((run.state, run.resumed), (RunState::Complete, 1));
    content(&again).assert_same(&whole);
}

#[tokio::test]
async fn a_fresh_sync_leaves_the_one_that_was_cut_off() {
    let (whole, _) = undisturbed().await;
    let context = TestContext::new(shape());
    let tenant = connected(&context).await;
    cut_off(&tenant, 6).await;
    let options = SyncOptions { fresh: true, ..SyncOptions::default() };
    let run = tenant.sync(&name("code"), None, options, Arc::new(|_| ())).await.unwrap();
    assert_eq!((run.state, run.resumed), (RunState::Complete, 0));
    content(&tenant).assert_same(&whole);
    let runs = store(&tenant).run_now(|store| store.runs(None, 9)).unwrap();
    assert_eq!(runs[1].state, RunState::Failed);
    insta::assert_snapshot!(runs[1].message.as_deref().unwrap_or_default(), @"cut off, and a new sync was asked for");
}

#[tokio::test]
async fn two_syncs_of_one_instance_do_not_run_at_one_time() {
    let context = TestContext::new(shape());
    let tenant = connected(&context).await;
    let instance = name("code");
    let other = tenant.clone();
    let (first, second) = tokio::join!(
        tenant.sync(&instance, None, SyncOptions::default(), Arc::new(|_| ())),
        other.sync(&instance, None, SyncOptions::default(), Arc::new(|_| ())),
    );
    let (done, refused) = if first.is_ok() { (first, second) } else { (second, first) };
    assert_eq!(done.unwrap().state, RunState::Complete);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::Locked, "{refused}");
}
