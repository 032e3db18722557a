use appsec_model::{Kind, Project};
use serde_json::json;

use super::{TABLES, TablePlan, tables};
use crate::{
    fixture::{TestContext, at, finding, project, record},
    instances::{ConnectorSource, NewInstance},
};

/// Findings of `code`, and one of a second instance that has the same project.
fn two_instances() -> (TestContext, i64, i64) {
    let mut context = TestContext::with_project();
    context.findings(&[json!({ "id": "1", "key": "a" }), json!({ "id": "2", "key": "b" })], 5);
    context.findings(&[json!({ "id": "1", "key": "a", "severity": "low" })], 6);
    let first = context.instance_id;
    let other = NewInstance {
        name: "other".parse().unwrap(),
        connector_id: "any".to_owned(),
        connector_version: "1.0.0".to_owned(),
        connector_source: ConnectorSource::Bundled { id: "any".to_owned() },
        connector_sha256: None,
        settings: serde_json::Map::new(),
        egress: Default::default(),
        secrets: Default::default(),
        proxy: None,
    };
    context.instance_id = context.store.with(|store| store.add_instance(&other, at(7))).unwrap();
    context.list(&[project("7", "acme/app", "main")], 7);
    context.findings(&[json!({ "id": "9", "key": "z" })], 8);
    let second = context.instance_id;
    (context, first, second)
}

fn rows(context: &TestContext, table: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM {table}");
    context.store.with(|store| store.connection.query_row(&sql, [], |row| row.get(0))).unwrap()
}

#[test]
fn every_table_of_the_schema_is_told_what_it_holds_of_an_instance() {
    let context = TestContext::new();
    let schema = context.store.with(|store| tables(&store.connection)).unwrap();
    let mut told: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    told.sort_unstable();
    assert_eq!(schema, told);
}

#[test]
fn a_plan_counts_what_goes_and_what_stays() {
    let (context, first, _) = two_instances();
    let plan = context.store.with(|store| store.deletion_plan(first)).unwrap();
    assert_eq!(plan.instance, "code");
    let of = |table: &str| plan.tables.iter().find(|it| it.table == table).map(|it| (it.goes, it.stays));
    assert_eq!(of("findings"), Some((2, 1)));
    assert_eq!(of("records"), Some((2, 1)));
    assert_eq!(of("instances"), Some((1, 1)));
    assert_eq!(of("advisories"), None);
}

#[test]
fn what_is_planned_is_what_goes() {
    let (context, first, _) = two_instances();
    let policies = "[[policy]]\nid = 'any'\ntitle = 'Any'\nseverity = 'low'\nwhen = 'is_open'\n\
                    [[policy]]\nid = 'issue'\ntitle = 'Any'\nseverity = 'low'\non = 'issue'\nwhen = 'is_open'\n";
    context.store.with(|store| {
        store.put_policies(&appsec_policy::Policies::load(policies).unwrap(), policies, at(8)).unwrap();
        store.refresh(at(8)).unwrap();
    });
    let plan = context.store.with(|store| store.deletion_plan(first)).unwrap();
    for table in ["policy_results", "metric_findings", "metric_counts", "issues", "issue_members"] {
        let planned = plan.tables.iter().find(|it| it.table == table).unwrap();
        assert!(planned.goes > 0 && planned.stays > 0, "{planned:?}");
    }
    context.store.with(|store| store.delete_rows(first, at(9))).unwrap();
    for TablePlan { table, stays, .. } in plan.tables {
        assert_eq!(rows(&context, &table), stays, "{table}");
    }
}

#[test]
fn nothing_of_an_instance_is_left_and_the_other_keeps_all() {
    let (context, first, second) = two_instances();
    context.store.with(|store| {
        let plan = store.deletion_plan(first).unwrap();
        store.begin_deletion(first, &plan, at(9)).unwrap();
        store.delete_rows(first, at(9)).unwrap();
        // Another instance is at work: what it has yet to bring up to date is no trace of this one.
        store.connection.execute("INSERT INTO dirty_findings SELECT id FROM findings", []).unwrap();
        let proof = store.shred_and_prove(first, &[b"no-such-token"], at(9)).unwrap();
        assert_eq!((proof.left.as_slice(), proof.free_pages), (&[] as &[String], 0));
        assert_eq!(proof.tables, TABLES.len() as u64);
        assert_eq!(store.pending_deletion().unwrap().unwrap().plan, plan);
        store.end_deletion(first).unwrap();
        assert!(store.pending_deletion().unwrap().is_none());
    });
    assert_eq!((rows(&context, "findings"), rows(&context, "records"), rows(&context, "instances")), (1, 1, 1));
    let kept = context.store.with(|store| store.deletion_plan(second)).unwrap();
    assert_eq!(kept.tables.iter().find(|it| it.table == "projects").unwrap().goes, 1);
}

#[test]
fn a_proof_finds_what_was_left_behind() {
    let (context, first, _) = two_instances();
    let left = context.store.with(|store| store.prove_deletion(first, &[b"acme/app"]).unwrap().left);
    assert!(left.iter().any(|it| it.ends_with("rows of the instance in findings")), "{left:?}");
    assert!(left.contains(&"a secret in projects".to_owned()), "{left:?}");
    // Rows of nobody: the instance alone is taken away.
    let left = context.store.with(|store| {
        store.connection.pragma_update(None, "foreign_keys", false).unwrap();
        store.connection.execute("DELETE FROM findings WHERE instance_id = ?1", [first]).unwrap();
        store.connection.execute("DELETE FROM instances WHERE id = ?1", [first]).unwrap();
        store.prove_deletion(first, &[]).unwrap().left
    });
    assert!(left.contains(&"2 rows of nobody in records".to_owned()), "{left:?}");
    assert!(left.iter().any(|it| it.ends_with("rows of nobody in dirty_findings")), "{left:?}");
}

#[test]
fn the_same_instance_added_again_has_the_same_findings() {
    let mut context = TestContext::with_project();
    context.findings(&[json!({ "id": "1", "key": "a" })], 5);
    let before = context.all().remove(0).row.id;
    let id = context.instance_id;
    context.instance_id = context.store.with(|store| {
        let made = store.instances().unwrap().remove(0).made;
        store.delete_rows(id, at(9)).unwrap();
        store.add_instance(&made, at(10)).unwrap()
    });
    context.list(&[Project { ..project("7", "acme/app", "main") }], 11);
    let records = vec![record(Kind::Sast, &json!({ "id": "1", "key": "a" }))];
    context.read(Kind::Sast, records, |it| finding(&serde_json::from_str(&it.body).unwrap()), 12);
    assert_eq!(context.all().remove(0).row.id, before);
}
