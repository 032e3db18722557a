//! Deletion: planned, confirmed by name, proven, finished after a crash.

use std::{fs, path::Path};

use memchr::memmem;

use crate::support::{TOKEN, TestContext, shape};

/// How often a text occurs in the files of a folder.
fn occurrences(folder: &Path, text: &str) -> usize {
    let mut found = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found += occurrences(&path, text);
        } else {
            let content = fs::read(&path).unwrap();
            found += memmem::find_iter(&content, text).count();
        }
    }
    found
}

#[test]
fn an_instance_goes_with_everything_that_it_brought_and_the_other_stays() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync", "code"]);
    let report = format!("{}/../../fixtures/cli/current.json", env!("CARGO_MANIFEST_DIR"));
    context.ok(&["import", &report, "--project", "acme/only-files", "--instance", "code"]);
    let before = context.content();

    // Without its name nothing happens.
    let plan = context.ok(&["instance", "delete", "code"]);
    assert!(plan.contains("Nothing was deleted. To delete it: harness instance delete code --confirm code"), "{plan}");
    // In words, not in tables of the store.
    assert!(plan.contains("Findings") && plan.contains("open findings and its part of every trend"), "{plan}");
    assert!(!plan.contains("metric_") && !plan.contains("TABLE"), "{plan}");
    let wrong = context.run(&["instance", "delete", "code", "--confirm", "coda"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("nothing was deleted"), "{}", wrong.stderr);
    assert_eq!(context.content(), before);

    let done = context.json(&["instance", "delete", "code", "--confirm", "code"]);
    let proof = &done["report"]["proof"];
    assert_eq!(proof["left"], serde_json::json!([]));
    assert_eq!((proof["free_pages"].as_u64(), done["report"]["searched_for_secret"].as_bool()), (Some(0), Some(true)));
    let goes = |table: &str| {
        let tables = done["plan"]["tables"].as_array().unwrap().iter();
        tables.clone().find(|it| it["table"] == table).unwrap()["goes"].as_u64().unwrap()
    };
    assert!(goes("findings") > 500 && goes("records") > 500 && goes("runs") == 2, "{}", done["plan"]);

    // No byte of it is in any file: not its findings, not its projects' names,
    // not the token.
    let tenants = context.data_dir().join("tenants");
    let title = before["findings"]["findings"][0]["title"].as_str().unwrap();
    for text in [TOKEN, "acme/only-files", title, context.simulator.url()] {
        assert_eq!(occurrences(&tenants, text), 0, "{text}");
    }
    assert_eq!(context.run(&["sync", "code"]).code, 1);

    // Added again, it brings the same findings under the same ids.
    context.added();
    context.ok(&["sync", "code"]);
    context.ok(&["import", &report, "--project", "acme/only-files", "--instance", "code"]);
    assert_eq!(context.content(), before);
}

#[test]
fn a_deletion_that_a_crash_cut_off_is_finished_by_the_next_command() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync", "code"]);
    // As a crash right after the decision leaves it.
    let path = context.data_dir().join("tenants/default/store.sqlite3");
    let store = rusqlite::Connection::open(&path).unwrap();
    let plan = r#"{ "instance": "code", "tables": [], "secrets": [] }"#;
    store.execute("INSERT INTO deletions SELECT id, name, ?1, 0 FROM instances", [plan]).unwrap();
    drop(store);
    assert_eq!(context.json(&["instance", "list"])["instances"], serde_json::json!([]));
    assert_eq!(context.json(&["findings", "--include-closed", "--include-non-security"])["total"], 0);
    let store = rusqlite::Connection::open(&path).unwrap();
    let left: i64 = store.query_row("SELECT count(*) FROM deletions", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_deletion_beside_a_reader_is_told_to_wait_and_finished_afterwards() {
    let context = TestContext::new(shape(), vec![]);
    let key = context.folder.path().join("key").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &key]);
    context.added();
    context.ok(&["sync", "code"]);
    let path = context.data_dir().join("tenants/default/store.sqlite3");
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let findings: i64 = reader.query_row("SELECT count(*) FROM findings", [], |row| row.get(0)).unwrap();
    assert!(findings > 0);
    let done = context.run(&["instance", "delete", "code", "--confirm", "code"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("`code` is deleted, but another process keeps the store"), "{}", done.stderr);
    // It keeps nobody from going on, nor from a new instance of that name.
    let added = context.add(&["--store-token", "--vault-key-file", &key]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let pending = || -> i64 { reader.query_row("SELECT count(*) FROM deletions", [], |row| row.get(0)).unwrap() };
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(pending(), 1);
    let finished = context.run(&["vault", "show"]);
    assert!(finished.stderr.contains("finished the deletion: nothing is left"), "{}", finished.stderr);
    assert_eq!(pending(), 0);
    assert_eq!(context.json(&["vault", "show"])["entries"].as_array().unwrap().len(), 1, "the new one's token stays");
    assert_eq!(occurrences(&context.data_dir().join("tenants"), TOKEN), 0);
}

#[test]
fn a_tenant_behind_a_link_is_deleted_or_refused() {
    let context = TestContext::new(shape(), vec![]);
    let (tenants, elsewhere) = (context.data_dir().join("tenants"), context.folder.path().join("elsewhere"));
    fs::create_dir_all(&tenants).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let delete = |name: &str| context.run(&["tenant", "delete", name, "--confirm", name]);
    // The folder is a link, or a file in it is.
    std::os::unix::fs::symlink(&elsewhere, tenants.join("t1")).unwrap();
    for name in ["t1", "t2"] {
        context.ok(&["tenant", "add", name]);
    }
    std::os::unix::fs::symlink(context.token_file(), tenants.join("t2/more")).unwrap();
    for name in ["t1", "t2"] {
        let refused = delete(name);
        let told = refused.stderr.contains("is a link whose target would be left behind");
        assert!(
            refused.code == 1 && told && refused.stderr.contains("replace the link with its target"),
            "{}",
            refused.stderr
        );
        assert!(tenants.join(name).join("store.sqlite3").exists());
    }
    fs::remove_file(tenants.join("t2/more")).unwrap();
    assert_eq!(delete("t2").code, 0);
    // A second name of a file is found when the first one is gone.
    fs::remove_file(tenants.join("t1")).unwrap();
    fs::rename(&elsewhere, tenants.join("t1")).unwrap();
    fs::hard_link(tenants.join("t1/store.sqlite3"), context.folder.path().join("second-name")).unwrap();
    let done = delete("t1");
    assert!(done.code == 1 && done.stdout.contains("Left behind: store.sqlite3"), "{}{}", done.stdout, done.stderr);
}
