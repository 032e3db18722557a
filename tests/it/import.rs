//! Files: what they bring, what they never do, and what a second one changes.

mod closing;

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use appsec_model::Kind;
use host_harness::{
    Error, Tenant,
    grant::{Code, InstanceName},
    ingest::{ImportOptions, ImportReport, Vanishing},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{TestContext, content, name, settings, store, workspace};
use vendor_sim::WorldShape;

use crate::samples::{assert_adds_up, offline};

/// A folder for files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn world() -> TestContext {
    TestContext::new(WorldShape { projects: 2, ..WorldShape::default() })
}

/// A result of the command line, without login.
fn result(rule: &str, path: &str, line: u32, message: &str) -> Value {
    json!({
        "check_id": rule,
        "path": path,
        "start": { "line": line, "col": 5, "offset": 100 },
        "end": { "line": line, "col": 20, "offset": 115 },
        "extra": {
            "message": message,
            "metadata": { "category": "security", "cwe": ["CWE-89: SQL Injection", "CWE-943: Data Query Logic"] },
            "severity": "ERROR",
            "fingerprint": "requires login",
            "lines": "requires login",
        }
    })
}

fn report(results: &[Value]) -> String {
    json!({
        "version": "1.182.0",
        "results": results,
        "errors": [],
        "paths": { "scanned": ["app/a.py", "app/b.py"] },
        "skipped_rules": [],
    })
    .to_string()
}

fn two() -> Vec<Value> {
    vec![
        result("rules.sql", "app/a.py", 10, "a query is made of text"),
        result("rules.eval", "app/b.py", 20, "code is made of text"),
    ]
}

fn shop() -> ImportOptions {
    ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() }
}

async fn import(tenant: &Tenant, file: &Path, options: ImportOptions) -> Result<ImportReport, Error> {
    let report = import_into(tenant, &name("files"), file, options).await?;
    assert_adds_up(&report, "import");
    Ok(report)
}

async fn import_into(
    tenant: &Tenant,
    instance: &InstanceName,
    file: &Path,
    options: ImportOptions,
) -> Result<ImportReport, Error> {
    tenant.import(instance, file, options, Arc::new(|_| ())).await
}

fn statuses(tenant: &Tenant) -> Vec<(String, String)> {
    let findings = content(tenant).findings;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut statuses: Vec<_> =
        findings.iter().map(|finding| (text(&finding["rule_id"]), text(&finding["status"]))).collect();
    statuses.sort();
    statuses
}

#[tokio::test]
async fn the_same_file_twice_changes_nothing() {
    let (context, files) = (world(), Files::new());
    let tenant = offline(&context, "acme").await;
    let file = files.put("report.json", report(&two()));
    let first = import(&tenant, &file, shop()).await.unwrap();
    assert_eq!((first.run.counts.new, first.outcome.findings), (2, 2));
    let before = content(&tenant);
    let second = import(&tenant, &file, shop()).await.unwrap();
    assert_eq!((second.run.counts.new, second.run.counts.changed, second.outcome.unchanged), (0, 0, 2));
    content(&tenant).assert_untouched(&before);
}

/// The first batch of a kind needs the store, which whoever writes batches holds
/// while it waits for more of them.
#[test]
fn a_kind_that_comes_late_in_a_file_holds_nothing_up() {
    let (done, ended) = std::sync::mpsc::channel();
    let importing = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reports = runtime.block_on(async {
            let (context, files) = (world(), Files::new());
            let code =
                |number: u32| result("rules.sql", &format!("app/{number}.py"), number, "a query is made of text");
            let mut results: Vec<Value> = (1..=1_200).map(code).collect();
            let fixture = std::fs::read(workspace().join("fixtures/cli/supply-chain.json")).unwrap();
            let late: Value = serde_json::from_slice(&fixture).unwrap();
            results.extend(late["results"].as_array().unwrap().iter().cloned());
            let file = files.put("report.json", report(&results));
            let mut reports = Vec::new();
            // Whether somebody waits then is a matter of luck.
            for number in 0..10 {
                let tenant = offline(&context, &format!("acme-{number}")).await;
                reports.push(import(&tenant, &file, shop()).await.unwrap());
            }
            reports
        });
        done.send(reports).unwrap();
    };
    std::thread::spawn(importing);
    let reports = ended.recv_timeout(Duration::from_secs(120)).expect("the import does not come to its end");
    for report in reports {
        assert_eq!(report.summary.kinds.len(), 2);
        assert_eq!(report.outcome.findings, report.outcome.records);
    }
}

/// SARIF has three levels for five severities, and fewer words on rules.
#[tokio::test]
async fn a_format_that_tells_less_changes_nothing_of_the_other() {
    let fixture = |path: &str| workspace().join("fixtures").join(path);
    let (json, sarif) = (fixture("cli/current.json"), fixture("sarif/current.sarif"));
    let context = world();
    for (tenant, order) in [("first", [&json, &sarif]), ("second", [&sarif, &json])] {
        let tenant = offline(&context, tenant).await;
        for file in order {
            import(&tenant, file, shop()).await.unwrap();
        }
        let before = content(&tenant);
        for file in [&json, &sarif, &sarif, &json] {
            let again = import(&tenant, file, shop()).await.unwrap();
            assert_eq!((again.run.counts.new, again.run.counts.changed), (0, 0), "{}", file.display());
            content(&tenant).assert_findings_untouched(&before);
        }
        let critical = |it: &&Value| it["severity"] == "critical";
        let expect = 0 < content(&tenant).findings.iter().filter(critical).count();
        assert!(expect, "the severities of JSON count");
    }
}

#[tokio::test]
async fn a_packed_file_is_the_file() {
    let (context, files) = (world(), Files::new());
    let tenant = offline(&context, "acme").await;
    let text = report(&two());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let plain = import(&tenant, &files.put("a.json", &text), shop()).await.unwrap();
    for (file, content) in
        [("a.json.gz", encoder.finish().unwrap()), ("a.json.zst", zstd::encode_all(text.as_bytes(), 3).unwrap())]
    {
        let packed = import(&tenant, &files.put(file, content), shop()).await.unwrap();
        assert_eq!(packed.outcome.unchanged, 2, "{file}");
        assert_eq!(packed.blake3, plain.blake3, "{file}");
    }
}

#[tokio::test]
async fn a_moved_line_is_a_change_of_the_same_finding() {
    let (context, files) = (world(), Files::new());
    let tenant = offline(&context, "acme").await;
    import(&tenant, &files.put("before.json", report(&two())), shop()).await.unwrap();
    let before = content(&tenant);
    let mut moved = two();
    moved[0]["start"]["line"] = json!(15);
    moved[0]["end"]["line"] = json!(15);
    let after = import(&tenant, &files.put("after.json", report(&moved)), shop()).await.unwrap();
    assert_eq!((after.run.counts.new, after.run.counts.changed, after.outcome.unchanged), (0, 1, 1));
    let content = content(&tenant);
    let ids = |findings: &[Value]| findings.iter().map(|it| it["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&content.findings), ids(&before.findings));
    let sql = content.findings.iter().find(|it| it["rule_id"] == "rules.sql").unwrap();
    assert_eq!(sql["start_line"], 15);
    let id = sql["id"].as_str().unwrap().parse().unwrap();
    let detail = store(&tenant).run_now(|store| store.finding(id, false)).unwrap().unwrap();
    let told: Vec<_> =
        detail.history.iter().map(|it| (it.field.as_str(), it.before.as_deref(), it.after.as_deref())).collect();
    assert_eq!(told, [("start_line", Some("10"), Some("15"))]);
}

#[tokio::test]
async fn findings_close_only_if_the_file_proves_a_complete_scan_and_the_operator_says_so() {
    let (context, files) = (world(), Files::new());
    let tenant = offline(&context, "acme").await;
    let complete = || ImportOptions { complete: true, ..shop() };
    import(&tenant, &files.put("two.json", report(&two())), shop()).await.unwrap();

    // Fewer results say nothing by themselves.
    let one = files.put("one.json", report(&two()[..1]));
    let partial = import(&tenant, &one, shop()).await.unwrap();
    assert_eq!(partial.run.counts.vanished, 0);
    assert!(statuses(&tenant).iter().all(|(_, status)| status == "open"));

    // A report of a scan that failed proves nothing.
    let mut failed: Value = serde_json::from_str(&report(&[])).unwrap();
    failed["errors"] = json!([{ "code": 2, "level": "error", "type": "Rule parse error", "message": "no" }]);
    let failed = files.put("failed.json", failed.to_string());
    let error = import(&tenant, &failed, complete()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be taken as a complete scan"), "{error}");
    // Nor does one that looked at nothing.
    let mut nothing: Value = serde_json::from_str(&report(&[])).unwrap();
    nothing["paths"]["scanned"] = json!([]);
    import(&tenant, &files.put("nothing.json", nothing.to_string()), complete()).await.unwrap_err();
    // A complete scan without a result does not say what it looked for.
    let empty = files.put("empty.json", report(&[]));
    let error = import(&tenant, &empty, complete()).await.unwrap_err();
    assert_eq!(error.code(), Code::KindNotNamed);
    assert!(statuses(&tenant).iter().all(|(_, status)| status == "open"));

    // A record that cannot be used may be one of those that seem to be gone.
    let mut broken: Value = serde_json::from_str(&report(&two())).unwrap();
    broken["results"][1]["path"] = Value::Null;
    let run = import(&tenant, &files.put("broken.json", broken.to_string()), complete()).await.unwrap().run;
    assert_eq!((run.counts.rejected, run.counts.vanished, run.code), (1, 0, Some(Code::ScanIncomplete)));
    assert!(statuses(&tenant).iter().all(|(_, status)| status == "open"));

    // One that is whole closes what it does not hold.
    let closing = import(&tenant, &one, complete()).await.unwrap();
    assert_eq!(closing.run.counts.vanished, 1);
    let gone = |rule: &str, status: &str| (rule.to_owned(), status.to_owned());
    assert_eq!(statuses(&tenant), [gone("rules.eval", "vanished"), gone("rules.sql", "open")]);
    // One that found nothing closes all that it looked for.
    let options = ImportOptions { kinds: vec![Kind::Sast], ..complete() };
    assert_eq!(import(&tenant, &empty, options).await.unwrap().run.counts.vanished, 1);
    assert_eq!(statuses(&tenant), [gone("rules.eval", "vanished"), gone("rules.sql", "vanished")]);
    // And what is found again is there again.
    import(&tenant, &one, shop()).await.unwrap();
    assert_eq!(statuses(&tenant), [gone("rules.eval", "vanished"), gone("rules.sql", "open")]);
}

#[tokio::test]
async fn a_complete_file_closes_nothing_of_another_project_or_another_origin() {
    let context = world();
    let files = Files::new();
    let (tenant, _) = context.connected("acme", settings(json!({ "branches": "all" }))).await;
    context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    let project = before.projects[0]["name"].as_str().unwrap().to_owned();
    let file = files.put("report.json", report(&two()));
    let options = ImportOptions { project: Some(project), complete: true, ..ImportOptions::default() };
    let imported = tenant.import(&name("code"), &file, options, Arc::new(|_| ())).await.unwrap();
    assert_eq!((imported.run.counts.new, imported.run.counts.vanished), (2, 0));
    // A sync in its turn does not close what came from a file.
    let synced = context.sync(&tenant).await.unwrap();
    assert_eq!((synced.counts.new, synced.counts.changed, synced.counts.vanished), (0, 0, 0));
    let after = content(&tenant);
    assert_eq!(after.findings.len(), before.findings.len() + 2);
    assert_eq!(after.present("sast"), before.present("sast") + 2);
}

#[tokio::test]
async fn a_file_that_is_cut_off_alien_or_of_another_product_brings_nothing() {
    let (context, files) = (world(), Files::new());
    let tenant = offline(&context, "acme").await;
    let whole = report(&two());
    let sca = ImportOptions { kinds: vec![Kind::Sca], ..shop() };
    let cases = [
        ("cut.json", whole[..whole.len() - 40].to_owned(), shop()),
        ("empty.json", String::new(), shop()),
        ("page.html", "<!doctype html><title>Sign in</title>".to_owned(), shop()),
        ("other.json", json!({ "bomFormat": "CycloneDX", "components": [] }).to_string(), shop()),
        ("code.json", whole.clone(), sca),
        ("nameless.json", whole.clone(), ImportOptions::default()),
        ("forced.json", whole.clone(), ImportOptions { format: Some("semgrep-sarif".to_owned()), ..shop() }),
    ];
    let mut told = Vec::new();
    for (file, content, options) in cases {
        let error = import(&tenant, &files.put(file, content), options).await.unwrap_err();
        told.push(format!("{}: {error}", error.code()));
    }
    insta::assert_snapshot!(told.join("\n"));
    assert!(content(&tenant).findings.is_empty());
}

#[tokio::test]
async fn results_in_another_order_are_the_same_findings() {
    let (context, files) = (world(), Files::new());
    let tenant = offline(&context, "acme").await;
    // Equal but for their places: told apart by their order in the code.
    let mut results: Vec<Value> = (1..=5).map(|line| result("rules.sql", "app/a.py", line * 10, "the same")).collect();
    results.extend(two());
    import(&tenant, &files.put("one.json", report(&results)), shop()).await.unwrap();
    let before = content(&tenant);
    assert_eq!(before.findings.len(), 7);
    results.reverse();
    let again = import(&tenant, &files.put("two.json", report(&results)), shop()).await.unwrap();
    assert_eq!(again.outcome.unchanged, 7);
    content(&tenant).assert_untouched(&before);
}

#[tokio::test]
async fn two_rules_on_one_span_stay_two_findings() {
    let (context, files) = (world(), Files::new());
    let tenant = offline(&context, "acme").await;
    let results = [
        result("rules.sql", "app/a.py", 10, "the same"),
        result("rules.sql-too", "app/a.py", 10, "the same"),
        result("rules.sql", "app/b.py", 10, "the same"),
    ];
    let imported = import(&tenant, &files.put("a.json", report(&results)), shop()).await.unwrap();
    assert_eq!((imported.run.counts.new, content(&tenant).findings.len()), (3, 3));
}

#[tokio::test]
async fn branches_are_occurrences_of_one_finding() {
    let (context, files) = (world(), Files::new());
    let tenant = offline(&context, "acme").await;
    let file = files.put("a.json", report(&two()));
    for branch in ["main", "feature"] {
        let options = ImportOptions { r#ref: Some(branch.to_owned()), ..shop() };
        assert_eq!(import(&tenant, &file, options).await.unwrap().run.counts.new, 2, "{branch}");
    }
    let content = content(&tenant);
    assert_eq!(content.findings.len(), 2);
    assert!(content.findings.iter().all(|finding| finding["occurrences"] == 2));
}

mod hostile_files {
    //! Connectors that lie about a file, or never come to an end with it.

    use std::time::Duration;

    use host_harness::sandbox::Limits;
    use serde_json::json;
    use tests::name;

    use super::{Files, ImportOptions, import_into};
    use crate::hostile::{Hostile, soon};

    fn limits() -> Limits {
        Limits { cpu_time: Duration::from_secs(1), memory_bytes: 64 << 20, ..Limits::default() }
    }

    async fn told(hostile: &Hostile, order: serde_json::Value) -> String {
        let files = Files::new();
        let file = files.put("order.json", order.to_string());
        let outcome = soon(import_into(&hostile.tenant, &name("one"), &file, ImportOptions::default())).await;
        hostile.assert_well().await;
        match outcome {
            Ok(report) => format!("{:?}", report.outcome),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_reader_that_misbehaves_is_stopped_in_either_pass() {
        let hostile = Hostile::new(limits()).await;
        let mut messages = Vec::new();
        for pass in ["fetch", "list"] {
            for deed in ["loop", "grow", "panic"] {
                let order = json!({ pass: { "do": deed, "count": 2 }, "count": 1, "keys": ["1"] });
                messages.push(format!("{pass} {deed}: {}", told(&hostile, order).await));
            }
        }
        // Where the guest panics says nothing.
        let shown = messages.join("\n");
        let shown = shown.split_inclusive('\n').map(|line| match line.split_once("misdeeds.rs:") {
            Some((before, _)) => format!("{before}misdeeds.rs\n"),
            None => line.to_owned(),
        });
        insta::assert_snapshot!(shown.collect::<String>());
    }

    #[tokio::test]
    async fn a_summary_that_lies_is_not_believed() {
        let hostile = Hostile::new(limits()).await;
        // It claims one record and gives three; what counts is what came.
        let message = told(&hostile, json!({ "count": 3, "keys": ["1"] })).await;
        insta::assert_snapshot!(message);
    }
}
