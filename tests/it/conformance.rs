//! The Semgrep connector keeps every promise that `harness conformance` knows,
//! against the simulated vendor.

use host_harness::{Answers, Cassette, CheckOutcome, Conformance, ConformancePlan, Conformity, ConnectorSource};
use serde_json::json;
use tests::{Env, SEMGREP_CONNECTOR, TOKEN, settings};
use vendor_sim::WorldShape;

#[tokio::test]
async fn the_semgrep_connector_keeps_every_promise_of_the_contract() {
    let env = Env::new(WorldShape { projects: 3, sast: 900, sca: 700, ..WorldShape::default() });
    let asked = |vendor: Answers| Conformance {
        connector: ConnectorSource::File { path: SEMGREP_CONNECTOR.into() },
        record: matches!(vendor, Answers::Origins(_)),
        vendor,
        secret: env.semgrep("code", settings(json!({}))).secret,
        plan: ConformancePlan { is_strict: true, ..ConformancePlan::default() },
    };
    let judge = async |vendor: Answers| {
        let judged = env.harness.conformance(asked(vendor)).await.unwrap();
        let others: Vec<_> = judged.report.results.iter().filter(|it| it.outcome != CheckOutcome::Passed).collect();
        assert!(others.is_empty(), "{others:#?}");
        assert_eq!(judged.report.verdict, Conformity::Conformant);
        judged.cassette
    };
    let recorded = judge(Answers::Origins(vec![env.simulator.url().parse().unwrap()])).await.unwrap();
    assert!(!recorded.contains(TOKEN) && !recorded.contains("placeholder-"));
    // The same again, and nobody is asked.
    let asked_before = env.simulator.stats().requests;
    assert_eq!(judge(Answers::Cassette(Cassette::read(&recorded).unwrap())).await, None);
    assert_eq!(env.simulator.stats().requests, asked_before);
}
