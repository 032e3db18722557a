//! Credentials of reports and of the vendor's API: in no byte of a store, whichever
//! way they came.

use std::{path::Path, sync::Arc};

use host_harness::{Tenant, ingest::ImportOptions};
use serde_json::{Value, json};
use tests::{TestContext, content, name, settings};
use vendor_sim::{Effect, Fault, Match, WorldShape};

use crate::samples::offline;

/// The end of each planted value.
const MARK: &str = "Xq7Zk2Wv9Rb4Hd";

/// A value that looks like a credential, and is told apart from all others.
fn planted(number: usize) -> String {
    format!("pLt{number:03}{MARK}")
}

/// Puts a planted value into each text with a `§`.
fn plant(value: &mut Value, count: &mut usize) {
    match value {
        Value::String(text) if text.contains('§') => {
            *text = text.replace('§', &planted(*count));
            *count += 1;
        }
        Value::Array(list) => list.iter_mut().for_each(|value| plant(value, count)),
        Value::Object(map) => map.values_mut().for_each(|value| plant(value, count)),
        _ => {}
    }
}

/// Many results, so that the store makes a dictionary of them.
const RESULTS: usize = 300;

fn sarif(tool: &str, tags: &Value) -> Value {
    let place = |line: usize| {
        json!({"physicalLocation": {"artifactLocation": {"uri": format!("conf/app-{line}.ini")},
            "region": {"startLine": line, "snippet": {"text": "key = §"}},
            "contextRegion": {"snippet": {"text": "§"}}}, "logicalLocations": [{"fullyQualifiedName": "§"}], "message": {"text": "§"}})
    };
    let result = |line: usize| {
        json!({"ruleId": "generic.secrets.token", "level": "error", "message": {"text": "found §", "markdown": "`§`", "arguments": ["§"]},
            "locations": [place(line)], "relatedLocations": [place(line)],
            "codeFlows": [{"threadFlows": [{"locations": [{"location": place(line)}]}]}],
            "fingerprints": {"a/v1": "§", "matchBasedId/v1": "§"}, "partialFingerprints": {"value": "§", "contextHash/v1": "§"},
            "fixes": [{"artifactChanges": [{"artifactLocation": {"uri": "a"}, "replacements": [{"insertedContent": {"text": "§"}}]}]}],
            "suppressions": [{"kind": "external", "status": "rejected", "justification": "§"}],
            "properties": {"secret": "§", "deep": {"a": [{"b": "§"}]}, "tags": ["§"]}})
    };
    let rule = json!({"id": "generic.secrets.token", "name": "§", "shortDescription": {"text": "§"}, "fullDescription": {"text": "§"},
        "help": {"text": "§"}, "messageStrings": {"a": {"text": "§"}}, "properties": {"tags": tags}});
    json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": tool, "rules": [rule]}},
        "invocations": [{"executionSuccessful": true}], "results": (1..=RESULTS).map(result).collect::<Vec<_>>()}]})
}

fn cli() -> Value {
    let result = |line: usize| {
        json!({"check_id": "rules.token", "path": format!("conf/app-{line}.ini"), "start": {"line": line, "col": 1},
            "end": {"line": line, "col": 9}, "extra": {"message": "found §", "lines": "key = §", "fix": "§",
            "metavars": {"$KEY": {"abstract_content": "§"}}, "severity": "ERROR", "fingerprint": "§",
            "metadata": {"cwe": "CWE-798: Hard-coded", "technology": ["secrets"], "note": "§"},
            "validation_state": "CONFIRMED_VALID", "new": {"a": ["§"]}}})
    };
    json!({"version": "1.182.0", "errors": [], "paths": {"scanned": ["conf/app-1.ini"]},
        "results": (1..=RESULTS).map(result).collect::<Vec<_>>()})
}

/// The platform's own export.
fn csv() -> String {
    let rows = (1..=RESULTS).map(|line| {
        format!("{line},Secrets,acme/shop,rules.token,found §,§,GitHub §,https://git.example/a?key=§,the § opens it\n")
    });
    let header =
        "Id,Product,Repository Name,Rule Name,Rule Description,Code,Secret Type,Line Of Code URL,Triage Comment\n";
    std::iter::once(header.to_owned()).chain(rows).collect()
}

/// Events of the platform's webhooks.
fn webhook() -> Value {
    let event = |line: usize| {
        json!({"semgrep_finding": {"id": format!("{line:032x}"), "numeric_id": 9000 + line, "repo_name": "acme/shop",
            "check_id": "rules.token", "message": "found §", "path": format!("conf/app-{line}.ini"), "line": line,
            "severity": 2, "snippet": "§", "metadata": {"cwe": ["CWE-798: Hard-coded", "§"], "note": {"a": "§"}}}})
    };
    (1..=RESULTS).map(event).collect()
}

async fn import(tenant: &Tenant, instance: &str, file: &Path) {
    let options = ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() };
    let report = tenant.import(&name(instance), file, options, Arc::new(|_| ())).await.unwrap();
    assert_eq!(report.outcome.findings, RESULTS as u64, "{report:?}");
}

/// Every file below a folder, as text.
fn bytes(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => bytes(&path, all),
            false => all.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap())),
        }
    }
}

#[tokio::test]
async fn a_credential_is_in_no_byte_of_a_store_or_its_backup() {
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    let tenant = offline(&context, "acme").await;
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for (instance, file_name, mut file) in [
        ("leaks", "leaks.sarif", sarif("gitleaks", &json!(["§"]))),
        ("codes", "codes.sarif", sarif("Code", &json!(["external/cwe/cwe-798"]))),
        ("files", "cli.json", cli()),
        ("files", "semgrep.sarif", sarif("Semgrep OSS", &json!(["CWE-798: Hard-coded"]))),
        ("files", "export.csv", json!(csv())),
        ("files", "events.json", webhook()),
    ] {
        plant(&mut file, &mut count);
        let path = folder.path().join(file_name);
        // A table is a text.
        std::fs::write(&path, file.as_str().map_or(file.to_string(), str::to_owned)).unwrap();
        if instance != "files" {
            tenant.source(&name(instance)).await.unwrap();
        }
        import(&tenant, instance, &path).await;
    }
    let kept = everything(&context, &tenant).await;
    assert!(kept.contains("generic.secrets.token") && kept.contains("app-7.ini") && kept.contains("$file"));
    assert_eq!(content(&tenant).findings.len(), 6 * RESULTS);
    assert!(count > 1_000, "{count}");
    assert_holds_none(&kept);
}

/// All that is kept of a tenant: its records as they were, since they are
/// compressed in the store, the bytes of its files, and those of a backup.
async fn everything(context: &TestContext, tenant: &Tenant) -> String {
    let mut kept = format!("{:?}", content(tenant));
    let folder = tempfile::tempdir().unwrap();
    context.harness.backup(tenant.id(), &folder.path().join("backup")).await.unwrap();
    bytes(&context.data_dir(), &mut kept);
    bytes(folder.path(), &mut kept);
    assert!(kept.contains("SQLite format 3"));
    kept
}

/// Looks for what all planted values have in common.
#[track_caller]
fn assert_holds_none(kept: &str) {
    let found = kept
        .find(MARK)
        .map(|at| kept[kept.floor_char_boundary(at.saturating_sub(200))..].chars().take(400).collect::<String>());
    assert!(found.is_none(), "{found:?}");
}

#[tokio::test]
async fn a_credential_of_the_api_is_in_no_byte_of_a_store_or_its_backup() {
    let shape = WorldShape { projects: 3, sast: 600, secrets: 300, ..WorldShape::default() }.without_oddities();
    let context = TestContext::new(shape);
    let planted = planted(0);
    let replace = |path: &str, text: &str, with: String| Fault {
        when: Match::path(path),
        what: Effect::Replace { text: text.to_owned(), with },
    };
    context.faults(vec![
        replace(
            "/secrets",
            "\"ruleHashId\":\"",
            format!(
                r#""value":"{planted}","snippet":{{"lines":["key = {planted}"]}},"{planted}":[[{{"a":"{planted}"}}]],"type":"AWS {planted}","findingPathUrl":"https://me:{planted}@git.example/a?key={planted}","mode":"{planted}","ruleHashId":"{planted}"#
            ),
        ),
        replace(
            "issue_type=sast",
            "\"cwe_names\":[\"",
            format!(r#""definition":["{planted}"],"cwe_names":["CWE-798: Use of Hard-coded Credentials","{planted}",""#),
        ),
    ]);
    let kinds = settings(json!({ "kinds": ["sast", "secrets"], "branches": "all" }));
    let (tenant, _) = context.connected("acme", kinds).await;
    context.sync(&tenant).await.unwrap();
    let of_kind = |kind| content(&tenant).findings.iter().filter(|finding| finding["kind"] == kind).count();
    assert_eq!(of_kind("secrets"), 300);
    let kept = everything(&context, &tenant).await;
    assert!(kept.contains("Leaked credential"));
    assert!(kept.contains("CWE-798"));
    assert_holds_none(&kept);
}
