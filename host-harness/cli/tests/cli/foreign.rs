//! What reports, vendors and names of files say is shown, and nothing acts on it:
//! no terminal, no pipeline, no spreadsheet.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::Value;
use vendor_sim::WorldShape;

use crate::support::{Done, TestContext};

/// What every text of others begins and ends with here.
const BEGIN: &str = "::error::mk ";
const END: &str = "\n \t::error::mk\u{1b}[8m\u{9b}8m\u{7f}\u{202e}\u{2028}##vso[x]##[y]\r\n;=1|+1";

/// Texts that something has to be found by, or that are no texts.
const KEPT: [&str; 13] = [
    "$schema",
    "bomFormat",
    "specVersion",
    "slug",
    "cursor",
    "id",
    "created_at",
    "relevant_since",
    "state",
    "status",
    "purl",
    "ecosystem",
    "primary_branch",
];

/// Puts the marks into every text of a JSON but for those that are kept.
fn mark(value: &mut Value, key: &str, kept: &[&str]) {
    match value {
        _ if kept.contains(&key) => {}
        Value::String(text) if !KEPT.contains(&key) => {
            // What is no address is left out by whoever reads it.
            let begin = if key == "uri" || key == "url" { "" } else { BEGIN };
            *text = format!("{begin}{text}{END}");
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mark(item, key, kept)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| mark(value, key, kept)),
        _ => {}
    }
}

/// A file like one of the fixtures, with marks.
fn marked(context: &TestContext, fixture: &str, name: &str) -> String {
    let path = format!("{}/../../fixtures/{fixture}", env!("CARGO_MANIFEST_DIR"));
    let mut json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let version = json.get("version").cloned();
    mark(&mut json, "", &["repository"]);
    if let (Some(version), Some(fields)) = (version, json.as_object_mut()) {
        fields.insert("version".to_owned(), version);
    }
    context.file(name, &json.to_string())
}

/// Stands before the simulated vendor and marks all that it says.
fn marking(vendor: &str) -> String {
    let vendor = vendor.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for caller in listener.incoming() {
            let vendor = vendor.clone();
            // A caller that went away gets nothing.
            thread::spawn(move || caller.and_then(|caller| answer(caller, &vendor)));
        }
    });
    format!("http://{address}")
}

fn answer(mut caller: TcpStream, vendor: &str) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(caller.try_clone()?);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let asked_for = head.lines().next().unwrap_or_default().to_owned();
    let mut asked = TcpStream::connect(vendor)?;
    asked.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let mut text = String::new();
    asked.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.lines().next().unwrap_or_default();
    let body = match serde_json::from_str::<Value>(body) {
        Ok(mut json) => {
            // Projects are asked for by their names.
            let kept = if asked_for.contains("/projects") { "name" } else { "repository" };
            mark(&mut json, "", &[kept]);
            json.to_string()
        }
        Err(_) => body.to_owned(),
    };
    let length = body.len();
    let head = format!("{status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close");
    caller.write_all(format!("{head}\r\n\r\n{body}").as_bytes())
}

/// A store with findings of a report of each format, of a file of the vendor's
/// tool, and of the vendor.
fn context() -> TestContext {
    let world = WorldShape { projects: 3, sast: 20, sca: 20, secrets: 5, dependencies: 5, ..WorldShape::default() };
    let context = TestContext::new(world, vec![]);
    let (origin, token) = (marking(context.simulator.url()), context.token_file());
    let set = format!("origin={origin}");
    let usual = ["instance", "add", "code", "--set", &set, "--allow-private-origin", &origin, "--token-file", &token];
    looked_at(&context, &usual);
    looked_at(&context, &["mapping", "mode", "code", "create"]);
    looked_at(&context, &["sync", "-vv"]);
    for (fixture, source, name) in [
        ("reports/sarif/trivy.sarif", "sarif", "sarif\n::error::mk.sarif"),
        ("reports/cyclonedx/trivy.json", "cyclonedx", "::error::mk##[x].json"),
        ("reports/osv-scanner/lockfiles.json", "osv", "\u{202e}osv.json"),
        ("reports/gitlab/sast.json", "gitlab", "gitlab\u{1b}[8m.json"),
    ] {
        let file = marked(&context, fixture, name);
        looked_at(&context, &["import", "-vv", "--source", source, "--project", "::error::mk p", &file]);
    }
    let file = marked(&context, "cli/current.json", "vendor.json");
    looked_at(&context, &["import", "-vv", "--instance", "code", "--project", "::error::mk p", &file]);
    let policy = "[[policy]]\nid = \"a\"\ntitle = \"::error::mk t\"\nseverity = \"high\"\nwhen = \"true\"\n";
    looked_at(&context, &["policy", "import", &context.file("policy.toml", policy)]);
    for arguments in [&["--dry-run"][..], &[]] {
        let set = ["triage", "set", "--text", "a", "--decision", "wont-fix", "--reason", "\n::error::mk r\u{1b}[8m"];
        let more = ["--author", "::error::mk a", "--assignee", "::error::mk b", "--comment", END, "--label", "=1"];
        looked_at(&context, &[&set, &more, arguments].concat());
    }
    assert!(context.json(&["findings", "--include-closed", "--include-non-security"])["total"].as_u64() > Some(20));
    context
}

/// Runs a command and looks at all that it prints.
fn looked_at(context: &TestContext, arguments: &[&str]) -> Done {
    let done = context.run(arguments);
    assert!((0..=4).contains(&done.code), "{arguments:?}: {} {}", done.code, done.stderr);
    for text in [&done.stdout, &done.stderr] {
        // Lines of CSV end with two signs.
        for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
            let acts = |sign: char| sign.is_control() || matches!(sign, '\u{202e}' | '\u{2028}');
            assert!(!line.contains(acts), "a terminal acts on a line of {arguments:?}: {line:?}");
            let seen = line.trim_start();
            assert!(!seen.starts_with("::"), "a line of {arguments:?} is a command: {line:?}");
            assert!(!line.contains("##vso") && !line.contains("##["), "a line of {arguments:?} holds one: {line:?}");
            let begins = [": :", "error::", "mk"].iter().any(|begin| line.starts_with(begin));
            assert!(!begins, "a line of {arguments:?} begins with what others say: {line:?}");
        }
    }
    done
}

/// Commands that read, with what they need.
const READS: [&[&str]; 67] = [
    &["link"],
    &["token", "list"],
    &["audit", "list"],
    &["audit", "verify"],
    &["inspect"],
    &["conformance", "--only", "describe.manifest"],
    &["call", "list-projects", "--against", "ORIGIN", "--token-file", "TOKEN"],
    &["rehearse", "--against", "ORIGIN", "--token-file", "TOKEN"],
    &["instance", "list"],
    &["instance", "show", "code"],
    &["instance", "test", "code"],
    &["instance", "schedule", "code"],
    &["tenant", "list"],
    &["tenant", "show", "default"],
    &["vault", "show"],
    &["projects"],
    &["repositories", "list"],
    &["repositories", "show", "REPOSITORY"],
    &["mapping", "list"],
    &["mapping", "suggest"],
    &["mapping", "mode", "code"],
    &["mapping", "restore", "PROJECT"],
    &["sync"],
    &["findings", "--include-closed", "--include-non-security"],
    &["vulnerabilities", "--include-closed", "--include-non-security"],
    &["weaknesses", "--include-closed", "--include-non-security"],
    &["secrets", "--include-closed", "--include-non-security"],
    &["export", "ndjson", "--include-closed", "--include-non-security"],
    &["export", "csv", "--include-closed", "--include-non-security"],
    &["export", "sarif", "--include-closed", "--include-non-security"],
    &["export", "cyclonedx", "--include-closed", "--include-non-security"],
    &["export", "openvex", "--include-closed", "--include-non-security"],
    &["export", "gitlab-sast", "--include-closed", "--include-non-security"],
    &["export", "gitlab-dependencies", "--include-closed", "--include-non-security"],
    &["export", "gitlab-secrets", "--include-closed", "--include-non-security"],
    &["export", "defectdojo", "--include-closed", "--include-non-security"],
    &["export", "ocsf", "--include-closed", "--include-non-security"],
    &["export", "html", "--include-closed", "--include-non-security"],
    &["finding", "FINDING", "--raw"],
    &["issues", "--include-closed", "--include-non-security"],
    &["issue", "ISSUE"],
    &["advisories", "show", "CVE-2021-23337"],
    &["triage", "list"],
    &["triage", "export"],
    &["policy", "list"],
    &["policy", "show", "a"],
    &["policy", "init"],
    &["policy", "check"],
    &["policy", "results"],
    &["packages", "--include-unused"],
    &["connector", "list"],
    &["catalogue", "list"],
    &["catalogue", "search"],
    &["catalogue", "outdated"],
    &["dashboard"],
    &["coverage"],
    &["renormalize", "--dry-run"],
    &["runs"],
    &["status"],
    &["notify", "show", "code"],
    &["notify", "list"],
    &["notify", "deliveries"],
    &["notify", "alert", "list"],
    &["webhook", "events"],
    &["schema", "findings"],
    &["doctor"],
    &["normalize", "FILE"],
];

/// The other commands: they change something, and say only what was done to
/// things that a person named, or are looked at elsewhere.
const OTHERS: [&str; 55] = [
    "new",
    "demo",
    "onboard",
    "connector install",
    "connector update",
    "connector remove",
    "catalogue add",
    "catalogue remove",
    "catalogue build",
    "catalogue sign",
    "catalogue generate-key",
    "instance add",
    "instance rotate-token",
    "instance set",
    "instance pause",
    "instance resume",
    "instance delete",
    "tenant add",
    "tenant delete",
    "vault generate-key",
    "vault rekey",
    "repositories import",
    "repositories add",
    "repositories remove",
    "mapping accept",
    "mapping set",
    "mapping unset",
    "mapping ignore",
    "mapping metadata",
    "import",
    "advisories import",
    "advisories clear",
    "triage set",
    "triage clear",
    "triage import",
    "triage push",
    "policy import",
    "policy remove",
    "runs prune",
    "serve",
    "token add",
    "token revoke",
    "daemon",
    "notify set",
    "notify remove",
    "notify test",
    "notify resend",
    "notify alert set",
    "notify alert remove",
    "notify alert test",
    "webhook secret",
    "mock-vendor",
    "backup",
    "restore",
    "completions",
];

/// All commands, as the help tells them.
fn commands(context: &TestContext, group: &[&str]) -> BTreeSet<String> {
    let help = context.ok(&[group, &["--help"]].concat());
    let listed = match group {
        [] => help.split("Global options:").next().unwrap(),
        _ => help.split_once("Commands:\n").map_or("", |(_, listed)| listed.split("\n\n").next().unwrap()),
    };
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).filter(|it| *it != "help").collect();
    let mut all: BTreeSet<String> =
        names.iter().flat_map(|name| commands(context, &[group, &[*name]].concat())).collect();
    let usage = help.lines().find(|line| line.starts_with("Usage:")).unwrap();
    if !usage.contains("<COMMAND>") {
        all.insert(group.join(" "));
    }
    all
}

#[test]
fn no_line_of_any_output_begins_with_what_a_report_says() {
    let context = context();
    let known: BTreeSet<String> = READS
        .iter()
        .map(|arguments| commands_name(arguments))
        .chain(OTHERS.iter().map(|name| (*name).to_owned()))
        .collect();
    assert_eq!(commands(&context, &[]), known, "a command is not in the lists of this test");

    let first = |arguments: &[&str], list: &str, field: &str| {
        context.json(arguments)[list][0][field].as_str().unwrap().to_owned()
    };
    let all = ["--include-closed", "--include-non-security"];
    let finding = first(&[&["findings"], &all[..]].concat(), "findings", "id");
    let issue = first(&[&["issues"], &all[..]].concat(), "issues", "id");
    let project = context.json(&["projects"])["projects"][0]["name"].as_str().unwrap().to_owned();
    let repositories = context.json(&["repositories", "list"]);
    let repository = repositories["repositories"][0]["full_name"].as_str().unwrap_or("none").to_owned();
    let file = marked(&context, "cli/current.json", "again.json");
    let origin = context.json(&["instance", "show", "code"])["settings"]["origin"].as_str().unwrap().to_owned();
    let token = context.token_file();
    let runs = context.json(&["runs"])["runs"].as_array().unwrap().len().to_string();
    let numbers: Vec<String> = (1..=runs.parse().unwrap()).map(|run: usize| run.to_string()).collect();
    let single = numbers.iter().map(|run| vec!["runs", run.as_str()]);
    let (mut shown, mut spreadsheets) = (0, 0);
    for arguments in READS.iter().map(|it| it.to_vec()).chain(single) {
        let place = |it: &&str| match *it {
            "FINDING" => finding.clone(),
            "ISSUE" => issue.clone(),
            "PROJECT" => project.clone(),
            "REPOSITORY" => repository.clone(),
            "FILE" => file.clone(),
            "ORIGIN" => origin.clone(),
            "TOKEN" => token.clone(),
            it => it.to_owned(),
        };
        let arguments: Vec<String> = arguments.iter().map(place).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let plain = looked_at(&context, &[&arguments, &["-vv"][..]].concat());
        shown += usize::from(plain.stdout.contains("error::mk"));
        let json = looked_at(&context, &[&arguments, &["--json"][..]].concat());
        // An export has the form that its format says.
        if json.code == 0 && !arguments.iter().any(|it| ["policy", "export"].contains(it)) {
            serde_json::from_str::<Value>(&json.stdout).unwrap();
        }
        let csv = context.run(&[&arguments, &["--csv"][..]].concat());
        if csv.code == 0 {
            looked_at(&context, &[&arguments, &["--csv"][..]].concat());
            for field in csv.stdout.split([';', '|', '\n']) {
                let formula = field.trim_start_matches('"').trim_start().starts_with(['=', '+', '-', '@']);
                assert!(!formula, "{arguments:?}: {field}");
            }
            spreadsheets += 1;
        }
    }
    assert!(shown > 12 && spreadsheets >= 6, "{shown} {spreadsheets}");
}

/// A command without its arguments.
fn commands_name(arguments: &[&str]) -> String {
    let groups = [
        "instance",
        "tenant",
        "token",
        "audit",
        "vault",
        "connector",
        "catalogue",
        "repositories",
        "mapping",
        "advisories",
        "triage",
        "policy",
        "notify",
        "webhook",
    ];
    let words = match arguments {
        ["notify", "alert", ..] => 3,
        [group, ..] if groups.contains(group) => 2,
        _ => 1,
    };
    arguments[..words].join(" ")
}

#[test]
fn no_error_begins_a_line_with_what_others_say() {
    let context = context();
    let evil = format!("{BEGIN}x{END}");
    let option = format!("--x{END}");
    let file = context.file("bad\n::error::mk\u{1b}[8m##[x]", "{ no report");
    for arguments in [
        &["repositories", "show", &evil][..],
        &["mapping", "set", &evil, &evil],
        &["policy", "show", &evil],
        &["advisories", "show", &evil],
        &["findings", "--status", &evil],
        &["findings", "--severity", &evil],
        &["findings", &option],
        &["import", &file],
        &["import", "--source", "sarif", &file],
        &["normalize", &file],
        &["policy", "import", &file],
        &["repositories", "import", &file],
        &["notify", "set", "code", "--url", &evil, "--secret-file", &file],
        &["--connector", &file, "inspect"],
        &["--tenant", &evil, "findings"],
        &["schema", &evil],
    ] {
        for more in [&["-vv"][..], &["--json"]] {
            let done = looked_at(&context, &[arguments, more].concat());
            assert_ne!(done.code, 0, "{arguments:?}");
        }
    }
}

#[test]
fn a_finding_of_any_length_is_shown() {
    let context = TestContext::new(WorldShape { projects: 1, sast: 0, sca: 0, ..WorldShape::default() }, vec![]);
    let word = "a".repeat(40_000);
    let place = serde_json::json!({ "physicalLocation": {
        "artifactLocation": { "uri": format!("a/{word}") }, "region": { "startLine": 1, "snippet": { "text": word } },
    } });
    let report = serde_json::json!({ "version": "2.1.0", "runs": [{
        "tool": { "driver": { "name": "X" } },
        "results": [{ "ruleId": word, "message": { "text": word }, "locations": [place] }],
    }] });
    let file = context.file("long.sarif", &report.to_string());
    context.run(&["import", "--source", "long", "--project", "p", &file]);
    let list = context.json(&["findings", "--include-closed", "--include-non-security"]);
    let id = list["findings"][0]["id"].as_str().unwrap().to_owned();
    let issue = context.json(&["issues", "--include-closed", "--include-non-security"])["issues"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for arguments in [&["finding", &id][..], &["issue", &issue], &["findings", "--include-closed"], &["runs", "1"]] {
        let text = context.ok(arguments);
        let longest = text.split([' ', '\n', '─']).map(|word| word.chars().count()).max().unwrap();
        assert!(longest <= 4_200 && text.len() < 400_000, "{arguments:?}: {longest} {}", text.len());
    }
    assert!(context.ok(&["finding", &id]).contains("--json has all"));
    assert!(context.json(&["finding", &id]).to_string().len() > 40_000);
}
