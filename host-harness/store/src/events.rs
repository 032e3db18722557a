//! Events of vendors: who takes them, what they ask for, and what came of them.

use appsec_model::{Event, EventType, Timestamp};
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

use crate::{
    columns::{document, json, parsed},
    database::FindingStore,
    error::Result,
};
use appsec_grant::{InstanceName, SecretSource};

/// How long an event is remembered: the same one again is nothing new.
const KEPT: i64 = 3 * 24 * 3600 * 1_000_000;

/// Events of one instance that may wait for a sync.
const MAX_PENDING: u64 = 10_000;

words! {
    /// How an event is.
    EventState {
        /// Waits for a sync.
        Pending = "pending",
        /// A sync was made of what it names.
        Done = "done",
        /// There is nothing to sync.
        Ignored = "ignored",
        /// The sync failed; the next usual one makes up for it.
        Failed = "failed",
    }
}

/// An event of a vendor.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct EventRow {
    /// Its number.
    pub id: i64,
    /// Name of the instance.
    pub instance: String,
    /// What it is about.
    pub event: Event,
    /// How it is.
    pub state: EventState,
    /// Why it failed, or why nothing was read.
    pub problem: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was done with.
    pub ended_at: Option<Timestamp>,
    /// The sync that was made.
    pub run: Option<i64>,
}

/// What became of an event that came in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Noted {
    /// It waits for a sync.
    Waits,
    /// There is nothing to sync.
    Ignored,
    /// It was known.
    Known,
    /// Too many wait.
    Full,
}

/// An instance with events that wait.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its name.
    pub instance: InstanceName,
    /// When the first of them came.
    pub since: Timestamp,
}

impl FindingStore {
    /// Lets an instance take events, signed with this secret.
    pub(crate) fn set_inbox(&mut self, instance_id: i64, secret: &SecretSource, now: Timestamp) -> Result<()> {
        self.connection.execute(
            "INSERT INTO inboxes (instance_id, secret, set_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET secret = excluded.secret, set_at = excluded.set_at",
            params![instance_id, json("secret source", secret)?, now.as_micros()],
        )?;
        Ok(())
    }

    /// Where the secret is read from that an instance's events are signed with.
    pub(crate) fn inbox(&self, instance_id: i64) -> Result<Option<SecretSource>> {
        let sql = "SELECT secret FROM inboxes WHERE instance_id = ?1";
        let found: Option<String> =
            self.connection.prepare_cached(sql)?.query_row([instance_id], |row| row.get(0)).optional()?;
        found.map(|source| document("secret source", &source)).transpose()
    }

    /// Lets an instance take no events. Tells whether it took any.
    pub(crate) fn remove_inbox(&mut self, instance_id: i64) -> Result<bool> {
        Ok(self.connection.execute("DELETE FROM inboxes WHERE instance_id = ?1", [instance_id])? > 0)
    }

    /// Whether anything of the tenant is told to others, or by others.
    pub(crate) fn uses_webhooks(&self) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM webhooks) OR EXISTS (SELECT 1 FROM alerts) OR EXISTS (SELECT 1 FROM inboxes) \
                   OR EXISTS (SELECT 1 FROM events WHERE state = 'pending')";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// Whether an event of this hash came in lately.
    pub(crate) fn knows_event(&self, instance_id: i64, sha256: &[u8], now: Timestamp) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM events WHERE instance_id = ?1 AND sha256 = ?2 \
                   AND (state = 'pending' OR received_at >= ?3))";
        let oldest = now.as_micros().saturating_sub(KEPT);
        Ok(self.connection.prepare_cached(sql)?.query_row(params![instance_id, sha256, oldest], |row| row.get(0))?)
    }

    /// Writes down an event that came in.
    pub(crate) fn note_event(
        &mut self,
        instance_id: i64,
        sha256: &[u8],
        event: &Event,
        now: Timestamp,
    ) -> Result<Noted> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "DELETE FROM events WHERE state <> 'pending' AND received_at < ?1",
            [now.as_micros().saturating_sub(KEPT)],
        )?;
        let sql = "SELECT count(*) FROM events WHERE instance_id = ?1 AND state = 'pending'";
        let pending: u64 = transaction.query_row(sql, [instance_id], |row| row.get(0))?;
        if pending >= MAX_PENDING {
            return Ok(Noted::Full);
        }
        let ignored = matches!(event.what, EventType::Ignored { .. });
        let added = transaction.execute(
            "INSERT INTO events (instance_id, sha256, vendor_id, event, state, received_at, ended_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            params![
                instance_id,
                sha256,
                event.id,
                json("event", event)?,
                if ignored { "ignored" } else { "pending" },
                now.as_micros(),
                ignored.then(|| now.as_micros()),
            ],
        )?;
        transaction.commit()?;
        Ok(match (added, ignored) {
            (0, _) => Noted::Known,
            (_, true) => Noted::Ignored,
            (_, false) => Noted::Waits,
        })
    }

    /// Instances with events that wait, those that wait longest first.
    pub(crate) fn waiting_events(&self) -> Result<Vec<Waiting>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name, min(received_at) FROM events JOIN instances ON instances.id = instance_id \
             WHERE state = 'pending' GROUP BY instance_id ORDER BY 2",
        )?;
        let mut rows = statement.query([])?;
        let mut waiting = Vec::new();
        while let Some(row) = rows.next()? {
            // Only checked names are ever written.
            let instance = parsed(row, 0)?;
            waiting.push(Waiting { instance, since: Timestamp::from_micros(row.get(1)?) });
        }
        Ok(waiting)
    }

    /// The events of an instance that wait.
    pub(crate) fn pending_events(&self, instance_id: i64) -> Result<Vec<EventRow>> {
        self.select_events("events.instance_id = ?1 AND events.state = 'pending'", instance_id, u32::MAX)
    }

    /// Writes down what came of events.
    pub(crate) fn end_events(
        &mut self,
        ids: &[i64],
        state: EventState,
        run: Option<i64>,
        problem: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut update = transaction.prepare_cached(
                "UPDATE events SET state = ?2, run_id = ?3, problem = ?4, ended_at = ?5 WHERE id = ?1",
            )?;
            for id in ids {
                update.execute(params![id, state.as_str(), run, problem, now.as_micros()])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Ends runs that an event led to and that were cut off: nobody goes on with
    /// them, since their events still wait.
    pub(crate) fn end_cut_off_event_runs(&mut self, instance_id: i64, now: Timestamp) -> Result<()> {
        self.connection.execute(
            "UPDATE runs SET state = 'failed', message = 'cut off; its events were synced anew', finished_at = ?2 \
             WHERE instance_id = ?1 AND mode = 'event' AND state = 'running'",
            params![instance_id, now.as_micros()],
        )?;
        Ok(())
    }

    /// The last events of an instance, or of all, newest first.
    pub(crate) fn events(&self, instance_id: Option<i64>, limit: u32) -> Result<Vec<EventRow>> {
        match instance_id {
            Some(id) => self.select_events("events.instance_id = ?1", id, limit),
            None => self.select_events("?1 = 0", 0, limit),
        }
    }

    fn select_events(&self, condition: &str, parameter: i64, limit: u32) -> Result<Vec<EventRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT events.id, instances.name AS instance, event, events.state, problem, received_at, ended_at, run_id \
             FROM events JOIN instances ON instances.id = events.instance_id \
             WHERE {condition} ORDER BY events.id DESC LIMIT ?2"
        ))?;
        let mut rows = statement.query(params![parameter, limit])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event(row)?);
        }
        Ok(events)
    }
}

fn event(row: &Row<'_>) -> Result<EventRow> {
    Ok(EventRow {
        id: row.get("id")?,
        instance: row.get("instance")?,
        event: document("event", row.get_ref("event")?.as_str().unwrap_or_default())?,
        state: parsed(row, "state")?,
        problem: row.get("problem")?,
        received_at: Timestamp::from_micros(row.get("received_at")?),
        ended_at: row.get::<_, Option<i64>>("ended_at")?.map(Timestamp::from_micros),
        run: row.get("run_id")?,
    })
}

#[cfg(test)]
mod tests {
    use appsec_model::{Event, EventType, Kind, ProjectRef};

    use super::{EventState, KEPT, Noted};
    use crate::fixture::{TestContext, at};

    fn event(project: &str) -> Event {
        Event {
            what: EventType::FindingsChanged,
            id: None,
            projects: vec![ProjectRef { id: None, name: Some(project.to_owned()) }],
            kinds: vec![Kind::Sast],
        }
    }

    #[test]
    fn the_same_event_again_is_nothing_new_until_it_is_forgotten() {
        let context = TestContext::new();
        let id = context.instance_id;
        context.store.with(|store| {
            assert_eq!(store.note_event(id, b"one", &event("a"), at(10)).unwrap(), Noted::Waits);
            assert!(store.knows_event(id, b"one", at(11)).unwrap() && !store.knows_event(id, b"two", at(11)).unwrap());
            assert_eq!(store.note_event(id, b"one", &event("a"), at(12)).unwrap(), Noted::Known);
            // One that waits is never forgotten.
            assert!(store.knows_event(id, b"one", at(KEPT + 11)).unwrap());
            let pending: Vec<i64> = store.pending_events(id).unwrap().iter().map(|it| it.id).collect();
            store.end_events(&pending, EventState::Done, Some(3), None, at(13)).unwrap();
            assert!(store.knows_event(id, b"one", at(14)).unwrap());
            assert_eq!(store.note_event(id, b"one", &event("a"), at(KEPT + 11)).unwrap(), Noted::Waits);
        });
    }

    #[test]
    fn events_wait_in_line_by_instance_and_what_is_ignored_does_not() {
        let context = TestContext::new();
        let id = context.instance_id;
        let ignored = Event { what: EventType::Ignored { reason: "a test".to_owned() }, ..event("a") };
        context.store.with(|store| {
            assert_eq!(store.note_event(id, b"0", &ignored, at(5)).unwrap(), Noted::Ignored);
            assert!(store.waiting_events().unwrap().is_empty());
            store.note_event(id, b"1", &event("a"), at(10)).unwrap();
            store.note_event(id, b"2", &event("b"), at(20)).unwrap();
            let waiting = store.waiting_events().unwrap();
            assert_eq!((waiting.len(), waiting[0].instance.as_str(), waiting[0].since), (1, "code", at(10)));
            assert_eq!(store.pending_events(id).unwrap().len(), 2);
            assert_eq!(store.events(Some(id), 9).unwrap()[0].event, event("b"));
        });
    }
}
