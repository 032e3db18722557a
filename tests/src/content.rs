//! What a tenant's store says, apart from how it is kept: two stores that say
//! the same are equal, whatever their row numbers and whenever they were filled.

use std::collections::BTreeMap;

use host_harness::{
    Tenant,
    store::{Filter, FindingRow, PackageFilter},
};
use serde_json::{Value, json};

use crate::store;

/// Everything in a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Projects, by name.
    pub projects: Vec<Value>,
    /// Findings with rule, occurrences, remarks and raw records.
    pub findings: Vec<Value>,
    /// Packages.
    pub packages: Vec<Value>,
    /// When each finding last changed, by its id: apart from the content, since
    /// two stores that were filled in different ways differ in it.
    pub changed_at: BTreeMap<String, String>,
    /// What changed on each finding, by its id: apart for the same reason.
    pub history: BTreeMap<String, Value>,
}

impl Content {
    /// Asserts that two stores say the same; a difference is shown as the first
    /// thing that differs, not as both stores.
    #[track_caller]
    pub fn assert_same(&self, other: &Self) {
        for (what, these, those) in [
            ("projects", &self.projects, &other.projects),
            ("findings", &self.findings, &other.findings),
            ("packages", &self.packages, &other.packages),
        ] {
            assert_eq!(these.len(), those.len(), "number of {what}");
            for (this, that) in these.iter().zip(those) {
                assert_eq!(this, that, "{what}");
            }
        }
    }

    /// Asserts that not even a time of change differs.
    #[track_caller]
    pub fn assert_untouched(&self, before: &Self) {
        self.assert_same(before);
        assert_eq!(self.changed_at, before.changed_at);
        assert_eq!(self.history, before.history);
    }

    /// Asserts that findings and packages are untouched; projects may be newer.
    #[track_caller]
    pub fn assert_findings_untouched(&self, before: &Self) {
        let these = Self { projects: Vec::new(), ..self.clone() };
        these.assert_untouched(&Self { projects: Vec::new(), ..before.clone() });
    }

    /// Findings of a kind that are there, not vanished.
    pub fn present(&self, kind: &str) -> usize {
        self.findings.iter().filter(|finding| finding["kind"] == kind && finding["status"] != "vanished").count()
    }
}

/// All of a tenant's findings, as a list shows them. What is equally urgent is
/// shown in the order of arrival; here it is in the order of ids.
pub fn findings(tenant: &Tenant) -> Vec<FindingRow> {
    let filter = Filter { limit: u32::MAX, ..Filter::default() };
    let mut rows = store(tenant).run_now(|store| store.findings(&filter)).unwrap().0;
    rows.sort_by_key(|row| (std::cmp::Reverse(row.priority), row.id));
    rows
}

/// Everything that a tenant's store says.
pub fn content(tenant: &Tenant) -> Content {
    let rows = findings(tenant);
    store(tenant).run_now(|store| {
        let mut history = BTreeMap::new();
        let findings = rows.iter().map(|row| {
            let mut detail = json!(store.finding(row.id, true).unwrap().unwrap());
            history.insert(row.id.to_string(), detail["history"].take());
            finding(detail)
        });
        let findings = findings.collect();
        let projects = store.projects(None, None).unwrap().into_iter().map(|project| timeless(json!(project)));
        let all = PackageFilter { limit: u32::MAX, vanished: true, ..PackageFilter::default() };
        let (packages, total) = store.packages(&all).unwrap();
        assert_eq!(total, packages.len() as u64);
        let mut packages: Vec<Value> = packages.into_iter().map(|package| timeless(json!(package))).collect();
        packages.sort_by_key(Value::to_string);
        Content {
            findings,
            history,
            projects: projects.collect(),
            packages,
            changed_at: rows.iter().map(|row| (row.id.to_string(), row.changed_at.to_string())).collect(),
        }
    })
}

/// A finding without what depends on when and in which page it came.
fn finding(detail: Value) -> Value {
    let mut detail = timeless(detail);
    // Scans are asked for little by little.
    remove(&mut detail, "attribution");
    let occurrences = detail["occurrence_details"].as_array_mut().unwrap();
    for occurrence in occurrences.iter_mut() {
        *occurrence = timeless(occurrence.take());
        // Positions in the page that brought them.
        remove(&mut occurrence["finding"], "index");
        for diagnostic in occurrence["diagnostics"].as_array_mut().unwrap() {
            remove(diagnostic, "index");
        }
    }
    // The leading one comes first; the others are in the order of arrival.
    if let [_, others @ ..] = occurrences.as_mut_slice() {
        others.sort_by_key(|occurrence| occurrence["finding"]["id"].to_string());
    }
    detail
}

/// Without the times of this store; that something has vanished stays.
fn timeless(mut value: Value) -> Value {
    remove(&mut value, "first_seen_at");
    // That of the last run, whatever it brought.
    remove(&mut value, "last_seen_at");
    remove(&mut value, "changed_at");
    if let Some(vanished) = value.get_mut("vanished_at") {
        *vanished = json!(!vanished.is_null());
    }
    value
}

fn remove(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(key);
    }
}
