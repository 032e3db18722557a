//! No value of a record is lost.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{files, normalize_file, samples};
use crate::{moment, normalize::branch_name};

/// Values that the unified form leaves out on purpose, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("/rule_name", "deprecated; `rule.name` is the rule's name, where both are there"),
    ("/assistant/autofix/explanation", "deprecated and always empty, says the API reference"),
];

/// Words that the unified form has another word for.
const OTHER_WORDS: &[(&str, &str)] =
    &[("gomod", "go"), ("swiftpm", "swift"), ("no reachability analysis", "not-analyzed")];

#[test]
fn no_value_of_a_record_is_lost() {
    let mut lost = Vec::new();
    let mut seen = 0;
    for (name, content) in files("fixtures/api/findings").unwrap_or_default().into_iter().chain(samples()) {
        let (Ok(normalized), Ok(page)) = (normalize_file(&name, &content), serde_json::from_slice(&content)) else {
            continue;
        };
        let mut kept = BTreeSet::new();
        leaves(&serde_json::to_value(&normalized).unwrap(), "", &mut |_, leaf| {
            kept.insert(leaf);
        });
        for (index, record) in records(&page) {
            if !normalized.findings.iter().any(|finding| finding.index as usize == index) {
                continue; // It is a diagnostic, which a reviewed file shows.
            }
            leaves(record, "", &mut |pointer, leaf| {
                seen += 1;
                let left_out = LEFT_OUT.iter().any(|(left_out, _)| *left_out == pointer);
                // A value of a wrong type is taken out, and a warning points at it.
                let named = normalized.diagnostics.iter().filter(|it| it.index == u32::try_from(index).ok());
                let named = named.filter_map(|it| it.pointer.as_deref());
                let taken_out = named.into_iter().any(|at| at.starts_with(pointer) || pointer.starts_with(at));
                if !left_out && !taken_out && !spellings(&leaf).iter().any(|spelling| kept.contains(spelling)) {
                    lost.push(format!("{name} {index} {pointer} {leaf}"));
                }
            });
        }
    }
    assert!(seen > 100, "only {seen} values looked at");
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// The records of a page in any of its forms, numbered as `normalize` does.
fn records(page: &Value) -> Vec<(usize, &Value)> {
    let lists = ["findings", "sastFindings", "scaFindings", "aiSastFindings"].iter().filter_map(|key| {
        let list = &page[*key];
        list.as_array().or_else(|| list["findings"].as_array())
    });
    lists.flatten().enumerate().collect()
}

/// Calls for every scalar that says something. Zero and the empty text are the
/// vendor's words for "none".
fn leaves(value: &Value, pointer: &str, leaf: &mut dyn FnMut(&str, String)) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => leaf(pointer, flag.to_string()),
        Value::Number(number) if number.as_f64() == Some(0.0) => {}
        Value::Number(number) => leaf(pointer, number.to_string()),
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => leaf(pointer, text.clone()),
        Value::Array(elements) => elements.iter().for_each(|element| leaves(element, pointer, leaf)),
        Value::Object(fields) => {
            fields.iter().for_each(|(key, field)| leaves(field, &format!("{pointer}/{key}"), leaf));
        }
    }
}

/// How a value may read in the unified form.
fn spellings(leaf: &str) -> Vec<String> {
    let mut spellings =
        vec![leaf.to_owned(), branch_name(leaf).to_owned(), leaf.to_lowercase().replace(['_', ' '], "-")];
    spellings.extend(moment::read(leaf).map(|moment| moment.to_string()));
    spellings.extend(OTHER_WORDS.iter().filter(|(word, _)| *word == leaf).map(|(_, other)| (*other).to_owned()));
    spellings
}
