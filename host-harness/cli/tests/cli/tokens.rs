//! Tokens that are stored, changed, and never seen.

use std::{process::Stdio, time::Instant};

use serde_json::Value;
use vendor_sim::{World, WorldShape};

use crate::support::{Done, SECOND_TOKEN, TOKEN, TestContext, shape};

/// Forms that a token could be written in.
fn forms() -> Vec<String> {
    let hex = |token: &str| token.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    [TOKEN, SECOND_TOKEN].into_iter().flat_map(|token| [token.to_owned(), hex(token)]).collect()
}

fn nowhere(context: &TestContext) {
    let forms = forms();
    assert!(context.in_no_file(&forms.iter().map(String::as_str).collect::<Vec<_>>()) >= 2);
}

/// A fresh key in a file.
fn key_file(context: &TestContext, name: &str) -> String {
    let path = context.folder.path().join(name).to_str().unwrap().to_owned();
    let said = context.ok(&["vault", "generate-key", "--output", &path]);
    let key = std::fs::read_to_string(&path).unwrap();
    assert!(!said.contains(key.trim()), "the key was printed");
    path
}

/// A context whose instance reads its token from the vault, and the vault's key.
fn stored() -> (TestContext, String) {
    let context = TestContext::new(shape(), vec![]);
    let key = key_file(&context, "key");
    let origin = context.simulator.url().to_owned();
    let set = format!("origin={origin}");
    let usual = ["instance", "add", "code", "--set", &set, "--allow-private-origin", &origin];
    let arguments = [&usual[..], &["--token-stdin", "--store-token", "--vault-key-file", &key]].concat();
    let done = context.fed(&arguments, TOKEN);
    assert_eq!(done.code, 0, "{}", done.stderr);
    (context, key)
}

fn instance(context: &TestContext) -> Value {
    context.json(&["instance", "show", "code"])
}

/// The failure of a command, without what differs from run to run.
fn failed(context: &TestContext, done: &Done) -> String {
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    context.stable(&done.stderr)
}

#[test]
fn a_stored_token_is_read_from_the_vault_and_lies_in_no_file() {
    let (context, key) = stored();
    std::fs::remove_file(context.token_file()).unwrap();
    assert_eq!(instance(&context)["secrets"].as_object().unwrap().values().next().unwrap(), "the vault");
    let done = context.run(&["-vv", "sync", "--vault-key-file", &key]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    // The key as text in the environment does as well.
    let text = std::fs::read_to_string(&key).unwrap();
    let output = context.command(&["sync", "--json"]).env("HARNESS_VAULT_KEY", text.trim()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    nowhere(&context);
    context.in_no_file(&[text.trim()]);
    let shown = context.json(&["vault", "show", "--vault-key-file", &key]);
    assert_eq!((&shown["entries"][0]["instance"], &shown["entries"][0]["state"]), (&"code".into(), &"opens".into()));
}

#[test]
fn a_vault_without_its_key_is_told_and_nothing_is_noted_on_the_instance() {
    let (context, key) = stored();
    context.ok(&["sync", "--vault-key-file", &key]);
    let before = instance(&context);
    let id = context.json(&["vault", "show"])["wanted_key"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(failed(&context, &context.run(&["sync"])).replace(&id, "ID"), @"
    error: default/code: the key ID of the vault cannot be read: the environment variable HARNESS_VAULT_KEY is not set
      hint: give the key in HARNESS_VAULT_KEY, or its file with --vault-key-file FILE or HARNESS_VAULT_KEY_FILE; `harness vault generate-key` creates one for a new vault
    ");
    let other = key_file(&context, "other");
    let told = failed(&context, &context.run(&["sync", "--vault-key-file", &other]));
    assert!(told.contains("is sealed with the key") && told.contains("give the key with that id"), "{told}");
    let no_key = context.file("no-key", "correct-horse-battery-staple");
    insta::assert_snapshot!(failed(&context, &context.run(&["sync", "--vault-key-file", &no_key])), @"
    error: default/code: the file FOLDER/no-key does not contain a valid vault key
      hint: give a key as `harness vault generate-key` prints it, whole and on one line
    ");
    let vault = context.data_dir().join("tenants/default/vault");
    let whole = std::fs::read(&vault).unwrap();
    std::fs::write(&vault, &whole[1..]).unwrap();
    insta::assert_snapshot!(failed(&context, &context.run(&["sync", "--vault-key-file", &key])), @"
    error: default/code: the vault FOLDER/data/tenants/default/vault is damaged
      hint: restore it from a backup, or move it away and give the tokens again: harness instance rotate-token NAME --store-token
    ");
    std::fs::write(&vault, &whole).unwrap();
    assert_eq!(instance(&context), before);
}

#[test]
fn without_a_key_no_token_is_stored_and_no_instance_made() {
    let context = TestContext::new(shape(), vec![]);
    insta::assert_snapshot!(failed(&context, &context.add(&["--store-token"])), @"
    error: default/code: the key of the vault cannot be read: the environment variable HARNESS_VAULT_KEY is not set
      hint: give the key in HARNESS_VAULT_KEY, or its file with --vault-key-file FILE or HARNESS_VAULT_KEY_FILE; `harness vault generate-key` creates one for a new vault
    ");
    assert_eq!(context.json(&["instance", "list"])["instances"], Value::Array(vec![]));
    // A token that the vendor refuses is not kept either.
    let (key, wrong) = (key_file(&context, "key"), context.file("token", SECOND_TOKEN));
    let done = context.add(&["--store-token", "--vault-key-file", &key]);
    assert!(done.stderr.contains("unauthorized") || done.stderr.contains("token"), "{}", done.stderr);
    assert_eq!(context.json(&["vault", "show"])["entries"], Value::Array(vec![]), "{wrong}");
}

#[test]
fn a_wrong_token_is_refused_and_the_old_one_works_on() {
    let (context, key) = stored();
    context.ok(&["sync", "--vault-key-file", &key]);
    let (before, content) = (instance(&context), context.content());
    let vault = std::fs::read(context.data_dir().join("tenants/default/vault")).unwrap();
    let wrong = context.file("wrong", SECOND_TOKEN);
    let done = context.run(&["instance", "rotate-token", "code", "--token-file", &wrong, "--vault-key-file", &key]);
    insta::assert_snapshot!(failed(&context, &done), @"
    error: default/code: unauthorized: Semgrep refused the token as wrong or expired: invalid API token
      hint: the token is wrong, revoked or expired: create a new one at the vendor, and provide it in its environment variable or with --token-file; for an existing instance, run: harness instance rotate-token NAME
    ");
    assert_eq!((instance(&context), context.content()), (before, content));
    assert_eq!(std::fs::read(context.data_dir().join("tenants/default/vault")).unwrap(), vault);
    context.ok(&["sync", "--vault-key-file", &key]);
    nowhere(&context);
}

#[test]
fn a_good_token_takes_over_and_nothing_is_lost() {
    let (context, key) = stored();
    context.ok(&["sync", "--vault-key-file", &key]);
    context.simulator.set_token(SECOND_TOKEN);
    assert_eq!(context.run(&["sync", "--vault-key-file", &key]).code, 1);
    assert_eq!(instance(&context)["status"], "unauthorized");
    let good = context.file("good", SECOND_TOKEN);
    let rotate = ["instance", "rotate-token", "code", "--vault-key-file", &key];
    let rotated = context.json(&[&rotate[..], &["--token-file", &good]].concat());
    assert_eq!((&rotated["status"], &rotated["status_detail"]), (&"connected".into(), &Value::Null));
    std::fs::remove_file(&good).unwrap();
    let run = context.json(&["sync", "--vault-key-file", &key])["runs"][0].clone();
    assert_eq!((&run["new"], &run["changed"], &run["vanished"]), (&0.into(), &0.into(), &0.into()), "{run:#}");
    nowhere(&context);

    // Out of the vault into a file, and back.
    let good = context.file("good", SECOND_TOKEN);
    context.ok(&["instance", "rotate-token", "code", "--token-file", &good, "--no-store-token"]);
    assert_eq!(context.json(&["vault", "show"])["entries"], Value::Array(vec![]));
    context.ok(&["sync"]);
    context.ok(&[&rotate[..], &["--store-token"]].concat());
    std::fs::remove_file(&good).unwrap();
    context.ok(&["sync", "--vault-key-file", &key]);
    insta::assert_snapshot!(failed(&context, &context.run(&rotate)), @"
    error: default/code: the token is stored in the vault, and no source is given for the new one
      hint: give it with --token-file FILE, --token-env VARIABLE or --token-stdin
    ");
}

#[test]
fn a_token_of_another_account_must_be_meant() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let before = instance(&context);
    let other =
        WorldShape { slug: "other-corp".to_owned(), deployment_id: 77, projects: 2, sast: 5, sca: 0, ..shape() };
    context.simulator.set_world(World::new(other));
    context.simulator.set_token(SECOND_TOKEN);
    let token = context.file("second", SECOND_TOKEN);
    let rotate = ["instance", "rotate-token", "code", "--token-file", &token];
    insta::assert_snapshot!(failed(&context, &context.run(&rotate)), @"
    error: default/code: account mismatch: the vendor reports `other-corp` (id 77), but the instance uses `demo-corp` (id 4242); nothing was changed
      hint: use a token of the same account; to switch to the other account, confirm with --allow-account-change: the findings of the old one are marked as vanished by the next full sync with --allow-removal
    ");
    assert_eq!(instance(&context), before);
    let rotated = context.json(&[&rotate[..], &["--allow-account-change"]].concat());
    assert_eq!(rotated["connection"]["deployment"]["slug"], "other-corp");
    // Runs for the old account are nothing to build on.
    let done = context.run(&["sync", "--incremental", "--json"]);
    let run = serde_json::from_str::<Value>(&done.stdout).unwrap()["runs"][0].clone();
    assert_eq!((done.code, &run["mode"], &run["state"]), (3, &"full".into(), &"partial".into()), "{run:#}");
    // All of the old account is gone, which nobody takes for granted.
    context.ok(&["sync", "--allow-removal"]);
}

#[test]
fn a_vault_that_is_rekeyed_opens_with_the_old_or_the_new_key_whenever_it_is_killed() {
    let (context, mut old) = stored();
    let mut new = key_file(&context, "new");
    let opens = |key: &str| context.json(&["vault", "show", "--vault-key-file", key])["entries"][0]["state"] == "opens";
    let (mut before, mut after) = (0, 0);
    // As long as it takes here, and a bit more.
    let begun = Instant::now();
    context.ok(&["vault", "rekey", "--vault-key-file", &old, "--new-key-file", &new]);
    std::mem::swap(&mut old, &mut new);
    let step = begun.elapsed() / 25;
    for round in 0..40 {
        let arguments = ["vault", "rekey", "--vault-key-file", &old, "--new-key-file", &new];
        let mut child = context.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(step * round);
        child.kill().unwrap();
        child.wait().unwrap();
        let (with_old, with_new) = (opens(&old), opens(&new));
        assert!(with_old != with_new, "round {round}: old {with_old}, new {with_new}");
        if with_new {
            after += 1;
            std::mem::swap(&mut old, &mut new);
        } else {
            before += 1;
        }
    }
    assert!(before > 0 && after > 0, "killed {before} times before and {after} times after");
    let rekeyed = context.json(&["vault", "rekey", "--vault-key-file", &old, "--new-key-file", &new]);
    assert_eq!(rekeyed["entries"], 1);
    context.ok(&["sync", "--vault-key-file", &new]);
    nowhere(&context);
}

#[test]
fn a_deleted_instance_leaves_nothing_in_the_vault() {
    let (context, key) = stored();
    assert_eq!(context.json(&["vault", "show"])["entries"].as_array().unwrap().len(), 1);
    let deleted = context.json(&["instance", "delete", "code", "--confirm", "code", "--vault-key-file", &key]);
    assert_eq!(deleted["report"]["proof"]["left"], Value::Array(vec![]), "{deleted:#}");
    assert_eq!(deleted["report"]["searched_for_secret"], true);
    assert_eq!(context.json(&["vault", "show"])["entries"], Value::Array(vec![]));
}

#[test]
fn tenants_have_vaults_of_their_own() {
    let context = TestContext::new(shape(), vec![]);
    let (one, two) = (key_file(&context, "one"), key_file(&context, "two"));
    assert_eq!(context.add(&["--tenant", "one", "--store-token", "--vault-key-file", &one]).code, 0);
    assert_eq!(context.add(&["--tenant", "two", "--store-token", "--vault-key-file", &two]).code, 0);
    context.ok(&["--tenant", "one", "sync", "--vault-key-file", &one]);
    context.ok(&["--tenant", "two", "sync", "--vault-key-file", &two]);
    assert_eq!(context.run(&["--tenant", "two", "sync", "--vault-key-file", &one]).code, 1);
    // Whoever works for both gives both: each vault takes its own.
    let both = ["--vault-key-file", &one, "--vault-key-file", &two];
    for tenant in ["one", "two"] {
        context.ok(&[&["--tenant", tenant, "instance", "test", "code"], &both[..]].concat());
        context.ok(&[&["--tenant", tenant, "instance", "schedule", "code", "--every", "1d"], &both[..]].concat());
    }
    let list = std::env::join_paths([&one, &two]).unwrap();
    // On either side of the command.
    let split = ["--vault-key-file", &one, "--tenant", "two", "instance", "test", "code", "--vault-key-file", &two];
    context.ok(&split);
    let due = context.command(&["sync", "--due"]).env("HARNESS_VAULT_KEY_FILE", list).output().unwrap();
    assert!(due.status.success(), "{}", String::from_utf8_lossy(&due.stderr));
    let runs = |tenant: &str| context.json(&["--tenant", tenant, "runs"])["runs"].as_array().unwrap().len();
    assert_eq!((runs("one"), runs("two")), (2, 2));
    // One that is not among them is named by its id, and where a file is missing, that as well.
    let id =
        |tenant: &str| context.json(&["--tenant", tenant, "vault", "show"])["wanted_key"].as_str().unwrap().to_owned();
    let three = key_file(&context, "three");
    let check = ["--tenant", "two", "instance", "test", "code", "--vault-key-file", &one, "--vault-key-file"];
    let told = failed(&context, &context.run(&[&check[..], &[&three]].concat()));
    assert!(told.contains(&format!("is sealed with the key {}, but the given keys are {}, ", id("two"), id("one"))));
    let told = failed(&context, &context.run(&[&check[..], &["absent"]].concat()));
    assert!(
        told.contains(&format!("the key {} of the vault cannot be read: cannot read the file", id("two"))),
        "{told}"
    );
    // Sealed anew, it says what with and what with before.
    let before = id("two");
    let rekey = ["--tenant", "two", "vault", "rekey", "--new-key-file", &three];
    let said = context.ok(&[&rekey[..], &both].concat());
    assert!(said.contains(&format!("Sealed with the key {}, before with {before}: 1 secret", id("two"))), "{said}");
    let again = context.json(&[&rekey[..], &both].concat());
    assert_eq!((&again["key"], &again["previous_key"]), (&id("two").into(), &Value::Null));
    context.ok(&["--tenant", "two", "instance", "test", "code", "--vault-key-file", &one, "--vault-key-file", &three]);
    context.ok(&["--tenant", "two", "vault", "rekey", "--new-key-file", &two, "--vault-key-file", &three]);
    // One tenant's vault in the place of the other's gives nothing, whatever the key.
    let vault = |tenant: &str| context.data_dir().join("tenants").join(tenant).join("vault");
    std::fs::copy(vault("one"), vault("two")).unwrap();
    let told = failed(&context, &context.run(&["--tenant", "two", "sync", "--vault-key-file", &one]));
    assert!(told.contains("belongs to the tenant `one`"), "{told}");
    nowhere(&context);
}

#[test]
fn a_paused_instance_is_not_synced_until_it_is_resumed() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["instance", "pause", "code", "--reason", "moving house"]);
    let paused = instance(&context);
    assert_eq!((&paused["status"], &paused["status_detail"]), (&"paused".into(), &"moving house".into()));
    assert_eq!(paused["health"], "connected");
    insta::assert_snapshot!(failed(&context, &context.run(&["sync", "code"])), @"
    error: default/code: the instance `code` is paused
      hint: resume it with: harness instance resume NAME
    ");
    assert!(context.ok(&["sync"]).contains("default/code: paused"));
    assert_eq!(context.json(&["runs"])["runs"], Value::Array(vec![]));
    context.ok(&["instance", "resume", "code"]);
    assert_eq!(instance(&context)["status"], "connected");
    context.ok(&["sync", "code"]);
}

#[test]
fn settings_are_changed_whole_or_not_at_all() {
    let context = TestContext::new(WorldShape { secrets: 20, ..shape() }, vec![]);
    context.added();
    context.ok(&["sync"]);
    let before = instance(&context);
    let done = context.run(&["instance", "set", "code", "--set", "branches=all", "--set", "page_size=7"]);
    let told = failed(&context, &done);
    assert!(told.contains("page_size") && told.contains("hint: "), "{told}");
    assert_eq!(instance(&context), before);
    let changed = context.json(&["instance", "set", "code", "--set", "page_size=200", "--kinds", "sast,sca,secrets"]);
    assert_eq!(changed["settings"]["kinds"], serde_json::json!(["sast", "sca", "secrets"]));
    assert_eq!(changed["connection"]["kinds"].as_array().unwrap().len(), 3);
    // A kind that is new must be read from the beginning.
    let run = context.json(&["sync", "--incremental"])["runs"][0].clone();
    assert_eq!((&run["mode"], &run["state"]), (&"full".into(), &"complete".into()), "{run:#}");
    assert!(context.json(&["findings", "--kind", "secrets", "--include-closed"])["total"].as_u64() > Some(0));
    let back = context.json(&["instance", "set", "code", "--unset", "page_size"]);
    assert!(back["settings"].get("page_size").is_none());
}
