//! Decisions on their way back to the vendor, through the compiled connector.

use std::sync::Arc;

use host_harness::{
    Error, Tenant, TriageChoice, TriageTargets, WriteBackReport,
    analysis::TriageDecision,
    grant::Code,
    ingest::SyncOptions,
    store::{FindingRow, WriteBackMode, WriteBackState},
};
use serde_json::{Value, json};
use tests::{TestContext, content, findings, name, settings};
use vendor_sim::{Effect, Fault, Match, RetryAfter, WorldShape};

async fn connected() -> (TestContext, Tenant) {
    let shape = WorldShape { projects: 3, sast: 300, sca: 40, secrets: 20, ..WorldShape::default() }.without_oddities();
    let context = TestContext::new(shape);
    let (tenant, _) = context.connected("acme", settings(json!({ "kinds": ["sast", "sca", "packages"] }))).await;
    context.sync(&tenant).await.unwrap();
    (context, tenant)
}

/// Findings of these kinds that have this status.
fn of_status(tenant: &Tenant, kinds: &[&str], status: &str) -> Vec<FindingRow> {
    findings(tenant).into_iter().filter(|it| kinds.contains(&it.kind.as_str()) && it.status == status).collect()
}

async fn decide(tenant: &Tenant, on: &[FindingRow], decision: TriageDecision) {
    let targets = TriageTargets { findings: on.iter().map(|it| it.id.to_string()).collect(), ..Default::default() };
    let choice = TriageChoice {
        decision,
        reason: Some("not reachable".to_owned()),
        comment: None,
        until: None,
        assignee: None,
        labels: vec![],
    };
    assert_eq!(tenant.decide(targets, choice, "eve", false).await.unwrap().changed, on.len() as u64);
}

async fn push(tenant: &Tenant, dry_run: bool) -> Result<WriteBackReport, Error> {
    tenant.push_decisions(&name("code"), dry_run, Arc::new(|_| ())).await
}

/// Requests that write, and their number.
fn written(context: &TestContext) -> usize {
    context.simulator.stats().log.iter().filter(|it| it.target.ends_with("/triage")).count()
}

/// The vendor's triage of a finding, as the store has it.
fn triage(tenant: &Tenant, finding: &FindingRow) -> Value {
    let all = content(tenant).findings;
    let found = all.iter().find(|it| it["id"] == finding.id.to_string()).unwrap();
    found["occurrence_details"][0]["finding"]["lifecycle"]["triage"].clone()
}

#[tokio::test]
async fn nothing_is_written_before_the_operator_says_so() {
    let (context, tenant) = connected().await;
    decide(&tenant, &of_status(&tenant, &["sast"], "open")[..2], TriageDecision::AcceptedRisk).await;
    let plan = push(&tenant, true).await.unwrap();
    assert_eq!((plan.mode, plan.dry_run, plan.written), (WriteBackMode::Off, true, 2));
    assert!(plan.effect.contains("other branches"), "{}", plan.effect);
    let error = push(&tenant, false).await.unwrap_err();
    assert_eq!(error.code(), Code::WriteBackOff);
    assert_eq!(written(&context), 0);
    // The plan asks the vendor nothing, so a pause is no reason to refuse it.
    tenant.pause_instance(&name("code"), Some("moving".to_owned())).await.unwrap();
    assert_eq!(push(&tenant, true).await.unwrap().written, 2);
    tenant.set_write_back(&name("code"), WriteBackMode::On).await.unwrap();
    assert_eq!(push(&tenant, false).await.unwrap_err().code(), Code::Paused);
    // Nor is a source without a connector that can.
    let error = tenant.set_write_back(&name("none"), WriteBackMode::On).await.unwrap_err();
    assert_eq!(error.code(), Code::InstanceNotFound);
}

#[tokio::test]
async fn the_plan_counts_what_it_changes_on_other_branches() {
    let shape = WorldShape { projects: 3, sast: 200, sca: 0, ..WorldShape::default() }.without_oddities();
    let context = TestContext::new(shape);
    let (tenant, _) = context.connected("acme", settings(json!({ "kinds": ["sast"], "branches": "all" }))).await;
    context.sync(&tenant).await.unwrap();
    tenant.set_write_back(&name("code"), WriteBackMode::On).await.unwrap();
    let (several, alone): (Vec<_>, Vec<_>) =
        of_status(&tenant, &["sast"], "open").into_iter().partition(|it| it.occurrences > 1);
    decide(&tenant, &alone[..2], TriageDecision::AcceptedRisk).await;
    assert_eq!(push(&tenant, true).await.unwrap().on_other_branches, 0);
    decide(&tenant, &several[..3], TriageDecision::AcceptedRisk).await;
    let others: u64 = several[..3].iter().map(|it| u64::from(it.occurrences) - 1).sum();
    let plan = push(&tenant, true).await.unwrap();
    assert_eq!((plan.written, plan.on_other_branches), (5, others));
    let done = push(&tenant, false).await.unwrap();
    assert_eq!((done.written, done.on_other_branches), (5, others));
}

#[tokio::test]
async fn a_decision_reaches_the_vendor_once_and_comes_back_with_the_next_sync() {
    let (context, tenant) = connected().await;
    tenant.set_write_back(&name("code"), WriteBackMode::On).await.unwrap();
    let (sast, sca) = (of_status(&tenant, &["sast"], "open"), of_status(&tenant, &["sca"], "open"));
    decide(&tenant, &sast[..3], TriageDecision::AcceptedRisk).await;
    decide(&tenant, &sast[3..5], TriageDecision::Fixing).await;
    decide(&tenant, &sca[..2], TriageDecision::FalsePositive).await;
    let report = push(&tenant, false).await.unwrap();
    assert_eq!((report.written, report.refused, report.overruled, report.held), (7, 0, 0, 0));
    // One request for each kind and decision.
    assert_eq!(written(&context), 3);
    assert_eq!(push(&tenant, false).await.unwrap().written, 0);
    assert_eq!(written(&context), 3);

    context.sync(&tenant).await.unwrap();
    let at_vendor = triage(&tenant, &sast[0]);
    assert_eq!((&at_vendor["state"], &at_vendor["reason"]), (&json!("ignored"), &json!("acceptable_risk")));
    assert_eq!(at_vendor["comment"], "not reachable");
    assert_eq!(triage(&tenant, &sast[3])["state"], "fixing");
    assert_eq!(triage(&tenant, &sca[0])["reason"], "false_positive");
    assert_eq!(push(&tenant, false).await.unwrap().decisions.len(), 0);

    // What is taken back is open again there.
    let targets = TriageTargets { findings: vec![sast[0].id.to_string()], ..Default::default() };
    tenant.clear_decisions(targets, "eve", false).await.unwrap();
    // The vendor's clock is that of its world.
    let report = push(&tenant, false).await.unwrap();
    assert_eq!(report.decisions.len(), 1);
    let log = tenant.write_back_log(&name("code"), 50).await.unwrap().entries;
    assert_eq!(log.len(), 8);
    assert_eq!((log[0].finding, log[0].decision.as_str()), (sast[0].id, "reopened"));
}

/// Findings that somebody has ignored at the vendor after this host's clock, with
/// the decision that says the same, where there is one.
fn later_ignored(tenant: &Tenant) -> Vec<(FindingRow, Option<TriageDecision>)> {
    let all = content(tenant).findings;
    let triage = |it: &FindingRow| {
        let found = all.iter().find(|found| found["id"] == json!(it.id)).unwrap();
        found["occurrence_details"][0]["finding"]["lifecycle"]["triage"].clone()
    };
    let ignored = of_status(tenant, &["sast"], "ignored").into_iter();
    let later = ignored.filter(|it| triage(it)["at"].as_str().is_some_and(|at| at > "2026-02"));
    later
        .map(|it| {
            let same = match triage(&it)["reason"].as_str() {
                Some("acceptable_risk") => Some(TriageDecision::AcceptedRisk),
                Some("false_positive") => Some(TriageDecision::FalsePositive),
                Some("no_time") => Some(TriageDecision::WontFix),
                Some("duplicate") => Some(TriageDecision::Duplicate),
                _ => None,
            };
            (it, same)
        })
        .collect()
}

#[tokio::test]
async fn a_later_decision_of_the_vendor_stands_or_waits_for_a_person() {
    for (mode, state) in [(WriteBackMode::On, WriteBackState::Overruled), (WriteBackMode::Hold, WriteBackState::Held)] {
        let (context, tenant) = connected().await;
        tenant.set_write_back(&name("code"), mode).await.unwrap();
        // The vendor's world is months ahead of this host's clock.
        let mut theirs = later_ignored(&tenant);
        theirs.sort_by_key(|(it, same)| (same.is_none(), it.id));
        let (agreed, same) = theirs[0].clone();
        let (other, reason) = theirs[1].clone();
        let looked_at = theirs[2].0.clone();
        decide(&tenant, std::slice::from_ref(&looked_at), TriageDecision::Reviewing).await;
        let differs =
            if reason == Some(TriageDecision::Duplicate) { TriageDecision::WontFix } else { TriageDecision::Duplicate };
        decide(&tenant, std::slice::from_ref(&other), differs).await;
        decide(&tenant, std::slice::from_ref(&agreed), same.unwrap()).await;
        let plan = push(&tenant, true).await.unwrap();
        let report = push(&tenant, false).await.unwrap();
        assert_eq!(json!(plan.decisions), json!(report.decisions));
        let states: Vec<_> = report.decisions.iter().map(|it| (it.finding, it.state)).collect();
        assert!(states.contains(&(looked_at.id, state)), "{states:?}");
        // Both have ignored it, for different reasons.
        assert!(states.contains(&(other.id, state)), "{states:?}");
        // Both have ignored it for the same reason.
        assert!(states.contains(&(agreed.id, WriteBackState::AlreadyThere)), "{states:?}");
        assert_eq!((report.written, report.already_there, report.overruled + report.held), (0, 1, 2));
        assert_eq!(written(&context), 0);
        let log = tenant.write_back_log(&name("code"), 50).await.unwrap().entries;
        assert!(log.iter().all(|it| it.state != WriteBackState::Written), "{log:?}");
        let kept = |id| findings(&tenant).into_iter().find(|it| it.id == id).unwrap();
        assert!([&looked_at, &other].iter().all(|it| kept(it.id).decision.is_some() == (mode == WriteBackMode::Hold)));
        assert_eq!(kept(looked_at.id).status, if mode == WriteBackMode::Hold { "reviewing" } else { "ignored" });
        // What was the vendor's own decision is not opened there when ours ends.
        assert!(kept(agreed.id).decision.is_some());
        let targets = TriageTargets { findings: vec![agreed.id.to_string()], ..Default::default() };
        tenant.clear_decisions(targets, "eve", false).await.unwrap();
        // What waits for a person goes on waiting.
        let waiting = push(&tenant, false).await.unwrap();
        let held = if mode == WriteBackMode::Hold { 2 } else { 0 };
        assert_eq!((waiting.decisions.len() as u64, waiting.held), (held, held));
    }
}

#[tokio::test]
async fn a_vendor_that_fails_is_asked_again_and_what_was_written_stays_noted() {
    let (context, tenant) = connected().await;
    tenant.set_write_back(&name("code"), WriteBackMode::On).await.unwrap();
    let open = of_status(&tenant, &["sast"], "open");
    decide(&tenant, &open[..2], TriageDecision::AcceptedRisk).await;
    decide(&tenant, &open[2..4], TriageDecision::Fixing).await;
    context.faults(vec![
        Fault {
            when: Match::path("/triage").nth(0),
            what: Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(3)) },
        },
        Fault { when: Match::path("/triage").range(2..100), what: Effect::Status { code: 503 } },
    ]);
    context.waits.take();
    // The first batch is written with the second try, the second one never.
    let error = push(&tenant, false).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(context.waits.take()[0].as_secs() >= 3);
    assert_eq!(tenant.write_back_log(&name("code"), 50).await.unwrap().entries.len(), 2);
    context.faults(vec![]);
    let report = push(&tenant, false).await.unwrap();
    assert_eq!((report.written, report.decisions.len()), (2, 2));
    // A sync sees all four.
    tenant.sync(&name("code"), None, SyncOptions::default(), Arc::new(|_| ())).await.unwrap();
    for finding in &open[..4] {
        assert_ne!(triage(&tenant, finding)["state"], "untriaged");
    }
}

#[tokio::test]
async fn what_the_vendor_has_no_more_is_refused_and_not_asked_for_again() {
    let (context, tenant) = connected().await;
    tenant.set_write_back(&name("code"), WriteBackMode::On).await.unwrap();
    let open = of_status(&tenant, &["sast"], "open");
    decide(&tenant, &open[..30], TriageDecision::WontFix).await;
    // Some of them are no longer listed.
    for _ in 0..20 {
        context.simulator.advance();
    }
    let report = push(&tenant, false).await.unwrap();
    assert_eq!(report.written + report.refused, 30);
    assert!(report.refused > 0, "{report:?}");
    assert_eq!(push(&tenant, false).await.unwrap().decisions.len(), 0);
}
