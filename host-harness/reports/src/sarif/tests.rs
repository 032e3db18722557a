use appsec_model::{Completeness, Severity};
use serde_json::{Value, json};

use crate::{Options, read};

fn completeness(run: &Value) -> Completeness {
    let file = json!({"version": "2.1.0", "runs": [run]}).to_string();
    read(file.as_bytes(), &Options::default()).unwrap().head.completeness
}

#[test]
fn only_a_run_that_ended_well_is_complete() {
    let well = json!({"executionSuccessful": true});
    let run = |invocation: Value| json!({"results": [], "invocations": [invocation]});
    assert_eq!(completeness(&run(well.clone())), Completeness::Complete);
    let reason = |run: Value| match completeness(&run) {
        Completeness::Complete => panic!("{run}"),
        Completeness::Incomplete { reason } => reason,
    };
    let noted = json!({"executionSuccessful": true, "toolExecutionNotifications": [
        {"level": "error", "message": {"text": "cannot parse a.js\nat line 3"}}]});
    insta::assert_snapshot!(reason(run(noted)), @"the tool reports an error: cannot parse a.js");
    insta::assert_snapshot!(reason(run(json!({}))), @"it does not say that the scan ended well (`executionSuccessful`)");
    insta::assert_snapshot!(reason(json!({"results": []})), @"it does not say how the scan ended (`invocations`)");
    insta::assert_snapshot!(reason(json!({"invocations": [well]})), @"it has no list of results, so nothing was looked for");
}

#[test]
fn a_score_decides_before_a_level() {
    let severity = |result: Value, rule: Value| {
        let run = json!({"tool": {"driver": {"name": "t", "rules": [rule]}}, "results": [result]});
        let file = json!({"version": "2.1.0", "runs": [run]}).to_string();
        read(file.as_bytes(), &Options::default()).unwrap().normalized.findings[0].severity
    };
    let rule =
        json!({"id": "r", "properties": {"security-severity": "9.1"}, "defaultConfiguration": {"level": "note"}});
    assert_eq!(severity(json!({"ruleId": "r", "level": "warning"}), rule.clone()), Severity::Critical);
    let own = json!({"ruleId": "r", "properties": {"security-severity": 2.5}});
    assert_eq!(severity(own, rule), Severity::Low);
    let silly =
        json!({"id": "r", "properties": {"security-severity": "95"}, "defaultConfiguration": {"level": "note"}});
    assert_eq!(severity(json!({"ruleId": "r"}), silly), Severity::Low);
}

#[test]
fn a_rule_is_found_by_its_id_where_the_position_is_of_another() {
    let rules = json!([{"id": "a", "shortDescription": {"text": "A"}}, {"id": "b", "shortDescription": {"text": "B"}}]);
    let title = |result: Value| {
        let run = json!({"tool": {"driver": {"name": "t", "rules": rules}}, "results": [result]});
        let file = json!({"version": "2.1.0", "runs": [run]}).to_string();
        read(file.as_bytes(), &Options::default()).unwrap().normalized.findings[0].title.clone()
    };
    assert_eq!(title(json!({"ruleId": "b", "ruleIndex": 0})), "B");
    assert_eq!(title(json!({"ruleIndex": 1})), "B");
    assert_eq!(title(json!({"rule": {"id": "a"}})), "A");
    assert_eq!(title(json!({"ruleId": "b/sub/part"})), "B");
    assert_eq!(title(json!({"ruleId": "c", "ruleIndex": 1})), "c");
}
