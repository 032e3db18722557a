//! Which violations of policies are reported to whom. What is reported is
//! written down with the delivery that reports it, in one transaction: a crash
//! loses nothing and reports nothing twice.

use std::path::PathBuf;

use appsec_grant::{Audience, EgressPolicy, SecretSource};
use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::{
    columns::{document, json, parsed},
    database::FindingStore,
    error::Result,
    filter::listed,
    ids::FindingId,
};

/// How long a delivery is news, from when it is to be told: longer than all its
/// tries. The triggers of the schema say the same.
pub(crate) const NEWS: i64 = 3 * 24 * 3600 * 1_000_000;

/// An alert is not sent again before that time. What is found meanwhile is in
/// the next message.
const APART: i64 = 5 * 60 * 1_000_000;

words! {
    /// The form of an alert's message.
    AlertFormat {
        /// JSON, signed according to Standard Webhooks.
        Webhook = "webhook",
        /// The body of an incoming webhook of Slack.
        Slack = "slack",
        /// An adaptive card, as Teams takes it.
        Teams = "teams",
        /// A file with a mail for sendmail.
        Mail = "mail",
    }
}

/// Where an alert goes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertTarget {
    /// To a server.
    Web {
        /// The address; its origin alone where the address is the secret.
        address: String,
        /// The origin, and at which addresses it may be.
        egress: EgressPolicy,
        /// Where the secret is read from: the one that signs, or the address.
        secret: SecretSource,
    },
    /// Into a folder.
    Mail {
        /// The folder.
        folder: PathBuf,
        /// Who sends it.
        from: String,
        /// Who is to get it.
        to: String,
    },
}

/// New violations of policies, reported to somebody.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The form of the message.
    pub format: AlertFormat,
    /// Ids of policies; all where there are none.
    pub policies: Vec<String>,
    /// Where it goes.
    pub target: AlertTarget,
    /// When it was set.
    pub set_at: Timestamp,
}

impl Alert {
    /// Where its secret may be used, if it is in the vault.
    pub fn audience(&self) -> Audience {
        match &self.target {
            AlertTarget::Web { address, egress, .. } => Audience::of_webhook(address, egress),
            AlertTarget::Mail { .. } => Audience::nobody(),
        }
    }
}

/// A finding that violates a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AlertMatch {
    /// The policy's id.
    pub policy: String,
    /// The finding.
    pub finding: FindingId,
}

/// What violates policies now, all or these: findings, and the findings of issues.
const VIOLATIONS: &str = "SELECT policies.policy_id, findings.public_id FROM policy_results \
     JOIN policies ON policies.id = policy_results.policy JOIN findings ON findings.id = subject_id \
     WHERE over = 0 AND result = 0 AND policy_results.open = 1 AND findings.instance_id = ?1 \
     AND (?2 IS NULL OR policies.policy_id IN (SELECT value FROM json_each(?2))) \
     UNION SELECT policies.policy_id, findings.public_id FROM policy_results \
     JOIN policies ON policies.id = policy_results.policy JOIN issues ON issues.id = subject_id \
     JOIN issue_members ON issue_row = issues.row JOIN findings ON findings.id = finding_id \
     WHERE over = 1 AND result = 0 AND policy_results.open = 1 AND findings.instance_id = ?1 \
     AND findings.priority > 0 AND (?2 IS NULL OR policies.policy_id IN (SELECT value FROM json_each(?2)))";

impl FindingStore {
    /// Sets an alert of an instance. What violates its policies already is no news.
    pub(crate) fn set_alert(&mut self, instance_id: i64, alert: &Alert) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id: i64 = transaction.query_row(
            "INSERT INTO alerts (instance_id, format, policies, target, set_at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET policies = excluded.policies, target = excluded.target, \
             set_at = excluded.set_at RETURNING id",
            params![
                instance_id,
                alert.format.as_str(),
                json("policies", &alert.policies)?,
                json("target", &alert.target)?,
                alert.set_at.as_micros()
            ],
            |row| row.get(0),
        )?;
        note(&transaction, id, &new_violations(&transaction, instance_id, id, alert)?, None)?;
        Ok(transaction.commit()?)
    }

    /// The alerts of an instance.
    pub(crate) fn alerts(&self, instance_id: i64) -> Result<Vec<Alert>> {
        Ok(of_instance(&self.connection, instance_id)?.into_iter().map(|(_, alert)| alert).collect())
    }

    /// Removes an alert with its deliveries. Tells whether there was any.
    pub(crate) fn remove_alert(&mut self, instance_id: i64, format: AlertFormat) -> Result<bool> {
        let sql = "DELETE FROM alerts WHERE instance_id = ?1 AND format = ?2";
        Ok(self.connection.execute(sql, params![instance_id, format.as_str()])? > 0)
    }

    /// Puts what newly violates policies into the outbox, one message for each
    /// alert; into the one that waits already, if there is one. Policies have to
    /// be evaluated before.
    pub(crate) fn report_violations(&mut self, instance_id: i64, now: Timestamp) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (id, alert) in of_instance(&transaction, instance_id)? {
            // What its source calls fixed is news when it is there again, and so is what was deleted.
            transaction.execute(
                "DELETE FROM alert_matches WHERE alert_id = ?1 \
                 AND finding NOT IN (SELECT public_id FROM findings WHERE instance_id = ?2 AND status <> 'fixed') \
                 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.id = delivery_id AND state = 'pending')",
                [id, instance_id],
            )?;
            let found = new_violations(&transaction, instance_id, id, &alert)?;
            if !found.is_empty() {
                let delivery = waiting(&transaction, instance_id, id, now)?;
                note(&transaction, id, &found, Some(delivery))?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// The alert of a delivery, and what it reports.
pub(crate) fn of_delivery(connection: &Connection, delivery: i64) -> Result<Option<(Alert, Vec<AlertMatch>)>> {
    let sql = "SELECT format, policies, target, set_at FROM alerts \
               WHERE id = (SELECT alert_id FROM deliveries WHERE id = ?1)";
    let Some(alert) = connection.prepare_cached(sql)?.query_row([delivery], |row| Ok(alert(row, 0))).optional()? else {
        return Ok(None);
    };
    let sql = "SELECT policy, finding FROM alert_matches WHERE delivery_id = ?1 ORDER BY policy, finding";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([delivery], matched)?;
    Ok(Some((alert?, rows.collect::<rusqlite::Result<_>>()?)))
}

/// Takes out of a message that is yet to be sent what violates no policy any more:
/// somebody may have decided on it, or mended it. Tells whether anything is left.
pub(crate) fn is_still_news(connection: &Connection, instance_id: i64, delivery: i64) -> Result<bool> {
    connection
        .prepare_cached(&format!(
            "DELETE FROM alert_matches WHERE delivery_id = ?3 AND (policy, finding) NOT IN ({VIOLATIONS})"
        ))?
        .execute(params![instance_id, None::<String>, delivery])?;
    let sql = "SELECT EXISTS (SELECT 1 FROM alert_matches WHERE delivery_id = ?1)";
    Ok(connection.prepare_cached(sql)?.query_row([delivery], |row| row.get(0))?)
}

/// The number of an alert.
pub(crate) fn number(connection: &Connection, instance_id: i64, format: AlertFormat) -> Result<Option<i64>> {
    let sql = "SELECT id FROM alerts WHERE instance_id = ?1 AND format = ?2";
    Ok(connection.prepare_cached(sql)?.query_row(params![instance_id, format.as_str()], |row| row.get(0)).optional()?)
}

fn of_instance(connection: &Connection, instance_id: i64) -> Result<Vec<(i64, Alert)>> {
    let sql = "SELECT id, format, policies, target, set_at FROM alerts WHERE instance_id = ?1 ORDER BY format";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([instance_id])?;
    let mut alerts = Vec::new();
    while let Some(row) = rows.next()? {
        alerts.push((row.get(0)?, alert(row, 1)?));
    }
    Ok(alerts)
}

/// An alert from a row whose columns from there on are these.
fn alert(row: &Row<'_>, first: usize) -> Result<Alert> {
    let text = |column: usize| row.get_ref(column).map(|it| it.as_str().unwrap_or_default());
    Ok(Alert {
        format: parsed(row, first)?,
        policies: document("policies", text(first + 1)?)?,
        target: document("target", text(first + 2)?)?,
        set_at: Timestamp::from_micros(row.get(first + 3)?),
    })
}

fn matched(row: &Row<'_>) -> rusqlite::Result<AlertMatch> {
    Ok(AlertMatch { policy: row.get(0)?, finding: FindingId(row.get(1)?) })
}

fn new_violations(connection: &Connection, instance_id: i64, id: i64, alert: &Alert) -> Result<Vec<AlertMatch>> {
    let mut statement = connection.prepare_cached(&format!(
        "{VIOLATIONS} EXCEPT SELECT policy, finding FROM alert_matches WHERE alert_id = ?3"
    ))?;
    let rows = statement.query_map(params![instance_id, listed(&alert.policies), id], matched)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn note(connection: &Connection, id: i64, found: &[AlertMatch], delivery: Option<i64>) -> Result<()> {
    let sql = "INSERT INTO alert_matches (alert_id, policy, finding, delivery_id) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    for it in found {
        insert.execute(params![id, it.policy, it.finding.0, delivery])?;
    }
    Ok(())
}

/// The delivery of an alert that nobody has tried yet; makes one if there is
/// none, to be sent now or when the last one is some time ago.
fn waiting(connection: &Connection, instance_id: i64, id: i64, now: Timestamp) -> Result<i64> {
    let sql =
        "SELECT id FROM deliveries WHERE alert_id = ?1 AND run_id IS NOT NULL AND state = 'pending' AND tries = 0";
    if let Some(waiting) = connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()? {
        return Ok(waiting);
    }
    let sql = "SELECT max(tried_at) FROM deliveries WHERE alert_id = ?1 AND run_id IS NOT NULL";
    let last: Option<i64> = connection.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
    let next = last.map_or(now.as_micros(), |last| now.as_micros().max(last.saturating_add(APART)));
    connection
        .prepare_cached(
            "INSERT INTO deliveries (instance_id, event_id, run_id, alert_id, state, created_at, next_at, expires_at) \
             SELECT ?1, 'evt_' || lower(hex(randomblob(16))), max(id), ?2, 'pending', ?3, ?4, ?5 \
             FROM runs WHERE instance_id = ?1",
        )?
        .execute(params![instance_id, id, now.as_micros(), next, next.saturating_add(NEWS)])?;
    Ok(connection.last_insert_rowid())
}

#[cfg(test)]
mod tests;
