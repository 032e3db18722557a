//! The JSON of OSV-Scanner: packages of sources, with records of the OSV schema.

mod group;
mod vulnerability;

use appsec_model::{Completeness, Kind, Location, PackageVersion};
use serde_json::{Value, json, value::RawValue};

use self::group::Group;
use crate::{
    Format, MAX_LIST, Refusal, bounds,
    collection::Collection,
    json::{self, Fields, JsonView},
    package, place,
    report::Outline,
};

/// Reads the results of a file.
pub fn read<'a>(file: &Fields<'a>, collection: &mut Collection<'a>) -> Result<Outline, Refusal> {
    let shape = Refusal::Shape { format: Format::OsvScanner, what: "its `results` are no list" };
    let results = match file.get("results") {
        // A list of nothing, as some languages write it.
        Some(raw) if raw.get() == "null" => Vec::new(),
        results => results.and_then(|raw| json::elements(raw)).ok_or(shape)?,
    };
    let roots: Vec<String> = collection.options.root.iter().map(|root| place::path(root)).collect();
    for (at, result) in results.iter().enumerate() {
        let Some(fields) = json::fields(result) else {
            collection.warn_of_all("no-result", &format!("/results/{at}"), "the result is no object and was left out");
            continue;
        };
        let source = json::value(fields.get("source"));
        let path = source.text("path").map(|path| place::path(bounds::word(path)));
        let lockfile = path.map(|path| place::file(place::below(&path, &roots).to_owned()));
        for package in fields.get("packages").and_then(|raw| json::elements(raw)).unwrap_or_default() {
            add(collection, lockfile.as_ref(), package)?;
        }
    }
    let reason = "the format does not say how the scan ended".to_owned();
    collection.looked_for.insert(Kind::Sca);
    Ok(Outline { version: None, tools: Vec::new(), completeness: Completeness::Unknown { reason } })
}

/// Adds a package and its vulnerabilities.
fn add<'a>(collection: &mut Collection<'a>, lockfile: Option<&Location>, raw: &'a RawValue) -> Result<(), Refusal> {
    let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let Some(package) = value.at("package").and_then(|it| named(it, lockfile)) else {
        collection.begin(Kind::Packages, raw.get())?;
        let left_out = value.list("vulnerabilities").len();
        let message = format!("the package has no name; vulnerabilities of it that were left out: {left_out}");
        collection.error("no-package", message);
        return Ok(());
    };
    let licenses: Vec<&str> = value.texts("licenses").take(MAX_LIST).collect();
    let body = json!({ "package": value.at("package"), "licenses": licenses, "lockfile": lockfile });
    collection.begin(Kind::Packages, body.to_string())?;
    let mut listed = collection.blank_package(package.clone());
    listed.index = Some(collection.index());
    listed.lockfile = lockfile.cloned();
    listed.licenses = licenses.into_iter().map(str::to_owned).collect();
    collection.package(listed);
    let (groups, unreadable) = group::groups(&value);
    for _ in 0..unreadable {
        collection.begin(Kind::Sca, "null")?;
        collection.error("no-vulnerability", "the vulnerability is no object or has no id");
    }
    for group in groups {
        collection.begin(Kind::Sca, body_of(&value, &group))?;
        vulnerability::add(collection, lockfile, &package, &group);
    }
    Ok(())
}

fn body_of(value: &Value, group: &Group<'_>) -> String {
    json!({ "package": value.at("package"), "group": group.entry, "vulnerabilities": group.members }).to_string()
}

/// The package of an entry. One that is known by its commit only, such as a
/// submodule, is named by its folder and has the commit for its version.
fn named(value: &Value, source: Option<&Location>) -> Option<PackageVersion> {
    let ecosystem = value.text("ecosystem").unwrap_or_default();
    if let Some(name) = value.text("name") {
        let version = value.text("version").or(value.text("commit"));
        return Some(package::by_name(name, version, package::ecosystem_of_osv(ecosystem)));
    }
    let commit = value.text("commit")?;
    let folder = source.and_then(|at| at.path.trim_end_matches('/').rsplit('/').next()).filter(|name| !name.is_empty());
    let ecosystem = if ecosystem.is_empty() { "GIT" } else { ecosystem };
    Some(package::by_name(folder.unwrap_or("repository"), Some(commit), package::ecosystem_of_osv(ecosystem)))
}

#[cfg(test)]
mod tests;
