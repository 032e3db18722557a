//! The records of the endpoints that are not the findings endpoint.

use appsec_model::{DiagnosticLevel, Kind, Normalized, RawInput, RawRecord};
use guest_json::Raw;
use serde_json::{Value, json};

use super::{differs, files, normalize, normalize_file};
use crate::api;

/// The records of an endpoint's fixtures, with the names of their files.
pub fn records(endpoint: &str) -> Vec<(String, Vec<RawRecord>)> {
    let (list, record): (_, fn(Raw<'_>) -> RawRecord) = match endpoint {
        "secrets" => ("findings", api::secrets::record),
        _ => ("dependencies", api::dependencies::record),
    };
    let cut = |content: &[u8]| {
        let page: Value = serde_json::from_slice(content).unwrap();
        let bodies = page[list].as_array().unwrap().iter();
        bodies.map(|body| record(Raw::new(&body.to_string()))).collect()
    };
    let files = files(&format!("fixtures/api/{endpoint}")).unwrap();
    files.into_iter().map(|(name, content)| (name, cut(&content))).collect()
}

fn run(records: Vec<RawRecord>) -> Normalized {
    normalize(&RawInput::Records(records)).unwrap()
}

#[test]
fn every_fixture_has_its_reviewed_result() {
    let mut changed = Vec::new();
    for endpoint in ["secrets", "dependencies"] {
        for (name, records) in records(endpoint) {
            let result = normalize(&RawInput::Records(records));
            if differs(&format!("fixtures/normalized/{endpoint}"), &name, &result) {
                changed.push(format!("{endpoint}/{name}"));
            }
        }
    }
    assert!(changed.is_empty(), "results differed and are rewritten: review {changed:?} and run the tests again");
}

#[test]
fn every_record_is_a_finding_a_package_or_an_error() {
    for (name, records) in records("secrets").into_iter().chain(records("dependencies")) {
        let count = records.len();
        let normalized = run(records);
        for index in 0..u32::try_from(count).unwrap() {
            let findings = normalized.findings.iter().filter(|finding| finding.index == index).count();
            let packages = normalized.packages.iter().filter(|package| package.index == Some(index)).count();
            let errors = normalized.diagnostics.iter().filter(|it| it.index == Some(index));
            let errors = errors.filter(|it| it.level == DiagnosticLevel::Error).count();
            assert_eq!(findings + packages + errors, 1, "{name} {index}");
        }
    }
}

#[test]
fn a_secret_in_a_file_is_known_by_its_shape() {
    for (name, content) in files("fixtures/api/secrets").unwrap() {
        if name == "page" || name == "states" {
            let from_file = normalize_file(&name, &content).unwrap();
            let (_, records) = records("secrets").into_iter().find(|(other, _)| *other == name).unwrap();
            assert_eq!(from_file, run(records), "{name}");
        }
    }
}

#[test]
fn a_secret_has_no_snippet_whatever_the_record_holds() {
    let body = json!({ "id": "1", "findingPath": "a:1", "snippet": "hunter2", "lines": "hunter2", "value": "hunter2" });
    let record = RawRecord { kind: Kind::Secrets, id: None, project: None, body: body.to_string(), gist: None };
    assert!(!serde_json::to_string(&run(vec![record])).unwrap().contains("hunter2"));
}

#[test]
fn packages_of_records_stand_beside_those_that_findings_name() {
    let package = json!({ "package": { "name": "qs", "versionSpecifier": "6.5.2" }, "ecosystem": "npm" });
    let finding = json!({ "id": 1, "found_dependency": { "package": "qs", "version": "6.5.2", "ecosystem": "npm" } });
    let record =
        |kind: Kind, body: &Value| RawRecord { kind, id: None, project: None, body: body.to_string(), gist: None };
    let normalized = run(vec![
        record(Kind::Sca, &finding),
        record(Kind::Packages, &package),
        record(Kind::Packages, &package),
        record(Kind::Sca, &finding),
    ]);
    let listed: Vec<_> = normalized.packages.iter().map(|it| (it.index, it.package.purl.as_deref())).collect();
    let purl = Some("pkg:npm/qs@6.5.2");
    assert_eq!(listed, [(None, purl), (Some(1), purl), (Some(2), purl)]);
}

#[test]
fn findings_of_the_ai_are_about_security_unless_it_says_otherwise() {
    let check = |categories: Value, expect: Option<bool>| {
        let body = json!({ "id": 1, "categories": categories }).to_string();
        let record = RawRecord { kind: Kind::AiSast, id: None, project: None, body, gist: None };
        assert_eq!(run(vec![record]).findings[0].security, expect, "{categories}");
    };
    check(Value::Null, Some(true));
    check(json!([]), Some(true));
    check(json!(["best-practice", "Security"]), Some(true));
    check(json!(["correctness"]), Some(false));
}
