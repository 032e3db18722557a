//! Repositories with nearly the name of a project.

use rapidfuzz::distance::osa;
use serde::Serialize;

use super::{Repository, RepositoryIndex, fold, last_part};

/// So many are told at most.
pub const MAX_NEAREST: usize = 3;

/// Of so many with the same name the full names are compared; a name that
/// still more have tells little.
const MAX_COMPARED: usize = 64;

/// A longer name is not compared: the work grows with its length.
const MAX_NAME_CHARS: usize = 128;

/// A repository with nearly the name of a project.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Nearest<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// How many characters of the name are other ones, missing, too many or exchanged.
    pub distance: usize,
}

impl RepositoryIndex {
    /// Those with nearly the name of a project, the nearest first; among
    /// equals, those with the nearer owner.
    pub(super) fn nearest(&self, full_name: &str) -> Vec<Nearest<'_>> {
        let full_name = fold(full_name);
        let name = last_part(&full_name);
        if name.is_empty() || full_name.chars().count() > MAX_NAME_CHARS {
            return Vec::new();
        }
        let mut near = self.names.near(name);
        near.sort_unstable();
        let comparator = osa::BatchComparator::new(full_name.chars());
        let mut found: Vec<(usize, usize, &Repository)> = near
            .into_iter()
            .flat_map(|(distance, name)| self.with_name(name).map(move |repository| (distance, repository)))
            .take(MAX_COMPARED)
            .map(|(distance, it)| (distance, comparator.distance(fold(&it.full_name).chars()), it))
            .collect();
        found.sort_unstable();
        found.into_iter().take(MAX_NEAREST).map(|(distance, _, repository)| Nearest { repository, distance }).collect()
    }
}
