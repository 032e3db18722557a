use appsec_analysis::triage::{TriageDecision, TriageEntry};
use serde_json::json;

use super::{Alert, AlertFormat, AlertMatch, AlertTarget};
use crate::{
    decisions::DecidedOn,
    fixture::{TestContext, at},
    ids::FindingId,
    webhooks::{Delivery, DeliveryState, DeliveryTarget, DueDelivery, Tried},
};

const MINUTE: i64 = 60_000_000;

/// A context with an alert about what is open, or about one policy of two.
fn context(policies: &[&str]) -> TestContext {
    let context = TestContext::with_project();
    let text = "[[policy]]\nid = 'any'\ntitle = 'Any'\nseverity = 'low'\nwhen = 'is_open'\n\
                [[policy]]\nid = 'issue'\ntitle = 'Issue'\non = 'issue'\nseverity = 'low'\nwhen = 'is_open'\n";
    context.findings(&[json!({ "id": "1", "key": "a" })], 5);
    context.store.with(|store| {
        store.put_policies(&appsec_policy::Policies::load(text).unwrap(), text, at(5)).unwrap();
        store.refresh(at(6)).unwrap();
    });
    set(&context, policies);
    context
}

fn set(context: &TestContext, policies: &[&str]) {
    let alert = Alert {
        format: AlertFormat::Mail,
        policies: policies.iter().map(|it| (*it).to_owned()).collect(),
        target: AlertTarget::Mail { folder: "/mails".into(), from: "a@b".to_owned(), to: "c@d".to_owned() },
        set_at: at(6),
    };
    context.store.with(|store| store.set_alert(context.instance_id, &alert)).unwrap();
}

/// Brings findings by their keys and ends the run.
fn bring(context: &TestContext, keys: &[(&str, &str)], now: i64) {
    let bodies: Vec<_> = keys.iter().map(|(key, status)| json!({ "id": key, "key": key, "status": status })).collect();
    context.findings(&bodies, now);
    context.store.with(|store| {
        store.refresh(at(now)).unwrap();
        store.report_violations(context.instance_id, at(now)).unwrap();
        // Whoever is killed in between does it once more.
        store.report_violations(context.instance_id, at(now)).unwrap();
    });
}

fn deliveries(context: &TestContext) -> Vec<Delivery> {
    context.store.with(|store| store.deliveries(None, 99)).unwrap()
}

/// Takes the delivery that is due, and says that it was delivered.
fn deliver(context: &TestContext, now: i64) -> Option<Vec<AlertMatch>> {
    context.store.with(|store| {
        let claimed = store.claim_delivery(DueDelivery::By(at(now)), at(now), at(now + MINUTE)).unwrap()?;
        let tried =
            Tried { state: DeliveryState::Delivered, next_at: None, status: Some(200), answer: None, problem: None };
        store.note_delivery(&claimed.delivery, &tried, at(now)).unwrap();
        let DeliveryTarget::Alert(alert, matches) = claimed.target else { panic!("not an alert") };
        assert_eq!(alert.format, AlertFormat::Mail);
        Some(matches)
    })
}

fn ids(context: &TestContext) -> Vec<FindingId> {
    context.all().iter().map(|it| it.row.id).collect()
}

#[test]
fn each_violation_is_reported_once() {
    let context = context(&["any"]);
    let known = ids(&context);
    // What was there before is no news.
    bring(&context, &[("a", "open")], 10);
    assert!(deliveries(&context).is_empty());
    bring(&context, &[("a", "open"), ("b", "open"), ("c", "open"), ("d", "fixed")], 20);
    let waiting = deliveries(&context);
    assert_eq!((waiting.len(), waiting[0].alert, waiting[0].next_at), (1, Some(AlertFormat::Mail), Some(at(20))));
    assert!(waiting[0].run.is_some());
    // What comes before it is sent is in the same message.
    bring(&context, &[("a", "open"), ("b", "open"), ("c", "open"), ("e", "open")], 30);
    assert_eq!(deliveries(&context).len(), 1);
    let told = deliver(&context, 31).unwrap();
    assert!(told.iter().all(|it| it.policy == "any" && !known.contains(&it.finding)));
    assert_eq!(told.len(), 3);
    assert_eq!(deliver(&context, 32), None);

    // The next message comes some time after the last one.
    bring(&context, &[("a", "open"), ("b", "open"), ("c", "open"), ("e", "open"), ("f", "open")], 40);
    assert_eq!((deliver(&context, 41), deliveries(&context)[0].next_at), (None, Some(at(31 + 5 * MINUTE))));
    assert_eq!(deliver(&context, 31 + 5 * MINUTE).unwrap().len(), 1);

    // What is gone and there again is none; what was fixed and is broken again is one.
    let later = 100 * MINUTE;
    bring(&context, &[("a", "open"), ("c", "fixed"), ("e", "open"), ("f", "open")], later);
    bring(&context, &[("a", "open"), ("b", "open"), ("c", "open"), ("e", "open"), ("f", "open")], later + 1);
    assert_eq!(deliver(&context, later + 2).unwrap().len(), 1);
    assert_eq!(deliver(&context, 2 * later), None);
}

#[test]
fn policies_over_issues_report_the_findings_of_this_instance() {
    let context = context(&[]);
    bring(&context, &[("a", "open"), ("b", "open")], 20);
    let told = deliver(&context, 20).unwrap();
    let policies: Vec<&str> = told.iter().map(|it| it.policy.as_str()).collect();
    assert_eq!(policies, ["any", "issue"]);
    assert_eq!(told[0].finding, told[1].finding);
    let other = context.beside("other");
    other.list(&[crate::fixture::project("7", "acme/other", "main")], 25);
    bring(&other, &[("x", "open")], 30);
    assert_eq!(deliver(&context, 10 * MINUTE), None);
}

#[test]
fn an_alert_goes_with_what_waits_and_leaves_nothing() {
    let context = context(&["any"]);
    bring(&context, &[("a", "open"), ("b", "open")], 20);
    // Set anew, it is the same alert: what waits goes on waiting.
    set(&context, &[]);
    assert_eq!(deliveries(&context).len(), 1);
    let removed = || context.store.with(|store| store.remove_alert(context.instance_id, AlertFormat::Mail)).unwrap();
    assert!(removed() && !removed());
    assert!(deliveries(&context).is_empty());
    let sql = "SELECT count(*) FROM alert_matches";
    let left: u64 = context.store.with(|store| store.connection.query_row(sql, [], |row| row.get(0))).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn what_is_decided_on_before_it_is_sent_is_no_news() {
    let context = context(&["any"]);
    let known = ids(&context);
    bring(&context, &[("b", "open"), ("c", "open")], 20);
    let decide = |finding, now| {
        let on = [DecidedOn { finding, issue: None }];
        let entry = TriageEntry::new(TriageDecision::FalsePositive);
        context.store.with(|store| {
            store.decide(&on, &entry, "ada", at(now)).unwrap();
            store.refresh(at(now)).unwrap();
        });
    };
    let new = |known: &[FindingId]| -> Vec<_> { ids(&context).into_iter().filter(|id| !known.contains(id)).collect() };
    let reported = new(&known);
    decide(reported[0], 21);
    let told = deliver(&context, 22).unwrap();
    assert_eq!(told.iter().map(|it| it.finding).collect::<Vec<_>>(), reported[1..]);
    // Nothing is left of a message: it is none.
    let known = ids(&context);
    bring(&context, &[("d", "open")], 23);
    assert_eq!(deliveries(&context).len(), 2);
    decide(new(&known)[0], 24);
    assert_eq!(deliver(&context, 10 * MINUTE), None);
    assert_eq!(deliveries(&context).len(), 1);
}

#[test]
fn a_test_reports_nothing_and_is_tried_once() {
    let context = context(&["any"]);
    let now = 20;
    let add = |format| {
        context
            .store
            .with(|store| store.add_test_delivery(context.instance_id, Some(format), at(now), at(now + 9)))
            .unwrap()
    };
    assert_eq!(add(AlertFormat::Slack), None, "no webhook gets what is for an alert that is not there");
    let id = add(AlertFormat::Mail).unwrap();
    let claimed = context.store.with(|store| store.claim_delivery(DueDelivery::Id(id), at(now), at(now + 9))).unwrap();
    let claimed = claimed.unwrap();
    assert_eq!(claimed.delivery.run, None);
    assert!(matches!(claimed.target, DeliveryTarget::Alert(_, matches) if matches.is_empty()));
    // It is not the message that waits for what comes.
    bring(&context, &[("a", "open"), ("b", "open")], 21);
    assert_eq!(deliveries(&context).len(), 2);
}
