use appsec_analysis::triage::{TriageDecision, TriageEntry};
use appsec_model::Kind;
use serde_json::json;

use super::{DecidedOn, DecisionList};
use crate::{
    decided::DecisionEnd,
    filter::{DecisionFilter, Filter},
    findings::FindingDetail,
    fixture::{Desk, at, finding, record},
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

impl Desk {
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

/// A desk with one finding on two branches.
fn one_on_two_branches() -> Desk {
    let desk = Desk::with_project();
    let on = |id: &str, branch: &str| json!({ "id": id, "key": "k", "ref": branch });
    desk.findings(&[on("1", "main"), on("2", "next")], 5);
    desk.refresh_at(5);
    desk
}

#[test]
fn a_decision_counts_everywhere_and_its_end_lifts_it() {
    let desk = one_on_two_branches();
    let policies = "[[policy]]\nid = 'any'\ntitle = 'Any'\nseverity = 'low'\nwhen = 'is_open'\n";
    let violated = |now: i64| {
        desk.store.with(|store| {
            store.refresh(at(now)).unwrap();
            store.policy_results(&PolicyFilter { open: true, ..PolicyFilter::default() }, 9).unwrap().1
        })
    };
    desk.store.with(|store| {
        store.put_policies(&appsec_policy::Policies::load(policies).unwrap(), policies, at(6)).unwrap();
    });
    assert_eq!((violated(6), desk.counted()), (1, (1, 0, 0)));

    let id = desk.only().row.id;
    desk.decide(&[id], None, &accepted(Some(DAY)), 7);
    let found = desk.only();
    assert_eq!((found.row.status.as_str(), found.row.priority), ("ignored", 0));
    assert_eq!(found.row.closed_at, Some(at(7)));
    // What its source says is as it was.
    assert_eq!(found.occurrence_details[0].finding.lifecycle.status.as_str(), "open");
    assert_eq!((violated(8), desk.counted(), desk.issue().1.as_str(), desk.issue().2), (0, (0, 0, 1), "ignored", 0));
    assert!(!desk.store.with(|store| store.is_stale(at(DAY - 1))).unwrap());

    assert!(desk.store.with(|store| store.is_stale(at(DAY))).unwrap());
    assert_eq!((violated(DAY * 3), desk.counted(), desk.issue().1.as_str()), (1, (1, 1, 1), "open"));
    let found = desk.only();
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
    let desk = one_on_two_branches();
    let id = desk.only().row.id;
    desk.decide(&[id], None, &accepted(Some(20)), 7);
    let now = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(19));
    let (clock, path) = (now.clone(), desk.store.with(|store| store.connection.path().unwrap().to_owned()));
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
    let desk = one_on_two_branches();
    let id = desk.only().row.id;
    desk.decide(&[id], None, &accepted(None), 7);
    let on = |id: &str, branch: &str, line: u32| json!({ "id": id, "key": "k", "ref": branch, "line": line });
    let both = |line| [on("1", "main", line), on("2", "next", line)];
    // The same again, and moved lines.
    for (line, now) in [(7, 8), (9, 9)] {
        desk.findings(&both(line), now);
        desk.refresh_at(now);
        assert_eq!((desk.status().as_str(), desk.only().row.start_line), ("ignored", Some(line)));
    }
    // Another branch, and none but that.
    desk.findings(&[on("3", "third", 9)], 10);
    desk.refresh_at(10);
    assert_eq!(desk.status(), "ignored");
    // Gone, which is a fact, and there again.
    desk.findings(&[], 11);
    desk.refresh_at(11);
    assert_eq!(desk.status(), "vanished");
    desk.findings(&both(12), 12);
    desk.refresh_at(12);
    assert_eq!(desk.status(), "ignored");
    // Fixed, and broken again.
    for (status, shown, now) in [("fixed", "fixed", 13), ("open", "ignored", 14)] {
        desk.findings(&[json!({ "id": "1", "key": "k", "status": status })], now);
        desk.refresh_at(now);
        assert_eq!(desk.status(), shown);
    }
    // The source's own triage is another matter, until ours is taken back.
    desk.findings(&[json!({ "id": "1", "key": "k", "status": "fixing" })], 15);
    desk.refresh_at(15);
    assert_eq!(desk.status(), "ignored");
    assert_eq!(desk.only().decisions.len(), 1);
    desk.store.with(|store| {
        assert_eq!(store.clear_decisions(&[id], "bob", at(16)).unwrap(), 1);
        assert_eq!(store.clear_decisions(&[id], "bob", at(17)).unwrap(), 0);
        store.refresh(at(17)).unwrap();
    });
    let found = desk.only();
    assert_eq!(found.row.status, "fixing");
    let ended = &found.decisions[0];
    assert_eq!((ended.ended, ended.ended_by.as_deref()), (Some(DecisionEnd::Cleared), Some("bob")));
}

#[test]
fn a_decision_goes_with_the_record_whose_identity_changes() {
    let desk = Desk::with_project();
    desk.findings(&[json!({ "id": "1", "key": "a" })], 5);
    let before = desk.only().row.id;
    desk.decide(&[before], None, &accepted(None), 6);
    desk.findings(&[json!({ "id": "1", "key": "b" })], 7);
    desk.refresh_at(7);
    let found = desk.only();
    assert_ne!(found.row.id, before);
    assert_eq!((found.row.status.as_str(), found.decisions.len()), ("ignored", 1));
}

#[test]
fn a_decision_replaces_the_one_before_and_both_are_history() {
    let desk = one_on_two_branches();
    let id = desk.only().row.id;
    let fixing = TriageEntry { assignee: Some("eve".to_owned()), ..TriageEntry::new(TriageDecision::Fixing) };
    desk.decide(&[id], None, &fixing, 7);
    assert_eq!(desk.status(), "fixing");
    let on = [DecidedOn { finding: id, issue: None }];
    let undecided = |entry: &TriageEntry| desk.store.with(|store| store.undecided(&on, entry)).unwrap().len();
    assert_eq!((undecided(&fixing), undecided(&accepted(None))), (0, 1));
    desk.decide(&[id], None, &accepted(None), 8);
    let found = desk.only();
    let told: Vec<_> = found.decisions.iter().map(|it| (it.entry.decision, it.ended)).collect();
    assert_eq!(told, [(TriageDecision::AcceptedRisk, None), (TriageDecision::Fixing, Some(DecisionEnd::Replaced))]);
    assert_eq!(found.row.decision.as_ref().map(|it| it.author.as_str()), Some("ada"));
}

#[test]
fn what_joins_an_issue_takes_over_what_was_decided_on_it() {
    let desk = Desk::with_project();
    let vulnerability = |id: &str, key: &str| {
        json!({
            "id": id, "key": key, "kind": "sca",
            "dependency": {
                "package": { "name": "lib", "version": "1", "ecosystem": "npm" }, "advisories": [{ "id": "CVE-2024-1", "source": "cve" }],
                "transitivity": "direct", "reachability": { "verdict": "not-analyzed" }, "fix": { "availability": "not-said" },
                "introduced_by": []
            }
        })
    };
    let read = |desk: &Desk, bodies: &[serde_json::Value], now| {
        let records = bodies.iter().map(|body| record(Kind::Sca, body)).collect();
        desk.read(Kind::Sca, records, |record| finding(&serde_json::from_str(&record.body).unwrap()), now);
        desk.refresh_at(now);
    };
    read(&desk, &[vulnerability("1", "a")], 5);
    let (issue, ..) = desk.issue();
    desk.decide(&[desk.only().row.id], Some(issue), &accepted(Some(50)), 6);
    assert_eq!(desk.issue().2, 0);

    // Another finding of the same issue, by the same source.
    read(&desk, &[vulnerability("1", "a"), vulnerability("2", "b")], 7);
    let statuses = || desk.all().into_iter().map(|it| it.row.status).collect::<Vec<_>>();
    assert_eq!((statuses(), desk.issue()), (vec!["ignored".to_owned(); 2], (issue, "ignored".to_owned(), 0)));
    // Whoever decides on it afterwards is right.
    let joined = desk.all().into_iter().find(|it| it.row.decision.as_ref().unwrap().decided_at == at(6)).unwrap();
    desk.store.with(|store| store.clear_decisions(&[joined.row.id], "bob", at(8))).unwrap();
    desk.refresh_at(8);
    assert_eq!(desk.issue().2, 1);
    desk.refresh_at(9);
    assert_eq!(desk.issue().2, 1, "what was taken back stays taken back");
    // After the end nothing is taken over.
    desk.refresh_at(50);
    read(&desk, &[vulnerability("1", "a"), vulnerability("2", "b"), vulnerability("3", "c")], 51);
    assert_eq!(statuses(), vec!["open"; 3]);
}

#[test]
fn decisions_are_filters_of_findings_and_a_list() {
    let desk = Desk::with_project();
    desk.findings(&[json!({ "id": "1", "key": "a", "title": "a" }), json!({ "id": "2", "key": "b", "title": "b" })], 5);
    let ids: Vec<FindingId> = desk.all().iter().map(|it| it.row.id).collect();
    let entry = TriageEntry { labels: vec!["x".to_owned()], assignee: Some("eve".to_owned()), ..accepted(Some(30)) };
    desk.decide(&ids[..1], None, &entry, 6);
    let matching = |decided: DecisionFilter, is_decided: Option<bool>| {
        let filter = Filter { decided, is_decided, limit: 9, ..Filter::default() };
        let by_ids = desk.store.with(|store| store.matching(&filter)).unwrap();
        let by_rows = desk.store.with(|store| store.findings(&filter)).unwrap().0;
        assert_eq!(by_ids, by_rows.iter().map(|it| it.id).collect::<Vec<_>>());
        by_ids
    };
    let none = DecisionFilter::default;
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
        let (rows, total) = desk.store.with(|store| store.decisions(&list)).unwrap();
        assert_eq!((rows.len(), total, rows[0].finding), (1, 1, ids[0]));
    }
    desk.refresh_at(30);
    let list = |with_ended| DecisionList { with_ended, limit: 9, ..DecisionList::default() };
    let total = |with_ended| desk.store.with(|store| store.decisions(&list(with_ended))).unwrap().1;
    assert_eq!((total(false), total(true)), (0, 1));
}

#[test]
fn a_deletion_takes_decisions_along_and_an_issue_keeps_those_of_other_sources() {
    let desk = Desk::with_project();
    desk.findings(&[json!({ "id": "1", "key": "a" })], 5);
    let other = desk.beside("other");
    other.list(&[crate::fixture::project("7", "acme/app", "main")], 5);
    other.findings(&[json!({ "id": "1", "key": "a" })], 6);
    desk.refresh_at(6);
    let ids: Vec<FindingId> = desk.all().iter().map(|it| it.row.id).collect();
    desk.decide(&ids, None, &accepted(None), 7);
    let plan = desk.store.with(|store| store.deletion_plan(desk.instance_id)).unwrap();
    let planned = plan.tables.iter().find(|it| it.table == "decisions").unwrap();
    assert_eq!((planned.goes, planned.stays), (1, 1));
    desk.store.with(|store| {
        store.delete_rows(desk.instance_id, at(8)).unwrap();
        let proof = store.shred_and_prove(desk.instance_id, &[], at(8)).unwrap();
        assert_eq!(proof.left, [""; 0]);
    });
    assert_eq!(desk.only().row.status, "ignored");
    // The same instance made again knows nothing of it.
    let left = desk.store.with(|store| store.decisions(&DecisionList { limit: 9, ..DecisionList::default() })).unwrap();
    assert_eq!(left.1, 1);
}

#[test]
fn a_project_that_is_deleted_takes_its_decisions_along() {
    let desk = one_on_two_branches();
    let id = desk.only().row.id;
    desk.decide(&[id], None, &accepted(None), 7);
    let sql = "SELECT id FROM projects";
    let project = desk.store.with(|store| store.connection.query_row(sql, [], |row| row.get(0))).unwrap();
    desk.store.with(|store| store.release_project(project, true, KeptFindings::Delete, at(8))).unwrap();
    let rows: u64 = desk
        .store
        .with(|store| store.connection.query_row("SELECT count(*) FROM decisions", [], |row| row.get(0)))
        .unwrap();
    assert_eq!(rows, 0);
}

#[test]
fn what_is_decided_is_not_held_against_a_removal() {
    let desk = Desk::with_project();
    let body = |n: usize| json!({ "id": n.to_string(), "key": n.to_string() });
    let all: Vec<_> = (0..30).map(body).collect();
    desk.run(&[("acme/app", &all)], OnAbsence::Mark, 5);
    let ids: Vec<FindingId> = desk.store.with(|store| store.matching(&Filter::default())).unwrap();
    desk.decide(&ids, None, &accepted(None), 6);
    // None of them is open: there is nothing to guard.
    let refused = desk.run(&[("acme/app", &[])], OnAbsence::Guard(crate::Percent::new(10).unwrap()), 7);
    assert_eq!(refused, None);
}
