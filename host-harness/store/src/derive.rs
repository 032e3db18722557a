//! What is derived from findings and kept beside them: issues, policy results,
//! metrics.
//!
//! For findings that a page brings for the first time, and that no other record
//! is about, the transaction that writes them also derives what is derived, from
//! what it has at hand. Whatever else writes a finding marks it as stale in the
//! same transaction. A refresh takes stale findings in batches, brings what is
//! derived from them up to date, and forgets the mark, again in one transaction.
//! It costs in proportion to what changed, and a crash loses nothing.

use crate::status;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use appsec_model::{Finding, Rule, Severity, Timestamp};
use rusqlite::{Connection, TransactionBehavior};

use super::{FindingStore, Result, assess, compress::Decoder, document, findings::severity, issues, metrics, policies};

/// Findings that are refreshed in one transaction.
const BATCH: usize = 2_000;

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refreshed {
    /// Findings that were stale.
    pub findings: u64,
}

/// A finding as it is now, for whatever is derived from it.
pub(super) struct Subject<'a> {
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
    pub first_seen_at: Timestamp,
    pub changed_at: Timestamp,
    pub project: Arc<Scanned>,
    pub rule: Option<Arc<Rule>>,
    /// The leading occurrence, as normalized.
    pub finding: Cow<'a, Finding>,
}

/// The project of a finding, and what the operator says of its scans.
pub(super) struct Scanned {
    pub name: String,
    pub repository_id: Option<i64>,
    pub environment: Option<String>,
    pub branch: Option<String>,
    pub tag: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

/// One stale finding.
pub(super) struct Dirty<'a> {
    /// Row id.
    pub id: i64,
    /// As it is now; none where it is gone.
    pub subject: Option<Subject<'a>>,
}

impl FindingStore {
    /// Brings everything that is derived from findings up to date.
    pub fn refresh(&mut self, now: Timestamp) -> Result<Refreshed> {
        let mut refreshed = Refreshed::default();
        mark_changed_rules(&mut self.connection)?;
        loop {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let taken = refresh_batch(&transaction, &self.decoder, &self.compiled, now)?;
            if taken == 0 {
                break;
            }
            transaction.commit()?;
            refreshed.findings += taken;
        }
        loop {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if issues::settle_blocks(&transaction)? == 0 {
                break;
            }
            transaction.commit()?;
        }
        self.refresh_policies(now)?;
        Ok(refreshed)
    }

    /// Whether anything waits for a refresh.
    pub fn is_stale(&self) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM dirty_findings) OR EXISTS (SELECT 1 FROM dirty_rules) \
                   OR EXISTS (SELECT 1 FROM dirty_blocks)";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }
}

/// Brings everything up to date within a transaction of the caller's.
pub(super) fn refresh_all(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &policies::Compiled,
    now: Timestamp,
) -> Result<()> {
    while refresh_batch(connection, decoder, compiled, now)? > 0 {}
    while issues::settle_blocks(connection)? > 0 {}
    policies::refresh_issues(connection, decoder, compiled, now)
}

/// Refreshes some findings; returns how many, 0 when there are none left.
fn refresh_batch(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &policies::Compiled,
    now: Timestamp,
) -> Result<u64> {
    let batch = stale(connection, decoder)?;
    derive(connection, decoder, compiled, &batch, now)?;
    // The batch is the first of them, in their order.
    if let Some(last) = batch.last() {
        connection.prepare_cached("DELETE FROM dirty_findings WHERE finding_id <= ?1")?.execute([last.id])?;
    }
    Ok(batch.len() as u64)
}

fn derive(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &policies::Compiled,
    batch: &[Dirty<'_>],
    now: Timestamp,
) -> Result<()> {
    metrics::refresh(connection, batch)?;
    issues::derive(connection, batch)?;
    policies::derive(connection, decoder, compiled, batch, now)
}

/// A finding that was just written, and that no other record is about.
pub(super) struct New<'a> {
    /// Row id.
    pub id: i64,
    pub public_id: i64,
    pub project_id: i64,
    pub security: bool,
    pub priority: i64,
    pub cvss: Option<f64>,
    pub epss: Option<f64>,
    pub finding: &'a Finding,
}

/// Rules by their ids, as they were just written.
pub(super) type RulesById = HashMap<String, Arc<Rule>>;

/// Derives what is derived from findings that were just written, within their
/// transaction. They are in the order of their row ids; `rules` holds those that
/// came with them.
pub(super) fn derive_new<'a>(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &policies::Compiled,
    instance_id: i64,
    new: Vec<New<'a>>,
    rules: &RulesById,
    now: Timestamp,
) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut shared = Shared::default();
    let subject = |it: New<'a>| {
        let finding = it.finding;
        let subject = Subject {
            public_id: it.public_id,
            instance_id,
            project_id: it.project_id,
            kind: finding.kind.as_str().to_owned(),
            severity: finding.severity,
            status: status::word(&finding.lifecycle.status).to_owned(),
            security: it.security,
            rule_id: finding.rule_id.clone(),
            priority: it.priority,
            cvss: it.cvss,
            epss: it.epss,
            first_seen_at: now,
            changed_at: now,
            project: shared.project(connection, it.project_id)?,
            rule: match finding.rule_id.as_ref().and_then(|id| rules.get(id)) {
                Some(rule) => Some(rule.clone()),
                None => shared.rule(connection, instance_id, finding.rule_id.as_deref())?,
            },
            finding: Cow::Borrowed(finding),
        };
        Ok(Dirty { id: it.id, subject: Some(subject) })
    };
    let batch = new.into_iter().map(subject).collect::<Result<Vec<_>>>()?;
    derive(connection, decoder, compiled, &batch, now)
}

/// Marks the findings of rules that changed in what sorts findings: one look at
/// the findings that may be of them, however many rules there are.
fn mark_changed_rules(connection: &mut Connection) -> Result<()> {
    if !connection.query_row("SELECT EXISTS (SELECT 1 FROM dirty_rules)", [], |row| row.get(0))? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT OR IGNORE INTO dirty_findings SELECT id FROM findings \
         WHERE id <= (SELECT max(last_finding) FROM dirty_rules) AND EXISTS (SELECT 1 FROM dirty_rules AS changed \
         WHERE changed.instance_id = findings.instance_id AND changed.rule_id = findings.rule_id \
         AND last_finding >= findings.id)",
        [],
    )?;
    transaction.execute("DELETE FROM dirty_rules", [])?;
    Ok(transaction.commit()?)
}

/// Some stale findings, as they are now.
fn stale(connection: &Connection, decoder: &Decoder) -> Result<Vec<Dirty<'static>>> {
    let mut statement =
        connection.prepare_cached("SELECT finding_id FROM dirty_findings ORDER BY finding_id LIMIT ?1")?;
    let ids = statement.query_map([BATCH as i64], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut shared = Shared::default();
    ids.into_iter().map(|id| Ok(Dirty { id, subject: shared.subject(connection, decoder, id)? })).collect()
}

/// What many findings of a batch have in common, read once.
#[derive(Default)]
pub(super) struct Shared {
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
             changed_at, public_id, priority, cvss, epss FROM findings WHERE id = ?1",
        )?;
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let Some(content) = decoder.content(connection, row.get(0)?)? else { return Ok(None) };
        let finding: Finding = document("finding", std::str::from_utf8(content.document()).unwrap_or_default())?;
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
            public_id: row.get(10)?,
            priority: row.get(11)?,
            cvss: row.get(12)?,
            epss: row.get(13)?,
            project: self.project(connection, project_id)?,
            rule: self.rule(connection, instance_id, rule_id.as_deref())?,
            rule_id,
            finding: Cow::Owned(finding),
        }))
    }

    fn rule(&mut self, connection: &Connection, instance_id: i64, id: Option<&str>) -> Result<Option<Arc<Rule>>> {
        let Some(id) = id else { return Ok(None) };
        let key = (instance_id, id.to_owned());
        if let Some(known) = self.rules.get(&key) {
            return Ok(known.clone());
        }
        let found = assess::rule(connection, instance_id, id)?.map(Arc::new);
        self.rules.insert(key, found.clone());
        Ok(found)
    }

    fn project(&mut self, connection: &Connection, id: i64) -> Result<Arc<Scanned>> {
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
