//! Findings as they are now, for whatever is derived from them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{assess, columns::document, compress::Decoder, error::Result, status::severity};
use appsec_model::{Finding, Rule, Severity, Timestamp};
use rusqlite::Connection;

/// A finding as it is now, for whatever is derived from it.
pub(crate) struct Subject<'a> {
    pub public_id: i64,
    pub instance_id: i64,
    pub project_id: i64,
    pub kind: String,
    pub severity: Severity,
    /// That of the leading occurrence, or `vanished`.
    pub status: String,
    pub security: bool,
    pub rule_id: Option<String>,
    pub priority: i64,
    pub cvss: Option<f64>,
    pub epss: Option<f64>,
    pub kev: bool,
    pub ingested_at: Timestamp,
    pub first_seen_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub changed_at: Timestamp,
    pub project: Arc<Scanned>,
    pub rule: Option<Arc<Rule>>,
    /// The leading occurrence, as normalized.
    pub finding: Cow<'a, Finding>,
}

/// The project of a finding, and what the operator says of its scans.
pub(crate) struct Scanned {
    pub name: String,
    pub repository_id: Option<i64>,
    pub environment: Option<String>,
    pub branch: Option<String>,
    pub tag: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

/// One stale finding.
pub(crate) struct Dirty<'a> {
    /// Row id.
    pub id: i64,
    /// As it is now; none where it is gone.
    pub subject: Option<Subject<'a>>,
}

/// A finding that was just written, and that no other record is about.
pub(crate) struct New<'a> {
    /// Row id.
    pub id: i64,
    pub public_id: i64,
    pub project_id: i64,
    pub security: bool,
    pub priority: i64,
    pub cvss: Option<f64>,
    pub epss: Option<f64>,
    pub kev: bool,
    pub first_seen_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub status: &'a str,
    pub finding: &'a Finding,
}

/// Rules by their ids, as they were just written.
pub(crate) type RulesById = HashMap<String, Arc<Rule>>;

/// What many findings of a batch have in common, read once.
#[derive(Default)]
pub(crate) struct Shared {
    /// By instance and id.
    rules: HashMap<(i64, String), Option<Arc<Rule>>>,
    /// By row id.
    projects: HashMap<i64, Arc<Scanned>>,
}

impl Shared {
    /// A finding as it is now; none where it is gone.
    pub fn subject(&mut self, connection: &Connection, decoder: &Decoder, id: i64) -> Result<Option<Subject<'static>>> {
        let mut statement = connection.prepare_cached(
            "SELECT occurrence_id, instance_id, project_id, kind, severity, status, security, rule_id, first_seen_at, \
             changed_at, public_id, priority, cvss, epss, ingested_at, closed_at, kev FROM findings WHERE id = ?1",
        )?;
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let Some(content) = decoder.content(connection, row.get(0)?)? else { return Ok(None) };
        let finding = content.finding()?;
        let (instance_id, project_id) = (row.get(1)?, row.get(2)?);
        let rule_id: Option<String> = row.get(7)?;
        Ok(Some(Subject {
            instance_id,
            project_id,
            kind: row.get(3)?,
            severity: severity(row.get(4)?),
            status: row.get(5)?,
            security: row.get(6)?,
            first_seen_at: Timestamp::from_micros(row.get(8)?),
            changed_at: Timestamp::from_micros(row.get(9)?),
            ingested_at: Timestamp::from_micros(row.get(14)?),
            closed_at: row.get::<_, Option<i64>>(15)?.map(Timestamp::from_micros),
            public_id: row.get(10)?,
            priority: row.get(11)?,
            cvss: row.get(12)?,
            epss: row.get(13)?,
            kev: row.get(16)?,
            project: self.project(connection, project_id)?,
            rule: self.rule(connection, instance_id, rule_id.as_deref())?,
            rule_id,
            finding: Cow::Owned(finding),
        }))
    }

    pub fn rule(&mut self, connection: &Connection, instance_id: i64, id: Option<&str>) -> Result<Option<Arc<Rule>>> {
        let Some(id) = id else { return Ok(None) };
        let key = (instance_id, id.to_owned());
        if let Some(known) = self.rules.get(&key) {
            return Ok(known.clone());
        }
        let found = assess::rule(connection, instance_id, id)?.map(Arc::new);
        self.rules.insert(key, found.clone());
        Ok(found)
    }

    pub fn project(&mut self, connection: &Connection, id: i64) -> Result<Arc<Scanned>> {
        if let Some(known) = self.projects.get(&id) {
            return Ok(known.clone());
        }
        let sql = "SELECT name, repository_id, environment, branch, tag, metadata FROM projects WHERE id = ?1";
        let row = |row: &rusqlite::Row<'_>| {
            let scanned = Scanned {
                name: row.get(0)?,
                repository_id: row.get(1)?,
                environment: row.get(2)?,
                branch: row.get(3)?,
                tag: row.get(4)?,
                metadata: BTreeMap::new(),
            };
            Ok((scanned, row.get::<_, String>(5)?))
        };
        let (mut scanned, metadata) = connection.prepare_cached(sql)?.query_row([id], row)?;
        scanned.metadata = document("metadata", &metadata)?;
        let scanned = Arc::new(scanned);
        self.projects.insert(id, scanned.clone());
        Ok(scanned)
    }
}
