//! Issues: what the findings of all sources say about the same thing.
//!
//! Which findings belong together is decided by [`appsec_analysis::correlation`];
//! here it is kept up to date and shown.

mod derive;

use std::collections::BTreeMap;

use appsec_analysis::{
    correlation::spellings,
    status::{self, VANISHED},
};
use appsec_model::{Severity, Timestamp};
use rusqlite::{OptionalExtension, Row, ToSql};
use serde::Serialize;

pub(super) use self::derive::{derive, mark_changed_aliases, settle_blocks, summed};
use crate::{
    database::FindingStore,
    decided::{DECIDED, DECIDED_COLUMNS, DecisionRow, decision_row},
    error::Result,
    filter::{Conditions, Filter, Period},
    ids::{FindingId, IssueId},
    policies::{PolicyFilter, PolicyResult},
    ratings::{listed_one, spelled},
    runs::LastRuns,
    status::severity,
};

words! {
    /// In which order issues are shown.
    #[derive(Default)]
    IssueSort {
        /// Most urgent first.
        #[default]
        Priority = "priority",
        /// Most severe first.
        Severity = "severity",
        /// Newest first: first seen last.
        FirstSeen = "first-seen",
        /// Oldest first: first seen first.
        Age = "age",
        /// Highest CVSS score first; those without one last.
        Cvss = "cvss",
        /// Most likely to be exploited first; those without an EPSS score last.
        Epss = "epss",
        /// Those that most sources see first.
        Sources = "sources",
        /// By the repository's name, most urgent first within one.
        Repository = "repository",
    }
}

impl IssueSort {
    /// What rows are compared by, and whether the largest comes first. The id
    /// tells any two apart, in whatever order they came.
    const fn keys(self) -> &'static [(&'static str, bool)] {
        const ID: (&str, bool) = ("issues.id", false);
        const PRIORITY: (&str, bool) = ("issues.priority", true);
        const SEVERITY: (&str, bool) = ("issues.severity", true);
        match self {
            Self::Priority => &[PRIORITY, SEVERITY, ID],
            Self::Severity => &[SEVERITY, PRIORITY, ID],
            Self::FirstSeen => &[("issues.first_seen_at", true), ID],
            Self::Age => &[("issues.first_seen_at", false), ID],
            Self::Cvss => &[("coalesce(issues.cvss, -1)", true), PRIORITY, ID],
            Self::Epss => &[("coalesce(issues.epss, -1)", true), PRIORITY, ID],
            Self::Sources => &[("issues.sources", true), PRIORITY, SEVERITY, ID],
            Self::Repository => &[(REPOSITORY, false), PRIORITY, SEVERITY, ID],
        }
    }
}

/// Which issues to show. Lists are alternatives; an empty one is no filter.
#[derive(Clone, Debug, Default)]
pub struct IssueFilter {
    /// The name of the repository, or of the project that stands in for it, or a
    /// part of it where no repository has that name.
    pub repository: Option<String>,
    /// Kinds.
    pub kinds: Vec<String>,
    /// Severities.
    pub severities: Vec<Severity>,
    /// This severity and above.
    pub min_severity: Option<Severity>,
    /// This priority and above.
    pub min_priority: Option<u8>,
    /// This CVSS score and above; those without one are left out.
    pub min_cvss: Option<f64>,
    /// This EPSS score and above; those without one are left out.
    pub min_epss: Option<f64>,
    /// Only those that are known to be exploited.
    pub kev: bool,
    /// Only those that do, or do not, ask for work.
    pub open: Option<bool>,
    /// Statuses.
    pub statuses: Vec<String>,
    /// Row id of an instance that still sees it.
    pub instance_id: Option<i64>,
    /// Only those that so many sources still see.
    pub sources_min: Option<u32>,
    /// Only those that are, or are not, about security.
    pub security: Option<bool>,
    /// Name of the package.
    pub package: Option<String>,
    /// An advisory, such as a CVE number.
    pub advisory: Option<String>,
    /// A part of the path.
    pub path: Option<String>,
    /// A part of the title.
    pub text: Option<String>,
    /// When it was first seen, by whichever source.
    pub first_seen: Period,
    /// Only those with a finding that this filter shows, on whatever page.
    pub with: Filter,
    /// The order.
    pub sort: IssueSort,
    /// The order turned around.
    pub reverse: bool,
    /// At most that many.
    pub limit: u32,
    /// Without that many of the first.
    pub offset: u32,
}

/// An issue in a list.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct IssueRow {
    /// Its id.
    pub id: IssueId,
    /// Its kind: `sast`, `sca`, `secrets`, or another kind of findings.
    pub kind: String,
    /// Name of the repository, or of the project that stands in for it.
    pub repository: String,
    /// How bad.
    pub severity: Severity,
    /// The most open status of its findings; `vanished` where no source sees it any more.
    pub status: String,
    /// Whether it is about security.
    pub security: bool,
    /// How urgent it is, from 0 to 100: as its most urgent finding.
    pub priority: u8,
    /// A short line for people.
    pub title: String,
    /// The package ecosystem, if it is about a package.
    pub ecosystem: Option<String>,
    /// The package.
    pub package: Option<String>,
    /// The versions of the package that findings name.
    pub versions: Vec<String>,
    /// The file; of a package, that of its most urgent finding that names one.
    pub path: Option<String>,
    /// Id of the rule of its most urgent finding.
    pub rule_id: Option<String>,
    /// All numbers of its advisory, the best known first.
    pub advisories: Vec<String>,
    /// The highest CVSS score.
    pub cvss: Option<f64>,
    /// The highest probability that it is exploited.
    pub epss: Option<f64>,
    /// Whether it is known to be exploited, by the KEV catalogue of the operator.
    pub kev: bool,
    /// How many sources still see it.
    pub source_count: u32,
    /// Sources that report it, or once did, by name.
    pub sources: Vec<IssueSource>,
    /// When it was first seen, by whichever source: the earliest of its findings.
    pub first_seen_at: Timestamp,
    /// End of the last run of a source that still sees it; for one that no source
    /// sees any more, when that was noticed.
    pub last_seen_at: Timestamp,
    /// When one of its findings last changed.
    pub changed_at: Timestamp,
}

impl IssueRow {
    /// The file, else the package with its versions.
    pub fn place(&self) -> String {
        self.path.clone().or_else(|| self.package_and_versions()).unwrap_or_default()
    }

    /// The package with the versions that findings name.
    pub fn package_and_versions(&self) -> Option<String> {
        let package = self.package.as_ref()?;
        Some(format!("{package} {}", self.versions.join(", ")).trim_end().to_owned())
    }
}

/// A source of an issue.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct IssueSource {
    /// Name of the instance.
    pub source: String,
    /// The most open status of its findings; `vanished` where it sees it no more.
    pub status: String,
    /// Its findings.
    pub findings: Vec<FindingId>,
}

/// An issue with its findings.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct IssueDetail {
    /// As in a list.
    #[serde(flatten)]
    pub row: IssueRow,
    /// Further ids that lead to it.
    pub also_known_as: Vec<IssueId>,
    /// Policies that it violates or that could not be evaluated, worst first.
    pub policy_results: Vec<PolicyResult>,
    /// Its findings, most urgent first.
    pub findings: Vec<IssueFinding>,
    /// All that was ever decided about its findings, newest first.
    pub decisions: Vec<IssueDecision>,
}

/// A decision about a finding of an issue.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct IssueDecision {
    /// The finding.
    pub finding: FindingId,
    /// The decision.
    #[serde(flatten)]
    pub row: DecisionRow,
}

/// A finding of an issue.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct IssueFinding {
    /// Its id.
    pub id: FindingId,
    /// Name of the instance that reported it.
    pub source: String,
    /// Name of its project.
    pub project: String,
    /// Its kind.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// Its status.
    pub status: String,
    /// What was decided about it here, and is in force.
    pub decision: Option<DecisionRow>,
    /// How urgent.
    pub priority: u8,
    /// A short line for people.
    pub title: String,
    /// Id of its rule.
    pub rule_id: Option<String>,
    /// File.
    pub path: Option<String>,
    /// Line in the file.
    pub start_line: Option<u32>,
    /// The vulnerable package's version.
    pub version: Option<String>,
    /// Verdict of reachability.
    pub reachability: Option<String>,
    /// When it was first seen: by the source's date where it gives one.
    pub first_seen_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

impl IssueFilter {
    /// What it asks of issues, and of their findings.
    fn resolved(&self, store: &FindingStore) -> Result<Conditions> {
        let mut conditions = self.conditions();
        let resolved = store.resolved(&self.with)?;
        let all: Vec<&str> = resolved.covered.all().chain(resolved.rest.all()).collect();
        if !all.is_empty() {
            conditions.push(format!(
                "issues.row IN (SELECT issue_row FROM issue_members \
                 JOIN findings ON findings.id = finding_id WHERE {})",
                all.join(" AND ")
            ));
            conditions.parameters.extend(resolved.covered.parameters);
            conditions.parameters.extend(resolved.rest.parameters);
        }
        Ok(conditions)
    }

    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.one("issues.open = ?", self.open);
        conditions.one("issues.security = ?", self.security);
        conditions.any("issues.kind", self.kinds.clone());
        conditions.any("issues.severity", self.severities.iter().map(|severity| *severity as i64).collect());
        conditions.one("issues.severity >= ?", self.min_severity.map(|severity| severity as i64));
        conditions.one("issues.priority >= ?", self.min_priority);
        conditions.one("issues.cvss >= ?", self.min_cvss);
        conditions.one("issues.epss >= ?", self.min_epss);
        conditions.one("issues.kev = ?", self.kev.then_some(true));
        conditions.span("issues.first_seen_at", self.first_seen);
        conditions.any("issues.status", self.statuses.clone());
        conditions.one("issues.sources >= ?", self.sources_min);
        if let Some(name) = &self.repository {
            conditions.push(format!(
                "(lower({REPOSITORY}) = ? OR (instr(lower({REPOSITORY}), ?) > 0 \
                 AND NOT EXISTS (SELECT 1 FROM repositories AS named WHERE lower(named.full_name) = ?)))"
            ));
            let name = name.to_lowercase();
            conditions.parameters.extend((0..3).map(|_| Box::new(name.clone()) as Box<dyn ToSql>));
        }
        conditions.part("issues.title", self.text.as_ref());
        if let Some(path) = &self.path {
            // Findings of a package may be of several files.
            conditions.push(
                "(issues.ecosystem IS NULL AND instr(lower(issues.place), ?) > 0 OR issues.ecosystem IS NOT NULL AND EXISTS \
                 (SELECT 1 FROM issue_members JOIN findings ON findings.id = finding_id WHERE issue_row = issues.row \
                 AND instr(lower(findings.path), ?) > 0))",
            );
            conditions.parameters.extend((0..2).map(|_| Box::new(path.to_lowercase()) as Box<dyn ToSql>));
        }
        let names: Vec<String> = self.package.iter().flat_map(|name| spellings(name)).collect();
        conditions.one("issues.ecosystem IS NOT NULL = ?", self.package.as_ref().map(|_| true));
        conditions.any("issues.place", names);
        let advisory = self.advisory.as_ref().map(|id| listed_one(id));
        conditions.one("instr(issues.advisories, ?) > 0", advisory);
        conditions.one(
            "EXISTS (SELECT 1 FROM issue_members JOIN findings ON findings.id = finding_id \
             WHERE issue_row = issues.row AND findings.instance_id = ? AND findings.status <> 'vanished')",
            self.instance_id,
        );
        conditions
    }
}

const JOINS: &str = "LEFT JOIN repositories ON repositories.id = issues.repository_id \
                     LEFT JOIN projects ON projects.id = issues.project_id";

/// The name of the repository, or of the project that stands in for it.
const REPOSITORY: &str = "coalesce(repositories.full_name, projects.name, '')";

const COLUMNS: &str = "issues.id AS id, issues.kind AS kind, coalesce(repositories.full_name, projects.name, '') \
     AS repository, issues.severity AS severity, issues.status AS status, issues.security AS security, \
     issues.priority AS priority, issues.title AS title, issues.ecosystem AS ecosystem, issues.place AS place, \
     issues.rule_id AS rule_id, issues.advisories AS advisories, issues.cvss AS cvss, issues.epss AS epss, issues.kev AS kev, \
     issues.sources AS sources, issues.first_seen_at AS first_seen_at";

/// The query for a page of issues. Which they are is told by an index alone, and
/// only their rows are read.
fn page(filter: &IssueFilter, conditions: &Conditions) -> String {
    let falls = |falls: bool| if falls != filter.reverse { "DESC" } else { "ASC" };
    let order: Vec<String> = filter.sort.keys().iter().map(|(key, it)| format!("{key} {}", falls(*it))).collect();
    let (clause, order) = (conditions.clause(), order.join(", "));
    let is_named = [&clause, &order].iter().any(|it| it.contains("repositories.") || it.contains("projects."));
    let joins = if is_named { JOINS } else { "" };
    let wanted = format!("SELECT issues.row AS wanted FROM issues {joins}{clause} ORDER BY {order} LIMIT ? OFFSET ?");
    format!("SELECT {COLUMNS} FROM ({wanted}) CROSS JOIN issues ON issues.row = wanted {JOINS} ORDER BY {order}")
}

impl FindingStore {
    /// Issues of a filter and how many there are in all.
    pub(crate) fn issues(&self, filter: &IssueFilter) -> Result<(Vec<IssueRow>, u64)> {
        let conditions = filter.resolved(self)?;
        let mut parameters: Vec<&dyn ToSql> = conditions.parameters().collect();
        // Without names of repositories the index alone can tell.
        let joins = if filter.repository.is_some() { JOINS } else { "" };
        let count = format!("SELECT count(*) FROM issues {joins}{}", conditions.clause());
        let total = self.connection.query_row(&count, parameters.as_slice(), |row| row.get(0))?;
        parameters.extend([&filter.limit as &dyn ToSql, &filter.offset]);
        let mut statement = self.connection.prepare_cached(&page(filter, &conditions))?;
        let rows = statement.query_map(parameters.as_slice(), issue_row)?.collect::<rusqlite::Result<Vec<_>>>()?;
        let runs = self.last_runs()?;
        let rows = rows.into_iter().map(|row| Ok(self.with_sources(row, &runs)?.0)).collect::<Result<_>>()?;
        Ok((rows, total))
    }

    /// The issue of an id: its own, one that it is also known as, or that of
    /// one of its findings.
    pub(crate) fn issue(&self, id: IssueId) -> Result<Option<IssueDetail>> {
        let found: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT id FROM issues WHERE id = ?1 UNION ALL SELECT issue_id FROM issue_aliases WHERE alias = ?1 \
                 UNION ALL SELECT issues.id FROM findings JOIN issue_members ON finding_id = findings.id \
                 JOIN issues ON issues.row = issue_row WHERE public_id = ?1 LIMIT 1",
            )?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        let Some(found) = found else { return Ok(None) };
        let row = self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM issues {JOINS} WHERE issues.id = ?1"))?
            .query_row([found], issue_row)
            .optional()?;
        let Some(row) = row else { return Ok(None) };
        let (row, findings) = self.with_sources(row, &self.last_runs()?)?;
        let mut aliases =
            self.connection.prepare_cached("SELECT alias FROM issue_aliases WHERE issue_id = ?1 ORDER BY alias")?;
        let also_known_as = aliases.query_map([found], |row| row.get(0).map(IssueId))?;
        let also_known_as = also_known_as.collect::<rusqlite::Result<_>>()?;
        let filter = PolicyFilter { issue: Some(row.id), ..PolicyFilter::default() };
        let (policy_results, _) = self.policy_results(&filter, u32::MAX)?;
        let mut decisions = Vec::new();
        for it in &findings {
            decisions.extend(self.decisions_of(it.id)?.into_iter().map(|row| IssueDecision { finding: it.id, row }));
        }
        decisions.sort_by_key(|it| std::cmp::Reverse(it.row.decided_at));
        Ok(Some(IssueDetail { row, also_known_as, policy_results, findings, decisions }))
    }

    /// Adds to an issue what its findings tell.
    fn with_sources(&self, mut row: IssueRow, runs: &LastRuns) -> Result<(IssueRow, Vec<IssueFinding>)> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {DECIDED_COLUMNS}, public_id, instances.name AS source, projects.name AS project, \
             findings.kind AS kind, severity, findings.status AS status, priority, title, rule_id, path, start_line, \
             packages.version AS version, reachability, findings.first_seen_at AS first_seen_at, changed_at \
             FROM issue_members JOIN findings ON findings.id = finding_id {DECIDED} \
             JOIN instances ON instances.id = findings.instance_id JOIN projects ON projects.id = findings.project_id \
             LEFT JOIN packages ON packages.id = findings.package_id \
             WHERE issue_row = (SELECT row FROM issues WHERE id = ?1) \
             ORDER BY priority DESC, severity DESC, source, public_id"
        ))?;
        let findings = statement.query_map([row.id.0], issue_finding)?.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut sources: BTreeMap<&str, IssueSource> = BTreeMap::new();
        let mut versions: Vec<String> = Vec::new();
        let mut seen = Vec::new();
        for it in &findings {
            let source = sources.entry(&it.source).or_insert_with(|| IssueSource {
                source: it.source.clone(),
                status: it.status.clone(),
                findings: Vec::new(),
            });
            source.findings.push(it.id);
            if status::rank(&it.status) < status::rank(&source.status) {
                source.status.clone_from(&it.status);
            }
            versions.extend(it.version.clone().filter(|version| !version.is_empty()));
            let there = it.status != VANISHED;
            seen.push((there, runs.last_seen(&it.source, &it.status, it.changed_at)));
            row.changed_at = row.changed_at.max(it.changed_at);
        }
        // Those that a source still sees go first.
        let path =
            |there: bool| findings.iter().filter(|it| (it.status != VANISHED) == there).find_map(|it| it.path.clone());
        row.path = row.path.take().or_else(|| path(true)).or_else(|| path(false));
        versions.sort();
        versions.dedup();
        row.versions = versions;
        row.sources = sources.into_values().collect();
        row.last_seen_at = seen.into_iter().max().map_or(row.changed_at, |(_, at)| at);
        Ok((row, findings))
    }
}

fn issue_row(row: &Row<'_>) -> rusqlite::Result<IssueRow> {
    let ecosystem: Option<String> = row.get("ecosystem")?;
    let place = Some(row.get::<_, String>("place")?).filter(|place| !place.is_empty());
    let (package, path) = if ecosystem.is_some() { (place, None) } else { (None, place) };
    let listed: Option<String> = row.get("advisories")?;
    let first_seen_at = Timestamp::from_micros(row.get("first_seen_at")?);
    Ok(IssueRow {
        id: IssueId(row.get("id")?),
        kind: row.get("kind")?,
        repository: row.get("repository")?,
        severity: severity(row.get("severity")?),
        status: row.get("status")?,
        security: row.get("security")?,
        priority: row.get("priority")?,
        title: row.get("title")?,
        ecosystem,
        package,
        versions: Vec::new(),
        path,
        rule_id: row.get("rule_id")?,
        advisories: listed.as_deref().map(spelled).unwrap_or_default(),
        cvss: row.get("cvss")?,
        epss: row.get("epss")?,
        kev: row.get("kev")?,
        source_count: row.get("sources")?,
        sources: Vec::new(),
        first_seen_at,
        last_seen_at: first_seen_at,
        changed_at: first_seen_at,
    })
}

fn issue_finding(row: &Row<'_>) -> rusqlite::Result<IssueFinding> {
    Ok(IssueFinding {
        id: FindingId(row.get("public_id")?),
        source: row.get("source")?,
        project: row.get("project")?,
        kind: row.get("kind")?,
        severity: severity(row.get("severity")?),
        status: row.get("status")?,
        decision: decision_row(row.into())?,
        priority: row.get("priority")?,
        title: row.get("title")?,
        rule_id: row.get("rule_id")?,
        path: row.get("path")?,
        start_line: row.get("start_line")?,
        version: row.get("version")?,
        reachability: row.get("reachability")?,
        first_seen_at: Timestamp::from_micros(row.get("first_seen_at")?),
        changed_at: Timestamp::from_micros(row.get("changed_at")?),
    })
}

#[cfg(test)]
mod tests;
