//! Results of scanners' reports keep their identity when lines move.

use appsec_model::{DocumentHead, Identity, RawRecord};
use serde_json::{Value, json, value::RawValue};

use crate::{
    input::{has, split_text},
    normalizing::checked_in_calls,
    reading::read,
};

/// Lines of which both they and the moved ones are numbers that a file can have.
const LINES: std::ops::Range<u64> = 1..1 << 24;

/// JSON values, with a zero byte between them, as results of the command line.
///
/// Choices: bits: run with login; by how many lines the results move.
pub fn cli(data: &[u8]) {
    let Some(([bits, lines], text)) = split_text(data) else { return };
    let Some(results) = values(text.split('\0')) else { return };
    // A file without results of the tool is another tool's.
    let known = json!({ "check_id": "known", "path": "known.py" });
    let version = if has(bits, 0) { "1.170.0" } else { "1.50.0" };
    let document = |results: &[Value]| {
        let results = [results, std::slice::from_ref(&known)].concat();
        json!({ "version": version, "errors": [], "paths": { "scanned": ["known.py"] }, "results": results })
    };
    raw(&results_text(text), |results| {
        format!(r#"{{"version":"{version}","errors":[],"results":[{known},{results}],"paths":{{"scanned":[]}}}}"#)
    });
    check(&results, "line", lines, document);
}

/// JSON values, with a zero byte between them, as a rule and results of SARIF.
///
/// Choices: bits: rules behind the results; by how many lines the results move.
pub fn sarif(data: &[u8]) {
    let Some(([bits, lines], text)) = split_text(data) else { return };
    let Some((rule, results)) = text.split_once('\0') else { return };
    let Some(rules) = values([rule].into_iter()) else { return };
    let raw_rule = rule;
    let Some(values) = values(results.split('\0')) else { return };
    let tool =
        |rules: &str| format!(r#"{{"driver":{{"name":"Semgrep OSS","semanticVersion":"1.170.0","rules":{rules}}}}}"#);
    let text = |rules: &str, results: &str| {
        let tool = tool(rules);
        match has(bits, 0) {
            true => format!(r#"{{"version":"2.1.0","runs":[{{"results":{results},"tool":{tool}}}]}}"#),
            false => format!(r#"{{"version":"2.1.0","runs":[{{"tool":{tool},"results":{results}}}]}}"#),
        }
    };
    raw(&results_text(results), |results| text(&format!("[{raw_rule}]"), &format!("[{results}]")));
    let document = |results: &[Value]| {
        let text = text(&json!(rules).to_string(), &json!(results).to_string());
        serde_json::from_str(&text).expect("values make a document")
    };
    check(&values, "Line", lines, document);
}

/// Several texts of JSON as values; none where one of them is no JSON.
fn values<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Vec<Value>> {
    texts.map(|text| serde_json::from_str(text).ok()).collect()
}

fn results_text(text: &str) -> String {
    text.replace('\0', ",")
}

/// Reads the values as they stand: a key that is there twice is there twice.
fn raw(results: &str, document: impl Fn(&str) -> String) {
    let text = document(results);
    serde_json::from_str::<&RawValue>(&text).expect("values make a document");
    if let Ok((_, records)) = read(&DocumentHead::default(), &[text.as_bytes()]) {
        checked_in_calls(&records);
    }
}

/// Reads a report, and the same with every line number greater by a constant.
///
/// `suffix` is what the keys of line numbers end in.
fn check(results: &[Value], suffix: &str, lines: u8, document: impl Fn(&[Value]) -> Value) {
    let before = identities(&document(results));
    let mut moved = results.to_vec();
    if moved.iter_mut().all(|result| shift(result, suffix, u64::from(lines) + 1)) {
        assert_eq!(before, identities(&document(&moved)), "identities before and after");
    }
}

/// Ids of records; ids and identities of findings.
type Identities = (Vec<Option<String>>, Vec<(u32, String, Identity)>);

fn identities(document: &Value) -> Option<Identities> {
    let (_, records) = read(&DocumentHead::default(), &[document.to_string().as_bytes()]).ok()?;
    let findings: Vec<_> = checked_in_calls(&records).into_iter().map(|it| (it.index, it.id, it.identity)).collect();
    for (index, id, _) in &findings {
        assert_eq!(records[*index as usize].id.as_ref(), Some(id), "a record and its finding have one id");
    }
    let mut ids: Vec<_> = findings.iter().map(|(_, id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), findings.len(), "two findings of a file have one id");
    Some((records.into_iter().map(|RawRecord { id, .. }| id).collect(), findings))
}

/// Adds to every line number. False where one is no number of a line.
fn shift(value: &mut Value, suffix: &str, by: u64) -> bool {
    match value {
        Value::Array(list) => list.iter_mut().all(|value| shift(value, suffix, by)),
        Value::Object(fields) => fields.iter_mut().all(|(key, value)| match value.as_u64() {
            _ if !key.ends_with(suffix) || value.is_object() || value.is_array() => shift(value, suffix, by),
            Some(line) if LINES.contains(&line) => {
                *value = json!(line + by);
                true
            }
            _ => value.is_null(),
        }),
        _ => true,
    }
}
