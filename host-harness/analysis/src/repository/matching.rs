//! Which repository a vendor's project is.

use serde::{Deserialize, Serialize};

use super::{
    Nearest, Provider, Repository, RepositoryAddress, RepositoryIndex, confidence, ends_with_name, fold,
    index::{MAX_PARTS, exact_first},
    without_git,
};

/// So many candidates of an ambiguous match are told at most.
pub const MAX_CANDIDATES: usize = 20;

/// What is known of a vendor's project.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectFacts<'a> {
    /// The vendor's name of it, such as `org/repo`.
    pub name: &'a str,
    /// Web address of the repository.
    pub url: Option<&'a str>,
    /// Who keeps the repository, where the vendor says so.
    pub provider: Option<&'a Provider>,
}

impl<'a> From<&'a appsec_model::Project> for ProjectFacts<'a> {
    fn from(project: &'a appsec_model::Project) -> Self {
        Self { name: &project.name, url: project.url.as_deref(), provider: None }
    }
}

/// What a match rests on, the strongest first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Reason {
    /// The address.
    Url,
    /// The name with its owners.
    FullName,
    /// The name without them.
    Name,
}

impl Reason {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::FullName => "full-name",
            Self::Name => "name",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(self.as_str())
    }
}

/// Which repository a project is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "match", rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Match<'a> {
    /// This one.
    Matched {
        /// The repository.
        repository: &'a Repository,
        /// What that rests on.
        reason: Reason,
        /// How sure it is, from 0 to 1.
        confidence: f64,
    },
    /// One of several, and nothing tells which: a person must say.
    Ambiguous {
        /// What they have in common with the project.
        reason: Reason,
        /// The first [`MAX_CANDIDATES`] of them.
        candidates: Vec<&'a Repository>,
        /// How many there are.
        total: usize,
    },
    /// None of those that are known.
    Unmatched {
        /// Those with nearly its name, the nearest first.
        nearest: Vec<Nearest<'a>>,
    },
}

/// A project that is mapped to one repository has the URL of another one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mismatch<'a> {
    /// Where the project's URL leads.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: RepositoryAddress,
    /// The repository there; none where no known one is, or more than one.
    pub repository: Option<&'a Repository>,
}

/// A project, read as far as repositories are concerned.
struct Wanted<'a> {
    address: Option<RepositoryAddress>,
    provider: Option<&'a Provider>,
    /// The name, and what is left of it without parts of the repository.
    names: Vec<String>,
}

impl<'a> Wanted<'a> {
    fn of(project: &ProjectFacts<'a>, index: &RepositoryIndex) -> Self {
        let read = |text: &str| index.address(text, project.provider);
        let mut address = project.url.and_then(read);
        let mut names = names(project.name);
        // Some vendors name projects by their addresses.
        let is_url = RepositoryAddress::is_form_of(project.name);
        let named = read(project.name).filter(|it| is_url || index.knows_host(it.host()));
        if let Some(named) = named {
            names = self::names(named.path());
            address = address.or(Some(named));
        } else if is_url {
            names.clear();
        }
        Self { address, provider: project.provider, names }
    }

    /// Whether a repository can be the one, by where it is and who keeps it,
    /// and whether that is known of both.
    fn place_of(&self, repository: &Repository) -> Option<Place> {
        let provider = self.address.as_ref().and_then(RepositoryAddress::provider).or(self.provider);
        match (&self.address, &repository.address) {
            (Some(wanted), Some(found)) => {
                let ports = wanted.port().is_none() || found.port().is_none() || wanted.port() == found.port();
                (wanted.host() == found.host() && ports).then_some(Place::Same)
            }
            _ => match (provider, &repository.provider) {
                (Some(wanted), Some(found)) => (wanted == found).then_some(Place::Same),
                _ => Some(Place::Unknown),
            },
        }
    }

    fn fit<'i>(&self, found: impl Iterator<Item = &'i Repository>, name: &str) -> Vec<&'i Repository> {
        let fitting = found.filter(|it| self.place_of(it).is_some()).collect();
        exact_first(fitting, |it| it.full_name == name)
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Same,
    Unknown,
}

impl RepositoryIndex {
    /// Finds the repository of a project: by its URL, else by its full name,
    /// else by its name. Whatever several repositories share is ambiguous.
    pub fn match_project(&self, project: &ProjectFacts<'_>) -> Match<'_> {
        let wanted = Wanted::of(project, self);
        self.find(&wanted).unwrap_or_else(|| {
            let name = wanted.address.as_ref().map(RepositoryAddress::path);
            let name = name.or(wanted.names.first().map(String::as_str)).unwrap_or_default();
            Match::Unmatched { nearest: self.nearest(name) }
        })
    }

    /// [`match_project`](Self::match_project) without the nearest ones, for which
    /// all names are looked at.
    pub fn find_project(&self, project: &ProjectFacts<'_>) -> Option<Match<'_>> {
        self.find(&Wanted::of(project, self))
    }

    fn find(&self, wanted: &Wanted<'_>) -> Option<Match<'_>> {
        self.by_url(wanted).or_else(|| self.by_full_name(wanted)).or_else(|| self.by_name(wanted))
    }

    /// Whether the URL of a project leads elsewhere than to the repository that
    /// it is mapped to. Without a URL that can be read nothing speaks against it.
    pub fn mismatch(&self, project: &ProjectFacts<'_>, mapped: &Repository) -> Option<Mismatch<'_>> {
        let alone = Self::new([mapped.clone()]);
        let wanted = Wanted::of(project, &alone);
        let path = wanted.address.as_ref()?.path();
        let is_same_path = match &mapped.address {
            Some(address) => fold(address.path()) == fold(path),
            None => ends_with_name(path, &mapped.full_name),
        };
        if alone.by_url(&wanted).is_some() || is_same_path && wanted.place_of(mapped).is_some() {
            return None;
        }
        let wanted = Wanted::of(project, self);
        let repository = match self.by_url(&wanted) {
            Some(Match::Matched { repository, .. }) => Some(repository),
            _ => None,
        };
        Some(Mismatch { address: wanted.address?, repository })
    }

    fn by_url(&self, wanted: &Wanted<'_>) -> Option<Match<'_>> {
        let (found, confidence) = self.at_address(wanted.address.as_ref()?)?;
        decide(found, Reason::Url, |_| confidence)
    }

    fn by_full_name(&self, wanted: &Wanted<'_>) -> Option<Match<'_>> {
        if let Some(path) = wanted.address.as_ref().map(RepositoryAddress::path) {
            let found = wanted.fit(self.with_full_name(&fold(path)), path);
            if let Some(decided) = decide(found, Reason::FullName, |it| full_name_confidence(wanted, it)) {
                return Some(decided);
            }
        }
        for (at, name) in wanted.names.iter().enumerate() {
            let most = if at == 0 { confidence::FULL_NAME } else { confidence::PART };
            let found = wanted.fit(self.with_full_name(&fold(name)), name);
            let sure = |it: &Repository| against_url(wanted, it).min(full_name_confidence(wanted, it)).min(most);
            if let Some(decided) = decide(found, Reason::FullName, sure) {
                return Some(decided);
            }
        }
        for name in wanted.names.iter().filter(|name| name.contains('/')) {
            let found = wanted.fit(self.with_tail(&fold(name)), name);
            let sure = |it: &Repository| against_url(wanted, it).min(confidence::TAIL);
            if let Some(decided) = decide(found, Reason::FullName, sure) {
                return Some(decided);
            }
        }
        None
    }

    /// An owner that is known, and an address, tell that it is another
    /// repository than one that happens to have the same name.
    fn by_name(&self, wanted: &Wanted<'_>) -> Option<Match<'_>> {
        // The longest name that no separator ends: a part is not looked for.
        let name = wanted.names.iter().find(|name| !name.contains([':', '#'])).or(wanted.names.first())?;
        let name = fold(name);
        let (owner, name) = name.rsplit_once('/').map_or((None, name.as_str()), |(owner, name)| (Some(owner), name));
        if owner.is_some_and(|it| self.knows_owner(it.split_once('/').map_or(it, |(first, _)| first))) {
            return None;
        }
        let found = self.with_name(name).filter(|it| wanted.address.is_none() || it.address.is_none());
        let sure = if owner.is_some() { confidence::NAME_OF_OTHER_OWNER } else { confidence::NAME };
        decide(wanted.fit(found, name), Reason::Name, |_| sure)
    }
}

fn full_name_confidence(wanted: &Wanted<'_>, repository: &Repository) -> f64 {
    match wanted.place_of(repository) {
        Some(Place::Same) => confidence::FULL_NAME,
        _ => confidence::FULL_NAME_ALONE,
    }
}

/// By name, a repository is found that the URL did not lead to.
fn against_url(wanted: &Wanted<'_>, repository: &Repository) -> f64 {
    match (&wanted.address, &repository.address) {
        (Some(_), Some(_)) => confidence::FULL_NAME_AGAINST_URL,
        (Some(wanted), None) if fold(wanted.path()) != fold(&repository.full_name) => confidence::FULL_NAME_AGAINST_URL,
        _ => 1.0,
    }
}

/// One is a match, several are ambiguous, none is nothing.
fn decide<'a>(
    mut found: Vec<&'a Repository>,
    reason: Reason,
    confidence: impl Fn(&Repository) -> f64,
) -> Option<Match<'a>> {
    match found.as_slice() {
        [] => None,
        [repository] => Some(Match::Matched { repository, reason, confidence: confidence(repository) }),
        several => {
            let total = several.len();
            found.truncate(MAX_CANDIDATES);
            Some(Match::Ambiguous { reason, candidates: found, total })
        }
    }
}

/// A project's name, then what it is without `:part`, `#part` or `//part`, and
/// without one part of the path after the other, down to two.
fn names(text: &str) -> Vec<String> {
    let end = [":", "#", "//"].iter().filter_map(|it| text.find(it)).min();
    let whole = end.and_then(|at| text.split_at_checked(at)).map_or(text, |(whole, _)| whole);
    let mut names = Vec::new();
    for text in [text, whole] {
        let parts = text.split('/').map(str::trim).filter(|part| !part.is_empty()).take(MAX_PARTS);
        let name = parts.collect::<Vec<_>>().join("/");
        names.push(without_git(&name).to_owned());
    }
    while let Some((shorter, _)) = names.last().and_then(|it| it.rsplit_once('/')).filter(|(it, _)| it.contains('/')) {
        let shorter = shorter.to_owned();
        names.push(shorter);
    }
    names.dedup();
    names.retain(|name| !name.is_empty());
    names
}
