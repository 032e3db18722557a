//! Lists of repositories, as tables and as JSON.
//!
//! Fields go by the names that lists in the wild give them, with any capitals,
//! blanks, `-` and `_`; others are left alone.

mod csv;
mod json;

use std::collections::{HashMap, HashSet};

use appsec_model::scan::branch_name;

use super::{Repository, RepositoryAddress, RepositoryError};
use crate::{Problem, problem::Problems};

/// What was read from a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepositoryList {
    /// The repositories, each once, in the order of the list.
    pub repositories: Vec<Repository>,
    /// Entries that could not be used, and where they are.
    pub problems: Vec<Problem>,
}

impl RepositoryList {
    /// Reads a list, as JSON or as a table: JSON begins with a bracket or brace.
    /// `source` names it in problems; what cannot be read on from is the error.
    pub fn read(bytes: &[u8], source: &str) -> std::io::Result<Self> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[' | b'{') => Ok(Self::read_json(bytes, source)),
            _ => Self::read_csv(bytes, source),
        }
    }
}

/// A field of an entry.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Field {
    FullName,
    Url,
    Provider,
    DefaultBranch,
    Groups,
    Archived,
}

/// The names of fields. Of several in one entry the first here counts; groups
/// are taken from all of them.
const NAMES: [(&str, Field); 30] = [
    ("fullname", Field::FullName),
    ("pathwithnamespace", Field::FullName),
    ("namewithowner", Field::FullName),
    ("repository", Field::FullName),
    ("repo", Field::FullName),
    ("name", Field::FullName),
    ("htmlurl", Field::Url),
    ("weburl", Field::Url),
    ("cloneurl", Field::Url),
    ("httpurltorepo", Field::Url),
    ("remoteurl", Field::Url),
    ("url", Field::Url),
    ("repositoryurl", Field::Url),
    ("sshurl", Field::Url),
    ("sshurltorepo", Field::Url),
    ("giturl", Field::Url),
    ("provider", Field::Provider),
    ("platform", Field::Provider),
    ("defaultbranch", Field::DefaultBranch),
    ("defaultbranchref", Field::DefaultBranch),
    ("mainbranch", Field::DefaultBranch),
    ("groups", Field::Groups),
    ("group", Field::Groups),
    ("topics", Field::Groups),
    ("repositorytopics", Field::Groups),
    ("taglist", Field::Groups),
    ("tags", Field::Groups),
    ("archived", Field::Archived),
    ("isarchived", Field::Archived),
    ("isdisabled", Field::Archived),
];

/// What the name of a column or of a JSON field stands for: the lower the
/// rank, the sooner it is taken.
fn field(name: &str) -> Option<(usize, Field)> {
    let name = name.trim_start_matches('\u{feff}').chars().filter(|it| !matches!(it, ' ' | '-' | '_' | '.'));
    let name: String = name.flat_map(char::to_lowercase).collect();
    NAMES.iter().enumerate().find(|(_, (known, _))| *known == name).map(|(rank, (_, field))| (rank, *field))
}

/// An entry of a list, as texts.
#[derive(Debug, Default)]
struct Entry {
    /// With their ranks, as found.
    texts: Vec<(usize, Field, String)>,
}

impl Entry {
    fn add(&mut self, rank: usize, field: Field, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.texts.push((rank, field, text.to_owned()));
        }
    }

    fn first(&self, field: Field) -> Option<&str> {
        self.texts.iter().find(|(_, of, _)| *of == field).map(|(.., text)| text.as_str())
    }

    fn into_repository(mut self) -> Result<Repository, String> {
        self.texts.sort_by_key(|(rank, ..)| *rank);
        let provider = self.first(Field::Provider).map(str::parse).transpose();
        let provider = provider.map_err(|error: super::ParseProviderError| error.to_string())?;
        let mut name = self.first(Field::FullName);
        let mut url = self.first(Field::Url);
        if let Some(address) = name.filter(|it| RepositoryAddress::is_form_of(it)) {
            (name, url) = (None, url.or(Some(address)));
        }
        let repository = match Repository::new(name, url, provider.clone()) {
            // A title, which the address knows better than.
            Err(RepositoryError::Contradiction) if !name.is_some_and(|it| it.contains('/')) => {
                Repository::new(None, url, provider)
            }
            other => other,
        };
        let mut repository = repository.map_err(|error| error.to_string())?;
        repository.archived = self.first(Field::Archived).map(yes_or_no).transpose()?;
        repository.default_branch = self.first(Field::DefaultBranch).map(|it| branch_name(it).to_owned());
        let groups = self.texts.iter().filter(|(_, of, _)| *of == Field::Groups).map(|(.., text)| text);
        let mut seen = HashSet::new();
        for group in groups.flat_map(|text| text.split(';')).map(str::trim).filter(|it| !it.is_empty()) {
            if seen.insert(group) {
                repository.groups.push(group.to_owned());
            }
        }
        Ok(repository)
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("archived is neither true nor false".to_owned()),
    }
}

/// Gathers the entries of one list.
struct Collector<'a> {
    repositories: Vec<Repository>,
    problems: Problems<'a>,
    /// Where each was first.
    lines: HashMap<String, Option<u64>>,
}

impl<'a> Collector<'a> {
    fn of(source: &'a str) -> Self {
        Self { repositories: Vec::new(), problems: Problems::of(source), lines: HashMap::new() }
    }

    fn add(&mut self, line: Option<u64>, entry: Entry) {
        let repository = match entry.into_repository() {
            Ok(repository) => repository,
            Err(what) => return self.problems.add(line, what),
        };
        let key = repository.key().into_owned();
        if let Some(first) = self.lines.get(&key) {
            let at = first.map_or_else(|| "before".to_owned(), |first| format!("in line {first}"));
            return self.problems.add(line, format!("the same repository as {at}: {key}"));
        }
        self.lines.insert(key, line);
        self.repositories.push(repository);
    }

    fn into_list(self) -> RepositoryList {
        RepositoryList { repositories: self.repositories, problems: self.problems.into_vec() }
    }
}

#[cfg(test)]
mod tests;
