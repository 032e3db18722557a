//! Raw records become findings, packages or remarks, always.

use appsec_model::{DiagnosticLevel, Finding, Kind, Normalized, ProjectRef, RawInput, RawRecord};
use semgrep_core::{MAX_RECORDS, describe, normalize};
use serde_json::{json, value::RawValue};

use crate::input::{has, pick, split_text};

/// A text as a raw record: as it stands, or as the record of a file.
///
/// Choices: kind; wrapper (0 for none); bits: id, project, branch, tool.
pub fn record(data: &[u8]) {
    let Some(([kind, wrapper, bits], text)) = split_text(data) else { return };
    let body = match wrapper {
        0 => text.to_owned(),
        _ => match wrap(wrapper, bits, text) {
            Some(body) => body,
            None => return,
        },
    };
    let kinds = [Kind::Sast, Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Packages, Kind::Other("scans".into())];
    let project = ProjectRef { id: Some("7".into()), name: has(bits, 4).then(|| "acme/shop".into()) };
    let record = RawRecord {
        kind: pick(kind, &kinds),
        id: has(bits, 0).then(|| "1".into()),
        project: has(bits, 1).then_some(project),
        body,
        gist: None,
    };
    let alone = checked(std::slice::from_ref(&record));
    // Records do not depend on each other.
    let plain = RawRecord { kind: Kind::Sast, id: None, project: None, body: r#"{"id":1}"#.into(), gist: None };
    let together = checked(&[record.clone(), plain, record]);
    let at = |index: u32| together.findings.iter().find(|finding| finding.index == index).cloned();
    let moved = |index| alone.findings.first().map(|finding| Finding { index, ..finding.clone() });
    assert_eq!([at(0), at(2)], [moved(0), moved(2)]);
}

/// The text as the record of a file, after its rule if there is one.
fn wrap(wrapper: u8, bits: u8, text: &str) -> Option<String> {
    let (rule, record) = match text.split_once('\0') {
        Some((rule, record)) => (Some(serde_json::from_str::<&RawValue>(rule).ok()?), record),
        None => (None, text),
    };
    let record: &RawValue = serde_json::from_str(record).ok()?;
    let mut formats: Vec<String> = describe().formats.into_iter().map(|format| format.name).collect();
    formats.push("other".into());
    let mut head = json!({ "format": pick(wrapper - 1, &formats), "ordinal": bits >> 5 });
    if has(bits, 2) {
        head["ref"] = json!("refs/heads/main");
    }
    if has(bits, 3) {
        head["tool"] = json!("1.170.0");
    }
    let rule = rule.map(|rule| format!(r#""rule":{},"#, rule.get())).unwrap_or_default();
    Some(format!(r#"{{"$file":{head},{rule}"record":{}}}"#, record.get()))
}

/// Normalizes records, and checks that it happens the same way twice and that
/// each record is one thing: of use, or left out with a reason.
pub fn checked(records: &[RawRecord]) -> Normalized {
    let input = RawInput::Records(records.to_vec());
    let normalized = normalize(&input).expect("records within the limit are looked at");
    assert_eq!(Ok(&normalized), normalize(&input).as_ref());
    let mut outcomes = vec![0; records.len()];
    for finding in &normalized.findings {
        outcomes[finding.index as usize] += 1;
        let rules = normalized.rules.iter().filter(|rule| Some(&rule.id) == finding.rule_id.as_ref());
        assert!(finding.rule_id.is_none() || rules.count() > 0, "a finding names a rule that is not there");
    }
    for index in normalized.packages.iter().filter_map(|package| package.index) {
        outcomes[index as usize] += 1;
    }
    let mut left_out: Vec<_> = normalized
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.level != DiagnosticLevel::Warning)
        .map(|diagnostic| diagnostic.index.expect("a remark on a record has its position") as usize)
        .collect();
    left_out.dedup();
    for index in left_out {
        outcomes[index] += 1;
    }
    for (outcome, record) in outcomes.iter().zip(records) {
        assert_eq!(*outcome, 1, "outcomes of {record:?}: {normalized:?}");
    }
    normalized
}

/// Normalizes any number of records.
pub fn checked_in_calls(records: &[RawRecord]) -> Vec<Finding> {
    records.chunks(MAX_RECORDS).flat_map(|records| checked(records).findings).collect()
}
