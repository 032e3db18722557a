//! Findings as they are shown: a row of a list, and all that is known of one.

use crate::{
    assess::assess,
    columns::{InOrder, document, json},
    compress::CONTENT_COLUMNS,
    database::FindingStore,
    decided::{DECIDED, DECIDED_COLUMNS, DecisionRow, decision_row},
    error::{Result, StoreError},
    history::ChangeRow,
    ids::FindingId,
    policies::{PolicyFilter, PolicyResult},
    ratings::spelled,
    runs::LastRuns,
    scans::Attribution,
    status::severity,
    subject::Shared,
};
use appsec_analysis::{Advisory, Edition, Priority, fix};
use appsec_model::{Diagnostic, DiagnosticLevel, Finding, Fix, Rule, Severity, Timestamp};
use rusqlite::{CachedStatement, OptionalExtension, Row, Rows, params};
use serde::Serialize;
use std::sync::{Arc, LazyLock};

/// A finding in a list.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FindingRow {
    /// Its id.
    pub id: FindingId,
    /// Name of the instance that reported it.
    pub instance: String,
    /// Name of its project.
    pub project: String,
    /// Full name of the repository that the project is of.
    pub repository: Option<String>,
    /// Environment of the project's scans, as set by the operator.
    pub environment: Option<String>,
    /// Its kind.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// Where it stands: by its leading occurrence, or `vanished`, or as was decided here.
    pub status: String,
    /// Whether it is about security: no only where the vendor says so.
    pub security: bool,
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
    /// Numbers of its advisories.
    pub advisories: Vec<String>,
    /// Its weaknesses by their number in the CWE.
    pub cwes: Vec<u32>,
    /// The best rank of one of them on the newest CWE Top 25.
    pub cwe_rank: Option<u8>,
    /// How urgent it is, from 0 to 100; `finding` shows why.
    pub priority: u8,
    /// CVSS score of its advisory, from the operator's files.
    pub cvss: Option<f64>,
    /// Probability that it is exploited: the vendor's, or from the operator's files.
    pub epss: Option<f64>,
    /// Whether it is known to be exploited: the KEV catalogue of the operator lists its advisory.
    pub kev: bool,
    /// When it was first seen: by the source's date where it gives one.
    pub first_seen_at: Timestamp,
    /// When a run first brought it.
    pub ingested_at: Timestamp,
    /// When it was closed: by the source's date where it gives one. None while it
    /// is open, and where nobody knows.
    pub closed_at: Option<Timestamp>,
    /// When it was last seen: by the last run of its instance, or, where it has
    /// vanished since, when that was marked.
    pub last_seen_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// On how many refs it is.
    pub occurrences: u32,
    /// What was decided about it here, and is in force.
    pub decision: Option<DecisionRow>,
    /// What only the vendor's record tells, where a view asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<RowFacts>,
}

/// What a view shows of a finding from the vendor's record.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct RowFacts {
    /// How the vulnerable package came into the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transitivity: Option<String>,
    /// Upgrades that fix it, as `package version`; empty where none is known,
    /// none where the vendor says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixes: Option<Vec<String>>,
    /// What a leaked secret opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether it still works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,
}

impl From<&Finding> for RowFacts {
    fn from(finding: &Finding) -> Self {
        let dependency = finding.dependency.as_ref();
        let fixes = dependency.and_then(|dependency| match fix::known(dependency) {
            Fix::NotSaid => None,
            Fix::NoneKnown => Some(Vec::new()),
            Fix::Upgrades { upgrades } => {
                Some(upgrades.iter().map(|it| format!("{} {}", it.package, it.version)).collect())
            }
        });
        let secret = finding.secret.as_ref();
        Self {
            transitivity: dependency.map(|it| it.transitivity.to_string()),
            fixes,
            service: secret.and_then(|it| it.service.clone()),
            validation: secret.map(|it| it.validation.to_string()),
        }
    }
}

/// A finding with all that is known of it.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FindingDetail {
    /// As in a list.
    #[serde(flatten)]
    pub row: FindingRow,
    /// Its rule.
    pub rule: Option<Rule>,
    /// How urgent it is, and why.
    pub assessment: Priority,
    /// Ratings of its advisory, from the operator's files.
    pub ratings: Option<Advisory>,
    /// Its rank on each edition of the CWE Top 25, the newest first.
    pub cwe_top25: Vec<Top25Rank>,
    /// Where it comes from, as far as the vendor tells.
    pub attribution: Option<Attribution>,
    /// Its occurrences; the leading one first.
    pub occurrence_details: Vec<OccurrenceDetail>,
    /// Policies that it violates or that could not be evaluated, worst first.
    pub policy_results: Vec<PolicyResult>,
    /// All that was ever decided about it here, newest first.
    pub decisions: Vec<DecisionRow>,
    /// What changed after the run that first ingested it, newest first.
    pub history: Vec<ChangeRow>,
}

/// How much of a finding is looked up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// What it is: no remarks, no history, and no results of policies.
    Facts,
    /// All that is known of it.
    Whole,
    /// That, and the vendor's records.
    Raw,
}

/// A rank on a CWE Top 25.
#[derive(Clone, Copy, Debug, Serialize, schemars::JsonSchema)]
pub struct Top25Rank {
    /// The edition.
    pub edition: Edition,
    /// The rank of the most dangerous of the rule's weaknesses.
    pub rank: u8,
}

/// A finding on one ref.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct OccurrenceDetail {
    /// Which files it is from; empty for the vendor's API.
    pub origin: String,
    /// When it vanished.
    pub vanished_at: Option<Timestamp>,
    /// As normalized.
    pub finding: Finding,
    /// Remarks on its record.
    pub diagnostics: Vec<Diagnostic>,
    /// The vendor's record, if asked for.
    pub raw: Option<serde_json::Value>,
}

/// In the order of [`finding_row`].
pub(super) static FINDING_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "findings.id, findings.instance_id, findings.project_id, occurrence_id, findings.public_id, instances.name, \
     projects.name, full_name, environment, findings.kind, severity, findings.status, security, title, rule_id, path, \
     start_line, CASE WHEN packages.id IS NULL THEN NULL ELSE trim(packages.name || ' ' || packages.version) END, \
     reachability, advisories, priority, cvss, epss, kev, findings.first_seen_at, findings.ingested_at, closed_at, \
     changed_at, \
     (SELECT count(*) FROM records WHERE records.project_id = findings.project_id AND finding_id = findings.id), \
     {DECIDED_COLUMNS} \
     FROM findings {DECIDED} JOIN instances ON instances.id = findings.instance_id \
     JOIN projects ON projects.id = findings.project_id \
     LEFT JOIN repositories ON repositories.id = projects.repository_id \
     LEFT JOIN packages ON packages.id = findings.package_id"
    )
});

/// Rows that a finding is made of.
pub(super) struct RowIds {
    pub finding: i64,
    pub instance: i64,
    pub project: i64,
    /// Of the record that leads.
    pub leading: i64,
}

/// A finding in a list; its weaknesses stand in its rule, and come from there.
pub(super) fn finding_row(row: &Row<'_>) -> rusqlite::Result<(FindingRow, RowIds)> {
    let mut columns = InOrder::from(row);
    let rows = RowIds {
        finding: columns.take()?,
        instance: columns.take()?,
        project: columns.take()?,
        leading: columns.take()?,
    };
    let moment = Timestamp::from_micros;
    let found = FindingRow {
        id: FindingId(columns.take()?),
        instance: columns.take()?,
        project: columns.take()?,
        repository: columns.take()?,
        environment: columns.take()?,
        kind: columns.take()?,
        severity: severity(columns.take()?),
        status: columns.take()?,
        security: columns.take()?,
        title: columns.take()?,
        rule_id: columns.take()?,
        path: columns.take()?,
        start_line: columns.take()?,
        package: columns.take()?,
        reachability: columns.take()?,
        advisories: columns.take::<Option<String>>()?.as_deref().map(spelled).unwrap_or_default(),
        cwes: Vec::new(),
        cwe_rank: None,
        priority: columns.take()?,
        cvss: columns.take()?,
        epss: columns.take()?,
        kev: columns.take()?,
        first_seen_at: moment(columns.take()?),
        ingested_at: moment(columns.take()?),
        closed_at: columns.take::<Option<i64>>()?.map(moment),
        changed_at: moment(columns.take()?),
        // Until the runs are asked.
        last_seen_at: Timestamp::default(),
        occurrences: columns.take()?,
        decision: decision_row(columns)?,
        facts: None,
    };
    Ok((found, rows))
}

impl FindingRow {
    /// Fills in when it was last seen.
    pub(super) fn is_seen_by(&mut self, runs: &LastRuns) {
        self.last_seen_at = runs.last_seen(&self.instance, &self.status, self.changed_at);
    }

    /// Fills in what the rule says of weaknesses.
    pub(super) fn is_about(&mut self, rule: Option<&Rule>) {
        let cwes = rule.map(|rule| rule.cwes.as_slice()).unwrap_or_default();
        self.cwes = cwes.iter().filter_map(|cwe| cwe.number).collect();
        self.cwe_rank = Edition::default().best_rank(cwes);
    }
}

/// Looks findings up, one after another: what many of them have in common is read once.
pub(super) struct Details<'s> {
    store: &'s FindingStore,
    depth: Depth,
    runs: LastRuns,
    shared: Shared,
    finding: CachedStatement<'s>,
    leading: CachedStatement<'s>,
    others: CachedStatement<'s>,
    judged: Marked,
    decided: Marked,
    changed: Marked,
    remarked: Marked,
}

/// Of what something further is kept, by id and in order. Most findings have no policy
/// against them, no decision, no history and no remark: whoever looks many of them up
/// does not ask for each.
#[derive(Default)]
struct Marked(Option<Vec<i64>>);

impl Marked {
    fn all(store: &FindingStore, sql: &str) -> Result<Self> {
        let mut statement = store.connection.prepare(sql)?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(Self(Some(ids.collect::<rusqlite::Result<_>>()?)))
    }

    /// Whether it is worth asking.
    fn has(&self, id: i64) -> bool {
        self.0.as_ref().is_none_or(|ids| ids.binary_search(&id).is_ok())
    }
}

impl<'s> Details<'s> {
    /// As deep as it is wanted.
    pub fn new(store: &'s FindingStore, depth: Depth) -> Result<Self> {
        let prepared = |sql: &str| store.connection.prepare_cached(sql);
        Ok(Self {
            store,
            depth,
            runs: store.last_runs()?,
            shared: Shared::default(),
            finding: prepared(&format!("SELECT {} WHERE findings.id = ?1", *FINDING_COLUMNS))?,
            leading: prepared(&format!("SELECT {} FROM records WHERE id = ?1", *OCCURRENCE_COLUMNS))?,
            others: prepared(&format!(
                "SELECT {} FROM records \
                 WHERE project_id = ?1 AND finding_id = ?2 AND id <> ?3 ORDER BY id",
                *OCCURRENCE_COLUMNS
            ))?,
            judged: Marked::default(),
            decided: Marked::default(),
            changed: Marked::default(),
            remarked: Marked::default(),
        })
    }

    /// The same for many findings.
    pub fn of_many(store: &'s FindingStore, depth: Depth) -> Result<Self> {
        let details = Self::new(store, depth)?;
        if depth == Depth::Facts {
            return Ok(details);
        }
        let all = |sql| Marked::all(store, sql);
        Ok(Self {
            judged: all("SELECT DISTINCT subject_id FROM policy_results WHERE over = 0 ORDER BY subject_id")?,
            decided: all("SELECT DISTINCT finding FROM decisions ORDER BY finding")?,
            changed: all("SELECT DISTINCT finding_id FROM changes ORDER BY finding_id")?,
            remarked: all("SELECT DISTINCT record_id FROM diagnostics WHERE record_id IS NOT NULL ORDER BY record_id")?,
            ..details
        })
    }

    /// A finding by its row.
    pub fn of(&mut self, row: i64) -> Result<Option<FindingDetail>> {
        let Self { store, depth, .. } = *self;
        let is_whole = depth != Depth::Facts;
        let Some((mut row, rows)) = self.finding.query_row([row], finding_row).optional()? else { return Ok(None) };
        let rule = self.shared.rule(&store.connection, rows.instance, row.rule_id.as_deref())?;
        row.is_about(rule.as_deref());
        row.is_seen_by(&self.runs);
        let remarked = &self.remarked;
        let occurrence = |record: &Row<'_>| store.occurrence(record, depth, remarked);
        let mut occurrence_details = all(self.leading.query([rows.leading])?, occurrence)?;
        if row.occurrences > 1 {
            let others = self.others.query([rows.project, rows.finding, rows.leading])?;
            occurrence_details.extend(all(others, occurrence)?);
        }
        let Some(leading) = occurrence_details.first() else { return Ok(None) };
        let scan = leading.finding.first_seen_scan.as_deref();
        let assessed = assess(&store.connection, &leading.finding, &row.status, rule.as_deref())?;
        let cwes = rule.as_ref().map(|rule| rule.cwes.as_slice()).unwrap_or_default();
        let of_it = PolicyFilter { finding: Some(row.id), ..PolicyFilter::default() };
        let is_told = |marked: &Marked, id: i64| is_whole && marked.has(id);
        let ranked = |edition: Edition| Some(Top25Rank { edition, rank: edition.best_rank(cwes)? });
        Ok(Some(FindingDetail {
            assessment: assessed.priority,
            ratings: assessed.ratings,
            cwe_top25: Edition::ALL.into_iter().filter_map(ranked).collect(),
            attribution: scan.map(|scan| store.attribution(rows.instance, scan)).transpose()?.flatten(),
            rule: rule.map(Arc::unwrap_or_clone),
            occurrence_details,
            policy_results: match is_told(&self.judged, rows.finding) {
                true => store.policy_results(&of_it, u32::MAX)?.0,
                false => Vec::new(),
            },
            decisions: match is_told(&self.decided, row.id.0) {
                true => store.decisions_of(row.id)?,
                false => Vec::new(),
            },
            history: match is_told(&self.changed, rows.finding) {
                true => store.history(rows.finding)?,
                false => Vec::new(),
            },
            row,
        }))
    }
}

/// In the order of [`FindingStore::occurrence`].
static OCCURRENCE_COLUMNS: LazyLock<String> = LazyLock::new(|| format!("{CONTENT_COLUMNS}, id, vanished_at, origin"));

/// All rows that a statement has left.
fn all<T>(mut rows: Rows<'_>, of_row: impl Fn(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(of_row(row)?);
    }
    Ok(all)
}

impl FindingStore {
    /// A finding with all that is known of it; its raw records too, if asked.
    pub(crate) fn finding(&self, id: FindingId, with_raw: bool) -> Result<Option<FindingDetail>> {
        let sql = "SELECT id FROM findings WHERE public_id = ?1";
        let row: Option<i64> = self.connection.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
        let depth = if with_raw { Depth::Raw } else { Depth::Whole };
        Ok(row.map(|row| Details::new(self, depth)?.of(row)).transpose()?.flatten())
    }

    fn occurrence(&self, record: &Row<'_>, depth: Depth, remarked: &Marked) -> Result<OccurrenceDetail> {
        let mut columns = InOrder::from(record);
        let content = self.decoder.content_of(&self.connection, &mut columns)?;
        let record_id = columns.take()?;
        let is_remarked = depth != Depth::Facts && remarked.has(record_id);
        Ok(OccurrenceDetail {
            vanished_at: columns.take::<Option<i64>>()?.map(Timestamp::from_micros),
            origin: columns.take()?,
            finding: content.finding()?,
            diagnostics: if is_remarked { self.diagnostics_of(record_id)? } else { Vec::new() },
            raw: if depth == Depth::Raw { Some(parsed("raw record", content.body())?) } else { None },
        })
    }

    fn diagnostics_of(&self, record_id: i64) -> Result<Vec<Diagnostic>> {
        let mut statement =
            self.connection.prepare_cached("SELECT document FROM diagnostics WHERE record_id = ?1 ORDER BY id")?;
        let mut rows = statement.query([record_id])?;
        let mut diagnostics = Vec::new();
        while let Some(row) = rows.next()? {
            diagnostics.push(document("diagnostic", row.get_ref(0)?.as_str().unwrap_or_default())?);
        }
        Ok(diagnostics)
    }

    /// The first remarks of a run, or those of a level.
    pub(crate) fn diagnostics(
        &self,
        run_id: i64,
        level: Option<DiagnosticLevel>,
        limit: u32,
    ) -> Result<Vec<Diagnostic>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT document FROM diagnostics WHERE (run_id = ?1 OR last_run_id = ?1) \
             AND coalesce(document -> '$.level' = ?2, 1) ORDER BY id LIMIT ?3",
        )?;
        let level = level.map(|it| json("level", &it)).transpose()?;
        let mut rows = statement.query(params![run_id, level, limit])?;
        let mut diagnostics = Vec::new();
        while let Some(row) = rows.next()? {
            diagnostics.push(document("diagnostic", row.get_ref(0)?.as_str().unwrap_or_default())?);
        }
        Ok(diagnostics)
    }

    /// Findings by kind, severity and status, for summaries.
    pub(crate) fn finding_counts(&self, instance_id: Option<i64>) -> Result<Vec<(String, Severity, String, u64)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT kind, severity, status, count(*) FROM findings WHERE ?1 IS NULL OR instance_id = ?1 \
             GROUP BY kind, severity, status ORDER BY kind, severity DESC, status",
        )?;
        let rows = statement
            .query_map([instance_id], |row| Ok((row.get(0)?, severity(row.get(1)?), row.get(2)?, row.get(3)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn parsed<T: serde::de::DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Document { what, source })
}
