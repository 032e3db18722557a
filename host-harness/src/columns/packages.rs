//! The columns of packages.

use appsec_store::PackageRow;

use super::{Column, Value, column, optional};

/// The columns of the list.
pub const PACKAGES: &[Column<PackageRow, Value>] = &[
    column("PACKAGE", |row| Value::Text(row.name.clone())),
    column("VERSION", |row| Value::text(row.version.clone())),
    column("ECOSYSTEM", |row| Value::Text(row.ecosystem.clone())),
    column("PROJECT", |row| Value::Text(row.project.clone())),
    column("HOW", |row| {
        Value::Text(if row.vanished_at.is_some() { "no longer in use".to_owned() } else { row.transitivity.clone() })
    }),
    column("LICENSES", |row| Value::Text(row.licenses.join(", "))),
    column("OPEN", |row| Value::Number(row.open_findings as u64)),
    column("WORST", |row| Value::Severity(row.worst_severity)),
];

/// The columns of the list as CSV.
pub const PACKAGES_CSV: &[Column<PackageRow>] = &[
    column("name", |row| row.name.clone()),
    column("version", |row| optional(row.version.as_ref())),
    column("ecosystem", |row| row.ecosystem.clone()),
    column("purl", |row| optional(row.purl.as_ref())),
    column("instance", |row| row.instance.clone()),
    column("project", |row| row.project.clone()),
    column("repository", |row| optional(row.repository.as_ref())),
    column("transitivity", |row| row.transitivity.clone()),
    column("licenses", |row| row.licenses.join(", ")),
    column("open_findings", |row| row.open_findings.to_string()),
    column("worst_severity", |row| row.worst_severity.map(|it| it.as_str().to_owned()).unwrap_or_default()),
    column("lockfile", |row| optional(row.lockfile_path.as_ref())),
    column("introduced_by", |row| row.introduced_by.join(" > ")),
    column("vanished_at", |row| optional(row.vanished_at)),
];
