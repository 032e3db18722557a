//! Packages of a page: those of an inventory, and those that findings name.

use std::collections::{BTreeSet, HashMap};

use appsec_model::{Package, PackageVersion, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::ProjectIndex;
use crate::{columns::json, error::Result};

/// A package within a page: project, ecosystem, name, version.
type PackageKey<'a> = (i64, &'a str, &'a str, &'a str);

/// Row ids of a page's packages.
pub(crate) struct PackageIds<'a> {
    by_key: HashMap<PackageKey<'a>, i64>,
    /// By position among the normalized ones.
    by_position: Vec<Option<i64>>,
}

impl PackageIds<'_> {
    pub fn of(&self, project_id: i64, package: &PackageVersion) -> Option<i64> {
        self.by_key.get(&key(project_id, package)).copied()
    }

    pub fn all(&self) -> impl Iterator<Item = i64> {
        self.by_key.values().copied()
    }

    pub fn at(&self, position: usize) -> Option<i64> {
        self.by_position.get(position).copied().flatten()
    }
}

fn key(project_id: i64, package: &PackageVersion) -> PackageKey<'_> {
    (project_id, package.ecosystem.as_str(), &package.name, package.version.as_deref().unwrap_or_default())
}

/// Writes packages. What an inventory says of a package is not overwritten by
/// what a finding says of it.
pub(crate) fn write_packages<'a>(
    connection: &Connection,
    instance_id: i64,
    packages: &'a [Package],
    projects: &ProjectIndex,
) -> Result<PackageIds<'a>> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO packages (instance_id, project_id, ecosystem, name, version, inventory, purl, transitivity, \
         lockfile_url, lockfile_path, lockfile_line, committed_at, licenses, resolved_url, introduced_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
         ON CONFLICT (project_id, ecosystem, name, version) DO UPDATE SET inventory = excluded.inventory, \
         purl = excluded.purl, transitivity = excluded.transitivity, lockfile_url = excluded.lockfile_url, \
         lockfile_path = excluded.lockfile_path, lockfile_line = excluded.lockfile_line, \
         committed_at = excluded.committed_at, licenses = excluded.licenses, resolved_url = excluded.resolved_url, \
         introduced_by = excluded.introduced_by, vanished_at = NULL \
         WHERE excluded.inventory >= packages.inventory RETURNING id",
    )?;
    let mut keep = connection.prepare_cached(
        "UPDATE packages SET vanished_at = NULL WHERE project_id = ?1 AND ecosystem = ?2 AND name = ?3 \
         AND version = ?4 RETURNING id",
    )?;
    let mut ids = PackageIds { by_key: HashMap::with_capacity(packages.len()), by_position: Vec::new() };
    for it in packages {
        let Some(project_id) = projects.find(Some(&it.project)) else {
            ids.by_position.push(None);
            continue;
        };
        let key = key(project_id, &it.package);
        let lockfile = it.lockfile.as_ref();
        let written = upsert
            .query_row(
                params![
                    instance_id,
                    project_id,
                    key.1,
                    key.2,
                    key.3,
                    it.index.is_some(),
                    it.package.purl,
                    it.transitivity.as_str(),
                    it.lockfile_url,
                    lockfile.map(|at| &at.path),
                    lockfile.and_then(|at| at.start_line),
                    it.committed_at.map(Timestamp::as_micros),
                    json("licenses", &it.licenses)?,
                    it.resolved_url,
                    json("packages", &it.introduced_by)?
                ],
                |row| row.get(0),
            )
            .optional()?;
        let id: i64 = match written {
            Some(id) => id,
            None => keep.query_row(params![project_id, key.1, key.2, key.3], |row| row.get(0))?,
        };
        ids.by_key.insert(key, id);
        ids.by_position.push(Some(id));
    }
    Ok(ids)
}

/// Marks those of some packages that no record names any more.
pub(crate) fn settle_packages(connection: &Connection, packages: &BTreeSet<i64>, now: Timestamp) -> Result<()> {
    let mut in_use = connection.prepare_cached(
        "SELECT 1 FROM records INDEXED BY records_by_package WHERE package_id = ?1 AND vanished_at IS NULL",
    )?;
    let mut vanish =
        connection.prepare_cached("UPDATE packages SET vanished_at = ?2 WHERE id = ?1 AND vanished_at IS NULL")?;
    for id in packages {
        if !in_use.exists([id])? {
            vanish.execute(params![id, now.as_micros()])?;
        }
    }
    Ok(())
}
