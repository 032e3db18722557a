use appsec_model::Kind;
use serde_json::{Value, json};

use super::{Keep, RunFilter, RunWait};
use crate::{
    fixture::{TestContext, at, project},
    runs::{RunExtent, RunMode, RunState},
};

fn found(id: &str, status: &str) -> Value {
    json!({ "id": id, "key": id, "status": status })
}

/// `new changed fixed reopened vanished open_vanished` of the only project.
fn counts(context: &TestContext, run: i64) -> [u64; 6] {
    let projects = context.store.with(|store| {
        let run = store.run(run).unwrap().unwrap();
        store.run_projects(&run).unwrap()
    });
    assert_eq!((projects.len(), projects[0].project.as_str()), (1, "acme/app"));
    let it = &projects[0];
    [it.new, it.changed, it.fixed, it.reopened, it.vanished, it.open_vanished]
}

#[test]
fn what_becomes_of_findings_is_counted_by_run_and_project() {
    let context = TestContext::with_project();
    let states = |states: [&str; 4]| -> Vec<Value> {
        let all = ["1", "2", "3", "4"].into_iter().zip(states);
        all.filter(|(_, status)| !status.is_empty()).map(|(id, status)| found(id, status)).collect()
    };
    context.findings(&states(["open", "open", "fixed", "ignored"]), 1);
    assert_eq!(counts(&context, 1), [4, 0, 0, 0, 0, 0]);
    context.findings(&states(["fixed", "open", "open", "ignored"]), 2);
    assert_eq!(counts(&context, 2), [0, 2, 1, 1, 0, 0]);
    context.findings(&states(["fixed", "", "open", ""]), 3);
    assert_eq!(counts(&context, 3), [0, 0, 0, 0, 2, 1]);
    context.findings(&states(["fixed", "open", "open", ""]), 4);
    assert_eq!(counts(&context, 4), [0, 1, 0, 1, 0, 0], "what is there again is reopened");
}

#[test]
fn a_finding_on_two_refs_is_fixed_once() {
    let context = TestContext::with_project();
    let on = |id: &str, branch: &str, status: &str| json!({ "id": id, "ref": branch, "status": status });
    context.findings(&[on("1", "main", "open"), on("2", "next", "open")], 1);
    context.findings(&[on("1", "main", "fixed"), on("2", "next", "open")], 2);
    context.findings(&[on("1", "main", "fixed"), on("2", "next", "fixed")], 3);
    assert_eq!(counts(&context, 2)[2] + counts(&context, 3)[2], 1);
}

#[test]
fn runs_are_found_by_state_time_and_project() {
    let context = TestContext::with_project();
    context.findings(&[found("1", "open")], 10);
    context.list(&[project("7", "acme/app", "main"), project("8", "acme/other", "main")], 15);
    context.findings(
        &[found("1", "open"), json!({ "id": "2", "in": "acme/other", "project": { "name": "acme/other" } })],
        20,
    );
    let ids = |filter: &RunFilter| -> Vec<i64> {
        let filter = RunFilter { limit: 9, ..filter.clone() };
        context.store.with(|store| store.find_runs(&filter)).unwrap().0.iter().map(|run| run.id).collect()
    };
    context.store.with(|store| store.finish_run(1, RunState::Complete, None, at(11))).unwrap();
    let any = RunFilter::default();
    assert_eq!(ids(&any), [2, 1]);
    assert_eq!(ids(&RunFilter { offset: 1, ..any.clone() }), [1]);
    let one = RunFilter { limit: 1, ..any.clone() };
    let (page, total) = context.store.with(|store| store.find_runs(&one)).unwrap();
    assert_eq!((page.len(), total), (1, 2));
    assert_eq!(ids(&RunFilter { states: vec![RunState::Complete, RunState::Failed], ..any.clone() }), [1]);
    assert_eq!(ids(&RunFilter { since: Some(at(20)), ..any.clone() }), [2]);
    assert_eq!(ids(&RunFilter { project: Some("ACME/other".to_owned()), ..any.clone() }), [2]);
    assert_eq!(ids(&RunFilter { instance_id: Some(99), ..any }), [0_i64; 0]);
}

#[test]
fn what_the_next_sync_starts_from_is_kept_however_old_it_is() {
    let context = TestContext::with_project();
    context.store.with(|store| {
        let mut ended = |mode, extent, state, now| {
            let run = store.start_run(context.instance_id, mode, extent, 0, &[], at(now)).unwrap();
            if state != RunState::Running {
                store.finish_run(run, state, None, at(now)).unwrap();
            }
        };
        ended(RunMode::Full, RunExtent::Whole, RunState::Complete, 1);
        ended(RunMode::Full, RunExtent::Whole, RunState::Complete, 2);
        ended(RunMode::Full, RunExtent::Whole, RunState::Partial, 3);
        ended(RunMode::Incremental, RunExtent::Whole, RunState::Failed, 4);
        ended(RunMode::Import, RunExtent::Selection, RunState::Running, 5);
        ended(RunMode::Incremental, RunExtent::Whole, RunState::Failed, 6);
        ended(RunMode::Incremental, RunExtent::Whole, RunState::Failed, 7);
        let kept = |store: &crate::FindingStore| -> Vec<i64> {
            store.runs(None, 99).unwrap().iter().map(|run| run.id).collect()
        };
        assert_eq!(store.prune_runs(None, Keep::Since(at(4))).unwrap(), 1);
        assert_eq!(kept(store), [7, 6, 5, 4, 3, 2]);
        assert_eq!(store.prune_runs(None, Keep::Newest(2)).unwrap(), 1);
        assert_eq!(kept(store), [7, 6, 5, 3, 2]);
        assert_eq!(store.prune_runs(Some(99), Keep::Newest(0)).unwrap(), 0);
        assert_eq!(store.prune_runs(None, Keep::Newest(0)).unwrap(), 1);
        assert_eq!(kept(store), [7, 5, 3, 2]);
        assert_eq!(store.last_complete_start(context.instance_id, RunExtent::Whole).unwrap(), Some(at(2)));
    });
}

#[test]
fn remarks_on_records_that_are_there_outlive_their_run() {
    let context = TestContext::with_project();
    for now in 1..4 {
        let body = json!({ "id": "1", "unusable": true, "now": now });
        context.read(Kind::Sast, vec![crate::fixture::record(Kind::Sast, &body)], |_| json!({ "unusable": true }), now);
        context.store.with(|store| store.finish_run(now, RunState::Complete, None, at(now))).unwrap();
    }
    context.store.with(|store| {
        let record: i64 = store.connection.query_row("SELECT id FROM records", [], |row| row.get(0)).unwrap();
        for (run, of) in [(1, Some(record)), (1, None), (2, Some(record + 1))] {
            let sql = "INSERT INTO diagnostics (instance_id, run_id, record_id, document) VALUES (1, ?1, ?2, '{}')";
            store.connection.execute(sql, rusqlite::params![run, of]).unwrap();
        }
        assert_eq!(store.prune_runs(None, Keep::Newest(1)).unwrap(), 2);
        let left: i64 = store.connection.query_row("SELECT count(*) FROM diagnostics", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 1);
    });
}

#[test]
fn waits_are_added_up_by_reason() {
    let context = TestContext::with_project();
    context.findings(&[], 1);
    let wait = |reason: &str, waits, waited_ms| RunWait { reason: reason.to_owned(), waits, waited_ms };
    context.store.with(|store| {
        store.add_waits(1, &[wait("unavailable", 1, 10), wait("rate-limited", 2, 2000)]).unwrap();
        store.add_waits(1, &[wait("unavailable", 1, 5)]).unwrap();
        assert_eq!(store.run_waits(1).unwrap(), [wait("rate-limited", 2, 2000), wait("unavailable", 2, 15)]);
    });
}
