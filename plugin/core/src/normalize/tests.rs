//! Whole records: every fixture has one reviewed result, and no value of a
//! record is lost on the way.

mod endpoints;
mod lossless;
mod properties;

use std::{fs, path::PathBuf};

use appsec_model::{Document, DocumentHead, Error, Kind, Normalized, RawInput, RawRecord};
use serde_json::Value;

use super::{MAX_RECORDS, normalize};

fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The JSON files of a folder with their names, in the order of the names.
/// None where there is no such folder.
#[expect(clippy::disallowed_methods, reason = "a test may read files")]
fn files(folder: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let entries = fs::read_dir(repository().join(folder)).ok()?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let file = |path: &PathBuf| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap());
    Some(paths.iter().map(file).collect())
}

/// Vendor data that others have published, where a copy lies beside the
/// workspace.
fn samples() -> Vec<(String, Vec<u8>)> {
    let samples = files("../shared/samples/api").unwrap_or_default();
    if samples.is_empty() {
        #[expect(clippy::disallowed_macros, reason = "a test may say what it left out")]
        {
            eprintln!("no samples beside the workspace; fixtures only");
        }
    }
    samples
}

fn normalize_file(name: &str, content: &[u8]) -> Result<Normalized, Error> {
    normalize(&RawInput::Document(Document {
        head: DocumentHead { name: name.to_owned(), ..DocumentHead::default() },
        content: content.to_vec(),
    }))
}

/// Compares a result with its reviewed file; writes it if it differs.
#[expect(clippy::disallowed_methods, reason = "a test may write the reviewed file")]
fn differs(folder: &str, name: &str, result: &Result<Normalized, Error>) -> bool {
    let text = match result {
        Ok(normalized) => serde_json::to_string_pretty(normalized),
        Err(error) => serde_json::to_string_pretty(error),
    };
    let text = text.unwrap() + "\n";
    let path = repository().join(folder).join(format!("{name}.json"));
    if fs::read_to_string(&path).is_ok_and(|before| before == text) {
        return false;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    true
}

#[test]
fn every_fixture_has_its_reviewed_result() {
    let fixtures = files("fixtures/api/findings").expect("the fixtures are part of the workspace");
    assert!(!fixtures.is_empty());
    let mut changed: Vec<String> = Vec::new();
    for (name, content) in fixtures {
        if differs("fixtures/normalized", &name, &normalize_file(&name, &content)) {
            changed.push(name);
        }
    }
    for (name, content) in samples() {
        if differs("fixtures/normalized/samples", &name, &normalize_file(&name, &content)) {
            changed.push(name);
        }
    }
    assert!(changed.is_empty(), "results differed and are rewritten: review {changed:?} and run the tests again");
}

#[test]
fn records_and_a_file_of_them_are_normalized_alike() {
    for (name, content) in files("fixtures/api/findings").unwrap_or_default() {
        let Ok(from_file) = normalize_file(&name, &content) else { continue };
        let page: Value = serde_json::from_slice(&content).unwrap();
        let Some(bodies) = page["findings"].as_array() else { continue };
        let records = bodies.iter().enumerate().map(|(index, body)| RawRecord {
            kind: from_file
                .findings
                .iter()
                .find(|finding| finding.index as usize == index)
                .map_or(Kind::Sast, |finding| finding.kind.clone()),
            id: None,
            project: None,
            body: body.to_string(),
            gist: None,
        });
        let from_records = normalize(&RawInput::Records(records.collect())).unwrap();
        assert_eq!(from_records.findings, from_file.findings, "{name}");
        assert_eq!(from_records.packages, from_file.packages, "{name}");
    }
}

#[test]
fn records_of_kinds_without_a_unified_form_are_named() {
    let record =
        |kind: Kind| RawRecord { kind, id: Some("7".into()), project: None, body: r#"{"id":7}"#.into(), gist: None };
    let kinds = [Kind::Other("dast".into()), Kind::AiSast];
    let normalized = normalize(&RawInput::Records(kinds.map(record).into())).unwrap();
    assert_eq!(normalized.findings.len(), 1);
    let codes: Vec<_> = normalized.diagnostics.iter().filter(|it| it.code == "unsupported-kind").collect();
    assert_eq!(codes.len(), 1);
    assert!(codes.iter().all(|it| it.id.as_deref() == Some("7")));
    insta::assert_snapshot!(codes[0].message, @"this version does not read records of the kind `dast`");
}

#[test]
fn what_came_with_a_record_goes_before_what_it_says() {
    let project = appsec_model::ProjectRef { id: Some("12".into()), name: None };
    let body = r#"{"id":1,"repository":{"name":"acme/shop"}}"#.to_owned();
    let record = RawRecord { kind: Kind::Sast, id: None, project: Some(project), body, gist: None };
    let normalized = normalize(&RawInput::Records(vec![record])).unwrap();
    let project = &normalized.findings[0].project;
    assert_eq!((project.id.as_deref(), project.name.as_deref()), (Some("12"), Some("acme/shop")));
}

#[test]
fn a_call_takes_so_many_records_and_no_more() {
    let body = format!(r#"{{"findings":[{}]}}"#, vec![r#"{"id":1}"#; MAX_RECORDS + 1].join(","));
    let error = normalize_file("page", body.as_bytes()).unwrap_err();
    insta::assert_snapshot!(error, @"limit exceeded: 10001 records in one call; the connector takes 10000");
}
