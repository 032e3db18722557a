//! Syncs of a connector that misbehaves: a page costs at most itself.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use host_harness::{
    CancellationToken, Error, Tenant,
    ingest::{SyncEvent, SyncOptions},
    store::{Run, RunState},
};
use serde_json::{Value, json};
use tests::{TestContext, content, findings, name, settings, store};
use tokio::sync::Notify;
use vendor_sim::WorldShape;

use crate::hostile::soon;

fn context() -> TestContext {
    TestContext::new(WorldShape { projects: 1, sast: 1, sca: 0, ..WorldShape::default() })
}

/// Syncs a guest that follows these orders.
async fn sync(context: &TestContext, orders: Value) -> (Tenant, Result<Run, Error>) {
    let tenant = context.tenant("acme");
    soon(tenant.add_instance(context.hostile("code", settings(orders)), true)).await.unwrap();
    let outcome = soon(context.sync(&tenant)).await;
    (tenant, outcome)
}

/// Asserts that others are served: another instance of that tenant, and a sync
/// of another tenant.
async fn assert_served(context: &TestContext) {
    let orders = settings(json!({ "fetch": { "count": 2 } }));
    soon(context.tenant("acme").add_instance(context.hostile("well", orders.clone()), true)).await.unwrap();
    let other = context.tenant("other");
    soon(other.add_instance(context.hostile("code", orders), true)).await.unwrap();
    assert_eq!(soon(context.sync(&other)).await.unwrap().state, RunState::Complete);
    assert_eq!(findings(&other).len(), 2);
}

/// Why a run is not complete; what is to be done may follow on further lines.
fn first_line(run: &Run) -> &str {
    run.message.as_deref().and_then(|message| message.lines().next()).unwrap_or_default()
}

fn diagnostics(tenant: &Tenant, run: &Run) -> Vec<String> {
    let diagnostics = store(tenant).run_now(|store| store.diagnostics(run.id, None, 100)).unwrap();
    diagnostics.into_iter().map(|it| format!("{} of {}: {}", it.code, it.id.unwrap_or_default(), it.message)).collect()
}

#[tokio::test]
async fn a_record_that_crashes_the_connector_becomes_a_diagnostic_and_the_others_are_kept() {
    let context = context();
    let bodies = ["{}", r#"{"do":"trap"}"#, "{\"n\":3}", "{\"n\":4}", r#"{"do":"recurse"}"#];
    let (tenant, outcome) = sync(&context, json!({ "fetch": { "keys": bodies } })).await;
    let run = outcome.unwrap();
    assert_eq!(run.state, RunState::Complete);
    let mut titles: Vec<String> = findings(&tenant).into_iter().map(|finding| finding.title).collect();
    titles.sort();
    assert_eq!(titles, ["finding 0", "finding 2", "finding 3"]);
    assert_eq!((run.counts.records, run.counts.rejected), (5, 2));
    let raw: Vec<Value> =
        content(&tenant).findings.iter().map(|it| it["occurrence_details"][0]["raw"].clone()).collect();
    assert_eq!(raw.len(), 3);
    insta::assert_snapshot!(diagnostics(&tenant, &run).join("\n"), @"
    connector-crashed of 1: the connector crashed in `normalize`: wasm trap: wasm `unreachable` instruction executed
    connector-crashed of 4: the connector was stopped in `normalize`: more than 512 KiB of stack
    seen of :
    ");
    assert_served(&context).await;
}

#[tokio::test]
async fn a_finding_with_an_impossible_index_is_left_out_and_said() {
    let context = context();
    let bodies = ["{}", r#"{"do":"index-out-of-range"}"#, "{\"n\":3}"];
    let (tenant, outcome) = sync(&context, json!({ "fetch": { "keys": bodies } })).await;
    let run = outcome.unwrap();
    assert_eq!((run.state, run.counts.rejected), (RunState::Complete, 2));
    assert_eq!(findings(&tenant).len(), 2);
    insta::assert_snapshot!(diagnostics(&tenant, &run).join("\n"), @"
    connector-broke-contract of : a finding is said to be of record 4294967295 of 3, and is left out
    no-result of 1: the connector returned neither a finding nor a package for it, and no reason
    seen of :
    ");
    assert_served(&context).await;
}

#[tokio::test]
async fn a_connector_that_pages_in_circles_is_stopped() {
    for action in ["repeat-cursor", "fresh-cursor", "fresh-cursor-and-others"] {
        let context = context();
        let (tenant, outcome) = sync(&context, json!({ "fetch": { "do": action, "count": 3 } })).await;
        let run = outcome.unwrap();
        assert_eq!(run.state, RunState::Partial, "{action}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(first_line(&run), @"sast of hostile/one: 3 consecutive pages contained nothing new: the vendor's paging loops");
        }
        assert_eq!(findings(&tenant).len(), 3);
        assert!(run.counts.pages < 10, "{} pages", run.counts.pages);
        assert_served(&context).await;
    }
}

#[tokio::test]
async fn a_connector_whose_pages_are_empty_and_never_end_is_stopped() {
    let context = context();
    let tenant = context.tenant("acme");
    let orders = settings(json!({ "fetch": { "do": "fresh-cursor" } }));
    soon(tenant.add_instance(context.hostile("code", orders), true)).await.unwrap();
    let (pages, many) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let notify = many.clone();
    let progress = Arc::new(move |event: SyncEvent| {
        let number = if matches!(event, SyncEvent::Page { .. }) { pages.fetch_add(1, Ordering::SeqCst) } else { 0 };
        if number > 1_000 {
            notify.notify_one();
        }
    });
    let instance = name("code");
    let sync = async {
        tokio::select! {
            run = tenant.sync(&instance, None, SyncOptions::default(), progress) => run.unwrap(),
            () = many.notified() => panic!("after a thousand empty pages the host still asks for more"),
        }
    };
    let run = soon(sync).await;
    assert_eq!(run.state, RunState::Failed);
    insta::assert_snapshot!(first_line(&run), @"sast of hostile/one: 200 pages in a row were empty: the connector does not come to an end");
    assert_served(&context).await;
}

/// Waits for what the vendor prepares, as the run shows them.
async fn preparations(tenant: &Tenant, run: &Run) -> (u64, u64) {
    let id = run.id;
    let waits = tenant.run(id, 10).await.unwrap().waits;
    waits
        .iter()
        .filter(|it| it.reason == "not-prepared")
        .fold((0, 0), |all, it| (all.0 + it.waits, all.1 + it.waited_ms))
}

#[tokio::test]
async fn what_the_vendor_prepares_is_waited_for_and_is_no_failure() {
    let context = context();
    let (tenant, outcome) = sync(&context, json!({ "fetch": { "do": "prepare", "count": 3 } })).await;
    let run = outcome.unwrap();
    assert_eq!((run.state, findings(&tenant).len()), (RunState::Complete, 3));
    // Three times five seconds, without a try that failed.
    assert_eq!(preparations(&tenant, &run).await, (3, 15_000));
    assert_eq!(context.waits.take().len(), 3);
    assert_served(&context).await;
}

#[tokio::test]
async fn what_the_vendor_prepares_is_asked_for_again_where_a_sync_was_stopped() {
    let context = context();
    let tenant = context.tenant("acme");
    let orders = settings(json!({ "fetch": { "do": "prepare", "count": 3 } }));
    soon(tenant.add_instance(context.hostile("code", orders), true)).await.unwrap();
    let stop = CancellationToken::new();
    let options = SyncOptions { stop: stop.clone(), ..SyncOptions::default() };
    let progress = Arc::new(move |event| {
        if matches!(event, SyncEvent::Waiting { .. }) {
            stop.cancel();
        }
    });
    soon(tenant.sync(&name("code"), None, options, progress)).await.unwrap_err();
    let run = soon(context.sync(&tenant)).await.unwrap();
    assert_eq!((run.state, findings(&tenant).len()), (RunState::Complete, 3));
    // The one that was stopped, and the two behind it.
    assert_eq!(preparations(&tenant, &run).await, (3, 15_000));
}

#[tokio::test]
async fn a_vendor_that_never_has_it_ready_is_waited_for_only_so_long() {
    let context = context();
    let (tenant, outcome) = sync(&context, json!({ "fetch": { "do": "never-ready" } })).await;
    let run = outcome.unwrap();
    assert_eq!(run.state, RunState::Failed);
    insta::assert_snapshot!(first_line(&run), @"sast of hostile/one: the vendor has been preparing the rest for 3600 s");
    // An hour, a minute at a time.
    assert_eq!(preparations(&tenant, &run).await, (60, 3_600_000));
    assert_served(&context).await;
}

#[tokio::test]
async fn a_list_of_projects_without_an_end_is_stopped() {
    let context = context();
    let (_, outcome) = sync(&context, json!({ "list": { "do": "repeat-cursor" } })).await;
    insta::assert_snapshot!(outcome.unwrap_err(), @"project listing did not terminate (1 projects so far)");
    assert_served(&context).await;
}

#[tokio::test]
async fn a_cursor_beyond_the_contract_is_refused() {
    let context = context();
    let (_, outcome) = sync(&context, json!({ "fetch": { "do": "large-cursor", "count": 4097 } })).await;
    let run = outcome.unwrap();
    assert_eq!(run.state, RunState::Failed);
    insta::assert_snapshot!(first_line(&run), @"sast of hostile/one: limit exceeded: a cursor of more than 4096 bytes");
    assert_served(&context).await;
}

#[tokio::test]
async fn a_page_beyond_the_contract_is_refused() {
    let context = context();
    let (tenant, outcome) = sync(&context, json!({ "fetch": { "count": 10_001 } })).await;
    let run = outcome.unwrap();
    assert_eq!(run.state, RunState::Failed);
    insta::assert_snapshot!(first_line(&run), @"sast of hostile/one: limit exceeded: a page of more than 10000 records");
    assert!(findings(&tenant).is_empty());
    assert_served(&context).await;
}

#[tokio::test]
async fn a_crash_while_fetching_fails_that_read_alone() {
    let context = context();
    let (_, outcome) = sync(&context, json!({ "fetch": { "do": "trap" } })).await;
    let run = outcome.unwrap();
    assert_eq!(run.state, RunState::Failed);
    insta::assert_snapshot!(first_line(&run), @"sast of hostile/one: the connector crashed in `fetch-findings`: wasm trap: wasm `unreachable` instruction executed");
    assert_served(&context).await;
}

#[tokio::test]
async fn a_hostile_instance_harms_no_sync_of_another_one() {
    let context = TestContext::new(WorldShape { projects: 3, sast: 40, sca: 0, ..WorldShape::default() });
    let (good, _) = context.connected("good", settings(json!({ "branches": "all" }))).await;
    let bad = context.tenant("bad");
    let orders = settings(json!({ "fetch": { "do": "grow" } }));
    soon(bad.add_instance(context.hostile("code", orders), true)).await.unwrap();
    let (bad_run, good_run) = tokio::join!(soon(context.sync(&bad)), soon(context.sync(&good)));
    assert_eq!(bad_run.unwrap().state, RunState::Failed);
    assert_eq!(good_run.unwrap().state, RunState::Complete);
    assert!(findings(&bad).is_empty() && !findings(&good).is_empty());
}
