//! Tokens that are stored, changed, and never seen.

use std::{process::Stdio, time::Instant};

use serde_json::Value;
use vendor_sim::{World, WorldShape};

use crate::support::{Desk, Done, SECOND_TOKEN, TOKEN, shape};

/// Forms that a token could be written in.
fn forms() -> Vec<String> {
    let hex = |token: &str| token.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    [TOKEN, SECOND_TOKEN].into_iter().flat_map(|token| [token.to_owned(), hex(token)]).collect()
}

fn nowhere(desk: &Desk) {
    let forms = forms();
    assert!(desk.in_no_file(&forms.iter().map(String::as_str).collect::<Vec<_>>()) >= 2);
}

/// A fresh key in a file.
fn key_file(desk: &Desk, name: &str) -> String {
    let path = desk.folder.path().join(name).to_str().unwrap().to_owned();
    let said = desk.ok(&["vault", "generate-key", "--output", &path]);
    let key = std::fs::read_to_string(&path).unwrap();
    assert!(!said.contains(key.trim()), "the key was printed");
    path
}

/// A desk whose instance reads its token from the vault, and the vault's key.
fn stored() -> (Desk, String) {
    let desk = Desk::new(shape(), vec![]);
    let key = key_file(&desk, "key");
    let origin = desk.simulator.url().to_owned();
    let set = format!("origin={origin}");
    let usual = ["instance", "add", "code", "--set", &set, "--allow-private-origin", &origin];
    let arguments = [&usual[..], &["--token-stdin", "--store-token", "--vault-key-file", &key]].concat();
    let done = desk.fed(&arguments, TOKEN);
    assert_eq!(done.code, 0, "{}", done.stderr);
    (desk, key)
}

fn instance(desk: &Desk) -> Value {
    desk.json(&["instance", "show", "code"])
}

/// The failure of a command, without what differs from run to run.
fn failed(desk: &Desk, done: &Done) -> String {
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    desk.stable(&done.stderr)
}

#[test]
fn a_stored_token_is_read_from_the_vault_and_lies_in_no_file() {
    let (desk, key) = stored();
    std::fs::remove_file(desk.token_file()).unwrap();
    assert_eq!(instance(&desk)["secrets"].as_object().unwrap().values().next().unwrap(), "the vault");
    let done = desk.run(&["-vv", "sync", "--vault-key-file", &key]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    // The key as text in the environment does as well.
    let text = std::fs::read_to_string(&key).unwrap();
    let output = desk.command(&["sync", "--json"]).env("HARNESS_VAULT_KEY", text.trim()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    nowhere(&desk);
    desk.in_no_file(&[text.trim()]);
    let shown = desk.json(&["vault", "show", "--vault-key-file", &key]);
    assert_eq!((&shown["entries"][0]["instance"], &shown["entries"][0]["state"]), (&"code".into(), &"opens".into()));
}

#[test]
fn a_vault_without_its_key_is_told_and_nothing_is_noted_on_the_instance() {
    let (desk, key) = stored();
    desk.ok(&["sync", "--vault-key-file", &key]);
    let before = instance(&desk);
    let id = desk.json(&["vault", "show"])["wanted_key"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(failed(&desk, &desk.run(&["sync"])).replace(&id, "ID"), @"
    error: default/code: the key ID of the vault cannot be read: the environment variable HARNESS_VAULT_KEY is not set
      hint: give the key in HARNESS_VAULT_KEY, or its file with --vault-key-file FILE or HARNESS_VAULT_KEY_FILE; `harness vault generate-key` creates one for a new vault
    ");
    let other = key_file(&desk, "other");
    let told = failed(&desk, &desk.run(&["sync", "--vault-key-file", &other]));
    assert!(told.contains("is sealed with the key") && told.contains("give the key with that id"), "{told}");
    let no_key = desk.file("no-key", "correct-horse-battery-staple");
    insta::assert_snapshot!(failed(&desk, &desk.run(&["sync", "--vault-key-file", &no_key])), @"
    error: default/code: the file FOLDER/no-key does not contain a valid vault key
      hint: give a key as `harness vault generate-key` prints it, whole and on one line
    ");
    let vault = desk.data_dir().join("tenants/default/vault");
    let whole = std::fs::read(&vault).unwrap();
    std::fs::write(&vault, &whole[1..]).unwrap();
    insta::assert_snapshot!(failed(&desk, &desk.run(&["sync", "--vault-key-file", &key])), @"
    error: default/code: the vault FOLDER/data/tenants/default/vault is damaged
      hint: restore it from a backup, or move it away and give the tokens again: harness instance rotate-token NAME --store-token
    ");
    std::fs::write(&vault, &whole).unwrap();
    assert_eq!(instance(&desk), before);
}

#[test]
fn without_a_key_no_token_is_stored_and_no_instance_made() {
    let desk = Desk::new(shape(), vec![]);
    insta::assert_snapshot!(failed(&desk, &desk.add(&["--store-token"])), @"
    error: default/code: the key of the vault cannot be read: the environment variable HARNESS_VAULT_KEY is not set
      hint: give the key in HARNESS_VAULT_KEY, or its file with --vault-key-file FILE or HARNESS_VAULT_KEY_FILE; `harness vault generate-key` creates one for a new vault
    ");
    assert_eq!(desk.json(&["instance", "list"])["instances"], Value::Array(vec![]));
    // A token that the vendor refuses is not kept either.
    let (key, wrong) = (key_file(&desk, "key"), desk.file("token", SECOND_TOKEN));
    let done = desk.add(&["--store-token", "--vault-key-file", &key]);
    assert!(done.stderr.contains("unauthorized") || done.stderr.contains("token"), "{}", done.stderr);
    assert_eq!(desk.json(&["vault", "show"])["entries"], Value::Array(vec![]), "{wrong}");
}

#[test]
fn a_wrong_token_is_refused_and_the_old_one_works_on() {
    let (desk, key) = stored();
    desk.ok(&["sync", "--vault-key-file", &key]);
    let (before, content) = (instance(&desk), desk.content());
    let vault = std::fs::read(desk.data_dir().join("tenants/default/vault")).unwrap();
    let wrong = desk.file("wrong", SECOND_TOKEN);
    let done = desk.run(&["instance", "rotate-token", "code", "--token-file", &wrong, "--vault-key-file", &key]);
    insta::assert_snapshot!(failed(&desk, &done), @"
    error: default/code: unauthorized: Semgrep refused the token as wrong or expired: invalid API token
      hint: the token is wrong, revoked or expired: create a new one at the vendor, and provide it in its environment variable or with --token-file; for an existing instance, run: harness instance rotate-token NAME
    ");
    assert_eq!((instance(&desk), desk.content()), (before, content));
    assert_eq!(std::fs::read(desk.data_dir().join("tenants/default/vault")).unwrap(), vault);
    desk.ok(&["sync", "--vault-key-file", &key]);
    nowhere(&desk);
}

#[test]
fn a_good_token_takes_over_and_nothing_is_lost() {
    let (desk, key) = stored();
    desk.ok(&["sync", "--vault-key-file", &key]);
    desk.simulator.set_token(SECOND_TOKEN);
    assert_eq!(desk.run(&["sync", "--vault-key-file", &key]).code, 1);
    assert_eq!(instance(&desk)["status"], "unauthorized");
    let good = desk.file("good", SECOND_TOKEN);
    let rotate = ["instance", "rotate-token", "code", "--vault-key-file", &key];
    let rotated = desk.json(&[&rotate[..], &["--token-file", &good]].concat());
    assert_eq!((&rotated["status"], &rotated["status_detail"]), (&"connected".into(), &Value::Null));
    std::fs::remove_file(&good).unwrap();
    let run = desk.json(&["sync", "--vault-key-file", &key])["runs"][0].clone();
    assert_eq!((&run["new"], &run["changed"], &run["vanished"]), (&0.into(), &0.into(), &0.into()), "{run:#}");
    nowhere(&desk);

    // Out of the vault into a file, and back.
    let good = desk.file("good", SECOND_TOKEN);
    desk.ok(&["instance", "rotate-token", "code", "--token-file", &good, "--no-store-token"]);
    assert_eq!(desk.json(&["vault", "show"])["entries"], Value::Array(vec![]));
    desk.ok(&["sync"]);
    desk.ok(&[&rotate[..], &["--store-token"]].concat());
    std::fs::remove_file(&good).unwrap();
    desk.ok(&["sync", "--vault-key-file", &key]);
    insta::assert_snapshot!(failed(&desk, &desk.run(&rotate)), @"
    error: default/code: the token is stored in the vault, and no source is given for the new one
      hint: give it with --token-file FILE, --token-env VARIABLE or --token-stdin
    ");
}

#[test]
fn a_token_of_another_account_must_be_meant() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.ok(&["sync"]);
    let before = instance(&desk);
    let other =
        WorldShape { slug: "other-corp".to_owned(), deployment_id: 77, projects: 2, sast: 5, sca: 0, ..shape() };
    desk.simulator.set_world(World::new(other));
    desk.simulator.set_token(SECOND_TOKEN);
    let token = desk.file("second", SECOND_TOKEN);
    let rotate = ["instance", "rotate-token", "code", "--token-file", &token];
    insta::assert_snapshot!(failed(&desk, &desk.run(&rotate)), @"
    error: default/code: account mismatch: the vendor reports `other-corp` (id 77), but the instance uses `demo-corp` (id 4242); nothing was changed
      hint: use a token of the same account; to switch to the other account, confirm with --allow-account-change: the findings of the old one are marked as vanished by the next full sync with --allow-removal
    ");
    assert_eq!(instance(&desk), before);
    let rotated = desk.json(&[&rotate[..], &["--allow-account-change"]].concat());
    assert_eq!(rotated["connection"]["deployment"]["slug"], "other-corp");
    // Runs for the old account are nothing to build on.
    let done = desk.run(&["sync", "--incremental", "--json"]);
    let run = serde_json::from_str::<Value>(&done.stdout).unwrap()["runs"][0].clone();
    assert_eq!((done.code, &run["mode"], &run["state"]), (3, &"full".into(), &"partial".into()), "{run:#}");
    // All of the old account is gone, which nobody takes for granted.
    desk.ok(&["sync", "--allow-removal"]);
}

#[test]
fn a_vault_that_is_rekeyed_opens_with_the_old_or_the_new_key_whenever_it_is_killed() {
    let (desk, mut old) = stored();
    let mut new = key_file(&desk, "new");
    let opens = |key: &str| desk.json(&["vault", "show", "--vault-key-file", key])["entries"][0]["state"] == "opens";
    let (mut before, mut after) = (0, 0);
    // As long as it takes here, and a bit more.
    let begun = Instant::now();
    desk.ok(&["vault", "rekey", "--vault-key-file", &old, "--new-key-file", &new]);
    std::mem::swap(&mut old, &mut new);
    let step = begun.elapsed() / 25;
    for round in 0..40 {
        let arguments = ["vault", "rekey", "--vault-key-file", &old, "--new-key-file", &new];
        let mut child = desk.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
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
    let rekeyed = desk.json(&["vault", "rekey", "--vault-key-file", &old, "--new-key-file", &new]);
    assert_eq!(rekeyed["entries"], 1);
    desk.ok(&["sync", "--vault-key-file", &new]);
    nowhere(&desk);
}

#[test]
fn a_deleted_instance_leaves_nothing_in_the_vault() {
    let (desk, key) = stored();
    assert_eq!(desk.json(&["vault", "show"])["entries"].as_array().unwrap().len(), 1);
    let deleted = desk.json(&["instance", "delete", "code", "--confirm", "code", "--vault-key-file", &key]);
    assert_eq!(deleted["report"]["proof"]["left"], Value::Array(vec![]), "{deleted:#}");
    assert_eq!(deleted["report"]["searched_for_secret"], true);
    assert_eq!(desk.json(&["vault", "show"])["entries"], Value::Array(vec![]));
}

#[test]
fn tenants_have_vaults_of_their_own() {
    let desk = Desk::new(shape(), vec![]);
    let (one, two) = (key_file(&desk, "one"), key_file(&desk, "two"));
    assert_eq!(desk.add(&["--tenant", "one", "--store-token", "--vault-key-file", &one]).code, 0);
    assert_eq!(desk.add(&["--tenant", "two", "--store-token", "--vault-key-file", &two]).code, 0);
    desk.ok(&["--tenant", "one", "sync", "--vault-key-file", &one]);
    desk.ok(&["--tenant", "two", "sync", "--vault-key-file", &two]);
    assert_eq!(desk.run(&["--tenant", "two", "sync", "--vault-key-file", &one]).code, 1);
    // Whoever works for both gives both: each vault takes its own.
    let both = ["--vault-key-file", &one, "--vault-key-file", &two];
    for tenant in ["one", "two"] {
        desk.ok(&[&["--tenant", tenant, "instance", "test", "code"], &both[..]].concat());
        desk.ok(&[&["--tenant", tenant, "instance", "schedule", "code", "--every", "1d"], &both[..]].concat());
    }
    let list = std::env::join_paths([&one, &two]).unwrap();
    // On either side of the command.
    let split = ["--vault-key-file", &one, "--tenant", "two", "instance", "test", "code", "--vault-key-file", &two];
    desk.ok(&split);
    let due = desk.command(&["sync", "--due"]).env("HARNESS_VAULT_KEY_FILE", list).output().unwrap();
    assert!(due.status.success(), "{}", String::from_utf8_lossy(&due.stderr));
    let runs = |tenant: &str| desk.json(&["--tenant", tenant, "runs"])["runs"].as_array().unwrap().len();
    assert_eq!((runs("one"), runs("two")), (2, 2));
    // One that is not among them is named by its id, and where a file is missing, that as well.
    let id =
        |tenant: &str| desk.json(&["--tenant", tenant, "vault", "show"])["wanted_key"].as_str().unwrap().to_owned();
    let three = key_file(&desk, "three");
    let check = ["--tenant", "two", "instance", "test", "code", "--vault-key-file", &one, "--vault-key-file"];
    let told = failed(&desk, &desk.run(&[&check[..], &[&three]].concat()));
    assert!(told.contains(&format!("is sealed with the key {}, but the given keys are {}, ", id("two"), id("one"))));
    let told = failed(&desk, &desk.run(&[&check[..], &["absent"]].concat()));
    assert!(
        told.contains(&format!("the key {} of the vault cannot be read: cannot read the file", id("two"))),
        "{told}"
    );
    // Sealed anew, it says what with and what with before.
    let before = id("two");
    let rekey = ["--tenant", "two", "vault", "rekey", "--new-key-file", &three];
    let said = desk.ok(&[&rekey[..], &both].concat());
    assert!(said.contains(&format!("Sealed with the key {}, before with {before}: 1 secret", id("two"))), "{said}");
    let again = desk.json(&[&rekey[..], &both].concat());
    assert_eq!((&again["key"], &again["previous_key"]), (&id("two").into(), &Value::Null));
    desk.ok(&["--tenant", "two", "instance", "test", "code", "--vault-key-file", &one, "--vault-key-file", &three]);
    desk.ok(&["--tenant", "two", "vault", "rekey", "--new-key-file", &two, "--vault-key-file", &three]);
    // One tenant's vault in the place of the other's gives nothing, whatever the key.
    let vault = |tenant: &str| desk.data_dir().join("tenants").join(tenant).join("vault");
    std::fs::copy(vault("one"), vault("two")).unwrap();
    let told = failed(&desk, &desk.run(&["--tenant", "two", "sync", "--vault-key-file", &one]));
    assert!(told.contains("belongs to the tenant `one`"), "{told}");
    nowhere(&desk);
}

#[test]
fn a_paused_instance_is_not_synced_until_it_is_resumed() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.ok(&["instance", "pause", "code", "--reason", "moving house"]);
    let paused = instance(&desk);
    assert_eq!((&paused["status"], &paused["status_detail"]), (&"paused".into(), &"moving house".into()));
    assert_eq!(paused["health"], "connected");
    insta::assert_snapshot!(failed(&desk, &desk.run(&["sync", "code"])), @"
    error: default/code: the instance `code` is paused
      hint: resume it with: harness instance resume NAME
    ");
    assert!(desk.ok(&["sync"]).contains("default/code: paused"));
    assert_eq!(desk.json(&["runs"])["runs"], Value::Array(vec![]));
    desk.ok(&["instance", "resume", "code"]);
    assert_eq!(instance(&desk)["status"], "connected");
    desk.ok(&["sync", "code"]);
}

#[test]
fn settings_are_changed_whole_or_not_at_all() {
    let desk = Desk::new(WorldShape { secrets: 20, ..shape() }, vec![]);
    desk.added();
    desk.ok(&["sync"]);
    let before = instance(&desk);
    let done = desk.run(&["instance", "set", "code", "--set", "branches=all", "--set", "page_size=7"]);
    let told = failed(&desk, &done);
    assert!(told.contains("page_size") && told.contains("hint: "), "{told}");
    assert_eq!(instance(&desk), before);
    let changed = desk.json(&["instance", "set", "code", "--set", "page_size=200", "--kinds", "sast,sca,secrets"]);
    assert_eq!(changed["settings"]["kinds"], serde_json::json!(["sast", "sca", "secrets"]));
    assert_eq!(changed["connection"]["kinds"].as_array().unwrap().len(), 3);
    // A kind that is new must be read from the beginning.
    let run = desk.json(&["sync", "--incremental"])["runs"][0].clone();
    assert_eq!((&run["mode"], &run["state"]), (&"full".into(), &"complete".into()), "{run:#}");
    assert!(desk.json(&["findings", "--kind", "secrets", "--include-closed"])["total"].as_u64() > Some(0));
    let back = desk.json(&["instance", "set", "code", "--unset", "page_size"]);
    assert!(back["settings"].get("page_size").is_none());
}
