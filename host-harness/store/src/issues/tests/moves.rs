//! Findings that move to another file, and what becomes of the ids of their
//! issues.

use appsec_model::Kind;
use serde_json::{Value, json};

use super::{Step, content, contexts, make_anew, take};

#[test]
fn an_issue_that_moves_to_another_file_takes_no_id_of_another_one_along() {
    let record = |id: &str, key: &str, path: &str| -> Value {
        json!({
            "id": id, "in": "acme/lib", "title": "t", "rule_id": "r0", "status": "open",
            "identity": { "algorithm": "a", "key": key, "aliases": ["a long fingerprint 1"] },
            "location": { "path": path },
        })
    };
    let contexts = contexts();
    let steps = [
        Step::Read(0, Kind::AiSast, vec![record("record 3", "k4", "a.py"), record("record 1", "k4", "b.py")]),
        Step::Read(0, Kind::Sast, vec![record("record 1", "k4", "b.py")]),
        Step::Read(0, Kind::AiSast, vec![record("record 1", "k0", "a.py")]),
    ];
    for (step, now) in steps.iter().zip(10..) {
        take(&contexts, step, now);
    }
    let kept = content(&contexts[0]);
    make_anew(&contexts[0]);
    assert_eq!(kept, content(&contexts[0]));
}
