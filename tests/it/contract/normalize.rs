//! `normalize` over files and over what is no finding at all.

use appsec_model::{Document, DocumentHead, Kind, RawInput, RawRecord};
use serde_json::Value;
use tests::{vendor_samples, workspace};

use super::both::{Both, Call};

/// Every file below a folder, in a fixed order.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn both_normalize_every_file_alike() {
    let mut both = Both::small().await;
    let mut files = files(&workspace().join("fixtures/api"));
    assert!(files.len() > 10);
    files.extend(vendor_samples().unwrap_or_default());
    for path in files {
        let content = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for format in [None, Some("semgrep-api-findings".to_owned()), Some("other".to_owned())] {
            let document = Document {
                head: DocumentHead { format, name: name.clone(), ..DocumentHead::default() },
                content: content.clone(),
            };
            both.agree(&Call::Normalize(RawInput::Document(document))).await;
        }
        // As records, with a kind that may be wrong for them.
        let Ok(Value::Object(page)) = serde_json::from_slice(&content) else { continue };
        for list in page.values().filter_map(Value::as_array) {
            for kind in [Kind::Sast, Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Other("x".to_owned())] {
                let record = |it: &Value| RawRecord {
                    kind: kind.clone(),
                    id: None,
                    project: None,
                    body: it.to_string(),
                    gist: None,
                };
                both.agree(&Call::Normalize(RawInput::Records(list.iter().map(record).collect()))).await;
            }
        }
    }
}

#[tokio::test]
async fn both_survive_what_is_no_finding() {
    let mut both = Both::small().await;
    let bodies = ["", "{", "null", "[]", "1e999", "\"\u{fffd}\"", r#"{"id": {}}"#, r#"{"id": 1, "id": 2}"#, "\u{0}"];
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies = bodies.into_iter().map(str::to_owned).chain([deep.clone(), format!(r#"{{"id": 1, "rule": {deep}}}"#)]);
    let record = |body| RawRecord { kind: Kind::Sast, id: None, project: None, body, gist: None };
    let answer = both.agree(&Call::Normalize(RawInput::Records(bodies.map(record).collect()))).await;
    assert!(answer["ok"]["diagnostics"].as_array().unwrap().len() >= 10, "{answer}");
    let too_many = vec![record("{}".to_owned()); 10_001];
    assert_eq!(both.agree(&Call::Normalize(RawInput::Records(too_many))).await["error"]["code"], "limit");
}
