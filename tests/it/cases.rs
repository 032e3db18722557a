//! Reports of other scanners. Of those that lie beside the workspace, and of the
//! vendor's SARIF as a report of any tool, it is reviewed what comes of each: a
//! snapshot holds numbers, words of ours and ids, and no text of the files.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use appsec_model::Completeness;
use host_harness::{
    Tenant,
    ingest::{ImportOptions, ImportReport},
    store::IssueFilter,
};
use serde_json::{Value, json};
use tests::{TestContext, cases_folder, content, name, samples_folder};
use vendor_sim::WorldShape;

use crate::samples::{assert_adds_up, files, import, offline};

/// Imports a file as the report of a source.
async fn import_report(tenant: &Tenant, file: &Path) -> Result<ImportReport, host_harness::Error> {
    let source = name("other");
    tenant.source(&source).await?;
    let options = ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() };
    tenant.import(&source, file, options, Arc::new(|_| ())).await
}

/// How many records a report holds, counted without the readers: results of
/// SARIF and of the command line; components, and each component that a
/// vulnerability names, of CycloneDX.
fn records(text: &str) -> Option<usize> {
    // Half a pair of surrogates is no character, which a strict reader refuses.
    let halves = "89abcdef".chars().map(|digit| format!("\\ud{digit}"));
    let text = halves.fold(text.to_owned(), |text, half| text.replace(&half, "\\ufd"));
    let value: Value = serde_json::from_str(&text).ok()?;
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    if value["runs"].is_array() {
        return Some(list(&value, "runs").iter().map(|run| list(run, "results").len()).sum());
    }
    if value["bomFormat"] != "CycloneDX" {
        return Some(value["results"].as_array()?.len());
    }
    let components = list(&value, "components");
    let named = |reference: &str| {
        let is_it = |it: &&Value| {
            let purl = it["purl"].as_str().unwrap_or_default();
            it["bom-ref"] == reference || purl == reference || purl.starts_with(&format!("{reference}@"))
        };
        let found: BTreeSet<&str> = components.iter().filter(is_it).filter_map(|it| it["purl"].as_str()).collect();
        found.len().max(1)
    };
    let affects = |it: &Value| {
        let each = list(it, "affects");
        each.iter().map(|it| named(it["ref"].as_str().unwrap_or_default())).sum::<usize>().max(1)
    };
    Some(components.len() + list(&value, "vulnerabilities").iter().map(affects).sum::<usize>())
}

/// What came of a file.
fn reviewed(tenant: &Tenant, report: &ImportReport) -> Value {
    let content = content(tenant);
    let mut counts: BTreeMap<&str, BTreeMap<String, u32>> = BTreeMap::new();
    let mut count = |what, word: &Value| {
        let word = word.as_str().unwrap_or("none").to_owned();
        *counts.entry(what).or_default().entry(word).or_default() += 1;
    };
    let (mut ids, mut advisories) = (BTreeSet::new(), BTreeSet::new());
    for detail in &content.findings {
        let occurrence = &detail["occurrence_details"][0];
        let finding = &occurrence["finding"];
        for (what, word) in [("kinds", "kind"), ("severities", "severity"), ("statuses", "status")] {
            count(what, &detail[word]);
        }
        count("identities", &finding["identity"]["algorithm"]);
        occurrence["diagnostics"].as_array().into_iter().flatten().for_each(|it| count("notes", &it["code"]));
        ids.extend(finding["identity"]["key"].as_str().map(str::to_owned));
        let numbers = finding["dependency"]["advisories"].as_array().into_iter().flatten();
        advisories.extend(numbers.filter_map(|it| it["id"].as_str()).map(str::to_owned));
    }
    json!({
        "format": report.summary.format,
        "complete": matches!(report.summary.completeness, Completeness::Complete),
        "outcome": report.outcome,
        "remarks": report.summary.diagnostics.iter().map(|it| &it.code).collect::<Vec<_>>(),
        "counts": counts,
        "ids": ids,
        "advisories": advisories,
        "packages": content.packages.len(),
    })
}

#[tokio::test]
async fn every_case_beside_the_workspace_is_reviewed() {
    let mut paths: Vec<(PathBuf, String)> = Vec::new();
    for (what, folder) in [("cases", cases_folder()), ("sarif", samples_folder().map(|it| it.join("sarif")))] {
        let Some(folder) = folder else { continue };
        let mut found = Vec::new();
        files(&folder, &mut found);
        assert!(found.len() > 3, "{}", folder.display());
        let relative = |path: &PathBuf| path.strip_prefix(&folder).unwrap().display().to_string().replace('/', "__");
        paths.extend(found.iter().map(|path| (path.clone(), format!("{what}__{}", relative(path)))));
    }
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    for (number, (path, name)) in paths.iter().enumerate() {
        let tenant = offline(&context, &format!("t{number}")).await;
        let is_of_vendor = name.ends_with(".semgrep.json");
        let imported = match is_of_vendor {
            true => import(&tenant, path).await,
            false => import_report(&tenant, path).await,
        };
        let shown = match imported {
            Ok(report) => {
                let expected = records(&std::fs::read_to_string(path).unwrap()).unwrap();
                assert_eq!(report.outcome.records, expected as u64, "{name}");
                assert_adds_up(&report, name);
                let shown = reviewed(&tenant, &report);
                let again = if is_of_vendor { import(&tenant, path).await } else { import_report(&tenant, path).await };
                let counts = again.unwrap().run.counts;
                assert_eq!((counts.new, counts.changed, counts.vanished), (0, 0, 0), "{name}, a second time");
                shown
            }
            Err(error) => {
                assert_eq!(content(&tenant).findings.len(), 0, "{name}");
                json!({ "refused": error.code().to_string() })
            }
        };
        insta::assert_json_snapshot!(name.as_str(), shown);
    }
}

#[tokio::test]
async fn a_vex_document_stands_beside_findings_and_closes_none() {
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() });
    let tenant = context.tenant("acme");
    let affects = json!([{ "ref": "pkg:npm/lodash@4.17.20" }]);
    let bom = |more: Value| {
        let mut bom = json!({ "bomFormat": "CycloneDX", "specVersion": "1.5" });
        bom.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        bom
    };
    let component =
        json!({ "type": "library", "name": "lodash", "version": "4.17.20", "purl": "pkg:npm/lodash@4.17.20" });
    let scan = bom(json!({
        "components": [component],
        "vulnerabilities": [{ "id": "CVE-2021-23337", "affects": affects }],
    }));
    let vex = |state: &str| {
        let analysis = json!({ "state": state, "justification": "code_not_reachable" });
        bom(json!({ "vulnerabilities": [{ "id": "CVE-2021-23337", "analysis": analysis, "affects": affects }] }))
    };
    let take_in = async |source: &str, file: &Value| {
        let path = context.data_dir().join(format!("{source}.json"));
        std::fs::write(&path, file.to_string()).unwrap();
        tenant.source(&name(source)).await.unwrap();
        let options = ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() };
        tenant.import(&name(source), &path, options, Arc::new(|_| ())).await.unwrap()
    };
    take_in("scanner", &scan).await;
    for (state, said) in [("not_affected", "ignored"), ("false_positive", "ignored"), ("resolved", "fixed")] {
        assert_eq!(take_in("supplier", &vex(state)).await.outcome.findings, 1, "{state}");
        let mut statuses: Vec<Value> = content(&tenant).findings.iter().map(|it| it["status"].clone()).collect();
        statuses.sort_by_key(Value::to_string);
        assert_eq!(statuses, [json!(said), json!("open")], "{state}");
        let (issues, _) = tenant.issues(IssueFilter { limit: 9, ..IssueFilter::default() }).await.unwrap();
        let shown: Vec<_> = issues.iter().map(|it| (it.status.clone(), it.source_count)).collect();
        assert_eq!(shown, [("open".to_owned(), 2)], "{state}");
    }
}
