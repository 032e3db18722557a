use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};

use appsec_grant::InstanceName;
use appsec_ingest::{CompleteFile, ImportOptions, ImportOutcome, ImportReport, Vanishing};
use appsec_store::{Filter, IssueFilter};

use crate::{
    Error, Tenant,
    test_context::{TestContext, name},
};

/// Name of the source.
const SOURCE: &str = "checker";

/// A tenant with a source, and a place for reports. No sandbox is ever started.
async fn source() -> (TestContext, Tenant) {
    let context = TestContext::new();
    let tenant = context.tenant("acme");
    assert!(tenant.source(&name(SOURCE)).await.unwrap().1);
    (context, tenant)
}

async fn import(tenant: &Tenant, path: PathBuf, options: ImportOptions) -> Result<ImportReport, Error> {
    let options = ImportOptions { project: Some("acme/shop".to_owned()), ..options };
    tenant.import(&name(SOURCE), &path, options, Arc::new(|_| ())).await
}

/// Findings as `title status severity`, by title.
fn findings(tenant: &Tenant) -> Vec<String> {
    let filter = Filter { limit: 9999, ..Filter::default() };
    let (rows, _) = tenant.store().run_now(|store| store.findings(&filter)).unwrap();
    let line = |row: &appsec_store::FindingRow| format!("{} {} {}", row.title, row.status, row.severity.as_str());
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.sort();
    lines
}

async fn import_json(context: &TestContext, report: &Value, options: ImportOptions) -> Result<ImportReport, Error> {
    import(&context.tenant("acme"), context.file("report.json", report.to_string()), options).await
}

fn sarif(tool: &str, level: &str, messages: &[&str]) -> Value {
    let result = |message: &&str| {
        json!({
            "ruleId": "r", "message": { "text": message },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": "a.py" }, "region": { "startLine": 1 } } }],
        })
    };
    let rule = json!({ "id": "r", "defaultConfiguration": { "level": level }, "properties": { "tags": ["CWE-79"] } });
    json!({
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": tool, "rules": [rule] } },
            "invocations": [{ "executionSuccessful": true }],
            "results": messages.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn complete() -> ImportOptions {
    ImportOptions { complete: true, kinds: vec!["sast".into()], ..ImportOptions::default() }
}

fn on(branch: &str) -> ImportOptions {
    ImportOptions { r#ref: Some(branch.to_owned()), ..ImportOptions::default() }
}

fn added_up(outcome: &ImportOutcome) -> u64 {
    let ImportOutcome { findings, packages, rejected, skipped, unchanged, duplicate, filtered, unmapped, .. } =
        *outcome;
    findings + packages + rejected + skipped + unchanged + duplicate + filtered + unmapped
}

#[tokio::test]
async fn every_record_of_every_report_is_accounted_for_and_the_second_time_changes_nothing() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/reports");
    for format in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(format.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let (_context, tenant) = source().await;
            let first = import(&tenant, path.clone(), ImportOptions::default()).await.unwrap();
            assert_eq!(added_up(&first.outcome), first.outcome.records, "{path:?}: {:?}", first.outcome);
            assert_eq!(first.outcome.records, first.summary.records);
            let before = findings(&tenant);
            let again = import(&tenant, path.clone(), ImportOptions::default()).await.unwrap();
            let outcome = again.outcome;
            assert_eq!(
                outcome.unchanged + outcome.duplicate + outcome.rejected,
                outcome.records,
                "{path:?}: {outcome:?}"
            );
            assert_eq!(findings(&tenant), before);
            // Every finding is of one issue.
            let filter = IssueFilter { limit: 9999, ..IssueFilter::default() };
            let (issues, _) = tenant.issues(filter).await.unwrap();
            let of_issues: usize = issues.iter().flat_map(|it| &it.sources).map(|it| it.findings.len()).sum();
            assert_eq!(of_issues, before.len());
        }
    }
}

#[tokio::test]
async fn what_a_rule_says_elsewhere_in_the_report_changes_its_findings() {
    let (context, tenant) = source().await;
    import_json(&context, &sarif("Checker", "warning", &["one", "two"]), ImportOptions::default()).await.unwrap();
    assert_eq!(findings(&tenant), ["one open medium", "two open medium"]);
    let changed =
        import_json(&context, &sarif("Checker", "error", &["two", "one"]), ImportOptions::default()).await.unwrap();
    assert_eq!((changed.run.counts.changed, changed.run.counts.new), (2, 0));
    assert_eq!(findings(&tenant), ["one open high", "two open high"]);
}

#[tokio::test]
async fn a_complete_report_tells_only_of_its_tool_and_branch() {
    let (context, tenant) = source().await;
    import_json(&context, &sarif("Checker", "note", &["one", "two"]), on("main")).await.unwrap();
    import_json(&context, &sarif("Checker", "note", &["on dev"]), on("dev")).await.unwrap();
    import_json(&context, &sarif("Other", "note", &["of other"]), on("main")).await.unwrap();
    let options = ImportOptions { r#ref: Some("refs/heads/main".to_owned()), ..complete() };
    let report = import_json(&context, &sarif("Checker", "note", &["two"]), options.clone()).await.unwrap();
    assert_eq!(report.run.counts.vanished, 1);
    assert_eq!(findings(&tenant), ["of other open low", "on dev open low", "one vanished low", "two open low"]);
    // One that found nothing closes the rest.
    import_json(&context, &sarif("Checker", "note", &[]), options).await.unwrap();
    assert_eq!(findings(&tenant), ["of other open low", "on dev open low", "one vanished low", "two vanished low"]);
    import_json(&context, &sarif("Checker", "note", &["one"]), on("main")).await.unwrap();
    assert_eq!(findings(&tenant)[2], "one open low");
}

#[tokio::test]
async fn parts_of_one_scan_do_not_close_each_others_findings() {
    let (context, tenant) = source().await;
    let first = import_json(&context, &sarif("Checker", "note", &["one"]), complete()).await.unwrap();
    let beside = || ImportOptions { beside: vec![CompleteFile::of(&first)], ..complete() };
    let refused = import_json(&context, &sarif("Checker", "note", &["two"]), beside()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "report.json cannot be taken as a complete scan: `report.json` is of the same scan, and this one would close what \
         is only there"
    );
    // The same one again, that of another tool, and one that closes nothing.
    import_json(&context, &sarif("Checker", "note", &["one"]), beside()).await.unwrap();
    import_json(&context, &sarif("Other", "note", &["three"]), beside()).await.unwrap();
    let part = ImportOptions { complete: false, ..beside() };
    import_json(&context, &sarif("Checker", "note", &["two"]), part).await.unwrap();
    assert_eq!(findings(&tenant), ["one open low", "three open low", "two open low"]);
}

#[tokio::test]
async fn parts_of_one_scan_are_known_before_the_first_of_them_is_stored() {
    let (context, tenant) = source().await;
    import_json(&context, &sarif("Checker", "note", &["one", "two"]), complete()).await.unwrap();
    let parts =
        ["one", "two"].map(|part| context.file(&format!("{part}.json"), sarif("Checker", "note", &[part]).to_string()));
    let mut beside = Vec::new();
    for part in &parts {
        let options = ImportOptions { project: Some("acme/shop".to_owned()), ..complete() };
        beside.push(tenant.survey(&name(SOURCE), part, options).await.unwrap());
    }
    for part in parts {
        let options = ImportOptions { beside: beside.clone(), ..complete() };
        let refused = import(&tenant, part, options).await.unwrap_err();
        assert!(refused.to_string().contains("is of the same scan"), "{refused}");
    }
    assert_eq!(findings(&tenant), ["one open low", "two open low"]);
}

#[tokio::test]
async fn a_report_that_proves_nothing_closes_nothing() {
    let (context, tenant) = source().await;
    import_json(&context, &sarif("Checker", "note", &["one"]), ImportOptions::default()).await.unwrap();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut report = sarif("Checker", "note", &["two"]);
        change(&mut report["runs"][0]);
        report
    };
    let mut told = Vec::new();
    for report in [
        broken(&|run| run["invocations"][0]["executionSuccessful"] = json!(false)),
        broken(&|run| _ = run.as_object_mut().unwrap().remove("results")),
        broken(&|run| run["results"].as_array_mut().unwrap().push(json!(7))),
    ] {
        told.push(import_json(&context, &report, complete()).await.unwrap_err().to_string());
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    report.json cannot be taken as a complete scan: it says that the scan did not end well (`executionSuccessful`)
    report.json cannot be taken as a complete scan: it has no list of results, so nothing was looked for
    report.json cannot be taken as a complete scan: 1 of its records cannot be used
    ");
    assert_eq!(findings(&tenant), ["one open low"]);
}

/// One vulnerable package as a CycloneDX document of what it describes, as OSV-Scanner
/// and GitLab write it, and the same without the vulnerability.
fn of_packages(packages: &[&str]) -> [Value; 3] {
    let purl = |name: &str| format!("pkg:npm/{name}@1.0.0");
    let advisory = |name: &str| format!("CVE-2026-1000{}", name.len());
    let all = ["aa", "bbb"];
    let vulnerabilities: Vec<Value> =
        packages.iter().map(|name| json!({ "id": advisory(name), "affects": [{ "ref": purl(name) }] })).collect();
    let components = all.map(|name| json!({ "type": "library", "name": name, "version": "1.0.0", "purl": purl(name), "bom-ref": purl(name) }));
    let cyclonedx = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {
            "component": { "type": "container", "name": "registry:5000/shop:1.0" },
            "tools": [{ "name": "lamp" }],
        },
        "components": components, "vulnerabilities": vulnerabilities,
    });
    let osv = json!({ "results": [{
        "source": { "path": "package-lock.json", "type": "lockfile" },
        "packages": packages.iter().map(|name| json!({
            "package": { "name": name, "version": "1.0.0", "ecosystem": "npm" },
            "vulnerabilities": [{ "id": advisory(name), "modified": "2026-11-01T00:00:00Z" }],
        })).collect::<Vec<_>>(),
    }] });
    let gitlab = json!({
        "version": "15.1.4", "scan": { "type": "dependency_scanning", "scanner": { "id": "lamp", "name": "lamp" }, "status": "success" },
        "vulnerabilities": packages.iter().map(|name| json!({
            "id": name, "name": advisory(name), "severity": "High",
            "location": { "file": "package-lock.json", "dependency": { "package": { "name": name }, "version": "1.0.0" } },
            "identifiers": [{ "type": "cve", "name": advisory(name), "value": advisory(name) }],
        })).collect::<Vec<_>>(),
    });
    [cyclonedx, osv, gitlab]
}

/// How many findings have which status.
fn statuses(tenant: &Tenant) -> (usize, usize) {
    let lines = findings(tenant);
    let of = |status: &str| lines.iter().filter(|line| line.contains(&format!(" {status} "))).count();
    (of("open"), of("vanished"))
}

#[tokio::test]
async fn a_report_that_does_not_tell_how_the_scan_ended_closes_what_the_operator_says() {
    let whole = || ImportOptions { complete: true, ..ImportOptions::default() };
    for (at, format) in ["cyclonedx", "osv-scanner", "gitlab"].iter().enumerate() {
        let (context, tenant) = source().await;
        let of = |packages: &[&str]| of_packages(packages)[at].clone();
        import_json(&context, &of(&["aa", "bbb"]), whole()).await.unwrap();
        assert_eq!(statuses(&tenant), (2, 0), "{format}");
        let less = import_json(&context, &of(&["bbb"]), ImportOptions::default()).await.unwrap();
        assert_eq!((&*less.summary.format, less.run.counts.vanished), (*format, 0));
        import_json(&context, &of(&["bbb"]), whole()).await.unwrap();
        assert_eq!(statuses(&tenant), (1, 1), "{format}");
        // The last one, too: a report of nothing says what it looked for. A bill of materials
        // may have an empty list although nobody looked for vulnerabilities.
        import_json(&context, &of(&[]), whole()).await.unwrap();
        assert_eq!(statuses(&tenant), if *format == "cyclonedx" { (1, 1) } else { (0, 2) }, "{format}");
        let said = ImportOptions { kinds: vec!["packages".into(), "sca".into()], ..whole() };
        import_json(&context, &of(&[]), said).await.unwrap();
        assert_eq!(statuses(&tenant), (0, 2), "{format}");
        import_json(&context, &of(&["aa"]), whole()).await.unwrap();
        assert_eq!(statuses(&tenant), (1, 1), "{format}");
    }
}

#[tokio::test]
async fn a_bill_of_materials_of_an_image_closes_nothing_of_another_image() {
    let (context, tenant) = source().await;
    let whole = || ImportOptions { complete: true, ..ImportOptions::default() };
    let of = |image: &str, packages: &[&str]| {
        let [mut document, ..] = of_packages(packages);
        document["metadata"]["component"]["name"] = json!(image);
        document
    };
    import_json(&context, &of("registry:5000/shop:1.0", &["aa"]), whole()).await.unwrap();
    import_json(&context, &of("registry:5000/worker@sha256:00", &["bbb"]), whole()).await.unwrap();
    assert_eq!(statuses(&tenant), (2, 0));
    // Another tag is another version of the same image.
    let said = ImportOptions { kinds: vec!["packages".into(), "sca".into()], ..whole() };
    import_json(&context, &of("registry:5000/shop:1.1", &[]), said).await.unwrap();
    assert_eq!(statuses(&tenant), (1, 1));
}

#[tokio::test]
async fn a_bill_of_materials_that_is_none_or_says_that_it_lacks_something_closes_nothing() {
    let (context, tenant) = source().await;
    let whole = || ImportOptions { complete: true, ..ImportOptions::default() };
    let [document, ..] = of_packages(&["aa", "bbb"]);
    import_json(&context, &document, whole()).await.unwrap();
    let lacks = |change: &dyn Fn(&mut Value)| {
        let [mut document, ..] = of_packages(&["aa"]);
        change(&mut document);
        document
    };
    let mut told = Vec::new();
    for document in [
        lacks(&|it| it["compositions"] = json!([{ "aggregate": "incomplete_first_party_only", "assemblies": ["x"] }])),
        lacks(&|it| it["components"] = json!([])),
    ] {
        told.push(import_json(&context, &document, whole()).await.unwrap_err().to_string());
    }
    insta::assert_snapshot!(told.join("\n"), @"
    report.json cannot be taken as a complete scan: it says that its list of components is incomplete (`compositions`)
    report.json cannot be taken as a complete scan: it lists no components: it is no inventory
    ");
    // How dependencies hang together is another question.
    let edges = lacks(&|it| it["compositions"] = json!([{ "aggregate": "incomplete", "dependencies": ["x"] }]));
    import_json(&context, &edges, whole()).await.unwrap();
    assert_eq!(statuses(&tenant), (1, 1));
}

#[tokio::test]
async fn a_large_report_comes_in_several_transactions() {
    let (context, _tenant) = source().await;
    let messages: Vec<String> = (0..1203).map(|at| format!("message {}", "x".repeat(at))).collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let report = import_json(&context, &sarif("Checker", "note", &messages), ImportOptions::default()).await.unwrap();
    assert_eq!((report.outcome.findings, report.run.counts.pages), (1203, 4));
    // As much as that is gone only if somebody says so.
    let half = || sarif("Checker", "note", &messages[600..]);
    assert_eq!(import_json(&context, &half(), complete()).await.unwrap().run.counts.vanished, 0);
    let confirmed = ImportOptions { vanishing: Vanishing::Allow, ..complete() };
    let half = import_json(&context, &half(), confirmed).await.unwrap();
    assert_eq!((half.outcome.unchanged, half.run.counts.vanished), (603, 600));
}

#[tokio::test]
async fn a_source_is_no_instance_of_a_connector_and_goes_only_while_it_is_empty() {
    let (context, tenant) = source().await;
    let error = tenant.check_instance(&name(SOURCE), None).await.unwrap_err();
    assert_eq!(error.code(), appsec_grant::Code::ImportOnly);
    let other: InstanceName = "other".parse().unwrap();
    tenant.source(&other).await.unwrap();
    import_json(&context, &sarif("Checker", "note", &["one"]), ImportOptions::default()).await.unwrap();
    for name in [&name(SOURCE), &other] {
        tenant.withdraw_unused(name).await.unwrap();
    }
    let left = tenant.store().run_now(|store| store.instances()).unwrap();
    assert_eq!(left.iter().map(|it| it.made.name.as_str()).collect::<Vec<_>>(), ["checker"]);
    assert!(!tenant.source(&name(SOURCE)).await.unwrap().1);
}
