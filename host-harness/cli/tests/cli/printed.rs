//! What is printed: its form is documented, and stays.

use std::io::pipe;

use crate::support::{TestContext, done, shape};

#[test]
fn every_json_output_follows_its_schema() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let id = context.json(&["findings", "--limit", "1"])["findings"][0]["id"].as_str().unwrap().to_owned();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/api/findings/sca-full.json");
    let hook_secret = context.file("hook-secret", "0123456789abcdef-that-signs");
    let url = "https://receiver.example/hook";
    let folder = context.folder.path().to_str().unwrap().to_owned();
    context.ok(&["policy", "import", &context.file("policies.toml", &context.ok(&["policy", "init"]))]);
    let commands: &[(&str, &[&str])] = &[
        ("inspect", &["inspect"]),
        ("instance-list", &["instance", "list"]),
        ("instance-show", &["instance", "show", "code"]),
        ("instance-test", &["instance", "test", "code"]),
        ("projects", &["projects"]),
        ("sync", &["sync"]),
        ("findings", &["findings"]),
        ("finding", &["finding", &id, "--raw"]),
        ("vulnerabilities", &["vulnerabilities", "--limit", "5"]),
        ("weaknesses", &["weaknesses", "--limit", "5"]),
        ("secrets", &["secrets"]),
        ("packages", &["packages"]),
        ("dashboard", &["dashboard"]),
        ("coverage", &["coverage"]),
        ("runs", &["runs"]),
        ("runs", &["runs", "1"]),
        ("runs-prune", &["runs", "prune", "--keep", "90d"]),
        ("instance-schedule", &["instance", "schedule", "code", "--every", "1h"]),
        ("status", &["status"]),
        ("normalize", &["normalize", file]),
        ("conformance", &["conformance", "--only", "describe.manifest,settings.invalid"]),
        ("notify-set", &["notify", "set", "code", "--url", url, "--secret-file", &hook_secret]),
        ("notify-show", &["notify", "show", "code"]),
        ("notify-list", &["notify", "list"]),
        ("notify-remove", &["notify", "remove", "code"]),
        (
            "notify-alert-set",
            &[
                "notify",
                "alert",
                "set",
                "code",
                "--format",
                "mail",
                "--directory",
                &folder,
                "--from",
                "a@b.example",
                "--to",
                "c@d.example",
            ],
        ),
        ("notify-alert-list", &["notify", "alert", "list"]),
        ("notify-alert-test", &["notify", "alert", "test", "code", "--format", "mail"]),
        ("notify-alert-remove", &["notify", "alert", "remove", "code", "--format", "mail"]),
        ("webhook-secret", &["webhook", "secret", "code", "--from-file", &hook_secret]),
        ("webhook-secret", &["webhook", "secret", "code", "--remove"]),
        ("demo", &["demo", "--findings", "300"]),
    ];
    for (name, arguments) in commands {
        context.follows(name, &context.json(arguments));
    }
    context.follows("error", &context.run(&["finding", "0123456789abcdef", "--json"]).error());
}

#[test]
fn the_help_is_reviewed() {
    let context = TestContext::new(shape(), vec![]);
    insta::assert_snapshot!(context.stable(&context.ok(&["--help"])));
    for command in ["sync", "findings", "instance add"] {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        insta::assert_snapshot!(format!("help_{}", command.replace(' ', "_")), context.stable(&context.ok(&arguments)));
    }
}

#[test]
fn tables_are_reviewed() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let shown = |arguments: &[&str]| context.shown(arguments);
    insta::assert_snapshot!(shown(&["findings", "--limit", "5"]));
    insta::assert_snapshot!(shown(&["packages", "--limit", "5"]));
    insta::assert_snapshot!(shown(&["projects", "--search", "a"]));
}

#[test]
fn the_demo_agrees_with_its_world_and_shows_it() {
    let context = TestContext::new(shape(), vec![]);
    let shown = context.ok(&["demo", "--findings", "600", "--seed", "5"]);
    assert!(shown.contains("equal") && !shown.contains("DIFFERENT"), "{shown}");
    let report = context.json(&["demo", "--findings", "600", "--seed", "5"]);
    assert_eq!(report["agrees"], true);
    for number in ["pages", "requests", "received_bytes", "peak_memory_bytes"] {
        assert!(report["run"][number].as_u64() > Some(0), "{number}");
    }
}

#[test]
fn what_the_demo_advises_works_and_what_it_keeps_is_well() {
    let context = TestContext::new(shape(), vec![]);
    let kept = context.folder.path().join("a kept demo");
    let shown = context.ok(&["demo", "--findings", "300", "--keep", kept.to_str().unwrap()]);
    let (_, advised) = shown.split_once("What to do next:\n").unwrap();
    let advised: Vec<&str> = advised.lines().map(str::trim).collect();
    assert_eq!(advised.len(), 3, "{shown}");
    for command in &advised[..2] {
        // As a shell reads it.
        let command = command.replacen("harness", env!("CARGO_BIN_EXE_harness"), 1);
        let output = context.command_of("/bin/sh", &["-c", &command]).env("PATH", "/usr/bin:/bin").output().unwrap();
        let done = done(output);
        assert!(done.code == 0 && done.stdout.lines().count() > 3, "{command}: {}{}", done.stdout, done.stderr);
    }
    assert!(advised[2].starts_with("harness onboard ") && advised[2].contains(" # "), "{shown}");
    let kept = kept.to_str().unwrap();
    for doctor in [&["--data-dir", kept, "doctor"][..], &["--data-dir", kept, "doctor", "--online"]] {
        let diagnosis = context.json(doctor);
        let checks = diagnosis["checks"].as_array().unwrap();
        assert!(checks.iter().all(|it| it["condition"] == "good"), "{diagnosis:#}");
    }
    let paused = context.run(&["--data-dir", kept, "sync", "demo"]);
    assert!(paused.code == 1 && paused.stderr.contains("paused"), "{}", paused.stderr);
}

#[test]
fn completions_are_made_for_every_shell() {
    let context = TestContext::new(shape(), vec![]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(context.ok(&["completions", shell]).contains("harness"), "{shell}");
    }
}

/// Forms of output, each by another way.
const PRINTED: [&[&str]; 7] = [
    &["findings"],
    &["findings", "--json"],
    &["findings", "--csv"],
    &["completions", "bash"],
    &["schema", "findings"],
    &["--help"],
    &["instance", "list", "--help"],
];

#[test]
#[cfg(target_os = "linux")]
fn an_output_that_cannot_be_written_is_a_failure() {
    let context = TestContext::new(shape(), vec![]);
    for arguments in PRINTED {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let failed = done(context.command(arguments).stdout(full).output().unwrap());
        assert_eq!(failed.code, 1, "{arguments:?}: {}", failed.stderr);
        assert!(failed.stderr.contains("the output cannot be written: No space left"), "{}", failed.stderr);
    }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let context = TestContext::new(shape(), vec![]);
    for arguments in PRINTED {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let quiet = done(context.command(arguments).stdout(writer).output().unwrap());
        assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}
