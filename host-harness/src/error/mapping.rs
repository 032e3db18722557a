//! Why repositories or mappings are not what was asked for.

use appsec_analysis::{Problem, repository::RepositoryError};
use appsec_grant::{Code, UnknownName, counted};

/// Why repositories or mappings are not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// No project of that name.
    #[error("project `{}` not found{}", .0.name, .0.question())]
    NoProject(UnknownName),
    /// Several projects of that name.
    #[error("project name `{name}` is ambiguous: {}", .found.join(", "))]
    SeveralProjects {
        /// The name.
        name: String,
        /// Each with its instance and the vendor's id.
        found: Vec<String>,
    },
    /// No such repository.
    #[error("repository `{}` not found{}", .0.name, .0.question())]
    NoRepository(UnknownName),
    /// Several repositories of that name.
    #[error("repository name `{name}` is ambiguous: {}", .found.join(", "))]
    SeveralRepositories {
        /// The name.
        name: String,
        /// Where they are.
        found: Vec<String>,
    },
    /// A repository that cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A list of which not all can be read, in the place of another one.
    #[error(
        "the list of repositories replaces nothing: {}",
        .0.as_ref().map_or_else(|| "it is empty".to_owned(), |it| format!("not all of it can be read, such as {it}"))
    )]
    IncompleteList(Option<Problem>),
    /// A repository that projects are of.
    #[error("mapped to the repository `{repository}`: {}; nothing was removed", counted(*projects, "project"))]
    InUse {
        /// Its full name.
        repository: String,
        /// How many.
        projects: u64,
    },
    /// Nobody said what becomes of the findings.
    #[error("project `{project}` has {}; choose what happens to it", counted(*findings, "finding"))]
    Undecided {
        /// Its name.
        project: String,
        /// How many.
        findings: u64,
    },
    /// A field that there is not.
    #[error("field `{}` not found{}", .0.name, .0.question())]
    NoField(UnknownName),
}

impl MappingError {
    /// A stable word for it.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::NoProject(_) => Code::ProjectUnknown,
            Self::SeveralProjects { .. } => Code::ProjectAmbiguous,
            Self::SeveralRepositories { .. } => Code::RepositoryAmbiguous,
            Self::NoRepository(_) => Code::RepositoryNotFound,
            Self::Repository(_) => Code::InvalidRepository,
            Self::IncompleteList(_) => Code::IncompleteList,
            Self::InUse { .. } => Code::RepositoryInUse,
            Self::Undecided { .. } => Code::FindingsUndecided,
            Self::NoField(_) => Code::FieldNotFound,
        }
    }
}
