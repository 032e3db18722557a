//! What others may read or write, what runs, and what stays of the memory.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;

use crate::support::{TOKEN, TestContext, done, shape};

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A component that does the same and is another one: a note is added to it.
fn with_a_note(mut component: Vec<u8>) -> Vec<u8> {
    component.extend(b"\0\x05\x04note");
    component
}

/// The same connector, which says that it is another version.
fn of_version(component: &[u8], version: &str) -> Vec<u8> {
    let mut component = component.to_vec();
    let own = env!("CARGO_PKG_VERSION").as_bytes();
    for at in 0..component.len() - own.len() {
        if component[at..].starts_with(own) {
            component[at..at + own.len()].copy_from_slice(version.as_bytes());
        }
    }
    component
}

#[test]
fn an_exchanged_connector_is_not_run_before_it_is_accepted() {
    let context = TestContext::new(shape(), vec![]);
    let file = context.folder.path().join("connector.wasm");
    let own = host_harness::BUNDLED[0].component.to_vec();
    fs::write(&file, &own).unwrap();
    let added = context.add(&["--connector", file.to_str().unwrap()]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let before = context.json(&["instance", "show", "code"])["connector_sha256"].as_str().unwrap().to_owned();
    context.ok(&["sync"]);
    assert_eq!(context.json(&["runs"])["runs"][0]["connector_sha256"], before.as_str());

    fs::write(&file, with_a_note(own.clone())).unwrap();
    let requests = context.simulator.stats().requests;
    let report = context.file("report.json", &crate::killed::report(3));
    let refused: [&[&str]; 5] = [
        &["sync"],
        &["instance", "test", "code"],
        &["instance", "set", "code", "--set", "page_size=200"],
        &["import", &report],
        &["renormalize"],
    ];
    for arguments in refused {
        let told = context.run(arguments);
        assert_eq!(told.code, 1, "{arguments:?}: {}", told.stdout);
        assert!(told.stderr.contains(&before), "{arguments:?}: {}", told.stderr);
        assert!(told.stderr.contains("harness connector update NAME"), "{arguments:?}: {}", told.stderr);
    }
    assert_eq!(context.simulator.stats().requests, requests, "the vendor was asked");
    let doctor: Value = serde_json::from_str(&context.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(doctor["condition"], "problem");

    let accepted = context.json(&["connector", "update", "code"]);
    context.follows("connector-update", &accepted);
    assert_eq!((&accepted["changed"], &accepted["sha256_before"]), (&true.into(), &before.as_str().into()));
    let after = accepted["sha256"].as_str().unwrap();
    assert_ne!(after, before);
    context.ok(&["sync"]);
    assert_eq!(context.json(&["runs"])["runs"][0]["connector_sha256"], after);
    assert!(context.ok(&["instance", "show", "code"]).contains(after));
    assert!(context.ok(&["connector", "update", "code"]).contains("Nothing changed"));
}

#[test]
fn a_connector_is_installed_given_to_an_instance_updated_and_rolled_back() {
    let context = TestContext::new(shape(), vec![]);
    let own = host_harness::BUNDLED[0].component.to_vec();
    let path = |name: &str| context.folder.path().join(name);
    let install = |name: &str, component: &[u8]| {
        fs::write(path(name), component).unwrap();
        let installed = context.json(&["connector", "install", path(name).to_str().unwrap()]);
        // What is installed needs the file no longer.
        fs::remove_file(path(name)).unwrap();
        installed
    };
    assert!(context.ok(&["connector", "list"]).starts_with("No connectors are installed"));
    let first = install("first.wasm", &own);
    context.follows("connector-install", &first);
    let added = context.add(&["--connector", "semgrep"]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    context.ok(&["sync"]);
    let findings = context.json(&["findings"])["total"].clone();

    // Of one version there are two now: only the hash tells them apart.
    let second = install("second.wasm", &with_a_note(own));
    let version = format!("semgrep@{}", second["version"].as_str().unwrap());
    let hash = |of: &Value| format!("sha256:{}", of["sha256"].as_str().unwrap());
    let refused = context.run(&["connector", "update", "code", "--to", &version]);
    assert!(refused.stderr.contains("several installed connectors match"), "{}", refused.stderr);
    let planned = context.json(&["connector", "update", "code", "--to", &hash(&second), "--dry-run"]);
    context.follows("connector-update", &planned);
    assert_eq!((&planned["changed"], &planned["component"]["imports_added"]), (&true.into(), &Value::Array(vec![])));
    assert_eq!(context.json(&["instance", "show", "code"])["connector_sha256"], first["sha256"], "a dry run");
    for to in [&second, &first] {
        context.ok(&["connector", "update", "code", "--to", &hash(to)]);
        context.ok(&["sync"]);
        assert_eq!(context.json(&["runs"])["runs"][0]["connector_sha256"], to["sha256"]);
    }
    assert_eq!(context.json(&["findings"])["total"], findings);

    let list = context.json(&["connector", "list"]);
    context.follows("connector-list", &list);
    let users = |of: &Value| {
        let found = list["connectors"].as_array().unwrap().iter().find(|it| it["sha256"] == of["sha256"]);
        found.unwrap()["used_by"].as_array().unwrap().len()
    };
    assert_eq!((users(&first), users(&second)), (1, 0));
    let used = context.run(&["connector", "remove", &hash(&first)]);
    assert_eq!(used.code, 1);
    assert!(used.stderr.contains("is in use: default/code; nothing was removed"), "{}", used.stderr);
    context.follows("connector-remove", &context.json(&["connector", "remove", &hash(&second)]));

    // What was normalized before an update is of the version before.
    let newer = install("newer.wasm", &of_version(host_harness::BUNDLED[0].component, "0.1.9"));
    context.ok(&["connector", "update", "code", "--to", &hash(&newer)]);
    let shown = context.json(&["instance", "show", "code"]);
    assert_eq!((&shown["connector_version"], &shown["accepted_version"]), (&first["version"], &"0.1.9".into()));
    let shown = context.ok(&["instance", "show", "code"]);
    assert!(shown.contains("semgrep 0.1.9, installed"), "{shown}");
    assert!(shown.contains("normalized with 0.1.0; harness renormalize code"), "{shown}");

    // A backup of it elsewhere says what is missing.
    fs::remove_dir_all(path("data/connectors")).unwrap();
    let missing = context.run(&["sync"]);
    assert!(missing.stderr.contains("no connector with SHA-256"), "{}", missing.stderr);
    assert!(missing.stderr.contains("harness connector install FILE"), "{}", missing.stderr);
}

#[test]
fn the_connector_of_the_program_is_not_pinned() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    assert_eq!(context.json(&["instance", "show", "code"])["connector_sha256"], Value::Null);
    let refused = context.run(&["connector", "update", "code"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("nothing to update"), "{}", refused.stderr);
}

#[test]
fn an_onboarding_goes_on_with_the_connector_it_was_begun_with() {
    let context = TestContext::new(shape(), vec![]);
    let file = context.folder.path().join("connector.wasm");
    let own = host_harness::BUNDLED[0].component.to_vec();
    fs::write(&file, &own).unwrap();
    let (url, token) = (context.simulator.url().to_owned(), context.token_file());
    let set = format!("origin={url}");
    let begun = context.run(&[
        "onboard",
        "code",
        "--connector",
        file.to_str().unwrap(),
        "--set",
        &set,
        "--allow-private-origin",
        &url,
        "--token-file",
        &token,
    ]);
    assert!(begun.stderr.contains("is not complete"), "{}{}", begun.stdout, begun.stderr);
    fs::write(&file, with_a_note(own.clone())).unwrap();
    let refused = context.run(&["onboard", "code", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("has changed since the onboarding"), "{}", refused.stderr);
    fs::write(&file, own).unwrap();
    context.ok(&["onboard", "code", "--yes"]);
    assert!(context.json(&["instance", "show", "code"])["connector_sha256"].is_string());
}

/// The files below a folder, with their modes; compiled code as well.
fn modes(folder: &Path, into: &mut BTreeSet<(PathBuf, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::metadata(&path).unwrap();
        into.insert((path.clone(), metadata.mode() & 0o777));
        if metadata.is_dir() {
            modes(&path, into);
        }
    }
}

#[test]
fn every_file_of_a_data_folder_is_its_owners_alone() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    // Made anew by a program that nobody tells to keep others out.
    let data = context.folder.path().join("made");
    let key = context.folder.path().join("key");
    context.ok(&["vault", "generate-key", "--output", key.to_str().unwrap()]);
    let run = |arguments: &[&str]| {
        let all = ["-c", "umask 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_harness")];
        let mut command = context.command_of("sh", &[&all, arguments].concat());
        command.env("HARNESS_DATA_DIR", &data).env("HARNESS_VAULT_KEY_FILE", &key);
        let ran = done(command.output().unwrap());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
    };
    let (url, token) = (context.simulator.url().to_owned(), context.token_file());
    let set = format!("origin={url}");
    let add = ["instance", "add", "code", "--set", &set, "--allow-private-origin", &url];
    run(&[&add[..], &["--token-file", &token, "--store-token"]].concat());
    run(&["sync"]);
    run(&["sync", "--due"]);
    let mut found = BTreeSet::new();
    modes(&data, &mut found);
    let names: Vec<_> = found.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["vault", "code.lock", "daemon.lock", "cache", "store.sqlite3"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(names.iter().any(|name| name.ends_with(".cwasm")), "{names:?}");
    for (path, mode) in &found {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        // What SQLite makes lies in a folder that nobody else gets into.
        let is_store = path.file_name().unwrap().to_str().unwrap().starts_with("store.sqlite3");
        assert!(*mode == wanted || (is_store && mode & 0o022 == 0), "{}: {mode:o}", path.display());
    }
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);

    // A vault that others may write is not opened.
    let vault = data.join("tenants/default/vault");
    for mode in [0o600, 0o602] {
        permit(&vault, mode);
        let mut check = context.command(&["instance", "test", "code"]);
        check.env("HARNESS_DATA_DIR", &data).env("HARNESS_VAULT_KEY_FILE", &key);
        let checked = done(check.output().unwrap());
        assert_eq!(checked.code, i32::from(mode != 0o600), "{}", checked.stderr);
        assert_eq!(
            checked.stderr.contains("other users may write it (mode 0602)"),
            mode != 0o600,
            "{}",
            checked.stderr
        );
    }
}

/// What doctor says of something: the condition, and in words.
fn said(context: &TestContext, what: &str) -> (String, String) {
    let told: Value = serde_json::from_str(&context.run(&["doctor", "--json"]).stdout).unwrap();
    let checks = told["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["what"] == what).unwrap_or_else(|| panic!("{told:#}"));
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    (text("condition"), format!("{}; {}", text("detail"), text("hint")))
}

#[test]
fn doctor_names_what_others_may_read_or_write() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let (data, token) = (context.data_dir(), PathBuf::from(context.token_file()));
    let store = data.join("tenants/default/store.sqlite3");
    let secret = "instance default/code: secret";
    assert_eq!((said(&context, "permissions").0.as_str(), said(&context, secret).0.as_str()), ("good", "good"));

    // What others may read is told; it counts where they get to it.
    permit(&token, 0o644);
    let (condition, detail) = said(&context, secret);
    assert!(condition == "notice" && detail.contains("mode 0644") && detail.contains("chmod go-rwx"), "{detail}");
    permit(&store, 0o644);
    assert_eq!(said(&context, "permissions").0, "good");
    for folder in [&data, &data.join("tenants"), &data.join("tenants/default")] {
        permit(folder, 0o755);
    }
    let (condition, detail) = said(&context, "permissions");
    assert!(condition == "notice" && detail.contains("store.sqlite3: other users may read it"), "{detail}");
    context.ok(&["sync"]);

    // What others may write is a problem, wherever it is.
    permit(&data, 0o700);
    let vault = data.join("tenants/default/vault");
    fs::write(&vault, "").unwrap();
    permit(&vault, 0o666);
    let (condition, detail) = said(&context, "permissions");
    assert!(condition == "problem" && detail.contains("vault: other users may write it (mode 0666)"), "{detail}");
    fs::remove_file(&vault).unwrap();

    // A token that others may write is not taken, and a folder not worked in.
    permit(&token, 0o666);
    let (condition, detail) = said(&context, secret);
    assert!(condition == "problem" && detail.contains("mode 0666"), "{detail}");
    let refused = context.run(&["sync"]);
    assert!(refused.code == 1 && refused.stderr.contains("chmod go-rwx FILE"), "{}", refused.stderr);
    permit(&token, 0o600);
    for folder in [&data.join("tenants/default"), &data.join("tenants"), &data] {
        let before = fs::metadata(folder).unwrap().mode() & 0o777;
        for open in [0o770, 0o707, 0o1777] {
            permit(folder, open);
            assert_eq!(said(&context, "permissions").0, "problem");
            let told = context.run(&["sync"]);
            assert!(told.code == 1 && told.stderr.contains("chmod go-w FOLDER"), "{}", told.stderr);
            // Nobody is asked anything with what may be somebody else's.
            let requests = context.simulator.stats().requests;
            assert_eq!(context.run(&["doctor", "--online"]).code, 1);
            assert_eq!(context.simulator.stats().requests, requests);
        }
        permit(folder, before);
    }
    context.ok(&["sync"]);
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let pipe = context.folder.path().join("pipe.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let zero = context.folder.path().join("zero.csv");
    std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
    for path in [pipe.to_str().unwrap(), zero.to_str().unwrap()] {
        let commands: [&[&str]; 11] = [
            &["inspect", path],
            &["--connector", path, "instance", "add", "new"],
            &["instance", "add", "new", "--settings-file", path],
            &["sync", "--token-file", path],
            &["--vault-key-file", path, "vault", "rekey", "--new-key-file", path],
            &["import", path],
            &["import", "--source", "other", path, "--project", "a/b"],
            &["repositories", "import", path],
            &["advisories", "import", path],
            &["policy", "import", path],
            &["normalize", path],
        ];
        for arguments in commands {
            let refused = context.run(arguments);
            assert_ne!(refused.code, 0, "{arguments:?}: {}", refused.stdout);
            assert!(refused.stderr.contains("no regular file"), "{arguments:?}: {}", refused.stderr);
        }
        let import = context.run(&["import", path]).stderr;
        assert!(import.contains("`-` reads standard input"), "{import}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_killed_program_leaves_no_core() {
    let context = TestContext::new(shape(), vec![]);
    // The system may keep a core as far as it lets a program say so.
    let shell = ["-c", "ulimit -c $(ulimit -H -c); exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_harness")];
    let serve = ["mock-vendor", "--port", "0", "--findings", "0", "--accept-token", TOKEN];
    let dumps = |allowed: bool| {
        let mut command = context.command_of("sh", &[&shell[..], &serve].concat());
        command.current_dir(context.folder.path()).stdout(Stdio::piped());
        if allowed {
            command.env("HARNESS_CORE_DUMPS", "1");
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let of = |name: &str| format!("/proc/{}/{name}", child.id());
        let limits = fs::read_to_string(of("limits")).unwrap();
        let limit = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
        let owner = fs::metadata(of("environ")).unwrap().uid();
        let killed = std::process::Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(6));
        let limit: Vec<String> = limit.split_whitespace().skip(4).take(2).map(str::to_owned).collect();
        (limit, owner, status.core_dumped())
    };
    let (limit, owner, dumped) = dumps(false);
    assert_eq!((limit, dumped), (vec!["0".to_owned(), "0".to_owned()], false));
    // The memory of a process that may not be dumped is root's.
    assert_eq!(owner, 0);
    let cores = fs::read_dir(context.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("core")));
    assert_eq!(cores.count(), 0);
    let hard = std::process::Command::new("sh").args(["-c", "ulimit -H -c"]).output().unwrap();
    if hard.stdout != b"0\n" {
        assert_ne!(dumps(true).0, vec!["0".to_owned(), "0".to_owned()], "whoever debugs cannot have a core");
    }
}
