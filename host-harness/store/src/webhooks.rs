//! Where the ends of runs are told, and how that goes. The rows of deliveries
//! are written by triggers, in the transaction that ends the run.

use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

use crate::{
    alerts::{self, Alert, AlertFormat, AlertMatch, NEWS},
    columns::{document, json, parsed},
    database::FindingStore,
    error::{Result, StoreError},
    runs::Run,
};
use appsec_grant::{Audience, EgressPolicy, SecretSource};

/// How long a delivery that is at its end stays in the log.
const KEPT: i64 = 30 * 24 * 3600 * 1_000_000;

/// Where the end of an instance's runs is told.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// The origin of the address, and at which addresses it may be.
    pub egress: EgressPolicy,
    /// Where the secret that signs is read from.
    pub secret: SecretSource,
    /// When it was set.
    pub set_at: Timestamp,
}

impl Webhook {
    /// Where its secret may be used, if it is in the vault.
    pub fn audience(&self) -> Audience {
        Audience::of_webhook(&self.url, &self.egress)
    }
}

words! {
    /// How a delivery is.
    DeliveryState {
        /// Not tried yet, or to be tried again.
        Pending = "pending",
        /// The receiver took it.
        Delivered = "delivered",
        /// It is not tried again.
        Failed = "failed",
    }
}

/// A notification and the state of its delivery.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// Id of the event, the same in every try.
    pub event_id: String,
    /// Name of the instance.
    pub instance: String,
    /// The run that ended, or that found what is reported; none for a test.
    pub run: Option<i64>,
    /// The form of the alert; none where it tells the end of the run.
    pub alert: Option<AlertFormat>,
    /// How it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// When the run ended.
    pub created_at: Timestamp,
    /// When it is tried next; none where it is at its end.
    pub next_at: Option<Timestamp>,
    /// When it was last tried.
    pub tried_at: Option<Timestamp>,
    /// HTTP status of the last answer.
    pub status: Option<u16>,
    /// The beginning of that answer.
    pub answer: Option<String>,
    /// Why the last try was not taken.
    pub problem: Option<String>,
}

/// A delivery that this process is to try now.
#[derive(Debug)]
pub struct ClaimedDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// Row id of the instance.
    pub instance_id: i64,
    /// Where it goes, with what.
    pub target: DeliveryTarget,
}

/// Where a delivery goes, with what.
#[derive(Debug)]
pub enum DeliveryTarget {
    /// To the webhook of the instance: a run that ended, or a test.
    Webhook(Webhook, Option<Box<Run>>),
    /// To an alert of it: what violates policies, or nothing for a test.
    Alert(Alert, Vec<AlertMatch>),
}

/// How a try went.
#[derive(Clone, Debug)]
pub struct Tried {
    /// How the delivery is now.
    pub state: DeliveryState,
    /// When to try again.
    pub next_at: Option<Timestamp>,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// The beginning of it.
    pub answer: Option<String>,
    /// Why it was not taken.
    pub problem: Option<String>,
}

/// Which delivery to try.
#[derive(Clone, Copy, Debug)]
pub enum DueDelivery {
    /// The one that has waited longest, if its time has come.
    By(Timestamp),
    /// This one, whatever its time.
    Id(i64),
}

const COLUMNS: &str = "deliveries.id, event_id, instances.name AS instance, run_id, deliveries.state, tries, \
                       deliveries.created_at, next_at, tried_at, deliveries.status, answer, problem, \
                       deliveries.instance_id, (SELECT format FROM alerts WHERE alerts.id = alert_id) AS alert";

impl FindingStore {
    /// Sets where the ends of an instance's runs are told.
    pub(crate) fn set_webhook(&mut self, instance_id: i64, webhook: &Webhook) -> Result<()> {
        self.connection.execute(
            "INSERT INTO webhooks (instance_id, url, egress, secret, set_at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET url = excluded.url, egress = excluded.egress, secret = excluded.secret, \
             set_at = excluded.set_at",
            params![
                instance_id,
                webhook.url,
                json("egress", &webhook.egress)?,
                json("secret source", &webhook.secret)?,
                webhook.set_at.as_micros()
            ],
        )?;
        Ok(())
    }

    /// Where the ends of an instance's runs are told.
    pub(crate) fn webhook(&self, instance_id: i64) -> Result<Option<Webhook>> {
        webhook(&self.connection, instance_id)
    }

    /// Forgets it, and with it what still waits to be told. Tells whether there
    /// was any.
    pub(crate) fn remove_webhook(&mut self, instance_id: i64) -> Result<bool> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let removed = transaction.execute("DELETE FROM webhooks WHERE instance_id = ?1", [instance_id])? > 0;
        transaction.execute(
            "UPDATE deliveries SET state = 'failed', next_at = NULL, problem = 'the webhook was removed' \
             WHERE instance_id = ?1 AND alert_id IS NULL AND state = 'pending'",
            [instance_id],
        )?;
        transaction.commit()?;
        Ok(removed)
    }

    /// Writes down a test of an instance's webhook or alert, and returns its
    /// number; none where there is no such alert. Until `until` it waits for whoever
    /// claims it by that.
    pub(crate) fn add_test_delivery(
        &mut self,
        instance_id: i64,
        alert: Option<AlertFormat>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<i64>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let alert = match alert {
            Some(format) => match alerts::number(&transaction, instance_id, format)? {
                Some(number) => Some(number),
                // Without it the test would go to the webhook.
                None => return Ok(None),
            },
            None => None,
        };
        transaction.execute(
            "INSERT INTO deliveries (instance_id, event_id, alert_id, state, created_at, next_at, expires_at) \
             VALUES (?1, 'evt_' || lower(hex(randomblob(16))), ?5, 'pending', ?2, ?3, ?4)",
            params![instance_id, now.as_micros(), until.as_micros(), now.as_micros().saturating_add(NEWS), alert],
        )?;
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        Ok(Some(id))
    }

    /// Takes a delivery for one try. Until `until` no other process tries it;
    /// should this one die, it is tried again then. What is no news any more is
    /// given up first.
    pub(crate) fn claim_delivery(
        &mut self,
        due: DueDelivery,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<ClaimedDelivery>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE deliveries SET state = 'failed', next_at = NULL, problem = 'it could not be told while it was news' \
             WHERE next_at IS NOT NULL AND expires_at <= ?1 AND state = 'pending'",
            [now.as_micros()],
        )?;
        let (condition, parameter) = match due {
            DueDelivery::By(moment) => ("next_at <= ?1", moment.as_micros()),
            DueDelivery::Id(id) => ("deliveries.id = ?1", id),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries JOIN instances ON instances.id = deliveries.instance_id \
             WHERE {condition} AND deliveries.state = 'pending' AND NOT instances.unaccepted \
             ORDER BY next_at, deliveries.id LIMIT 1"
        );
        let (instance_id, mut delivery) = loop {
            let found = transaction
                .prepare_cached(&sql)?
                .query_row([parameter], |row| Ok((row.get("instance_id")?, delivery(row))))
                .optional()?;
            let Some((instance_id, delivery)) = found else {
                transaction.commit()?;
                return Ok(None);
            };
            let delivery = delivery?;
            // Not where somebody asks for this one.
            let is_first = matches!(due, DueDelivery::By(_)) && delivery.tries == 0;
            let is_alert = delivery.alert.is_some() && delivery.run.is_some();
            if !is_first || !is_alert || alerts::is_still_news(&transaction, instance_id, delivery.id)? {
                break (instance_id, delivery);
            }
            transaction.execute("DELETE FROM deliveries WHERE id = ?1", [delivery.id])?;
        };
        delivery.tries += 1;
        transaction.execute(
            "UPDATE deliveries SET tries = ?2, tried_at = ?3, next_at = ?4 WHERE id = ?1",
            params![delivery.id, delivery.tries, now.as_micros(), until.as_micros()],
        )?;
        let alert = alerts::of_delivery(&transaction, delivery.id)?;
        let webhook = webhook(&transaction, instance_id)?;
        transaction.commit()?;
        // Only an instance with a webhook has others that are pending.
        let target = match (alert, webhook) {
            (Some((alert, matches)), _) => DeliveryTarget::Alert(alert, matches),
            (None, Some(webhook)) => {
                let run = delivery.run.map(|run| self.run(run)).transpose()?.flatten();
                DeliveryTarget::Webhook(webhook, run.map(Box::new))
            }
            (None, None) => return Err(StoreError::Corrupt),
        };
        Ok(Some(ClaimedDelivery { delivery, instance_id, target }))
    }

    /// Writes down how a try went, unless another process has taken the delivery
    /// over since. What has been at its end for long is forgotten.
    pub(crate) fn note_delivery(&mut self, claimed: &Delivery, tried: &Tried, now: Timestamp) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE deliveries SET state = ?2, next_at = ?3, status = ?4, answer = ?5, problem = ?6 \
             WHERE id = ?1 AND state = 'pending' AND tries = ?7",
            params![
                claimed.id,
                tried.state.as_str(),
                tried.next_at.map(Timestamp::as_micros),
                tried.status,
                tried.answer,
                tried.problem,
                claimed.tries
            ],
        )?;
        let oldest = now.as_micros().saturating_sub(KEPT);
        let sql = "DELETE FROM deliveries WHERE state <> 'pending' AND coalesce(tried_at, created_at) < ?1";
        transaction.execute(sql, [oldest])?;
        Ok(transaction.commit()?)
    }

    /// Makes a delivery pending again, as if it had never been tried. Tells
    /// whether there is one of that number with a webhook to go to.
    pub(crate) fn renew_delivery(&mut self, id: i64, now: Timestamp) -> Result<bool> {
        let renewed = self.connection.execute(
            "UPDATE deliveries SET state = 'pending', tries = 0, next_at = ?2, expires_at = ?3 WHERE id = ?1 \
             AND (alert_id IS NOT NULL OR instance_id IN (SELECT instance_id FROM webhooks))",
            params![id, now.as_micros(), now.as_micros().saturating_add(NEWS)],
        )?;
        Ok(renewed > 0)
    }

    /// When the next delivery is due. Those of instances that nobody has accepted
    /// yet wait.
    pub(crate) fn next_delivery_at(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT next_at FROM deliveries WHERE next_at IS NOT NULL \
                   AND instance_id NOT IN (SELECT id FROM instances WHERE unaccepted) ORDER BY next_at LIMIT 1";
        let next: Option<i64> = self.connection.query_row(sql, [], |row| row.get(0)).optional()?;
        Ok(next.map(Timestamp::from_micros))
    }

    /// A delivery.
    pub(crate) fn delivery(&self, id: i64) -> Result<Option<Delivery>> {
        Ok(self.select_deliveries("deliveries.id = ?1", id, 1)?.pop())
    }

    /// The last deliveries of an instance, or of all, newest first.
    pub(crate) fn deliveries(&self, instance_id: Option<i64>, limit: u32) -> Result<Vec<Delivery>> {
        match instance_id {
            Some(id) => self.select_deliveries("deliveries.instance_id = ?1", id, limit),
            None => self.select_deliveries("?1 = 0", 0, limit),
        }
    }

    /// How many deliveries of an instance, or of all, are in the log.
    pub(crate) fn delivery_count(&self, instance_id: Option<i64>) -> Result<u64> {
        let sql = "SELECT count(*) FROM deliveries WHERE ?1 IS NULL OR instance_id = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([instance_id], |row| row.get(0))?)
    }

    fn select_deliveries(&self, condition: &str, parameter: i64, limit: u32) -> Result<Vec<Delivery>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM deliveries JOIN instances ON instances.id = deliveries.instance_id \
             WHERE {condition} ORDER BY deliveries.id DESC LIMIT ?2"
        ))?;
        let mut rows = statement.query(params![parameter, limit])?;
        let mut deliveries = Vec::new();
        while let Some(row) = rows.next()? {
            deliveries.push(delivery(row)?);
        }
        Ok(deliveries)
    }
}

/// Gives up what waits in a store that was brought back: it may have been told
/// since.
pub(super) fn give_up(connection: &Connection) -> Result<()> {
    connection.execute(
        "UPDATE deliveries SET state = 'failed', next_at = NULL, \
         problem = 'the store was brought back from a backup, and it may have been told since' WHERE state = 'pending'",
        [],
    )?;
    Ok(())
}

fn webhook(connection: &Connection, instance_id: i64) -> Result<Option<Webhook>> {
    let sql = "SELECT url, egress, secret, set_at FROM webhooks WHERE instance_id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([instance_id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Webhook {
        url: row.get(0)?,
        egress: document("egress", row.get_ref(1)?.as_str().unwrap_or_default())?,
        secret: document("secret source", row.get_ref(2)?.as_str().unwrap_or_default())?,
        set_at: Timestamp::from_micros(row.get(3)?),
    }))
}

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    let moment = |column: &str| row.get::<_, Option<i64>>(column).map(|it| it.map(Timestamp::from_micros));
    Ok(Delivery {
        id: row.get("id")?,
        event_id: row.get("event_id")?,
        instance: row.get("instance")?,
        run: row.get("run_id")?,
        alert: match row.get_ref("alert")? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(parsed(row, "alert")?),
        },
        state: parsed(row, "state")?,
        tries: row.get("tries")?,
        created_at: Timestamp::from_micros(row.get("created_at")?),
        next_at: moment("next_at")?,
        tried_at: moment("tried_at")?,
        status: row.get("status")?,
        answer: row.get("answer")?,
        problem: row.get("problem")?,
    })
}

#[cfg(test)]
mod tests;
