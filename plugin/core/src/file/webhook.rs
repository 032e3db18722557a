//! Events of the platform's webhooks.
//!
//! A finding here is the one that the findings endpoint has under
//! `numeric_id`; it is read as a record of that endpoint, so that both get one
//! identity.

use appsec_model::{Finding, Kind, ProjectRef, Rule};
use guest_json::{Raw, members, object};

use super::{
    label::{Label, project},
    record::FileRecord,
};
use crate::{
    kept::{self, Keep, shows_credentials},
    normalize::{Batch, record, weakness},
    wire::{self, Count, Id, Remarks, Text, Texts, Wire},
};

/// The kind of events on scans, which are no findings.
pub fn scan_kind() -> Kind {
    Kind::Other("scan".to_owned())
}

object! {
    /// A finding of a webhook.
    #[derive(Debug, Default)]
    struct Event<'a> {
        numeric_id: Option<Id<'a>>,
        id: Option<Id<'a>>,
        match_based_id: Option<Text<'a>>,
        syntactic_id: Option<Text<'a>>,
        check_id: Option<Text<'a>>,
        message: Option<Text<'a>>,
        path: Option<Text<'a>>,
        line: Option<Count>,
        column: Option<Count>,
        end_line: Option<Count>,
        end_column: Option<Count>,
        severity: Option<Id<'a>>,
        ref_: Option<Text<'a>> = "ref",
        repo_name: Option<Text<'a>>,
        start_date: Option<Text<'a>>,
        metadata: Option<Metadata<'a>>,
    }
}

impl Wire for Event<'_> {
    type Of<'a> = Event<'a>;
}

object! {
    /// What the rule's author wrote.
    #[derive(Debug, Default)]
    struct Metadata<'a> {
        category: Option<Text<'a>>,
        confidence: Option<Id<'a>>,
        cwe: Option<wire::Labels<'a>>,
        owasp: Option<Texts<'a>>,
        subcategory: Option<Texts<'a>>,
        vulnerability_class: Option<Texts<'a>>,
        policy: Option<wire::Policy<'a>> = "semgrep.policy",
    }

    /// The fields that name an event.
    #[derive(Default)]
    struct Names<'a> {
        numeric_id: Option<Id<'a>>,
        id: Option<Id<'a>>,
        repo_name: Option<Text<'a>>,
        /// What a scan calls its project.
        repository: Option<Text<'a>>,
    }
}

/// What a finding's record is called.
pub fn label(text: &str) -> Label {
    let names: Names<'_> = guest_json::read(text).unwrap_or_default();
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
        message: record::text(event.message),
        category: record::text(metadata.category),
        subcategories: record::texts(metadata.subcategory),
        vulnerability_classes: record::texts(metadata.vulnerability_class),
        cwes: weakness::cwes(record::texts(metadata.cwe.map(|cwe| cwe.0))),
        ..Rule::default()
    };
    shows_credentials(&Kind::Sast, &rule).then(|| kept::record(text, FIELDS))
}

/// What a scan's record is called.
pub fn scan_label(text: &str) -> Label {
    let names: Names<'_> = guest_json::read(text).unwrap_or_default();
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
        rule: rule.as_deref().map(Raw::new),
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
fn rule(id: &Option<Text<'_>>, message: &Option<Text<'_>>, metadata: &Metadata<'_>) -> Option<String> {
    let texts = |texts: &Option<Texts<'_>>| record::texts(texts.clone());
    let rule = members(vec![
        ("name", id.as_deref()?.into()),
        ("message", message.as_deref().into()),
        ("confidence", metadata.confidence.as_ref().map(Id::to_string).into()),
        ("category", metadata.category.as_deref().into()),
        ("subcategories", texts(&metadata.subcategory).into()),
        ("vulnerability_classes", texts(&metadata.vulnerability_class).into()),
        ("cwe_names", texts(&metadata.cwe.clone().map(|cwe| cwe.0)).into()),
        ("owasp_names", texts(&metadata.owasp).into()),
    ]);
    Some(guest_json::text(&rule))
}

#[cfg(test)]
mod tests;
