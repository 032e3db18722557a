//! D5, for what shows only where a record changes: code that moves, and words that
//! nobody knows.

use appsec_model::{Finding, Normalized, RawInput, RawRecord, Severity};
use appsec_sandbox::Still;
use serde_json::Value;

use super::Trial;
use crate::subject::Subject;

/// Most records of a kind that are changed.
const MOST_RECORDS: usize = 10;

/// How far code moves.
const MOVED: u64 = 1_000;

/// A word that no vendor has.
const NO_WORD: &str = "no-such-word";

pub(super) async fn check(trial: &mut Trial, subject: &impl Subject, kind: &str, records: &[RawRecord]) {
    for record in records.iter().take(MOST_RECORDS) {
        let Ok(value) = serde_json::from_str::<Value>(&record.body) else { continue };
        // As it is written here: the order of its keys may be another one.
        let Some(usual) = of(subject, record, &value).await else { continue };
        moved(trial, subject, kind, record, (&value, &usual)).await;
        unknown(trial, subject, kind, record, (&value, &usual)).await;
    }
}

async fn of(subject: &impl Subject, record: &RawRecord, value: &Value) -> Option<Normalized> {
    let record = RawRecord { body: value.to_string(), ..record.clone() };
    let called = subject.normalize(Still::default(), RawInput::Records(vec![record])).await;
    called.ok().map(|response| response.value)
}

/// A finding is the same one where its code is on other lines.
async fn moved(
    trial: &mut Trial,
    subject: &impl Subject,
    kind: &str,
    record: &RawRecord,
    (value, usual): (&Value, &Normalized),
) {
    let mut value = value.clone();
    each(&mut value, "", &mut |key, leaf| {
        if names(key, &["line", "lines"])
            && let Some(line) = leaf.as_u64()
        {
            *leaf = Value::from(line.saturating_add(MOVED));
        }
    });
    let Some(moved) = of(subject, record, &value).await else { return };
    let line = |it: &Finding| it.location.as_ref().and_then(|place| place.start_line);
    let pairs = usual.findings.iter().zip(&moved.findings);
    for (before, after) in pairs.filter(|(before, after)| line(before) != line(after)) {
        let case = format!("finding `{}` of {kind}, on other lines", before.id);
        let (old, new) = (&before.identity.key, &after.identity.key);
        trial.case(old == new, case, format!("the key `{old}`"), || format!("`{new}`"));
    }
}

/// A severity that is not known is said to be so.
async fn unknown(
    trial: &mut Trial,
    subject: &impl Subject,
    kind: &str,
    record: &RawRecord,
    (value, usual): (&Value, &Normalized),
) {
    let Some((before, word)) = usual.findings.iter().find_map(|it| Some((it, it.vendor_severity.as_deref()?))) else {
        return;
    };
    let mut value = value.clone();
    each(&mut value, "", &mut |key, leaf| {
        let is_it = leaf.as_str().is_some_and(|text| text.eq_ignore_ascii_case(word));
        if is_it && names(key, &["severity", "level", "priority", "risk", "criticality"]) {
            *leaf = Value::from(NO_WORD);
        }
    });
    let Some(after) = of(subject, record, &value).await else { return };
    for finding in &after.findings {
        // Where the vendor says it at another place, too, the connector may read that.
        let is_meant = finding.vendor_severity.as_deref().is_none_or(|it| it.to_ascii_lowercase().contains(NO_WORD));
        if !is_meant {
            continue;
        }
        let is_said = finding.severity == Severity::Unknown && !after.diagnostics.is_empty();
        let case = format!("finding `{}` of {kind}, with the severity `{NO_WORD}`", before.id);
        trial.case(is_said, case, "a severity that is unknown, and a remark", || match finding.severity {
            Severity::Unknown => "no remark".to_owned(),
            other => super::json(&other),
        });
    }
}

/// Every leaf of a value, with the key that it stands under.
fn each(value: &mut Value, key: &str, change: &mut impl FnMut(&str, &mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, key, change)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, field)| each(field, key, change)),
        leaf => change(key, leaf),
    }
}

/// Whether a key has one of these words in it: `start_line` and `startLine` have
/// `line`, and `pipeline` has not.
fn names(key: &str, words: &[&str]) -> bool {
    let mut parts = vec![String::new()];
    for sign in key.chars() {
        if !sign.is_alphanumeric() || sign.is_uppercase() {
            parts.push(String::new());
        }
        if sign.is_alphanumeric()
            && let Some(part) = parts.last_mut()
        {
            part.extend(sign.to_lowercase());
        }
    }
    parts.iter().any(|part| words.contains(&part.as_str()))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_key_is_read_word_by_word() {
        for key in ["line", "start_line", "startLine", "lineNumber", "end-line", "Lines"] {
            assert!(names(key, &["line", "lines"]), "{key}");
        }
        for key in ["pipeline", "deadline", "inline_id", ""] {
            assert!(!names(key, &["line", "lines"]), "{key}");
        }
    }
}
