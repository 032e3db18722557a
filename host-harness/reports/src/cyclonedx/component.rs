//! Components.

use appsec_model::{Ecosystem, Location, PackageVersion};
use serde_json::Value;

use crate::{MAX_LIST, bounds, json::JsonView, package, place, words};

/// A component, as far as it is read.
#[derive(Debug)]
pub struct Component {
    pub reference: Option<String>,
    pub ty: String,
    pub package: PackageVersion,
    /// Whether a package manager knows it.
    pub is_package: bool,
    pub licenses: Vec<String>,
    pub resolved_url: Option<String>,
    pub lockfile: Option<Location>,
}

impl Component {
    /// Reads a component; none where it has no name.
    pub fn new(value: &Value) -> Option<Self> {
        let by_purl = value.text("purl").and_then(package::by_purl);
        let ty = bounds::word(value.text("type").unwrap_or("library")).to_owned();
        let is_package = by_purl.is_some() || matches!(ty.as_str(), "library" | "framework");
        let package = by_purl.or_else(|| by_name(value))?;
        let urls = value.list("externalReferences").iter().filter(|it| it.text("type") == Some("distribution"));
        let resolved_url = urls.filter_map(|it| it.owned("url")).find(|url| words::is_url(url));
        Some(Self {
            reference: value.owned("bom-ref"),
            ty,
            package,
            is_package,
            licenses: licenses(value),
            resolved_url,
            lockfile: lockfile(value),
        })
    }

    /// The lockfile that a component stands for: scanners list it as an application.
    pub fn as_lockfile(&self) -> Option<&str> {
        let path = &self.package.name;
        (self.ty == "application" && package::ecosystem_of_file(path).is_some()).then_some(path)
    }
}

fn by_name(value: &Value) -> Option<PackageVersion> {
    let name = value.text("name")?;
    let group = value.text("group").map(bounds::word);
    let name = group.map_or_else(|| name.to_owned(), |group| format!("{group}/{name}"));
    Some(package::by_name(&name, value.text("version"), Ecosystem::Other("unknown".to_owned())))
}

/// Licenses: expressions, SPDX ids or names.
fn licenses(value: &Value) -> Vec<String> {
    let one = |it: &Value| {
        let license = it.at("license");
        it.owned("expression").or_else(|| license.owned("id")).or_else(|| license.owned("name"))
    };
    let mut licenses: Vec<String> = Vec::new();
    for license in value.list("licenses").iter().filter_map(one) {
        if licenses.len() < MAX_LIST && !licenses.contains(&license) {
            licenses.push(license);
        }
    }
    licenses
}

/// The lockfile or manifest that names a component: where it was seen, or the
/// property of the generators of the project itself.
fn lockfile(value: &Value) -> Option<Location> {
    let occurrences = value.at("evidence").list("occurrences").iter();
    let mut seen = occurrences.filter_map(|it| Some((it.text("location")?, it.count("line"))));
    let property = || {
        let mut properties = value.list("properties").iter();
        let source = properties.find(|it| it.text("name") == Some("SrcFile"))?;
        Some((source.text("value")?, None))
    };
    let (path, line) = seen.next().or_else(property)?;
    // An occurrence may have its line behind the path.
    let behind = path.rsplit_once('#').and_then(|(path, line)| Some((path, line.parse().ok()?)));
    let (path, line) = behind.map_or((path, line), |(path, number)| (path, line.or(Some(number))));
    let mut at = place::file(place::uri_path(bounds::word(path)));
    at.start_line = line;
    (!at.path.is_empty()).then_some(at)
}
