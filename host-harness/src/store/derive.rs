//! What is derived from findings and kept beside them: issues, policy results,
//! metrics.
//!
//! Whatever writes a finding marks it as stale in the same transaction. A
//! refresh takes stale findings in batches, brings what is derived from them up
//! to date, and forgets the mark, again in one transaction: it costs in
//! proportion to what changed, and a crash loses nothing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use appsec_model::{Finding, Rule, Severity, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{
    FindingStore, Result, assess::rule, compress::Decoder, document, findings::severity, issues, metrics, policies,
};

/// Findings that are refreshed in one transaction.
const BATCH: usize = 2_000;

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refreshed {
    /// Findings that were stale.
    pub findings: u64,
}

/// A finding as it is now, for whatever is derived from it.
pub(super) struct Subject {
    pub public_id: i64,
    pub instance_id: i64,
    pub project_id: i64,
    pub repository_id: Option<i64>,
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
    /// Name of the project.
    pub project: String,
    /// The operator's words for the project's scans.
    pub environment: Option<String>,
    pub branch: Option<String>,
    pub tag: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub rule: Option<Arc<Rule>>,
    /// The leading occurrence, as normalized.
    pub finding: Finding,
}

/// One stale finding.
pub(super) struct Stale {
    /// Row id.
    pub id: i64,
    /// As it is now; none where it is gone.
    pub subject: Option<Subject>,
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
        let sql = "SELECT EXISTS (SELECT 1 FROM stale) OR EXISTS (SELECT 1 FROM stale_rules) \
                   OR EXISTS (SELECT 1 FROM stale_blocks)";
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
    metrics::refresh(connection, &batch, now)?;
    issues::derive(connection, &batch)?;
    policies::derive(connection, decoder, compiled, &batch, now)?;
    // The batch is the first of them, in their order.
    if let Some(last) = batch.last() {
        connection.prepare_cached("DELETE FROM stale WHERE finding_id <= ?1")?.execute([last.id])?;
    }
    Ok(batch.len() as u64)
}

/// Marks the findings of rules that changed in what sorts findings: one look at
/// all findings, however many rules there are.
fn mark_changed_rules(connection: &mut Connection) -> Result<()> {
    if !connection.query_row("SELECT EXISTS (SELECT 1 FROM stale_rules)", [], |row| row.get(0))? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT OR IGNORE INTO stale SELECT id FROM findings \
         WHERE (instance_id, rule_id) IN (SELECT instance_id, rule_id FROM stale_rules)",
        [],
    )?;
    transaction.execute("DELETE FROM stale_rules", [])?;
    Ok(transaction.commit()?)
}

/// Some stale findings, as they are now.
fn stale(connection: &Connection, decoder: &Decoder) -> Result<Vec<Stale>> {
    let mut statement = connection.prepare_cached("SELECT finding_id FROM stale ORDER BY finding_id LIMIT ?1")?;
    let ids = statement.query_map([BATCH as i64], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut rules = HashMap::new();
    ids.into_iter().map(|id| Ok(Stale { id, subject: subject(connection, decoder, &mut rules, id)? })).collect()
}

/// The rules of a batch, by instance and id.
pub(super) type Rules = HashMap<(i64, String), Option<Arc<Rule>>>;

/// A finding as it is now.
pub(super) fn subject(
    connection: &Connection,
    decoder: &Decoder,
    rules: &mut Rules,
    id: i64,
) -> Result<Option<Subject>> {
    let occurrence: Option<i64> = connection
        .prepare_cached("SELECT occurrence_id FROM findings WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(occurrence) = occurrence else { return Ok(None) };
    let Some(content) = decoder.content(connection, occurrence)? else { return Ok(None) };
    let finding: Finding = document("finding", std::str::from_utf8(content.document()).unwrap_or_default())?;
    let found = connection
        .prepare_cached(
            "SELECT findings.instance_id, project_id, repository_id, kind, severity, status, security, rule_id, \
             findings.first_seen_at, changed_at, public_id, priority, cvss, epss, projects.name, environment, branch, \
             tag, metadata \
             FROM findings JOIN projects ON projects.id = project_id WHERE findings.id = ?1",
        )?
        .query_row([id], |row| {
            let subject = Subject {
                instance_id: row.get(0)?,
                project_id: row.get(1)?,
                repository_id: row.get(2)?,
                kind: row.get(3)?,
                severity: severity(row.get(4)?),
                status: row.get(5)?,
                security: row.get(6)?,
                rule_id: row.get(7)?,
                first_seen_at: Timestamp::from_micros(row.get(8)?),
                changed_at: Timestamp::from_micros(row.get(9)?),
                public_id: row.get(10)?,
                priority: row.get(11)?,
                cvss: row.get(12)?,
                epss: row.get(13)?,
                project: row.get(14)?,
                environment: row.get(15)?,
                branch: row.get(16)?,
                tag: row.get(17)?,
                metadata: BTreeMap::new(),
                rule: None,
                finding,
            };
            Ok((subject, row.get::<_, String>(18)?))
        })
        .optional()?;
    let Some((mut subject, metadata)) = found else { return Ok(None) };
    subject.metadata = document("metadata", &metadata)?;
    if let Some(rule_id) = &subject.rule_id {
        let key = (subject.instance_id, rule_id.clone());
        subject.rule = match rules.get(&key) {
            Some(known) => known.clone(),
            None => {
                let found = rule(connection, subject.instance_id, rule_id)?.map(Arc::new);
                rules.insert(key, found.clone());
                found
            }
        };
    }
    Ok(Some(subject))
}
