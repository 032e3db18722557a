//! `mock-vendor` as somebody runs it: what goes wrong, and a vendor that moves on.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::support::{Done, TOKEN, TestContext, shape};

/// The process, until it is dropped.
struct MockVendor {
    process: Child,
    url: String,
}

impl MockVendor {
    fn start(context: &TestContext, options: &[&str]) -> Self {
        let usual = ["mock-vendor", "--findings", "600", "--accept-token", TOKEN];
        let mut command: Command = context.command(&[&usual[..], options].concat());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, url) = line.trim().rsplit_once(" at ").unwrap();
        Self { url: url.to_owned(), process }
    }

    /// An instance of it, with each finding once over all branches.
    fn add(&self, context: &TestContext) -> Done {
        let origin = format!("origin={}", self.url);
        let token = context.token_file();
        context.run(&[
            "instance",
            "add",
            "sim",
            "--set",
            &origin,
            "--set",
            "branches=all",
            "--set",
            "duplicates=merged",
            "--set",
            r#"kinds=["sast","sca","secrets"]"#,
            "--allow-private-origin",
            &self.url,
            "--token-file",
            &token,
        ])
    }

    /// Sends a request to the simulator itself.
    fn post(&self, path: &str, body: &str) -> Value {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}");
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for MockVendor {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn a_token_without_a_deployment_is_told_what_is_missing() {
    let context = TestContext::new(shape(), vec![]);
    let vendor = MockVendor::start(&context, &["--scenario", "no-deployment"]);
    let added = vendor.add(&context);
    assert_eq!(added.code, 1);
    insta::assert_snapshot!(added.stderr.trim_end(), @r"
    error: default/sim: no deployment: the token is right, but Semgrep shows it none: its organization has no deployment, or none that is active
      hint: sign in to the vendor and make sure that there is an active deployment (organization), then create the token there
    ");
}

#[test]
fn a_refusal_names_what_it_is_for() {
    let context = TestContext::new(shape(), vec![]);
    let vendor = MockVendor::start(&context, &["--scenario", "forbidden"]);
    let added = vendor.add(&context);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let shown = context.json(&["instance", "show", "sim"]).to_string();
    let refused = |kind| {
        format!(
            "Semgrep does not let this token read `{kind}` of the deployment `demo-corp` \
             (GET /api/v1/deployments/demo-corp/findings answered 403): Forbidden"
        )
    };
    assert!(shown.contains(&refused("sast")) && shown.contains(&refused("sca")), "{shown}");
    // The secrets are another endpoint.
    let run = context.json_in_part(&["sync", "sim"])["runs"][0].clone();
    assert!(run["new"].as_u64().unwrap() > 0, "{run:#}");
    assert!(run.to_string().contains("answered 403"), "{run:#}");
    // Without them there is nothing to be read, and no success to tell of.
    context.ok(&["instance", "set", "sim", "--set", r#"kinds=["sast"]"#]);
    let tested = context.run(&["instance", "test", "sim"]);
    assert!(tested.stdout.contains("but the token reads no kind of findings"), "{}{}", tested.stdout, tested.stderr);
    assert!(!tested.stdout.contains("successful"), "{}", tested.stdout);
    let origin = format!("origin={}", vendor.url);
    let token = context.token_file();
    let only =
        ["--set", &origin, "--set", r#"kinds=["sast"]"#, "--token-file", &token, "--allow-private-origin", &vendor.url];
    let added = context.run(&[&["instance", "add", "less"][..], &only].concat());
    assert_eq!(added.code, 3, "{}{}", added.stdout, added.stderr);
    assert!(added.stdout.contains("No kind can be read") && !added.stdout.contains("Next:"), "{}", added.stdout);
}

#[test]
fn a_token_that_is_revoked_midway_keeps_what_came_before() {
    let context = TestContext::new(shape(), vec![]);
    let vendor = MockVendor::start(&context, &["--scenario", "unauthorized-midway"]);
    assert_eq!(vendor.add(&context).code, 0);
    let synced = context.run(&["sync", "sim"]);
    assert_ne!(synced.code, 0);
    assert!(synced.stderr.contains("refused the token as wrong or expired"), "{}", synced.stderr);
    assert!(synced.stderr.contains("harness instance rotate-token"), "{}", synced.stderr);
    let found = || {
        context.json(&["findings", "--include-closed", "--include-non-security", "--limit", "100000"])["total"].clone()
    };
    let came = found();
    assert!(came.as_u64().unwrap() > 0);
    // It stays revoked, until the vendor takes it again.
    assert_ne!(context.run(&["sync", "sim"]).code, 0);
    assert_eq!(found(), came);
    assert_eq!(vendor.post("/_sim/faults", "[]")["faults"], 0);
    context.ok(&["sync", "sim"]);
    assert!(found().as_u64() > came.as_u64());
}

#[test]
fn fetches_that_end_for_one_reason_are_one_line_of_the_report() {
    let context = TestContext::new(shape(), vec![]);
    let vendor = MockVendor::start(&context, &["--scenario", "endless-pages"]);
    assert_eq!(vendor.add(&context).code, 0);
    let synced = context.run(&["sync", "sim"]);
    assert_eq!(synced.code, 3, "{}", synced.stderr);
    assert!(!synced.stderr.contains("WARN"), "{}", synced.stderr);
    let told = context.json(&["runs", "1"])["runs"][0]["message"].as_str().unwrap().to_owned();
    // The secrets' cursor does not move on, which is another reason.
    let (pages, cursor) = told.split_once("\n  ").unwrap();
    assert!(pages.starts_with("sast, sca of ") && pages.contains(": 3 consecutive pages"), "{told}");
    assert!(cursor.starts_with("secrets of ") && cursor.contains(" and 1 more: "), "{told}");
    assert_eq!(synced.stdout.matches("3 consecutive pages").count(), 1, "{}", synced.stdout);
}

#[test]
fn a_project_that_was_never_scanned_is_not_clean() {
    let context = TestContext::new(shape(), vec![]);
    let vendor = MockVendor::start(&context, &["--never-scanned", "2"]);
    assert_eq!(vendor.add(&context).code, 0);
    context.ok(&["sync", "sim"]);
    let projects = context.ok(&["projects"]);
    assert_eq!(projects.matches("never scanned").count(), 2, "{projects}");
    // That it has no findings is not said without that.
    let listed = context.json(&["projects"]);
    let rows = listed["projects"].as_array().unwrap();
    let never: Vec<_> = rows.iter().filter(|row| row["outcome"] == "never-scanned").collect();
    let name = never[0]["name"].as_str().unwrap();
    let policies = context.file("p.toml", "[[policy]]\nid = 'a'\ntitle = 'A'\nseverity = 'high'\nwhen = 'is_open'\n");
    context.ok(&["policy", "import", &policies]);
    let checked = context.run(&["policy", "check", "--project", name]);
    assert!(checked.stderr.contains("the vendor knows of no scan of"), "{}", checked.stderr);
    assert_eq!(context.run(&["policy", "check"]).stderr, "");
    for list in ["findings", "vulnerabilities", "weaknesses", "issues", "packages", "dashboard"] {
        let empty = context.ok(&[list, "--project", name]);
        assert!(empty.contains(&format!("the vendor knows of no scan of `{name}`")), "{list}: {empty}");
    }
}

#[test]
fn an_empty_list_tells_what_was_not_done() {
    let context = TestContext::new(shape(), vec![]);
    context.ok(&["tenant", "add", "default"]);
    let lists = ["findings", "secrets", "issues", "packages", "coverage", "dashboard", "projects", "runs"];
    for list in lists {
        let empty = context.ok(&[list]);
        assert!(empty.contains("Set up an instance with: harness onboard"), "{list}: {empty}");
    }
    context.added();
    for list in lists {
        let empty = context.ok(&[list]);
        assert!(empty.contains("nothing was synced yet. Fetch findings with: harness sync"), "{list}: {empty}");
    }
    // Nor was it by a sync that failed.
    let vendor = MockVendor::start(&context, &[]);
    assert_eq!(vendor.add(&context).code, 0);
    drop(vendor);
    assert_eq!(context.run(&["sync", "sim", "--max-wait", "1"]).code, 1);
    let empty = context.ok(&["findings", "--instance", "sim"]);
    assert!(empty.contains("nothing was synced yet"), "{empty}");
}

#[test]
fn what_a_vendor_does_in_three_days_is_counted() {
    let context = TestContext::new(shape(), vec![]);
    let vendor = MockVendor::start(&context, &[]);
    assert_eq!(vendor.add(&context).code, 0);
    context.ok(&["sync", "sim"]);
    let mut total = [0; 5];
    for day in 1..=3 {
        let changes = vendor.post("/_sim/advance", "");
        assert_eq!(changes["step"], day);
        let sum = |what: &str| -> u64 {
            ["sast", "sca", "secrets"].iter().map(|kind| changes[*kind][what].as_u64().unwrap()).sum()
        };
        context.ok(&["sync", "sim", "--full"]);
        let run = context.json(&["runs", "--limit", "1"])["runs"][0].clone();
        let detail = context.json(&["runs", &run["id"].to_string()]);
        let counted = |what: &str| -> u64 {
            detail["projects"].as_array().unwrap().iter().map(|it| it[what].as_u64().unwrap()).sum()
        };
        assert_eq!(run["state"], "complete", "{run:#}");
        assert_eq!(run["new"].as_u64().unwrap(), sum("new"), "{run:#}");
        assert_eq!(run["vanished"].as_u64().unwrap(), sum("vanished"), "{run:#}");
        let changed = sum("fixed") + sum("ignored") + sum("reopened") + sum("moved");
        assert_eq!(run["changed"].as_u64().unwrap(), changed, "{run:#}");
        assert_eq!((counted("fixed"), counted("reopened")), (sum("fixed"), sum("reopened")), "day {day}");
        for (total, what) in total.iter_mut().zip(["new", "fixed", "reopened", "ignored", "vanished"]) {
            *total += sum(what);
        }
    }
    assert!(total.iter().all(|count| *count > 0), "each of them can be seen: {total:?}");
}

#[test]
fn the_help_lists_the_scenarios() {
    let context = TestContext::new(shape(), vec![]);
    let help = context.ok(&["mock-vendor", "--help"]);
    for (name, about) in vendor_sim::Scenario::described() {
        let words: Vec<&str> = about.split_whitespace().take(3).collect();
        assert!(help.contains(name) && help.contains(&words.join(" ")), "{name}: {help}");
    }
    let wrong = context.run(&["mock-vendor", "--scenario", "no-deployments"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("no-deployment"), "{}", wrong.stderr);
}
