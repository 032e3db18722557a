//! The guided setup, at a terminal of 80 columns.

use serde_json::json;

use crate::{
    support::{TOKEN, TestContext, shape},
    terminal::{DOWN, ESCAPE, Terminal},
};

/// `onboard` with what reaches the simulator, and more.
fn onboard(context: &TestContext, more: &[&str]) -> Terminal {
    let origin = context.simulator.url();
    let set = format!("origin={origin}");
    Terminal::start(context, &[&["onboard", "--set", &set, "--allow-private-origin", origin], more].concat())
}

#[test]
fn a_guided_setup_makes_a_key_asks_again_and_goes_back() {
    let context = TestContext::new(shape(), vec![]);
    let mut person = onboard(&context, &[]);
    person.answers("Name of the new instance:", "My Code!\r");
    let refused = person.sees("use 1 to 63");
    assert!(refused.contains("My Code!"), "{refused}");
    person.answers("use 1 to 63", &("\u{7f}".repeat(8) + "code\r"));

    // There is no key, and one is made where it is wanted.
    let choice = person.answers("a key is created first", "\r");
    assert!(choice.contains("Where is the token?"), "{choice}");
    person.answers("File for the key:", "\r");
    person.answers("Token (not shown):", "a-wrong-token\r");
    let refused = person.answers("What now?", "\r");
    assert!(refused.contains("unauthorized"), "{refused}");
    person.answers("Where is the token?", "\r");
    person.answers("Token (not shown):", &format!("{TOKEN}\r"));
    // The last line of the question: all of it is drawn.
    let kinds = person.answers("[ ] packages", ESCAPE);
    assert!(kinds.contains("Connection successful: deployment demo-corp (id 4242)"), "{kinds}");
    for line in ["Which kinds should be synced?", "[x] sast", "[x] sca", "[ ] secrets"] {
        assert!(kinds.contains(line), "{line}: {kinds}");
    }

    // Back at the token, which is in the vault by now and typed once more.
    person.answers("Where is the token?", "\r");
    person.answers("Token (not shown):", &format!("{TOKEN}\r"));
    person.answers("Which kinds should be synced?", "\r");
    person.answers("Which projects should be synced?", &format!("{DOWN}{DOWN}\r"));
    person.answers("Which ones?", "auth-serv");
    person.sees_without("[ ] initech/auth-service", "initech/search-infra");
    person.answers("[ ] initech/auth-service", " \r");
    person.answers("How should projects be mapped to repositories?", "\r");
    let mapping = person.answers("Is this mapping right?", "\r");
    assert!(mapping.contains("initech/auth-service") && mapping.contains("created"), "{mapping}");
    let end = person.answers("Is everything right?", "\r");
    assert!(end.contains("Kinds: sast, sca") && end.contains("Projects: initech/auth-service"), "{end}");
    let (code, screen) = person.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Saved the instance code; projects: 1 mapped, 13 ignored"), "{screen}");

    let instance = context.json(&["instance", "show", "code"]);
    assert_eq!((&instance["status"], &instance["settings"]["kinds"]), (&"connected".into(), &json!(["sast", "sca"])));
    // What is said next works when it is typed.
    let key = context.folder.path().join("config/appsec-harness/vault.key");
    assert!(screen.contains("  harness --vault-key-file"), "{screen}");
    context.ok(&["--vault-key-file", key.to_str().unwrap(), "sync", "code"]);
    context.in_no_file(&[TOKEN]);
}

#[test]
fn a_guided_setup_that_is_left_keeps_all_but_the_token() {
    let context = TestContext::new(shape(), vec![]);
    let wrong = context.file("wrong", "a-wrong-token");
    let mut person = onboard(&context, &["code", "--token-file", &wrong]);
    person.answers("What now?", &format!("{DOWN}{DOWN}\r"));
    let (code, screen) = person.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Continue with: harness onboard code"), "{screen}");
    let left = context.json(&["onboard", "--list"]);
    assert_eq!(left["onboardings"][0]["step"], "token", "{left:#}");
    // The name, the origin and its grant are not said again.
    context.ok(&["onboard", "--token-file", &context.token_file(), "--yes"]);
    context.ok(&["sync", "code"]);
}

#[test]
fn who_leaves_before_anything_is_saved_is_told_so() {
    let context = TestContext::new(shape(), vec![]);
    let mut person = onboard(&context, &["code"]);
    person.answers("Where is the token?", ESCAPE);
    let (code, screen) = person.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Nothing was saved yet. Start again with: harness onboard code"), "{screen}");
    assert_eq!(context.json(&["onboard", "--list"])["onboardings"], json!([]));
}

#[test]
fn a_mapping_is_shown_with_its_reason_and_corrected() {
    let context = TestContext::new(shape(), vec![]);
    let list = context.file("list.csv", "full_name\ninitech/auth-service\nacme/other\n");
    context.ok(&["repositories", "import", &list]);
    let token = context.token_file();
    let mut person = onboard(
        &context,
        &["code", "--token-file", &token, "--kinds", "sast", "--projects", "all", "--auto-map", "match"],
    );
    let found = person.answers("Is this mapping right?", &format!("{DOWN}\r"));
    assert!(found.contains("full-name"), "{found}");
    person.answers("Which project?", "search-infra");
    person.sees_without("> initech/search-infra", "initech/auth-service →");
    person.answers("> initech/search-infra", "\r");
    person.answers("Repository of initech/search-infra:", "\r");
    let corrected = person.answers("Is this mapping right?", &format!("{DOWN}\r"));
    assert!(corrected.contains("2 mapped"), "{corrected}");
    // One that is not listed.
    person.answers("Which project?", "shop-frontend");
    person.answers("> initech/shop-frontend", "\r");
    person.answers("Repository of initech/shop-frontend:", &format!("{DOWN}{DOWN}\r"));
    person.answers("Its full name or URL:", "https://github.com/acme/typed\r");
    let corrected = person.answers("Is this mapping right?", "\r");
    assert!(corrected.contains("3 mapped"), "{corrected}");
    person.answers("Is everything right?", "\r");
    let (code, screen) = person.ends();
    assert_eq!(code, 0, "{screen}");
    let mappings = context.json(&["mapping", "list", "--state", "mapped"]);
    let of = |name: &str| {
        let rows = mappings["projects"].as_array().unwrap();
        rows.iter().find(|row| row["project"] == name).map(|row| (row["repository"].clone(), row["by"].clone()))
    };
    assert_eq!(of("initech/auth-service"), Some(("initech/auth-service".into(), "auto".into())));
    assert_eq!(of("initech/search-infra"), Some(("acme/other".into(), "manual".into())));
    assert_eq!(of("initech/shop-frontend"), Some(("acme/typed".into(), "manual".into())));
}

#[test]
fn a_sync_that_is_interrupted_says_where_it_goes_on() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.simulator.set_faults(crate::support::gate_after(2));
    let mut command = context.command(&["sync"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = crate::support::held_at_the_gate(&context, &mut command);
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let done = crate::support::done(child.wait_with_output().unwrap());
    assert_eq!(done.code, 130, "{}", done.stderr);
    let last = done.stderr.lines().last().unwrap();
    assert_eq!(last, "Interrupted: what was fetched is kept. The next sync resumes it: harness sync code");
}
