//! Every bundled scenario of a failing vendor: how the sync ends, what it says,
//! how often it waited, and what is in the store afterwards.

use std::{fmt::Write, sync::Arc, time::Duration};

use host_harness::{
    Tenant,
    ingest::SyncOptions,
    store::{Run, RunState},
};
use serde_json::json;
use tests::{Content, TestContext, content, name, settings, store};
use vendor_sim::{Effect, Expectation, Fault, Match, Refs, RetryAfter, Scenario, WorldShape};

/// A store that was filled in good times, one step behind the vendor.
async fn filled() -> (TestContext, Tenant, Content) {
    let context = TestContext::new(WorldShape { sast: 2_000, sca: 0, ai_sast: 0, secrets: 0, ..WorldShape::default() });
    let settings = settings(json!({ "branches": "all", "kinds": ["sast"] }));
    let (tenant, _) = context.connected("acme", settings).await;
    context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    context.simulator.advance();
    context.clock.next_day();
    context.waits.take();
    (context, tenant, before)
}

fn last_run(tenant: &Tenant) -> Run {
    store(tenant).run_now(|store| store.runs(None, 1)).unwrap().remove(0)
}

/// What a scenario led to, in lines.
async fn outcome(scenario: &str) -> String {
    let (context, tenant, before) = filled().await;
    context.faults(Scenario::bundled(scenario).unwrap().faults);
    let outcome = context.sync(&tenant).await;
    let run = last_run(&tenant);
    let mut text = format!("{}\n", run.state.as_str());
    // What is to be done may follow on further lines.
    let logged = run.message.as_deref().and_then(|message| message.lines().next());
    match &outcome {
        Ok(_) => logged.iter().for_each(|message| writeln!(text, "{}", context.redact(message)).unwrap()),
        Err(error) => {
            writeln!(text, "{}: {}", error.code(), context.redact(&error.to_string())).unwrap();
            assert_eq!(logged, error.to_string().lines().next(), "the log says the same");
        }
    }
    let counts = run.counts;
    writeln!(text, "waits: {}", counts.waits).unwrap();

    let after = content(&tenant);
    let expected = context.simulator.world().expected(Expectation { refs: Refs::All, dedup: false });
    if run.state == RunState::Complete {
        assert_eq!(after.present("sast"), expected.of(vendor_sim::Kind::Sast).identities);
        writeln!(text, "store: as the vendor").unwrap();
    } else {
        assert_eq!(counts.vanished, 0, "only a complete read tells what is gone");
        let gone = after.findings.iter().filter(|finding| finding["status"] == "vanished").count();
        assert_eq!(gone, 0);
        if counts.new + counts.changed == 0 {
            after.assert_findings_untouched(&before);
            writeln!(text, "store: as before").unwrap();
        } else {
            writeln!(text, "store: with what was read").unwrap();
        }
    }

    // When the vendor is well again, so is the next sync.
    context.faults(Vec::new());
    let well = context.sync(&tenant).await.unwrap();
    assert_eq!((well.state, well.message.as_deref()), (RunState::Complete, None));
    assert_eq!(content(&tenant).present("sast"), expected.of(vendor_sim::Kind::Sast).identities);
    text
}

#[test]
fn every_scenario_has_a_test() {
    let tested = [
        "cut-body",
        "endless-pages",
        "forbidden",
        "garbage",
        "missing-scope",
        "no-deployment",
        "rate-limit-date",
        "rate-limit-seconds",
        "redirect",
        "server-errors",
        "slow",
        "unauthorized-midway",
    ];
    assert_eq!(Scenario::NAMES, tested);
}

#[tokio::test]
async fn a_cut_body_is_asked_for_again() {
    insta::assert_snapshot!(outcome("cut-body").await, @"
    complete
    waits: 1
    store: as the vendor
    ");
}

#[tokio::test]
async fn endless_pages_end_as_an_incomplete_read_that_lets_nothing_vanish() {
    insta::assert_snapshot!(outcome("endless-pages").await, @"
    partial
    sast of all projects: 3 consecutive pages contained nothing new: the vendor's paging loops
    waits: 0
    store: with what was read
    ");
}

#[tokio::test]
async fn an_answer_that_is_no_json_ends_the_read() {
    insta::assert_snapshot!(outcome("garbage").await, @"
    failed
    sast of all projects: unexpected answer of GET /api/v1/deployments/demo-corp/findings: the body is not UTF-8
    waits: 0
    store: as before
    ");
}

#[tokio::test]
async fn a_token_that_lost_its_scope_is_told_from_a_wrong_token() {
    insta::assert_snapshot!(outcome("missing-scope").await, @"
    failed
    missing-scope: missing scope: GET /api/v1/deployments/demo-corp/projects answered 404: the token lacks the Web API scope (Semgrep hides what it protects), or the origin or the deployment's slug is wrong
    waits: 0
    store: as before
    ");
}

#[tokio::test]
async fn findings_that_are_refused_are_named() {
    insta::assert_snapshot!(outcome("forbidden").await, @"
    failed
    sast of all projects: forbidden: Semgrep does not let this token read `sast` of the deployment `demo-corp` (GET /api/v1/deployments/demo-corp/findings answered 403): Forbidden
    waits: 0
    store: as before
    ");
}

#[tokio::test]
async fn a_deployment_that_went_away_changes_nothing() {
    insta::assert_snapshot!(outcome("no-deployment").await, @"
    failed
    missing-scope: missing scope: GET /api/v1/deployments/demo-corp/projects answered 404: the token lacks the Web API scope (Semgrep hides what it protects), or the origin or the deployment's slug is wrong
    waits: 0
    store: as before
    ");
}

#[tokio::test]
async fn a_rate_limit_until_a_date_is_kept() {
    insta::assert_snapshot!(outcome("rate-limit-date").await, @"
    complete
    waits: 1
    store: as the vendor
    ");
}

#[tokio::test]
async fn a_rate_limit_in_seconds_is_kept() {
    insta::assert_snapshot!(outcome("rate-limit-seconds").await, @"
    complete
    waits: 2
    store: as the vendor
    ");
}

#[tokio::test]
async fn what_one_instance_is_told_to_wait_all_of_its_account_wait() {
    // One project: each instance has one read, page after page.
    let context = TestContext::new(WorldShape { projects: 1, sast: 900, sca: 0, ..WorldShape::default() });
    let small = || settings(json!({ "kinds": ["sast"], "page_size": 100 }));
    let (tenant, _) = context.connected("acme", small()).await;
    tenant.add_instance(context.semgrep("other", small()), true).await.unwrap();
    let limited = Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(60)) };
    context.faults(vec![Fault { when: Match::path("/findings").nth(0), what: limited }]);
    context.waits.hold();
    let requests = || context.simulator.stats().by_endpoint.get("findings").copied().unwrap_or_default();
    let before = requests();
    let sync = |instance| tenant.sync(instance, None, SyncOptions::default(), Arc::new(|_| ()));
    let (code, other) = (name("code"), name("other"));
    let watched = async {
        let both = tokio::time::timeout(Duration::from_secs(60), context.waits.begun(2)).await;
        // The one that was refused, and what the other one had under way.
        let asked = requests() - before;
        context.waits.let_go();
        both.map(|()| asked)
    };
    let (code, other, asked) = tokio::join!(sync(&code), sync(&other), watched);
    let asked = asked.expect("one of them does not wait");
    assert!(asked <= 5, "{asked} of 20 requests");
    assert_eq!((code.unwrap().state, other.unwrap().state), (RunState::Complete, RunState::Complete));
    assert_eq!(context.simulator.stats().too_many_requests, 1);
    assert!(context.waits.take()[..2].iter().all(|wait| *wait > Duration::from_secs(50)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    insta::assert_snapshot!(outcome("redirect").await, @"
    failed
    sast of all projects: unexpected answer of GET /api/v1/deployments/demo-corp/findings: redirected to https://collector.example.net; the connector does not follow
    waits: 0
    store: as before
    ");
}

#[tokio::test]
async fn errors_of_the_server_are_waited_out() {
    insta::assert_snapshot!(outcome("server-errors").await, @"
    complete
    waits: 3
    store: as the vendor
    ");
}

#[tokio::test]
async fn slow_answers_are_only_slow() {
    insta::assert_snapshot!(outcome("slow").await, @"
    complete
    waits: 0
    store: as the vendor
    ");
}

#[tokio::test]
async fn a_token_that_is_revoked_midway_ends_the_sync() {
    insta::assert_snapshot!(outcome("unauthorized-midway").await, @"
    partial
    unauthorized: unauthorized: Semgrep refused the token as wrong or expired: Unauthorized
    waits: 0
    store: with what was read
    ");
}
