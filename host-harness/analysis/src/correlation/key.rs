//! What decides to which issue a finding belongs.

use std::collections::BTreeSet;

use appsec_model::{Ecosystem, Finding, Kind, Rule};

use crate::hash63;

/// Identities that are shorter are numbers of something, and equal by chance.
const MIN_PRINT_BYTES: usize = 16;

/// Words of rules and services that do not tell what a secret opens.
const COMMON_WORDS: [&str; 32] = [
    "access",
    "api",
    "apikey",
    "auth",
    "client",
    "code",
    "credential",
    "credentials",
    "detected",
    "exposed",
    "file",
    "generic",
    "hard",
    "hardcoded",
    "id",
    "in",
    "key",
    "keys",
    "leaked",
    "of",
    "pass",
    "passwd",
    "password",
    "passwords",
    "secret",
    "secrets",
    "string",
    "the",
    "token",
    "tokens",
    "value",
    "coded",
];

/// How findings of a kind are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MatchStrategy {
    /// By advisories of a package.
    Advisory,
    /// By their place in a file.
    Place,
    /// The same, with words for what a secret opens.
    Secret,
}

/// A finding as issues see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MatchKey {
    /// The repository, or minus the project.
    pub scope: i64,
    /// Its kind, or what stands for kinds that are compared.
    pub kind: String,
    /// The ecosystem of its package.
    pub ecosystem: Option<String>,
    /// Where it is: a package, or a path.
    pub place: String,
    /// Hash of its identity.
    pub identity: i64,
    /// Identities that its source tells, as one text.
    pub prints: String,
    /// What it is about, as one text.
    pub marks: String,
    /// First and last.
    pub lines: Option<(u32, u32)>,
}

impl MatchKey {
    /// What a finding says. `aliases` gives all numbers of an advisory.
    pub fn of<E>(
        finding: &Finding,
        rule: Option<&Rule>,
        scope: i64,
        aliases: impl FnMut(&str) -> Result<Vec<String>, E>,
    ) -> Result<Self, E> {
        let kind = kind(finding);
        let (ecosystem, place) = match &finding.dependency {
            Some(dependency) => {
                let (ecosystem, name) = package(&dependency.package.ecosystem, &dependency.package.name);
                (Some(ecosystem), name)
            }
            None => (None, finding.location.as_ref().map(|at| path(&at.path)).unwrap_or_default()),
        };
        let marks = match MatchStrategy::of(kind, ecosystem.is_some()) {
            MatchStrategy::Advisory => advisories(finding, aliases)?,
            MatchStrategy::Place => weaknesses(finding, rule),
            MatchStrategy::Secret => words(finding),
        };
        let identity = &finding.identity;
        let prints: BTreeSet<String> = std::iter::once(&identity.key)
            .chain(&identity.aliases)
            .filter(|text| text.len() >= MIN_PRINT_BYTES)
            .map(|text| format!("{:016x}", hash([text.as_str()])))
            .collect();
        let lines = finding.location.as_ref().and_then(|at| {
            let first = at.start_line?;
            Some((first, at.end_line.unwrap_or(first).max(first)))
        });
        Ok(Self {
            scope,
            kind: kind.to_owned(),
            ecosystem,
            place,
            identity: hash([identity.key.as_str()]),
            prints: prints.into_iter().collect::<Vec<_>>().join(" "),
            marks: marks.into_iter().collect::<Vec<_>>().join("\n"),
            lines,
        })
    }

    /// The block that it is of; `scope_name` is what the repository is known by.
    pub fn block(&self, scope_name: &str) -> i64 {
        hash([scope_name, &self.kind, self.ecosystem.as_deref().unwrap_or("\n"), &self.place])
    }
}

impl MatchStrategy {
    /// How findings of a kind are joined.
    pub fn of(kind: &str, has_package: bool) -> Self {
        match kind {
            _ if has_package => Self::Advisory,
            "secrets" => Self::Secret,
            _ => Self::Place,
        }
    }
}

/// The kind of issues that a finding belongs to.
fn kind(finding: &Finding) -> &str {
    match &finding.kind {
        _ if finding.dependency.is_some() => Kind::Sca.as_str(),
        _ if finding.secret.is_some() => Kind::Secrets.as_str(),
        Kind::AiSast => Kind::Sast.as_str(),
        kind => kind.as_str(),
    }
}

/// Ecosystem and name of a package, in the one spelling that its manager takes
/// for the same.
fn package(ecosystem: &Ecosystem, name: &str) -> (String, String) {
    let name = name.trim();
    let settled = match ecosystem {
        // PEP 503.
        Ecosystem::Pypi => {
            let mut settled = String::with_capacity(name.len());
            for letter in name.chars() {
                match letter {
                    '-' | '_' | '.' if settled.ends_with('-') => {}
                    '-' | '_' | '.' => settled.push('-'),
                    letter => settled.extend(letter.to_lowercase()),
                }
            }
            settled
        }
        Ecosystem::Nuget | Ecosystem::Composer | Ecosystem::Pub | Ecosystem::Hex | Ecosystem::Mix => {
            name.to_lowercase()
        }
        _ => name.to_owned(),
    };
    let ecosystem = match ecosystem {
        // One registry, under the name of either tool.
        Ecosystem::Mix => Ecosystem::Hex.as_str().to_owned(),
        other => other.as_str().to_lowercase(),
    };
    (ecosystem, settled)
}

/// The spellings that a package of this name may have, whatever its ecosystem.
pub fn spellings(name: &str) -> [String; 3] {
    [Ecosystem::Npm, Ecosystem::Pypi, Ecosystem::Nuget].map(|ecosystem| package(&ecosystem, name).1)
}

/// A path as the repository has it.
fn path(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut rest = path.as_str();
    while let Some(shorter) = rest.strip_prefix("./").or_else(|| rest.strip_prefix('/')) {
        rest = shorter;
    }
    rest.to_owned()
}

/// All numbers of the finding's advisories, or what stands for them.
fn advisories<E>(
    finding: &Finding,
    mut aliases: impl FnMut(&str) -> Result<Vec<String>, E>,
) -> Result<BTreeSet<String>, E> {
    let mut numbers = BTreeSet::new();
    for advisory in finding.dependency.iter().flat_map(|it| &it.advisories) {
        numbers.extend(aliases(&advisory.id)?);
        numbers.insert(advisory.id.trim().to_uppercase());
    }
    numbers.remove("");
    if numbers.is_empty() {
        numbers.insert(match &finding.rule_id {
            Some(rule) => format!("rule:{}", one_line(rule)),
            None => format!("identity:{}", one_line(&finding.identity.key)),
        });
    }
    Ok(numbers)
}

/// Whether the mark of a package's finding is an advisory's number.
pub fn is_number(mark: &str) -> bool {
    // Numbers are in capitals.
    !mark.is_empty() && !mark.starts_with("rule:") && !mark.starts_with("identity:")
}

fn weaknesses(finding: &Finding, rule: Option<&Rule>) -> BTreeSet<String> {
    let cwes = rule.into_iter().flat_map(|rule| &rule.cwes).filter_map(|cwe| cwe.number);
    let mut marks: BTreeSet<String> = cwes.map(|number| format!("cwe:{number}")).collect();
    marks.extend(finding.rule_id.as_ref().map(|id| format!("rule:{}", one_line(id).to_lowercase())));
    marks
}

/// Words for what a secret opens; none where it says nothing.
fn words(finding: &Finding) -> BTreeSet<String> {
    let service = finding.secret.as_ref().and_then(|secret| secret.service.as_deref());
    let rule = || finding.rule_id.as_deref().and_then(|id| id.rsplit(['.', '/']).next());
    let text = service.or_else(rule).unwrap_or_default().to_lowercase();
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty() && !COMMON_WORDS.contains(word))
        .map(str::to_owned)
        .collect()
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// 63 bits of a hash over words.
pub fn hash<'a>(words: impl IntoIterator<Item = &'a str>) -> i64 {
    hash63(words.into_iter().map(str::as_bytes))
}

#[cfg(test)]
mod tests {
    use appsec_model::Ecosystem;

    use super::{package, path};

    #[test]
    fn a_package_has_one_spelling() {
        for (ecosystem, name, expect) in [
            (Ecosystem::Pypi, "Zope.Interface", "pypi zope-interface"),
            (Ecosystem::Pypi, "zope__interface", "pypi zope-interface"),
            (Ecosystem::Nuget, "Newtonsoft.Json", "nuget newtonsoft.json"),
            (Ecosystem::Npm, "JSONStream", "npm JSONStream"),
            (Ecosystem::Mix, "plug", "hex plug"),
            (Ecosystem::Hex, "Plug", "hex plug"),
            (Ecosystem::Other("Debian:12".to_owned()), "curl", "debian:12 curl"),
        ] {
            let (ecosystem, name) = package(&ecosystem, name);
            assert_eq!(format!("{ecosystem} {name}"), expect);
        }
    }

    #[test]
    fn a_path_begins_at_the_repository() {
        for text in ["src/a.py", "./src/a.py", "/src/a.py", ".\\src\\a.py", "././src/a.py"] {
            assert_eq!(path(text), "src/a.py");
        }
    }
}
