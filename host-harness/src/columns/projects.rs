//! The columns of projects, their mappings and repositories as CSV.

use appsec_store::{MappingRow, ProjectRow, RepositoryRow, ScanFields};

use super::{Column, column, optional};

/// The columns of projects.
pub const PROJECTS_CSV: &[Column<ProjectRow>] = &[
    column("project", |it| it.project.name.clone()),
    column("project_id", |it| it.project.id.clone()),
    column("instance", |it| it.instance.clone()),
    column("repository", |it| optional(it.repository.as_ref())),
    column("mapping", |it| it.mapping.clone()),
    column("url", |it| optional(it.project.url.as_ref())),
    column("primary_branch", |it| optional(it.project.primary_branch.as_ref())),
    column("default_branch", |it| optional(it.project.default_branch.as_ref())),
    column("outcome", |it| it.outcome.as_str().to_owned()),
    column("open", |it| it.findings.open.to_string()),
    column("open_non_security", |it| it.findings.open_non_security.to_string()),
    column("findings", |it| it.findings.total.to_string()),
    column("tags", |it| it.project.tags.join(", ")),
    column("environment", |it| optional(it.scan_fields.environment.as_ref())),
    column("branch", |it| optional(it.scan_fields.branch.as_ref())),
    column("tag", |it| optional(it.scan_fields.tag.as_ref())),
    column("metadata", |it| metadata(&it.scan_fields)),
    column("scheduled", |it| it.scan_fields.scheduled.to_string()),
    column("notify", |it| it.scan_fields.notify.to_string()),
    column("archived", |it| optional(it.project.archived)),
    column("created_at", |it| optional(it.project.created_at)),
    column("last_scan_at", |it| optional(it.project.last_scan_at)),
    column("vanished_at", |it| optional(it.vanished_at)),
];

/// The columns of mappings.
pub const MAPPINGS_CSV: &[Column<MappingRow>] = &[
    column("project", |it| it.project.clone()),
    column("project_id", |it| it.project_id.clone()),
    column("instance", |it| it.instance.clone()),
    column("url", |it| optional(it.url.as_ref())),
    column("state", |it| it.state.as_str().to_owned()),
    column("synced", |it| it.read.to_string()),
    column("repository", |it| optional(it.repository.as_ref())),
    column("repository_url", |it| optional(it.repository_url.as_ref())),
    column("by", |it| optional(it.by.map(|it| it.as_str()))),
    column("reason", |it| optional(it.reason.as_ref())),
    column("confidence", |it| optional(it.confidence)),
    column("decided_at", |it| optional(it.decided_at)),
    column("suggested", |it| optional(it.proposal.as_ref().map(|it| &it.repository))),
    column("suggested_reason", |it| optional(it.proposal.as_ref().map(|it| &it.reason))),
    column("suggested_confidence", |it| optional(it.proposal.as_ref().map(|it| it.confidence))),
    column("candidates", |it| it.candidates.iter().map(|it| it.repository.as_str()).collect::<Vec<_>>().join(", ")),
    column("environment", |it| optional(it.scan_fields.environment.as_ref())),
    column("branch", |it| optional(it.scan_fields.branch.as_ref())),
    column("tag", |it| optional(it.scan_fields.tag.as_ref())),
    column("metadata", |it| metadata(&it.scan_fields)),
    column("scheduled", |it| it.scan_fields.scheduled.to_string()),
    column("notify", |it| it.scan_fields.notify.to_string()),
    column("open", |it| it.findings.open.to_string()),
    column("findings", |it| it.findings.total.to_string()),
];

/// The columns of repositories.
pub const REPOSITORIES_CSV: &[Column<RepositoryRow>] = &[
    column("full_name", |it| it.repository.full_name().to_owned()),
    column("url", |it| optional(it.repository.address())),
    column("provider", |it| optional(it.repository.provider())),
    column("default_branch", |it| optional(it.repository.default_branch.as_ref())),
    column("groups", |it| it.repository.groups.join(", ")),
    column("archived", |it| optional(it.repository.archived)),
    column("listed", |it| it.listed.to_string()),
    column("projects", |it| it.projects.to_string()),
    column("open", |it| it.findings.open.to_string()),
    column("open_non_security", |it| it.findings.open_non_security.to_string()),
    column("findings", |it| it.findings.total.to_string()),
    column("added_at", |it| it.added_at.to_string()),
];

/// Further metadata of a project's scans, as `key=value`.
fn metadata(fields: &ScanFields) -> String {
    fields.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}
