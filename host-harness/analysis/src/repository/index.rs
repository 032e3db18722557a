//! Repositories, to be found by address, full name and name.

use std::collections::{HashMap, HashSet};

use super::{Provider, Repository, RepositoryAddress, confidence, fold, last_part, names::Names};

/// More parts than any provider nests are not looked through.
pub(super) const MAX_PARTS: usize = 24;

/// Places in the list of repositories, ascending.
type Places = HashMap<String, Vec<u32>>;

/// The repositories of a tenant, to be found by address, full name and name.
#[derive(Clone, Debug, Default)]
pub struct RepositoryIndex {
    repositories: Vec<Repository>,
    by_key: HashMap<String, u32>,
    by_address: Places,
    by_full_name: Places,
    by_tail: Places,
    by_name: Places,
    owners: HashSet<String>,
    /// None where a host has repositories of several providers.
    providers: HashMap<String, Option<Provider>>,
    pub(super) names: Names,
}

impl RepositoryIndex {
    /// Makes the index. Of repositories with one key the first is kept, in
    /// their own order: that in which they are given does not count.
    pub fn new(repositories: impl IntoIterator<Item = Repository>) -> Self {
        let mut repositories: Vec<Repository> = repositories.into_iter().collect();
        // Links of equal addresses may differ in scheme and capitals.
        let link = |it: &Repository| it.address.as_ref().map(ToString::to_string);
        repositories.sort_unstable_by(|a, b| a.cmp(b).then_with(|| link(a).cmp(&link(b))));
        let mut index = Self::default();
        for repository in repositories {
            index.add(repository);
        }
        index.names = Names::of(&index.by_name);
        index
    }

    fn add(&mut self, repository: Repository) {
        let Ok(place) = u32::try_from(self.repositories.len()) else { return };
        let key = repository.key().into_owned();
        if self.by_key.contains_key(&key) {
            return;
        }
        self.by_key.insert(key, place);
        if let Some(address) = &repository.address {
            self.by_address.entry(fold(address.as_key())).or_default().push(place);
            if let Some(known) = self.providers.get_mut(address.host()) {
                if *known != repository.provider {
                    *known = None;
                }
            } else {
                self.providers.insert(address.host().to_owned(), repository.provider.clone());
            }
        }
        let full_name = fold(&repository.full_name);
        self.by_name.entry(last_part(&full_name).to_owned()).or_default().push(place);
        let mut rest = full_name.as_str();
        if let Some((owner, _)) = rest.split_once('/') {
            self.owners.insert(owner.to_owned());
        }
        while let Some((_, tail)) = rest.split_once('/').filter(|(_, tail)| tail.contains('/')) {
            // Longer ones are never asked for.
            if tail.matches('/').count() < MAX_PARTS {
                self.by_tail.entry(tail.to_owned()).or_default().push(place);
            }
            rest = tail;
        }
        self.by_full_name.entry(full_name).or_default().push(place);
        self.repositories.push(repository);
    }

    /// All of them, each once, in their own order.
    pub fn repositories(&self) -> &[Repository] {
        &self.repositories
    }

    /// The repository with a [key](Repository::key).
    pub fn get(&self, key: &str) -> Option<&Repository> {
        self.at(*self.by_key.get(key)?)
    }

    /// Reads an address by the rules of the provider that its host is known for here.
    pub(super) fn address(&self, text: &str, provider: Option<&Provider>) -> Option<RepositoryAddress> {
        let address = RepositoryAddress::parse(text, provider).ok()?;
        match self.providers.get(address.host()).and_then(Option::as_ref) {
            Some(known) if address.provider() != Some(known) => RepositoryAddress::parse(text, Some(known)).ok(),
            _ => Some(address),
        }
    }

    /// Whether a repository here is on that host.
    pub(super) fn knows_host(&self, host: &str) -> bool {
        self.providers.contains_key(host)
    }

    /// Whether a repository here belongs to that owner, in small letters.
    pub(super) fn knows_owner(&self, owner: &str) -> bool {
        self.owners.contains(owner)
    }

    /// Those at an address, or at the start of it, and how sure that is.
    pub(super) fn at_address(&self, address: &RepositoryAddress) -> Option<(Vec<&Repository>, f64)> {
        let folded = fold(address.as_key());
        let mut rest = folded.as_str();
        loop {
            let found: Vec<&Repository> = self.of(&self.by_address, rest).collect();
            let is_part = rest.len() < folded.len();
            let is_exact = |it: &&Repository| it.address.as_ref().is_some_and(|at| at.path() == address.path());
            let kept = exact_first(found, is_exact);
            if !kept.is_empty() {
                let is_sure = kept.iter().all(|it| it.ignores_case() || is_exact(it));
                let sure = if is_sure { confidence::URL } else { confidence::URL_BUT_CAPITALS };
                return Some((kept, if is_part { confidence::PART } else { sure }));
            }
            // Host, owner and repository: what is shorter is no part of a repository.
            let (shorter, _) = rest.rsplit_once('/')?;
            if shorter.matches('/').count() < 2 {
                return None;
            }
            rest = shorter;
        }
    }

    /// Those with a full name, in small letters.
    pub(super) fn with_full_name(&self, folded: &str) -> impl Iterator<Item = &Repository> {
        self.of(&self.by_full_name, folded)
    }

    /// Those with a full name that ends with these parts, in small letters.
    pub(super) fn with_tail(&self, folded: &str) -> impl Iterator<Item = &Repository> {
        self.of(&self.by_tail, folded)
    }

    /// Those with a name, in small letters.
    pub(super) fn with_name(&self, folded: &str) -> impl Iterator<Item = &Repository> {
        self.of(&self.by_name, folded)
    }

    fn of(&self, places: &Places, folded: &str) -> impl Iterator<Item = &Repository> {
        places.get(folded).into_iter().flatten().filter_map(|place| self.at(*place))
    }

    fn at(&self, place: u32) -> Option<&Repository> {
        self.repositories.get(usize::try_from(place).ok()?)
    }
}

/// Leaves out what only capitals speak against, where they count and another
/// one is spelled exactly so.
pub(super) fn exact_first<'a>(
    mut found: Vec<&'a Repository>,
    is_exact: impl Fn(&&'a Repository) -> bool,
) -> Vec<&'a Repository> {
    if found.len() > 1 && found.iter().any(&is_exact) {
        found.retain(|it| it.ignores_case() || is_exact(it));
    }
    found
}
