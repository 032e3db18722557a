//! No value of a record is lost.

use std::collections::BTreeSet;

use appsec_model::{Normalized, RawInput};
use serde_json::Value;

use super::{endpoints, files, normalize, normalize_file, samples};
use crate::{moment, normalize::branch_name};

/// Values that the unified form leaves out on purpose, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("/rule_name", "deprecated; `rule.name` is the rule's name, where both are there"),
    ("/assistant/autofix/explanation", "deprecated and always empty, says the API reference"),
    ("/refUrl", "the ref's page on the code host, which `ref` and the repository's address tell"),
    ("/repository/scmType", "the code host, which the repository's address tells"),
    ("/reviewComments/externalDiscussionId", "of a secret only a number, or a hash as long as those of commits"),
    ("/autotriage/verdict", "`VERDICT_NO_VERDICT` is none"),
    ("/manifestDefinition/path", "stands in where the lockfile is not known, and is left out where it is"),
    ("/manifestDefinition/url", "as above"),
    ("/manifestDefinition/committedAt", "as above"),
    ("/manifestDefinition/startLine", "as above"),
    ("/manifestDefinition/endLine", "as above"),
    ("/pathToTransitivity/name", "joined with its version"),
    ("/pathToTransitivity/version", "as above"),
    ("/pathToTransitivity/versionSpecifier", "as above"),
];

/// Words that the unified form has another word for.
const OTHER_WORDS: &[(&str, &str)] =
    &[("gomod", "go"), ("swiftpm", "swift"), ("no reachability analysis", "not-analyzed")];

/// What the vendor writes before the words of some vocabularies.
const PREFIXES: &[&str] =
    &["FINDING_STATUS_", "VALIDATION_STATE_", "REPOSITORY_VISIBILITY_", "CONFIDENCE_", "VERDICT_", "MODE_"];

/// How the endpoints of numbers as texts write "unknown".
const UNKNOWN: &[&str] = &["0", "1970-01-01T00:00:00Z"];

#[test]
fn no_value_of_a_record_is_lost() {
    let mut lost = Vec::new();
    let mut seen = 0;
    for (name, content) in files("fixtures/api/findings").unwrap_or_default().into_iter().chain(samples()) {
        let (Ok(normalized), Ok(page)) = (normalize_file(&name, &content), serde_json::from_slice(&content)) else {
            continue;
        };
        seen += check(&name, &normalized, &records(&page), &mut lost);
    }
    for endpoint in ["secrets", "dependencies"] {
        for (name, records) in endpoints::records(endpoint) {
            let bodies: Vec<Value> = records.iter().map(|record| serde_json::from_str(&record.body).unwrap()).collect();
            let bodies: Vec<_> = bodies.iter().enumerate().collect();
            let normalized = normalize(&RawInput::Records(records)).unwrap();
            seen += check(&format!("{endpoint}/{name}"), &normalized, &bodies, &mut lost);
        }
    }
    assert!(seen > 100, "only {seen} values looked at");
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// Looks for each value of the records in the result; gives the number of values.
fn check(name: &str, normalized: &Normalized, records: &[(usize, &Value)], lost: &mut Vec<String>) -> usize {
    let mut seen = 0;
    let mut kept = BTreeSet::new();
    leaves(&serde_json::to_value(normalized).unwrap(), "", &mut |_, leaf| {
        kept.insert(leaf);
    });
    for (index, record) in records {
        let index = u32::try_from(*index).unwrap();
        let is_finding = normalized.findings.iter().any(|finding| finding.index == index);
        if !is_finding && !normalized.packages.iter().any(|package| package.index == Some(index)) {
            continue; // It is a diagnostic, which a reviewed file shows.
        }
        leaves(record, "", &mut |pointer, leaf| {
            seen += 1;
            let left_out = LEFT_OUT.iter().any(|(left_out, _)| *left_out == pointer);
            // A value of a wrong type is taken out, and a warning points at it.
            let named = normalized.diagnostics.iter().filter(|it| it.index == Some(index));
            let named = named.filter_map(|it| it.pointer.as_deref());
            let taken_out = named.into_iter().any(|at| at.starts_with(pointer) || pointer.starts_with(at));
            if !left_out && !taken_out && !spellings(&leaf).iter().any(|spelling| kept.contains(spelling)) {
                lost.push(format!("{name} {index} {pointer} {leaf}"));
            }
        });
    }
    seen
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
        Value::String(text)
            if text.is_empty() || UNKNOWN.contains(&text.as_str()) || text.ends_with("_UNSPECIFIED") => {}
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
    let upper = leaf.to_uppercase();
    let bare = PREFIXES.iter().find_map(|prefix| upper.strip_prefix(prefix));
    spellings.extend(bare.map(|word| word.to_lowercase().replace('_', "-")));
    spellings.extend(leaf.strip_suffix("_TRANSITIVITY").map(str::to_lowercase));
    // The line is glued to the path.
    spellings.extend(leaf.rsplit_once(':').map(|(path, _)| path.to_owned()));
    spellings.extend(moment::read(leaf).map(|moment| moment.to_string()));
    spellings.extend(OTHER_WORDS.iter().filter(|(word, _)| *word == leaf).map(|(_, other)| (*other).to_owned()));
    spellings
}
