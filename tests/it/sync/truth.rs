//! What a sync stores is what the vendor has.

use std::path::Path;

use host_harness::{
    Tenant,
    grant::SecretSource,
    ingest::SyncOptions,
    store::{Run, RunState},
};
use serde_json::json;
use tests::{TOKEN, TestContext, content, name, settings};
use vendor_sim::{Expectation, Kind, Refs, WorldShape};

/// The kinds that the connector brings, as the vendor and as the contract name
/// them.
const KINDS: [(Kind, &str); 2] = [(Kind::Sast, "sast"), (Kind::Sca, "sca")];

/// Asserts that a store holds what is there to be found.
fn assert_truth(context: &TestContext, tenant: &Tenant, expectation: Expectation) {
    let (content, expected) = (content(tenant), context.simulator.world().expected(expectation));
    assert_eq!(content.projects.len(), expected.projects);
    for (kind, word) in KINDS {
        assert_eq!(content.present(word), expected.of(kind).identities, "{word}");
    }
    let names: Vec<&str> = content.projects.iter().map(|project| project["name"].as_str().unwrap()).collect();
    for project in context.simulator.world().project_names() {
        assert!(names.contains(&project), "{project}");
    }
}

fn rows(context: &TestContext, expectation: Expectation, of: impl Fn(&vendor_sim::Counts) -> usize) -> u64 {
    let expected = context.simulator.world().expected(expectation);
    KINDS.iter().map(|(kind, _)| of(expected.of(*kind)) as u64).sum()
}

fn assert_complete(run: &Run) {
    assert_eq!((run.state, run.message.as_deref()), (RunState::Complete, None));
}

#[tokio::test]
async fn a_full_sync_of_all_branches_stores_what_the_vendor_has() {
    let context = TestContext::new(WorldShape { projects: 30, damaged_per_10_000: 60, ..WorldShape::default() });
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all" }))).await;
    let run = context.sync(&tenant).await.unwrap();
    assert_complete(&run);
    assert_eq!(run.fetches.len(), 2, "many projects are read together");

    let all = Expectation { refs: Refs::All, dedup: false };
    assert_truth(&context, &tenant, all);
    assert_eq!(run.counts.records, rows(&context, all, |counts| counts.rows));
    assert_eq!(run.counts.rejected, rows(&context, all, |counts| counts.damaged));
    assert!(run.counts.rejected > 0, "the world has damaged records");
    let packages = context.simulator.world().expected(all).packages;
    assert_eq!(content(&tenant).packages.len(), packages);
}

#[tokio::test]
async fn a_full_sync_of_primary_branches_stores_what_the_vendor_has_on_them() {
    for projects in [9, 130] {
        let context = TestContext::new(WorldShape { projects, ..WorldShape::default() });
        let (tenant, _) = context.connected("acme", settings(json!({}))).await;
        let run = context.sync(&tenant).await.unwrap();
        assert_complete(&run);
        let primary = Expectation { refs: Refs::Primary, dedup: false };
        assert_truth(&context, &tenant, primary);
        assert_eq!(run.counts.rejected, rows(&context, primary, |counts| counts.damaged));
        assert_eq!(content(&tenant).packages.len(), context.simulator.world().expected(primary).packages);
    }
}

#[tokio::test]
async fn severities_and_statuses_are_those_of_the_vendor() {
    // Without words that no list has: they have no place on our scale.
    let context = TestContext::new(WorldShape { seed: 5, oddities_per_10_000: 0, ..WorldShape::default() });
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all", "duplicates": "merged" }))).await;
    context.sync(&tenant).await.unwrap();
    let expected = context.simulator.world().expected(Expectation { refs: Refs::All, dedup: true });
    let content = content(&tenant);
    for (kind, word) in KINDS {
        for (severity, count) in &expected.of(kind).severities {
            let stored = content.findings.iter().filter(|it| it["kind"] == word && it["severity"] == *severity).count();
            assert_eq!(stored, *count, "{word} {severity}");
        }
    }
}

#[tokio::test]
async fn a_second_sync_of_an_unchanged_world_writes_no_finding() {
    let context = TestContext::new(WorldShape { damaged_per_10_000: 60, ..WorldShape::default() });
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all" }))).await;
    let first = context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    context.clock.next_day();
    let second = context.sync(&tenant).await.unwrap();
    assert_complete(&second);
    content(&tenant).assert_untouched(&before);
    let counts = second.counts;
    // What could not be used is told again.
    assert_eq!((counts.new, counts.changed, counts.vanished, counts.rejected), (0, 0, 0, first.counts.rejected));
    assert!(counts.rejected > 0);
    assert_eq!(counts.unchanged + counts.duplicate + counts.rejected, first.counts.records);
}

#[tokio::test]
async fn when_the_world_moves_on_the_counts_and_the_store_follow() {
    let shape = WorldShape { damaged_per_10_000: 0, sast: 900, sca: 700, ..WorldShape::default() };
    let context = TestContext::new(shape);
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all", "duplicates": "merged" }))).await;
    let expectation = Expectation { refs: Refs::All, dedup: true };
    context.sync(&tenant).await.unwrap();
    assert_truth(&context, &tenant, expectation);
    for step in 1..=3 {
        context.clock.next_day();
        let changes = context.simulator.advance();
        let run = context.sync(&tenant).await.unwrap();
        assert_complete(&run);
        assert_truth(&context, &tenant, expectation);
        let sum = |of: fn(&vendor_sim::Changes) -> u32| -> u64 {
            KINDS.iter().map(|(kind, _)| u64::from(of(changes.of(*kind)))).sum()
        };
        assert_eq!(run.counts.new, sum(|it| it.new), "new in step {step}");
        assert_eq!(run.counts.vanished, sum(|it| it.vanished), "vanished in step {step}");
        assert_eq!(
            run.counts.changed,
            sum(|it| it.fixed + it.ignored + it.reopened + it.moved),
            "changed in step {step}"
        );
    }
}

#[tokio::test]
async fn a_finding_that_moved_to_another_line_is_the_same_finding() {
    let context = TestContext::new(WorldShape { damaged_per_10_000: 0, ..WorldShape::default() });
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all", "duplicates": "merged" }))).await;
    context.sync(&tenant).await.unwrap();
    let before = tests::findings(&tenant);
    context.clock.next_day();
    let moved = context.simulator.advance().of(Kind::Sast).moved;
    assert!(moved > 0, "the world moves findings");
    context.sync(&tenant).await.unwrap();
    let after = tests::findings(&tenant);
    let line_changed = after
        .iter()
        .filter(|it| it.kind == "sast")
        .filter(|it| before.iter().any(|old| old.id == it.id && old.start_line != it.start_line))
        .inspect(|it| assert_ne!(it.first_seen_at, it.changed_at))
        .count();
    assert_eq!(line_changed, moved as usize);
}

#[tokio::test]
async fn an_incremental_sync_brings_what_is_new_and_lets_nothing_vanish() {
    let context = TestContext::new(WorldShape { damaged_per_10_000: 0, ..WorldShape::default() });
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all", "duplicates": "merged" }))).await;
    context.sync(&tenant).await.unwrap();
    let before = tests::findings(&tenant).len();
    let changes = context.simulator.advance();
    let options = SyncOptions { incremental: true, ..SyncOptions::default() };
    let run = tenant.sync(&name("code"), None, options, std::sync::Arc::new(|_| ())).await.unwrap();
    assert_complete(&run);
    assert_eq!(run.counts.vanished, 0);
    assert_eq!(run.counts.new, KINDS.iter().map(|(kind, _)| u64::from(changes.of(*kind).new)).sum::<u64>());
    assert_eq!(tests::findings(&tenant).len() as u64, before as u64 + run.counts.new);
}

#[tokio::test]
async fn the_token_is_in_no_file_of_the_host() {
    let context = TestContext::new(WorldShape { projects: 4, sast: 60, sca: 20, ..WorldShape::default() });
    let (tenant, _) = context.connected("acme", settings(json!({}))).await;
    context.sync(&tenant).await.unwrap();
    let holds_token =
        |path: &Path| std::fs::read(path).unwrap().windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
    let mut searched = 0;
    let mut folders = vec![context.data_dir().join("tenants")];
    while let Some(folder) = folders.pop() {
        for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            assert!(!holds_token(&path), "the token is in {}", path.display());
            searched += path.metadata().unwrap().len();
        }
    }
    assert!(searched > 10_000, "only {searched} bytes were searched");
    let SecretSource::File { path } = context.semgrep("code", settings(json!({}))).secret.unwrap() else { panic!() };
    assert!(holds_token(&path), "the search finds what is there");
}
