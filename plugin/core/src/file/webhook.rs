//! Events of the platform's webhooks.
//!
//! A finding here is the one that the findings endpoint has under
//! `numeric_id`; it is read as a record of that endpoint, so that both get one
//! identity.

use appsec_model::{Finding, Kind, ProjectRef, Rule};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    label::{Label, project},
    record::FileRecord,
};
use crate::{
    kept::{self, Keep, shows_credentials},
    normalize::{Batch, record, weakness},
    wire::{self, Count, Id, Remarks, Text, Texts, Wire, object},
};

/// The kind of events on scans, which are no findings.
pub fn scan_kind() -> Kind {
    Kind::Other("scan".to_owned())
}

/// A finding of a webhook.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    numeric_id: Option<Id<'a>>,
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow)]
    match_based_id: Option<Text<'a>>,
    #[serde(borrow)]
    syntactic_id: Option<Text<'a>>,
    #[serde(borrow)]
    check_id: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    line: Option<Count>,
    column: Option<Count>,
    end_line: Option<Count>,
    end_column: Option<Count>,
    #[serde(borrow)]
    severity: Option<Id<'a>>,
    #[serde(borrow, rename = "ref")]
    ref_: Option<Text<'a>>,
    #[serde(borrow)]
    repo_name: Option<Text<'a>>,
    #[serde(borrow)]
    start_date: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    metadata: Option<Metadata<'a>>,
}

impl Wire for Event<'_> {
    type Of<'a> = Event<'a>;
}

/// What the rule's author wrote.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    category: Option<Text<'a>>,
    #[serde(borrow)]
    confidence: Option<Id<'a>>,
    #[serde(borrow)]
    cwe: Option<Texts<'a>>,
    #[serde(borrow)]
    owasp: Option<Texts<'a>>,
    #[serde(borrow)]
    subcategory: Option<Texts<'a>>,
    #[serde(borrow)]
    vulnerability_class: Option<Texts<'a>>,
    #[serde(borrow, rename = "semgrep.policy", deserialize_with = "object")]
    policy: Option<wire::Policy<'a>>,
}

/// The fields that name an event.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Names<'a> {
    #[serde(borrow)]
    numeric_id: Option<Id<'a>>,
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow)]
    repo_name: Option<Text<'a>>,
    /// What a scan calls its project.
    #[serde(borrow)]
    repository: Option<Text<'a>>,
}

/// What a finding's record is called.
pub fn label(text: &str) -> Label {
    let names: Names<'_> = wire::from_text(text).unwrap_or_default();
    Label {
        kind: Kind::Sast,
        id: record::word(names.numeric_id).or_else(|| record::word(names.id)),
        project: project(None, record::text(names.repo_name)),
    }
}

/// Fields of a finding's record. Messages are not among them: rules put the code
/// that they matched into these.
const FIELDS: &[(&str, Keep)] = &[
    ("numeric_id", Keep::Id),
    ("id", Keep::Id),
    ("match_based_id", Keep::Fingerprint),
    ("syntactic_id", Keep::ShortHash),
    ("check_id", Keep::Name),
    ("path", Keep::Name),
    ("line", Keep::Number),
    ("column", Keep::Number),
    ("end_line", Keep::Number),
    ("end_column", Keep::Number),
    ("severity", Keep::Words),
    ("ref", Keep::Name),
    ("repo_name", Keep::Name),
    ("start_date", Keep::Date),
    (
        "metadata",
        Keep::Fields(&[
            ("category", Keep::Words),
            ("confidence", Keep::Words),
            ("cwe", Keep::Words),
            ("owasp", Keep::Words),
            ("subcategory", Keep::Words),
            ("vulnerability_class", Keep::Words),
            ("semgrep.policy", Keep::Fields(&[("id", Keep::Number), ("name", Keep::Words), ("slug", Keep::Words)])),
        ]),
    ),
];

/// What is kept of a finding's record; none where that is all.
pub fn kept(text: &str) -> Option<String> {
    let mut spare = String::new();
    let event = wire::read::<Event<'_>>(text, &mut spare, &mut Remarks::default()).unwrap_or_default();
    let metadata = event.metadata.unwrap_or_default();
    let rule = Rule {
        id: record::text(event.check_id).unwrap_or_default(),
        subcategories: record::texts(metadata.subcategory),
        cwes: record::texts(metadata.cwe).into_iter().map(weakness::cwe).collect(),
        ..Rule::default()
    };
    shows_credentials(&Kind::Sast, &rule).then(|| kept::record(text, FIELDS))
}

/// What a scan's record is called.
pub fn scan_label(text: &str) -> Label {
    let names: Names<'_> = wire::from_text(text).unwrap_or_default();
    let name = record::text(names.repository).or_else(|| record::text(names.repo_name));
    Label { kind: scan_kind(), id: record::word(names.id), project: project(None, name) }
}

/// The finding of a record, or its id if it has one.
pub fn finding(
    batch: &mut Batch,
    index: usize,
    project: Option<&ProjectRef>,
    file: &FileRecord<'_>,
) -> Result<Finding, Option<String>> {
    let mut spare = String::new();
    let event = wire::read::<Event<'_>>(file.record, &mut spare, &mut batch.remarks).ok_or(None)?;
    let metadata = event.metadata.unwrap_or_default();
    let rule = rule(&event.check_id, &event.message, &metadata);
    // Without the platform's number the other id is all there is; with it, the
    // other one is the identity that changes with the code.
    let (id, syntactic) = match (event.numeric_id, event.id) {
        (Some(number), Some(Id::Text(other))) => (Some(number), event.syntactic_id.or(Some(other))),
        (Some(number), _) => (Some(number), event.syntactic_id),
        (None, Some(Id::Text(other))) => {
            let syntactic = event.syntactic_id.unwrap_or_else(|| other.clone());
            (Some(Id::Text(other)), Some(syntactic))
        }
        (None, other) => (other, event.syntactic_id),
    };
    let found = wire::Finding {
        id,
        match_based_id: event.match_based_id,
        syntactic_id: syntactic,
        ref_: event.ref_.or_else(|| file.head.ref_.as_deref().map(|name| Text(name.to_owned().into()))),
        repository: event.repo_name.map(|name| wire::Repository { name: Some(name), url: None }),
        severity: event.severity,
        confidence: metadata.confidence,
        categories: metadata.category.map(|category| Texts(vec![category])),
        created_at: event.start_date,
        location: Some(wire::Location {
            file_path: event.path,
            line: event.line,
            column: event.column,
            end_line: event.end_line,
            end_column: event.end_column,
            ..wire::Location::default()
        }),
        rule: rule.as_deref(),
        rule_name: event.check_id,
        rule_message: event.message,
        sourcing_policy: metadata.policy,
        // `first_seen_scan_id` is another spelling of the scan's id than the
        // API's, which `fetch-scan` does not take.
        ..wire::Finding::default()
    };
    record::finding(batch, index, Kind::Sast, project, found).ok_or(None)
}

/// The rule, as the findings endpoint writes it.
fn rule(id: &Option<Text<'_>>, message: &Option<Text<'_>>, metadata: &Metadata<'_>) -> Option<Box<RawValue>> {
    let texts = |texts: &Option<Texts<'_>>| record::texts(texts.clone());
    let rule = json!({
        "name": id.as_deref()?,
        "message": message.as_deref(),
        "confidence": metadata.confidence.as_ref().map(Id::to_string),
        "category": metadata.category.as_deref(),
        "subcategories": texts(&metadata.subcategory),
        "vulnerability_classes": texts(&metadata.vulnerability_class),
        "cwe_names": texts(&metadata.cwe),
        "owasp_names": texts(&metadata.owasp),
    });
    RawValue::from_string(rule.to_string()).ok()
}

#[cfg(test)]
mod tests;
