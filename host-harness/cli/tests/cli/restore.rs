//! Backups that somebody else has written: what they say is told, and not done.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    support::{TOKEN, TestContext, shape},
    webhooks::SECRET,
};

/// A server that nobody may connect to.
struct Stranger(TcpListener);

impl Stranger {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn origin(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    fn was_asked(&self) -> bool {
        self.0.accept().is_ok()
    }
}

/// A context whose token and signing secret are in the vault, with a backup; and
/// the vault's key.
fn backed_up(signed: bool) -> (TestContext, PathBuf, String) {
    let context = TestContext::new(shape(), vec![]);
    let key = context.folder.path().join("key").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &key]);
    let stored = ["--store-token", "--vault-key-file", &key];
    assert_eq!(context.add(&stored).code, 0);
    let secret = context.file("hook-secret", SECRET);
    let stored = ["--allow-private-origin", "http://127.0.0.1:9", "--store-secret", "--vault-key-file", &key];
    let hook = ["notify", "set", "code", "--url", "http://127.0.0.1:9/hook", "--secret-file", &secret];
    context.ok(&[&hook[..], &stored].concat());
    let folder = context.folder.path().join("backup");
    let mut backup = vec!["backup", folder.to_str().unwrap()];
    if signed {
        backup.extend(["--vault-key-file", &key]);
    }
    let said = context.ok(&backup);
    assert_eq!(said.contains("Signed with the vault's key"), signed, "{said}");
    (context, folder, key)
}

/// Writes the hashes of a backup's files anew.
fn hashed_anew(backup: &Path) {
    let path = backup.join("backup.json");
    let mut list: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for file in list["files"].as_array_mut().unwrap() {
        let bytes = fs::read(backup.join(file["name"].as_str().unwrap())).unwrap();
        file["bytes"] = bytes.len().into();
        let digits = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        file["sha256"] = digits.into();
    }
    fs::write(&path, serde_json::to_vec(&list).unwrap()).unwrap();
}

/// Changes a store as somebody does who can write it.
fn changed(store: &Path, sql: &str) {
    rusqlite::Connection::open(store).unwrap().execute_batch(sql).unwrap();
}

fn tampered(backup: &Path, sql: &str) {
    changed(&backup.join("store.sqlite3"), sql);
    hashed_anew(backup);
}

/// Sends what the instance and its webhook send to somebody else.
fn led_away(stranger: &Stranger) -> String {
    let origin = stranger.origin();
    format!(
        "UPDATE instances SET egress = '{{\"{origin}\":\"private\"}}', settings = '{{\"origin\":\"{origin}\"}}';
         UPDATE webhooks SET egress = '{{\"{origin}\":\"private\"}}', url = '{origin}/hook'; DELETE FROM bucket;"
    )
}

fn nothing_stays(context: &TestContext, tenant: &str) {
    let names = fs::read_dir(context.data_dir().join("tenants")).unwrap().map(|it| it.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains(tenant)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_is_restored_is_not_synced_before_it_is_accepted() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["instance", "schedule", "code", "--every", "1h"]);
    let (stranger, secret) = (Stranger::new(), context.file("hook-secret", SECRET));
    let hook = ["notify", "set", "code", "--url", "http://127.0.0.1:9/hook", "--secret-file", &secret];
    context.ok(&[&hook[..], &["--allow-private-origin", "http://127.0.0.1:9"]].concat());
    let folder = context.folder.path().join("backup");
    let backup = folder.to_str().unwrap();
    context.ok(&["backup", backup]);
    tampered(&folder, &led_away(&stranger));

    let said = context.ok(&["restore", backup, "--as", "copy"]);
    let (origin, token) = (stranger.origin(), context.token_file());
    for told in
        ["cannot be verified", &format!("{origin} (private)"), &format!("{origin}/hook (private)"), "instance resume"]
    {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(said.split_whitespace().collect::<String>().contains("SEMGREP_APP_TOKENfromthefile"), "{said}");
    let restored = context.json(&["restore", backup, "--as", "other"]);
    context.follows("restore", &restored);
    assert_eq!((&restored["origin"], &restored["accepted"]), (&json!("unsigned"), &json!(false)));

    // Nothing is sent, and the token's file is not even looked for.
    fs::remove_file(&token).unwrap();
    let other = context.file("other-token", TOKEN);
    let of_copy = |arguments: &[&str]| context.run(&[&["--tenant", "copy"], arguments].concat());
    for refused in [
        &["sync", "code"][..],
        &["instance", "test", "code"],
        &["instance", "test", "code", "--token-file", &other],
        &["instance", "set", "code", "--set", "page_size=50"],
        &["instance", "set", "code", "--set", "page_size=50", "--token-file", &other],
        &["instance", "rotate-token", "code", "--token-file", &other],
        &["notify", "test", "code"],
    ] {
        let done = of_copy(refused);
        assert_eq!(done.code, 1, "{refused:?}: {}{}", done.stdout, done.stderr);
        let told = done.stderr.contains("have not been accepted yet") && done.stderr.contains("instance resume NAME");
        assert!(told, "{refused:?}: {}", done.stderr);
    }
    let all = of_copy(&["sync"]);
    assert!(all.stdout.contains("copy/code: paused"), "{}{}", all.stdout, all.stderr);
    // A pause of the operator's own is no acceptance.
    assert_eq!(of_copy(&["instance", "pause", "code", "--reason", "for now"]).code, 0);
    assert!(of_copy(&["sync", "code"]).stderr.contains("have not been accepted yet"));
    let once = of_copy(&["sync", "--due"]);
    assert!(!stranger.was_asked(), "{}{}", once.stdout, once.stderr);
    let health = context.run(&["doctor", "--online"]);
    assert!(health.stdout.contains("copy/code: grants"), "{}", health.stdout);
    assert!(!stranger.was_asked());

    // Whoever has looked at it may say so.
    fs::write(&token, TOKEN).unwrap();
    assert_eq!(of_copy(&["instance", "resume", "code"]).code, 0);
    let mut command = context.command(&["--tenant", "copy", "notify", "test", "code"]);
    let mut test = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let asked = (0..).any(|_| stranger.was_asked() || test.try_wait().unwrap().is_some());
    assert!(asked && test.try_wait().unwrap().is_none(), "the webhook was not tested");
    test.kill().unwrap();
    test.wait().unwrap();
}

#[test]
fn a_backup_whose_grants_were_changed_sends_no_stored_secret() {
    let (context, folder, key) = backed_up(false);
    let (backup, stranger) = (folder.to_str().unwrap(), Stranger::new());
    fs::remove_dir_all(context.data_dir().join("tenants/default")).unwrap();
    tampered(&folder, &led_away(&stranger));
    // Also where somebody has accepted it unseen, and where it was changed in place.
    context.ok(&["restore", backup, "--accept-grants"]);
    for work in [&["sync", "code"][..], &["instance", "test", "code"]] {
        let done = context.run(&[work, &["--vault-key-file", &key]].concat());
        let told = done.stderr.contains("is sealed for other origins than the store grants now");
        assert!(done.code == 1 && told, "{work:?}: {}{}", done.stdout, done.stderr);
    }
    let test = context.json_of_failed(&["notify", "test", "code", "--vault-key-file", &key]);
    let problem = test["deliveries"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("is sealed for other origins"), "{problem}");
    assert!(!stranger.was_asked());
}

#[test]
fn a_change_of_origins_by_the_operator_keeps_the_stored_secret() {
    let (context, _, key) = backed_up(false);
    fs::remove_file(context.token_file()).unwrap();
    let key = ["--vault-key-file", &key];
    let more = ["instance", "set", "code", "--allow-private-origin", "http://127.0.0.1:9"];
    context.ok(&[&more[..], &key].concat());
    context.ok(&[&["sync", "code"][..], &key].concat());
    assert_eq!(context.json(&["vault", "show"])["entries"].as_array().unwrap().len(), 2);
}

#[test]
fn a_signed_backup_says_who_vouches_for_it() {
    let (context, folder, key) = backed_up(true);
    let backup = folder.to_str().unwrap();
    let other = context.folder.path().join("other-key").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &other]);
    let restored = |name: &str, more: &[&str]| context.json(&[&["restore", backup, "--as", name], more].concat());
    assert_eq!(restored("one", &["--vault-key-file", &key])["origin"], "verified");
    assert_eq!(restored("two", &[])["origin"], "key-not-given");
    assert_eq!(restored("three", &["--vault-key-file", &other])["origin"], "other-key");
    hashed_anew(&folder);
    assert_eq!(restored("four", &["--vault-key-file", &key])["origin"], "verified");
    tampered(&folder, "UPDATE tenant SET name = name; VACUUM");
    let refused = context.run(&["restore", backup, "--as", "five", "--vault-key-file", &key]);
    assert!(refused.code == 1 && refused.stderr.contains("the signature is invalid"), "{}", refused.stderr);
    nothing_stays(&context, "five");
}

#[test]
fn a_backup_with_a_trigger_of_its_own_is_refused() {
    let (context, folder, _) = backed_up(false);
    tampered(
        &folder,
        "CREATE TRIGGER censor AFTER INSERT ON findings WHEN new.severity >= 4 \
         BEGIN UPDATE findings SET status = 'ignored', security = 0 WHERE id = new.id; END",
    );
    let refused = context.run(&["restore", folder.to_str().unwrap(), "--as", "copy"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("trigger `censor` does not belong there"),
        "{}",
        refused.stderr
    );
    nothing_stays(&context, "copy");
}

#[test]
fn a_backup_whose_schema_does_not_end_is_refused_in_time() {
    let (context, folder, _) = backed_up(false);
    tampered(
        &folder,
        "CREATE TRIGGER evil AFTER UPDATE ON tenant BEGIN DELETE FROM tenant WHERE name IN (WITH RECURSIVE r (n) AS \
         (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r WHERE n < 0); END",
    );
    let refused = context.run(&["restore", folder.to_str().unwrap(), "--as", "copy"]);
    assert!(refused.code == 1 && refused.stderr.contains("trigger `evil` does not belong there"), "{}", refused.stderr);
    nothing_stays(&context, "copy");
}

#[test]
fn doctor_names_what_does_not_belong_into_the_schema() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    changed(
        &context.data_dir().join("tenants/default/store.sqlite3"),
        "CREATE VIEW w AS SELECT 1; DROP INDEX deliveries_due",
    );
    let told = context.run(&["doctor"]);
    let text = told.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(told.code, 1, "{text}");
    for told in ["view `w`", "`deliveries_due`"] {
        assert!(text.contains(told), "{text}");
    }
    let synced = context.run(&["sync", "code"]);
    assert!(synced.code == 1 && synced.stderr.contains("unexpected database schema"), "{}", synced.stderr);
}

#[test]
fn only_plain_files_of_the_listed_size_are_restored() {
    let (context, folder, _) = backed_up(false);
    let (store, list, vault) = (folder.join("store.sqlite3"), folder.join("backup.json"), folder.join("vault"));
    let kept = context.folder.path().join("kept");
    let refused = |told: &str| {
        let done = context.run(&["restore", folder.to_str().unwrap(), "--as", "default"]);
        assert!(done.code == 1 && done.stderr.contains(told), "{told}: {}", done.stderr);
        nothing_stays(&context, "default");
    };
    fs::remove_dir_all(context.data_dir().join("tenants/default")).unwrap();
    for path in [&store, &vault, &list] {
        fs::rename(path, &kept).unwrap();
        symlink(&kept, path).unwrap();
        refused("a link, or no regular file");
        fs::remove_file(path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        refused("a link, or no regular file");
        fs::remove_file(path).unwrap();
        fs::rename(&kept, path).unwrap();
    }
    let whole = fs::read(&vault).unwrap();
    fs::write(&vault, [&whole[..], b"more"].concat()).unwrap();
    refused("of another size");
    fs::write(&vault, &whole).unwrap();
    let text = fs::read(&list).unwrap();
    fs::write(&list, vec![b' '; 2 << 20]).unwrap();
    refused("no readable backup.json");
    fs::write(&list, text).unwrap();

    // Whatever the permissions there, a restored file is its owner's alone.
    for path in [&store, &vault] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    }
    context.ok(&["restore", folder.to_str().unwrap()]);
    for name in ["store.sqlite3", "vault"] {
        let file = context.data_dir().join("tenants/default").join(name);
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_backup_never_goes_into_a_folder_that_it_did_not_make() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let (shared, loot) = (context.folder.path().join("shared"), context.folder.path().join("loot"));
    fs::create_dir(&shared).unwrap();
    fs::create_dir(&loot).unwrap();
    // What somebody has put where a backup could be written on the way, or ends.
    symlink(&loot, shared.join(".b.part")).unwrap();
    symlink(&loot, shared.join("taken")).unwrap();
    symlink(loot.join("none"), shared.join("nowhere")).unwrap();
    fs::create_dir(shared.join("empty")).unwrap();
    for name in ["taken", "nowhere", "empty"] {
        let done = context.run(&["backup", shared.join(name).to_str().unwrap()]);
        assert!(done.code == 1 && done.stderr.contains("already exists"), "{name}: {}", done.stderr);
    }
    let target = shared.join("b");
    context.ok(&["backup", target.to_str().unwrap()]);
    assert_eq!(fs::read_dir(&loot).unwrap().count(), 0);
    assert!(fs::symlink_metadata(&target).unwrap().is_dir());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&target), 0o700);
    for entry in fs::read_dir(&target).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    assert_eq!(fs::read_dir(&shared).unwrap().count(), 5, "a part of a backup was left");
}

#[test]
fn a_key_in_the_data_folder_is_refused_and_told() {
    let (context, _, key) = backed_up(false);
    let inside = context.data_dir().join("tenants/key");
    let refused = context.run(&["vault", "generate-key", "--output", inside.to_str().unwrap()]);
    assert!(refused.code == 1 && refused.stderr.contains("inside the data directory"), "{}", refused.stderr);
    assert!(!inside.exists());
    assert_eq!(context.run(&["doctor"]).stdout.matches("key of a vault").count(), 0);
    fs::copy(key, &inside).unwrap();
    let told = context.run(&["doctor"]);
    assert!(told.code == 1 && told.stdout.contains("key of a vault"), "{}", told.stdout);
}
