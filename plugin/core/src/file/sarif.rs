//! Results of `semgrep --sarif`.
//!
//! SARIF says less than the tool's own JSON: three levels for five severities,
//! no package and no advisory of a supply chain result, nothing of validation.
//! A credential that the vendor's product for secrets found is therefore of the
//! kind `sast` here and of `secrets` in JSON; all other results are of one kind
//! and one identity in both.

mod advisories;
mod rule;

use appsec_model::{
    Dependency, Ecosystem, Finding, Fix, FlowRole, FlowStep, Kind, PackageVersion, ProjectRef, Reachability,
    ReachabilityVerdict, Severity, Transitivity, TriageState, credential,
};
use serde_json::Value;

use self::advisories::advisories;
use super::{
    cli::{self, bounded, usage},
    finding::{add_code, add_rule, base, lists_packages, path_of},
    fingerprints::fingerprint,
    identity::{self, group},
    place,
    record::FileRecord,
    sketch::{Position, Sketch, hash},
};
use crate::{
    kept,
    normalize::{Batch, dependency, record::text, rules::Rules},
    wire::{self, Count, Remarks, SarifLocation, SarifPlace, SarifResult, SarifRule, SarifText, Text, shorten},
};

/// What tells a result apart from others. None where it is no result: it needs
/// a rule and a path.
pub fn sketch(result: &str, rule: Option<&str>, root: Option<&str>) -> Option<Sketch> {
    let mut spare = String::new();
    let result = wire::read::<SarifResult<'_>>(result, &mut spare, &mut Remarks::default())?;
    sketch_of(&result, rule, root)
}

/// Whether results of a rule show credentials.
pub fn shows_credentials(rule: &str) -> bool {
    let mut rules = Rules::default();
    let id = rule_id_of(Some(rule)).unwrap_or_default();
    let (at, ..) = rule::look_up(&mut rules, &id, Some(rule), &mut Remarks::default());
    rules.view(at).is_some_and(|view| kept::shows_credentials(&Kind::Sast, view.rule()))
}

/// What the tool's own JSON of the same scan tells of a result of this kind, too.
pub fn gist(result: &str, rule: Option<&str>, kind: &Kind) -> Option<String> {
    let mut spare = String::new();
    let result = wire::read::<SarifResult<'_>>(result, &mut spare, &mut Remarks::default())?;
    let position = position(&result, result.locations.as_ref()?.first()?.physical_location.as_ref()?);
    let mut spare = String::new();
    let rule = rule.and_then(|rule| wire::read::<SarifRule<'_>>(rule, &mut spare, &mut Remarks::default()));
    let of_rule = || text(rule?.default_configuration?.level);
    let (severity, _) = severity(text(result.level).or_else(of_rule), None, &mut Remarks::default());
    Some(position.gist(kind, severity))
}

/// The kind of a result, also of one whose rule is not known.
pub fn kind(result: &str) -> Kind {
    let mut spare = String::new();
    let result = wire::read::<SarifResult<'_>>(result, &mut spare, &mut Remarks::default());
    result.map_or(Kind::Sast, |result| kind_of(&result))
}

/// The finding of a result, or its id if it has one.
pub fn finding(
    batch: &mut Batch,
    index: usize,
    project: Option<&ProjectRef>,
    record: &FileRecord<'_>,
) -> Result<Finding, Option<String>> {
    let Batch { rules, remarks, .. } = batch;
    let mut spare = String::new();
    let result = wire::read::<SarifResult<'_>>(record.record, &mut spare, remarks).ok_or(None)?;
    let rule_text = record.rule;
    let root = record.head.root.as_deref();
    let Some(mut sketch) = sketch_of(&result, rule_text, root) else {
        remarks.error("no-result", "the result has no rule or no path".to_owned());
        return Err(None);
    };
    sketch.group = record.head.group().unwrap_or(sketch.group);
    let id = text(result.rule_id).or_else(|| rule_id_of(rule_text)).unwrap_or_default();
    let (at, level, logged_in) = rule::look_up(rules, &id, rule_text, remarks);
    let view = rules.view(at).ok_or(None)?;
    let mut finding = base(index, project, &record.head, &sketch);
    let fingerprint = result.fingerprints.and_then(|all| all.match_based).filter(|_| !record.head.shared);
    let logged_in = logged_in || identity::hides_fingerprints(record.head.tool.as_deref());
    finding.identity = identity::identity(sketch.group, record.head.ordinal, fingerprint.as_deref(), logged_in);
    finding.message = result.message.and_then(message);
    let message = finding.message.clone().unwrap_or_default();
    add_rule(&mut finding, &view);
    let word = text(result.level).or(level.level);
    (finding.severity, finding.vendor_severity) = severity(word, level.security_severity, remarks);
    let (location, snippet) = result.locations.and_then(|all| all.into_iter().next()).and_then(place_of).unzip();
    finding.location = location;
    finding.flow = result.code_flows.and_then(|all| all.into_iter().next()).map(flow).unwrap_or_default();
    finding.suggested_fix = result.fixes.and_then(|fixes| fix(fixes.get()));
    let suppression = result.suppressions.unwrap_or_default().into_iter().find_map(|it| text(it.justification));
    if let Some(comment) = suppression.filter(|_| sketch.position.suppressed) {
        finding.lifecycle.triage.state = TriageState::Ignored;
        finding.lifecycle.triage.comment = Some(comment);
    }
    if finding.kind == Kind::Sca {
        let properties = result.properties.unwrap_or_default();
        let mut paths = properties.dependency_paths.map(|paths| paths.0).unwrap_or_default().into_iter();
        let nodes = paths.next().map(|nodes| nodes.0).unwrap_or_default();
        let texts = [view.id(), &message, view.message().unwrap_or_default()];
        let tags = view.rule().subcategories.iter().map(String::as_str);
        let advisories = advisories(texts.into_iter().chain(tags));
        let verdict = verdict(properties.exposure.as_deref(), path_of(finding.location.as_ref()), remarks);
        let at = finding.location.as_ref().filter(|at| lists_packages(&at.path));
        let last = nodes.last();
        let package = PackageVersion {
            name: last.and_then(|it| it.package.as_deref()).unwrap_or_default().to_owned(),
            version: last.and_then(|it| it.version.as_deref()).filter(|it| !it.is_empty()).map(str::to_owned),
            ecosystem: Ecosystem::Other("unknown".to_owned()),
            purl: None,
        };
        let dependency = Dependency {
            // Only the paths of packages that others bring are printed.
            transitivity: if nodes.len() > 1 { Transitivity::Transitive } else { Transitivity::Unknown },
            lockfile_url: None,
            lockfile: at.cloned(),
            introduced_by: cli::introduced_by(std::iter::once(nodes), Some(&package.name)),
            package,
            affected_range: None,
            advisories,
            reachability: Reachability {
                usage: usage(&verdict, finding.location.as_ref(), at),
                verdict,
                condition: None,
            },
            fix: Fix::NotSaid,
            epss: None,
            malicious: None,
        };
        if !dependency.package.name.is_empty() {
            finding.title = dependency::title(&dependency, view.class());
        }
        finding.dependency = Some(dependency);
    }
    add_code(&mut finding, &view, snippet.flatten().as_deref());
    place::take_off(&mut finding, root);
    Ok(finding)
}

fn sketch_of(result: &SarifResult<'_>, rule: Option<&str>, root: Option<&str>) -> Option<Sketch> {
    let own = result.rule_id.as_deref().filter(|id| !id.is_empty());
    let id = own.map(str::to_owned).or_else(|| rule_id_of(rule))?;
    let place = result.locations.as_ref()?.first()?.physical_location.as_ref()?;
    let path = place::uri_path(place.artifact_location.as_ref()?.uri.as_deref()?);
    if path.is_empty() {
        return None;
    }
    let message = result.message.as_ref().and_then(|it| it.text.as_deref().or(it.markdown.as_deref()));
    let message = message.unwrap_or_default();
    let kind = kind_of(result);
    Some(Sketch {
        group: group(&id, place::below(&path, root), message),
        absolute: place::absolute(&path),
        shows_credentials: kind == Kind::Sast && (credential::is_named(&id) || credential::is_told(message)),
        kind,
        fingerprint: fingerprint(result.fingerprints.as_ref().and_then(|all| all.match_based.as_deref())),
        file: hash(&*path),
        rule: hash(&*id),
        position: position(result, place),
    })
}

fn position(result: &SarifResult<'_>, place: &SarifPlace<'_>) -> Position {
    let region = place.region.as_ref();
    let number = |count: Option<Option<Count>>| count.flatten().and_then(|Count(number)| number).unwrap_or_default();
    // The standard: suppressed if all suppressions, of which there must be some,
    // are accepted; no status means accepted.
    let suppressions = result.suppressions.as_deref().unwrap_or_default();
    let accepted = |status: &Text<'_>| status.is_empty() || status.eq_ignore_ascii_case("accepted");
    Position {
        suppressed: !suppressions.is_empty()
            && suppressions.iter().all(|it| it.status.as_ref().or(it.state.as_ref()).is_none_or(accepted)),
        line: number(region.map(|region| region.start_line)),
        column: number(region.map(|region| region.start_column)),
        end_line: number(region.map(|region| region.end_line)),
        end_column: number(region.map(|region| region.end_column)),
    }
}

fn kind_of(result: &SarifResult<'_>) -> Kind {
    // Every supply chain result has it, and no other has.
    let exposure = result.properties.as_ref().is_some_and(|properties| properties.exposure.is_some());
    if exposure { Kind::Sca } else { Kind::Sast }
}

/// The id of a rule's object.
fn rule_id_of(rule: Option<&str>) -> Option<String> {
    let mut spare = String::new();
    text(wire::read::<SarifRule<'_>>(rule?, &mut spare, &mut Remarks::default())?.id)
}

/// The common severity of a level. The standard's `none` is for what is no
/// problem; no level at all means `warning`.
fn severity(level: Option<String>, score: Option<String>, remarks: &mut Remarks) -> (Severity, Option<String>) {
    let severity = match level.as_deref() {
        Some("error") => Severity::High,
        Some("warning") | None => Severity::Medium,
        Some("note") => Severity::Low,
        Some("none") => Severity::Info,
        Some(word) => {
            remarks.warn("unknown-severity", "/level", format!("`{}` is no known level", shorten(word)));
            Severity::Unknown
        }
    };
    // The author's score stands beside the level and decides nothing: on which
    // scale it is, only its author knows.
    let word = match (level, score) {
        (level, None) => level,
        (level, Some(score)) => Some(format!("{}, security-severity {score}", level.as_deref().unwrap_or("warning"))),
    };
    (severity, word)
}

/// Whether the vulnerable code is used.
///
/// | `exposure` | place | verdict |
/// |---|---|---|
/// | `reachable` | code | reachable |
/// | `reachable` | lockfile | always reachable: so the tool says of rules that only compare versions (`upgrade-only`) |
/// | `unreachable` | any | unreachable |
/// | `undetermined`, none | any | not analyzed |
fn verdict(exposure: Option<&str>, path: &str, remarks: &mut Remarks) -> ReachabilityVerdict {
    match exposure {
        Some("reachable") if lists_packages(path) => ReachabilityVerdict::AlwaysReachable,
        Some("reachable") => ReachabilityVerdict::Reachable,
        Some("unreachable") => ReachabilityVerdict::Unreachable,
        Some("undetermined" | "") | None => ReachabilityVerdict::NotAnalyzed,
        Some(word) => {
            let message = format!("`{}` is not known and kept as it is", shorten(word));
            remarks.warn("unknown-value", "/properties/exposure", message);
            ReachabilityVerdict::Other(word.to_owned())
        }
    }
}

fn message(message: SarifText<'_>) -> Option<String> {
    // As in the sketch: an empty text is one.
    text(message.text.or(message.markdown))
}

/// A place, and the code there.
fn place_of(location: SarifLocation<'_>) -> Option<(appsec_model::Location, Option<Text<'_>>)> {
    let place = location.physical_location?;
    let path = place::uri_path(&place.artifact_location?.uri?);
    let region = place.region.unwrap_or_default();
    let (start, end) = ((region.start_line, region.start_column), (region.end_line, region.end_column));
    let snippet = region.snippet.and_then(|snippet| snippet.text);
    (!path.is_empty()).then(|| (place::location(path, start, end), snippet))
}

/// The steps of a data flow: it begins at the source and ends at the sink.
fn flow(flow: wire::SarifCodeFlow<'_>) -> Vec<FlowStep> {
    let steps = flow.thread_flows.unwrap_or_default().into_iter().next().and_then(|flow| flow.locations);
    let places = steps.unwrap_or_default().into_iter().filter_map(|step| place_of(step.location?));
    let mut steps: Vec<FlowStep> = places
        .map(|(location, content)| FlowStep {
            role: FlowRole::Step,
            location,
            content: content.and_then(|text| place::code(&text, place::MAX_STEP_CHARS)),
        })
        .collect();
    if let Some(first) = steps.first_mut() {
        first.role = FlowRole::Source;
    }
    if let Some(last) = steps.last_mut() {
        last.role = FlowRole::Sink;
    }
    bounded(steps)
}

/// The text of the first replacement of the first fix.
fn fix(fixes: &str) -> Option<String> {
    let fixes: Value = guest_json::read(fixes)?;
    let text = fixes.pointer("/0/artifactChanges/0/replacements/0/insertedContent/text")?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
