//! However the pages of a read are cut, repeated and mixed, and however often and
//! in which order a file brings its results: the store is the same in the end.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use tests::{Content, TestContext, content, settings};
use vendor_sim::{Effect, Fault, Match, WorldShape};

use crate::samples::{assert_adds_up, import, offline};

fn shape(seed: u64) -> WorldShape {
    WorldShape { seed, projects: 3, sast: 250, sca: 120, damaged_per_10_000: 100, ..WorldShape::default() }
}

/// What a sync with pages of this size stores from a vendor that fails like this.
async fn stored(seed: u64, page_size: u32, faults: Vec<Fault>) -> Content {
    let context = TestContext::new(shape(seed));
    let chosen = settings(json!({ "branches": "all", "page_size": page_size }));
    let (tenant, _) = context.connected("acme", chosen).await;
    context.faults(faults);
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!(run.state, host_harness::store::RunState::Complete, "{:?}", run.message);
    content(&tenant)
}

#[test]
fn pages_that_overlap_or_fail_in_between_store_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() });
    let shifted = (1_u64..4, 1_usize..60).prop_map(|(page, rows)| Fault {
        when: Match::path(format!("page={page}&")),
        what: Effect::ShiftedPage { rows },
    });
    let failing =
        (0_u64..12, 1_u64..3, prop_oneof![Just(500_u16), Just(502), Just(503)]).prop_map(|(first, count, code)| {
            Fault { when: Match::path("/findings").range(first..first + count), what: Effect::Status { code } }
        });
    let faults = prop::collection::vec(prop_oneof![shifted, failing], 0..4);
    let plain = [0, 1, 2].map(|seed| runtime.block_on(stored(seed, 3_000, vec![])));
    runner
        .run(&(0_usize..3, 100_u32..400, faults), |(seed, page_size, faults)| {
            runtime.block_on(stored(seed as u64, page_size, faults)).assert_same(&plain[seed]);
            Ok(())
        })
        .unwrap();
}

/// A report of the command line with results of these rules, files, lines and
/// messages; many of them are equal but for the line.
fn report(results: &[(u8, u8, u32, u8)]) -> String {
    let result = |(rule, path, line, message): &(u8, u8, u32, u8)| {
        json!({
            "check_id": format!("rules.{rule}"),
            "path": format!("app/{path}.py"),
            "start": { "line": line, "col": 1 },
            "end": { "line": line, "col": 9 },
            "extra": { "message": format!("message {message}"), "severity": "ERROR", "metadata": {} },
        })
    };
    let results: Vec<_> = results.iter().map(result).collect();
    json!({ "version": "1.182.0", "results": results, "errors": [], "paths": { "scanned": ["app"] } }).to_string()
}

#[test]
fn a_file_brings_the_same_however_often_and_in_which_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 16, failure_persistence: None, ..Default::default() });
    // No two on one line: their order would be that of the file.
    let results = prop::collection::btree_map(1_u32..5_000, (0_u8..3, 0_u8..3, 0_u8..2), 1..40);
    let results = results
        .prop_map(|results| results.into_iter().map(|(line, (rule, path, text))| (rule, path, line, text)).collect())
        .prop_flat_map(|results: Vec<_>| (Just(results.clone()), Just(results).prop_shuffle()));
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    let tenants = std::sync::atomic::AtomicUsize::new(0);
    runner
        .run(&results, |(results, shuffled)| {
            runtime.block_on(async {
                let number = tenants.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let tenant = offline(&context, &format!("t{number}")).await;
                let file = context.data_dir().join("report.json");
                std::fs::write(&file, report(&results)).unwrap();
                let first = import(&tenant, &file).await.unwrap();
                assert_adds_up(&first, "first");
                assert_eq!(first.run.counts.new as usize, results.len(), "every result is a finding of its own");
                let before = content(&tenant);
                for again in [&results, &shuffled] {
                    std::fs::write(&file, report(again)).unwrap();
                    let counts = import(&tenant, &file).await.unwrap().run.counts;
                    assert_eq!((counts.new, counts.changed, counts.unchanged as usize), (0, 0, results.len()));
                }
                content(&tenant).assert_untouched(&before);
            });
            Ok(())
        })
        .unwrap();
}
