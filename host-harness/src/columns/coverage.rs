//! The columns of coverage as CSV: a row per repository and instance.

use appsec_model::Kind;
use appsec_store::{Coverage, CoverageCell, RepositoryCoverage};

use super::{Column, column, optional};

/// What one instance covers of one repository.
#[derive(Clone, Copy, Debug)]
pub struct CoverageLine<'a> {
    /// The repository.
    pub repository: &'a RepositoryCoverage,
    /// Name of the instance.
    pub instance: &'a str,
    /// How it covers it.
    pub cell: &'a CoverageCell,
}

impl<'a> CoverageLine<'a> {
    /// The rows of all repositories and instances.
    pub fn all(coverage: &'a Coverage) -> impl Iterator<Item = Self> {
        coverage.repositories.iter().flat_map(|repository| {
            repository.instances.iter().map(move |(instance, cell)| Self { repository, instance, cell })
        })
    }
}

/// The columns.
pub fn coverage_csv<'a>() -> [Column<CoverageLine<'a>>; 12] {
    [
        column("repository", |it| it.repository.repository.clone()),
        column("provider", |it| it.repository.provider.clone()),
        column("instance", |it| it.instance.to_owned()),
        column("state", |it| it.cell.state.as_str().to_owned()),
        column("why", |it| optional(it.cell.why.as_ref())),
        column("projects", |it| it.cell.projects.join(", ")),
        column("kinds", |it| it.cell.kinds.iter().map(Kind::as_str).collect::<Vec<_>>().join(", ")),
        column("last_scan_at", |it| optional(it.cell.last_scan_at)),
        column("last_run_at", |it| optional(it.cell.last_run_at)),
        column("open", |it| it.cell.open.to_string()),
        column("outcome", |it| it.cell.outcome.as_str().to_owned()),
        column("covered", |it| it.repository.is_covered().to_string()),
    ]
}
