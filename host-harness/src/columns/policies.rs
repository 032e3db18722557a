//! The columns of policies and their results as CSV.

use appsec_store::PolicyResult;

use super::{Column, column, optional};
use crate::tenant::PolicyRow;

/// The columns of policies.
pub const POLICIES_CSV: &[Column<PolicyRow>] = &[
    column("policy", |it| it.definition.id.clone()),
    column("title", |it| it.definition.title.clone()),
    column("on", |it| it.definition.on.as_str().to_owned()),
    column("severity", |it| it.definition.severity.as_str().to_owned()),
    column("enabled", |it| it.definition.enabled.to_string()),
    column("violated", |it| it.violated.to_string()),
    column("errors", |it| it.errors.to_string()),
    column("when", |it| it.definition.when.trim().to_owned()),
    column("version", |it| it.version.clone()),
];

/// The columns of results of policies.
pub const POLICY_RESULTS_CSV: &[Column<PolicyResult>] = &[
    column("policy", |it| it.policy_id.clone()),
    column("policy_severity", |it| it.severity.as_str().to_owned()),
    column("result", |it| it.result.as_str().to_owned()),
    column("reason", |it| optional(it.reason.as_ref())),
    column("on", |it| it.on.as_str().to_owned()),
    column("id", |it| it.id.clone()),
    column("kind", |it| it.kind.clone()),
    column("severity", |it| it.subject_severity.as_str().to_owned()),
    column("priority", |it| it.priority.to_string()),
    column("status", |it| it.status.clone()),
    column("project", |it| it.project.clone()),
    column("title", |it| it.title.clone()),
    column("path", |it| optional(it.path.as_ref())),
    column("line", |it| optional(it.start_line)),
    column("package", |it| optional(it.package.as_ref())),
    column("advisories", |it| it.advisories.join(", ")),
    column("fixes", |it| it.fixes.as_deref().unwrap_or_default().join(", ")),
    column("since", |it| it.since.to_string()),
    column("evaluated_at", |it| it.evaluated_at.to_string()),
    column("policy_version", |it| it.policy_version.clone()),
];
