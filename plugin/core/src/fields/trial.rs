//! Records in which every field is filled, and what the connector makes of them.

use std::collections::BTreeMap;

use appsec_model::{Kind, RawInput, RawRecord};
use serde_json::{Value, json};

use super::table::{Record, Sheet};
use crate::{
    fakes::{MemoryBucket, Vendor, ok, with as outside},
    fetch_scan, list_projects, normalize,
};

/// The values of a result by their paths.
pub type Facts = BTreeMap<String, Vec<String>>;

/// The path of the remarks on a record.
pub const REMARKS: &str = "remarks";

/// A record with the first value of every row.
pub fn full(sheet: &Sheet) -> Value {
    let mut record = json!({});
    for (field, row) in &sheet.fields {
        *place(&mut record, field) = row.values[0].clone();
    }
    record
}

/// The record with another value of a field.
pub fn with(record: &Value, field: &str, value: &Value) -> Value {
    let mut record = record.clone();
    *place(&mut record, field) = value.clone();
    record
}

/// The record without a field.
pub fn without(record: &Value, field: &str) -> Value {
    let mut record = record.clone();
    let (outer, key) = match field.rsplit_once('.') {
        Some((outer, key)) => (place(&mut record, outer), key),
        None => (&mut record, field),
    };
    let removed = outer.as_object_mut().unwrap().remove(key.trim_end_matches("[]"));
    assert!(removed.is_some(), "no record has `{field}`");
    record
}

/// The place of a field, made where it is missing. A list has one element.
fn place<'a>(record: &'a mut Value, field: &str) -> &'a mut Value {
    let mut at = record;
    for part in field.split('.') {
        let key = part.trim_end_matches("[]");
        at = &mut at[key];
        if key != part {
            if at.is_null() {
                *at = json!([null]);
            }
            at = &mut at[0];
        }
    }
    at
}

/// What the connector makes of a record.
pub fn read(sheet: &Sheet, record: &Value) -> Facts {
    let kind = match sheet.record {
        Record::Sast => Kind::Sast,
        Record::AiSast => Kind::AiSast,
        Record::Sca => Kind::Sca,
        Record::Secrets => Kind::Secrets,
        Record::Packages => Kind::Packages,
        Record::Scan => return scan(record),
        Record::Project => return project(record),
    };
    let record = RawRecord { kind, id: None, project: None, body: record.to_string(), gist: None };
    let normalized = normalize(&RawInput::Records(vec![record])).unwrap();
    assert!(normalized.findings.len() + normalized.packages.len() > 0, "{:?}", normalized.diagnostics);
    let mut facts = Facts::new();
    normalized.findings.iter().for_each(|finding| collect(json!(finding), "finding", &mut facts));
    normalized.rules.iter().for_each(|rule| collect(json!(rule), "rule", &mut facts));
    normalized.packages.iter().for_each(|package| collect(json!(package), "package", &mut facts));
    normalized.diagnostics.iter().for_each(|remark| collect(json!(remark.message), REMARKS, &mut facts));
    facts
}

fn scan(record: &Value) -> Facts {
    let mut vendor = Vendor::new(|_| ok(record));
    let id = record["id"].to_string();
    let scan = outside(&mut vendor, &mut MemoryBucket::configured(&json!({})), |outside| fetch_scan(&id, outside));
    let mut facts = Facts::new();
    collect(json!(scan.unwrap().unwrap()), "scan", &mut facts);
    facts
}

fn project(record: &Value) -> Facts {
    let mut vendor = Vendor::new(|_| ok(&json!({ "projects": [record] })));
    let page = outside(&mut vendor, &mut MemoryBucket::configured(&json!({})), |outside| list_projects(None, outside));
    let page = page.unwrap();
    let mut facts = Facts::new();
    page.projects.iter().for_each(|project| collect(json!(project), "project", &mut facts));
    page.diagnostics.iter().for_each(|remark| collect(json!(remark.message), REMARKS, &mut facts));
    facts
}

/// Collects the values of a result. One that is null is none.
fn collect(value: Value, path: &str, facts: &mut Facts) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            fields.into_iter().for_each(|(key, field)| collect(field, &format!("{path}.{key}"), facts));
        }
        Value::Array(elements) => {
            elements.into_iter().for_each(|element| collect(element, &format!("{path}[]"), facts));
        }
        leaf => facts.entry(path.to_owned()).or_default().push(leaf.to_string()),
    }
}

/// The paths with different values.
pub fn changed<'a>(one: &'a Facts, other: &'a Facts) -> Vec<&'a str> {
    one.keys().chain(other.keys()).filter(|path| one.get(*path) != other.get(*path)).map(String::as_str).collect()
}
