//! Why a selection of kinds and projects cannot be synced.

use appsec_grant::UnknownName;

/// A selection names what is not there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelectionError {
    /// No such project.
    #[error("the vendor does not list a project `{}`{}", .0.name, .0.question())]
    Project(UnknownName),
    /// A project that is not read.
    #[error("project `{0}` is not mapped to a repository, so it is not fetched")]
    Unmapped(String),
    /// No such kind.
    #[error("the instance cannot fetch the kind `{}`{}", .0.name, .0.question())]
    Kind(UnknownName),
}
