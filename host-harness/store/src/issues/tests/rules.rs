//! What a rule that is written usage.

use appsec_model::Kind;
use rusqlite::{StatementStatus, params};
use serde_json::{Value, json};

use super::code;
use crate::fixture::TestContext;

#[test]
fn a_rule_looks_at_one_finding_and_not_at_all_of_them() {
    let steps = |findings: u32| {
        let context = TestContext::with_project();
        let bodies: Vec<Value> = (0..findings).map(|at| code(&format!("f{at}"), "other", "a.py", at, at)).collect();
        context.bring(Kind::Sast, &bodies, 10);
        context.store.with(|store| {
            let sql =
                "INSERT INTO rules VALUES (?1, 'r', ?2, '') ON CONFLICT DO UPDATE SET document = excluded.document";
            let mut write = store.connection.prepare(sql).unwrap();
            for cwe in [1, 2] {
                let document = json!({ "id": "r", "cwes": [{ "number": cwe }], "confidence": format!("c{cwe}") });
                write.execute(params![context.instance_id, document.to_string()]).unwrap();
            }
            write.get_status(StatementStatus::VmStep)
        })
    };
    assert_eq!(steps(20), steps(200));
}
