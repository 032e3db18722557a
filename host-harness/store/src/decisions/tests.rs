use appsec_analysis::triage::{TriageDecision, TriageEntry};
use appsec_model::Kind;
use serde_json::json;

use super::{DecidedOn, DecisionList};
use crate::{
    decided::DecisionEnd,
    filter::{DecisionFilter, Filter},
    findings::FindingDetail,
    fixture::{TestContext, at, finding, record},
    ids::{FindingId, IssueId},
    issues::IssueFilter,
    mapping::KeptFindings,
    metrics::DashboardFilter,
    pages::OnAbsence,
    policies::PolicyFilter,
};

fn accepted(until: Option<i64>) -> TriageEntry {
    TriageEntry {
        reason: Some("not exposed".to_owned()),
        until: until.map(at),
        ..TriageEntry::new(TriageDecision::AcceptedRisk)
    }
}

impl TestContext {
    fn decide(&self, findings: &[FindingId], issue: Option<IssueId>, entry: &TriageEntry, now: i64) {
        let on: Vec<DecidedOn> = findings.iter().map(|finding| DecidedOn { finding: *finding, issue }).collect();
        self.store.with(|store| {
            assert_eq!(store.decide(&on, entry, "ada", at(now)).unwrap(), on.len() as u64);
            store.refresh(at(now)).unwrap();
        });
    }

    fn refresh_at(&self, now: i64) {
        self.store.with(|store| store.refresh(at(now))).unwrap();
    }

    fn only(&self) -> FindingDetail {
        let mut all = self.all();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn status(&self) -> String {
        self.only().row.status
    }

    /// What the only issue says: its id, its status, whether it is open.
    fn issue(&self) -> (IssueId, String, usize) {
        let all = IssueFilter { limit: 9, ..IssueFilter::default() };
        let (rows, total) = self.store.with(|store| store.issues(&all)).unwrap();
        assert_eq!(total, 1);
        let open = IssueFilter { open: Some(true), ..all };
        let open = self.store.with(|store| store.issues(&open)).unwrap().0.len();
        (rows[0].id, rows[0].status.clone(), open)
    }

    /// Open findings, and what was opened again and dismissed, by the dashboard.
    fn counted(&self) -> (u64, u64, u64) {
        let filter = DashboardFilter { since: at(0), top: 9, ..DashboardFilter::default() };
        let shown = self.store.with(|store| store.dashboard(&filter, at(DAY * 9))).unwrap();
        let days = shown.days.iter();
        (shown.open, days.clone().map(|it| it.reopened).sum(), days.map(|it| it.dismissed).sum())
    }
}

const DAY: i64 = 86_400_000_000;

/// A context with one finding on two branches.
fn one_on_two_branches() -> TestContext {
    let context = TestContext::with_project();
    let on = |id: &str, branch: &str| json!({ "id": id, "key": "k", "ref": branch });
    context.findings(&[on("1", "main"), on("2", "next")], 5);
    context.refresh_at(5);
    context
}

#[test]
fn a_decision_counts_everywhere_and_its_end_lifts_it() {
    let context = one_on_two_branches();
    let policies = "[[policy]]\nid = 'any'\ntitle = 'Any'\nseverity = 'low'\nwhen = 'is_open'\n";
    let violated = |now: i64| {
        context.store.with(|store| {
            store.refresh(at(now)).unwrap();
            store.policy_results(&PolicyFilter { open: true, ..PolicyFilter::default() }, 9).unwrap().1
        })
    };
    context.store.with(|store| {
        store.put_policies(&appsec_policy::Policies::load(policies).unwrap(), policies, at(6)).unwrap();
    });
    assert_eq!((violated(6), context.counted()), (1, (1, 0, 0)));

    let id = context.only().row.id;
    context.decide(&[id], None, &accepted(Some(DAY)), 7);
    let found = context.only();
    assert_eq!((found.row.status.as_str(), found.row.priority), ("ignored", 0));
    assert_eq!(found.row.closed_at, Some(at(7)));
    // What its source says is as it was.
    assert_eq!(found.occurrence_details[0].finding.lifecycle.status.as_str(), "open");
    assert_eq!(
        (violated(8), context.counted(), context.issue().1.as_str(), context.issue().2),
        (0, (0, 0, 1), "ignored", 0)
    );
    assert!(!context.store.with(|store| store.is_stale(at(DAY - 1))).unwrap());

    assert!(context.store.with(|store| store.is_stale(at(DAY))).unwrap());
    assert_eq!((violated(DAY * 3), context.counted(), context.issue().1.as_str()), (1, (1, 1, 1), "open"));
    let found = context.only();
    assert_eq!((found.row.status.as_str(), found.row.closed_at, found.row.changed_at), ("open", None, at(DAY)));
    assert!(found.row.decision.is_none());
    let ended = &found.decisions[0];
    assert_eq!(
        (ended.ended, ended.ended_at, ended.ended_by.as_deref()),
        (Some(DecisionEnd::Expired), Some(at(DAY)), None)
    );
}

#[test]
fn a_due_end_is_seen_by_whoever_reads() {
    let context = one_on_two_branches();
    let id = context.only().row.id;
    context.decide(&[id], None, &accepted(Some(20)), 7);
    let now = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(19));
    let (clock, path) = (now.clone(), context.store.with(|store| store.connection.path().unwrap().to_owned()));
    let store = crate::FindingStore::open(path.as_ref(), &"acme".parse().unwrap()).unwrap();
    let shared = crate::SharedStore::new(
        store,
        std::sync::Arc::new(move || at(clock.load(std::sync::atomic::Ordering::SeqCst))),
    );
    let status = || shared.read_now(|store| Ok(store.finding(id, false)?.unwrap().row.status)).unwrap();
    assert_eq!(status(), "ignored");
    now.store(20, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(status(), "open");
}

#[test]
fn a_decision_outlives_what_happens_to_its_finding() {
    let context = one_on_two_branches();
    let id = context.only().row.id;
    context.decide(&[id], None, &accepted(None), 7);
    let on = |id: &str, branch: &str, line: u32| json!({ "id": id, "key": "k", "ref": branch, "line": line });
    let both = |line| [on("1", "main", line), on("2", "next", line)];
    // The same again, and moved lines.
    for (line, now) in [(7, 8), (9, 9)] {
        context.findings(&both(line), now);
        context.refresh_at(now);
        assert_eq!((context.status().as_str(), context.only().row.start_line), ("ignored", Some(line)));
    }
    // Another branch, and none but that.
    context.findings(&[on("3", "third", 9)], 10);
    context.refresh_at(10);
    assert_eq!(context.status(), "ignored");
    // Gone, which is a fact, and there again.
    context.findings(&[], 11);
    context.refresh_at(11);
    assert_eq!(context.status(), "vanished");
    context.findings(&both(12), 12);
    context.refresh_at(12);
    assert_eq!(context.status(), "ignored");
    // Fixed, and broken again.
    for (status, shown, now) in [("fixed", "fixed", 13), ("open", "ignored", 14)] {
        context.findings(&[json!({ "id": "1", "key": "k", "status": status })], now);
        context.refresh_at(now);
        assert_eq!(context.status(), shown);
    }
    // The source's own triage is another matter, until ours is taken back.
    context.findings(&[json!({ "id": "1", "key": "k", "status": "fixing" })], 15);
    context.refresh_at(15);
    assert_eq!(context.status(), "ignored");
    assert_eq!(context.only().decisions.len(), 1);
    context.store.with(|store| {
        let decision = store.decided(&[id]).unwrap()[0].1;
        assert_eq!(store.clear_decisions(&[decision], "bob", at(16)).unwrap(), 1);
        assert_eq!(store.clear_decisions(&[decision], "bob", at(17)).unwrap(), 0);
        store.refresh(at(17)).unwrap();
    });
    let found = context.only();
    assert_eq!(found.row.status, "fixing");
    let ended = &found.decisions[0];
    assert_eq!((ended.ended, ended.ended_by.as_deref()), (Some(DecisionEnd::Cleared), Some("bob")));
}

#[test]
fn a_decision_goes_with_the_record_whose_identity_changes() {
    let context = TestContext::with_project();
    context.findings(&[json!({ "id": "1", "key": "a" })], 5);
    let before = context.only().row.id;
    context.decide(&[before], None, &accepted(None), 6);
    context.findings(&[json!({ "id": "1", "key": "b" })], 7);
    context.refresh_at(7);
    let found = context.only();
    assert_ne!(found.row.id, before);
    assert_eq!((found.row.status.as_str(), found.decisions.len()), ("ignored", 1));
}

#[test]
fn a_decision_replaces_the_one_before_and_both_are_history() {
    let context = one_on_two_branches();
    let id = context.only().row.id;
    let fixing = TriageEntry { assignee: Some("eve".to_owned()), ..TriageEntry::new(TriageDecision::Fixing) };
    context.decide(&[id], None, &fixing, 7);
    assert_eq!(context.status(), "fixing");
    let before = context.store.with(|store| store.decided(&[id])).unwrap()[0].1;
    let on = [DecidedOn { finding: id, issue: None }];
    let undecided = |entry: &TriageEntry| context.store.with(|store| store.undecided(&on, entry)).unwrap().len();
    assert_eq!((undecided(&fixing), undecided(&accepted(None))), (0, 1));
    context.decide(&[id], None, &accepted(None), 8);
    let found = context.only();
    let told: Vec<_> = found.decisions.iter().map(|it| (it.entry.decision, it.ended)).collect();
    assert_eq!(told, [(TriageDecision::AcceptedRisk, None), (TriageDecision::Fixing, Some(DecisionEnd::Replaced))]);
    // Whoever takes the one before back does not mean this one.
    assert_eq!(context.store.with(|store| store.clear_decisions(&[before], "bob", at(9))).unwrap(), 0);
    assert_eq!(found.row.decision.as_ref().map(|it| it.author.as_str()), Some("ada"));
}

fn vulnerability(id: &str, key: &str, advisory: &str) -> serde_json::Value {
    json!({
        "id": id, "key": key, "kind": "sca",
        "dependency": {
            "package": { "name": "lib", "version": "1", "ecosystem": "npm" }, "advisories": [{ "id": advisory, "source": "cve" }],
            "transitivity": "direct", "reachability": { "verdict": "not-analyzed" }, "fix": { "availability": "not-said" },
            "introduced_by": []
        }
    })
}

fn read(context: &TestContext, bodies: &[serde_json::Value], now: i64) {
    let records = bodies.iter().map(|body| record(Kind::Sca, body)).collect();
    context.read(Kind::Sca, records, |record| finding(&serde_json::from_str(&record.body).unwrap()), now);
    context.refresh_at(now);
}

#[test]
fn what_moves_to_another_issue_brings_no_decision_along() {
    let context = TestContext::with_project();
    read(&context, &[vulnerability("1", "a", "CVE-2024-1"), vulnerability("2", "b", "CVE-2024-2")], 5);
    let first = context.all().into_iter().find(|it| it.row.advisories == ["CVE-2024-1"]).unwrap().row.id;
    let issue = context.store.with(|store| store.issue(IssueId(first.0))).unwrap().unwrap().row.id;
    context.decide(&[first], Some(issue), &accepted(None), 6);
    // The first one is of the other's advisory now, and of the other's issue.
    let moved = [vulnerability("1", "a", "CVE-2024-2"), vulnerability("2", "b", "CVE-2024-2")];
    for now in [7, 8] {
        read(&context, &moved, now);
        let mut statuses: Vec<_> = context.all().into_iter().map(|it| it.row.status).collect();
        statuses.sort();
        assert_eq!(statuses, ["ignored", "open"]);
    }
    // An id that leads to the issue is the issue: its advisory got another number.
    let numbers = r#"{"id":"CVE-2024-3","aliases":["CVE-2024-2"],"modified":"2026-01-01T00:00:00Z"}"#;
    let mut link = appsec_analysis::Advisories::default();
    assert!(link.read_osv(numbers.as_bytes(), "osv.json").is_empty());
    let second = context.all().into_iter().find(|it| it.row.id != first).unwrap().row.id;
    let issue = context.store.with(|store| store.issue(IssueId(second.0))).unwrap().unwrap().row.id;
    context.decide(&[second], Some(issue), &accepted(None), 9);
    context.store.with(|store| store.put_advisories(&link)).unwrap();
    let further = vulnerability("3", "c", "CVE-2024-3");
    read(&context, &[moved[0].clone(), moved[1].clone(), further], 10);
    assert!(context.all().into_iter().all(|it| it.row.status == "ignored"));
}

#[test]
fn what_joins_an_issue_takes_over_what_was_decided_on_it() {
    let context = TestContext::with_project();
    let vulnerability = |id: &str, key: &str| vulnerability(id, key, "CVE-2024-1");
    read(&context, &[vulnerability("1", "a")], 5);
    let (issue, ..) = context.issue();
    context.decide(&[context.only().row.id], Some(issue), &accepted(Some(50)), 6);
    assert_eq!(context.issue().2, 0);

    // Another finding of the same issue, by the same source.
    read(&context, &[vulnerability("1", "a"), vulnerability("2", "b")], 7);
    let statuses = || context.all().into_iter().map(|it| it.row.status).collect::<Vec<_>>();
    assert_eq!((statuses(), context.issue()), (vec!["ignored".to_owned(); 2], (issue, "ignored".to_owned(), 0)));
    // Whoever decides on it afterwards is right.
    let joined = context.all().into_iter().find(|it| it.row.decision.as_ref().unwrap().decided_at == at(6)).unwrap();
    let decision = context.store.with(|store| store.decided(&[joined.row.id])).unwrap()[0].1;
    context.store.with(|store| store.clear_decisions(&[decision], "bob", at(8))).unwrap();
    context.refresh_at(8);
    assert_eq!(context.issue().2, 1);
    context.refresh_at(9);
    assert_eq!(context.issue().2, 1, "what was taken back stays taken back");
    // After the end nothing is taken over.
    context.refresh_at(50);
    read(&context, &[vulnerability("1", "a"), vulnerability("2", "b"), vulnerability("3", "c")], 51);
    assert_eq!(statuses(), vec!["open"; 3]);
}

#[test]
fn decisions_are_filters_of_findings_and_a_list() {
    let context = TestContext::with_project();
    context
        .findings(&[json!({ "id": "1", "key": "a", "title": "a" }), json!({ "id": "2", "key": "b", "title": "b" })], 5);
    let ids: Vec<FindingId> = context.all().iter().map(|it| it.row.id).collect();
    let entry = TriageEntry { labels: vec!["x".to_owned()], assignee: Some("eve".to_owned()), ..accepted(Some(30)) };
    context.decide(&ids[..1], None, &entry, 6);
    let matching = |decided: DecisionFilter, is_decided: Option<bool>| {
        let filter = Filter { decided, is_decided, limit: 9, ..Filter::default() };
        let by_ids = context.store.with(|store| store.matching(&filter)).unwrap();
        let by_rows = context.store.with(|store| store.findings(&filter)).unwrap().0;
        assert_eq!(by_ids, by_rows.iter().map(|it| it.id).collect::<Vec<_>>());
        by_ids
    };
    let none = DecisionFilter::default;
    let or_undecided = |decisions: Vec<TriageDecision>, statuses: &[&str]| {
        let decided = DecisionFilter { decisions, ..none() };
        let or_undecided = Some(statuses.iter().map(|it| (*it).to_owned()).collect());
        let filter = Filter { decided, is_decided: Some(true), or_undecided, limit: 9, ..Filter::default() };
        context.store.with(|store| store.matching(&filter)).unwrap()
    };
    assert_eq!(or_undecided(vec![], &[]).len(), 2);
    assert_eq!(or_undecided(vec![TriageDecision::AcceptedRisk], &["open"]).len(), 2);
    assert_eq!(or_undecided(vec![TriageDecision::AcceptedRisk], &["fixed"]), ids[..1]);
    assert_eq!(or_undecided(vec![TriageDecision::Fixing], &[]), ids[1..]);
    assert_eq!(matching(none(), Some(true)), ids[..1]);
    assert_eq!(matching(none(), Some(false)), ids[1..]);
    for (good, wrong) in [
        (
            DecisionFilter { decisions: vec![TriageDecision::AcceptedRisk], ..none() },
            DecisionFilter { decisions: vec![TriageDecision::Fixing], ..none() },
        ),
        (
            DecisionFilter { assignee: Some("eve".to_owned()), ..none() },
            DecisionFilter { assignee: Some("ev".to_owned()), ..none() },
        ),
        (
            DecisionFilter { label: Some("x".to_owned()), ..none() },
            DecisionFilter { label: Some("y".to_owned()), ..none() },
        ),
        (
            DecisionFilter { ends_before: Some(at(31)), ..none() },
            DecisionFilter { ends_before: Some(at(30)), ..none() },
        ),
    ] {
        assert_eq!(matching(good.clone(), Some(true)), ids[..1]);
        assert_eq!(matching(wrong, Some(true)), []);
        let list = DecisionList { with: good, limit: 9, ..DecisionList::default() };
        let (rows, total) = context.store.with(|store| store.decisions(&list)).unwrap();
        assert_eq!((rows.len(), total, rows[0].finding), (1, 1, ids[0]));
    }
    context.refresh_at(30);
    let list = |with_ended| DecisionList { with_ended, limit: 9, ..DecisionList::default() };
    let total = |with_ended| context.store.with(|store| store.decisions(&list(with_ended))).unwrap().1;
    assert_eq!((total(false), total(true)), (0, 1));
}

#[test]
fn a_deletion_takes_decisions_along_and_an_issue_keeps_those_of_other_sources() {
    let context = TestContext::with_project();
    context.findings(&[json!({ "id": "1", "key": "a" })], 5);
    let other = context.beside("other");
    other.list(&[crate::fixture::project("7", "acme/app", "main")], 5);
    other.findings(&[json!({ "id": "1", "key": "a" })], 6);
    context.refresh_at(6);
    let ids: Vec<FindingId> = context.all().iter().map(|it| it.row.id).collect();
    context.decide(&ids, None, &accepted(None), 7);
    let plan = context.store.with(|store| store.deletion_plan(context.instance_id)).unwrap();
    let planned = plan.tables.iter().find(|it| it.table == "decisions").unwrap();
    assert_eq!((planned.goes, planned.stays), (1, 1));
    context.store.with(|store| {
        store.delete_rows(context.instance_id, at(8)).unwrap();
        let proof = store.shred_and_prove(context.instance_id, &[], at(8)).unwrap();
        assert_eq!(proof.left, [""; 0]);
    });
    assert_eq!(context.only().row.status, "ignored");
    // The same instance made again knows nothing of it.
    let left =
        context.store.with(|store| store.decisions(&DecisionList { limit: 9, ..DecisionList::default() })).unwrap();
    assert_eq!(left.1, 1);
}

#[test]
fn a_project_that_is_deleted_takes_its_decisions_along() {
    let context = one_on_two_branches();
    let id = context.only().row.id;
    context.decide(&[id], None, &accepted(None), 7);
    let sql = "SELECT id FROM projects";
    let project = context.store.with(|store| store.connection.query_row(sql, [], |row| row.get(0))).unwrap();
    context.store.with(|store| store.release_project(project, true, KeptFindings::Delete, at(8))).unwrap();
    let rows: u64 = context
        .store
        .with(|store| store.connection.query_row("SELECT count(*) FROM decisions", [], |row| row.get(0)))
        .unwrap();
    assert_eq!(rows, 0);
}

#[test]
fn what_is_decided_is_not_held_against_a_removal() {
    let context = TestContext::with_project();
    let body = |n: usize| json!({ "id": n.to_string(), "key": n.to_string() });
    let all: Vec<_> = (0..30).map(body).collect();
    context.run(&[("acme/app", &all)], OnAbsence::Mark, 5);
    let ids: Vec<FindingId> = context.store.with(|store| store.matching(&Filter::default())).unwrap();
    context.decide(&ids, None, &accepted(None), 6);
    // None of them is open: there is nothing to guard.
    let refused = context.run(&[("acme/app", &[])], OnAbsence::Guard(crate::Percent::new(10).unwrap()), 7);
    assert_eq!(refused, None);
}
