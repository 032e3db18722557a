//! Findings and packages for exports: all of a filter, one by one, as of one
//! moment, whatever is written meanwhile.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, ToSql};

use crate::{
    baseline::Baseline,
    database::FindingStore,
    error::Result,
    filter::{Filter, listed},
    findings::{Depth, Details, FindingDetail},
    ids::IssueId,
    packages::{PackageRow, package},
    view::of_rows,
};

/// What an export is made of.
#[derive(Clone, Debug)]
pub enum ExportItem {
    /// A finding.
    Finding(Box<ExportedFinding>),
    /// A package of one of the projects that the filter allows; these come last.
    Package(Box<PackageRow>),
}

/// A finding with the issue that it is of.
#[derive(Clone, Debug)]
pub struct ExportedFinding {
    /// What is known of it, as deep as it is wanted.
    pub detail: FindingDetail,
    /// Its issue, and whether a finding of it says that the vulnerable code is
    /// reached.
    pub issue: Option<(IssueId, bool)>,
    /// Id of its instance's connector.
    pub connector_id: String,
    /// Whether its instance takes in reports and has no connector.
    pub is_report_source: bool,
    /// Whether the base that is asked for does not have it.
    pub is_new: Option<bool>,
}

/// What of findings is looked up for an export.
#[derive(Clone, Copy, Debug)]
pub struct ExportScope<'a> {
    /// How much of each.
    pub depth: Depth,
    /// The issue that each is of.
    pub issues: bool,
    /// The packages of the projects too.
    pub packages: bool,
    /// What findings are held against.
    pub base: Option<&'a Baseline>,
}

/// Whose name groups findings: the repository's, else the project's.
const SCOPE: &str = "coalesce(full_name, projects.name)";

/// Findings of one project on one branch.
struct Group {
    project: Project,
    branch: String,
    /// Ids of the findings' rows. Numbers alone are held: half a million of them
    /// are a few megabytes.
    rows: Vec<i64>,
}

impl Group {
    fn key(&self) -> (&str, &str, &str, &str, i64) {
        let Project { id, scope, instance, name, .. } = &self.project;
        (scope, &self.branch, instance, name, *id)
    }
}

/// What findings of a project have in common.
#[derive(Clone)]
struct Project {
    id: i64,
    scope: String,
    instance: String,
    name: String,
    connector_id: String,
    is_report_source: bool,
}

impl FindingStore {
    /// Hands out the findings of a filter in the order of repository, branch,
    /// instance, project and when they were first stored, whatever its order and
    /// page; then, if they are wanted, the packages of these projects in the order of
    /// repository, ecosystem, name and version. Ends where `take` says no.
    pub(crate) fn export(
        &self,
        filter: &Filter,
        wanted: ExportScope<'_>,
        take: &mut dyn FnMut(ExportItem) -> bool,
    ) -> Result<()> {
        let ExportScope { depth, issues, packages, base } = wanted;
        // A reader's snapshot: what is committed meanwhile is not seen.
        let snapshot = self.connection.unchecked_transaction()?;
        let mut details = Details::of_many(self, depth)?;
        for Group { project, rows, .. } in self.exported_groups(filter)? {
            for row in rows {
                let Some(detail) = details.of(row)? else { continue };
                let found = ExportedFinding {
                    issue: if issues { self.exported_issue(row)? } else { None },
                    connector_id: project.connector_id.clone(),
                    is_report_source: project.is_report_source,
                    is_new: base.map(|base| self.is_new(row, base)).transpose()?,
                    detail,
                };
                if !take(ExportItem::Finding(Box::new(found))) {
                    return Ok(());
                }
            }
        }
        if packages {
            self.exported_packages(filter, take)?;
        }
        drop(snapshot);
        Ok(())
    }

    /// The rows of a filter's findings in the order in which they are handed out.
    /// Within a group it is that of the tables: whatever lies together is read once.
    fn exported_groups(&self, filter: &Filter) -> Result<Vec<Group>> {
        let resolved = self.resolved(filter)?;
        let from = of_rows(&resolved, filter);
        let leading = "(SELECT ref FROM records WHERE records.id = occurrence_id)";
        // The branch that is asked for goes before the leading one.
        let branches = listed(&filter.branches);
        let branch = match &branches {
            Some(_) => format!(
                "coalesce((SELECT ref FROM records WHERE records.project_id = findings.project_id \
                 AND records.finding_id = findings.id AND ref IN (SELECT value FROM json_each(?)) \
                 AND records.vanished_at IS NULL LIMIT 1), {leading})"
            ),
            None => leading.to_owned(),
        };
        // The branch's parameter is in front of those of the rows.
        let sql = format!("SELECT coalesce({branch}, ''), project_id, id {from} ORDER BY id");
        let mut parameters: Vec<&dyn ToSql> = branches.iter().map(|it| it as &dyn ToSql).collect();
        parameters.extend(resolved.covered.parameters().chain(resolved.rest.parameters()));
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query(parameters.as_slice())?;
        let mut groups: HashMap<i64, HashMap<String, Vec<i64>>> = HashMap::new();
        while let Some(row) = rows.next()? {
            let branch = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let of_project = groups.entry(row.get(1)?).or_default();
            match of_project.get_mut(branch) {
                Some(known) => known.push(row.get(2)?),
                None => _ = of_project.insert(branch.to_owned(), vec![row.get(2)?]),
            }
        }
        let mut ordered = Vec::new();
        for (project, branches) in groups {
            let project = self.exported_project(project)?;
            ordered.extend(branches.into_iter().map(|(branch, rows)| Group { project: project.clone(), branch, rows }));
        }
        ordered.sort_by(|one, other| one.key().cmp(&other.key()));
        Ok(ordered)
    }

    fn exported_project(&self, id: i64) -> Result<Project> {
        let sql = format!(
            "SELECT {SCOPE}, instances.name, projects.name, connector_id, connector_source ->> 'from' = 'reports' \
             FROM projects JOIN instances ON instances.id = projects.instance_id \
             LEFT JOIN repositories ON repositories.id = repository_id WHERE projects.id = ?1"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row([id], |row| {
            Ok(Project {
                id,
                scope: row.get(0)?,
                instance: row.get(1)?,
                name: row.get(2)?,
                connector_id: row.get(3)?,
                is_report_source: row.get::<_, Option<bool>>(4)?.unwrap_or(false),
            })
        })?)
    }

    fn is_new(&self, row: i64, base: &Baseline) -> Result<bool> {
        let (is_new, parameter) = base.condition();
        let sql = format!("SELECT EXISTS (SELECT 1 FROM findings WHERE {is_new} AND id = ?)");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row(rusqlite::params![parameter, row], |row| row.get(0))?)
    }

    fn exported_issue(&self, row: i64) -> Result<Option<(IssueId, bool)>> {
        let sql = "SELECT issues.id, EXISTS (SELECT 1 FROM issue_members AS others \
                   JOIN findings ON findings.id = others.finding_id WHERE others.issue_row = issues.row \
                   AND reachability IN ('always-reachable', 'reachable', 'conditionally-reachable')) \
                   FROM issue_members JOIN issues ON issues.row = issue_members.issue_row \
                   WHERE issue_members.finding_id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([row], |row| Ok((IssueId(row.get(0)?), row.get(1)?))).optional()?)
    }

    /// Packages of the projects that a filter allows, also of those that no record
    /// names any more: a finding that is closed is about them.
    fn exported_packages(&self, filter: &Filter, take: &mut dyn FnMut(ExportItem) -> bool) -> Result<()> {
        let conditions = filter.of_packages();
        let clause = conditions.clause();
        let mut statement = self.connection.prepare(&format!(
            "SELECT instances.name AS instance, projects.name AS project, full_name, ecosystem, \
             packages.name AS name, version, inventory, purl, transitivity, licenses, lockfile_url, lockfile_path, \
             lockfile_line, committed_at, resolved_url, introduced_by, packages.vanished_at AS vanished_at, \
             0 AS number, NULL AS worst FROM packages JOIN instances ON instances.id = packages.instance_id \
             JOIN projects ON projects.id = packages.project_id \
             LEFT JOIN repositories ON repositories.id = projects.repository_id{clause} \
             ORDER BY {SCOPE}, ecosystem, packages.name, version, instances.name, projects.name"
        ))?;
        let parameters: Vec<&dyn ToSql> = conditions.parameters().collect();
        let mut rows = statement.query(parameters.as_slice())?;
        while let Some(row) = rows.next()? {
            if !take(ExportItem::Package(Box::new(package(row)?))) {
                return Ok(());
            }
        }
        Ok(())
    }
}
