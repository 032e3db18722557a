//! The package behind a supply chain result.
//!
//! Whether the vulnerable code is used, by the first line that fits:
//!
//! | `sca_info` | rule's `sca-kind` | verdict |
//! |---|---|---|
//! | `kind` is `DirectReachable` or `TransitiveReachable` | any | reachable |
//! | `kind` is `TransitiveUnreachable` | any | unreachable |
//! | `kind` is `TransitiveUndetermined` | any | not analyzed |
//! | any | `malicious` | always reachable, and `malicious` |
//! | any | `upgrade-only` | always reachable: the vendor's own reading of it |
//! | any | `legacy` | not analyzed |
//! | `reachable` | any other, or none | reachable |
//! | `reachability_rule`, not `reachable` | any other, or none | unreachable |
//! | neither, or `kind` is `LockfileOnlyMatch` | any other, or none | not analyzed |
//!
//! `reachability_rule` says that the rule looks for code at all, `reachable` that
//! it found some. The place of the result is then the usage; otherwise it is the
//! line in the lockfile.

use appsec_model::{AdvisoryId, AdvisorySource, Finding, Fix, Location, ReachabilityVerdict, Upgrade, Usage};
use serde_json::Value;

use crate::{
    file::{finding::path_of, place},
    normalize::{
        dependency::{self, Packages, advisory},
        record::text,
    },
    wire::{self, CliDependency, CliMatch, CliSca, Count, DependencyNode, Remarks},
};

/// How many packages of a path to the package are kept.
const MAX_PATH: usize = 64;

/// What the rule's metadata say.
pub struct RuleSays {
    /// What the rule looks for.
    pub kind: Option<String>,
    /// Numbers of advisories, the vendor's choice first.
    pub ids: [Option<String>; 3],
    /// Versions without the vulnerability.
    pub fixes: Option<Fix>,
    /// Under which condition the code is reached.
    pub condition: Option<String>,
}

/// Adds the package, and a title that names it. With the sort of vulnerability
/// comes the folder that paths are made relative to.
pub fn add(
    finding: &mut Finding,
    said: CliSca<'_>,
    rule: RuleSays,
    (class, root): (Option<&str>, Option<&str>),
    packages: &mut Packages,
    remarks: &mut Remarks,
) {
    let verdict = verdict(&said, rule.kind.as_deref());
    let CliMatch { dependency_pattern, found_dependency, lockfile, dependency_paths } =
        said.dependency_match.unwrap_or_default();
    let pattern = dependency_pattern.unwrap_or_default();
    let found = found_dependency.unwrap_or_else(|| CliDependency {
        package: pattern.package,
        ecosystem: pattern.ecosystem,
        ..CliDependency::default()
    });
    let path = text(found.lockfile_path).or_else(|| text(lockfile));
    let lockfile = path.map(|path| {
        let line = found.line_number.filter(|count| *count != Count(None));
        let mut place = place::location(place::path(&path).into_owned(), (line, None), (None, None));
        place::take_off_place(&mut place, root);
        place
    });
    let paths = dependency_paths.unwrap_or_default().into_iter();
    let introduced_by = introduced_by(paths.filter_map(|path| path.nodes), found.package.as_deref());
    let fields = dependency::Fields {
        found: Some(wire::Dependency {
            package: found.package,
            version: found.version,
            ecosystem: found.ecosystem,
            transitivity: found.transitivity,
            lockfile_line_url: None,
        }),
        lockfile,
        introduced_by,
        condition: rule.condition,
        ..dependency::Fields::default()
    };
    let project = finding.project.clone();
    let base = "/extra/sca_info/dependency_match";
    let dependency = remarks.inside(base, |remarks| dependency::read(fields, &project, packages, remarks));
    let Some(mut dependency) = dependency else { return };
    dependency.affected_range = text(pattern.semver_range);
    for id in rule.ids.into_iter().flatten() {
        if !dependency.advisories.iter().any(|known| known.id == id) {
            dependency.advisories.push(advisory(id));
        }
    }
    let malware = |id: &AdvisoryId| id.source == AdvisorySource::Mal;
    if is(rule.kind.as_deref(), "malicious") || dependency.advisories.iter().any(malware) {
        dependency.malicious = Some(true);
    }
    dependency.fix = rule.fixes.unwrap_or_default();
    dependency.reachability.usage = usage(&verdict, finding.location.as_ref(), dependency.lockfile.as_ref());
    dependency.reachability.verdict = verdict;
    finding.title = dependency::title(&dependency, class);
    finding.dependency = Some(dependency);
}

/// The versions of `[{"package": "1.2.3"}, …]`.
pub fn fix(fixes: &str) -> Fix {
    let Some(Value::Array(list)) = guest_json::read(fixes) else {
        return Fix::NotSaid;
    };
    if list.is_empty() {
        return Fix::NoneKnown;
    }
    let mut upgrades = Vec::new();
    for (package, version) in list.iter().filter_map(Value::as_object).flatten() {
        let version = match version {
            Value::String(version) => version.clone(),
            Value::Number(version) => version.to_string(),
            _ => continue,
        };
        if !package.is_empty() && !version.is_empty() {
            upgrades.push(Upgrade { package: package.clone(), version });
        }
    }
    if upgrades.is_empty() { Fix::NotSaid } else { Fix::Upgrades { upgrades } }
}

/// The first known path to the package, without the package itself.
pub fn introduced_by<'a>(
    mut paths: impl Iterator<Item = Vec<DependencyNode<'a>>>,
    package: Option<&str>,
) -> Vec<String> {
    let mut nodes = paths.next().unwrap_or_default();
    if nodes.last().is_some_and(|last| last.package.as_deref() == package) {
        nodes.pop();
    }
    let name = |node: DependencyNode<'_>| {
        let package = text(node.package)?;
        Some(match node.version.as_deref().filter(|version| !version.is_empty()) {
            Some(version) => format!("{package}@{version}"),
            None => package,
        })
    };
    nodes.into_iter().take(MAX_PATH).filter_map(name).collect()
}

/// Where the code is used: where the result is, if that is code.
pub fn usage(verdict: &ReachabilityVerdict, at: Option<&Location>, lockfile: Option<&Location>) -> Option<Usage> {
    let in_code = *verdict == ReachabilityVerdict::Reachable && path_of(at) != path_of(lockfile);
    at.filter(|_| in_code).map(|location| Usage { location: location.clone(), url: None })
}

/// See the table above.
fn verdict(said: &CliSca<'_>, kind: Option<&str>) -> ReachabilityVerdict {
    match match_kind(said).as_deref() {
        Some("DirectReachable" | "TransitiveReachable") => return ReachabilityVerdict::Reachable,
        Some("TransitiveUnreachable") => return ReachabilityVerdict::Unreachable,
        Some("TransitiveUndetermined") => return ReachabilityVerdict::NotAnalyzed,
        _ => {}
    }
    if is(kind, "malicious") || is(kind, "upgrade-only") {
        ReachabilityVerdict::AlwaysReachable
    } else if is(kind, "legacy") {
        ReachabilityVerdict::NotAnalyzed
    } else if said.reachable == Some(true) {
        ReachabilityVerdict::Reachable
    } else if said.reachability_rule == Some(true) {
        ReachabilityVerdict::Unreachable
    } else {
        ReachabilityVerdict::NotAnalyzed
    }
}

/// The word of `sca_info.kind`, which stands alone or leads a list.
fn match_kind(said: &CliSca<'_>) -> Option<String> {
    let raw = said.kind?.get();
    let word = raw.trim_start().trim_start_matches('[').trim_start().strip_prefix('"')?;
    word.split('"').next().map(str::to_owned)
}

fn is(kind: Option<&str>, word: &str) -> bool {
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(word))
}
