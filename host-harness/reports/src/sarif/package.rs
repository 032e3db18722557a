//! Results that name a package and an advisory.
//!
//! SARIF has no place for packages, so each scanner has its own. Read are, in
//! this order: a package URL in `properties` of the result or its rule; one in a
//! logical location; members of `properties` for name and version; the message;
//! the rule's help; and `name@version` as a logical location.
//!
//! Of messages and helps, these are read: lines `Package:`, `Installed Version:`
//! or `Version:`, `Fixed Version:` or `Fix Version:`, and `Type:`;
//! `Package 'name@version'`; `… package: name, version 1.2 was found`;
//! `… reports name at version 1.2 …`; and `… vulnerable module (name)`.

use appsec_model::{AdvisoryId, Dependency, Ecosystem, Fix, PackageVersion, Reachability, Transitivity, Upgrade};
use serde_json::Value;

use super::rule::RuleFacts;
use crate::{
    MAX_LIST, advisory,
    json::JsonView,
    package::{by_name, by_purl, ecosystem_of_file, ecosystem_of_osv},
    place,
};

/// Words for package managers in tags and messages.
const ECOSYSTEMS: [(&str, Ecosystem); 29] = [
    ("npmjs", Ecosystem::Npm),
    ("javascript", Ecosystem::Npm),
    ("pypi", Ecosystem::Pypi),
    ("go", Ecosystem::Go),
    ("gradle", Ecosystem::Maven),
    ("java", Ecosystem::Maven),
    ("jar", Ecosystem::Maven),
    ("packagist", Ecosystem::Composer),
    ("cargo", Ecosystem::Cargo),
    ("crates.io", Ecosystem::Cargo),
    ("crates", Ecosystem::Cargo),
    ("cocoapods", Ecosystem::Cocoapods),
    ("pub", Ecosystem::Pub),
    ("npm", Ecosystem::Npm),
    ("yarn", Ecosystem::Npm),
    ("pip", Ecosystem::Pypi),
    ("python", Ecosystem::Pypi),
    ("golang", Ecosystem::Go),
    ("gomodules", Ecosystem::Go),
    ("go-module", Ecosystem::Go),
    ("maven", Ecosystem::Maven),
    ("java-archive", Ecosystem::Maven),
    ("rubygems", Ecosystem::Gem),
    ("gem", Ecosystem::Gem),
    ("nuget", Ecosystem::Nuget),
    ("dotnet", Ecosystem::Nuget),
    ("composer", Ecosystem::Composer),
    ("php-composer", Ecosystem::Composer),
    ("rust-crate", Ecosystem::Cargo),
];

/// The vulnerable package of a result; none where it names no package or no advisory.
pub fn dependency(result: &Value, id: &str, facts: &RuleFacts, message: &str, path: &str) -> Option<Dependency> {
    let advisories = advisories(result, id, facts);
    let malicious = advisories.iter().any(|it| it.source == appsec_model::AdvisorySource::Mal).then_some(true);
    if advisories.is_empty() {
        return None;
    }
    let package = package(result, facts, message, path)?;
    let lockfile = ecosystem_of_file(path).is_some().then(|| place::file(path.to_owned()));
    let fix = fix([message, &facts.help], &package.name);
    Some(Dependency {
        package,
        transitivity: Transitivity::Unknown,
        lockfile_url: None,
        lockfile,
        introduced_by: Vec::new(),
        affected_range: None,
        advisories,
        reachability: Reachability::default(),
        fix,
        epss: None,
        malicious,
    })
}

/// Members of `properties` that name advisories.
const NUMBERS: [&str; 13] = [
    "cve",
    "cves",
    "cveId",
    "cveIds",
    "cve_id",
    "ghsa",
    "ghsas",
    "aliases",
    "vulnId",
    "vulnerabilityId",
    "vulnerability_id",
    "identifiers",
    "advisory",
];

/// Members of `properties` for the name of a package, its version and who keeps
/// it. Those of a rule may be about the rule, but for the first ones.
const NAMES: [&str; 9] = [
    "component",
    "componentName",
    "component_name",
    "package",
    "packageName",
    "package_name",
    "moduleName",
    "module",
    "name",
];
const VERSIONS: [&str; 9] = [
    "componentVersion",
    "componentVersionName",
    "component_version",
    "packageVersion",
    "package_version",
    "installedVersion",
    "installed_version",
    "moduleVersion",
    "version",
];
const KEEPERS: [&str; 9] = [
    "componentOrigin",
    "origin",
    "ecosystem",
    "packageManager",
    "package_manager",
    "packageType",
    "package_type",
    "language",
    "type",
];

/// The advisories that a result names: by its rule's id and name, by other ids
/// and tags of the rule, or by properties. Those of its texts may be about
/// something else.
fn advisories(result: &Value, id: &str, facts: &RuleFacts) -> Vec<AdvisoryId> {
    let mut found = Vec::new();
    let name = facts.rule.name.as_deref().unwrap_or_default();
    let tags = facts.tags.iter().chain(&facts.other_ids).map(String::as_str);
    for text in [id, name].into_iter().chain(tags) {
        // `BDSA-2021-1 (CVE-2021-44906)` has two.
        let words = text.split(|sign: char| sign.is_whitespace() || "()[],;|/".contains(sign));
        words.filter_map(advisory::leading).for_each(|id| advisory::add(&mut found, id));
    }
    for properties in [result.at("properties"), Some(&facts.properties)].into_iter().flatten() {
        let values = NUMBERS.iter().filter_map(|key| properties.at(key));
        values.for_each(|value| add_numbers(value, &mut found, 0));
    }
    found
}

/// Adds the numbers of a text, or of the texts of a list or object.
fn add_numbers(value: &Value, found: &mut Vec<AdvisoryId>, depth: usize) {
    match value {
        Value::String(text) => {
            let words = text.split([',', ' ', ';']).filter_map(advisory::leading);
            words.for_each(|id| advisory::add(found, id));
        }
        Value::Array(list) if depth < 2 => list.iter().for_each(|value| add_numbers(value, found, depth + 1)),
        Value::Object(map) if depth < 2 => map.values().for_each(|value| add_numbers(value, found, depth + 1)),
        _ => {}
    }
}

/// A package as it is told of.
#[derive(Debug, Default, Eq, PartialEq)]
struct Told<'a> {
    name: &'a str,
    version: Option<&'a str>,
    /// A word for its ecosystem.
    keeper: Option<&'a str>,
}

fn package(result: &Value, facts: &RuleFacts, message: &str, path: &str) -> Option<PackageVersion> {
    let keys = ["purl", "purls", "packageUrl", "packageURL", "package_url", "packageUrls"];
    for properties in [result.at("properties"), Some(&facts.properties)] {
        let one = keys.iter().filter_map(|key| properties.text(key));
        let lists = keys.iter().flat_map(|key| properties.at(key).and_then(Value::as_array)).flatten();
        let found: Vec<PackageVersion> = one.chain(lists.filter_map(Value::as_str)).filter_map(by_purl).collect();
        // A rule may be about several versions, and the message tells which one.
        let told = found.iter().find(|it| it.version.as_ref().is_some_and(|version| message.contains(version)));
        if let Some(package) = told.or(found.first()) {
            return Some(package.clone());
        }
    }
    let logical: Vec<&str> = result
        .list("locations")
        .iter()
        .flat_map(|location| location.list("logicalLocations"))
        .flat_map(|it| [it.text("fullyQualifiedName"), it.text("name"), it.text("decoratedName")])
        .flatten()
        .collect();
    if let Some(package) = logical.iter().filter(|it| it.starts_with("pkg:")).find_map(|it| by_purl(it)) {
        return Some(package);
    }
    let by_properties =
        || of_properties(result.at("properties"), true).or_else(|| of_properties(Some(&facts.properties), false));
    let by_logical = || logical.iter().find_map(|it| name_and_version(it));
    let found = by_properties().or_else(|| told(message)).or_else(|| told(&facts.help)).or_else(by_logical)?;
    let named = |word: &str| {
        let word = word.trim().to_ascii_lowercase();
        ECOSYSTEMS.iter().find(|(name, _)| *name == word).map(|(_, it)| it.clone())
    };
    let by_keeper = || found.keeper.map(|word| named(word).unwrap_or_else(|| ecosystem_of_osv(word.trim())));
    let by_tag = || facts.tags.iter().find_map(|tag| named(tag));
    let ecosystem =
        by_keeper().or_else(|| ecosystem_of_file(path)).or_else(by_tag).unwrap_or_else(|| ecosystem_of_osv(""));
    let group = result.at("properties").text("group").filter(|_| !found.name.contains([':', '/']));
    let name = match (group, &ecosystem) {
        (Some(group), Ecosystem::Maven) => format!("{group}:{}", found.name),
        (Some(group), _) => format!("{group}/{}", found.name),
        (None, _) => found.name.to_owned(),
    };
    Some(by_name(&name, found.version, ecosystem))
}

/// The package that members of `properties` name. Those of a rule whose names
/// may be about the rule do not count.
fn of_properties(properties: Option<&Value>, is_result: bool) -> Option<Told<'_>> {
    let of = |keys: &[&str]| {
        let general = keys.len() - usize::from(!is_result);
        keys.iter().take(general).find_map(|key| properties.text(key))
    };
    let (name, version) = (of(&NAMES)?, of(&VERSIONS));
    // A name alone may be anything's.
    let (name, version) = match (version, name_and_version(name)) {
        (None, Some(told)) => (told.name, told.version),
        (None, None) => return None,
        (version, _) => (name, version),
    };
    Some(Told { name: name.trim(), version, keeper: of(&KEEPERS) })
}

/// The package that a message or help tells of.
fn told(text: &str) -> Option<Told<'_>> {
    if let Some(name) = line_value(text, &["Package", "Vulnerable module", "* Vulnerable module"]) {
        let version = line_value(text, &["Installed Version", "Version"]);
        let keeper = line_value(text, &["Type", "Package Manager", "* Package Manager"]);
        return Some(Told { name, version, keeper });
    }
    if let Some((_, rest)) = text.split_once("Package '") {
        return name_and_version(rest.split('\'').next()?);
    }
    let is_word = |word: &&str| !word.is_empty() && !word.contains(char::is_whitespace);
    if let Some((before, rest)) = text.split_once(" package: ") {
        let (name, rest) = rest.split_once(", version ")?;
        let version = rest.split_whitespace().next()?;
        let keeper = before.split_whitespace().last();
        return Some(name).filter(is_word).map(|name| Told { name, version: Some(version), keeper });
    }
    if let Some((_, rest)) = text.split_once(" reports ")
        && let Some((name, rest)) = rest.split_once(" at version ")
    {
        let version = rest.split_whitespace().next().filter(|it| it.contains(|sign: char| sign.is_ascii_digit()))?;
        let keeper = rest.split_once('(').and_then(|(_, rest)| rest.split_once(") package")).map(|(word, _)| word);
        return Some(name).filter(is_word).map(|name| Told { name, version: Some(version), keeper });
    }
    // Of several modules the first one: the others have results of their own in other formats only.
    let (before, rest) = text.split_once(" (")?;
    let is_module =
        [" vulnerable module", " vulnerable modules", " package", " packages"].iter().any(|it| before.ends_with(it));
    let name = rest.split([',', ')']).next().filter(|_| is_module && text.starts_with("Your code "))?;
    Some(name.trim()).filter(is_word).map(|name| Told { name, version: None, keeper: Some("Go") })
}

/// The value of a line `Key: value`, of the first key that has one.
fn line_value<'a>(text: &'a str, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| {
        let value = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':'))?;
        Some(value.trim()).filter(|value| !value.is_empty())
    })
}

/// Takes `name@version` apart; a scope begins with `@` too.
fn name_and_version(text: &str) -> Option<Told<'_>> {
    let (name, version) = text.trim().rsplit_once('@')?;
    let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    (is_word(name) && is_word(version)).then_some(Told { name, version: Some(version), keeper: None })
}

/// Versions of a line `Fixed Version:`; an empty one tells that there is none.
fn fix(texts: [&str; 2], package: &str) -> Fix {
    let starts = ["Fixed Version:", "Fix Version:", "Fixed in:"];
    let of_line = |line: &'_ str| starts.iter().find_map(|start| line.trim().strip_prefix(start).map(str::to_owned));
    let Some(line) = texts.iter().flat_map(|text| text.lines()).find_map(of_line) else {
        return Fix::NotSaid;
    };
    let upgrade = |version: &str| Upgrade { package: package.to_owned(), version: version.to_owned() };
    let upgrades: Vec<Upgrade> =
        line.split(',').map(str::trim).filter(|it| !it.is_empty()).take(MAX_LIST).map(upgrade).collect();
    if upgrades.is_empty() { Fix::NoneKnown } else { Fix::Upgrades { upgrades } }
}

#[cfg(test)]
mod tests {
    use super::{Told, name_and_version, told};

    #[test]
    fn a_message_tells_a_package() {
        let lodash = |keeper| Some(Told { name: "lodash", version: Some("4.17.20"), keeper });
        for (message, expect) in [
            ("Package: lodash\nInstalled Version: 4.17.20\nSeverity: HIGH", lodash(None)),
            ("Vulnerability CVE-2020-8203\nPackage: lodash\nVersion: 4.17.20\nType: npm", lodash(Some("npm"))),
            ("Package 'lodash@4.17.20' is vulnerable to 'CVE-2021-23337'.", lodash(None)),
            ("A high vulnerability in npm package: lodash, version 4.17.20 was found at: /a", lodash(Some("npm"))),
            (
                "The path a.js reports lodash at version 4.17.20  which would result in a vulnerable (npm) package installed",
                lodash(Some("npm")),
            ),
            (
                "Your code depends on 1 vulnerable module (golang.org/x/net)",
                Some(Told { name: "golang.org/x/net", version: None, keeper: Some("Go") }),
            ),
            ("Package: \n", None),
            ("Package: lodash", Some(Told { name: "lodash", ..Told::default() })),
            ("This file introduces a vulnerable package.", None),
            ("The scan reports much at version two of (this) package", None),
        ] {
            assert_eq!(told(message), expect, "{message}");
        }
        assert_eq!(name_and_version("@babel/core@7.0.0").map(|it| it.name), Some("@babel/core"));
        assert_eq!(name_and_version("@babel/core"), None);
        assert_eq!(name_and_version("a b@1"), None);
    }
}
