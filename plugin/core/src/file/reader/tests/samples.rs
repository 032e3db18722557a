//! Vendor data that others have published, where a copy lies beside the
//! workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{head, read_pieces};

#[expect(clippy::disallowed_methods, reason = "a test may read files")]
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let is_report = path.extension().is_some_and(|extension| extension == "json" || extension == "sarif");
        if path.is_dir() {
            files(&path, found);
        } else if is_report {
            found.push((path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
        }
    }
}

/// How many results a file has, for a reader that knows nothing of formats.
fn results(file: &Value) -> usize {
    let length = |value: &Value| value.as_array().map(Vec::len);
    let list = ["findings", "results", "vulns", "dependencies"].iter().find_map(|key| length(&file[*key]));
    let runs = file["runs"].as_array();
    list.or_else(|| runs.map(|runs| runs.iter().filter_map(|run| length(&run["results"])).sum()))
        .or_else(|| length(file))
        .unwrap_or_default()
}

#[test]
fn samples_have_as_many_records_as_results() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples"));
    let mut samples = Vec::new();
    files(&folder, &mut samples);
    if samples.is_empty() {
        #[expect(clippy::disallowed_macros, reason = "a test may say what it left out")]
        {
            eprintln!("no samples beside the workspace; small files only");
        }
    }
    // What was scanned lies beside what the scanner said.
    for (name, content) in samples.into_iter().filter(|(name, _)| !name.contains("/target/")) {
        let pieces: Vec<_> = content.chunks(4099).collect();
        let read = read_pieces(&head(&name), &pieces);
        let is_alien = ["deployment", "policies", "ci_findings_upload", "complete.json"];
        if is_alien.iter().any(|word| name.contains(word)) {
            let error = read.unwrap_err().to_string();
            assert!(
                error.contains("uploads") || error.contains("no findings") || name.contains("deployment_"),
                "{error}"
            );
            continue;
        }
        let (summary, records) = read.unwrap();
        let file: Value = serde_json::from_slice(&content).unwrap();
        assert_eq!(records.len(), results(&file), "{name}: {}", summary.format);
    }
}
