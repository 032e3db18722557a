//! Where a policy applies.

use globset::{GlobBuilder, GlobMatcher};
use serde::Serialize;

use crate::{limits, subject::Subject};

/// Where a policy applies. An empty list is no restriction.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PolicyScope"))]
pub struct Scope {
    /// Kinds, as words.
    pub kinds: Vec<String>,
    /// Patterns of projects' names.
    pub projects: Vec<String>,
    /// Patterns of repositories' full names.
    pub repositories: Vec<String>,
    /// Patterns of names of repositories' groups, of which one is enough.
    pub repository_groups: Vec<String>,
    /// Patterns of environments.
    pub environments: Vec<String>,
    /// Patterns of branches.
    pub branches: Vec<String>,
    /// Patterns of tags.
    pub tags: Vec<String>,
}

/// A key of a scope: its name, what it is for, and its list.
pub(crate) type Key = (&'static str, &'static str, fn(&mut Scope) -> &mut Vec<String>);

/// All keys, in the order of the document.
pub(crate) const KEYS: [Key; 7] = [
    ("kinds", "Kinds, as words", |scope| &mut scope.kinds),
    ("projects", "Names of projects", |scope| &mut scope.projects),
    ("repositories", "Full names of repositories", |scope| &mut scope.repositories),
    ("repository_groups", "Names of groups of repositories; one that fits is enough", |scope| {
        &mut scope.repository_groups
    }),
    ("environments", "Environments", |scope| &mut scope.environments),
    ("branches", "Branches", |scope| &mut scope.branches),
    ("tags", "Tags", |scope| &mut scope.tags),
];

/// A scope that can be asked.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    kinds: Vec<String>,
    projects: Patterns,
    repositories: Patterns,
    repository_groups: Patterns,
    environments: Patterns,
    branches: Patterns,
    tags: Patterns,
}

impl Matcher {
    /// Compiles a scope whose patterns [`pattern`] has read before.
    pub fn new(scope: &Scope) -> Self {
        Self {
            kinds: scope.kinds.clone(),
            projects: Patterns::new(&scope.projects),
            repositories: Patterns::new(&scope.repositories),
            repository_groups: Patterns::new(&scope.repository_groups),
            environments: Patterns::new(&scope.environments),
            branches: Patterns::new(&scope.branches),
            tags: Patterns::new(&scope.tags),
        }
    }

    /// Whether a subject is in it. What is not known of it is in no list.
    pub fn holds(&self, subject: &Subject) -> bool {
        let repository = subject.repository.as_ref();
        (self.kinds.is_empty() || self.kinds.contains(&subject.kind))
            && self.projects.hold([subject.project.as_str()])
            && self.repositories.hold(repository.map(|it| it.full_name.as_str()))
            && self.repository_groups.hold(repository.into_iter().flat_map(|it| &it.groups).map(String::as_str))
            && self.environments.hold(subject.environment.as_deref())
            && self.branches.hold(subject.branch.as_deref())
            && self.tags.hold(subject.tag.as_deref())
    }
}

/// Patterns, of which one has to fit, and others that must not.
#[derive(Debug, Default)]
struct Patterns {
    fit: Vec<GlobMatcher>,
    not: Vec<GlobMatcher>,
}

impl Patterns {
    fn new(patterns: &[String]) -> Self {
        let mut sorted = Self::default();
        for text in patterns {
            if let Ok((not, matcher)) = pattern(text) {
                if not { &mut sorted.not } else { &mut sorted.fit }.push(matcher);
            }
        }
        sorted
    }

    fn hold<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        if self.fit.is_empty() && self.not.is_empty() {
            return true;
        }
        let (mut any, mut fits) = (false, false);
        for text in texts {
            if self.not.iter().any(|pattern| pattern.is_match(text)) {
                return false;
            }
            any = true;
            fits |= self.fit.is_empty() || self.fit.iter().any(|pattern| pattern.is_match(text));
        }
        // With nothing but exceptions, what is not known is no exception.
        fits || (!any && self.fit.is_empty())
    }
}

/// Reads a pattern: whether it takes away, and what it fits.
pub(crate) fn pattern(text: &str) -> Result<(bool, GlobMatcher), String> {
    let (not, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    if text.is_empty() {
        return Err("an empty pattern fits nothing".to_owned());
    }
    if text.len() > limits::SCOPE_PATTERN_BYTES {
        return Err(format!("has {} bytes, of which {} are allowed", text.len(), limits::SCOPE_PATTERN_BYTES));
    }
    let brackets = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if brackets > limits::SCOPE_PATTERN_BRACKETS {
        return Err(format!("opens {brackets} brackets, of which {} are allowed", limits::SCOPE_PATTERN_BRACKETS));
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    glob.map(|glob| (not, glob.compile_matcher())).map_err(|error| format!("cannot be read: {}", error.kind()))
}
