//! However the pages of a read are cut, repeated and mixed: the store is the
//! same in the end.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use tests::{Content, Env, content, settings};
use vendor_sim::{Effect, Fault, Match, WorldShape};

fn shape(seed: u64) -> WorldShape {
    WorldShape { seed, projects: 3, sast: 250, sca: 120, damaged_per_10_000: 100, ..WorldShape::default() }
}

/// What a sync with pages of this size stores from a vendor that fails like this.
async fn stored(seed: u64, page_size: u32, faults: Vec<Fault>) -> Content {
    let env = Env::new(shape(seed));
    let chosen = settings(json!({ "branches": "all", "page_size": page_size }));
    let (tenant, _) = env.connected("acme", chosen).await;
    env.faults(faults);
    let run = env.sync(&tenant).await.unwrap();
    assert_eq!(run.state, host_harness::RunState::Complete, "{:?}", run.message);
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
    runner
        .run(&(0_u64..3, 100_u32..400, faults), |(seed, page_size, faults)| {
            let (plain, disturbed) =
                runtime.block_on(async { (stored(seed, 3_000, vec![]).await, stored(seed, page_size, faults).await) });
            disturbed.assert_same(&plain);
            Ok(())
        })
        .unwrap();
}
