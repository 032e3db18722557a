//! Reports as scanners write them, and what is made of each.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::LazyLock};

use appsec_model::{DiagnosticLevel, ProjectRef};
use serde_json::{Value, json};

use crate::{Format, Options, Report, detect, read};

/// The files of all formats, in the order of their names.
pub fn files() -> &'static [(String, Vec<u8>)] {
    static FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(read_files);
    &FILES
}

fn read_files() -> Vec<(String, Vec<u8>)> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reports"));
    let mut files = Vec::new();
    for folder in ["cyclonedx", "gitlab", "osv-scanner", "sarif"] {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((format!("{folder}-{name}"), fs::read(path).unwrap()));
        }
    }
    files
}

pub fn options() -> Options {
    Options {
        format: None,
        project: ProjectRef { id: None, name: Some("shop/web".to_owned()) },
        r#ref: Some("refs/heads/main".to_owned()),
        root: Some("/home/runner/work/shop/shop".to_owned()),
    }
}

/// Every record is a finding, a package or a diagnostic, and nothing else is.
pub fn assert_accounted(report: &Report<'_>, name: &str) {
    let mut fates: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    let normalized = &report.normalized;
    let mut add = |index: u32, fate| fates.entry(index).or_default().push(fate);
    normalized.findings.iter().for_each(|it| add(it.index, "finding"));
    normalized.packages.iter().filter_map(|it| it.index).for_each(|index| add(index, "package"));
    // One without an index is about the scan as a whole.
    for it in normalized.diagnostics.iter().filter(|it| it.level != DiagnosticLevel::Warning) {
        it.index.into_iter().for_each(|index| add(index, it.level.word()));
    }
    assert_eq!(report.head.records, report.records.len() as u64, "{name}");
    assert_eq!(report.head.kinds.iter().map(|it| it.records).sum::<u64>(), report.head.records, "{name}");
    let expect: Vec<u32> = (0..u32::try_from(report.records.len()).unwrap()).collect();
    assert_eq!(fates.keys().copied().collect::<Vec<_>>(), expect, "{name}");
    assert!(fates.values().all(|fates| fates.len() == 1), "{name}: {fates:?}");
    // Each finding's kind is its record's, and its rule is there, once.
    let mut rules: Vec<&str> = normalized.rules.iter().map(|it| it.id.as_str()).collect();
    rules.sort_unstable();
    assert!(rules.windows(2).all(|pair| pair[0] != pair[1]), "{name}");
    for finding in &normalized.findings {
        assert_eq!(finding.kind, report.records[finding.index as usize].kind, "{name}");
        assert!(finding.rule_id.as_deref().is_none_or(|id| rules.contains(&id)), "{name}");
        assert!(!finding.title.is_empty() && !finding.id.is_empty() && !finding.identity.key.is_empty(), "{name}");
    }
    let mut ids: Vec<(&str, &str)> = normalized.findings.iter().map(|it| (it.kind.as_str(), it.id.as_str())).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {ids:?}");
}

trait Word {
    fn word(&self) -> &'static str;
}

impl Word for DiagnosticLevel {
    fn word(&self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Skipped => "skipped",
            Self::Error => "error",
        }
    }
}

#[test]
fn every_fixture_has_its_reviewed_findings() {
    let options = options();
    for (name, bytes) in files() {
        let report = read(bytes, &options).unwrap();
        assert_accounted(&report, name);
        let head = &report.head;
        let shown = json!({
            "format": head.format.name(),
            "version": head.format_version,
            "summary": head.summary("second"),
            "normalized": report.normalized,
        });
        insta::with_settings!({ snapshot_suffix => name, prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!("report", shown);
        });
    }
}

#[test]
fn the_folder_of_a_fixture_is_its_format() {
    for (name, bytes) in files() {
        let format = detect(bytes).unwrap();
        assert!(name.starts_with(format.name()), "{name}: {format}");
        let asked = Options { format: Some(format), ..options() };
        assert_eq!(read(bytes, &asked).unwrap(), read(bytes, &options()).unwrap());
    }
}

#[test]
fn no_credential_of_a_fixture_is_kept() {
    let options = options();
    for (name, bytes) in files() {
        let report = read(bytes, &options).unwrap();
        let normalized = serde_json::to_string(&report.normalized).unwrap();
        let bodies: String = report.records.iter().map(|it| it.body.as_ref()).collect();
        for secret in ["invented-credential", "not-a-real-password"] {
            assert!(!normalized.contains(secret) && !bodies.contains(secret), "{name}");
        }
    }
}

/// The findings of a report by what tells them apart, without where they stand in it.
pub fn identities(report: &Report<'_>) -> Vec<Value> {
    let one = |finding: &appsec_model::Finding| {
        let mut value = serde_json::to_value(finding).unwrap();
        value.as_object_mut().unwrap().remove("index");
        value
    };
    let mut all: Vec<Value> = report.normalized.findings.iter().map(one).collect();
    all.sort_by_key(Value::to_string);
    all
}

/// Turns the order of every list of records around.
fn reversed(format: Format, file: &Value) -> Value {
    let mut file = file.clone();
    let reverse = |value: &mut Value| value.as_array_mut().into_iter().for_each(|list| list.reverse());
    match format {
        Format::Sarif => {
            file["runs"].as_array_mut().unwrap().iter_mut().filter(|it| it.is_object()).for_each(|run| {
                reverse(&mut run["results"]);
            });
        }
        Format::CycloneDx => {
            reverse(&mut file["components"]);
            reverse(&mut file["vulnerabilities"]);
            reverse(&mut file["dependencies"]);
        }
        Format::GitLab => {
            reverse(&mut file["vulnerabilities"]);
            reverse(&mut file["dependency_files"]);
        }
        Format::OsvScanner => {
            let results = file["results"].as_array_mut().unwrap();
            for result in results.iter_mut().filter(|it| it.is_object()) {
                reverse(&mut result["packages"]);
            }
            results.reverse();
        }
    }
    file
}

#[test]
fn findings_are_the_same_in_any_order() {
    let options = options();
    for (name, bytes) in files() {
        let report = read(bytes, &options).unwrap();
        let file: Value = serde_json::from_slice(bytes).unwrap();
        let turned = reversed(report.head.format, &file).to_string().into_bytes();
        let turned = read(&turned, &options).unwrap();
        assert_accounted(&turned, name);
        assert_eq!(identities(&turned), identities(&report), "{name}");
    }
}

#[test]
fn lines_that_move_leave_identities_alone() {
    let options = options();
    for (name, bytes) in files() {
        let mut moved: Value = serde_json::from_slice(bytes).unwrap();
        shift(&mut moved);
        let moved = moved.to_string().into_bytes();
        let keys = |bytes: &[u8]| -> Vec<appsec_model::Identity> {
            read(bytes, &options).unwrap().normalized.findings.into_iter().map(|it| it.identity).collect()
        };
        assert_eq!(keys(&moved), keys(bytes), "{name}");
    }
}

/// Moves all lines.
fn shift(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(shift),
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value.as_u64()) {
                    ("startLine" | "endLine" | "line" | "start_line" | "end_line", Some(line)) => {
                        *value = json!(line + 17);
                    }
                    _ => shift(value),
                }
            }
        }
        _ => {}
    }
}
