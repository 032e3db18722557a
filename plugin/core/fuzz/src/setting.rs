//! Settings are taken or refused, and what may be a secret is not repeated.

use std::sync::LazyLock;

use appsec_model::{Error, ErrorCode};
use semgrep_core::{configure, describe};
use serde_json::{Map, Value};

use crate::world::{MemoryBucket, TOKEN, Vendor, friendly, with};

/// Stands for a secret at a place that it should not be at.
const MISPLACED: &str = "misplaced-0123456789";

/// Keys of the settings.
static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(&describe().settings_schema).expect("a schema is JSON");
    schema["properties"].as_object().expect("settings are an object").keys().cloned().collect()
});

/// Any text as settings.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check(text);
    if text.contains(MISPLACED) {
        return;
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let misplaced = match value {
        Value::Object(fields) => Value::Object(fields.into_iter().map(misplace).collect::<Map<_, _>>()),
        other => hide(other),
    };
    let error = check(&misplaced.to_string());
    let shown = error.map(|error| format!("{error} {error:?}")).unwrap_or_default();
    assert!(!shown.contains(MISPLACED), "{shown}");
}

/// Puts a secret in the place of an unknown setting's value.
fn misplace((key, value): (String, Value)) -> (String, Value) {
    let value = if KEYS.contains(&key) { value } else { hide(value) };
    (key, value)
}

/// Puts a secret in the place of every text of a value.
fn hide(value: Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.into_iter().map(hide).collect()),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(key, value)| (key, hide(value))).collect()),
        _ => Value::String(MISPLACED.into()),
    }
}

/// Configures with settings; gives the error.
fn check(settings: &str) -> Option<Error> {
    let mut vendor = Vendor::new(friendly);
    vendor.origin = None;
    let mut bucket = MemoryBucket::default();
    let result = with(&mut vendor, &mut bucket, |outside| configure(settings, outside));
    match &result {
        Ok(_) => assert!(vendor.asked > 0 && !bucket.0.is_empty()),
        Err(Error { code: ErrorCode::InvalidSettings, problems, .. }) => assert!(vendor.asked == 0 && !problems.is_empty()),
        Err(Error { code: ErrorCode::DeploymentNotFound | ErrorCode::NoDeployment, .. }) => assert_eq!(vendor.asked, 1),
        Err(error) => panic!("{error}"),
    }
    if result.is_err() {
        assert_eq!(bucket, MemoryBucket::default(), "an error leaves the bucket as it was");
    }
    let error = result.err()?;
    assert!(settings.contains(TOKEN) || !format!("{error:?}").contains(TOKEN));
    Some(error)
}
