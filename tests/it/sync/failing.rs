//! Failures that leave nothing behind: the message says who must act, and the
//! store is as it was.

use std::time::Duration;

use host_harness::{HarnessError, InstanceStatus, ReadState, RetryPolicy, RunState};
use serde_json::json;
use tests::{Env, EnvBuilder, content, name, settings};
use vendor_sim::{Effect, Fault, Match, RetryAfter, WorldShape};

fn small() -> WorldShape {
    WorldShape { projects: 4, sast: 300, sca: 20, ..WorldShape::default() }
}

fn shown(env: &Env, error: &HarnessError) -> String {
    format!("{}: {}\n{}", error.code(), env.redact(&error.to_string()), error.remedy().unwrap_or("-"))
}

fn always(what: Effect) -> Vec<Fault> {
    vec![Fault { when: Match::always(), what }]
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_leaves_no_instance() {
    let env = Env::new(small());
    env.faults(always(Effect::Status { code: 401 }));
    let tenant = env.tenant("acme");
    let error = tenant.add_instance(env.semgrep("code", settings(json!({}))), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
    assert!(tenant.store().with(|store| store.instances()).unwrap().is_empty());
}

#[tokio::test]
async fn a_token_without_scope_is_told_from_a_wrong_one() {
    let env = EnvBuilder { shape: small(), scope: false, ..EnvBuilder::default() }.start();
    let error = env.tenant("acme").add_instance(env.semgrep("code", settings(json!({}))), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
}

#[tokio::test]
async fn a_wrong_deployment_names_the_right_one() {
    let env = Env::new(small());
    let wrong = settings(json!({ "deployment": "demo-crop" }));
    let error = env.tenant("acme").add_instance(env.semgrep("code", wrong), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
}

#[tokio::test]
async fn wrong_settings_are_all_named_at_once() {
    let env = Env::new(small());
    let wrong = settings(json!({ "page_size": 5, "kind": ["sast"], "branches": "some" }));
    let error = env.tenant("acme").add_instance(env.semgrep("code", wrong), true).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
}

#[tokio::test]
async fn an_origin_that_was_not_granted_is_named() {
    let env = Env::new(small());
    let setup = host_harness::Setup { allow_private_origins: vec![], ..env.semgrep("code", settings(json!({}))) };
    let error = env.tenant("acme").add_instance(setup, true).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
    assert_eq!(env.simulator.stats().requests, 0);
}

#[tokio::test]
async fn a_storm_of_refusals_ends_when_the_tries_are_used_up() {
    let env = Env::new(small());
    let (tenant, instance) = env.connected("acme", settings(json!({}))).await;
    env.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    env.simulator.advance();
    env.faults(always(Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(1)) }));
    let error = env.sync(&tenant).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
    content(&tenant).assert_untouched(&before);
    let instance = tenant.instance(&instance.made.name).await.unwrap();
    assert_eq!(instance.status, InstanceStatus::Degraded);
}

#[tokio::test]
async fn a_wait_beyond_the_budget_is_not_begun() {
    let retry = RetryPolicy { budget: Duration::from_secs(60), ..RetryPolicy::default() };
    let env = EnvBuilder { shape: small(), retry, ..EnvBuilder::default() }.start();
    let (tenant, _) = env.connected("acme", settings(json!({}))).await;
    env.faults(always(Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(3600)) }));
    let error = env.sync(&tenant).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
    assert!(env.waits.take().is_empty());
}

#[tokio::test]
async fn a_body_that_is_always_cut_ends_when_the_tries_are_used_up() {
    let env = Env::new(small());
    let (tenant, _) = env.connected("acme", settings(json!({}))).await;
    env.faults(always(Effect::CutBody { after_bytes: 100 }));
    let error = env.sync(&tenant).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
    assert!(content(&tenant).projects.is_empty());
}

#[tokio::test]
async fn a_revoked_token_is_noted_on_the_instance() {
    let env = Env::new(small());
    let (tenant, _) = env.connected("acme", settings(json!({}))).await;
    env.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    env.faults(always(Effect::Status { code: 401 }));
    let error = env.sync(&tenant).await.unwrap_err();
    insta::assert_snapshot!(shown(&env, &error), @"");
    content(&tenant).assert_untouched(&before);
    let noted = tenant.instance(&name("code")).await.unwrap();
    assert_eq!((noted.status, noted.status_detail), (InstanceStatus::Unauthorized, Some(error.to_string())));
    env.faults(vec![]);
    env.sync(&tenant).await.unwrap();
    assert_eq!(tenant.instance(&name("code")).await.unwrap().status, InstanceStatus::Connected);
}

#[tokio::test]
async fn a_read_that_fails_stops_no_other_and_lets_nothing_vanish() {
    let env = Env::new(small());
    let (tenant, _) = env.connected("acme", settings(json!({ "branches": "all" }))).await;
    env.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    env.simulator.advance();
    env.faults(vec![Fault { when: Match::path("issue_type=sca"), what: Effect::WrongShape }]);
    let run = env.sync(&tenant).await.unwrap();
    assert_eq!(run.state, RunState::Partial);
    insta::assert_snapshot!(env.redact(&run.message.unwrap()), @"");
    let sca: Vec<_> = run.reads.iter().filter(|read| read.kind == appsec_model::Kind::Sca).collect();
    assert!(sca.iter().all(|read| read.state == ReadState::Failed && read.counts.vanished == 0));
    assert!(run.reads.iter().any(|read| read.state == ReadState::Complete));
    let of_sca = |content: &tests::Content| -> Vec<serde_json::Value> {
        content.findings.iter().filter(|it| it["kind"] == "sca").cloned().collect()
    };
    assert_eq!(of_sca(&content(&tenant)), of_sca(&before));
}

#[tokio::test]
async fn a_page_that_is_repeated_costs_nothing_but_itself() {
    let env = Env::new(WorldShape { damaged_per_10_000: 0, ..small() });
    let (tenant, _) = env.connected("acme", settings(json!({ "branches": "all", "page_size": 100 }))).await;
    env.faults(vec![Fault { when: Match::path("page=1"), what: Effect::ShiftedPage { rows: 7 } }]);
    let run = env.sync(&tenant).await.unwrap();
    assert_eq!(run.state, RunState::Complete);
    assert!(run.counts.repeated > 0, "no page was shifted");
    let expected = env.simulator.world().expected(vendor_sim::Expectation::default());
    assert_eq!(content(&tenant).present("sast"), expected.of(vendor_sim::Kind::Sast).identities);
}
