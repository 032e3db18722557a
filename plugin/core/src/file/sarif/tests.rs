use appsec_model::Kind;

use super::sketch;
use crate::file::cli;

fn result(rest: &str) -> String {
    format!(
        r#"{{"ruleId":"r","message":{{"text":"m"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"./a%20b.py"}},
        "region":{{"startLine":3,"startColumn":4,"endLine":5,"endColumn":6}}}}}}]{rest}}}"#
    )
}

#[test]
fn a_result_has_the_sketch_of_the_same_one_in_json() {
    let json = r#"{"check_id":"r","path":"a b.py","start":{"line":3,"col":4},"end":{"line":5,"col":6},"extra":{"message":" m\n"}}"#;
    assert_eq!(sketch(&result(""), None, None), cli::sketch(json, None, &mut cli::Credentials::default()));
}

#[test]
fn the_rule_may_be_named_by_its_object_only() {
    let nameless = result("").replace(r#""ruleId":"r","#, "");
    assert_eq!(sketch(&nameless, None, None), None);
    assert_eq!(sketch(&nameless, Some(r#"{"id":"r"}"#), None), sketch(&result(""), None, None));
}

#[test]
fn all_suppressions_must_be_accepted() {
    let check = |suppressions: &str, expect| {
        let sketch = sketch(&result(&format!(r#","suppressions":{suppressions}"#)), None, None).unwrap();
        assert_eq!(sketch.position.suppressed, expect, "{suppressions}");
    };
    check("[]", false);
    check("null", false);
    check(r#"[{"kind":"inSource"}]"#, true);
    check(r#"[{"kind":"external","status":"accepted"},{"kind":"inSource"}]"#, true);
    check(r#"[{"kind":"external","status":"rejected"},{"kind":"inSource"}]"#, false);
    check(r#"[{"kind":"external","status":"underReview"}]"#, false);
}

#[test]
fn a_supply_chain_result_is_known_by_its_exposure() {
    let kind = |rest: &str| sketch(&result(rest), None, None).unwrap().kind;
    assert_eq!(kind(r#","properties":{"exposure":"undetermined"}"#), Kind::Sca);
    assert_eq!(kind(r#","properties":{}"#), Kind::Sast);
    assert_eq!(kind(""), Kind::Sast);
}
