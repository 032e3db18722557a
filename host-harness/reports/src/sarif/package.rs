//! Results that name a package and an advisory.
//!
//! SARIF has no place for packages, so each scanner has its own. Read are, in
//! this order: a package URL in `properties` of the result or its rule, or in an
//! object of them for the package; one in a logical location, as a file, or in a text;
//! members for name and version in the same places; the message; the rule's help and
//! descriptions; `name@version`, `name:version` or a CPE as a logical location; and the
//! name of an archive, such as `core-2.14.1.jar`.
//!
//! Of texts, these are read: lines `Package:`, `Installed Version:` or `Version:`,
//! `Fixed Version:` or `Fix Version:`, and `Type:`; `Package 'name@version'`;
//! `… package: name, version 1.2 was found`; `… reports name at version 1.2 …`;
//! `… vulnerable module (name)`; `name 1.2 is vulnerable to …`; `[name - 1.2 - …]`;
//! and a text of an advisory's number and a package, such as `[CVE-…] name 1.2`,
//! `(CVE-…) name@1.2` or `CVE-… - name: 1.2`.

use appsec_model::{
    AdvisoryId, Dependency, Ecosystem, Fix, PackageVersion, Reachability, ReachabilityVerdict, Transitivity, Upgrade,
};
use serde_json::Value;

use super::{
    artifact::{of_archive, of_cpe, of_pair, purl_in},
    rule::RuleFacts,
};
use crate::{
    MAX_LIST, advisory,
    json::JsonView,
    package::{by_name, by_purl, ecosystem_of_file, ecosystem_of_osv},
    place,
};

/// Words for package managers in tags and messages.
const ECOSYSTEMS: [(&str, Ecosystem); 30] = [
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
    ("php", Ecosystem::Composer),
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
    let fix = fix(result, facts, message, &package.name);
    Some(Dependency {
        package,
        transitivity: Transitivity::Unknown,
        lockfile_url: None,
        lockfile,
        introduced_by: Vec::new(),
        affected_range: None,
        advisories,
        reachability: Reachability { verdict: verdict(message), ..Reachability::default() },
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

/// Members of `properties` for versions without the fault.
const FIXES: [&str; 8] = [
    "fixedVersion",
    "fixedVersions",
    "fixed_version",
    "fixed_versions",
    "fixVersion",
    "fixVersions",
    "fix_version",
    "fix_versions",
];

/// Objects among `properties` that hold the members of a package or an advisory.
const OBJECTS: [&str; 8] =
    ["component", "package", "library", "dependency", "module", "artifact", "vulnerability", "advisory"];

/// `properties` of a result or rule, and their objects for packages and advisories.
fn members(properties: Option<&Value>) -> impl Iterator<Item = &Value> {
    let objects = OBJECTS.iter().filter_map(move |key| properties.at(key).filter(|it| it.is_object()));
    properties.into_iter().chain(objects)
}

/// The advisories that a result names: by its rule's id and name, by other ids
/// and tags of the rule, by properties, or before a package in a text. Those of
/// other texts may be about something else.
fn advisories(result: &Value, id: &str, facts: &RuleFacts) -> Vec<AdvisoryId> {
    let mut found = Vec::new();
    let name = facts.rule.name.as_deref().unwrap_or_default();
    let tags = facts.tags.iter().chain(&facts.other_ids).map(String::as_str);
    for text in [id, name].into_iter().chain(tags) {
        // `BDSA-2021-1 (CVE-2021-44906)` has two.
        let words = text.split(|sign: char| sign.is_whitespace() || "()[],;|/".contains(sign));
        words.filter_map(advisory::leading).for_each(|id| advisory::add(&mut found, id));
    }
    for properties in members(result.at("properties")).chain(members(Some(&facts.properties))) {
        let values = NUMBERS.iter().filter_map(|key| properties.at(key));
        values.for_each(|value| add_numbers(value, &mut found, 0));
    }
    let numbered = facts.rule.message.as_deref().and_then(number_and_package);
    numbered.into_iter().for_each(|(id, _)| advisory::add(&mut found, id));
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
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Told<'a> {
    name: &'a str,
    version: Option<&'a str>,
    /// A word for its ecosystem.
    keeper: Option<&'a str>,
}

fn package(result: &Value, facts: &RuleFacts, message: &str, path: &str) -> Option<PackageVersion> {
    let keys = ["purl", "purls", "packageUrl", "packageURL", "package_url", "packageUrls"];
    for properties in [result.at("properties"), Some(&facts.properties)] {
        let one = members(properties).flat_map(|it| keys.iter().filter_map(|key| it.text(key)));
        let lists = members(properties).flat_map(|it| keys.iter().flat_map(|key| it.list(key)));
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
    let files = result.list("locations").iter().filter_map(|it| it.at("physicalLocation").at("artifactLocation"));
    let files: Vec<&str> = files.filter_map(|it| it.text("uri")).collect();
    if let Some(package) = logical.iter().chain(&files).filter(|it| it.starts_with("pkg:")).find_map(|it| by_purl(it)) {
        return Some(package);
    }
    let texts = [Some(message), facts.rule.name.as_deref(), facts.rule.message.as_deref()];
    if let Some(package) = texts.into_iter().flatten().find_map(purl_in).and_then(by_purl) {
        return Some(package);
    }
    let by_properties =
        || of_properties(result.at("properties"), true).or_else(|| of_properties(Some(&facts.properties), false));
    let by_texts = || {
        let texts =
            [Some(message), Some(facts.help.as_str()), facts.rule.message.as_deref(), facts.rule.name.as_deref()];
        let mut all = texts.into_iter().flatten().filter_map(told).peekable();
        let first = all.peek().map(|it| it.name)?;
        let all: Vec<Told<'_>> = all.filter(|it| is_same(it.name, first)).collect();
        // One text may tell the version, and another one who keeps the package.
        let version = all.iter().find_map(|it| it.version);
        let keeper = all.iter().find_map(|it| it.keeper);
        Some(Told { name: first, version, keeper })
    };
    let by_logical = || {
        let other = logical.iter().find_map(|it| of_cpe(it).or_else(|| of_pair(it)));
        let other = other.map(|(name, version)| Told { name, version: Some(version), keeper: None });
        logical.iter().find_map(|it| name_and_version(it)).or(other)
    };
    let archive = of_archive(path);
    let archive = archive.map(|(name, version, keeper)| Told { name, version: Some(version), keeper: Some(keeper) });
    let found = by_properties().or_else(by_texts).or_else(by_logical).or(archive)?;
    if let Some(package) = by_purl(found.name) {
        return Some(package);
    }
    let module = module(result, &found);
    let found = match module {
        // The standard library has the versions of the language: `go1.20.1`.
        Some(Told { version: Some(version), name, .. }) => {
            Told { name, version: Some(version.strip_prefix("go").unwrap_or(version)), keeper: found.keeper }
        }
        _ if is_of_standard_library(&found) => Told { name: "stdlib", ..found },
        _ => found,
    };
    let named = |word: &str| {
        let word = word.trim().to_ascii_lowercase();
        ECOSYSTEMS.iter().find(|(name, _)| *name == word).map(|(_, it)| it.clone())
    };
    let by_keeper = || found.keeper.map(|word| named(word).unwrap_or_else(|| ecosystem_of_osv(word.trim())));
    let by_tag = || facts.tags.iter().find_map(|tag| named(tag));
    let ecosystem =
        by_keeper().or_else(|| ecosystem_of_file(path)).or_else(by_tag).unwrap_or_else(|| ecosystem_of_osv(""));
    let group = result.at("properties").text("group").filter(|it| !it.is_empty() && !found.name.contains([':', '/']));
    let name = match (group, &ecosystem) {
        (Some(group), Ecosystem::Maven) => format!("{group}:{}", found.name),
        (Some(group), _) => format!("{group}/{}", found.name),
        (None, _) => found.name.to_owned(),
    };
    // Of a text that tells no version the location beside it may.
    let version = found.version.or_else(|| {
        let mut others = logical.iter().filter_map(|it| name_and_version(it));
        let other = others.find(|it| is_same(it.name, found.name)).and_then(|it| it.version);
        other.or_else(|| archive.filter(|it| it.name == found.name)?.version)
    });
    Some(by_name(&name, version, ecosystem))
}

/// Whether two names are of one package: some scanners name a package of a distribution
/// together with its source, `openssl/libssl1.1`.
fn is_same(name: &str, wanted: &str) -> bool {
    name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a Go package is one of the standard library: all others begin with a host.
fn is_of_standard_library(found: &Told<'_>) -> bool {
    found.keeper == Some("Go") && found.name.split('/').next().is_some_and(|host| !host.contains('.'))
}

/// The module of a package that is told without a version: flows and stacks have it
/// with its version.
fn module<'a>(result: &'a Value, found: &Told<'_>) -> Option<Told<'a>> {
    let flows =
        result.list("codeFlows").iter().flat_map(|it| it.list("threadFlows")).flat_map(|it| it.list("locations"));
    let frames = result.list("stacks").iter().flat_map(|it| it.list("frames"));
    let mut modules = flows.chain(frames).filter_map(|it| name_and_version(it.text("module")?));
    let is_standard = is_of_standard_library(found);
    let holds = |it: &Told<'_>| match it.name {
        "stdlib" | "toolchain" => is_standard,
        name => is_same(found.name, name),
    };
    modules.find(|it| found.version.is_none() && holds(it))
}

/// Whether the code that an advisory is about is called, where a text of govulncheck
/// says so.
fn verdict(message: &str) -> ReachabilityVerdict {
    if message.starts_with("Your code calls vulnerable ") {
        ReachabilityVerdict::Reachable
    } else if message.starts_with("Your code ") && message.contains(" appear to call any of the vulnerable ") {
        ReachabilityVerdict::Unreachable
    } else {
        ReachabilityVerdict::NotAnalyzed
    }
}

/// The package that members of `properties` name, or of an object for it among
/// them. Those of a rule whose names may be about the rule do not count.
fn of_properties(properties: Option<&Value>, is_result: bool) -> Option<Told<'_>> {
    members(properties).enumerate().find_map(|(at, members)| of_members(members, is_result || at > 0))
}

fn of_members(members: &Value, is_about_package: bool) -> Option<Told<'_>> {
    let of = |keys: &[&str]| {
        let general = keys.len() - usize::from(!is_about_package);
        keys.iter().take(general).find_map(|key| members.text(key))
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

/// Keys of lines for packages and for versions.
const PACKAGE_KEYS: [&str; 7] =
    ["package", "package name", "vulnerable module", "component", "component name", "library", "dependency"];
const VERSION_KEYS: [&str; 5] =
    ["installed version", "version", "package version", "component version", "current version"];

/// The package that a message, help or description tells of.
fn told(text: &str) -> Option<Told<'_>> {
    if let Some(name) = line_value(text, &PACKAGE_KEYS) {
        let version = line_value(text, &VERSION_KEYS);
        let keeper = line_value(text, &["type", "package manager", "package type", "ecosystem"]);
        let beside = name_beside_version(name).filter(|_| version.is_none());
        return Some(beside.map_or(Told { name, version, keeper }, |it| Told { keeper, ..it }));
    }
    if let Some((_, told)) = number_and_package(text) {
        return Some(told);
    }
    if let Some((before, _)) = text.split_once(" is vulnerable to ")
        && let Some(told) = name_beside_version(before)
    {
        return Some(told);
    }
    if let Some((list, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && let [name, version, _] = list.split(" - ").collect::<Vec<_>>().as_slice()
        && is_word(name)
        && is_version(version)
    {
        return Some(Told { name, version: Some(version), keeper: None });
    }
    if let Some((_, rest)) = text.split_once("Package '") {
        return name_and_version(rest.split('\'').next()?);
    }
    if let Some((before, rest)) = text.split_once(" package: ") {
        let (name, rest) = rest.split_once(", version ")?;
        let version = rest.split_whitespace().next()?;
        let keeper = before.split_whitespace().last();
        return Some(name).filter(|it| is_word(it)).map(|name| Told { name, version: Some(version), keeper });
    }
    if let Some((_, rest)) = text.split_once(" reports ")
        && let Some((name, rest)) = rest.split_once(" at version ")
    {
        let version = rest.split_whitespace().next().filter(|it| it.contains(|sign: char| sign.is_ascii_digit()))?;
        let keeper = rest.split_once('(').and_then(|(_, rest)| rest.split_once(") package")).map(|(word, _)| word);
        return Some(name).filter(|it| is_word(it)).map(|name| Told { name, version: Some(version), keeper });
    }
    // Of several modules the first one: the others have results of their own in other formats only.
    let (before, rest) = text.split_once(" (")?;
    let rest = rest.split(" and ").next().unwrap_or_default();
    let is_module =
        [" vulnerable module", " vulnerable modules", " package", " packages"].iter().any(|it| before.ends_with(it));
    let name = rest.split([',', ')']).next().filter(|_| is_module && text.starts_with("Your code "))?;
    Some(name.trim()).filter(|it| is_word(it)).map(|name| Told { name, version: None, keeper: Some("Go") })
}

/// The value of a line `Key: value`, of the first key that has one. A line may be
/// one of a list, and keys may stand in a column.
fn line_value<'a>(text: &'a str, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(start, _)| is_key(start, key))?;
        Some(value.trim()).filter(|value| !value.is_empty())
    })
}

fn is_key(start: &str, key: &str) -> bool {
    start.trim_start_matches(['*', '-', ' ', '\t']).trim_end().eq_ignore_ascii_case(key)
}

/// The number and package that a text of nothing else names: `[CVE-…] name 1.2`,
/// `(CVE-…) name@1.2`, `CVE-… - name: 1.2`.
fn number_and_package(text: &str) -> Option<(&str, Told<'_>)> {
    let text = text.trim();
    let (id, rest) = match text.strip_prefix(['[', '(']) {
        Some(inside) => {
            let (id, rest) = inside.split_once([']', ')'])?;
            (Some(id).filter(|id| advisory::leading(id) == Some(id))?, rest)
        }
        None => text.split_at(advisory::leading(text)?.len()),
    };
    let rest = rest.trim_start_matches([' ', ':', '-']);
    Some((id, name_beside_version(rest)?))
}

/// Takes `name@version`, `name version` or `name: version` apart.
fn name_beside_version(text: &str) -> Option<Told<'_>> {
    name_and_version(text).or_else(|| {
        let (name, version) = text.trim().rsplit_once(' ')?;
        let name = name.trim_end_matches(':');
        (is_word(name) && is_version(version)).then_some(Told { name, version: Some(version), keeper: None })
    })
}

/// Takes `name@version` apart; a scope begins with `@` too.
fn name_and_version(text: &str) -> Option<Told<'_>> {
    let (name, version) = text.trim().rsplit_once('@')?;
    (is_word(name) && is_word(version)).then_some(Told { name, version: Some(version), keeper: None })
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

fn is_version(text: &str) -> bool {
    is_word(text) && text.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit())
}

/// Versions without the fault: of a line `Fixed Version:`, where an empty one tells
/// that there is none, of members of `properties`, or of a fix that says
/// `Upgrade to name@version`.
fn fix(result: &Value, facts: &RuleFacts, message: &str, package: &str) -> Fix {
    let upgrade = |package: &str, version: &str| Upgrade { package: package.to_owned(), version: version.to_owned() };
    let of_list = |list: &str| -> Vec<Upgrade> {
        let list = list.trim().trim_start_matches('[').trim_end_matches(']');
        // Words such as `not fixed` are none.
        let is_one = |it: &&str| is_word(it) && it.contains(|sign: char| sign.is_ascii_digit());
        let versions = list.split(',').map(str::trim).filter(is_one);
        versions.take(MAX_LIST).map(|version| upgrade(package, version)).collect()
    };
    let keys = ["fixed version", "fixed versions", "fix version", "fixed in", "fixed in version", "patched version"];
    let mut lines = [message, &facts.help].into_iter().flat_map(str::lines).filter_map(|line| line.split_once(':'));
    if let Some((_, list)) = lines.find(|(start, _)| keys.iter().any(|key| is_key(start, key))) {
        let upgrades = of_list(list);
        return if upgrades.is_empty() { Fix::NoneKnown } else { Fix::Upgrades { upgrades } };
    }
    let of_members = |members: &Value| -> Vec<Upgrade> {
        let texts = FIXES.iter().filter_map(|key| members.text(key));
        let lists = FIXES.iter().flat_map(|key| members.list(key)).filter_map(Value::as_str);
        texts.chain(lists).flat_map(of_list).take(MAX_LIST).collect()
    };
    let of_fixes = || {
        let texts = result.list("fixes").iter().filter_map(|it| it.at("description").text("text"));
        let told = texts.filter_map(|text| name_and_version(text.strip_prefix("Upgrade to ")?));
        told.filter_map(|it| Some(upgrade(it.name, it.version?))).take(MAX_LIST).collect::<Vec<_>>()
    };
    // A row of a table `| advisory | package | version |`, or `Upgrade … to version 1.2 or higher`.
    let of_line = |line: &str| -> Vec<Upgrade> {
        if let [_, id, name, version, _] = line.split('|').map(str::trim).collect::<Vec<_>>().as_slice()
            && advisory::leading(id) == Some(id)
        {
            return if *name == package { of_list(version) } else { Vec::new() };
        }
        let told = line.split_once("pgrade ").and_then(|(_, rest)| rest.split_once(" to version "));
        let list = told.map(|(_, list)| list.split(" or ").next().unwrap_or_default().trim_end_matches('.'));
        list.map(of_list).unwrap_or_default()
    };
    let of_help = || facts.help.lines().flat_map(of_line).take(MAX_LIST).collect::<Vec<_>>();
    let named = members(result.at("properties")).chain(members(Some(&facts.properties))).map(of_members);
    let all = named.chain(std::iter::once_with(of_fixes)).chain(std::iter::once_with(of_help));
    match all.into_iter().find(|upgrades| !upgrades.is_empty()) {
        Some(upgrades) => Fix::Upgrades { upgrades },
        None if facts.help.contains("There is no fixed version") => Fix::NoneKnown,
        None => Fix::NotSaid,
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::ReachabilityVerdict;

    use super::{Told, name_and_version, told, verdict};

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
            ("  Package         : lodash\n  Version : 4.17.20\n  Severity        : HIGH", lodash(None)),
            ("* Package Manager: npm\n* Vulnerable module: lodash\n* Version: 4.17.20", lodash(Some("npm"))),
            ("[CVE-2021-23337] lodash 4.17.20", lodash(None)),
            ("(CVE-2021-23337) lodash@4.17.20", lodash(None)),
            ("CVE-2021-23337 - lodash: 4.17.20", lodash(None)),
            ("lodash 4.17.20 is vulnerable to CVE-2021-23337 (Command injection)", lodash(None)),
            ("[lodash - 4.17.20 - High] \"Command injection.\"", lodash(None)),
            ("CVE-2021-23337 was found in 2 files", None),
            ("[lodash] - see 4.17.20", None),
            ("This code is vulnerable to CVE-2021-23337", None),
            ("Package: \n", None),
            ("Package: lodash", Some(Told { name: "lodash", ..Told::default() })),
            ("This file introduces a vulnerable package.", None),
            ("The scan reports much at version two of (this) package", None),
        ] {
            assert_eq!(told(message), expect, "{message}");
        }
        let verdicts = [
            "Your code calls vulnerable functions in 1 package (a.b/c).",
            "Your code imports 1 vulnerable package (a.b/c), but doesn’t appear to call any of the vulnerable symbols.",
            "This code calls vulnerable functions",
        ];
        use ReachabilityVerdict::{NotAnalyzed, Reachable, Unreachable};
        assert_eq!(verdicts.map(verdict), [Reachable, Unreachable, NotAnalyzed]);
        assert_eq!(name_and_version("@babel/core@7.0.0").map(|it| it.name), Some("@babel/core"));
        assert_eq!(name_and_version("@babel/core"), None);
        assert_eq!(name_and_version("a b@1"), None);
    }
}
