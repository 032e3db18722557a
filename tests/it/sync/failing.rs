//! Failures that leave nothing behind: the message says who must act, and the
//! store is as it was.

use std::time::Duration;

use host_harness::{
    Error,
    ingest::{Error as IngestError, RetryPolicy},
    store::{FetchState, InstanceStatus, RunState},
};
use serde_json::json;
use tests::{TestContext, TestContextBuilder, content, name, settings, store};
use vendor_sim::{Effect, Fault, Match, RetryAfter, WorldShape};

fn small() -> WorldShape {
    WorldShape { projects: 4, sast: 300, sca: 20, ..WorldShape::default() }
}

fn shown(context: &TestContext, error: &Error) -> String {
    format!("{}: {}", error.code(), context.redact(&error.to_string()))
}

fn always(what: Effect) -> Vec<Fault> {
    vec![Fault { when: Match::always(), what }]
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_leaves_no_instance() {
    let context = TestContext::new(small());
    context.faults(always(Effect::Status { code: 401 }));
    let tenant = context.tenant("acme");
    let error = tenant.add_instance(context.semgrep("code", settings(json!({}))), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"unauthorized: unauthorized: Semgrep refused the token as wrong or expired: Unauthorized");
    assert!(store(&tenant).run_now(|store| store.instances()).unwrap().is_empty());
}

#[tokio::test]
async fn a_token_without_scope_is_told_from_a_wrong_one() {
    let context = TestContextBuilder { shape: small(), scope: false, ..TestContextBuilder::default() }.start();
    let error =
        context.tenant("acme").add_instance(context.semgrep("code", settings(json!({}))), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"missing-scope: missing scope: GET /api/v1/deployments answered 404: the token lacks the Web API scope (Semgrep hides what it protects), or the origin or the deployment's slug is wrong");
}

#[tokio::test]
async fn a_token_of_no_deployment_says_what_is_missing() {
    let context = TestContext::new(small());
    context.faults(vec![Fault { when: Match::always(), what: Effect::EmptyPage }]);
    let error =
        context.tenant("acme").add_instance(context.semgrep("code", settings(json!({}))), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"no-deployment: no deployment: the token is right, but Semgrep shows it none: its organization has no deployment, or none that is active");
}

#[tokio::test]
async fn halves_of_surrogate_pairs_fail_no_page() {
    let context = TestContext::new(small());
    let text = r#""rule_message":""#;
    let broken = Effect::Replace { text: text.to_owned(), with: format!(r"{text}caf\ud800 ") };
    context.faults(always(broken));
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all" }))).await;
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!((run.state, run.message.as_deref()), (RunState::Complete, None));
    let content = content(&tenant);
    assert_eq!(content.present("sast") + content.present("sca"), 320);
    let messages = || content.findings.iter().map(|it| it["occurrence_details"][0]["finding"]["message"].to_string());
    assert!(messages().filter(|message| message.contains("caf\u{fffd} ")).count() > 200);
}

#[tokio::test]
async fn a_wrong_deployment_names_the_right_one() {
    let context = TestContext::new(small());
    let wrong = settings(json!({ "deployment": "demo-crop" }));
    let error = context.tenant("acme").add_instance(context.semgrep("code", wrong), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"deployment-not-found: no deployment `demo-crop`, did you mean `demo-corp`?");
}

#[tokio::test]
async fn wrong_settings_are_all_named_at_once() {
    let context = TestContext::new(small());
    let wrong = settings(json!({ "page_size": 5, "kind": ["sast"], "branches": "some" }));
    let error = context.tenant("acme").add_instance(context.semgrep("code", wrong), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"invalid-settings: invalid settings: `branches` must be `primary` or `all`; `kind` is no setting; did you mean `kinds`?; `page_size` must be a whole number from 100 to 3000");
}

#[tokio::test]
async fn an_origin_that_was_not_granted_is_named() {
    let context = TestContext::new(small());
    let setup = host_harness::Setup { allow_private_origins: vec![], ..context.semgrep("code", settings(json!({}))) };
    let error = context.tenant("acme").add_instance(setup, true).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"egress-denied: egress denied: [vendor] is at 127.0.0.1, which is a loopback address");
    assert_eq!(context.simulator.stats().requests, 0);
}

#[tokio::test]
async fn a_storm_of_refusals_ends_when_the_tries_are_used_up() {
    let context = TestContext::new(small());
    let (tenant, instance) = context.connected("acme", settings(json!({}))).await;
    context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    context.simulator.advance();
    context.faults(always(Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(1)) }));
    let error = context.sync(&tenant).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"rate-limited: rate limited, again after 1000 ms (tries: 4, waited 3 s)");
    content(&tenant).assert_untouched(&before);
    let instance = tenant.instance(&instance.made.name).await.unwrap();
    assert_eq!(instance.status, InstanceStatus::Degraded);
}

#[tokio::test]
async fn a_wait_is_never_shorter_than_the_vendor_asks_for() {
    let context = TestContext::new(small());
    let (tenant, _) = context.connected("acme", settings(json!({}))).await;
    let what = Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(7)) };
    context.faults(vec![Fault { when: Match::path("/projects").nth(0), what }]);
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!(run.state, RunState::Complete);
    let waits = context.waits.take();
    assert!((Duration::from_secs(7)..Duration::from_secs(8)).contains(&waits[0]), "{waits:?}");
}

#[tokio::test]
async fn a_wait_beyond_the_budget_is_not_begun() {
    let retry = RetryPolicy { budget: Duration::from_secs(60), ..RetryPolicy::default() };
    let context = TestContextBuilder { shape: small(), retry, ..TestContextBuilder::default() }.start();
    let (tenant, _) = context.connected("acme", settings(json!({}))).await;
    context.faults(always(Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(3600)) }));
    let error = context.sync(&tenant).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"rate-limited: rate limited, again after 3600000 ms (tries: 1, waited 0 s)");
    assert!(context.waits.take().is_empty());
}

#[tokio::test]
async fn a_body_that_is_always_cut_ends_when_the_tries_are_used_up() {
    let context = TestContext::new(small());
    let (tenant, _) = context.connected("acme", settings(json!({}))).await;
    context.faults(always(Effect::CutBody { after_bytes: 100 }));
    let error = context.sync(&tenant).await.unwrap_err();
    let Error::Ingest(IngestError::Exhausted { tries, waited, .. }) = &error else { panic!("{error:?}") };
    assert_eq!((*tries, context.waits.take().len()), (4, 3));
    // How long is by chance.
    let waited = format!("waited {} s", waited.as_secs());
    insta::assert_snapshot!(shown(&context, &error).replace(&waited, "waited some time"), @"unavailable: unavailable: the answer was cut off: incomplete HTTP response (tries: 4, waited some time)");
    assert!(content(&tenant).projects.is_empty());
}

#[tokio::test]
async fn a_revoked_token_is_noted_on_the_instance() {
    let context = TestContext::new(small());
    let (tenant, _) = context.connected("acme", settings(json!({}))).await;
    context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    context.faults(always(Effect::Status { code: 401 }));
    let error = context.sync(&tenant).await.unwrap_err();
    insta::assert_snapshot!(shown(&context, &error), @"unauthorized: unauthorized: Semgrep refused the token as wrong or expired: Unauthorized");
    content(&tenant).assert_untouched(&before);
    let noted = tenant.instance(&name("code")).await.unwrap();
    assert_eq!(noted.status, InstanceStatus::Unauthorized);
    assert!(noted.status_detail.unwrap().starts_with(&error.to_string()), "the note says the same");
    context.faults(vec![]);
    context.sync(&tenant).await.unwrap();
    assert_eq!(tenant.instance(&name("code")).await.unwrap().status, InstanceStatus::Connected);
}

#[tokio::test]
async fn a_read_that_fails_stops_no_other_and_lets_nothing_vanish() {
    let context = TestContext::new(small());
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all" }))).await;
    context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    context.simulator.advance();
    context.faults(vec![Fault { when: Match::path("issue_type=sca"), what: Effect::Html }]);
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!(run.state, RunState::Partial);
    let message = run.message.as_deref().and_then(|message| message.lines().next());
    insta::assert_snapshot!(message.unwrap(), @"sca of Acme-Labs/data-SDK, initech/auth-service, initech/search-infra and 1 more: unexpected answer of GET /api/v1/deployments/demo-corp/findings: the body is an HTML page instead of JSON; is `origin` right?");
    let sca: Vec<_> = run.fetches.iter().filter(|read| read.kind == appsec_model::Kind::Sca).collect();
    assert!(sca.iter().all(|read| read.state == FetchState::Failed && read.counts.vanished == 0));
    assert!(run.fetches.iter().any(|read| read.state == FetchState::Complete));
    let of_sca = |content: &tests::Content| -> Vec<serde_json::Value> {
        content.findings.iter().filter(|it| it["kind"] == "sca").cloned().collect()
    };
    assert_eq!(of_sca(&content(&tenant)), of_sca(&before));
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_is_no_empty_page_and_lets_nothing_vanish() {
    let context = TestContext::new(small());
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all" }))).await;
    context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    context.faults(vec![Fault { when: Match::path("/findings"), what: Effect::WrongShape }]);
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!((run.state, run.counts.vanished), (RunState::Failed, 0));
    content(&tenant).assert_untouched(&before);
}

#[tokio::test]
async fn a_page_that_is_left_empty_once_is_asked_for_again() {
    let context = TestContext::new(WorldShape { sast: 450, damaged_per_10_000: 0, ..small() });
    let wanted = json!({ "branches": "all", "page_size": 100, "kinds": ["sast"] });
    let (tenant, _) = context.connected("acme", settings(wanted)).await;
    let read = context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    for page in ["projects", "findings", "page=1"] {
        context.faults(vec![Fault { when: Match::path(page).nth(0), what: Effect::EmptyPage }]);
        let run = context.sync(&tenant).await.unwrap();
        assert_eq!((run.state, run.counts.vanished), (RunState::Complete, 0), "{page}");
        content(&tenant).assert_untouched(&before);
    }
    // Where nothing is missing, nothing is asked for twice.
    context.faults(Vec::new());
    let again = context.sync(&tenant).await.unwrap();
    assert_eq!(again.counts.requests, read.counts.requests);
}

#[tokio::test]
async fn what_is_missing_of_very_many_projects_is_asked_for_without_their_names() {
    let context =
        TestContext::new(WorldShape { projects: 120, sast: 900, sca: 0, ..WorldShape::default() }.without_oddities());
    let wanted = json!({ "branches": "all", "page_size": 100, "kinds": ["sast"] });
    let (tenant, _) = context.connected("acme", settings(wanted)).await;
    let read = context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    assert!(
        matches!(&read.fetches[..], [one] if one.scope == appsec_model::Scope::Deployment),
        "{}",
        read.fetches.len()
    );
    context.faults(vec![Fault { when: Match::path("/findings").nth(0), what: Effect::EmptyPage }]);
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!((run.state, run.counts.vanished), (RunState::Complete, 0));
    assert_eq!(run.counts.requests, read.counts.requests + 1);
    content(&tenant).assert_untouched(&before);
}

#[tokio::test]
async fn a_vendor_that_pages_in_circles_when_it_is_asked_again_lets_nothing_vanish() {
    // One project is one read: which of several came first would be left to chance.
    let context = TestContext::new(WorldShape { projects: 1, sast: 450, ..WorldShape::default() }.without_oddities());
    let wanted = json!({ "branches": "all", "page_size": 100, "kinds": ["sast"] });
    let (tenant, _) = context.connected("acme", settings(wanted)).await;
    context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    let findings = || Match::path("/findings");
    context.faults(vec![
        Fault { when: findings().nth(0), what: Effect::EmptyPage },
        Fault { when: Match { first: 1, ..findings() }, what: Effect::EndlessPages },
    ]);
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!(run.counts.vanished, 0);
    content(&tenant).assert_untouched(&before);
    insta::assert_snapshot!(run.message.unwrap_or_default(), @"sast of initech/shop-frontend: what was missing was asked for again, and there were more pages of it than of all before: the vendor pages in circles");
}

#[tokio::test]
async fn what_is_new_on_a_page_that_was_left_empty_comes_with_the_same_sync() {
    let context = TestContext::new(WorldShape { sast: 450, damaged_per_10_000: 0, ..small() });
    let wanted = json!({ "branches": "all", "duplicates": "merged", "page_size": 100, "kinds": ["sast"] });
    let (tenant, _) = context.connected("acme", settings(wanted)).await;
    context.sync(&tenant).await.unwrap();
    for page in ["findings", "page=1"] {
        let changes = *context.simulator.advance().of(vendor_sim::Kind::Sast);
        assert!(changes.new > 0 && changes.moved > 0 && changes.vanished > 0);
        context.faults(vec![Fault { when: Match::path(page).nth(0), what: Effect::EmptyPage }]);
        let run = context.sync(&tenant).await.unwrap();
        assert_eq!(run.state, RunState::Complete, "{page}");
        let changed = changes.fixed + changes.ignored + changes.reopened + changes.moved;
        let counts = (run.counts.new, run.counts.changed, run.counts.vanished);
        assert_eq!(counts, (changes.new.into(), changed.into(), changes.vanished.into()), "{page}");
        let expectation = vendor_sim::Expectation { refs: vendor_sim::Refs::All, dedup: true };
        let expected = context.simulator.world().expected(expectation);
        assert_eq!(content(&tenant).present("sast"), expected.of(vendor_sim::Kind::Sast).identities);
        // Nothing was left for the next one.
        context.faults(Vec::new());
        let next = context.sync(&tenant).await.unwrap().counts;
        assert_eq!((next.new, next.changed, next.vanished), (0, 0, 0), "{page}");
    }
}

#[tokio::test]
async fn a_page_that_is_repeated_costs_nothing_but_itself() {
    let context = TestContext::new(WorldShape { damaged_per_10_000: 0, ..small() });
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all", "page_size": 100 }))).await;
    context.faults(vec![Fault { when: Match::path("page=1"), what: Effect::ShiftedPage { rows: 7 } }]);
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!(run.state, RunState::Complete);
    assert!(run.counts.duplicate > 0, "no page was shifted");
    let expected = context.simulator.world().expected(vendor_sim::Expectation::default());
    assert_eq!(content(&tenant).present("sast"), expected.of(vendor_sim::Kind::Sast).identities);
}
