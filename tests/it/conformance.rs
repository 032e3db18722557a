//! The Semgrep connector keeps every promise that `harness conformance` knows,
//! against the simulated vendor.

use host_harness::{CheckOutcome, Conformance, ConformancePlan, Conformity, ConnectorSource};
use serde_json::json;
use tests::{Env, SEMGREP_CONNECTOR, settings};
use vendor_sim::WorldShape;

#[tokio::test]
async fn the_semgrep_connector_keeps_every_promise_of_the_contract() {
    let env = Env::new(WorldShape { projects: 3, sast: 900, sca: 700, ..WorldShape::default() });
    let asked = Conformance {
        connector: ConnectorSource::File { path: SEMGREP_CONNECTOR.into() },
        against: vec![env.simulator.url().parse().unwrap()],
        secret: env.semgrep("code", settings(json!({}))).secret,
        plan: ConformancePlan { is_strict: true, ..ConformancePlan::default() },
    };
    let report = env.harness.conformance(asked).await.unwrap();
    let others: Vec<_> = report.results.iter().filter(|it| it.outcome != CheckOutcome::Passed).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(report.verdict, Conformity::Conformant);
}
