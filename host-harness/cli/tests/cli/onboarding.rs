//! Setting up an instance step by step, by options: without a terminal nothing
//! is asked.

use serde_json::{Value, json};
use vendor_sim::{Effect, Fault, Match, WorldShape};

use crate::support::{Done, SECOND_TOKEN, TOKEN, TestContext, shape};

/// `harness onboard code` with what reaches the simulator, and more.
fn onboard(context: &TestContext, more: &[&str]) -> Done {
    let (origin, token) = (context.simulator.url().to_owned(), context.token_file());
    let set = format!("origin={origin}");
    let usual = ["onboard", "code", "--set", &set, "--allow-private-origin", &origin, "--token-file", &token];
    context.run(&[&usual[..], more].concat())
}

fn told(context: &TestContext, done: &Done) -> String {
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    context.stable(&done.stderr)
}

fn under_way(context: &TestContext) -> Vec<Value> {
    context.json(&["onboard", "--list"])["onboardings"].as_array().unwrap().clone()
}

fn project_names(context: &TestContext) -> Vec<String> {
    let list = context.json(&["projects"]);
    list["projects"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn all_steps_by_options_make_an_instance_that_syncs() {
    let context = TestContext::new(shape(), vec![]);
    let done = onboard(&context, &["--kinds", "sast", "--projects", "all", "--auto-map", "create"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    insta::assert_snapshot!(context.stable(&done.stdout), @"
    Connection successful: deployment demo-corp (id 4242); the token reads sast, sca, ai-sast, secrets, packages
    Kinds: sast
    Projects: all
    Mapping: create: new projects are mapped to the matching repository, else to a new one
    Saved the instance code; projects: 14 mapped
    Next:
      harness sync code
    ");
    assert_eq!(under_way(&context), Vec::<Value>::new());
    let instance = context.json(&["instance", "show", "code"]);
    assert_eq!((&instance["status"], &instance["settings"]["kinds"]), (&"connected".into(), &json!(["sast"])));
    assert_eq!(project_names(&context).len(), 14);
    let run = context.json(&["sync"])["runs"][0].clone();
    assert_eq!(run["state"], "complete", "{run:#}");
    let reads = run["fetches"].as_array().unwrap();
    assert!(!reads.is_empty() && reads.iter().all(|read| read["kind"] == "sast"), "{run:#}");
}

#[test]
fn an_onboarding_is_left_after_the_second_step_and_gone_on_with() {
    let context = TestContext::new(shape(), vec![]);
    insta::assert_snapshot!(told(&context, &onboard(&context, &["--kinds", "sast,sca"])), @"
    error: default/code: the onboarding of `code` is not complete: the projects are not chosen
      hint: your answers are saved: continue with harness onboard NAME at a terminal, or with --kinds KIND,…, --projects PATTERN and --auto-map create|match|manual, or with --yes for the defaults
    ");
    assert_eq!(context.json(&["instance", "list"])["instances"], json!([]));
    let left = under_way(&context);
    assert_eq!((&left[0]["name"], &left[0]["step"]), (&"code".into(), &"projects".into()));
    assert_eq!(left[0]["kinds"], json!(["sast", "sca"]));

    // A wrong answer keeps what there is; the name need not be said again.
    insta::assert_snapshot!(told(&context, &context.run(&["onboard", "--projects", "nobody/*"])), @"
    error: default/code: none of the vendor's 14 projects matches `nobody/*`
      hint: `*` matches any characters; --projects all selects all of them
    ");
    insta::assert_snapshot!(told(&context, &context.run(&["onboard", "--kinds", "secrets,other"])), @"
    error: default/code: cannot fetch other: the connector has no such kind
      hint: choose among those that the token can read, or grant it the permission at the vendor
    ");
    assert_eq!(under_way(&context)[0]["kinds"], json!(["sast", "sca"]));
    assert_eq!(context.run(&["onboard", "--projects", "all"]).code, 1);
    assert_eq!(under_way(&context)[0]["step"], "mapping");
    let saved = context.json(&["onboard", "--auto-map", "match"]);
    assert_eq!((&saved["name"], &saved["status"]), (&"code".into(), &"connected".into()));
    context.ok(&["sync", "code"]);
}

#[test]
fn only_chosen_projects_are_brought_also_when_more_come() {
    let context = TestContext::new(shape(), vec![]);
    assert_eq!(onboard(&context, &["--yes"]).code, 0);
    let names = project_names(&context);
    let (chosen, part) = (names[3].clone(), names[5].to_uppercase());
    let context = TestContext::new(shape(), vec![]);
    let patterns = format!("{chosen},{part}");
    let done = onboard(&context, &["--projects", &patterns, "--yes"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let run = context.json(&["sync"])["runs"][0].clone();
    assert_eq!(run["state"], "complete", "{run:#}");
    let findings = context.json(&["findings", "--include-closed", "--include-non-security", "--limit", "10000"]);
    for finding in findings["findings"].as_array().unwrap() {
        let project = finding["project"].as_str().unwrap();
        assert!([&names[3], &names[5]].iter().any(|name| *name == project), "{project}");
    }
    assert!(findings["total"].as_u64() > Some(0));
    assert_eq!(run["fetches"].as_array().unwrap().len(), 4, "{run:#}");
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let context = TestContext::new(shape(), vec![]);
    insta::assert_snapshot!(told(&context, &context.run(&["onboard"])), @"
    error: default: no instance is named, and there is no terminal to ask at
      hint: give its name: harness onboard NAME
    ");
    insta::assert_snapshot!(told(&context, &context.run(&["onboard", "code"])), @"
    error: default/code: the environment variable SEMGREP_APP_TOKEN is not set
      hint: set the environment variable, or give the token with --token-file FILE or --token-stdin
    ");
    let (origin, set) = (context.simulator.url().to_owned(), format!("origin={}", context.simulator.url()));
    let arguments = ["onboard", "code", "--set", &set, "--allow-private-origin", &origin, "--token-stdin"];
    insta::assert_snapshot!(told(&context, &context.fed(&arguments, TOKEN)), @"
    error: default/code: a token from stdin is not stored
      hint: store it with --store-token, or give a file or variable
    ");
    assert_eq!(context.simulator.stats().requests, 0);
}

#[test]
fn a_wrong_token_keeps_all_else_that_was_said() {
    let context = TestContext::new(shape(), vec![]);
    context.file("token", SECOND_TOKEN);
    let told = told(&context, &onboard(&context, &["--yes"]));
    assert!(told.contains("unauthorized") && told.contains("hint: "), "{told}");
    assert_eq!(under_way(&context)[0]["step"], "token");
    // Neither the name nor the origin is said again.
    context.file("token", TOKEN);
    context.ok(&["onboard", "--token-file", &context.token_file(), "--yes"]);
    assert_eq!(under_way(&context), Vec::<Value>::new());
}

#[test]
fn a_kind_that_the_token_cannot_read_is_shown_and_not_taken() {
    let refused = Fault { when: Match::path("/secrets"), what: Effect::Status { code: 403 } };
    let context = TestContext::new(shape(), vec![refused]);
    assert_eq!(onboard(&context, &[]).code, 1);
    let readable = under_way(&context)[0]["readable"].clone();
    let access =
        |kind: &str| readable.as_array().unwrap().iter().find(|it| it["kind"] == kind).unwrap()["access"].clone();
    assert_eq!((access("sast"), access("secrets")), ("readable".into(), "denied".into()));
    let told = told(&context, &context.run(&["onboard", "--kinds", "sast,secrets"]));
    assert!(told.contains("cannot fetch secrets"), "{told}");
    let saved = context.json(&["onboard", "--kinds", "all", "--yes"]);
    let kinds = saved["settings"]["kinds"].as_array().unwrap();
    assert!(kinds.contains(&"sast".into()) && !kinds.contains(&"secrets".into()), "{kinds:?}");
}

#[test]
fn a_stored_token_serves_all_steps_and_goes_with_an_onboarding_that_is_given_up() {
    let context = TestContext::new(WorldShape { sast: 50, sca: 20, ..shape() }, vec![]);
    let key = context.folder.path().join("key").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &key]);
    assert_eq!(onboard(&context, &["--store-token", "--vault-key-file", &key]).code, 1);
    context.in_no_file(&[TOKEN]);
    std::fs::remove_file(context.token_file()).unwrap();
    let entries = || context.json(&["vault", "show"])["entries"].as_array().unwrap().len();
    assert_eq!(entries(), 1);
    context.ok(&["onboard", "code", "--discard"]);
    assert_eq!((entries(), under_way(&context).len()), (0, 0));

    context.file("token", TOKEN);
    assert_eq!(onboard(&context, &["--store-token", "--vault-key-file", &key]).code, 1);
    std::fs::remove_file(context.token_file()).unwrap();
    context.ok(&["onboard", "code", "--yes", "--vault-key-file", &key]);
    context.ok(&["sync", "--vault-key-file", &key]);
    context.in_no_file(&[TOKEN]);
    // An instance that is there is not set up once more.
    context.file("token", TOKEN);
    insta::assert_snapshot!(told(&context, &onboard(&context, &["--store-token", "--vault-key-file", &key])), @"
    error: default/code: instance `code` already exists
      hint: choose another name
    ");
    assert_eq!(entries(), 1);
}

#[test]
fn an_instance_and_an_onboarding_of_one_name_do_not_take_each_others_token() {
    let context = TestContext::new(WorldShape { sast: 50, sca: 20, ..shape() }, vec![]);
    let key = context.folder.path().join("key").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &key]);
    assert_eq!(onboard(&context, &["--store-token", "--vault-key-file", &key]).code, 1);
    let entries = || context.json(&["vault", "show"])["entries"].as_array().unwrap().len();
    let added = context.add(&["--store-token", "--vault-key-file", &key]);
    insta::assert_snapshot!(told(&context, &added), @"
    error: default/code: an onboarding of `code` is in progress
      hint: continue with harness onboard NAME, or discard it with harness onboard NAME --discard
    ");
    assert_eq!((entries(), under_way(&context).len()), (1, 1));
}
