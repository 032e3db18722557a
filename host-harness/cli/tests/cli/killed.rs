//! A sync that is killed goes on and ends with the same store.

use std::{process::Stdio, time::Duration, time::Instant};

use rusqlite::OpenFlags;
use vendor_sim::Options;

use crate::support::{TestContext, shape};

/// Many pages, so that there is a middle.
const SMALL_PAGES: &[&str] = &["--set", "page_size=100"];

/// Kills a sync after it has made so many requests.
fn kill_after(context: &TestContext, requests: u64) {
    let before = context.simulator.stats().requests;
    let mut child = context.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while context.simulator.stats().requests < before + requests {
        assert!(Instant::now() < deadline, "the sync makes no requests");
        assert!(child.try_wait().unwrap().is_none(), "the sync was over before it could be killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_sync_goes_on_and_ends_with_the_same_store() {
    let undisturbed = TestContext::new(shape(), vec![]);
    assert_eq!(undisturbed.add(SMALL_PAGES).code, 0);
    undisturbed.ok(&["sync"]);

    // A little slower, so that there is a middle to kill it in.
    let context =
        TestContext::with_options(shape(), Options { latency: Duration::from_millis(30), ..Options::default() });
    assert_eq!(context.add(SMALL_PAGES).code, 0);
    for requests in [5, 3, 4] {
        kill_after(&context, requests);
    }
    let run = context.json(&["sync"])["runs"][0].clone();
    assert_eq!(run["state"], "complete", "{run:#}");
    assert!(run["resumed"].as_u64() >= Some(1), "{run:#}");
    assert_eq!(context.content(), undisturbed.content());

    let again = context.json(&["sync"])["runs"][0].clone();
    assert_eq!((&again["new"], &again["changed"]), (&0.into(), &0.into()), "{again:#}");
}

#[test]
fn two_syncs_of_one_instance_do_not_meet() {
    let context =
        TestContext::with_options(shape(), Options { latency: Duration::from_millis(50), ..Options::default() });
    context.added();
    let before = context.simulator.stats().requests;
    let mut first = context.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while context.simulator.stats().requests == before {
        assert!(first.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    let second = context.run(&["sync"]);
    assert_eq!(second.code, 1);
    assert!(second.stderr.contains("instance is locked"), "{}", second.stderr);
    assert!(first.wait().unwrap().success());
}

/// A report of the vendor's command line with so many results.
pub fn report(results: usize) -> String {
    let result = |number: usize| {
        serde_json::json!({
            "check_id": format!("rules.rule-{}", number % 50),
            "path": format!("app/module_{}.py", number / 50),
            "start": { "line": number + 1, "col": 1, "offset": 0 },
            "end": { "line": number + 1, "col": 9, "offset": 8 },
            "extra": { "message": "made of text", "metadata": {}, "severity": "WARNING", "fingerprint": "requires login" }
        })
    };
    let results: Vec<_> = (0..results).map(result).collect();
    serde_json::json!({ "version": "1.182.0", "results": results, "errors": [], "paths": { "scanned": ["app"] } })
        .to_string()
}

#[test]
fn a_killed_import_goes_on_and_ends_with_the_same_store() {
    let (killed, undisturbed) = (TestContext::new(shape(), vec![]), TestContext::new(shape(), vec![]));
    let file = killed.folder.path().join("report.json");
    std::fs::write(&file, report(30_000)).unwrap();
    let import = ["import", file.to_str().unwrap(), "--project", "acme/shop"];
    undisturbed.ok(&import);

    let mut child = killed.command(&import).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // Asked of the file itself: on a busy machine the import is over before a
    // process that asks has begun.
    let store = killed.data_dir().join("tenants/default/store.sqlite3");
    let stored = || -> rusqlite::Result<u64> {
        let store = rusqlite::Connection::open_with_flags(&store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        store.query_row("SELECT count(*) FROM findings", [], |row| row.get(0))
    };
    while stored().unwrap_or(0) == 0 {
        assert!(Instant::now() < deadline, "the import does not begin");
        assert!(child.try_wait().unwrap().is_none(), "the import was over before it could be killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let report = killed.json(&import)["imports"][0].clone();
    assert_eq!((&report["run"]["state"], &report["run"]["resumed"]), (&"complete".into(), &1.into()), "{report:#}");
    assert_eq!((&report["outcome"]["records"], &report["outcome"]["findings"]), (&30_000.into(), &30_000.into()));
    assert_eq!(killed.content(), undisturbed.content());
    let again = killed.json(&import)["imports"][0]["outcome"].clone();
    assert_eq!((&again["unchanged"], &again["findings"]), (&30_000.into(), &0.into()), "{again:#}");
}
