//! Code repositories of a tenant, and which of them a vendor's project is.
//!
#![doc = include_str!("repository.md")]
//!
//! ```
//! use appsec_analysis::repository::{Match, ProjectFacts, Reason, RepositoryIndex, RepositoryList};
//!
//! let csv = "full_name,url\nacme/shop,https://github.com/acme/shop\n";
//! let list = RepositoryList::read_csv(csv.as_bytes(), "repositories.csv").unwrap();
//! assert!(list.problems.is_empty());
//! let index = RepositoryIndex::new(list.repositories);
//! let project = ProjectFacts { name: "acme/shop", url: Some("git@github.com:Acme/shop.git"), ..Default::default() };
//! let Match::Matched { repository, reason, confidence } = index.match_project(&project) else { panic!() };
//! assert_eq!((repository.full_name(), reason, confidence), ("acme/shop", Reason::Url, 1.0));
//! ```

mod address;
pub mod confidence;
mod index;
mod list;
mod matching;
mod names;
mod nearest;
mod path;
mod provider;

use std::borrow::Cow;

use serde::Serialize;

pub use self::{
    address::{AddressError, MAX_ADDRESS_BYTES, RepositoryAddress},
    index::RepositoryIndex,
    list::RepositoryList,
    matching::{MAX_CANDIDATES, Match, Mismatch, ProjectFacts, Reason},
    nearest::{MAX_NEAREST, Nearest},
    provider::{ParseProviderError, Provider},
};

/// The rules as Markdown, for documents.
pub const RULES: &str = include_str!("repository.md");

/// The longest full name that is taken; providers end at less.
const MAX_NAME_BYTES: usize = 1024;

/// What is known of a code repository.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Repository {
    #[serde(rename = "url", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    address: Option<RepositoryAddress>,
    full_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Provider>,
    /// Name of the default branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<String>,
    /// What it is counted with, such as teams or topics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(default))]
    pub groups: Vec<String>,
    /// Whether it is archived (read-only); null if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

impl Repository {
    /// A repository with a full name, an address or both. A name that the
    /// address ends with is written out in full; another name is an error.
    pub fn new(
        full_name: Option<&str>,
        url: Option<&str>,
        provider: Option<Provider>,
    ) -> Result<Self, RepositoryError> {
        let address = url.map(|url| RepositoryAddress::parse(url, provider.as_ref())).transpose()?;
        if let (Some(stated), Some(found)) = (&provider, address.as_ref().and_then(RepositoryAddress::provider))
            && stated != found
        {
            return Err(RepositoryError::Providers { stated: stated.clone(), found: found.clone() });
        }
        let name = full_name.map(|name| clean_name(name).ok_or(RepositoryError::Name)).transpose()?;
        let full_name = match (name, &address) {
            (None, None) => return Err(RepositoryError::Nameless),
            (Some(name), None) => name,
            (None, Some(address)) => address.path().to_owned(),
            (Some(name), Some(address)) if ends_with_name(address.path(), &name) => address.path().to_owned(),
            (Some(_), Some(_)) => return Err(RepositoryError::Contradiction),
        };
        let provider = provider.or_else(|| address.as_ref()?.provider().cloned());
        Ok(Self { address, full_name, provider, default_branch: None, groups: Vec::new(), archived: None })
    }

    /// Where it is.
    pub const fn address(&self) -> Option<&RepositoryAddress> {
        self.address.as_ref()
    }

    /// Its name with its owners before it, such as `org/repo`.
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// The last part of the full name.
    pub fn name(&self) -> &str {
        last_part(&self.full_name)
    }

    /// Who keeps it; none where neither the list nor the address tells.
    pub const fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    /// One text for one repository, however it is spelled: the address without
    /// its scheme, else provider and full name. It holds no secret.
    pub fn key(&self) -> Cow<'_, str> {
        match &self.address {
            Some(address) => Cow::Borrowed(address.as_key()),
            None => {
                let name = if self.ignores_case() { fold(&self.full_name) } else { self.full_name.clone() };
                Cow::Owned(format!("{}:{name}", self.provider.as_ref().map_or("", Provider::as_str)))
            }
        }
    }

    /// Whether capitals say nothing in its name.
    fn ignores_case(&self) -> bool {
        self.provider.as_ref().is_some_and(Provider::ignores_case)
    }
}

/// Why there is no repository in what is said. It repeats no address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RepositoryError {
    /// Neither a name nor an address.
    #[error("a full name or a URL is required")]
    Nameless,
    /// A name that cannot be one.
    #[error("invalid full name: write it as `org/repo`")]
    Name,
    /// An address that cannot be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Name and address do not go together.
    #[error("the full name and the URL are of different repositories: give only one of them")]
    Contradiction,
    /// The address is known to be of another provider.
    #[error("the provider is given as {stated}, but the URL belongs to {found}: correct one of them")]
    Providers {
        /// As it is given.
        stated: Provider,
        /// As the address tells.
        found: Provider,
    },
}

/// A full name without blanks, empty parts and a `.git` at its end.
fn clean_name(text: &str) -> Option<String> {
    let mut parts: Vec<&str> = text.split('/').map(str::trim).filter(|part| !part.is_empty()).collect();
    if let Some(last) = parts.last_mut() {
        *last = without_git(last);
    }
    parts.retain(|part| !part.is_empty());
    // What is before it may be a token.
    let has_user = parts.first().and_then(|part| part.find('@')).is_some_and(|at| at > 0);
    let fits = !parts.is_empty() && !has_user && text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control);
    fits.then(|| parts.join("/"))
}

/// A name without the `.git` of a bare repository, as often as it is there.
fn without_git(mut name: &str) -> &str {
    while let Some((rest, end)) = name.len().checked_sub(4).and_then(|at| name.split_at_checked(at))
        && end.eq_ignore_ascii_case(".git")
    {
        name = rest;
    }
    name
}

/// A text as it is compared where capitals say nothing.
fn fold(text: &str) -> String {
    text.to_lowercase()
}

fn last_part(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

/// Whether a name is a path's last parts, or all of them.
fn ends_with_name(path: &str, name: &str) -> bool {
    let (path, name) = (fold(path), fold(name));
    path.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

#[cfg(test)]
mod tests;
