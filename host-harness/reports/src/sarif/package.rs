//! Results that name a package and an advisory.
//!
//! SARIF has no place for packages, so each scanner has its own. Read are, in
//! this order: a package URL in `properties` of the result or its rule; one in a
//! logical location; lines `Package:` and `Installed Version:` of the message;
//! `Package 'name@version'` in it; `… package: name, version 1.2 was found`;
//! and `name@version` as a logical location.

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
const ECOSYSTEMS: [(&str, Ecosystem); 16] = [
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
    let fix = fix(message, &package.name);
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

/// The advisories that a result names: by its rule's id, by other ids of the
/// rule, or by properties. Those of its texts may be about something else.
fn advisories(result: &Value, id: &str, facts: &RuleFacts) -> Vec<AdvisoryId> {
    let mut found = Vec::new();
    let ids = std::iter::once(id).chain(facts.other_ids.iter().map(String::as_str));
    for id in ids.filter_map(advisory::leading) {
        advisory::add(&mut found, id);
    }
    for properties in [result.at("properties"), Some(&facts.properties)] {
        for key in ["cve", "cves", "aliases", "ghsa"] {
            let one = properties.text(key).and_then(advisory::leading);
            let list = properties.map(|it| it.texts(key).filter_map(advisory::leading).collect::<Vec<_>>());
            one.into_iter().chain(list.unwrap_or_default()).for_each(|id| advisory::add(&mut found, id));
        }
    }
    found
}

fn package(result: &Value, facts: &RuleFacts, message: &str, path: &str) -> Option<PackageVersion> {
    let keys = ["purl", "purls", "packageUrl", "package_url"];
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
        .filter_map(|it| it.text("fullyQualifiedName").or(it.text("name")))
        .collect();
    if let Some(package) = logical.iter().filter(|it| it.starts_with("pkg:")).find_map(|it| by_purl(it)) {
        return Some(package);
    }
    let ecosystem = || {
        let named = |word: &str| ECOSYSTEMS.iter().find(|(name, _)| *name == word).map(|(_, it)| it.clone());
        let by_tag = || facts.tags.iter().find_map(|tag| named(tag));
        ecosystem_of_file(path).or_else(by_tag).or_else(|| named(word_before_package(message)?))
    };
    let (name, version) = told(message).or_else(|| logical.iter().find_map(|it| name_and_version(it)))?;
    Some(by_name(name, version, ecosystem().unwrap_or_else(|| ecosystem_of_osv(""))))
}

/// The package that a message tells of.
fn told(message: &str) -> Option<(&str, Option<&str>)> {
    if let Some(name) = line_value(message, "Package") {
        return Some((name, line_value(message, "Installed Version")));
    }
    if let Some((_, rest)) = message.split_once("Package '") {
        return name_and_version(rest.split('\'').next()?);
    }
    let (_, rest) = message.split_once(" package: ")?;
    let (name, rest) = rest.split_once(", version ")?;
    let version = rest.split_whitespace().next()?;
    (!name.contains(char::is_whitespace)).then_some((name, Some(version)))
}

fn word_before_package(message: &str) -> Option<&str> {
    message.split_once(" package: ")?.0.split_whitespace().last()
}

/// The value of a line `Key: value`.
fn line_value<'a>(message: &'a str, key: &str) -> Option<&'a str> {
    let value = message.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':'))?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// Takes `name@version` apart; a scope begins with `@` too.
fn name_and_version(text: &str) -> Option<(&str, Option<&str>)> {
    let (name, version) = text.trim().rsplit_once('@')?;
    let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    (is_word(name) && is_word(version)).then_some((name, Some(version)))
}

/// Versions of a line `Fixed Version:`; an empty one tells that there is none.
fn fix(message: &str, package: &str) -> Fix {
    let Some(line) = message.lines().find_map(|line| line.trim().strip_prefix("Fixed Version:")) else {
        return Fix::NotSaid;
    };
    let upgrade = |version: &str| Upgrade { package: package.to_owned(), version: version.to_owned() };
    let upgrades: Vec<Upgrade> =
        line.split(',').map(str::trim).filter(|it| !it.is_empty()).take(MAX_LIST).map(upgrade).collect();
    if upgrades.is_empty() { Fix::NoneKnown } else { Fix::Upgrades { upgrades } }
}

#[cfg(test)]
mod tests {
    use super::{name_and_version, told};

    #[test]
    fn a_message_tells_a_package() {
        for (message, expect) in [
            ("Package: lodash\nInstalled Version: 4.17.20\nSeverity: HIGH", Some(("lodash", Some("4.17.20")))),
            ("Package 'lodash@4.17.20' is vulnerable to 'CVE-2021-23337'.", Some(("lodash", Some("4.17.20")))),
            (
                "A high vulnerability in npm package: lodash, version 4.17.20 was found at: /a",
                Some(("lodash", Some("4.17.20"))),
            ),
            ("Package: \n", None),
            ("This file introduces a vulnerable package.", None),
        ] {
            assert_eq!(told(message), expect, "{message}");
        }
        assert_eq!(name_and_version("@babel/core@7.0.0"), Some(("@babel/core", Some("7.0.0"))));
        assert_eq!(name_and_version("@babel/core"), None);
        assert_eq!(name_and_version("a b@1"), None);
    }
}
