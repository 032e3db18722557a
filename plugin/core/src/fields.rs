//! Where each field of the vendor's API lands: a table in `plugin/fields`, and
//! the document `plugin/FIELDS.md` that is made from it.
//!
//! The table is held against the vendor's API reference, so that no field is
//! missing, and against the connector: each field is changed in turn, and what
//! changes in the unified form must be what the table says.

mod reference;
mod table;
mod trial;

use std::{collections::BTreeSet, fs, path::Path};

use self::{
    reference::Reference,
    table::{Row, Sheet, document, sheets},
    trial::{Facts, changed, full, read, with, without},
};

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may write the generated file")]
fn the_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../FIELDS.md");
    let expect = document(&sheets());
    if fs::read_to_string(&path).unwrap_or_default() != expect {
        fs::write(&path, expect).unwrap();
        panic!("FIELDS.md differed and is rewritten: run the tests again");
    }
}

/// The vendor's document is no part of this repository; without a copy beside
/// it, this comparison is left out.
#[expect(clippy::disallowed_methods, reason = "a test may read a file")]
fn reference() -> Option<Reference> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples");
    let text = fs::read_to_string(Path::new(beside).join("openapi/semgrep_public_v1.openapi.yaml"));
    if text.is_err() {
        #[expect(clippy::disallowed_macros, reason = "a test may say what it left out")]
        {
            eprintln!("no copy of the vendor's OpenAPI document: the table of fields may lack some");
        }
    }
    text.ok().map(|text| Reference::parse(&text))
}

#[test]
fn the_table_has_the_fields_of_the_api_reference_and_no_others() {
    let Some(reference) = reference() else { return };
    let mut problems = Vec::new();
    for sheet in sheets() {
        let leaves = reference.leaves(&sheet.schemas);
        for field in leaves.keys().filter(|field| !sheet.fields.contains_key(*field)) {
            problems.push(format!("{}: the table lacks `{field}`", sheet.title));
        }
        for (field, row) in &sheet.fields {
            let problem = match leaves.get(field) {
                Some(_) if row.undocumented => "the API reference has",
                None if !row.undocumented => "the API reference lacks",
                Some(leaf) if leaf.r#type != row.r#type => "the API reference has another type for",
                Some(leaf) if leaf.deprecated != row.deprecated => "the API reference disagrees on the deprecation of",
                Some(leaf) if row.r#type == "enum" && leaf.values != row.words() => {
                    "the API reference has other values for"
                }
                _ => continue,
            };
            problems.push(format!("{}: {problem} `{field}`", sheet.title));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn each_field_changes_what_the_table_says_and_nothing_else() {
    let mut problems = Vec::new();
    for sheet in sheets() {
        for (field, row) in &sheet.fields {
            for problem in prove(&sheet, field, row) {
                problems.push(format!("{}, `{field}`: {problem}", sheet.title));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What is wrong with a row: puts each of its values into a record in which every
/// field is filled, and compares what becomes of them.
fn prove(sheet: &Sheet, field: &str, row: &Row) -> Vec<String> {
    let full = full(sheet);
    let (base, mut problems) = match &row.only_without {
        // The field goes last: beside the other one it says nothing.
        Some(other) => (without(&full, other), beside(sheet, field, row)),
        None => (full, Vec::new()),
    };
    let outcomes: Vec<Facts> = row.values.iter().map(|value| read(sheet, &with(&base, field, value))).collect();
    let (first, others) = outcomes.split_first().expect("each row has two values");
    assert!(!others.is_empty(), "`{field}` has one value only");

    let changes: BTreeSet<&str> = others.iter().flat_map(|other| changed(first, other)).collect();
    for change in &changes {
        if !row.lands.iter().any(|claim| covers(claim, change)) {
            problems.push(format!("`{change}` changes too"));
        }
    }
    for claim in &row.lands {
        if !changes.iter().any(|change| covers(claim, change)) {
            problems.push(format!("`{claim}` does not change"));
        }
    }
    if !row.lands.is_empty() {
        for (at, outcome) in outcomes.iter().enumerate() {
            if let Some(same) = outcomes[..at].iter().position(|before| before == outcome) {
                problems.push(format!("{} and {} are the same", row.values[same], row.values[at]));
            }
        }
    }
    problems.extend(outcomes.iter().filter_map(|outcome| Some(format!("remarks: {:?}", outcome.get(trial::REMARKS)?))));
    problems
}

/// What changes with a field of which the table says that another one goes first.
fn beside(sheet: &Sheet, field: &str, row: &Row) -> Vec<String> {
    let full = full(sheet);
    let outcomes: Vec<Facts> = row.values.iter().map(|value| read(sheet, &with(&full, field, value))).collect();
    let changes = outcomes.iter().flat_map(|outcome| changed(&outcomes[0], outcome));
    changes.map(|change| format!("`{change}` changes even beside the other field")).collect()
}

/// Whether a path of the model is the claimed one, or inside of it.
fn covers(claim: &str, path: &str) -> bool {
    path.strip_prefix(claim).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
