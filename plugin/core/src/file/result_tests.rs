//! Whole files: every result becomes a finding or a diagnostic, and has the same
//! identity in every format and version.

mod properties;
mod real;

use std::{collections::BTreeMap, fs, path::PathBuf};

use appsec_model::{Kind, Normalized};
use serde_json::Value;

use super::{
    cli, identity,
    record::{FileHead, FileRecord},
    sarif,
    sketch::{Position, Sketch},
};
use crate::normalize::Batch;

/// A result, and its rule where the format keeps rules apart.
type Cut = (String, Option<String>);

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"))
}

/// The files of a folder in the order of their names; none where there is none.
#[expect(clippy::disallowed_methods, reason = "a test may read files")]
fn files(folder: &std::path::Path) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// The results of a file, as the reader cuts them; none where it has none.
fn cut(file: &Value) -> Vec<Cut> {
    if let Some(results) = file["results"].as_array() {
        return results.iter().map(|result| (result.to_string(), None)).collect();
    }
    let mut cut = Vec::new();
    for run in file["runs"].as_array().into_iter().flatten() {
        let rules = run["tool"]["driver"]["rules"].as_array().cloned().unwrap_or_default();
        for result in run["results"].as_array().into_iter().flatten() {
            let rule = rules.iter().find(|rule| rule["id"].is_string() && rule["id"] == result["ruleId"]);
            let mut rule = rule.cloned();
            if let Some(rule) = rule.as_mut().and_then(Value::as_object_mut) {
                rule.remove("help");
            }
            cut.push((result.to_string(), rule.map(|rule| rule.to_string())));
        }
    }
    cut
}

fn sketch(is_cli: bool, (result, rule): &Cut) -> Option<Sketch> {
    match is_cli {
        true => cli::sketch(result, None, &mut cli::Credentials::default()),
        false => sarif::sketch(result, rule.as_deref(), None),
    }
}

/// The number of each result among those of its group.
fn ordinals(sketches: &[Option<Sketch>]) -> Vec<u32> {
    let mut groups: BTreeMap<u128, Vec<(Position, usize)>> = BTreeMap::new();
    for (index, sketch) in sketches.iter().enumerate() {
        if let Some(sketch) = sketch {
            groups.entry(sketch.group).or_default().push((sketch.position, index));
        }
    }
    let mut ordinals = vec![0; sketches.len()];
    for members in groups.values_mut() {
        members.sort();
        for (ordinal, (_, index)) in members.iter().enumerate() {
            ordinals[*index] = u32::try_from(ordinal).unwrap();
        }
    }
    ordinals
}

/// What a file's results are, together.
fn read(file: &Value, branch: Option<&str>) -> Normalized {
    let is_cli = file["runs"].is_null();
    let driver = &file["runs"][0]["tool"]["driver"];
    let tool = match is_cli {
        true => file["version"].as_str().map(str::to_owned),
        false => Some(format!("{} {}", driver["name"], driver["semanticVersion"]).replace('"', "")),
    };
    read_cut(is_cli, &cut(file), tool.as_deref(), branch)
}

fn read_cut(is_cli: bool, cut: &[Cut], tool: Option<&str>, branch: Option<&str>) -> Normalized {
    let sketches: Vec<_> = cut.iter().map(|cut| sketch(is_cli, cut)).collect();
    let mut batch = Batch::with_capacity(cut.len());
    for (index, ((result, rule), ordinal)) in cut.iter().zip(ordinals(&sketches)).enumerate() {
        let (root, group) = (None, None);
        let (format, tool, ref_) = ("test".into(), tool.map(Into::into), branch.map(Into::into));
        let record = FileRecord {
            head: FileHead { format, tool, ref_, ordinal, root, group, shared: false },
            rule: rule.as_deref(),
            record: result,
        };
        // As it is stored and read again.
        let text = record.to_text();
        let record = FileRecord::read(&text).unwrap();
        batch.remarks.start(index);
        let finding = match is_cli {
            true => cli::finding(&mut batch, index, None, &record),
            false => sarif::finding(&mut batch, index, None, &record),
        };
        match finding {
            Ok(finding) => {
                let sketch = sketches[index].as_ref().expect("what is a finding has a sketch");
                assert_eq!(finding.kind, sketch.kind);
                assert_eq!(finding.id, identity::record_id(sketch.group, ordinal, branch));
                batch.remarks.finish(Some(&finding.id));
                batch.findings.push(finding);
            }
            Err(id) => {
                assert!(sketches[index].is_none());
                batch.remarks.finish(id.as_deref());
            }
        }
    }
    batch.finish()
}

/// The keys of a file's findings, in order; without those suppressed in the
/// code, which JSON leaves out.
fn keys(file: &Value) -> Vec<(Kind, String)> {
    let normalized = read(file, None);
    let shown = normalized.findings.iter().filter(|it| it.lifecycle.scan_state != Some("muted".into()));
    let mut keys: Vec<_> = shown.map(|finding| (finding.kind.clone(), finding.identity.key.clone())).collect();
    keys.sort();
    keys
}

#[test]
fn every_fixture_has_its_reviewed_findings() {
    for folder in ["cli", "sarif"] {
        let files = files(&fixtures().join(folder));
        assert!(!files.is_empty());
        for (name, text) in files {
            let normalized = read(&serde_json::from_str(&text).unwrap(), Some("refs/heads/main"));
            insta::with_settings!({ snapshot_suffix => name, omit_expression => true }, {
                insta::assert_json_snapshot!(normalized);
            });
        }
    }
}

#[test]
fn results_that_differ_in_the_line_only_stay_several_and_those_of_two_rules_too() {
    let file: Value = serde_json::from_str(include_str!("../../../../fixtures/cli/old.json")).unwrap();
    let keys = keys(&file);
    let mut distinct = keys.clone();
    distinct.dedup();
    assert_eq!((keys.len(), distinct.len()), (4, 4));
    let results = ["a", "b", "a"].map(|rule| {
        serde_json::json!({"check_id": rule, "path": "x", "start": {"line": 1, "col": 1}, "extra": {"message": "m"}})
    });
    let same_span = serde_json::json!({ "results": results });
    let mut distinct = super::result_tests::keys(&same_span);
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
}
