//! What users are told when something is wrong, and that the store is as it
//! was.

use vendor_sim::{Effect, Fault, Match, Options, RetryAfter};

use crate::support::{Desk, Done, shape};

fn fault(path: &str, what: Effect) -> Vec<Fault> {
    vec![Fault { when: Match::path(path), what }]
}

/// The message of a sync that fails over a store that holds findings.
fn failing_sync(what: Effect) -> (String, i32) {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.ok(&["sync"]);
    let before = desk.content();
    desk.simulator.set_faults(fault("/findings", what));
    let done = desk.run(&["sync", "--max-wait", "0"]);
    assert_eq!(desk.content(), before);
    (message(&desk, &done), done.code)
}

/// What is printed of the failure, on either stream.
fn message(desk: &Desk, done: &Done) -> String {
    let told = if done.stderr.contains("error: ") { &done.stderr } else { &done.stdout };
    let lines = desk.stable(told);
    let start = lines.find("error: ").unwrap_or(0);
    lines[start..].lines().take(2).collect::<Vec<_>>().join("\n")
}

fn failing_add(shape_options: Options, more: &[&str]) -> String {
    let desk = Desk::with_options(shape(), shape_options);
    let done = desk.add(more);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert_eq!(desk.json(&["instance", "list"])["instances"].as_array().unwrap().len(), 0);
    message(&desk, &done)
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
    let desk = Desk::new(shape(), vec![]);
    let token = desk.folder.path().join("token");
    let set = format!("origin={}", desk.simulator.url());
    let done = desk.run(&["instance", "add", "code", "--set", &set, "--token-file", token.to_str().unwrap()]);
    assert_eq!(done.code, 1);
    assert_eq!(desk.simulator.stats().requests, 0);
    let port = desk.simulator.url().rsplit(':').next().unwrap().to_owned();
    insta::assert_snapshot!(message(&desk, &done).replace(&port, "PORT"));
}

#[test]
fn a_token_that_is_not_there_is_told() {
    let desk = Desk::new(shape(), vec![]);
    let done = desk.run(&["instance", "add", "code"]);
    assert_eq!(done.code, 1);
    insta::assert_snapshot!(message(&desk, &done));
}

#[test]
fn a_token_that_is_revoked_later_is_told_and_noted() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.ok(&["sync"]);
    let before = desk.content();
    desk.simulator.set_faults(fault("", Effect::Status { code: 401 }));
    let done = desk.run(&["sync"]);
    assert_eq!(done.code, 1);
    assert_eq!(desk.content(), before);
    assert_eq!(desk.json(&["instance", "list"])["instances"][0]["status"], "unauthorized");
    insta::assert_snapshot!(message(&desk, &done));
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
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.simulator.set_faults(fault("issue_type=sca", Effect::Status { code: 500 }));
    let done = desk.run(&["sync", "--max-wait", "0", "--json"]);
    assert_eq!(done.code, 3, "{}", done.stderr);
    let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["runs"][0]["state"], "partial");
    assert!(desk.json(&["findings", "--kind", "sast"])["total"].as_u64() > Some(0));
    assert_eq!(desk.json(&["findings", "--kind", "sca"])["total"], 0);
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let desk = Desk::new(shape(), vec![]);
    for arguments in [&["findings", "--severity", "awful"][..], &["sync", "--nonsense"], &["finding"], &[]] {
        assert_eq!(desk.run(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(desk.run(&["--tenant", "../x", "findings"]).code, 2);
}

#[test]
fn a_missing_thing_is_told_with_what_there_is() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    let told = |arguments: &[&str]| {
        let done = desk.run(arguments);
        assert_eq!(done.code, 1);
        message(&desk, &done)
    };
    insta::assert_snapshot!(told(&["sync", "cod"]));
    insta::assert_snapshot!(told(&["finding", "0123456789abcdef"]));
    insta::assert_snapshot!(told(&["inspect", "Cargo.toml"]));
    insta::assert_snapshot!(told(&["sync", "code", "--project", "nobody/nothing"]));
}
