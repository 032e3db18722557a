//! What an author tries of a connector: one function, a whole sync, and the same
//! from recorded answers. Nothing is stored of it.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{TOKEN, TestContext, shape};

const CASSETTE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cassettes/semgrep.jsonl");

/// A context, and the options that lead to its vendor.
fn context() -> (TestContext, Vec<String>) {
    let context = TestContext::new(shape(), vec![]);
    let vendor = ["--against", context.simulator.url(), "--token-file", &context.token_file()].map(str::to_owned);
    (context, vendor.into())
}

fn with<'a>(arguments: &[&'a str], vendor: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(vendor.iter().map(String::as_str)).collect()
}

#[test]
fn a_rehearsal_shows_what_a_sync_would_store_and_stores_nothing() {
    let (context, vendor) = context();
    let tape = context.folder.path().join("tape").to_str().unwrap().to_owned();
    let live = context.json(&with(&["rehearse", "--record", &tape], &vendor));
    context.follows("rehearse", &live);
    assert!(!context.data_dir().join("tenants").exists());
    let recorded = std::fs::read_to_string(&tape).unwrap();
    assert!(!recorded.contains(TOKEN) && !recorded.contains("placeholder-"));

    let before = context.simulator.stats().requests;
    let replayed = context.json(&["rehearse", "--cassette", &tape]);
    assert_eq!(context.simulator.stats().requests, before);
    context.added();
    let run = context.json(&["sync"])["runs"][0].clone();
    for part in ["stored", "projects", "packages", "deployment"] {
        assert_eq!(live[part], replayed[part], "{part}");
    }
    for count in ["new", "records", "requests"] {
        assert_eq!(live["log"]["runs"][0][count], run[count], "{count}");
    }
    let all =
        context.json(&["findings", "--include-closed", "--include-non-security", "--limit", "0"])["total"].clone();
    let stored: u64 = live["stored"].as_array().unwrap().iter().map(|it| it["count"].as_u64().unwrap()).sum();
    assert_eq!(all, stored);
}

#[test]
fn a_sync_is_recorded_and_replayed() {
    let (context, _) = context();
    context.added();
    let tape = context.folder.path().join("tape").to_str().unwrap().to_owned();
    let first = context.json(&["sync", "code", "--record", &tape])["runs"][0].clone();
    let before = context.simulator.stats().requests;
    let again = context.json(&["sync", "code", "--cassette", &tape])["runs"][0].clone();
    assert_eq!(context.simulator.stats().requests, before);
    // What it asks for beside the findings may be more than the first time.
    assert_eq!((&again["new"], &again["changed"], &again["unchanged"]), (&0.into(), &0.into(), &first["new"]));
    // Another one than was recorded: what is missing is the error, at once.
    let other = context.run(&["sync", "code", "--cassette", CASSETTE, "--json"]).error();
    assert_eq!(other["code"], "cassette-incomplete", "{other:#}");
    for arguments in [&["sync", "--record", &tape][..], &["sync", "code", "--record", &tape, "--cassette", &tape]] {
        assert_eq!(context.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn a_recording_shows_the_connector_without_a_vendor() {
    let (context, _) = context();
    let shown = context.stable(&context.ok(&["rehearse", "--cassette", CASSETTE]));
    // What it took is another each time.
    let lines = shown.lines().filter(|line| !line.contains(" MiB") && !line.contains(" ms"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli/current.json");
    let judged = context.run(&["conformance", "--strict", "--sample", sample, "--cassette", CASSETTE]);
    assert_eq!(judged.code, 0, "{}{}", judged.stdout, judged.stderr);
}

#[test]
fn functions_are_called_one_by_one() {
    let (context, vendor) = context();
    let call = |function: &str, input: &str| -> Value {
        let done = context.fed(&with(&["call", function], &vendor), input);
        assert_eq!(done.code, 0, "{function}: {}", done.stderr);
        let value = serde_json::from_str(&done.stdout).unwrap();
        context.follows("call", &value);
        value
    };
    assert_eq!(call("describe", "")["id"], "semgrep");
    assert_eq!(call("configure", "")["deployment"]["slug"], "demo-corp");
    let project = call("list-projects", "null")["projects"][0].clone();
    let scope = json!({"projects": [{"id": project["id"], "name": project["name"], "primary_branch": null}]});
    let request = json!({"kind": "sast", "scope": scope, "since": null, "cursor": null});
    let page = call("fetch-findings", &request.to_string());
    let records = page["records"].as_array().unwrap();
    assert!(!records.is_empty());
    // A page, its records, or one of them.
    let whole = call("normalize", &page.to_string());
    assert_eq!(whole, call("normalize", &page["records"].to_string()));
    assert!(!whole["findings"].as_array().unwrap().is_empty());
    call("normalize", &records[0].to_string());
    assert!(!context.data_dir().join("tenants").exists());

    let wrong = context.fed(&with(&["call", "fetch-findings"], &vendor), "{}");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("the input of `fetch-findings` cannot be read: missing field"), "{}", wrong.stderr);
    let plain = context.fed(&with(&["call", "normalize"], &vendor), r#"{"id": 1}"#);
    assert!(plain.stderr.contains("a record has `kind` and `body`"), "{}", plain.stderr);
    let refused = context.fed(&["call", "configure", "--set", "kinds=[\"no-such-kind\"]", "--cassette", CASSETTE], "");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("kinds"), "{}", refused.stderr);
}

#[test]
fn a_connector_that_changes_is_judged_again() {
    let (context, _) = context();
    let component = context.folder.path().join("connector.wasm");
    let write = |note: &[u8]| {
        // Whole from the moment on at which it is there.
        let (bytes, new) = (host_harness::BUNDLED[0].component, context.folder.path().join("new.wasm"));
        std::fs::write(&new, [bytes, note].concat()).unwrap();
        std::fs::rename(&new, &component).unwrap();
    };
    write(b"");
    let config = "[settings]\npage_size = 200\n\n[skip]\nA8 = \"another reason\"\n";
    context.file("conformance.toml", config);
    let arguments = ["conformance", component.to_str().unwrap(), "--only", "A4,A8", "--watch", "--json"];
    let mut child = context.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut reports = serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter::<Value>();
    let first = reports.next().unwrap().unwrap();
    let skipped = first["results"].as_array().unwrap().iter().find(|it| it["id"] == "A8").unwrap();
    assert_eq!((&skipped["outcome"], &skipped["note"]), (&"skipped".into(), &"another reason".into()));
    write(b"\0\x05\x04note");
    let second = reports.next().unwrap().unwrap();
    assert_ne!(first["component"]["sha256"], second["component"]["sha256"]);
    child.kill().unwrap();
    child.wait().unwrap();
    context.file("conformance.toml", "[skip]\nZ9 = \"no such check\"\n");
    let wrong = context.run(&arguments[..4]);
    assert!(wrong.code == 1 && wrong.stderr.contains("no check is called `Z9`"), "{}", wrong.stderr);
}

#[test]
fn a_new_connector_is_a_folder_that_was_not_there() {
    let (context, _) = context();
    for language in ["rust", "python", "javascript"] {
        let folder = context.folder.path().join(language);
        let arguments = ["new", language, "acme", "--folder", folder.to_str().unwrap()];
        let made = context.json(&arguments);
        context.follows("new", &made);
        for file in made["files"].as_array().unwrap() {
            assert!(folder.join(file.as_str().unwrap()).is_file(), "{file}");
        }
        assert!(folder.join("wit/deps/http/http.wit").is_file() && folder.join("cassette.jsonl").is_file());
        let again = context.run(&[&arguments[..], &["--json"]].concat()).error();
        assert_eq!(again["code"], "file-unwritable", "{again}");
    }
    assert_eq!(context.run(&["new", "python", "Acme"]).code, 2);
}
