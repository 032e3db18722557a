//! Backups, made beside a store in use and brought back.

use std::{fs, process::Stdio};

use crate::support::{TestContext, damaged, gate_after, held_at_the_gate, shape};

#[test]
fn a_backup_comes_back_as_it_was_also_under_another_name() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync", "code"]);
    let before = context.content();
    let folder = context.folder.path().join("backup");
    let folder = folder.to_str().unwrap();
    // What one that was killed left is removed.
    let left = context.folder.path().join(".harness-backup-killed");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("store.sqlite3"), "half").unwrap();
    context.ok(&["backup", folder]);
    assert!(!left.exists());

    // Nothing is written over.
    for arguments in [&["backup", folder][..], &["restore", folder]] {
        let done = context.run(arguments);
        assert_eq!((done.code, done.stderr.contains("already exists")), (1, true), "{}", done.stderr);
    }

    context.ok(&["restore", folder, "--as", "copy", "--accept-grants"]);
    let of_copy = context.json(&[
        "--tenant",
        "copy",
        "findings",
        "--include-closed",
        "--include-non-security",
        "--limit",
        "100000",
    ]);
    assert_eq!(of_copy["total"], before["findings"]["total"]);

    fs::remove_dir_all(context.data_dir().join("tenants/default")).unwrap();
    context.ok(&["restore", folder, "--accept-grants"]);
    assert_eq!(context.content(), before);
    // It goes on where it was.
    let synced = context.json(&["sync", "code"]);
    assert_eq!((&synced["runs"][0]["new"], &synced["runs"][0]["changed"]), (&0.into(), &0.into()));

    // A backup that was touched is refused, and nothing of it stays.
    let store = format!("{folder}/store.sqlite3");
    let mut bytes = fs::read(&store).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&store, bytes).unwrap();
    let done = context.run(&["restore", folder, "--as", "third"]);
    assert_eq!((done.code, done.stderr.contains("is not the file that was backed up")), (1, true), "{}", done.stderr);
    assert!(!context.data_dir().join("tenants/third").exists());
    let names = fs::read_dir(context.data_dir().join("tenants")).unwrap().map(|it| it.unwrap().file_name());
    let hidden: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn a_backup_made_in_the_middle_of_a_sync_goes_on_there_and_ends_with_the_same_store() {
    let context = TestContext::new(damaged(), vec![]);
    assert_eq!(context.add(&["--set", "page_size=100"]).code, 0);
    context.simulator.set_faults(gate_after(4));
    let mut command = context.command(&["sync", "code"]);
    let mut sync = held_at_the_gate(&context, command.stdout(Stdio::null()).stderr(Stdio::null()));
    let folder = context.folder.path().join("backup").to_str().unwrap().to_owned();
    context.ok(&["backup", &folder]);
    assert!(sync.try_wait().unwrap().is_none(), "the sync was over before the backup");
    context.simulator.set_faults(vec![]);
    // Some of its records cannot be used.
    assert_eq!(sync.wait().unwrap().code(), Some(3));
    let original = context.content();

    context.ok(&["restore", &folder, "--as", "copy", "--accept-grants"]);
    assert_ne!(context.content_of("copy"), original, "the backup was made of what the end of the sync brought");
    let health = context.json(&["doctor"]);
    assert_eq!(health["condition"], "notice", "{health:#}");
    let run = context.json_in_part(&["--tenant", "copy", "sync", "code"])["runs"][0].clone();
    assert_eq!((&run["state"], &run["resumed"]), (&"complete".into(), &1.into()), "{run:#}");
    assert_eq!(context.content_of("copy"), original);
    // The vendor sent some records that nothing can be made of, and they are in both.
    let health = context.json(&["doctor"]);
    let noticed = health["checks"].as_array().unwrap().iter().filter(|check| check["condition"] != "good");
    let details: Vec<&str> = noticed.map(|check| check["detail"].as_str().unwrap()).collect();
    let unusable = |detail: &&str| detail.starts_with("not usable, and kept raw: ");
    assert!(details.len() == 2 && details[0] == details[1] && details.iter().all(unusable), "{health:#}");
}
