//! Files of the vendor's own tools, of many ages, through the compiled
//! component into a store; what comes of each is reviewed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use appsec_model::Completeness;
use host_harness::{
    Error, Tenant,
    ingest::{ImportOptions, ImportReport},
};
use serde_json::{Value, json};
use tests::{TestContext, content, name, samples_folder, settings};
use vendor_sim::WorldShape;

/// A tenant with one instance, `files`, that was never connected.
pub async fn offline(context: &TestContext, tenant: &str) -> Tenant {
    let tenant = context.tenant(tenant);
    tenant.add_instance(context.semgrep("files", settings(json!({}))), false).await.unwrap();
    tenant
}

/// Imports a file into `files`, as records of the project `acme/shop`.
pub async fn import(tenant: &Tenant, file: &Path) -> Result<ImportReport, Error> {
    let options = ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() };
    tenant.import(&name("files"), file, options, Arc::new(|_| ())).await
}

/// How many results a file holds, counted without the connector.
fn results(text: &str) -> Option<usize> {
    let value: Value = serde_json::from_str(text).ok()?;
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).map(Vec::len);
    match &value {
        Value::Array(entries) => Some(entries.len()),
        Value::Object(object) => {
            if let Some(runs) = object.get("runs").and_then(Value::as_array) {
                return Some(runs.iter().filter_map(|run| list(run, "results")).sum());
            }
            ["results", "findings", "vulns", "dependencies"].iter().find_map(|key| list(&value, key))
        }
        _ => None,
    }
}

/// The JSON files in a folder and those in it.
pub fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json" || extension == "sarif") {
            found.push(path);
        }
    }
}

/// What a reviewer looks at: the file's summary, the counts, and of each finding
/// what decides what people do with it. No text of the file is in it.
async fn reviewed(tenant: &Tenant, report: &ImportReport) -> Value {
    let content = content(tenant);
    let findings: Vec<Value> = content
        .findings
        .iter()
        .map(|detail| {
            let occurrence = &detail["occurrence_details"][0];
            let finding = &occurrence["finding"];
            let dependency = &finding["dependency"];
            let codes = |list: &Value, key: &str| -> Vec<Value> {
                list.as_array().into_iter().flatten().map(|it| it[key].clone()).collect()
            };
            let mut shown = json!({
                "kind": detail["kind"],
                "severity": detail["severity"],
                "status": detail["status"],
                "identity": [finding["identity"]["algorithm"], finding["identity"]["key"]],
                "cwes": codes(&detail["rule"]["cwes"], "number"),
                "steps": finding["flow"].as_array().map(Vec::len),
                "remarks": codes(&occurrence["diagnostics"], "code"),
            });
            if dependency.is_object() {
                shown["package"] = dependency["package"]["purl"].clone();
                shown["reachability"] = dependency["reachability"]["verdict"].clone();
                shown["advisories"] = dependency["advisories"].clone();
                shown["fix"] = dependency["fix"]["availability"].clone();
                shown["transitivity"] = dependency["transitivity"].clone();
            }
            if finding["secret"].is_object() {
                shown["validation"] = finding["secret"]["validation"].clone();
            }
            shown
        })
        .collect();
    let summary = &report.summary;
    json!({
        "format": summary.format,
        "origin": summary.origin,
        "complete": match &summary.completeness {
            Completeness::Complete => "yes",
            Completeness::Unknown { reason } | Completeness::Incomplete { reason } => reason,
        },
        "remarks": summary.diagnostics.iter().map(|it| &it.code).collect::<Vec<_>>(),
        "outcome": report.outcome,
        "findings": findings,
        "packages": content.packages.len(),
    })
}

#[tokio::test]
async fn every_sample_of_the_vendor_is_taken_in_or_refused_with_a_reason() {
    let Some(folder) = samples_folder() else { return };
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    let mut paths = Vec::new();
    for part in ["api", "cli", "sarif", "semgrep-cli", "webhook"] {
        files(&folder.join(part), &mut paths);
    }
    assert!(paths.len() > 30, "{paths:?}");
    for (number, path) in paths.iter().enumerate() {
        let relative = path.strip_prefix(&folder).unwrap().display().to_string();
        let tenant = offline(&context, &format!("t{number}")).await;
        let shown = match import(&tenant, path).await {
            Ok(report) => {
                let outcome = &report.outcome;
                if let Some(results) = results(&std::fs::read_to_string(path).unwrap()) {
                    assert_eq!(outcome.records, results as u64, "{relative}");
                }
                assert_adds_up(&report, &relative);
                let again = import(&tenant, path).await.unwrap();
                let counts = &again.run.counts;
                assert_eq!((counts.new, counts.changed, counts.vanished), (0, 0, 0), "{relative}, a second time");
                reviewed(&tenant, &report).await
            }
            Err(error) => {
                assert_eq!(content(&tenant).findings.len(), 0, "{relative}");
                json!({ "refused": error.to_string() })
            }
        };
        let shown_name = relative.replace(['/', ' '], "__");
        insta::assert_json_snapshot!(shown_name, shown);
    }
}

/// Asserts that every record of a file became something.
#[track_caller]
pub fn assert_adds_up(report: &ImportReport, what: &str) {
    let it = &report.outcome;
    let parts = [it.findings, it.packages, it.rejected, it.skipped, it.unchanged, it.duplicate, it.filtered];
    assert_eq!(it.records, parts.iter().sum::<u64>() + it.unmapped, "{what}: {it:?}");
}
