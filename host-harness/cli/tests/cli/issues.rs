//! Two scanners that see the same: one issue with two sources.

use serde_json::{Value, json};
use vendor_sim::WorldShape;

use crate::support::TestContext;

fn context() -> TestContext {
    TestContext::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![])
}

fn fixture(name: &str) -> String {
    format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A result about a line that the connector's report is about too.
fn weakness() -> Value {
    json!({
        "ruleId": "py/command-line-injection", "message": { "text": "The command comes from outside." },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": "app/gr%C3%B6%C3%9Fe.py" }, "region": { "startLine": 7 },
        } }],
    })
}

/// A result about a package that the connector's report is about too, under
/// another number of the advisory.
fn vulnerability() -> Value {
    json!({
        "ruleId": "GHSA-35jh-r3h4-6jhm", "message": { "text": "lodash is vulnerable." },
        "properties": { "purl": "pkg:npm/lodash@4.17.21", "aliases": ["CVE-2021-23337"] },
    })
}

/// A report of another scanner, of a scan that ended well.
fn report(context: &TestContext, results: &[Value]) -> String {
    let report = json!({
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "Checker", "rules": [{
                "id": "py/command-line-injection", "properties": { "tags": ["security", "external/cwe/cwe-078"] },
            }] } },
            "invocations": [{ "executionSuccessful": true }],
            "results": results,
        }],
    });
    let path = context.folder.path().join("checker.sarif");
    std::fs::write(&path, report.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Issues of two sources as `kind title: status, sources with their statuses`.
fn told(context: &TestContext, more: &[&str]) -> Vec<String> {
    let arguments: Vec<&str> = ["issues"].into_iter().chain(more.iter().copied()).collect();
    let line = |issue: &Value| {
        let word = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
        let sources = issue["sources"].as_array().unwrap().iter();
        let sources: Vec<String> = sources.map(|it| format!("{} {}", word(it, "source"), word(it, "status"))).collect();
        let place = word(issue, if issue["package"].is_null() { "path" } else { "package" });
        format!("{} {place} {}: {}", word(issue, "kind"), word(issue, "status"), sources.join(", "))
    };
    let mut lines: Vec<String> = context.json(&arguments)["issues"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn two_scanners_see_one_issue_and_it_survives_one_of_them() {
    let context = context();
    for file in ["cli/current.json", "cli/supply-chain.json"] {
        context.ok(&["import", &fixture(file), "--project", "acme/shop"]);
    }
    assert!(told(&context, &["--sources-min", "2"]).is_empty());
    let both = report(&context, &[weakness(), vulnerability()]);
    let import = ["import", "--source", "checker", "--project", "acme/shop", &both];
    insta::assert_snapshot!(context.ok(&import), @r"
    Imported checker.sarif: sarif of Checker
      2 records = 2 findings
      run 3: 2 new, 0 changed, 0 vanished
      the report says nothing of the rule `GHSA-35jh-r3h4-6jhm` (unknown-rule)
    ");
    let joined = ["sast app/größe.py open: checker open, files open", "sca lodash open: checker open, files open"];
    assert_eq!(told(&context, &["--sources-min", "2"]), joined);
    let issue = context.json(&["issues", "--advisory", "ghsa-35jh-r3h4-6jhm"])["issues"][0].clone();
    assert_eq!(issue["versions"], json!(["4.17.20", "4.17.21"]));
    assert_eq!(issue["advisories"], json!(["CVE-2021-23337", "GHSA-35jh-r3h4-6jhm"]));
    let shown = context.json(&["issue", issue["id"].as_str().unwrap()]);
    assert_eq!((&shown["id"], shown["findings"].as_array().unwrap().len()), (&issue["id"], 2));

    // The same report again changes nothing.
    let before = context.content();
    let again = context.json(&import);
    let counts = &again["imports"][0]["run"];
    assert_eq!((&counts["unchanged"], &counts["new"], &counts["changed"]), (&json!(2), &json!(0), &json!(0)));
    assert_eq!(context.content(), before);

    // A complete report without the weakness: the other source still sees it.
    let one = report(&context, &[vulnerability()]);
    context.ok(&["import", "--source", "checker", "--project", "acme/shop", &one]);
    assert_eq!(told(&context, &["--sources-min", "2"]), joined, "absence alone says nothing");
    let complete = ["import", "--source", "checker", "--project", "acme/shop", &one, "--complete"];
    let complete = [&complete[..], &["--kind", "sast", "--kind", "sca"]].concat();
    // What cannot be read may be the other part of the same scan.
    let torn = context.file("torn.sarif", "{\"version\": \"2.1.0\", \"runs\": [");
    let done = context.run(&[&complete[..], &[torn.as_str()]].concat());
    assert_eq!(done.code, 3, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("--complete closes nothing, since not every file can be read"), "{}", done.stdout);
    assert_eq!(told(&context, &["--sources-min", "2"]), joined);
    context.ok(&complete);
    assert_eq!(told(&context, &["--sources-min", "2"]), [joined[1]]);
    assert_eq!(
        told(&context, &["--path", "größe.py", "--source", "files"]).len(),
        1,
        "what is set aside is not listed"
    );
    assert_eq!(told(&context, &["--path", "größe.py", "--source", "files", "--include-closed"]).len(), 2);
    let left = told(&context, &["--path", "größe.py"]);
    assert!(left.contains(&"sast app/größe.py open: checker vanished, files open".to_owned()), "{left:?}");
}

#[test]
fn what_another_scanner_reports_of_an_accepted_issue_is_accepted() {
    let context = context();
    context.ok(&["import", &fixture("cli/current.json"), "--project", "acme/shop"]);
    let issue = context.json(&["issues", "--path", "größe.py"])["issues"][0]["id"].as_str().unwrap().to_owned();
    let set = ["triage", "set", "--issue", &issue, "--decision", "accepted-risk", "--reason", "not exposed"];
    context.ok(&[&set[..], &["--author", "ada"]].concat());
    let import = ["import", "--source", "checker", "--project", "acme/shop", &report(&context, &[weakness()])];
    context.ok(&import);
    let all = ["--path", "größe.py", "--include-closed"];
    let ignored = "sast app/größe.py ignored: checker ignored, files ignored".to_owned();
    assert!(told(&context, &all).contains(&ignored), "{:?}", told(&context, &all));
    let shown = context.json(&["issue", &issue]);
    context.follows("issue", &shown);
    let decisions = shown["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 2);
    assert!(decisions.iter().all(|it| it["author"] == "ada" && it["issue"] == shown["id"]), "{shown:#}");
    assert!(context.ok(&["issue", &issue]).contains("not exposed"));
    context.ok(&["triage", "clear", "--issue", &issue]);
    assert!(told(&context, &all).contains(&"sast app/größe.py open: checker open, files open".to_owned()));
}

#[test]
fn a_source_of_reports_has_nothing_to_sync() {
    let context = context();
    let mut printed = Vec::new();
    let (sarif, alien) = (fixture("reports/sarif/gitleaks.sarif"), fixture("cli/current.json"));
    let failed = fixture("reports/gitlab/failed.json");
    for (arguments, shown) in [
        (&["import", "--source", "leaks", &alien, "--project", "acme/shop"][..], "a file that is no report"),
        (&["instance", "list"], "instance list"),
        (&["import", "--source", "leaks", &sarif], "no project"),
        (&["import", "--source", "leaks", &sarif, "--project", "acme/shop", "--format", "sarf"], "no format"),
        (&["import", "--source", "leaks", &failed, "--project", "acme/shop", "--complete"], "no complete scan"),
        (&["import", "--source", "leaks", &sarif, "--project", "acme/shop"], "a report"),
        (&["import", "--instance", "leaks", &sarif, "--project", "acme/shop"], "the same"),
        (&["instance", "show", "leaks"], "instance show"),
        (&["instance", "test", "leaks"], "instance test"),
        (&["sync"], "sync"),
        (&["sync", "leaks"], "sync leaks"),
        (&["renormalize", "leaks"], "renormalize leaks"),
    ] {
        let done = context.run(arguments);
        // Times differ from run to run.
        let text: Vec<String> = format!("{}{}", done.stdout, done.stderr)
            .lines()
            .filter(|line| !["checked", "last run"].iter().any(|word| line.trim_start().starts_with(word)))
            .map(str::to_owned)
            .collect();
        printed.push(format!("# {shown}\n{}\n[{}]", text.join("\n"), done.code));
    }
    insta::assert_snapshot!(context.stable(&printed.join("\n\n")));
}
