//! Records of the Supply Chain API that was retired in 2024 (`ssc-vulns`).
//!
//! A record is a vulnerability of one repository with all its usages, where the
//! findings endpoint has a finding per usage. It is read as a finding of that
//! endpoint, as far as it says the same.

use appsec_model::{Finding, Identity, Kind, ProjectRef};
use guest_json::{Raw, members, object};

use super::{
    label::{Label, project},
    record::FileRecord,
};
use crate::{
    normalize::{Batch, dependency::advisory, record},
    wire::{self, Count, Id, Text, Texts, Wire},
};

/// What the API writes for "never".
const NEVER: &str = "1970-01-01T00:00:00Z";

object! {
    /// A vulnerability.
    #[derive(Debug, Default)]
    struct Vuln<'a> {
        advisory: Option<Advisory<'a>>,
        exposure_type: Option<Text<'a>> = "exposureType",
        repository_id: Option<Id<'a>> = "repositoryId",
        repository_name: Option<Text<'a>> = "repositoryName",
        matched_dependency: Option<Package<'a>> = "matchedDependency",
        dependency_file_location: Option<Place<'a>> = "dependencyFileLocation",
        usages: Option<Vec<Usage<'a>>>,
        triage: Option<Triage<'a>>,
        group_key: Option<Id<'a>> = "groupKey",
        closest_safe_dependency: Option<Package<'a>> = "closestSafeDependency",
        opened_at: Option<Text<'a>> = "openedAt",
        first_triaged_at: Option<Text<'a>> = "firstTriagedAt",
        transitivity: Option<Text<'a>>,
        package_manager: Option<Text<'a>> = "packageManager",
    }
}

impl Wire for Vuln<'_> {
    type Of<'a> = Vuln<'a>;
}

object! {
    #[derive(Debug, Default)]
    struct Advisory<'a> {
        rule_id: Option<Text<'a>> = "ruleId",
        title: Option<Text<'a>>,
        description: Option<Text<'a>>,
        ecosystem: Option<Text<'a>>,
        severity: Option<Id<'a>>,
        references: Option<References<'a>>,
        vulnerable_dependencies: Option<Vec<Package<'a>>> = "vulnerableDependencies",
        safe_dependencies: Option<Vec<Package<'a>>> = "safeDependencies",
        reachable_if: Option<Text<'a>> = "reachableIf",
    }

    #[derive(Debug, Default)]
    struct References<'a> {
        cve_ids: Option<Texts<'a>> = "cveIds",
        cwe_ids: Option<Texts<'a>> = "cweIds",
        owasp_ids: Option<Texts<'a>> = "owaspIds",
    }

    #[derive(Clone, Debug, Default)]
    struct Package<'a> {
        name: Option<Text<'a>>,
        version_specifier: Option<Text<'a>> = "versionSpecifier",
    }

    #[derive(Debug, Default)]
    struct Place<'a> {
        path: Option<Text<'a>>,
        start_line: Option<Count> = "startLine",
        start_col: Option<Count> = "startCol",
        end_line: Option<Count> = "endLine",
        end_col: Option<Count> = "endCol",
        url: Option<Text<'a>>,
    }

    #[derive(Debug, Default)]
    struct Usage<'a> {
        location: Option<Place<'a>>,
    }

    #[derive(Debug, Default)]
    struct Triage<'a> {
        status: Option<Text<'a>>,
        dismiss_reason: Option<Text<'a>> = "dismissReason",
        issue_url: Option<Text<'a>> = "issueUrl",
    }
}

/// What a record is called.
pub fn label(text: &str) -> Label {
    object! {
        #[derive(Default)]
        struct Fields<'a> {
            group_key: Option<Id<'a>> = "groupKey",
            repository_id: Option<Id<'a>> = "repositoryId",
            repository_name: Option<Text<'a>> = "repositoryName",
        }
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
        rule: rule.as_deref().map(Raw::new),
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
fn rule(id: &Option<Text<'_>>, message: &Option<Text<'_>>, references: &References<'_>) -> Option<String> {
    let texts = |texts: &Option<Texts<'_>>| record::texts(texts.clone());
    let rule = members(vec![
        ("name", id.as_deref()?.into()),
        ("message", message.as_deref().into()),
        ("cwe_names", texts(&references.cwe_ids).into()),
        ("owasp_names", texts(&references.owasp_ids).into()),
    ]);
    Some(guest_json::text(&rule))
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
