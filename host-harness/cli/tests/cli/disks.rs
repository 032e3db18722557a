//! Disks that are full, read-only, locked by others or damaged: each is told
//! with what to do, and nothing is lost.

use std::{fs, io::Write, os::unix::fs::FileExt};

use serde_json::Value;

use crate::support::{Done, TestContext, done, shape};

/// Runs a shell script that may mount things, in a name space of its own. What
/// it mounts goes when it ends.
#[cfg(target_os = "linux")]
pub fn mounting(context: &TestContext, script: &str) -> Option<Done> {
    let possible = context.command_of("unshare", &["-Urm", "true"]).env("PATH", "/usr/bin:/bin").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "this test needs `unshare` and user name spaces");
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // What is printed by the macros is shown of failed tests alone.
        let said = format!("skipped: {test}: it mounts disks, and `unshare -Urm` is not possible here\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    }
    let path = std::path::Path::new(env!("CARGO_BIN_EXE_harness")).parent().unwrap();
    let (url, token) = (context.simulator.url(), context.token_file());
    let disk = context.folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let begin = format!(
        "mount -t tmpfs -o size=2304k,mode=700 none {0}\nln -s {1} {0}/cache\n\
         harness instance add code --set origin={url} --allow-private-origin {url} --token-file {token} > added\n",
        disk.display(),
        fs::read_link(context.data_dir().join("cache")).unwrap().display(),
    );
    let mut shell = context.command_of("unshare", &["-Urm", "sh", "-eu", "-c", &(begin + script)]);
    shell.current_dir(context.folder.path()).env("HARNESS_DATA_DIR", &disk).env("DISK", &disk);
    shell.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", path.display()));
    Some(done(shell.output().unwrap()))
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_with_more_space_the_sync_goes_on() {
    let undisturbed = TestContext::new(shape(), vec![]);
    undisturbed.added();
    undisturbed.ok(&["sync"]);
    let context = TestContext::new(shape(), vec![]);
    context.command(&[]);
    let script = "
        code=0; harness sync > out 2>&1 || code=$?
        echo $code > code
        harness doctor > doctor 2>&1 || true
        mount -o remount,size=64m $DISK
        harness sync > again 2>&1
        harness doctor
        harness findings --include-closed --include-non-security --limit 100000 --json > findings";
    let Some(done) = mounting(&context, script) else { return };
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let read = |name: &str| fs::read_to_string(context.folder.path().join(name)).unwrap();
    assert_eq!(read("code").trim(), "1", "{}", read("out"));
    assert!(read("out").contains("the disk is full: nothing was lost"), "{}", read("out"));
    let ids = |found: &Value| -> Vec<String> {
        let mut ids: Vec<_> = found["findings"].as_array().unwrap().iter().map(|it| it["id"].to_string()).collect();
        ids.sort();
        ids
    };
    let found: Value = serde_json::from_str(&read("findings")).unwrap();
    assert_eq!(ids(&found), ids(&undisturbed.content()["findings"]), "{}", read("again"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_turned_read_only_is_told() {
    let context = TestContext::new(shape(), vec![]);
    context.command(&[]);
    let script = "
        mount -o remount,size=64m $DISK
        harness sync > out 2>&1
        list='harness findings --include-closed --include-non-security --limit 100000 --json'
        $list > before
        mount -o remount,ro $DISK
        code=0; harness sync > out 2>&1 || code=$?
        echo $code > code
        mount -o remount,rw $DISK
        $list > after
        harness sync";
    let Some(done) = mounting(&context, script) else { return };
    let read = |name: &str| fs::read_to_string(context.folder.path().join(name)).unwrap();
    let told = context.stable(&read("out"));
    assert_eq!(done.code, 0, "{told}{}{}", done.stdout, done.stderr);
    assert_eq!(read("code").trim(), "1", "{told}");
    insta::assert_snapshot!(
        told,
        @"
        error: the store is read-only
          hint: check that the disk is not read-only, and the permissions of the data directory
        "
    );
    let found: Value = serde_json::from_str(&read("before")).unwrap();
    assert!(found["total"].as_u64() > Some(500), "{}", found["total"]);
    assert!(read("before") == read("after"), "a sync that could not write changed what is listed");
}

#[test]
fn a_store_that_another_program_locks_is_told_and_as_it_was() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let before = context.content();
    let path = context.data_dir().join("tenants/default/store.sqlite3");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let told = context.run(&["sync"]);
    assert_eq!(told.code, 1, "{}", told.stdout);
    assert!(told.stderr.contains("locked by another process"), "{}", told.stderr);
    // Reading goes on.
    assert_eq!(context.content(), before);
    drop(other);
    context.ok(&["sync"]);
    assert_eq!(context.content(), before);
}

#[test]
fn a_damaged_store_is_told_not_repaired_and_a_backup_brings_it_back() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let before = context.content();
    let backup = context.folder.path().join("backup");
    context.ok(&["backup", backup.to_str().unwrap()]);
    let path = context.data_dir().join("tenants/default/store.sqlite3");
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    for page in (pages / 3)..(pages / 2) {
        file.write_all_at(&[0xa5; 4096], page * 4096).unwrap();
    }
    drop(file);
    let damaged = fs::read(&path).unwrap();
    let told = context.run(&["doctor"]);
    assert_eq!(told.code, 1, "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("harness restore"), "{}", told.stdout);
    assert!(fs::read(&path).unwrap() == damaged, "`doctor` changed the store");
    let synced = context.run(&["sync"]);
    assert_eq!(synced.code, 1, "{}{}", synced.stdout, synced.stderr);
    let synced = synced.stdout + &synced.stderr;
    assert!(synced.contains("damaged") && synced.contains("harness restore"), "{synced}");
    assert_eq!(fs::read(&path).unwrap().len(), damaged.len(), "nothing was repaired in silence");

    fs::remove_dir_all(context.data_dir().join("tenants/default")).unwrap();
    context.ok(&["restore", backup.to_str().unwrap(), "--accept-grants"]);
    assert_eq!(context.content(), before);
    context.ok(&["doctor"]);
}
