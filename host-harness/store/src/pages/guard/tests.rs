use appsec_model::Kind;
use serde_json::{Value, json};

use super::{AT_LEAST, OnAbsence, Percent};
use crate::{
    fixture::{Desk, at, project},
    runs::{Fetch, FetchState},
};

/// Findings of one project, each one of its own.
fn findings(range: std::ops::Range<usize>, status: &str) -> Vec<Value> {
    range
        .map(|number| json!({ "id": format!("{status}-{number}"), "key": format!("{status}-{number}"), "status": status }))
        .collect()
}

fn limit(percent: u8) -> OnAbsence {
    OnAbsence::Guard(Percent::new(percent).unwrap())
}

/// A desk whose reads do this with what they have not brought.
fn guarded(on_absence: OnAbsence) -> Desk {
    let mut desk = Desk::with_project();
    desk.on_absence = on_absence;
    desk
}

/// A desk with 100 open findings, and 50 fixed ones.
fn desk(on_absence: OnAbsence) -> Desk {
    let desk = guarded(on_absence);
    desk.findings(&[findings(0..100, "open"), findings(0..50, "fixed")].concat(), 1);
    desk
}

fn last_read(desk: &Desk) -> Fetch {
    desk.store.with(|store| store.runs(None, 1)).unwrap().remove(0).fetches.remove(0)
}

fn vanished(desk: &Desk) -> usize {
    desk.store.with(|store| {
        store
            .connection
            .query_row("SELECT count(*) FROM findings WHERE status = 'vanished'", [], |row| row.get(0))
            .unwrap()
    })
}

#[test]
fn more_than_may_vanish_is_refused_and_nothing_is_marked_until_it_is_allowed() {
    let mut desk = desk(limit(30));
    let rest = findings(0..60, "open");
    desk.findings(&rest, 2);
    let read = last_read(&desk);
    assert_eq!((read.state, read.counts.vanished, vanished(&desk)), (FetchState::Refused, 0, 0));
    insta::assert_snapshot!(read.message.unwrap(), @"nothing was marked as vanished: 40 of 100 open findings in the scope of the read would be, 40% with a limit of 30%");
    assert_eq!(read.code, Some(appsec_grant::Code::RemovalRefused));
    let (listed, total) = desk.store.with(|store| store.vanishing(2, 7)).unwrap();
    assert_eq!((listed.len(), total), (7, 90), "fixed ones are told as well");
    desk.on_absence = OnAbsence::Mark;
    desk.findings(&rest, 3);
    assert_eq!((last_read(&desk).state, vanished(&desk)), (FetchState::Complete, 90));
}

#[test]
fn as_much_as_may_vanish_is_marked() {
    let desk = desk(limit(30));
    desk.findings(&findings(0..70, "open"), 2);
    assert_eq!((last_read(&desk).state, vanished(&desk)), (FetchState::Complete, 80));
    desk.findings(&findings(0..48, "open"), 3);
    assert_eq!((last_read(&desk).state, vanished(&desk)), (FetchState::Refused, 80));
}

#[test]
fn a_few_findings_may_be_all_there_are() {
    let desk = guarded(limit(0));
    let few = usize::try_from(AT_LEAST).unwrap() - 1;
    desk.findings(&findings(0..few, "open"), 1);
    desk.findings(&[], 2);
    assert_eq!((last_read(&desk).state, vanished(&desk)), (FetchState::Complete, few));
}

#[test]
fn fixed_findings_may_go_and_a_branch_that_goes_takes_no_finding_along() {
    let desk = guarded(limit(10));
    let on_branch: Vec<Value> = (0..100)
        .map(|number| json!({ "id": format!("next-{number}"), "key": format!("open-{number}"), "ref": "next" }))
        .collect();
    desk.findings(&[findings(0..100, "open"), findings(0..100, "fixed"), on_branch].concat(), 1);
    desk.findings(&findings(0..100, "open"), 2);
    assert_eq!((last_read(&desk).state, vanished(&desk)), (FetchState::Complete, 100));
}

#[test]
fn what_is_only_to_be_shown_is_never_marked() {
    let desk = desk(OnAbsence::Show);
    desk.findings(&findings(1..100, "open"), 2);
    let read = last_read(&desk);
    assert_eq!((read.state, vanished(&desk)), (FetchState::Refused, 0));
    insta::assert_snapshot!(read.message.unwrap(), @"nothing was marked, as asked: 51 findings would vanish, 1 of them open");
}

#[test]
fn an_inventory_that_is_empty_at_once_is_refused() {
    let desk = guarded(limit(50));
    let package = |number: usize| {
        let body = json!({ "id": number.to_string(), "number": number });
        crate::fixture::record(Kind::Packages, &body)
    };
    let normalize = |record: &appsec_model::RawRecord| {
        json!({
            "project": { "name": "acme/app" }, "transitivity": "direct", "licenses": [], "introduced_by": [],
            "package": { "ecosystem": "npm", "name": format!("p{}", record.id.as_ref().unwrap()), "version": "1" },
        })
    };
    desk.read(Kind::Packages, (0..30).map(package).collect(), normalize, 1);
    desk.read(Kind::Packages, vec![], normalize, 2);
    let read = last_read(&desk);
    assert_eq!(read.state, FetchState::Refused);
    assert!(read.message.unwrap().contains("30 of 30 packages in the scope of the read would be, 100%"));
}

#[test]
fn projects_that_are_no_longer_listed_are_guarded_too() {
    let desk = Desk::with_project();
    desk.findings(&findings(0..100, "open"), 1);
    desk.list(&[project("8", "acme/other", "main")], 2);
    let leave = |on_absence| desk.store.with(|store| store.vanish_projects(1, on_absence, at(3))).unwrap();
    assert!(leave(limit(30)).unwrap().message.contains("100 of 100 open findings of the instance would be, 100%"));
    assert_eq!(vanished(&desk), 0);
    assert_eq!(leave(OnAbsence::Mark), None);
    assert_eq!(vanished(&desk), 100);
}

#[test]
fn a_percentage_is_read_with_and_without_its_sign() {
    for (text, percent) in [("30%", 30), ("0", 0), ("100 %", 100)] {
        assert_eq!(text.parse::<Percent>().unwrap().get(), percent);
    }
    for text in ["", "%", "101", "-1", "3.5", "256"] {
        assert!(text.parse::<Percent>().is_err(), "{text}");
    }
}
