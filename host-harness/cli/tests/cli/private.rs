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

use crate::support::{Desk, TOKEN, done, shape};

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A component that does the same and is another one: a note is added to it.
fn with_a_note(mut component: Vec<u8>) -> Vec<u8> {
    component.extend(b"\0\x05\x04note");
    component
}

#[test]
fn an_exchanged_connector_is_not_run_before_it_is_accepted() {
    let desk = Desk::new(shape(), vec![]);
    let file = desk.folder.path().join("connector.wasm");
    let own = host_harness::BUNDLED[0].component.to_vec();
    fs::write(&file, &own).unwrap();
    let added = desk.add(&["--connector", file.to_str().unwrap()]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let before = desk.json(&["instance", "show", "code"])["connector_sha256"].as_str().unwrap().to_owned();
    desk.ok(&["sync"]);
    assert_eq!(desk.json(&["runs"])["runs"][0]["connector_sha256"], before.as_str());

    fs::write(&file, with_a_note(own.clone())).unwrap();
    let requests = desk.simulator.stats().requests;
    let report = desk.file("report.json", &crate::killed::report(3));
    let refused: [&[&str]; 5] = [
        &["sync"],
        &["instance", "test", "code"],
        &["instance", "set", "code", "--set", "page_size=200"],
        &["import", &report],
        &["renormalize"],
    ];
    for arguments in refused {
        let told = desk.run(arguments);
        assert_eq!(told.code, 1, "{arguments:?}: {}", told.stdout);
        assert!(told.stderr.contains(&before), "{arguments:?}: {}", told.stderr);
        assert!(told.stderr.contains("harness instance accept-connector NAME"), "{arguments:?}: {}", told.stderr);
    }
    assert_eq!(desk.simulator.stats().requests, requests, "the vendor was asked");
    let doctor: Value = serde_json::from_str(&desk.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(doctor["condition"], "problem");

    let accepted = desk.json(&["instance", "accept-connector", "code"]);
    desk.follows("instance-accept-connector", &accepted);
    assert_eq!((&accepted["changed"], &accepted["sha256_before"]), (&true.into(), &before.as_str().into()));
    let after = accepted["sha256"].as_str().unwrap();
    assert_ne!(after, before);
    desk.ok(&["sync"]);
    assert_eq!(desk.json(&["runs"])["runs"][0]["connector_sha256"], after);
    assert!(desk.ok(&["instance", "show", "code"]).contains(after));
    assert!(desk.ok(&["instance", "accept-connector", "code"]).contains("Nothing changed"));
}

#[test]
fn the_connector_of_the_program_is_not_pinned() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    assert_eq!(desk.json(&["instance", "show", "code"])["connector_sha256"], Value::Null);
    let refused = desk.run(&["instance", "accept-connector", "code"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("nothing to accept"), "{}", refused.stderr);
}

#[test]
fn an_onboarding_goes_on_with_the_connector_it_was_begun_with() {
    let desk = Desk::new(shape(), vec![]);
    let file = desk.folder.path().join("connector.wasm");
    let own = host_harness::BUNDLED[0].component.to_vec();
    fs::write(&file, &own).unwrap();
    let (url, token) = (desk.simulator.url().to_owned(), desk.token_file());
    let set = format!("origin={url}");
    let begun = desk.run(&[
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
    let refused = desk.run(&["onboard", "code", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("has changed since the onboarding"), "{}", refused.stderr);
    fs::write(&file, own).unwrap();
    desk.ok(&["onboard", "code", "--yes"]);
    assert!(desk.json(&["instance", "show", "code"])["connector_sha256"].is_string());
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
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    // Made anew by a program that nobody tells to keep others out.
    let data = desk.folder.path().join("made");
    let key = desk.folder.path().join("key");
    desk.ok(&["vault", "generate-key", "--output", key.to_str().unwrap()]);
    let run = |arguments: &[&str]| {
        let all = ["-c", "umask 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_harness")];
        let mut command = desk.command_of("sh", &[&all, arguments].concat());
        command.env("HARNESS_DATA_DIR", &data).env("HARNESS_VAULT_KEY_FILE", &key);
        let ran = done(command.output().unwrap());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
    };
    let (url, token) = (desk.simulator.url().to_owned(), desk.token_file());
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
        let mut check = desk.command(&["instance", "test", "code"]);
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
fn said(desk: &Desk, what: &str) -> (String, String) {
    let told: Value = serde_json::from_str(&desk.run(&["doctor", "--json"]).stdout).unwrap();
    let checks = told["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["what"] == what).unwrap_or_else(|| panic!("{told:#}"));
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    (text("condition"), format!("{}; {}", text("detail"), text("hint")))
}

#[test]
fn doctor_names_what_others_may_read_or_write() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    let (data, token) = (desk.data_dir(), PathBuf::from(desk.token_file()));
    let store = data.join("tenants/default/store.sqlite3");
    let secret = "instance default/code: secret";
    assert_eq!((said(&desk, "permissions").0.as_str(), said(&desk, secret).0.as_str()), ("good", "good"));

    // What others may read is told; it counts where they get to it.
    permit(&token, 0o644);
    let (condition, detail) = said(&desk, secret);
    assert!(condition == "notice" && detail.contains("mode 0644") && detail.contains("chmod go-rwx"), "{detail}");
    permit(&store, 0o644);
    assert_eq!(said(&desk, "permissions").0, "good");
    for folder in [&data, &data.join("tenants"), &data.join("tenants/default")] {
        permit(folder, 0o755);
    }
    let (condition, detail) = said(&desk, "permissions");
    assert!(condition == "notice" && detail.contains("store.sqlite3: other users may read it"), "{detail}");
    desk.ok(&["sync"]);

    // What others may write is a problem, wherever it is.
    permit(&data, 0o700);
    let vault = data.join("tenants/default/vault");
    fs::write(&vault, "").unwrap();
    permit(&vault, 0o666);
    let (condition, detail) = said(&desk, "permissions");
    assert!(condition == "problem" && detail.contains("vault: other users may write it (mode 0666)"), "{detail}");
    fs::remove_file(&vault).unwrap();

    // A token that others may write is not taken, and a folder not worked in.
    permit(&token, 0o666);
    let (condition, detail) = said(&desk, secret);
    assert!(condition == "problem" && detail.contains("mode 0666"), "{detail}");
    let refused = desk.run(&["sync"]);
    assert!(refused.code == 1 && refused.stderr.contains("chmod go-rwx FILE"), "{}", refused.stderr);
    permit(&token, 0o600);
    for folder in [&data.join("tenants/default"), &data.join("tenants"), &data] {
        let before = fs::metadata(folder).unwrap().mode() & 0o777;
        for open in [0o770, 0o707, 0o1777] {
            permit(folder, open);
            assert_eq!(said(&desk, "permissions").0, "problem");
            let told = desk.run(&["sync"]);
            assert!(told.code == 1 && told.stderr.contains("chmod go-w FOLDER"), "{}", told.stderr);
            // Nobody is asked anything with what may be somebody else's.
            let requests = desk.simulator.stats().requests;
            assert_eq!(desk.run(&["doctor", "--online"]).code, 1);
            assert_eq!(desk.simulator.stats().requests, requests);
        }
        permit(folder, before);
    }
    desk.ok(&["sync"]);
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    let pipe = desk.folder.path().join("pipe.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let zero = desk.folder.path().join("zero.csv");
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
            let refused = desk.run(arguments);
            assert_ne!(refused.code, 0, "{arguments:?}: {}", refused.stdout);
            assert!(refused.stderr.contains("no regular file"), "{arguments:?}: {}", refused.stderr);
        }
        let import = desk.run(&["import", path]).stderr;
        assert!(import.contains("`-` reads standard input"), "{import}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_killed_program_leaves_no_core() {
    let desk = Desk::new(shape(), vec![]);
    // The system may keep a core as far as it lets a program say so.
    let shell = ["-c", "ulimit -c $(ulimit -H -c); exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_harness")];
    let serve = ["mock-vendor", "--port", "0", "--findings", "0", "--accept-token", TOKEN];
    let dumps = |allowed: bool| {
        let mut command = desk.command_of("sh", &[&shell[..], &serve].concat());
        command.current_dir(desk.folder.path()).stdout(Stdio::piped());
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
    let cores = fs::read_dir(desk.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("core")));
    assert_eq!(cores.count(), 0);
    let hard = std::process::Command::new("sh").args(["-c", "ulimit -H -c"]).output().unwrap();
    if hard.stdout != b"0\n" {
        assert_ne!(dumps(true).0, vec!["0".to_owned(), "0".to_owned()], "whoever debugs cannot have a core");
    }
}
