//! What `doctor` says of data folders, and that it leaves each byte as it was.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use sha2::{Digest, Sha256};
use vendor_sim::{Effect, Fault, Match, Options, Simulator, World, WorldShape};

use crate::support::{TestContext, shape};

const STORE: &str = "tenants/default/store.sqlite3";

/// A data folder, and what is said of it.
struct Case {
    name: &'static str,
    /// What is done to a folder that is well.
    make: fn(&mut TestContext),
    arguments: &'static [&'static str],
    code: i32,
    /// What it is about, and the condition of that.
    says: (&'static str, &'static str),
    /// Parts of what is said.
    detail: &'static str,
    hint: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case {
        name: "all is well",
        make: |_| {},
        arguments: &[],
        code: 0,
        says: ("store of default", "good"),
        detail: "whole, version ",
        hint: None,
    },
    Case {
        name: "a log that a process left when it was killed",
        make: |context| {
            let store = rusqlite::Connection::open(context.data_dir().join(STORE)).unwrap();
            store.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
            store.execute("UPDATE instances SET created_at = created_at + 1", []).unwrap();
        },
        arguments: &["--online"],
        code: 0,
        says: ("store of default", "good"),
        detail: "whole, version ",
        hint: None,
    },
    Case {
        name: "a store of a newer program",
        make: |context| {
            let store = rusqlite::Connection::open(context.data_dir().join(STORE)).unwrap();
            store.pragma_update(None, "user_version", 99).unwrap();
        },
        arguments: &[],
        code: 1,
        says: ("store of default", "problem"),
        detail: "it has version 99, and this program writes ",
        hint: Some("use a newer program"),
    },
    Case {
        name: "a store without a byte",
        make: |context| fs::write(context.data_dir().join(STORE), []).unwrap(),
        arguments: &[],
        code: 1,
        says: ("store of default", "problem"),
        detail: "empty",
        hint: Some("harness restore"),
    },
    Case {
        name: "a deletion that was cut off",
        make: |context| {
            let store = rusqlite::Connection::open(context.data_dir().join(STORE)).unwrap();
            let plan = r#"{ "instance": "code", "tables": [], "secrets": [] }"#;
            store.execute("INSERT INTO deletions SELECT id, name, ?1, 0 FROM instances", [plan]).unwrap();
        },
        arguments: &["--online"],
        code: 0,
        says: ("store of default", "notice"),
        detail: "cut off: 1 deletion",
        hint: Some("the next command of this tenant finishes them"),
    },
    Case {
        name: "a folder that is open to others",
        make: |context| {
            for folder in [context.data_dir(), context.data_dir().join("tenants")] {
                fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
            }
        },
        arguments: &[],
        code: 0,
        says: ("permissions", "notice"),
        detail: "tenants: other users may read it (mode 0755)",
        hint: Some("chmod -R go-rwx"),
    },
    Case {
        name: "a folder that others may write",
        make: |context| {
            let open = fs::Permissions::from_mode(0o777);
            fs::set_permissions(context.data_dir().join("tenants"), open).unwrap();
        },
        arguments: &["--online"],
        code: 1,
        says: ("permissions", "problem"),
        detail: "tenants: other users may write it (mode 0777)",
        hint: Some("chown"),
    },
    Case {
        name: "a vendor that answers",
        make: |_| {},
        arguments: &["--online"],
        code: 0,
        says: ("instance default/code: vendor", "good"),
        detail: "answers as demo-corp",
        hint: None,
    },
    Case {
        name: "a vendor that refuses the token",
        make: |context| {
            let what = Effect::Status { code: 401 };
            context.simulator.set_faults(vec![Fault { when: Match::always(), what }]);
        },
        arguments: &["--online"],
        code: 1,
        says: ("instance default/code: vendor", "problem"),
        detail: "refused the token as wrong or expired",
        hint: Some("harness instance rotate-token NAME"),
    },
    Case {
        name: "a vendor that is gone",
        // Another one takes its place, at another port.
        make: |context| context.simulator = Simulator::start(World::new(shape()), Options::default()).unwrap(),
        arguments: &["--online"],
        code: 1,
        says: ("instance default/code: vendor", "problem"),
        detail: "unavailable: no connection to http://127.0.0.1:",
        hint: Some("check that the vendor's address is right and reachable from here"),
    },
];

/// The hash and the permissions of each file below a folder. Compiled code is
/// left out: it is shared with other tests, which add to it. So is what SQLite
/// sets up beside a store that anybody reads, and that holds nothing of it: its
/// index of the log, and a log without a byte.
fn tree(folder: &Path, into: &mut BTreeMap<String, (String, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (metadata, name) = (fs::metadata(&path).unwrap(), path.to_str().unwrap());
        let beside = name.ends_with("-shm") || (name.ends_with("-wal") && metadata.len() == 0);
        if path.ends_with("data/cache") || beside {
            continue;
        }
        let mode = metadata.permissions().mode();
        let content = if path.is_dir() {
            tree(&path, into);
            "a folder".to_owned()
        } else {
            data_encoding::HEXLOWER.encode(&Sha256::digest(fs::read(&path).unwrap()))
        };
        into.insert(name.to_owned(), (content, mode));
    }
}

fn everything(context: &TestContext) -> BTreeMap<String, (String, u32)> {
    let mut found = BTreeMap::new();
    tree(context.folder.path(), &mut found);
    found
}

#[test]
fn each_condition_is_told_with_what_to_do_and_no_byte_is_changed() {
    for case in CASES {
        let world = WorldShape { projects: 3, sast: 40, sca: 20, ..shape() };
        let mut context = TestContext::new(world, vec![]);
        context.added();
        context.ok(&["sync"]);
        (case.make)(&mut context);
        let before = everything(&context);
        assert!(before.keys().any(|path| path.ends_with(STORE)), "{before:?}");

        let arguments = [&["doctor", "--max-wait", "0"], case.arguments].concat();
        let (told, shown) = (context.run(&[&arguments[..], &["--json"]].concat()), context.run(&arguments));
        assert_eq!((told.code, shown.code), (case.code, case.code), "{}: {}", case.name, told.stdout);
        let diagnosis: Value = serde_json::from_str(&told.stdout).unwrap();
        context.follows("doctor", &diagnosis);
        let (what, condition) = case.says;
        let checks = diagnosis["checks"].as_array().unwrap();
        let is_it = |it: &&Value| it["what"].as_str().unwrap().starts_with(what) && it["condition"] == condition;
        let check = checks.iter().find(is_it).unwrap_or_else(|| panic!("{}: {diagnosis:#}", case.name));
        let text = |name: &str| check[name].as_str();
        // It is the worst that there is, and the only thing of that kind.
        assert_eq!(diagnosis["condition"], condition, "{}: {diagnosis:#}", case.name);
        let bad = checks.iter().filter(|it| it["condition"] != "good").count();
        assert_eq!(bad, usize::from(condition != "good"), "{}: {diagnosis:#}", case.name);
        assert!(text("detail").unwrap().contains(case.detail), "{}: {check:#}", case.name);
        match case.hint {
            Some(hint) => assert!(text("hint").is_some_and(|it| it.contains(hint)), "{}: {check:#}", case.name),
            None => assert_eq!(check["hint"], Value::Null, "{}", case.name),
        }
        assert!(shown.stdout.contains(condition), "{}: {}", case.name, shown.stdout);
        assert_eq!(everything(&context), before, "{}", case.name);
    }
}
