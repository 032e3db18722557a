//! Packages: those that a report lists by file, and the vulnerable ones.

use std::collections::HashMap;

use appsec_model::{Ecosystem, Fix, Kind, PackageVersion, Transitivity, Upgrade};
use serde_json::{Value, json};

use crate::{
    MAX_LIST, Refusal, bounds,
    collection::Collection,
    json::JsonView,
    package::{self, by_name, ecosystem_of_file, ecosystem_of_osv},
    place,
};

/// The dependencies that a report lists, by their files.
#[derive(Default)]
pub struct Inventory {
    files: Vec<File>,
    by_path: HashMap<String, usize>,
}

/// A lockfile or manifest.
struct File {
    path: String,
    ecosystem: Option<Ecosystem>,
    entries: Vec<Value>,
    /// `name@version` by the numbers that ways to packages are made of.
    by_number: HashMap<u64, String>,
}

/// How a package came into the project.
pub struct Way {
    pub transitivity: Transitivity,
    pub introduced_by: Vec<String>,
}

impl Inventory {
    pub fn new(files: &Value, roots: &[String]) -> Self {
        let mut inventory = Self::default();
        for value in files.as_array().into_iter().flatten() {
            let path = value.text("path").map(|path| place::path(bounds::word(path))).unwrap_or_default();
            let path = place::below(&path, roots).to_owned();
            let ecosystem = value.text("package_manager").and_then(of_manager).or_else(|| ecosystem_of_file(&path));
            let entries = value.list("dependencies").to_vec();
            let named = entries.iter().filter_map(|it| Some((it.at("iid")?.as_u64()?, named(it)?)));
            let by_number = named.collect();
            inventory.by_path.entry(path.clone()).or_insert(inventory.files.len());
            inventory.files.push(File { path, ecosystem, entries, by_number });
        }
        inventory
    }

    /// Adds each listed dependency as a package.
    pub fn add_packages(&self, collection: &mut Collection<'_>) -> Result<(), Refusal> {
        for file in &self.files {
            for entry in &file.entries {
                let body = json!({ "file": file.path, "dependency": entry });
                collection.begin(Kind::Packages, body.to_string())?;
                let Some(package) = package_of(entry, file.ecosystem.clone()) else {
                    collection.error("no-package", "the dependency is no object or has no name");
                    continue;
                };
                let way = self.way(&file.path, entry);
                let mut listed = collection.blank_package(package);
                listed.index = Some(collection.index());
                listed.lockfile = Some(file.path.clone()).filter(|path| !path.is_empty()).map(place::file);
                (listed.transitivity, listed.introduced_by) = (way.transitivity, way.introduced_by);
                collection.package(listed);
            }
        }
        Ok(())
    }

    /// The package that a vulnerability is about.
    pub fn package(&self, location: Option<&Value>, path: &str) -> Option<PackageVersion> {
        let dependency = location.at("dependency")?;
        let by_file = || self.file(path).and_then(|file| file.ecosystem.clone()).or_else(|| ecosystem_of_file(path));
        let ecosystem = location.text("operating_system").map(of_system).or_else(by_file);
        package_of(dependency, ecosystem)
    }

    /// How a dependency of a file came into the project.
    pub fn way(&self, path: &str, dependency: &Value) -> Way {
        let steps = dependency.list("dependency_path").iter().filter_map(|step| step.at("iid")?.as_u64());
        let numbers = self.file(path).map(|file| &file.by_number);
        let introduced_by: Vec<String> =
            steps.filter_map(|number| numbers?.get(&number).cloned()).take(MAX_LIST).collect();
        let transitivity = match dependency.at("direct").and_then(Value::as_bool) {
            Some(true) => Transitivity::Direct,
            _ if !dependency.list("dependency_path").is_empty() => Transitivity::Transitive,
            Some(false) => Transitivity::Transitive,
            None => Transitivity::Unknown,
        };
        Way { transitivity, introduced_by }
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.get(*self.by_path.get(path)?)
    }
}

fn package_of(dependency: &Value, ecosystem: Option<Ecosystem>) -> Option<PackageVersion> {
    let name = dependency.at("package").text("name")?;
    let ecosystem = ecosystem.unwrap_or_else(|| ecosystem_of_osv(""));
    Some(by_name(name.trim(), dependency.text("version"), ecosystem))
}

fn named(dependency: &Value) -> Option<String> {
    Some(package::named(&package_of(dependency, None)?, '@'))
}

/// The ecosystem of a package manager.
fn of_manager(word: &str) -> Option<Ecosystem> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "npm" | "yarn" | "pnpm" | "bun" => Ecosystem::Npm,
        "pip" | "pipenv" | "poetry" | "setuptools" | "uv" | "pdm" | "conda" => Ecosystem::Pypi,
        "go" => Ecosystem::Go,
        "cargo" => Ecosystem::Cargo,
        "maven" | "gradle" | "sbt" => Ecosystem::Maven,
        "bundler" | "gem" => Ecosystem::Gem,
        "composer" => Ecosystem::Composer,
        "nuget" => Ecosystem::Nuget,
        "pub" => Ecosystem::Pub,
        "swift" | "swiftpm" => Ecosystem::Swift,
        "hex" | "mix" => Ecosystem::Hex,
        "cocoapods" => Ecosystem::Cocoapods,
        "" => return None,
        other => Ecosystem::Other(bounds::word(other).to_owned()),
    })
}

/// The ecosystem of packages of an operating system, such as `debian:9.4`: that of
/// their package URLs.
fn of_system(word: &str) -> Ecosystem {
    let word = word.trim().to_ascii_lowercase();
    let name = word.split([':', ' ']).next().unwrap_or_default();
    Ecosystem::Other(
        match name {
            "debian" | "ubuntu" => "deb",
            "alpine" | "wolfi" | "chainguard" => "apk",
            "redhat" | "rhel" | "centos" | "rocky" | "alma" | "almalinux" | "fedora" | "oracle" | "ol" | "amazon"
            | "amzn" | "photon" | "suse" | "sles" | "opensuse" | "opensuse-leap" | "cbl-mariner" | "azurelinux" => {
                "rpm"
            }
            other => bounds::word(other),
        }
        .to_owned(),
    )
}

/// The image of a container without what changes with each build of it.
pub fn image(location: &Value) -> Option<&str> {
    let image = bounds::word(location.text("default_branch_image").or(location.text("image"))?);
    let image = image.split('@').next()?;
    // A colon before the last slash is that of a port.
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => Some(name),
        _ => Some(image),
    }
}

/// The versions that a solution tells: `Upgrade to version 2.2.3 or above.`,
/// `Upgrade apt from 1.4.8 to 1.4.9`.
pub fn fix(solution: Option<&str>, package: &PackageVersion) -> Fix {
    let mut upgrades: Vec<Upgrade> = Vec::new();
    for rest in solution.unwrap_or_default().split(" to ").skip(1) {
        let words = rest.split_whitespace().skip_while(|word| matches!(*word, "version" | "versions"));
        for word in words.map(|word| word.trim_end_matches([',', '.', ';', ')'])) {
            if is_version(word) {
                let known = upgrades.iter().any(|known| known.version == word);
                if upgrades.len() < MAX_LIST && !known {
                    upgrades.push(Upgrade { package: package.name.clone(), version: word.to_owned() });
                }
            } else if !matches!(word, "or" | "and") {
                break;
            }
        }
    }
    if upgrades.is_empty() { Fix::NotSaid } else { Fix::Upgrades { upgrades } }
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('v').unwrap_or(word).starts_with(|digit: char| digit.is_ascii_digit())
}
