//! What is derived from findings and kept beside them: issues, policy results,
//! metrics.
//!
//! For findings that a page brings for the first time, and that no other record
//! is about, the transaction that writes them also derives what is derived, from
//! what it has at hand. Whatever else writes a finding marks it as stale in the
//! same transaction. A [refresh](super::refresh) takes stale findings in batches, brings what is
//! derived from them up to date, and forgets the mark, again in one transaction.
//! It costs in proportion to what changed, and a crash loses nothing.

use std::borrow::Cow;

use crate::{
    compiled::Compiled,
    compress::Decoder,
    error::Result,
    issues, metrics, policies,
    subject::{Dirty, New, RulesById, Shared, Subject},
};
use appsec_model::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

/// Findings that are refreshed in one transaction.
const BATCH: usize = 2_000;

/// Brings everything up to date within a transaction of the caller's.
pub(super) fn refresh_all(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &Compiled,
    now: Timestamp,
) -> Result<()> {
    while refresh_batch(connection, decoder, compiled, now)? > 0 {}
    while issues::settle_blocks(connection)? > 0 {}
    policies::refresh_issues(connection, decoder, compiled, now)
}

/// Refreshes some findings; returns how many, 0 when there are none left.
pub(super) fn refresh_batch(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &Compiled,
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
    compiled: &Compiled,
    batch: &[Dirty<'_>],
    now: Timestamp,
) -> Result<()> {
    metrics::refresh(connection, batch)?;
    issues::derive(connection, batch)?;
    policies::derive(connection, decoder, compiled, batch, now)
}

/// Derives what is derived from findings that were just written, within their
/// transaction. They are in the order of their row ids; `rules` holds those that
/// came with them.
pub(super) fn derive_new<'a>(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &Compiled,
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
            status: it.status.to_owned(),
            security: it.security,
            rule_id: finding.rule_id.clone(),
            priority: it.priority,
            cvss: it.cvss,
            epss: it.epss,
            kev: it.kev,
            ingested_at: now,
            first_seen_at: it.first_seen_at,
            closed_at: it.closed_at,
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
pub(super) fn mark_changed_rules(connection: &mut Connection) -> Result<()> {
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
