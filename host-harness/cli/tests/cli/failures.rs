//! What users are told when something is wrong, and that the store is as it
//! was.

use vendor_sim::{Effect, Fault, Match, Options, RetryAfter};

use crate::support::{Done, TestContext, shape};

fn fault(path: &str, what: Effect) -> Vec<Fault> {
    vec![Fault { when: Match::path(path), what }]
}

/// The message of a sync that fails over a store that holds findings.
fn failing_sync(what: Effect) -> (String, i32) {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let before = context.content();
    context.simulator.set_faults(fault("/findings", what));
    let done = context.run(&["sync", "--max-wait", "0"]);
    assert_eq!(context.content(), before);
    (message(&context, &done), done.code)
}

/// What is printed of the failure, on either stream.
fn message(context: &TestContext, done: &Done) -> String {
    let told = if done.stderr.contains("error: ") { &done.stderr } else { &done.stdout };
    let lines = context.stable(told);
    let start = lines.find("error: ").unwrap_or(0);
    lines[start..].lines().take(2).collect::<Vec<_>>().join("\n")
}

fn failing_add(shape_options: Options, more: &[&str]) -> String {
    let context = TestContext::with_options(shape(), shape_options);
    let done = context.add(more);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert_eq!(context.json(&["instance", "list"])["instances"].as_array().unwrap().len(), 0);
    message(&context, &done)
}

#[test]
fn a_wrong_token_is_told() {
    let faults = fault("", Effect::Status { code: 401 });
    insta::assert_snapshot!(failing_add(Options { faults, ..Options::default() }, &[]));
}

#[test]
fn a_token_without_scope_is_told() {
    insta::assert_snapshot!(failing_add(Options { scope: false, ..Options::default() }, &[]));
}

#[test]
fn a_wrong_deployment_is_told_with_the_right_one() {
    insta::assert_snapshot!(failing_add(Options::default(), &["--set", "deployment=demo-corb"]));
}

#[test]
fn wrong_settings_are_told_all_at_once() {
    insta::assert_snapshot!(failing_add(Options::default(), &["--set", "page_size=7", "--set", "page_sizes=500"]));
}

#[test]
fn a_refused_address_is_told_with_how_to_grant_it() {
    let context = TestContext::new(shape(), vec![]);
    let token = context.folder.path().join("token");
    let set = format!("origin={}", context.simulator.url());
    let done = context.run(&["instance", "add", "code", "--set", &set, "--token-file", token.to_str().unwrap()]);
    assert_eq!(done.code, 1);
    assert_eq!(context.simulator.stats().requests, 0);
    let port = context.simulator.url().rsplit(':').next().unwrap().to_owned();
    insta::assert_snapshot!(message(&context, &done).replace(&port, "PORT"));
}

#[test]
fn a_token_that_is_not_there_is_told() {
    let context = TestContext::new(shape(), vec![]);
    let done = context.run(&["instance", "add", "code"]);
    assert_eq!(done.code, 1);
    insta::assert_snapshot!(message(&context, &done));
}

#[test]
fn a_token_that_is_revoked_later_is_told_and_noted() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let before = context.content();
    context.simulator.set_faults(fault("", Effect::Status { code: 401 }));
    let done = context.run(&["sync"]);
    assert_eq!(done.code, 1);
    assert_eq!(context.content(), before);
    assert_eq!(context.json(&["instance", "list"])["instances"][0]["status"], "unauthorized");
    insta::assert_snapshot!(message(&context, &done));
}

#[test]
fn a_storm_of_429_is_waited_out_or_told() {
    let (message, code) = failing_sync(Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(120)) });
    assert_eq!(code, 1);
    insta::assert_snapshot!(message);
}

#[test]
fn a_cut_body_is_told() {
    let (message, code) = failing_sync(Effect::CutBody { after_bytes: 100 });
    assert_eq!(code, 1);
    insta::assert_snapshot!(message);
}

#[test]
fn a_login_page_is_told() {
    let (message, code) = failing_sync(Effect::Html);
    assert_eq!(code, 1);
    insta::assert_snapshot!(message);
}

#[test]
fn a_redirect_is_not_followed() {
    let location = "http://127.0.0.1:9/elsewhere".to_owned();
    let (message, code) = failing_sync(Effect::Redirect { location });
    assert_eq!(code, 1);
    insta::assert_snapshot!(message);
}

#[test]
fn one_failing_kind_leaves_the_other_whole() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.simulator.set_faults(fault("issue_type=sca", Effect::Status { code: 500 }));
    let done = context.run(&["sync", "--max-wait", "0", "--json"]);
    assert_eq!(done.code, 3, "{}", done.stderr);
    let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["runs"][0]["state"], "partial");
    assert!(context.json(&["findings", "--kind", "sast"])["total"].as_u64() > Some(0));
    assert_eq!(context.json(&["findings", "--kind", "sca"])["total"], 0);
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let context = TestContext::new(shape(), vec![]);
    for arguments in [&["findings", "--severity", "awful"][..], &["sync", "--nonsense"], &["finding"], &[]] {
        assert_eq!(context.run(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(context.run(&["--tenant", "../x", "findings"]).code, 2);
}

#[test]
fn a_missing_thing_is_told_with_what_there_is() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let told = |arguments: &[&str]| {
        let done = context.run(arguments);
        assert_eq!(done.code, 1);
        message(&context, &done)
    };
    insta::assert_snapshot!(told(&["sync", "cod"]));
    insta::assert_snapshot!(told(&["finding", "0123456789abcdef"]));
    insta::assert_snapshot!(told(&["inspect", "Cargo.toml"]));
    insta::assert_snapshot!(told(&["sync", "code", "--project", "nobody/nothing"]));
}
