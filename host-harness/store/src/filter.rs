//! Which findings to show, as conditions of a query.

mod owasp;

use std::collections::HashSet;

use crate::{
    baseline::Baseline,
    columns::document,
    database::FindingStore,
    error::Result,
    ids::{FindingId, key_hash, public_id_of},
    order::{Cursor, Sort},
    ratings::listed_one,
};
use appsec_analysis::{
    Edition, TriageDecision,
    status::{ACTIVE, VANISHED},
};
use appsec_model::{Kind, Rule, Severity, Status, Timestamp};
use rusqlite::{OptionalExtension, ToSql, params};
use serde_json::{Value, json};

/// Which findings to show, and in which order. Lists are alternatives; an empty
/// one is no filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Row id of the instance.
    pub instance_id: Option<i64>,
    /// Kinds.
    pub kinds: Vec<String>,
    /// Severities.
    pub severities: Vec<Severity>,
    /// This severity and those above it.
    pub min_severity: Option<Severity>,
    /// This priority and those above it.
    pub min_priority: Option<u8>,
    /// This CVSS score and above; those without one are left out.
    pub min_cvss: Option<f64>,
    /// This EPSS score and above; those without one are left out.
    pub min_epss: Option<f64>,
    /// Only those that are known to be exploited.
    pub kev: bool,
    /// Statuses.
    pub statuses: Vec<String>,
    /// Ids of findings; all where there are none.
    pub ids: Vec<FindingId>,
    /// What is said of the decision in force on it.
    pub decided: DecisionFilter,
    /// Only those on which a decision is in force, or is not.
    pub is_decided: Option<bool>,
    /// Beside those of a decision also those without one that have one of these
    /// statuses; any status where there are none.
    pub or_undecided: Option<Vec<String>>,
    /// What is said of the project and its repository.
    pub scope: ProjectFilter,
    /// A part of the project's name.
    pub project: Option<String>,
    /// Branches that the operator says that the project's scans are of, or refs
    /// that the finding is on.
    pub branches: Vec<String>,
    /// A part of the rule's id.
    pub rule: Option<String>,
    /// A part of the path.
    pub path: Option<String>,
    /// Name of the package.
    pub package: Option<String>,
    /// An advisory, such as a CVE number.
    pub advisory: Option<String>,
    /// Any name that a finding has: its id, the vendor's id, its fingerprint,
    /// an advisory or a rule, each as a whole.
    pub identifier: Option<String>,
    /// Verdicts of reachability.
    pub reachability: Vec<String>,
    /// Only those that are, or are not, about security.
    pub security: Option<bool>,
    /// Weaknesses by their number in the CWE.
    pub cwes: Vec<u32>,
    /// Only weaknesses of this CWE Top 25.
    pub top25: Option<Edition>,
    /// Categories of an OWASP Top 10, such as `A03` or `A03:2021`.
    pub owasp: Vec<String>,
    /// A part of the title, the path or the rule's id.
    pub text: Option<String>,
    /// When it was first seen: by the source's date where it gives one.
    pub first_seen: Period,
    /// When it was last seen, as [`FindingRow`](super::FindingRow) tells it.
    pub last_seen: Period,
    /// When it last changed.
    pub changed: Period,
    /// Only those that this does not have.
    pub new_since: Option<Baseline>,
    /// Only those that the vendor knows an upgrade for, as of the last refresh.
    pub fix_available: bool,
    /// The order.
    pub sort: Sort,
    /// The order turned around.
    pub reverse: bool,
    /// What only the vendor's record tells too, such as the upgrade or what a
    /// secret opens: a look into each record.
    pub facts: bool,
    /// Go on behind this row.
    pub after: Option<Cursor>,
    /// At most that many.
    pub limit: u32,
    /// Without that many of the first.
    pub offset: u32,
}

/// What is said of the decision in force on a finding. Lists are alternatives;
/// an empty one is no filter.
#[derive(Clone, Debug, Default)]
pub struct DecisionFilter {
    /// Decisions.
    pub decisions: Vec<TriageDecision>,
    /// Who is to work on it.
    pub assignee: Option<String>,
    /// A label.
    pub label: Option<String>,
    /// Those that end before this moment.
    pub ends_before: Option<Timestamp>,
}

impl DecisionFilter {
    /// Conditions on a decision, which is joined as `decided`.
    pub(super) fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.any("decided.decision", self.decisions.iter().map(|it| it.as_str()).collect());
        conditions.one("decided.assignee = ?", self.assignee.clone());
        conditions.one("EXISTS (SELECT 1 FROM json_each(decided.labels) WHERE value = ?)", self.label.clone());
        conditions.one("decided.until < ?", self.ends_before.map(Timestamp::as_micros));
        conditions
    }
}

/// What is said of a project and its repository.
#[derive(Clone, Debug, Default)]
pub struct ProjectFilter {
    /// The repository's full name, or a part of one where none has that name.
    pub repository: Option<String>,
    /// A group of repositories.
    pub group: Option<String>,
    /// Environments that the operator says that the scans are of.
    pub environments: Vec<String>,
    /// Tags of the operator's or of the vendor's.
    pub tags: Vec<String>,
    /// Keys and values that the operator gave, all of them.
    pub metadata: Vec<(String, String)>,
}

/// A span of time; a side that is missing is open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

impl Period {
    /// Whether it is all of time.
    fn is_open(self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    fn holds(self, moment: Timestamp) -> bool {
        self.since.is_none_or(|since| moment >= since) && self.until.is_none_or(|until| moment < until)
    }
}

impl Filter {
    /// Every status that a finding can have: those of the model, and that of what
    /// a sync no longer finds.
    pub fn statuses() -> impl Iterator<Item = &'static str> {
        Status::NAMED.iter().map(Status::as_str).chain([VANISHED])
    }

    /// What it says of projects, as conditions on packages.
    pub(super) fn of_packages(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.one("packages.instance_id = ?", self.instance_id);
        conditions.part("projects.name", self.project.as_ref());
        conditions.within("packages.project_id", self.scope.conditions());
        conditions
    }

    /// Whether all it can show is [`ACTIVE`] and about security, or nothing of
    /// it. None where it can show both.
    pub(super) fn urgent(&self) -> Option<bool> {
        let active = |status: &String| ACTIVE.contains(&status.as_str());
        let security = self.security.unwrap_or(true);
        if !security || !self.statuses.is_empty() && !self.statuses.iter().any(active) {
            Some(false)
        } else if self.security.is_some() && !self.statuses.is_empty() && self.statuses.iter().all(active) {
            Some(true)
        } else {
            None
        }
    }
}

/// Texts as one parameter, however many there are: `json_each` takes them apart.
/// None where there are none.
pub(super) fn listed(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| json!(texts).to_string())
}

/// Conditions of a query and their parameters.
#[derive(Default)]
pub(super) struct Conditions {
    pub sql: Vec<String>,
    pub parameters: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    pub fn push(&mut self, sql: impl Into<String>) {
        self.sql.push(sql.into());
    }

    pub fn one(&mut self, sql: &str, parameter: Option<impl ToSql + 'static>) {
        if let Some(parameter) = parameter {
            self.sql.push(sql.to_owned());
            self.parameters.push(Box::new(parameter));
        }
    }

    pub fn any<T: ToSql + 'static>(&mut self, column: &str, parameters: Vec<T>) {
        if !parameters.is_empty() {
            self.sql.push(format!("{column} IN ({})", vec!["?"; parameters.len()].join(", ")));
            self.parameters.extend(parameters.into_iter().map(|parameter| Box::new(parameter) as Box<dyn ToSql>));
        }
    }

    pub fn part(&mut self, column: &str, part: Option<&String>) {
        // `instr` takes every sign as it is, unlike LIKE.
        self.one(&format!("instr(lower({column}), ?) > 0"), part.map(|part| part.to_lowercase()));
    }

    /// A part of any of these columns.
    fn part_of_any(&mut self, columns: &[&str], part: Option<&String>) {
        let Some(part) = part.map(|part| part.to_lowercase()) else { return };
        let parts: Vec<String> = columns.iter().map(|column| format!("instr(lower({column}), ?) > 0")).collect();
        self.push(format!("({})", parts.join(" OR ")));
        self.parameters.extend(columns.iter().map(|_| Box::new(part.clone()) as Box<dyn ToSql>));
    }

    /// These and all of others.
    pub fn extend(&mut self, others: Self) {
        self.sql.extend(others.sql);
        self.parameters.extend(others.parameters);
    }

    /// Findings on one of these branches: of the project's scans, or of their own.
    pub fn on_branch(&mut self, branches: &[String]) {
        let Some(branches) = listed(branches) else { return };
        self.push(
            "(EXISTS (SELECT 1 FROM projects WHERE projects.id = findings.project_id \
             AND branch IN (SELECT value FROM json_each(?))) \
             OR EXISTS (SELECT 1 FROM records WHERE records.project_id = findings.project_id \
             AND records.finding_id = findings.id AND ref IN (SELECT value FROM json_each(?)) \
             AND records.vanished_at IS NULL))",
        );
        self.parameters.extend((0..2).map(|_| Box::new(branches.clone()) as Box<dyn ToSql>));
    }

    pub fn span(&mut self, column: &str, span: Period) {
        self.one(&format!("{column} >= ?"), span.since.map(Timestamp::as_micros));
        self.one(&format!("{column} < ?"), span.until.map(Timestamp::as_micros));
    }

    /// Projects that these conditions hold for, as a condition on a column.
    pub fn within(&mut self, column: &str, projects: Self) {
        if !projects.sql.is_empty() {
            self.push(format!(
                "{column} IN (SELECT projects.id FROM projects \
                 LEFT JOIN repositories ON repositories.id = projects.repository_id{})",
                projects.clause()
            ));
            self.parameters.extend(projects.parameters);
        }
    }

    /// The conditions, one by one.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.sql.iter().map(String::as_str)
    }

    /// Their parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &dyn ToSql> {
        self.parameters.iter().map(AsRef::as_ref)
    }

    pub fn clause(&self) -> String {
        if self.sql.is_empty() { String::new() } else { format!(" WHERE {}", self.sql.join(" AND ")) }
    }
}

impl ProjectFilter {
    /// Whether it keeps to anything.
    pub fn is_empty(&self) -> bool {
        let Self { repository, group, environments, tags, metadata } = self;
        repository.is_none() && group.is_none() && environments.is_empty() && tags.is_empty() && metadata.is_empty()
    }

    /// Conditions on `projects` and its `repositories`.
    pub(super) fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        if let Some(name) = &self.repository {
            conditions.push(
                "(lower(full_name) = ? OR (instr(lower(full_name), ?) > 0 \
                 AND NOT EXISTS (SELECT 1 FROM repositories WHERE lower(full_name) = ?)))",
            );
            let name = name.to_lowercase();
            conditions.parameters.extend((0..3).map(|_| Box::new(name.clone()) as Box<dyn ToSql>));
        }
        conditions.one("EXISTS (SELECT 1 FROM json_each(repositories.groups) WHERE value = ?)", self.group.clone());
        conditions.one("environment IN (SELECT value FROM json_each(?))", listed(&self.environments));
        if let Some(tags) = listed(&self.tags) {
            conditions.push(
                "(tag IN (SELECT value FROM json_each(?)) OR EXISTS (SELECT 1 FROM json_each(document, '$.tags') \
                 WHERE value IN (SELECT value FROM json_each(?))))",
            );
            conditions.parameters.extend((0..2).map(|_| Box::new(tags.clone()) as Box<dyn ToSql>));
        }
        for (key, value) in &self.metadata {
            conditions.push("EXISTS (SELECT 1 FROM json_each(projects.metadata) WHERE key = ? AND value = ?)");
            conditions.parameters.push(Box::new(key.clone()));
            conditions.parameters.push(Box::new(value.clone()));
        }
        conditions
    }
}

/// The conditions of a filter.
pub(super) struct Resolved {
    /// Those that the columns of `findings_by_urgency` decide.
    pub covered: Conditions,
    /// Those that need the row, or more.
    pub rest: Conditions,
    /// Whether the rest names the rows: they are looked up, not looked for.
    pub named: bool,
}

/// Findings on which no decision is in force.
const UNDECIDED: &str = "public_id NOT IN (SELECT finding FROM decisions WHERE ended_at IS NULL)";

impl FindingStore {
    /// The conditions of a filter.
    pub(super) fn resolved(&self, filter: &Filter) -> Result<Resolved> {
        let mut covered = Conditions::default();
        let urgent = filter.urgent() == Some(true);
        if !urgent {
            covered.one("security = ?", filter.security);
        }
        if !urgent || ACTIVE.iter().any(|active| !filter.statuses.iter().any(|it| it == active)) {
            covered.any("findings.status", filter.statuses.clone());
        }
        covered.one("findings.instance_id = ?", filter.instance_id);
        covered.any("findings.kind", filter.kinds.clone());
        covered.any("severity", filter.severities.iter().map(|severity| *severity as i64).collect());
        covered.one("severity >= ?", filter.min_severity.map(|severity| severity as i64));
        covered.one("priority >= ?", filter.min_priority);
        covered.any("reachability", filter.reachability.clone());
        covered.span("findings.first_seen_at", filter.first_seen);
        covered.span("changed_at", filter.changed);
        if !filter.last_seen.is_open() {
            self.last_seen(filter.last_seen, &mut covered)?;
        }
        let mut projects = filter.scope.conditions();
        projects.part("projects.name", filter.project.as_ref());
        covered.within("findings.project_id", projects);
        covered.one("findings.package_id IN (SELECT id FROM packages WHERE name = ?)", filter.package.clone());

        let mut rest = Conditions::default();
        rest.on_branch(&filter.branches);
        rest.one("cvss >= ?", filter.min_cvss);
        rest.one("epss >= ?", filter.min_epss);
        rest.one("findings.kev = ?", filter.kev.then_some(true));
        if let Some((is_new, parameter)) = filter.new_since.as_ref().map(Baseline::condition) {
            rest.push(is_new);
            rest.parameters.push(parameter);
        }
        rest.part("rule_id", filter.rule.as_ref());
        rest.part("path", filter.path.as_ref());
        rest.part_of_any(&["title", "path", "rule_id"], filter.text.as_ref());
        if filter.fix_available {
            rest.push("findings.id IN (SELECT finding_id FROM metric_findings WHERE fix_available = 1)");
        }
        match self.rules_about(filter)? {
            None => {}
            // Known before anything is looked at.
            Some(rules) if rules.is_empty() => rest.push("FALSE"),
            Some(rules) => {
                rest.push("(findings.instance_id, rule_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))");
                rest.parameters.push(Box::new(Value::Array(rules).to_string()));
            }
        }
        let mut named = false;
        if !filter.ids.is_empty() {
            rest.push("public_id IN (SELECT value FROM json_each(?))");
            let ids: Vec<i64> = filter.ids.iter().map(|id| id.0).collect();
            rest.parameters.push(Box::new(json!(ids).to_string()));
            named = true;
        }
        let mut decided = filter.decided.conditions();
        if !decided.sql.is_empty() || filter.is_decided == Some(true) {
            // There are few of them: they are looked up.
            decided.push("decided.ended_at IS NULL");
            let those = format!(
                "findings.id IN (SELECT of.id FROM decisions AS decided \
                 JOIN findings AS of ON of.public_id = decided.finding{})",
                decided.clause()
            );
            rest.parameters.extend(decided.parameters);
            match &filter.or_undecided {
                None => rest.push(those),
                Some(statuses) => {
                    let statuses = listed(statuses);
                    let of =
                        statuses.as_ref().map_or("", |_| " AND findings.status IN (SELECT value FROM json_each(?))");
                    rest.push(format!("({those} OR {UNDECIDED}{of})"));
                    rest.parameters.extend(statuses.map(|it| Box::new(it) as Box<dyn ToSql>));
                }
            }
            named = filter.or_undecided.is_none();
        }
        if filter.is_decided == Some(false) {
            rest.push(UNDECIDED);
        }
        if let Some(advisory) = &filter.advisory {
            rest.push(format!("findings.id IN ({ADVISORY})"));
            rest.parameters.push(Box::new(listed_one(advisory)));
            named = true;
        }
        if let Some(identifier) = &filter.identifier {
            let ids = json!(self.known_as(identifier)?).to_string();
            if self.is_rule(identifier)? {
                rest.push("(rule_id = ? OR findings.id IN (SELECT value FROM json_each(?)))");
                rest.parameters.push(Box::new(identifier.clone()));
            } else {
                rest.push("findings.id IN (SELECT value FROM json_each(?))");
                named = true;
            }
            rest.parameters.push(Box::new(ids));
        }
        Ok(Resolved { covered, rest, named })
    }

    /// Kinds of what is stored. Words of the model stay open: a connector may bring
    /// others.
    pub(crate) fn kinds_in_use(&self) -> Result<Vec<String>> {
        self.in_use("SELECT kind FROM findings UNION SELECT kind FROM dictionaries")
    }

    /// Statuses of the findings that are stored.
    pub(crate) fn statuses_in_use(&self) -> Result<Vec<String>> {
        self.in_use("SELECT DISTINCT status FROM findings")
    }

    /// Verdicts of reachability of the findings that are stored.
    pub(crate) fn verdicts_in_use(&self) -> Result<Vec<String>> {
        self.in_use("SELECT DISTINCT reachability FROM findings WHERE reachability IS NOT NULL")
    }

    /// How the packages that are stored came into their projects.
    pub(crate) fn transitivities_in_use(&self) -> Result<Vec<String>> {
        self.in_use("SELECT DISTINCT transitivity FROM packages")
    }

    fn in_use(&self, words: &str) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare(words)?;
        let words = statement.query_map([], |row| row.get(0))?;
        Ok(words.collect::<rusqlite::Result<_>>()?)
    }

    /// Row ids of the projects with this in their name and within this scope.
    pub(crate) fn project_ids(&self, name: Option<&String>, scope: &ProjectFilter) -> Result<HashSet<i64>> {
        let mut conditions = scope.conditions();
        conditions.part("projects.name", name);
        let mut statement = self.connection.prepare(&format!(
            "SELECT projects.id FROM projects LEFT JOIN repositories ON repositories.id = projects.repository_id{}",
            conditions.clause()
        ))?;
        let ids = statement.query_map(rusqlite::params_from_iter(conditions.parameters()), |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// That a finding was last seen within a period.
    fn last_seen(&self, period: Period, conditions: &mut Conditions) -> Result<()> {
        let runs = self.last_runs()?;
        let list = |within: &dyn Fn(Timestamp) -> bool| {
            let ids = runs.0.values().filter(|(_, at)| within(*at)).map(|(id, _)| id.to_string());
            ids.collect::<Vec<_>>().join(", ")
        };
        let mut marked = Conditions::default();
        marked.span("changed_at", period);
        conditions.push(format!(
            "(findings.status <> '{VANISHED}' AND findings.instance_id IN ({}) \
             OR (findings.status = '{VANISHED}' OR findings.instance_id NOT IN ({})) AND {})",
            list(&|at| period.holds(at)),
            list(&|_| true),
            marked.sql.join(" AND "),
        ));
        conditions.parameters.extend(marked.parameters);
        Ok(())
    }

    /// The rules that are about the weaknesses of a filter, each with its
    /// instance: a weakness stands in the rule's document. None where the
    /// filter names none.
    fn rules_about(&self, filter: &Filter) -> Result<Option<Vec<Value>>> {
        if filter.cwes.is_empty() && filter.top25.is_none() && filter.owasp.is_empty() {
            return Ok(None);
        }
        let mut statement = self.connection.prepare_cached("SELECT instance_id, rule_id, document FROM rules")?;
        let mut rows = statement.query([])?;
        let mut about = Vec::new();
        while let Some(row) = rows.next()? {
            let rule: Rule = document("rule", row.get_ref(2)?.as_str().unwrap_or_default())?;
            let is = |number: u32| rule.cwes.iter().any(|cwe| cwe.number == Some(number));
            let named = filter.cwes.is_empty() || filter.cwes.iter().any(|number| is(*number));
            let listed = filter.top25.is_none_or(|edition| edition.best_rank(&rule.cwes).is_some());
            let in_category = filter.owasp.is_empty() || filter.owasp.iter().any(|wanted| owasp::is_of(&rule, wanted));
            if named && listed && in_category {
                about.push(json!([row.get::<_, i64>(0)?, row.get::<_, String>(1)?]));
            }
        }
        Ok(Some(about))
    }

    fn is_rule(&self, id: &str) -> Result<bool> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM rules WHERE rule_id = ?1 LIMIT 1")?;
        Ok(statement.exists([id])?)
    }

    /// Rows of the findings that are known by a name: their id, a fingerprint,
    /// the vendor's id, or an advisory.
    pub(crate) fn known_as(&self, name: &str) -> Result<Vec<i64>> {
        let mut found = Vec::new();
        let mut by_public_id = self.connection.prepare_cached("SELECT id FROM findings WHERE public_id = ?1")?;
        if let Ok(FindingId(id)) = name.parse() {
            found.extend(by_public_id.query_row([id], |row| row.get::<_, i64>(0)).optional()?);
        }
        // A fingerprint is nowhere but in the hash that is the finding's id: it
        // is made for each project and kind that there is.
        let mut places = self.connection.prepare_cached(
            "SELECT instances.name, identity, kinds.kind FROM projects \
             JOIN instances ON instances.id = instance_id \
             JOIN (SELECT DISTINCT instance_id, kind FROM dictionaries) AS kinds USING (instance_id)",
        )?;
        let mut rows = places.query([])?;
        while let Some(row) = rows.next()? {
            let text = |column: usize| row.get_ref(column).map(|it| it.as_str().unwrap_or_default());
            let id = public_id_of(text(0)?, text(1)?, text(2)?, name);
            found.extend(by_public_id.query_row([id], |row| row.get::<_, i64>(0)).optional()?);
        }
        // A record of a file is one of its project.
        let mut held = self.connection.prepare_cached(
            "SELECT DISTINCT dictionaries.instance_id, origin, kind, projects.id FROM dictionaries \
             LEFT JOIN projects ON projects.instance_id = dictionaries.instance_id AND origin <> ''",
        )?;
        let mut by_vendor_id = self.connection.prepare_cached(
            "SELECT finding_id FROM records WHERE key_hash = ?1 AND record_key = ?2 AND finding_id IS NOT NULL",
        )?;
        let mut rows = held.query([])?;
        while let Some(row) = rows.next()? {
            let kind = Kind::from(row.get::<_, String>(2)?);
            let origin = row.get_ref(1)?.as_str().unwrap_or_default();
            let hash = key_hash(row.get(0)?, origin, row.get(3)?, &kind, name);
            let id = by_vendor_id.query_row(params![hash, name], |row| row.get::<_, i64>(0));
            found.extend(id.optional()?);
        }
        let mut by_advisory = self.connection.prepare_cached(ADVISORY)?;
        for id in by_advisory.query_map([listed_one(name)], |row| row.get(0))? {
            found.push(id?);
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

/// Findings about an advisory. Many findings name the same ones: the index is
/// walked from one list of advisories to the next other one.
const ADVISORY: &str = "WITH RECURSIVE named (list) AS (\
                        SELECT min(advisories) FROM findings INDEXED BY findings_by_advisory \
                        WHERE advisories IS NOT NULL UNION ALL \
                        SELECT (SELECT min(advisories) FROM findings INDEXED BY findings_by_advisory \
                        WHERE advisories > list) FROM named WHERE list IS NOT NULL) \
                        SELECT findings.id FROM named CROSS JOIN findings INDEXED BY findings_by_advisory \
                        ON advisories = list WHERE instr(list, ?) > 0";
