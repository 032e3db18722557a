//! Reading results.

use appsec_analysis::fix;
use appsec_model::{Fix, Severity, Timestamp};
use appsec_policy::{On, Policy};
use rusqlite::{OptionalExtension, Row, ToSql};
use serde::Serialize;

use super::over;
use crate::{
    baseline::Baseline,
    database::FindingStore,
    error::Result,
    filter::{Conditions, ProjectFilter, listed},
    ids::{FindingId, IssueId},
    ratings::spelled,
    status::{OPEN, severity},
};

/// Which results to show. Lists are alternatives; an empty one is no filter.
#[derive(Clone, Debug, Default)]
pub struct PolicyFilter {
    /// Ids of policies.
    pub policies: Vec<String>,
    /// Kinds.
    pub kinds: Vec<String>,
    /// Row id of the instance.
    pub instance_id: Option<i64>,
    /// A part of the project's name.
    pub project: Option<String>,
    /// Branches that the operator says that the project's scans are of, or refs
    /// that the finding is on.
    pub branches: Vec<String>,
    /// What is said of the project and its repository.
    pub scope: ProjectFilter,
    /// Only those of this finding.
    pub finding: Option<FindingId>,
    /// Only those of this issue.
    pub issue: Option<IssueId>,
    /// Only those of what asks for work.
    pub open: bool,
    /// Only those of what this does not have; of an issue, all of its findings.
    pub new_since: Option<Baseline>,
}

words! {
    /// What came of a policy.
    PolicyResultWord {
        /// Its condition holds.
        Violated = "violated",
        /// It could not be evaluated.
        Error = "error",
    }
}

/// What came of a policy over a finding or an issue.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PolicyResult {
    /// The policy's id.
    pub policy_id: String,
    /// The policy's version.
    pub policy_version: String,
    /// How bad a violation of it is.
    pub severity: Severity,
    /// What came of it.
    pub result: PolicyResultWord,
    /// Why it could not be evaluated.
    pub reason: Option<String>,
    /// What it was evaluated over.
    pub on: On,
    /// Id of the finding or issue.
    pub id: String,
    /// A short line for people.
    pub title: String,
    /// Kind of the finding or issue.
    pub kind: String,
    /// Where it stands.
    pub status: String,
    /// How urgent it is.
    pub priority: u8,
    /// Name of the project; of an issue, of the repository where there is one.
    pub project: String,
    /// The file; of an issue, that of its most urgent finding.
    pub path: Option<String>,
    /// The line in it.
    pub start_line: Option<u32>,
    /// The result is the same since then.
    pub since: Timestamp,
    /// When it was last evaluated.
    pub evaluated_at: Timestamp,
    /// How bad the finding or issue is itself.
    pub subject_severity: Severity,
    /// Numbers of its advisories.
    pub advisories: Vec<String>,
    /// The vulnerable package, as `name version`; of an issue, its name.
    pub package: Option<String>,
    /// Upgrades that fix it, as `package version`; only a check looks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixes: Option<Vec<String>>,
    /// The finding itself; of an issue, the most urgent one of those that decide how
    /// it stands.
    #[serde(skip)]
    pub leading: Option<FindingId>,
}

impl PolicyResult {
    /// How bad, what it is, its advisories, and what fixes it.
    pub fn line(&self) -> String {
        let mut line = format!("{}: {}", self.subject_severity.as_str(), self.title);
        let other = |id: &&String| !self.title.contains(id.as_str());
        let advisories: Vec<&str> = self.advisories.iter().filter(other).map(String::as_str).collect();
        if !advisories.is_empty() {
            line += &format!(" ({})", advisories.join(", "));
        }
        if let Some(fixes) = self.fixes.as_ref().filter(|fixes| !fixes.is_empty()) {
            line += &format!("; fix: {}", fixes.join(", "));
        }
        if let Some(reason) = self.reason.as_ref().filter(|_| self.result == PolicyResultWord::Error) {
            line += &format!("; cannot be evaluated: {reason}");
        }
        line
    }

    /// The file, with the line where it is known.
    pub fn place(&self) -> Option<String> {
        let line = self.start_line.map(|line| format!(":{line}")).unwrap_or_default();
        self.path.as_ref().map(|path| format!("{path}{line}"))
    }
}

/// Violations of a policy by what asks for work.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PolicyViolations {
    /// The policy's id.
    pub policy_id: String,
    /// A line for people.
    pub title: String,
    /// How bad a violation is.
    pub severity: Severity,
    /// What it is evaluated over.
    pub on: On,
    /// How many violate it.
    pub violated: u64,
    /// How many could not be evaluated.
    pub errors: u64,
    /// How many findings or issues violate it no more only since a decision closed
    /// them.
    pub excepted: u64,
    /// The first of them, most urgent first.
    pub results: Vec<PolicyResult>,
}

impl PolicyFilter {
    /// Whether it looks at the findings themselves.
    fn looks_inside(&self) -> bool {
        let Self { policies: _, kinds, finding, issue, open: _, .. } = self;
        self.keeps_to_projects()
            || !kinds.is_empty()
            || finding.is_some()
            || issue.is_some()
            || self.new_since.is_some()
    }

    /// Whether it keeps to some of the projects.
    fn keeps_to_projects(&self) -> bool {
        let Self { instance_id, project, branches, scope, .. } = self;
        instance_id.is_some() || project.is_some() || !branches.is_empty() || !scope.is_empty()
    }

    /// Whether results over findings, or over issues, can be among them.
    fn is_about(&self, on: On) -> bool {
        match on {
            On::Finding => self.issue.is_none(),
            On::Issue => self.finding.is_none(),
        }
    }

    /// The conditions for results over findings or over issues.
    fn conditions(&self, on: On) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.one("policy_results.over = ?", Some(over(on)));
        conditions.one("policy_results.open = ?", self.open.then_some(true));
        conditions.any("policies.policy_id", self.policies.clone());
        if !self.is_about(on) {
            conditions.push("FALSE");
        }
        match on {
            On::Finding => {
                conditions.one("findings.public_id = ?", self.finding.map(|id| id.0));
                conditions.extend(self.of_rows());
            }
            On::Issue => {
                conditions.one("issues.id = ?", self.issue.map(|id| id.0));
                conditions.extend(self.of_issues());
            }
        }
        conditions
    }

    /// What it says of issues themselves.
    pub(super) fn of_issues(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.any("issues.kind", self.kinds.clone());
        if let Some((is_new, parameter)) = self.new_since.as_ref().map(Baseline::condition) {
            conditions.push(format!(
                "NOT EXISTS (SELECT 1 FROM issue_members JOIN findings ON findings.id = finding_id \
                 WHERE issue_row = issues.row AND NOT ({is_new}))"
            ));
            conditions.parameters.push(parameter);
        }
        // One of its findings is enough.
        let findings = self.of_findings();
        if !findings.sql.is_empty() {
            conditions.push(format!(
                "EXISTS (SELECT 1 FROM issue_members JOIN findings ON findings.id = finding_id{} \
                 AND issue_row = issues.row)",
                findings.clause()
            ));
            conditions.parameters.extend(findings.parameters);
        }
        conditions
    }

    /// What it says of findings themselves.
    pub(super) fn of_rows(&self) -> Conditions {
        let mut conditions = self.of_findings();
        conditions.any("findings.kind", self.kinds.clone());
        if let Some((is_new, parameter)) = self.new_since.as_ref().map(Baseline::condition) {
            conditions.push(is_new);
            conditions.parameters.push(parameter);
        }
        conditions
    }

    /// What it says of findings by their place.
    fn of_findings(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.one("findings.instance_id = ?", self.instance_id);
        let mut projects = self.scope.conditions();
        projects.part("projects.name", self.project.as_ref());
        conditions.within("findings.project_id", projects);
        conditions.on_branch(&self.branches);
        conditions
    }
}

/// The tables of a query.
const fn tables(on: On) -> &'static str {
    match on {
        On::Finding => {
            "FROM policy_results JOIN policies ON policies.id = policy_results.policy \
             JOIN findings ON findings.id = subject_id JOIN projects ON projects.id = findings.project_id \
             LEFT JOIN repositories ON repositories.id = projects.repository_id"
        }
        On::Issue => {
            "FROM policy_results JOIN policies ON policies.id = policy_results.policy \
             JOIN issues ON issues.id = subject_id LEFT JOIN projects ON projects.id = issues.project_id \
             LEFT JOIN repositories ON repositories.id = issues.repository_id"
        }
    }
}

/// Joins the finding that stands for an issue: of those that decide how it stands,
/// the most urgent one, as [`IssueSummary`](appsec_analysis::correlation::IssueSummary)
/// has it.
fn leading() -> String {
    // The status without a table is that of the findings, which stand nearest.
    format!(
        " LEFT JOIN findings AS leading ON leading.id = (SELECT findings.id FROM issue_members \
         JOIN findings ON findings.id = finding_id WHERE issue_row = issues.row \
         AND iif(issues.open, {OPEN}, findings.status = issues.status) \
         ORDER BY findings.priority DESC, findings.severity DESC, findings.first_seen_at, findings.public_id LIMIT 1)"
    )
}

/// The columns of a result.
const fn columns(on: On) -> &'static str {
    match on {
        On::Finding => {
            "SELECT policies.policy_id, policies.version, policies.severity, result, reason, findings.public_id, \
             findings.title, findings.kind, findings.status, findings.priority, projects.name, findings.path, start_line, \
             since, evaluated_at, findings.severity, findings.advisories, \
             (SELECT trim(name || ' ' || version) FROM packages WHERE packages.id = findings.package_id), \
             findings.public_id"
        }
        On::Issue => {
            "SELECT policies.policy_id, policies.version, policies.severity, result, reason, issues.id, issues.title, \
             issues.kind, issues.status, issues.priority, coalesce(repositories.full_name, projects.name, ''), \
             coalesce(leading.path, iif(issues.ecosystem IS NULL, nullif(issues.place, ''), NULL)), \
             leading.start_line, since, evaluated_at, issues.severity, issues.advisories, \
             iif(issues.ecosystem IS NULL, NULL, issues.place), leading.public_id"
        }
    }
}

fn result_row(on: On, row: &Row<'_>) -> rusqlite::Result<PolicyResult> {
    Ok(PolicyResult {
        policy_id: row.get(0)?,
        policy_version: row.get(1)?,
        severity: severity(row.get(2)?),
        result: if row.get(3)? { PolicyResultWord::Error } else { PolicyResultWord::Violated },
        reason: row.get(4)?,
        on,
        id: format!("{:016x}", row.get::<_, i64>(5)?),
        title: row.get(6)?,
        kind: row.get(7)?,
        status: row.get(8)?,
        priority: row.get(9)?,
        project: row.get(10)?,
        path: row.get(11)?,
        start_line: row.get(12)?,
        since: Timestamp::from_micros(row.get(13)?),
        evaluated_at: Timestamp::from_micros(row.get(14)?),
        subject_severity: severity(row.get(15)?),
        advisories: row.get_ref(16)?.as_str_or_null().ok().flatten().map(spelled).unwrap_or_default(),
        package: row.get(17)?,
        fixes: None,
        leading: row.get::<_, Option<i64>>(18)?.map(FindingId),
    })
}

impl FindingStore {
    /// Whether a filter keeps to projects, and there are none of them: a check
    /// that would look at nothing, and pass.
    pub(crate) fn is_out_of_scope(&self, filter: &PolicyFilter) -> Result<bool> {
        if !filter.keeps_to_projects() {
            return Ok(false);
        }
        let mut conditions = filter.scope.conditions();
        conditions.one("projects.instance_id = ?", filter.instance_id);
        conditions.part("projects.name", filter.project.as_ref());
        if let Some(branches) = listed(&filter.branches) {
            conditions.push(
                "(branch IN (SELECT value FROM json_each(?)) OR EXISTS (SELECT 1 FROM records \
                 WHERE records.project_id = projects.id AND ref IN (SELECT value FROM json_each(?))))",
            );
            conditions.parameters.extend((0..2).map(|_| Box::new(branches.clone()) as Box<dyn ToSql>));
        }
        let sql = format!(
            "SELECT NOT EXISTS (SELECT 1 FROM projects LEFT JOIN repositories ON repositories.id = repository_id{})",
            conditions.clause()
        );
        let parameters: Vec<&dyn ToSql> = conditions.parameters.iter().map(AsRef::as_ref).collect();
        Ok(self.connection.prepare_cached(&sql)?.query_row(&*parameters, |row| row.get(0))?)
    }

    /// Results of a filter: those of the worst policies first, then by urgency.
    /// At most `limit`, and how many there are in all.
    pub(crate) fn policy_results(&self, filter: &PolicyFilter, limit: u32) -> Result<(Vec<PolicyResult>, u64)> {
        let (mut results, mut total) = (Vec::new(), 0);
        for on in On::ALL.into_iter().filter(|on| filter.is_about(*on)) {
            let conditions = filter.conditions(on);
            let mut parameters: Vec<&dyn ToSql> = conditions.parameters.iter().map(AsRef::as_ref).collect();
            let (tables, clause) = (tables(on), conditions.clause());
            // Who wants all of them counts them.
            if limit < u32::MAX {
                let count = format!("SELECT count(*) {tables}{clause}");
                let found: u64 = self.connection.prepare_cached(&count)?.query_row(&*parameters, |row| row.get(0))?;
                total += found;
                if found == 0 || limit == 0 {
                    continue;
                }
            }
            parameters.push(&limit);
            let columns = columns(on);
            let leading = if on == On::Issue { leading() } else { String::new() };
            let order = "policies.severity DESC, policies.policy_id, result, 10 DESC, 6";
            let mut statement = self
                .connection
                .prepare_cached(&format!("{columns} {tables}{leading}{clause} ORDER BY {order} LIMIT ?"))?;
            let rows = statement.query_map(&*parameters, |row| result_row(on, row))?;
            results.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        // A policy is over one of both: within it, the order stays.
        results.sort_by(|one, other| (other.severity, &one.policy_id).cmp(&(one.severity, &other.policy_id)));
        results.truncate(limit as usize);
        let total = if limit < u32::MAX { total } else { results.len() as u64 };
        Ok((results, total))
    }

    /// Upgrades that fix a finding; none where nothing is said of it.
    fn fixes(&self, FindingId(id): FindingId) -> Result<Option<Vec<String>>> {
        let sql = "SELECT occurrence_id FROM findings WHERE public_id = ?1";
        let occurrence: Option<i64> =
            self.connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
        let Some(occurrence) = occurrence else { return Ok(None) };
        let Some(content) = self.decoder.content(&self.connection, occurrence)? else { return Ok(None) };
        let finding = content.finding()?;
        Ok(match finding.dependency.as_ref().map(fix::known) {
            Some(Fix::Upgrades { upgrades }) => {
                Some(upgrades.iter().map(|it| format!("{} {}", it.package, it.version)).collect())
            }
            _ => None,
        })
    }

    /// What violates a policy and asks for work: how many, and the first of them.
    pub(crate) fn policy_violations(
        &self,
        policy: &Policy,
        filter: &PolicyFilter,
        limit: u32,
    ) -> Result<PolicyViolations> {
        let definition = policy.definition();
        let filter = PolicyFilter { policies: vec![definition.id.clone()], open: true, ..filter.clone() };
        let conditions = filter.conditions(definition.on);
        // Without a look at the findings, an index has the numbers.
        let tables = if filter.looks_inside() {
            tables(definition.on)
        } else {
            "FROM policy_results JOIN policies ON policies.id = policy_results.policy"
        };
        let parameters: Vec<&dyn ToSql> = conditions.parameters.iter().map(AsRef::as_ref).collect();
        let (violated, errors): (u64, u64) = self
            .connection
            .prepare_cached(&format!(
                "SELECT count(*) FILTER (WHERE result = 0), count(*) FILTER (WHERE result = 1) {tables}{}",
                conditions.clause()
            ))?
            .query_row(&*parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut results =
            if violated + errors == 0 || limit == 0 { Vec::new() } else { self.policy_results(&filter, limit)?.0 };
        for it in results.iter_mut().filter(|it| it.package.is_some()) {
            it.fixes = it.leading.map(|id| self.fixes(id)).transpose()?.flatten();
        }
        Ok(PolicyViolations {
            policy_id: definition.id.clone(),
            title: definition.title.clone(),
            severity: definition.severity,
            on: definition.on,
            violated,
            errors,
            excepted: 0,
            results,
        })
    }
}
