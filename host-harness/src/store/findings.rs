//! Reading findings and packages.

use std::{fmt, str::FromStr};

use appsec_model::{Diagnostic, Finding, Rule, Severity, Timestamp};
use rusqlite::{OptionalExtension, Row, ToSql, params};
use serde::{Serialize, Serializer};

use super::{FindingStore, Result, StoreError, compress, document};

/// What a finding is known by: 16 hex digits, the same in every sync.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FindingId(pub(super) i64);

impl fmt::Display for FindingId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{:016x}", self.0))
    }
}

/// A text is no id of a finding.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no id of a finding: it has 16 hex digits, such as 0123456789abcdef")]
pub struct FindingIdError(String);

impl FromStr for FindingId {
    type Err = FindingIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = digits.then(|| i64::from_str_radix(text, 16).ok()).flatten();
        id.map(Self).ok_or_else(|| FindingIdError(text.chars().take(40).collect()))
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for FindingId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FindingId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
    }
}

/// Which findings to show. Lists are alternatives; an empty one is no filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Row id of the instance.
    pub instance_id: Option<i64>,
    /// Kinds.
    pub kinds: Vec<String>,
    /// Severities.
    pub severities: Vec<Severity>,
    /// Statuses.
    pub statuses: Vec<String>,
    /// A part of the project's name.
    pub project: Option<String>,
    /// A part of the rule's id.
    pub rule: Option<String>,
    /// A part of the path.
    pub path: Option<String>,
    /// Name of the package.
    pub package: Option<String>,
    /// An advisory, such as a CVE number.
    pub advisory: Option<String>,
    /// Verdicts of reachability.
    pub reachability: Vec<String>,
    /// A part of the title.
    pub text: Option<String>,
    /// At most that many.
    pub limit: u32,
    /// Without that many of the first.
    pub offset: u32,
}

/// A finding in a list.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FindingRow {
    /// Its id.
    pub id: FindingId,
    /// Name of the instance that brought it.
    pub instance: String,
    /// Name of its project.
    pub project: String,
    /// Its kind.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// The status of its leading occurrence, or `vanished`.
    pub status: String,
    /// A short line for people.
    pub title: String,
    /// Id of its rule.
    pub rule_id: Option<String>,
    /// File.
    pub path: Option<String>,
    /// Line in the file.
    pub start_line: Option<u32>,
    /// The vulnerable package, as `name version`.
    pub package: Option<String>,
    /// Verdict of reachability.
    pub reachability: Option<String>,
    /// When it was first brought.
    pub first_seen_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// On how many refs it is.
    pub occurrences: u32,
}

/// A finding with all that is known of it.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FindingDetail {
    /// As in a list.
    #[serde(flatten)]
    pub row: FindingRow,
    /// Its rule.
    pub rule: Option<Rule>,
    /// Its occurrences; the leading one first.
    pub occurrence_details: Vec<OccurrenceDetail>,
}

/// A finding on one ref.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct OccurrenceDetail {
    /// Since when it is not there any more.
    pub vanished_at: Option<Timestamp>,
    /// As normalized.
    pub finding: Finding,
    /// Remarks on its record.
    pub diagnostics: Vec<Diagnostic>,
    /// The vendor's record, if asked for.
    pub raw: Option<serde_json::Value>,
}

/// A package in a list.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PackageRow {
    /// Name of the instance that brought it.
    pub instance: String,
    /// Name of the project that uses it.
    pub project: String,
    /// Its ecosystem.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Package URL.
    pub purl: Option<String>,
    /// How it came into the project.
    pub transitivity: String,
    /// Web address of the line in the lockfile.
    pub lockfile_url: Option<String>,
    /// Open findings on it.
    pub open_findings: u32,
    /// The worst of them.
    pub worst_severity: Option<Severity>,
}

fn severity(rank: i64) -> Severity {
    Severity::ALL.into_iter().find(|severity| *severity as i64 == rank).unwrap_or_default()
}

const FINDING_COLUMNS: &str = "findings.public_id AS id, findings.id AS row, instances.name AS instance, projects.name AS project, findings.kind, severity, \
     findings.status, title, rule_id, path, start_line, \
     CASE WHEN packages.id IS NULL THEN NULL ELSE trim(packages.name || ' ' || packages.version) END AS package, \
     reachability, findings.first_seen_at, changed_at, findings.instance_id, occurrence_id, \
     (SELECT count(*) FROM occurrences WHERE finding_id = findings.id) AS occurrences \
     FROM findings JOIN instances ON instances.id = findings.instance_id \
     JOIN projects ON projects.id = findings.project_id LEFT JOIN packages ON packages.id = findings.package_id";

fn finding_row(row: &Row<'_>) -> rusqlite::Result<FindingRow> {
    Ok(FindingRow {
        id: FindingId(row.get("id")?),
        instance: row.get("instance")?,
        project: row.get("project")?,
        kind: row.get("kind")?,
        severity: severity(row.get("severity")?),
        status: row.get("status")?,
        title: row.get("title")?,
        rule_id: row.get("rule_id")?,
        path: row.get("path")?,
        start_line: row.get("start_line")?,
        package: row.get("package")?,
        reachability: row.get("reachability")?,
        first_seen_at: Timestamp::from_micros(row.get("first_seen_at")?),
        changed_at: Timestamp::from_micros(row.get("changed_at")?),
        occurrences: row.get("occurrences")?,
    })
}

/// Conditions of a query and their parameters.
#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    parameters: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn one(&mut self, sql: &str, parameter: Option<impl ToSql + 'static>) {
        if let Some(parameter) = parameter {
            self.sql.push(sql.to_owned());
            self.parameters.push(Box::new(parameter));
        }
    }

    fn any<T: ToSql + 'static>(&mut self, column: &str, parameters: Vec<T>) {
        if !parameters.is_empty() {
            self.sql.push(format!("{column} IN ({})", vec!["?"; parameters.len()].join(", ")));
            self.parameters.extend(parameters.into_iter().map(|parameter| Box::new(parameter) as Box<dyn ToSql>));
        }
    }

    fn part(&mut self, column: &str, part: Option<&String>) {
        // `instr` takes every sign as it is, unlike LIKE.
        self.one(&format!("instr(lower({column}), ?) > 0"), part.map(|part| part.to_lowercase()));
    }

    fn clause(&self) -> String {
        if self.sql.is_empty() { String::new() } else { format!(" WHERE {}", self.sql.join(" AND ")) }
    }
}

impl Filter {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.one("findings.instance_id = ?", self.instance_id);
        conditions.any("findings.kind", self.kinds.clone());
        conditions.any("severity", self.severities.iter().map(|severity| *severity as i64).collect());
        conditions.any("findings.status", self.statuses.clone());
        conditions.any("reachability", self.reachability.clone());
        conditions.part("projects.name", self.project.as_ref());
        conditions.part("rule_id", self.rule.as_ref());
        conditions.part("path", self.path.as_ref());
        conditions.part("title", self.text.as_ref());
        conditions.one("packages.name = ?", self.package.clone());
        conditions.one(
            "EXISTS (SELECT 1 FROM occurrences, json_each(document, '$.dependency.advisories') AS advisory \
             WHERE finding_id = findings.id AND upper(advisory.value ->> 'id') = upper(?))",
            self.advisory.clone(),
        );
        conditions
    }
}

impl FindingStore {
    /// Findings of a filter, worst first, and how many there are in all.
    pub fn findings(&self, filter: &Filter) -> Result<(Vec<FindingRow>, u64)> {
        let conditions = filter.conditions();
        let clause = conditions.clause();
        let mut parameters: Vec<&dyn ToSql> = conditions.parameters.iter().map(AsRef::as_ref).collect();
        let count = format!(
            "SELECT count(*) FROM findings JOIN projects ON projects.id = findings.project_id \
             LEFT JOIN packages ON packages.id = findings.package_id{clause}"
        );
        let total = self.connection.query_row(&count, parameters.as_slice(), |row| row.get(0))?;
        parameters.extend([&filter.limit as &dyn ToSql, &filter.offset]);
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {FINDING_COLUMNS}{clause} ORDER BY severity DESC, projects.name, findings.kind, path, start_line, \
             findings.public_id LIMIT ? OFFSET ?"
        ))?;
        let rows = statement.query_map(parameters.as_slice(), finding_row)?;
        Ok((rows.collect::<rusqlite::Result<_>>()?, total))
    }

    /// A finding with all that is known of it; its raw records too, if asked.
    pub fn finding(&self, id: FindingId, with_raw: bool) -> Result<Option<FindingDetail>> {
        let sql = format!("SELECT {FINDING_COLUMNS} WHERE findings.public_id = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement
            .query_row([id.0], |row| {
                let leading: i64 = row.get("occurrence_id")?;
                let instance: i64 = row.get("instance_id")?;
                let row_id: i64 = row.get("row")?;
                Ok((finding_row(row)?, row_id, leading, instance))
            })
            .optional()?;
        let Some((row, row_id, leading, instance_id)) = found else { return Ok(None) };
        let rule: Option<String> = self
            .connection
            .prepare_cached("SELECT document FROM rules WHERE instance_id = ?1 AND rule_id = ?2")?
            .query_row(params![instance_id, row.rule_id], |row| row.get(0))
            .optional()?;
        let mut statement = self.connection.prepare_cached(
            "SELECT id, vanished_at, document FROM occurrences WHERE finding_id = ?1 ORDER BY id <> ?2, id",
        )?;
        let mut rows = statement.query(params![row_id, leading])?;
        let mut occurrence_details = Vec::new();
        while let Some(row) = rows.next()? {
            let raw_id: i64 = row.get(0)?;
            occurrence_details.push(OccurrenceDetail {
                vanished_at: row.get::<_, Option<i64>>(1)?.map(Timestamp::from_micros),
                finding: document("finding", row.get_ref(2)?.as_str().unwrap_or_default())?,
                diagnostics: self.diagnostics_of(raw_id)?,
                raw: if with_raw { self.raw(raw_id)? } else { None },
            });
        }
        Ok(Some(FindingDetail { row, rule: rule.map(|rule| document("rule", &rule)).transpose()?, occurrence_details }))
    }

    fn diagnostics_of(&self, raw_id: i64) -> Result<Vec<Diagnostic>> {
        let mut statement =
            self.connection.prepare_cached("SELECT document FROM diagnostics WHERE raw_id = ?1 ORDER BY id")?;
        let mut rows = statement.query([raw_id])?;
        let mut diagnostics = Vec::new();
        while let Some(row) = rows.next()? {
            diagnostics.push(document("diagnostic", row.get_ref(0)?.as_str().unwrap_or_default())?);
        }
        Ok(diagnostics)
    }

    /// Remarks of a run.
    pub fn diagnostics(&self, run_id: i64, limit: u32) -> Result<Vec<Diagnostic>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT document FROM diagnostics WHERE run_id = ?1 ORDER BY id LIMIT ?2")?;
        let mut rows = statement.query(params![run_id, limit])?;
        let mut diagnostics = Vec::new();
        while let Some(row) = rows.next()? {
            diagnostics.push(document("diagnostic", row.get_ref(0)?.as_str().unwrap_or_default())?);
        }
        Ok(diagnostics)
    }

    /// A raw record as the vendor sent it.
    fn raw(&self, raw_id: i64) -> Result<Option<serde_json::Value>> {
        let sql = "SELECT body, length_bytes, content FROM raw_records \
                   LEFT JOIN dictionaries ON dictionaries.id = dictionary_id WHERE raw_records.id = ?1";
        let found = self
            .connection
            .query_row(sql, [raw_id], |row| {
                let body: Vec<u8> = row.get(0)?;
                let length: usize = row.get(1)?;
                let dictionary: Option<Vec<u8>> = row.get(2)?;
                Ok((body, length, dictionary.unwrap_or_default()))
            })
            .optional()?;
        let Some((body, length, dictionary)) = found else { return Ok(None) };
        let text = compress::decompress(&dictionary, &body, length)?;
        serde_json::from_slice(&text).map(Some).map_err(|source| StoreError::Document { what: "raw record", source })
    }

    /// Packages, those with the worst open findings first. `search` is a part
    /// of the name or of the package URL.
    pub fn packages(
        &self,
        instance_id: Option<i64>,
        search: Option<&str>,
        limit: u32,
        offset: u32,
    ) -> Result<(Vec<PackageRow>, u64)> {
        let mut conditions = Conditions::default();
        conditions.one("packages.instance_id = ?", instance_id);
        conditions.part("(packages.name || ' ' || coalesce(packages.purl, ''))", search.map(str::to_owned).as_ref());
        let clause = conditions.clause();
        let mut parameters: Vec<&dyn ToSql> = conditions.parameters.iter().map(AsRef::as_ref).collect();
        let count = format!("SELECT count(*) FROM packages{clause}");
        let total = self.connection.query_row(&count, parameters.as_slice(), |row| row.get(0))?;
        parameters.extend([&limit as &dyn ToSql, &offset]);
        let mut statement = self.connection.prepare_cached(&format!(
            "WITH open AS (SELECT package_id, count(*) AS number, max(severity) AS worst FROM findings \
             WHERE package_id IS NOT NULL AND status IN ('open', 'reviewing', 'fixing') GROUP BY package_id) \
             SELECT instances.name AS instance, projects.name AS project, ecosystem, packages.name AS name, version, purl, \
             transitivity, lockfile_url, coalesce(open.number, 0) AS number, open.worst AS worst \
             FROM packages JOIN instances ON instances.id = packages.instance_id \
             JOIN projects ON projects.id = packages.project_id LEFT JOIN open ON open.package_id = packages.id{clause} \
             ORDER BY coalesce(worst, -1) DESC, number DESC, packages.name, version, projects.name LIMIT ? OFFSET ?"
        ))?;
        let rows = statement.query_map(parameters.as_slice(), |row| {
            let version: String = row.get("version")?;
            Ok(PackageRow {
                instance: row.get("instance")?,
                project: row.get("project")?,
                ecosystem: row.get("ecosystem")?,
                name: row.get("name")?,
                version: Some(version).filter(|version| !version.is_empty()),
                purl: row.get("purl")?,
                transitivity: row.get("transitivity")?,
                lockfile_url: row.get("lockfile_url")?,
                open_findings: row.get("number")?,
                worst_severity: row.get::<_, Option<i64>>("worst")?.map(severity),
            })
        })?;
        Ok((rows.collect::<rusqlite::Result<_>>()?, total))
    }

    /// Findings by kind, severity and status, for summaries.
    pub fn finding_counts(&self, instance_id: Option<i64>) -> Result<Vec<(String, Severity, String, u64)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT kind, severity, status, count(*) FROM findings WHERE ?1 IS NULL OR instance_id = ?1 \
             GROUP BY kind, severity, status ORDER BY kind, severity DESC, status",
        )?;
        let rows = statement
            .query_map([instance_id], |row| Ok((row.get(0)?, severity(row.get(1)?), row.get(2)?, row.get(3)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
