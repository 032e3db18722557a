//! Whole scenarios at the highest level of detail with a known token, and then
//! a search in every byte that came of them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use memchr::memmem;
use vendor_sim::{Effect, Fault, Match, WorldShape};
use wasmparser::{Parser, Payload, TypeRef};

use crate::support::{SECOND_TOKEN, TOKEN, TestContext, gate_after, held_at_the_gate, shape};

/// Messages that a receiver may get: more than there are.
const MANY: usize = 1000;

/// Instructions of WebAssembly.
const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const END: u8 = 0x0b;

/// Forms in which a token could have been written down. In base64 its middle
/// looks one of three ways, by what stands before it.
fn forms() -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for token in [TOKEN, SECOND_TOKEN] {
        forms.extend([token.as_bytes().to_vec(), token.bytes().rev().collect()]);
        forms.extend([HEXLOWER.encode(token.as_bytes()).into_bytes(), HEXUPPER.encode(token.as_bytes()).into_bytes()]);
        forms.push(token.encode_utf16().flat_map(u16::to_le_bytes).collect());
        for shift in 0..3 {
            let shifted = [&b"---"[..shift], token.as_bytes()].concat();
            // The first and the last signs hold bits of what is around.
            let inner = |text: String| text.as_bytes()[4..text.len() - 4].to_vec();
            forms.extend([inner(BASE64.encode(&shifted)), inner(BASE64URL_NOPAD.encode(&shifted))]);
        }
    }
    forms
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

fn assert_nowhere(what: &str, bytes: &[u8], forms: &[Vec<u8>]) {
    for form in forms {
        let found = memmem::find(bytes, form);
        assert_eq!(found, None, "{what} holds a token as {}", String::from_utf8_lossy(form));
    }
}

#[test]
fn no_byte_of_whatever_is_written_or_printed_holds_a_token() {
    let world = WorldShape { projects: 4, sast: 90, sca: 60, secrets: 30, ai_sast: 10, dependencies: 40, ..shape() };
    let context = TestContext::new(world, vec![]);
    let (forms, url) = (forms(), context.simulator.url().to_owned());
    let second = context.file("second-token", SECOND_TOKEN);
    let key = context.folder.path().join("key").to_str().unwrap().to_owned();
    let backup = context.folder.path().join("backup").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &key]);
    let report = format!("{}/../../fixtures/cli/current.json", env!("CARGO_MANIFEST_DIR"));
    let origin = format!("origin={url}");
    let kinds = "kinds=[\"sast\",\"sca\",\"secrets\",\"ai-sast\",\"packages\"]";
    let place = ["--set", &origin, "--allow-private-origin", &url, "--set", kinds];
    let token = context.token_file();
    let (receiver, received) = super::webhooks::receiver(MANY);
    let hook = format!("{receiver}/hook");
    let signing = context.file("hook-secret", super::webhooks::SECRET);

    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["-vv", "--vault-key-file", &key, "--max-wait", "0"]].concat();
        let done = context.run(&arguments);
        let what = format!("what `harness {}` printed", arguments.join(" "));
        assert_nowhere(&what, done.stdout.as_bytes(), &forms);
        assert_nowhere(&what, done.stderr.as_bytes(), &forms);
        done.code
    };
    let usual = |arguments: &[&[&str]]| {
        for arguments in arguments {
            assert_eq!(run(arguments), 0, "{arguments:?}");
        }
    };
    usual(&[
        &[&["instance", "add", "code", "--token-file", &token, "--store-token"][..], &place].concat(),
        &[&["instance", "add", "by-file", "--token-file", &token][..], &place].concat(),
        &["instance", "test", "code"],
        &[
            &["notify", "set", "code", "--url", &hook, "--allow-private-origin", &receiver][..],
            &["--secret-file", &signing, "--store-secret"],
        ]
        .concat(),
        &["notify", "test", "code"],
        &["sync", "code"],
        &["import", &report, "--project", "acme/shop", "--instance", "code"],
        &["findings", "--include-closed", "--csv", "--limit", "100000"],
        &["issues", "--json"],
        &["secrets", "--json"],
        &["runs", "1"],
        &["renormalize"],
        &["vault", "show"],
        &["status"],
        &["backup", &backup],
    ]);
    // What goes wrong says more than what goes well.
    for what in [
        Effect::Status { code: 401 },
        Effect::Status { code: 500 },
        Effect::Html,
        Effect::WrongShape,
        Effect::CutBody { after_bytes: 40 },
        Effect::Redirect { location: "http://127.0.0.1:9/".to_owned() },
        Effect::EchoAuthorization { code: 500 },
    ] {
        for path in ["/projects", "/findings"] {
            context.simulator.set_faults(vec![Fault { when: Match::path(path), what: what.clone() }]);
            assert_ne!(run(&["sync", "code", "--restart"]), 0, "{what:?}");
        }
    }
    assert_ne!(run(&["instance", "rotate-token", "code", "--token-file", &second]), 0);
    context.simulator.set_faults(Vec::new());
    context.simulator.set_token(SECOND_TOKEN);
    usual(&[
        &["instance", "rotate-token", "code", "--token-file", &second, "--store-token"],
        &["sync", "code"],
        &["notify", "deliveries"],
        &["instance", "delete", "by-file", "--confirm", "by-file"],
    ]);
    // Who listens is told of what went well and of what did not.
    let mut states = Vec::new();
    while let Ok((head, body)) = received.recv_timeout(Duration::ZERO) {
        assert_nowhere("the head of what was delivered", head.as_bytes(), &forms);
        assert_nowhere("the body of what was delivered", body.as_bytes(), &forms);
        let told: serde_json::Value = serde_json::from_str(&body).unwrap();
        states.push(told["state"].as_str().unwrap_or("test").to_owned());
    }
    for expected in ["test", "complete", "failed"] {
        assert!(states.iter().any(|state| state == expected), "{expected} in {states:?}");
    }

    search(
        &context,
        &["tenants/default/store.sqlite3", "tenants/default/vault", "backup/store.sqlite3", "backup/vault"],
        &forms,
    );
}

#[test]
fn no_byte_of_a_token_that_the_vendor_repeats_is_kept_or_printed() {
    let world = WorldShape { projects: 2, sast: 60, sca: 40, ..shape() };
    let context = TestContext::new(world, vec![]);
    let forms = forms();
    let added = context.add(&["-vv"]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let echo = |code| vec![Fault { when: Match::always(), what: Effect::EchoAuthorization { code } }];
    for (code, exit) in [(200, 0), (500, 1)] {
        context.simulator.set_faults(echo(code));
        for command in [&["sync", "--restart"][..], &["findings", "--include-closed", "--json"], &["runs", "1"]] {
            let done = context.run(&[command, &["-vv", "--max-wait", "0"]].concat());
            assert_eq!(done.code, if command[0] == "sync" { exit } else { 0 }, "{}", done.stderr);
            assert_nowhere("what was printed", done.stdout.as_bytes(), &forms);
            assert_nowhere("what was logged", done.stderr.as_bytes(), &forms);
        }
    }
    // It was there: what is kept of it are stars.
    let masked = format!("Bearer {} ", "*".repeat(TOKEN.len()));
    let list = context.json(&["findings", "--include-closed", "--kind", "sast", "--limit", "1"]);
    let shown = context.ok(&["finding", list["findings"][0]["id"].as_str().unwrap(), "--raw", "--json"]);
    assert!(shown.contains(&masked), "{shown}");
    search(&context, &["tenants/default/store.sqlite3"], &forms);
}

/// Searches every file of a context, among which must be some that hold something.
fn search(context: &TestContext, expected: &[&str], forms: &[Vec<u8>]) {
    // The tokens' own files are the operator's.
    let mut all = Vec::new();
    files(context.folder.path(), &mut all);
    all.retain(|path| !path.ends_with("token") && !path.ends_with("second-token"));
    for name in expected {
        let held = all.iter().any(|path| path.ends_with(name) && fs::metadata(path).unwrap().len() > 0);
        assert!(held, "{name} in {all:?}");
    }
    for path in &all {
        assert_nowhere(&path.display().to_string(), &fs::read(path).unwrap(), forms);
    }
}

#[test]
fn no_byte_that_a_killed_sync_leaves_holds_a_token() {
    let context = TestContext::new(shape(), vec![]);
    let key = context.folder.path().join("key").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &key]);
    let done = context.add(&["--store-token", "--vault-key-file", &key, "--set", "page_size=100"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    context.simulator.set_faults(gate_after(4));
    let mut command = context.command(&["sync", "-vv", "--vault-key-file", &key]);
    let stream = |name: &str| fs::File::create(context.folder.path().join(name)).unwrap();
    let mut sync = held_at_the_gate(&context, command.stdout(stream("stdout")).stderr(stream("stderr")));
    sync.kill().unwrap();
    sync.wait().unwrap();
    search(&context, &["tenants/default/store.sqlite3", "tenants/default/store.sqlite3-wal", "stderr"], &forms());
}

/// The connector inside of the program, with a function that breaks as soon as
/// it is called.
fn breaking_in(function: &str) -> Vec<u8> {
    let mut bytes = host_harness::BUNDLED[0].component.to_vec();
    let (mut imported, mut bodies, mut wanted, mut body) = (0, 0, None, None);
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::Version { .. } => (imported, bodies, wanted) = (0, 0, None),
            Payload::ImportSection(imports) => {
                imported =
                    imports.into_imports().filter(|it| matches!(it.as_ref().unwrap().ty, TypeRef::Func(_))).count();
            }
            Payload::ExportSection(exports) => {
                wanted = exports.into_iter().map(Result::unwrap).find(|it| it.name.ends_with(function));
            }
            Payload::CodeSectionEntry(found) => {
                let index = imported + bodies;
                bodies += 1;
                if wanted.is_some_and(|it| it.index as usize == index) {
                    let start = found.get_operators_reader().unwrap().original_position();
                    body = Some(start..found.range().end);
                }
            }
            _ => {}
        }
    }
    let body = &mut bytes[body.unwrap()];
    body.fill(NOP);
    body[0] = UNREACHABLE;
    *body.last_mut().unwrap() = END;
    bytes
}

#[test]
fn no_byte_that_a_crash_of_a_connector_leaves_holds_a_token() {
    let context = TestContext::new(shape(), vec![]);
    let forms = forms();
    let broken = context.folder.path().join("broken.wasm");
    fs::write(&broken, breaking_in("#fetch-findings")).unwrap();
    let connector = ["-vv", "--connector", broken.to_str().unwrap()];
    let added = context.add(&connector);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let done = context.run(&[&["sync"], &connector[..]].concat());
    assert_ne!(done.code, 0, "{}", done.stdout);
    let printed = done.stdout + &done.stderr;
    assert!(printed.contains("the connector crashed in `fetch-findings`"), "{printed}");
    assert_nowhere("what was printed of a crash", printed.as_bytes(), &forms);
    search(&context, &["tenants/default/store.sqlite3"], &forms);
}
