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
    ids::{FindingId, IssueId},
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

/// Whose name groups findings: the repository's, else the project's.
const SCOPE: &str = "coalesce(full_name, projects.name)";

impl FindingStore {
    /// Hands out the findings of a filter in the order of repository, branch,
    /// instance and id, whatever its order and page; then, if they are wanted, the
    /// packages of these projects in the order of repository, ecosystem, name and
    /// version. Ends where `take` says no. `base` is what findings are held against.
    pub(crate) fn export(
        &self,
        filter: &Filter,
        depth: Depth,
        packages: bool,
        base: Option<&Baseline>,
        take: &mut dyn FnMut(ExportItem) -> bool,
    ) -> Result<()> {
        // A reader's snapshot: what is committed meanwhile is not seen.
        let snapshot = self.connection.unchecked_transaction()?;
        let mut details = Details::new(self, depth)?;
        let mut tools: HashMap<i64, (String, bool)> = HashMap::new();
        for (id, instance) in self.exported_keys(filter)? {
            let Some((detail, row)) = details.of(FindingId(id))? else { continue };
            let (connector_id, is_report_source) = match tools.get(&instance) {
                Some(known) => known.clone(),
                None => tools.entry(instance).or_insert(self.exported_tool(instance)?).clone(),
            };
            let issue = self.exported_issue(row)?;
            let is_new = base.map(|base| self.is_new(id, base)).transpose()?;
            let found = ExportedFinding { detail, issue, connector_id, is_report_source, is_new };
            if !take(ExportItem::Finding(Box::new(found))) {
                return Ok(());
            }
        }
        if packages {
            self.exported_packages(filter, take)?;
        }
        drop(snapshot);
        Ok(())
    }

    /// Ids of findings and the rows of their instances. Numbers alone are held: half
    /// a million of them are a few megabytes.
    fn exported_keys(&self, filter: &Filter) -> Result<Vec<(i64, i64)>> {
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
        let sql = format!(
            "SELECT public_id, findings.instance_id {from} ORDER BY \
             (SELECT {SCOPE} FROM projects LEFT JOIN repositories ON repositories.id = repository_id \
             WHERE projects.id = findings.project_id), coalesce({branch}, ''), \
             (SELECT name FROM instances WHERE instances.id = findings.instance_id), public_id"
        );
        let mut parameters: Vec<&dyn ToSql> = resolved.covered.parameters().chain(resolved.rest.parameters()).collect();
        parameters.extend(branches.iter().map(|it| it as &dyn ToSql));
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map(parameters.as_slice(), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn is_new(&self, public_id: i64, base: &Baseline) -> Result<bool> {
        let (is_new, parameter) = base.condition();
        let sql = format!("SELECT EXISTS (SELECT 1 FROM findings WHERE {is_new} AND public_id = ?)");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row(rusqlite::params![parameter, public_id], |row| row.get(0))?)
    }

    fn exported_tool(&self, instance_id: i64) -> Result<(String, bool)> {
        let sql = "SELECT connector_id, connector_source ->> 'from' = 'reports' FROM instances WHERE id = ?1";
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row([instance_id], |row| Ok((row.get(0)?, row.get::<_, Option<bool>>(1)?.unwrap_or(false))))?)
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
