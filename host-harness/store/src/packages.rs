//! Reading packages: the inventory, and what findings name beside it.

use crate::{
    columns::document,
    database::FindingStore,
    error::Result,
    filter::{Conditions, ProjectFilter},
    status::{OPEN, severity},
};
use appsec_model::{Severity, Timestamp};
use rusqlite::{Row, ToSql};
use serde::Serialize;

words! {
    /// In which order packages are shown.
    #[derive(Default)]
    PackageSort {
        /// Those with the worst open findings first, then those with most.
        #[default]
        Risk = "risk",
        /// By name and version.
        Name = "name",
        /// By the project's name, the worst first within one.
        Project = "project",
    }
}

impl PackageSort {
    /// What rows are compared by, and whether the largest comes first. Together
    /// they tell any two apart, in the same way in every store.
    const fn keys(self) -> &'static [(&'static str, bool)] {
        const RISK: [(&str, bool); 2] = [("coalesce(worst, -1)", true), ("number", true)];
        const NAME: [(&str, bool); 2] = [("packages.name", false), ("version", false)];
        const PROJECT: (&str, bool) = ("projects.name", false);
        const REST: [(&str, bool); 2] = [("packages.project_id", false), ("ecosystem", false)];
        match self {
            Self::Risk => &[RISK[0], RISK[1], NAME[0], NAME[1], PROJECT, REST[0], REST[1]],
            Self::Name => &[NAME[0], NAME[1], PROJECT, REST[0], REST[1]],
            Self::Project => &[PROJECT, RISK[0], RISK[1], NAME[0], NAME[1], REST[0], REST[1]],
        }
    }
}

/// Which packages to show. Lists are alternatives; an empty one is no filter.
#[derive(Clone, Debug, Default)]
pub struct PackageFilter {
    /// Row id of the instance.
    pub instance_id: Option<i64>,
    /// Ecosystems.
    pub ecosystems: Vec<String>,
    /// The name.
    pub package: Option<String>,
    /// A part of the name or of the package URL.
    pub name: Option<String>,
    /// A part of a license.
    pub license: Option<String>,
    /// A part of the project's name.
    pub project: Option<String>,
    /// What is said of the project and its repository.
    pub scope: ProjectFilter,
    /// Only those with an open finding of this severity or above.
    pub min_severity: Option<Severity>,
    /// How they came into the project.
    pub transitivity: Vec<String>,
    /// Only those with open findings.
    pub vulnerable: bool,
    /// Also those that no record names any more.
    pub vanished: bool,
    /// The order.
    pub sort: PackageSort,
    /// The order turned around.
    pub reverse: bool,
    /// At most that many.
    pub limit: u32,
    /// Without that many of the first.
    pub offset: u32,
}

/// A package in a list.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PackageRow {
    /// Name of the instance that reported it.
    pub instance: String,
    /// Name of the project that uses it.
    pub project: String,
    /// Full name of the repository that the project is of.
    pub repository: Option<String>,
    /// Its ecosystem.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Whether an inventory holds it; else only findings name it.
    pub inventory: bool,
    /// Package URL.
    pub purl: Option<String>,
    /// How it came into the project.
    pub transitivity: String,
    /// Licenses, as SPDX expressions or the vendor's words.
    pub licenses: Vec<String>,
    /// Web address of the line in the lockfile.
    pub lockfile_url: Option<String>,
    /// The lockfile.
    pub lockfile_path: Option<String>,
    /// The line in it.
    pub lockfile_line: Option<u32>,
    /// When that line was committed.
    pub committed_at: Option<Timestamp>,
    /// Where the package manager got it from.
    pub resolved_url: Option<String>,
    /// The packages that bring it, from the project inwards, as `name@version`.
    pub introduced_by: Vec<String>,
    /// Since when no record names it any more.
    pub vanished_at: Option<Timestamp>,
    /// Open findings on it.
    pub open_findings: u32,
    /// The worst of them.
    pub worst_severity: Option<Severity>,
}

impl PackageFilter {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.one("packages.instance_id = ?", self.instance_id);
        conditions.one("packages.name = ?", self.package.clone());
        conditions.any("ecosystem", self.ecosystems.clone());
        conditions.part("(packages.name || ' ' || coalesce(purl, ''))", self.name.as_ref());
        conditions.part("licenses", self.license.as_ref());
        conditions.part("projects.name", self.project.as_ref());
        conditions.within("packages.project_id", self.scope.conditions());
        conditions.one("open.worst >= ?", self.min_severity.map(|severity| severity as i64));
        conditions.any("transitivity", self.transitivity.clone());
        conditions.one("coalesce(open.number, 0) >= ?", self.vulnerable.then_some(1));
        conditions.one("packages.vanished_at IS NULL = ?", (!self.vanished).then_some(true));
        conditions
    }
}

pub(crate) fn package(row: &Row<'_>) -> Result<PackageRow> {
    let version: String = row.get("version")?;
    let list = |column: &str| document::<Vec<String>>("package", row.get_ref(column)?.as_str().unwrap_or_default());
    let moment = |column: &str| -> Result<_> { Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros)) };
    Ok(PackageRow {
        instance: row.get("instance")?,
        project: row.get("project")?,
        repository: row.get("full_name")?,
        ecosystem: row.get("ecosystem")?,
        name: row.get("name")?,
        version: Some(version).filter(|version| !version.is_empty()),
        inventory: row.get("inventory")?,
        purl: row.get("purl")?,
        transitivity: row.get("transitivity")?,
        licenses: list("licenses")?,
        lockfile_url: row.get("lockfile_url")?,
        lockfile_path: row.get("lockfile_path")?,
        lockfile_line: row.get("lockfile_line")?,
        committed_at: moment("committed_at")?,
        resolved_url: row.get("resolved_url")?,
        introduced_by: list("introduced_by")?,
        vanished_at: moment("vanished_at")?,
        open_findings: row.get("number")?,
        worst_severity: row.get::<_, Option<i64>>("worst")?.map(severity),
    })
}

impl FindingStore {
    /// Packages of a filter and how many there are in all.
    pub(crate) fn packages(&self, filter: &PackageFilter) -> Result<(Vec<PackageRow>, u64)> {
        let conditions = filter.conditions();
        let clause = conditions.clause();
        let open = format!(
            "WITH open AS MATERIALIZED (SELECT package_id, count(*) AS number, max(severity) AS worst \
             FROM findings INDEXED BY findings_by_package WHERE package_id IS NOT NULL AND {OPEN} GROUP BY package_id) "
        );
        let with_open = "LEFT JOIN open ON open.package_id = packages.id";
        // How many there are does not depend on their findings, mostly.
        let (by_open, counted) =
            if filter.vulnerable || filter.min_severity.is_some() { (open.as_str(), with_open) } else { ("", "") };
        let count = format!(
            "{by_open}SELECT count(*) FROM packages CROSS JOIN projects ON projects.id = packages.project_id \
             {counted}{clause}"
        );
        let mut parameters: Vec<&dyn ToSql> = conditions.parameters().collect();
        let total = self.connection.prepare_cached(&count)?.query_row(parameters.as_slice(), |row| row.get(0))?;
        parameters.extend([&filter.limit as &dyn ToSql, &filter.offset]);
        let falls = |falls: bool| if falls != filter.reverse { "DESC" } else { "ASC" };
        let order: Vec<String> = filter.sort.keys().iter().map(|(key, it)| format!("{key} {}", falls(*it))).collect();
        let mut statement = self.connection.prepare_cached(&format!(
            "{open}SELECT instances.name AS instance, projects.name AS project, full_name, ecosystem, \
             packages.name AS name, version, inventory, purl, transitivity, licenses, lockfile_url, lockfile_path, \
             lockfile_line, committed_at, resolved_url, introduced_by, packages.vanished_at AS vanished_at, \
             coalesce(open.number, 0) AS number, open.worst AS worst FROM packages \
             JOIN instances ON instances.id = packages.instance_id \
             JOIN projects ON projects.id = packages.project_id \
             LEFT JOIN repositories ON repositories.id = projects.repository_id {with_open}{clause} \
             ORDER BY {} LIMIT ? OFFSET ?",
            order.join(", ")
        ))?;
        let mut rows = statement.query(parameters.as_slice())?;
        let mut packages = Vec::new();
        while let Some(row) = rows.next()? {
            packages.push(package(row)?);
        }
        Ok((packages, total))
    }
}
