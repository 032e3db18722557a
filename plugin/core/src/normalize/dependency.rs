//! The package behind a supply chain finding, and the list of all of them.

use std::collections::BTreeMap;

use appsec_model::{
    AdvisoryId, AdvisorySource, Dependency, Ecosystem, Epss, Fix, Package, PackageVersion, ProjectRef, Reachability,
    Upgrade, Usage,
};

use super::{
    purl::purl,
    record::{place, text},
    words,
};
use crate::wire::{self, Remarks, Text};

/// What a record says on its package.
pub struct Fields<'a> {
    /// The package itself.
    pub found: Option<wire::Dependency<'a>>,
    /// Number of the advisory.
    pub identifier: Option<String>,
    /// Whether the vulnerable code is used.
    pub reachability: Option<Text<'a>>,
    /// Under which condition.
    pub condition: Option<String>,
    /// Where.
    pub usage: Option<wire::Location<'a>>,
    /// Versions without the vulnerability.
    pub fixes: Option<Vec<wire::FixRecommendation<'a>>>,
    /// How likely it is exploited.
    pub epss: Option<wire::Epss>,
    /// Whether it is malware.
    pub malicious: Option<bool>,
}

/// The dependency of a record; none where the record says nothing on one.
pub fn read(
    fields: Fields<'_>,
    project: &ProjectRef,
    packages: &mut Packages,
    remarks: &mut Remarks,
) -> Option<Dependency> {
    if fields.found.is_none()
        && fields.identifier.is_none()
        && fields.reachability.is_none()
        && fields.fixes.is_none()
        && fields.malicious.is_none()
    {
        return None;
    }
    let package = package(fields.found.unwrap_or_default(), project, packages, remarks);
    let usage = fields.usage.map(place).and_then(|(location, url)| Some(Usage { location: location?, url }));
    Some(Dependency {
        package: package.package,
        transitivity: package.transitivity,
        lockfile_url: package.lockfile_url,
        lockfile: None,
        introduced_by: Vec::new(),
        affected_range: None,
        advisories: fields.identifier.map(advisory).into_iter().collect(),
        reachability: Reachability {
            verdict: fields.reachability.and_then(|word| words::reachability(&word, remarks)).unwrap_or_default(),
            condition: fields.condition,
            usage,
        },
        fix: fields.fixes.map_or(Fix::NotSaid, |fixes| fix(fixes, remarks)),
        epss: fields.epss.and_then(|epss| Some(Epss { score: epss.score?, percentile: epss.percentile })),
        malicious: fields.malicious,
    })
}

/// A short line for people: the advisory and the package.
pub fn title(dependency: &Dependency, class: Option<&str>) -> String {
    let what = match dependency.advisories.first() {
        Some(advisory) => &advisory.id,
        None if dependency.malicious == Some(true) => "Malicious package",
        None => class.unwrap_or("Vulnerable package"),
    };
    let PackageVersion { name, version, .. } = &dependency.package;
    match version {
        Some(version) => format!("{what}: {name} {version}"),
        None => format!("{what}: {name}"),
    }
}

/// The package of a record, listed as one of its project.
fn package(
    found: wire::Dependency<'_>,
    project: &ProjectRef,
    packages: &mut Packages,
    remarks: &mut Remarks,
) -> Package {
    let ecosystem = found.ecosystem.and_then(|word| words::ecosystem(&word, remarks));
    if ecosystem.is_none() {
        remarks.warn("missing-ecosystem", "/found_dependency/ecosystem", "the package has no ecosystem".to_owned());
    }
    let ecosystem = ecosystem.unwrap_or_else(|| Ecosystem::Other("unknown".to_owned()));
    let name = found.package.as_deref().unwrap_or_default();
    if name.is_empty() {
        // The advisory and the verdict are still worth having.
        remarks.warn("missing-package", "/found_dependency/package", "the package has no name".to_owned());
    }
    let transitivity = found.transitivity.and_then(|word| words::transitivity(&word, remarks)).unwrap_or_default();
    let lockfile_url = text(found.lockfile_line_url);
    let version = found.version.as_deref().filter(|version| !version.is_empty());
    let package = packages.add(project, ecosystem, name, version, |package| Package {
        project: project.clone(),
        package: package.clone(),
        transitivity: transitivity.clone(),
        lockfile_url: lockfile_url.clone(),
        lockfile: None,
        index: None,
        committed_at: None,
        licenses: Vec::new(),
        resolved_url: None,
        introduced_by: Vec::new(),
    });
    Package {
        project: ProjectRef::default(),
        package,
        transitivity,
        lockfile_url,
        lockfile: None,
        index: None,
        committed_at: None,
        licenses: Vec::new(),
        resolved_url: None,
        introduced_by: Vec::new(),
    }
}

/// An advisory's number, and who gave it.
pub fn advisory(id: String) -> AdvisoryId {
    let is = |prefix: &str| id.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let source = if is("CVE-") {
        AdvisorySource::Cve
    } else if is("GHSA-") {
        AdvisorySource::Ghsa
    } else if is("MAL-") {
        AdvisorySource::Mal
    } else {
        AdvisorySource::Other
    };
    AdvisoryId { source, id }
}

fn fix(fixes: Vec<wire::FixRecommendation<'_>>, remarks: &mut Remarks) -> Fix {
    if fixes.is_empty() {
        return Fix::NoneKnown;
    }
    let said = fixes.len();
    let upgrades: Vec<_> = fixes
        .into_iter()
        .filter_map(|fix| Some(Upgrade { package: text(fix.package)?, version: text(fix.version)? }))
        .collect();
    if upgrades.len() < said {
        let message = "a recommendation without a package or a version was left out".to_owned();
        remarks.warn("incomplete-fix", "/fix_recommendations", message);
    }
    if upgrades.is_empty() { Fix::NotSaid } else { Fix::Upgrades { upgrades } }
}

/// The packages that the records name, each once per project.
#[derive(Default)]
pub struct Packages {
    list: Vec<Package>,
    by_key: BTreeMap<String, usize>,
    /// The key being looked up, kept for its memory.
    key: String,
}

impl Packages {
    /// The packages in the order in which findings first named them.
    pub fn into_list(self) -> Vec<Package> {
        self.list
    }

    /// The package with its package URL, which is computed once; lists it with
    /// `entry` if it is new and has a name.
    fn add(
        &mut self,
        project: &ProjectRef,
        ecosystem: Ecosystem,
        name: &str,
        version: Option<&str>,
        entry: impl FnOnce(&PackageVersion) -> Package,
    ) -> PackageVersion {
        self.key.clear();
        for part in [
            project.id.as_deref().unwrap_or_default(),
            project.name.as_deref().unwrap_or_default(),
            ecosystem.as_str(),
            name,
            version.unwrap_or_default(),
        ] {
            self.key.push_str(part);
            // A control character keeps the parts apart: names have none.
            self.key.push('\u{1f}');
        }
        let known = self.by_key.get(&self.key).and_then(|at| self.list.get(*at));
        if let Some(known) = known {
            return known.package.clone();
        }
        let purl = purl(&ecosystem, name, version);
        let package = PackageVersion { name: name.to_owned(), version: version.map(str::to_owned), ecosystem, purl };
        if !package.name.is_empty() {
            self.by_key.insert(self.key.clone(), self.list.len());
            self.list.push(entry(&package));
        }
        package
    }
}
