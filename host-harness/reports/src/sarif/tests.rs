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
    let run = |invocations: &[&Value]| json!({"results": [], "invocations": invocations});
    assert_eq!(completeness(&run(&[&well])), Completeness::Complete);
    let noted = json!({"executionSuccessful": true, "toolExecutionNotifications": [
        {"level": "error", "message": {"text": "cannot parse a.js\nat line 3"}}]});
    let failed = json!({"executionSuccessful": false});
    let told = |run: &Value| match completeness(run) {
        Completeness::Complete => "complete".to_owned(),
        Completeness::Unknown { reason } => format!("unknown: {reason}"),
        Completeness::Incomplete { reason } => format!("incomplete: {reason}"),
    };
    let runs = [
        run(&[&noted]),
        run(&[&well, &failed]),
        // What is known goes before what is not.
        run(&[&json!({}), &failed]),
        json!({"invocations": [well]}),
        run(&[&well, &json!({})]),
        json!({"results": []}),
        json!({"results": [], "baselineGuid": "0a1b"}),
    ];
    insta::assert_snapshot!(runs.iter().map(told).collect::<Vec<_>>().join("\n"), @"
    incomplete: the tool reports an error: cannot parse a.js
    incomplete: it says that the scan did not end well (`executionSuccessful`)
    incomplete: it says that the scan did not end well (`executionSuccessful`)
    incomplete: it has no list of results, so nothing was looked for
    unknown: it does not say whether the scan ended well (`executionSuccessful`)
    unknown: it does not say how the scan ended (`invocations`)
    incomplete: it is a comparison with a baseline, and may hold only what changed
    ");
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

#[test]
fn what_stands_for_no_file_is_no_file() {
    for uri in ["no file associated with this alert", "no%20file%20associated%20with%20this%20alert"] {
        let place = json!({"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 1}});
        let result = json!({"ruleId": "r", "message": {"text": "m"}, "locations": [{"physicalLocation": place}]});
        let run = json!({"tool": {"driver": {"name": "t"}}, "results": [result]});
        let file = json!({"version": "2.1.0", "runs": [run]}).to_string();
        let read = read(file.as_bytes(), &Options::default()).unwrap();
        assert_eq!(read.normalized.findings[0].location, None, "{uri}");
    }
}
