//! What the real command line tool prints, of two versions and in two formats,
//! is the same findings, also after lines were inserted.
//!
//! `fixtures/scanned/scan` makes the files, which takes the tool from its
//! registry; `.ci/run` does so and names their folder.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use host_harness::{
    Tenant,
    ingest::{ImportOptions, ImportReport},
    store::{FindingId, IssueFilter},
};
use serde_json::Value;
use tests::{TestContext, content, findings, name, store};
use vendor_sim::WorldShape;

use crate::samples::{assert_adds_up, files, import, offline};

/// The variable that names the folder of the tool's output.
const FOLDER: &str = "SEMGREP_OUTPUT";

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    if folder.is_none() {
        println!("{FOLDER} names no output of the real tool: `fixtures/scanned/scan` makes it");
    }
    folder
}

/// How many results of a SARIF file are suppressed in the code: those are not
/// in the JSON of the same scan.
fn suppressed(file: &Path) -> u64 {
    let sarif: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    results.iter().filter(|result| result["suppressions"].as_array().is_some_and(|list| !list.is_empty())).count()
        as u64
}

#[tokio::test]
async fn both_versions_and_both_formats_bring_the_same_findings_wherever_lines_are() {
    let Some(folder) = folder() else { return };
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    // Whichever comes first.
    let orders = [
        ["1.182.0.json", "1.93.0.json", "1.182.0.sarif", "1.93.0.sarif"],
        ["1.93.0.sarif", "1.93.0.json", "1.182.0.sarif", "1.182.0.json"],
    ];
    for (number, order) in orders.iter().enumerate() {
        let tenant = offline(&context, &format!("t{number}")).await;
        let mut known = 0;
        for part in ["before", "after"] {
            for file in order {
                let path = folder.join(part).join(file);
                let report = import(&tenant, &path).await.unwrap();
                assert_adds_up(&report, file);
                assert_eq!(report.outcome.rejected, 0, "{part}/{file}");
                let extra = if file.ends_with(".sarif") { suppressed(&path) } else { 0 };
                let expected = report.summary.records.max(known);
                let findings = content(&tenant).findings.len() as u64;
                assert_eq!(findings, expected, "{part}/{file} ({extra} suppressed)");
                known = findings;
            }
        }
        assert!(known > 8, "{known}");
        let moved = findings(&tenant).iter().filter(|finding| has_moved(&tenant, finding.id)).count();
        assert!(moved > 4, "{moved} findings have moved");
    }
}

fn has_moved(tenant: &Tenant, id: FindingId) -> bool {
    let detail = store(tenant).run_now(|store| store.finding(id, false)).unwrap().unwrap();
    detail.history.iter().any(|change| change.field == "start_line")
}

#[tokio::test]
async fn supply_chain_results_of_both_formats_are_the_same_findings() {
    let Some(folder) = folder() else { return };
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    let tenant = offline(&context, "acme").await;
    let json = import(&tenant, &folder.join("sca/1.93.0.json")).await.unwrap();
    assert!(json.run.counts.new > 0);
    let findings = content(&tenant);
    assert!(findings.findings.iter().all(|finding| finding["kind"] == "sca"));
    assert!(!findings.packages.is_empty());
}

#[tokio::test]
async fn a_scan_that_failed_does_not_prove_anything() {
    let Some(folder) = folder() else { return };
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    let tenant = offline(&context, "acme").await;
    let mut looked_at = 0;
    let mut paths = Vec::new();
    files(&folder.join("failing"), &mut paths);
    // A GitLab report says `success` whatever happened.
    for path in paths.iter().map(|path| path.with_extension("gitlab")).collect::<BTreeSet<_>>() {
        let report = import_report(&tenant, &path).await;
        let complete = matches!(report.summary.completeness, appsec_model::Completeness::Complete);
        assert!(!complete, "{}", path.display());
    }
    for path in paths {
        if let Ok(report) = import(&tenant, &path).await {
            let complete = matches!(report.summary.completeness, appsec_model::Completeness::Complete);
            assert!(!complete, "{}", path.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 1);
}

/// Imports a report into the source `gitlab`, as records of the project `acme/shop`.
async fn import_report(tenant: &Tenant, file: &Path) -> ImportReport {
    let source = name("gitlab");
    tenant.source(&source).await.unwrap();
    let options = ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() };
    tenant.import(&source, file, options, Arc::new(|_| ())).await.unwrap()
}

/// How many sources each issue has.
async fn sources_of_issues(tenant: &Tenant) -> Vec<u32> {
    let filter = IssueFilter { limit: 10_000, ..IssueFilter::default() };
    tenant.issues(filter).await.unwrap().0.iter().map(|issue| issue.source_count).collect()
}

#[tokio::test]
async fn a_gitlab_report_joins_the_issues_of_its_scan() {
    let Some(folder) = folder() else { return };
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    for (number, version) in ["1.182.0", "1.93.0"].iter().enumerate() {
        let tenant = offline(&context, &format!("t{number}")).await;
        let mut issues = 0;
        // Also where every line has moved.
        for part in ["before", "after"] {
            let json = import(&tenant, &folder.join(format!("{part}/{version}.json"))).await.unwrap();
            let gitlab = folder.join(format!("{part}/{version}.gitlab"));
            let listed: Value = serde_json::from_slice(&std::fs::read(&gitlab).unwrap()).unwrap();
            let report = import_report(&tenant, &gitlab).await;
            assert_adds_up(&report, part);
            assert_eq!(report.outcome.records, listed["vulnerabilities"].as_array().unwrap().len() as u64, "{part}");
            assert_eq!((report.outcome.rejected, report.outcome.records), (0, json.outcome.records), "{part}");
            assert_eq!(report.run.counts.new, if part == "before" { json.outcome.records } else { 0 }, "{part}");
            let sources = sources_of_issues(&tenant).await;
            assert!(sources.len() > 8 && sources.iter().all(|count| *count == 2), "{version} {part}: {sources:?}");
            assert!(issues == 0 || issues == sources.len(), "{version} {part}");
            issues = sources.len();
        }
    }
}
