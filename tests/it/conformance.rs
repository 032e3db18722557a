//! The Semgrep connector keeps every promise that `harness conformance` knows,
//! against the simulated vendor.

use host_harness::{
    Answers, Conformance,
    conformance::{Cassette, CheckOutcome, Conformity, Plan as ConformancePlan, Sample as ConformanceSample},
    store::ConnectorSource,
};
use serde_json::json;
use tests::{SEMGREP_CONNECTOR, TOKEN, TestContext, settings, workspace};
use vendor_sim::WorldShape;

/// Some of the formats that the connector reads.
fn samples() -> Vec<ConformanceSample> {
    let files = ["cli/current.json", "sarif/current.sarif", "api/secrets/page.json"];
    let sample = |file: &str| ConformanceSample {
        name: file.rsplit('/').next().unwrap().to_owned(),
        content: std::fs::read(workspace().join("fixtures").join(file)).unwrap(),
    };
    files.map(sample).into()
}

#[tokio::test]
async fn the_semgrep_connector_keeps_every_promise_of_the_contract() {
    let context = TestContext::new(WorldShape { projects: 3, sast: 900, sca: 700, ..WorldShape::default() });
    let asked = |vendor: Answers| Conformance {
        connector: ConnectorSource::File { path: SEMGREP_CONNECTOR.into() },
        previous: Some(ConnectorSource::File { path: SEMGREP_CONNECTOR.into() }),
        record: matches!(vendor, Answers::Origins(_)),
        vendor,
        secret: context.semgrep("code", settings(json!({}))).secret,
        secrets: Default::default(),
        plan: ConformancePlan { is_strict: true, samples: samples(), ..ConformancePlan::default() },
    };
    let judge = async |vendor: Answers| {
        let judged = context.harness.conformance(asked(vendor)).await.unwrap();
        let others: Vec<_> = judged.report.results.iter().filter(|it| it.outcome != CheckOutcome::Passed).collect();
        assert!(others.is_empty(), "{others:#?}");
        assert_eq!(judged.report.verdict, Conformity::Conformant);
        judged.cassette
    };
    let recorded = judge(Answers::Origins(vec![context.simulator.url().parse().unwrap()])).await.unwrap();
    assert!(!recorded.contains(TOKEN) && !recorded.contains("placeholder-"));
    // The same again, and nobody is asked.
    let asked_before = context.simulator.stats().requests;
    assert_eq!(judge(Answers::Cassette(Cassette::read(&recorded).unwrap())).await, None);
    assert_eq!(context.simulator.stats().requests, asked_before);
}
