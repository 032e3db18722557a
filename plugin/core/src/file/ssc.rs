//! Records of the Supply Chain API that was retired in 2024 (`ssc-vulns`).
//!
//! A record is a vulnerability of one repository with all its usages, where the
//! findings endpoint has a finding per usage. It is read as a finding of that
//! endpoint, as far as it says the same.

use appsec_model::{Finding, Identity, Kind, ProjectRef};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    label::{Label, project},
    record::FileRecord,
};
use crate::{
    normalize::{Batch, dependency::advisory, record},
    wire::{self, Count, Id, Text, Texts, Wire, object, objects},
};

/// What the API writes for "never".
const NEVER: &str = "1970-01-01T00:00:00Z";

/// A vulnerability.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Vuln<'a> {
    #[serde(borrow, deserialize_with = "object")]
    advisory: Option<Advisory<'a>>,
    #[serde(borrow)]
    exposure_type: Option<Text<'a>>,
    #[serde(borrow)]
    repository_id: Option<Id<'a>>,
    #[serde(borrow)]
    repository_name: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    matched_dependency: Option<Package<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    dependency_file_location: Option<Place<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    usages: Option<Vec<Usage<'a>>>,
    #[serde(borrow, deserialize_with = "object")]
    triage: Option<Triage<'a>>,
    #[serde(borrow)]
    group_key: Option<Id<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    closest_safe_dependency: Option<Package<'a>>,
    #[serde(borrow)]
    opened_at: Option<Text<'a>>,
    #[serde(borrow)]
    first_triaged_at: Option<Text<'a>>,
    #[serde(borrow)]
    transitivity: Option<Text<'a>>,
    #[serde(borrow)]
    package_manager: Option<Text<'a>>,
}

impl Wire for Vuln<'_> {
    type Of<'a> = Vuln<'a>;
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Advisory<'a> {
    #[serde(borrow)]
    rule_id: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    ecosystem: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Id<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    references: Option<References<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    vulnerable_dependencies: Option<Vec<Package<'a>>>,
    #[serde(borrow, deserialize_with = "objects")]
    safe_dependencies: Option<Vec<Package<'a>>>,
    #[serde(borrow)]
    reachable_if: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct References<'a> {
    #[serde(borrow)]
    cve_ids: Option<Texts<'a>>,
    #[serde(borrow)]
    cwe_ids: Option<Texts<'a>>,
    #[serde(borrow)]
    owasp_ids: Option<Texts<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Package<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    version_specifier: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Place<'a> {
    #[serde(borrow)]
    path: Option<Text<'a>>,
    start_line: Option<Count>,
    start_col: Option<Count>,
    end_line: Option<Count>,
    end_col: Option<Count>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage<'a> {
    #[serde(borrow, deserialize_with = "object")]
    location: Option<Place<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Triage<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    dismiss_reason: Option<Text<'a>>,
    #[serde(borrow)]
    issue_url: Option<Text<'a>>,
}

/// What a record is called.
pub fn label(text: &str) -> Label {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Fields<'a> {
        #[serde(borrow)]
        group_key: Option<Id<'a>>,
        #[serde(borrow)]
        repository_id: Option<Id<'a>>,
        #[serde(borrow)]
        repository_name: Option<Text<'a>>,
    }
    let fields: Fields<'_> = wire::from_text(text).unwrap_or_default();
    Label {
        kind: Kind::Sca,
        id: record::word(fields.group_key),
        project: project(record::word(fields.repository_id), record::text(fields.repository_name)),
    }
}

/// The finding of a record, or its id if it has one.
pub fn finding(
    batch: &mut Batch,
    index: usize,
    project: Option<&ProjectRef>,
    file: &FileRecord<'_>,
) -> Result<Finding, Option<String>> {
    let mut spare = String::new();
    let vuln = wire::read::<Vuln<'_>>(file.record, &mut spare, &mut batch.remarks).ok_or(None)?;
    let key = record::word(vuln.group_key);
    let own = ProjectRef { id: record::word(vuln.repository_id), name: record::text(vuln.repository_name) };
    let project = project.unwrap_or(&own);
    let advisory = vuln.advisory.unwrap_or_default();
    let references = advisory.references.unwrap_or_default();
    let rule = rule(&advisory.rule_id, &advisory.description, &references);
    let range =
        advisory.vulnerable_dependencies.and_then(|list| record::text(list.into_iter().next()?.version_specifier));
    let mut cves = record::texts(references.cve_ids).into_iter();
    let lockfile = vuln.dependency_file_location.map(place).unwrap_or_default();
    let usage = vuln.usages.and_then(|usages| usages.into_iter().next()?.location).map(place);
    let matched = vuln.matched_dependency.unwrap_or_default();
    let manager = vuln.package_manager.filter(|word| !word.is_empty() && &**word != "no_package_manager");
    let safe = match (vuln.closest_safe_dependency, advisory.safe_dependencies) {
        (Some(closest), _) => Some(vec![closest]),
        (None, several) => several,
    };
    let triage = vuln.triage.unwrap_or_default();
    let found = wire::Finding {
        id: key.clone().map(|key| Id::Text(owned(key))),
        severity: advisory.severity,
        created_at: vuln.opened_at,
        triaged_at: vuln.first_triaged_at.filter(|moment| &**moment != NEVER),
        triage_state: triage.status.map(|word| if &*word == "NEW" { owned("untriaged".to_owned()) } else { word }),
        triage_reason: triage.dismiss_reason.filter(|word| &**word != "UNKNOWN_REASON"),
        external_ticket: triage.issue_url.map(|url| wire::Ticket { url: Some(url), ..wire::Ticket::default() }),
        rule: rule.as_deref(),
        vulnerability_identifier: cves.next().map(owned),
        reachability: vuln.exposure_type.map(|word| without(word, "UNKNOWN_EXPOSURE")),
        reachable_condition: advisory.reachable_if,
        found_dependency: Some(wire::Dependency {
            package: matched.name,
            version: matched.version_specifier,
            ecosystem: manager.or(advisory.ecosystem),
            transitivity: vuln.transitivity.map(|word| without(word, "UNKNOWN_TRANSITIVITY")),
            lockfile_line_url: lockfile.url.clone(),
        }),
        fix_recommendations: safe.map(|list| {
            list.into_iter()
                .map(|it| wire::FixRecommendation { package: it.name, version: it.version_specifier })
                .collect()
        }),
        location: Some(usage.as_ref().map_or_else(|| copy(&lockfile), copy)),
        usage: usage.map(|location| wire::Usage { location: Some(location), external_ticket: None }),
        ..wire::Finding::default()
    };
    let mut finding = record::finding(batch, index, Kind::Sca, Some(project), found).ok_or(key.clone())?;
    // `record::finding` takes only records with an id, which is this key.
    let key = key.unwrap_or_default();
    finding.identity = Identity { key, algorithm: "semgrep-ssc-group-key".to_owned(), aliases: Vec::new() };
    batch.remarks.forget("weak-identity");
    if let Some(title) = record::text(advisory.title) {
        finding.title = title;
    }
    if let Some(dependency) = &mut finding.dependency {
        dependency.advisories.extend(cves.map(self::advisory));
        dependency.affected_range = range;
        dependency.lockfile = record::place(lockfile).0;
    }
    Ok(finding)
}

/// The rule, as the findings endpoint writes it.
fn rule(id: &Option<Text<'_>>, message: &Option<Text<'_>>, references: &References<'_>) -> Option<Box<RawValue>> {
    let texts = |texts: &Option<Texts<'_>>| record::texts(texts.clone());
    let rule = json!({
        "name": id.as_deref()?,
        "message": message.as_deref(),
        "cwe_names": texts(&references.cwe_ids),
        "owasp_names": texts(&references.owasp_ids),
    });
    RawValue::from_string(rule.to_string()).ok()
}

fn place(place: Place<'_>) -> wire::Location<'_> {
    wire::Location {
        path: place.path,
        start_line: place.start_line,
        start_col: place.start_col,
        end_line: place.end_line,
        end_col: place.end_col,
        url: place.url,
        ..wire::Location::default()
    }
}

fn copy<'a>(place: &wire::Location<'a>) -> wire::Location<'a> {
    wire::Location {
        path: place.path.clone(),
        url: None,
        start_line: place.start_line,
        start_col: place.start_col,
        end_line: place.end_line,
        end_col: place.end_col,
        ..wire::Location::default()
    }
}

/// A word, or the API's usual one for "unknown".
fn without<'a>(word: Text<'a>, unknown: &str) -> Text<'a> {
    if &*word == unknown { owned("unknown".to_owned()) } else { word }
}

fn owned<'a>(text: String) -> Text<'a> {
    Text(text.into())
}

#[cfg(test)]
mod tests;
