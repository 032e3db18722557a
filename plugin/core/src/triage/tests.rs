use appsec_model::{Decision, DecisionBatch, DecisionOutcome, DecisionReport, Error, Kind};
use serde_json::json;

use super::write_decisions;
use crate::{
    Response, TransportError, describe,
    fakes::{MemoryBucket, Vendor, ok, status, with},
};

fn batch(kind: Kind, decision: Decision, ids: &[&str]) -> DecisionBatch {
    let ids = ids.iter().map(|&id| id.to_owned()).collect();
    DecisionBatch { kind, decision, comment: Some("not reachable".to_owned()), ids }
}

fn run(
    batch: &DecisionBatch,
    answer: &Result<Response, TransportError>,
) -> (Result<DecisionReport, Error>, Vec<String>) {
    let mut vendor = Vendor::new(|_| answer.clone());
    let mut bucket = MemoryBucket::configured(&json!({}));
    let result = with(&mut vendor, &mut bucket, |outside| write_decisions(batch, outside));
    (result, vendor.asked)
}

#[test]
fn a_batch_is_one_request_and_each_id_has_its_outcome() {
    let answer = ok(&json!({ "num_triaged": 3, "triaged_issues": [7, 8, 1_000] }));
    let (report, asked) = run(&batch(Kind::Sast, Decision::FalsePositive, &["7", "9", "8"]), &answer);
    insta::assert_snapshot!(asked.join("\n"), @r#"POST /api/v1/deployments/acme/triage {"issue_ids":[7,9,8],"issue_type":"sast","limit":3,"new_note":"not reachable","new_triage_reason":"false_positive","new_triage_state":"ignored"}"#);
    let report = report.unwrap();
    assert!(matches!(
        &report.outcomes[..],
        [DecisionOutcome::Written, DecisionOutcome::Refused { .. }, DecisionOutcome::Written]
    ));
    assert_eq!(report.also_changed, ["1000"]);
}

#[test]
fn each_decision_has_a_state_and_a_reason_only_where_it_is_ignored() {
    for decision in describe().write_back.unwrap().decisions {
        let (_, asked) = run(&batch(Kind::Secrets, decision, &["a"]), &ok(&json!({ "triaged_issues": [] })));
        assert_eq!(asked[0].contains("\"ignored\""), asked[0].contains("new_triage_reason"), "{asked:?}");
        assert!(asked[0].contains("\"issue_ids\":[\"a\"]") && asked[0].contains("\"secrets\""), "{asked:?}");
    }
}

#[test]
fn what_the_vendor_does_not_take_is_not_sent() {
    let many: Vec<String> = (0..3_001).map(|id: u32| id.to_string()).collect();
    let many = DecisionBatch { ids: many, ..batch(Kind::Sast, Decision::Fixing, &[]) };
    let (limit, asked) = run(&many, &status(500));
    assert!(asked.is_empty());
    insta::assert_snapshot!(limit.unwrap_err(), @"limit exceeded: 3001 decisions in one call; the vendor takes 3000");
    let (unknown, asked) = run(&batch(Kind::Packages, Decision::Fixing, &["1"]), &status(500));
    assert!(asked.is_empty());
    insta::assert_snapshot!(unknown.unwrap_err(), @"unsupported: decisions about the kind `packages`");
    assert_eq!(run(&batch(Kind::Sca, Decision::Fixing, &[]), &status(500)), (Ok(DecisionReport::default()), vec![]));
}

#[test]
fn a_failure_is_of_the_whole_batch() {
    let fixing = batch(Kind::Sca, Decision::Fixing, &["1"]);
    let errors = [status(401), status(404), status(429), status(500), ok(&json!({ "error": "x" }))]
        .map(|answer| run(&fixing, &answer).0.unwrap_err().to_string());
    insta::assert_snapshot!(errors.join("\n"), @r"
    unauthorized: Semgrep refused the token as wrong or expired
    missing scope: POST /api/v1/deployments/acme/triage answered 404: the token lacks the Web API scope (Semgrep hides what it protects), or the origin or the deployment's slug is wrong
    rate limited
    unavailable (HTTP 500): POST /api/v1/deployments/acme/triage failed
    unexpected answer of POST /api/v1/deployments/acme/triage: the body is JSON without a list `triaged_issues`
    ");
}
