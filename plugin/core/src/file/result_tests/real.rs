//! Output of the real tool, and of others, where copies lie beside the workspace.

use std::path::PathBuf;

use serde_json::Value;

use super::{cut, files, keys, read};

/// The folder of the samples, beside the workspace.
fn samples() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples"))
}

fn load(folder: &str) -> Vec<(String, Value)> {
    let files = files(&samples().join(folder)).into_iter();
    files.filter_map(|(name, text)| Some((name, serde_json::from_str(&text).ok()?))).collect()
}

/// Folders that hold one scan each, of several versions, in both formats, and
/// after lines were inserted.
const SCANS: [&[&str]; 4] = [&["semgrep-cli/sast"], &["semgrep-cli/sca"], &["before", "after", "dataflow"], &["sca"]];

#[test]
fn no_result_is_lost() {
    let folders = ["cli", "sarif", "semgrep-cli/errors"].into_iter().chain(SCANS.concat());
    for (name, file) in folders.flat_map(load) {
        let results = cut(&file).len();
        let normalized = read(&file, None);
        assert_eq!(normalized.findings.len(), results, "{name}: {:?}", normalized.diagnostics);
        for diagnostic in &normalized.diagnostics {
            // Nothing in these files is odd but the words of one kind.
            assert_eq!(diagnostic.level, appsec_model::DiagnosticLevel::Warning, "{name}: {diagnostic:?}");
        }
        let mut ids: Vec<_> = normalized.findings.iter().map(|finding| &finding.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), results, "{name}");
        for finding in &normalized.findings {
            assert!(!finding.title.is_empty(), "{name}");
            assert_ne!(finding.snippet.as_deref(), Some("requires login"));
            assert!(finding.location.as_ref().is_some_and(|place| !place.path.is_empty()));
        }
    }
}

#[test]
fn versions_and_formats_of_one_scan_give_the_same_keys() {
    for folders in SCANS {
        let files: Vec<_> = folders.iter().copied().flat_map(load).collect();
        for pair in files.windows(2) {
            assert!(!keys(&pair[0].1).is_empty());
            assert_eq!(keys(&pair[0].1), keys(&pair[1].1), "{} {}", pair[0].0, pair[1].0);
        }
    }
}
