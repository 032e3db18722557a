//! When instances are synced next, and how it went so far.

use appsec_model::Timestamp;
use rusqlite::{Row, TransactionBehavior, params};

use crate::{
    columns::{document, json},
    database::FindingStore,
    error::Result,
    schedule::{LONGEST_BACKOFF, Next, Plan},
};
use appsec_grant::InstanceName;

/// When an instance is synced.
#[derive(Clone, Debug)]
pub struct ScheduleRow {
    /// Row id of the instance.
    pub instance_id: i64,
    /// Name of the instance.
    pub instance: InstanceName,
    /// How often.
    pub plan: Plan,
    /// Not now: its instance is paused.
    pub paused: bool,
    /// When it was set.
    pub anchor: Timestamp,
    /// The next times, which may have gone by.
    pub next: Next,
    /// Failures in a row.
    pub failures: u32,
    /// Not before this time, although it is due.
    pub not_before: Option<Timestamp>,
    /// Why it did not go as planned.
    pub waiting: Option<String>,
}

/// A sync that is to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Due {
    /// Since when, or from when on.
    pub at: Timestamp,
    /// Whether everything is to be read.
    pub full: bool,
}

impl ScheduleRow {
    /// The next sync, also where its time has gone by: however often it was
    /// missed, it is one. Where both kinds are due by then, it reads everything.
    pub fn next_due(&self, instance_path: &str, now: Timestamp) -> Option<Due> {
        let Next { sync, full } = self.next_times(instance_path, now);
        if self.paused {
            return None;
        }
        let at = [sync, full].into_iter().flatten().min()?;
        let at = self.held_until(now).map_or(at, |earliest| earliest.max(at));
        Some(Due { at, full: full.is_some_and(|full| full <= at.max(now)) })
    }

    /// The next times. One that is further ahead than the plan's next but one
    /// was noted by a clock that has been put back since, and does not count.
    pub fn next_times(&self, instance_path: &str, now: Timestamp) -> Next {
        let planned = self.plan.next(instance_path, now, self.anchor);
        let but_one = |time: Option<Timestamp>| self.plan.next(instance_path, time.unwrap_or(now), self.anchor);
        let sooner = |noted: Option<Timestamp>, planned: Option<Timestamp>, but_one: Option<Timestamp>| {
            if noted > but_one { planned.or(noted) } else { noted }
        };
        Next {
            sync: sooner(self.next.sync, planned.sync, but_one(planned.sync).sync),
            full: sooner(self.next.full, planned.full, but_one(planned.full).full),
        }
    }

    /// Until when it is left alone, by a clock that was not put back since.
    fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let longest = i64::try_from(LONGEST_BACKOFF.as_micros()).unwrap_or(i64::MAX);
        self.not_before.filter(|until| until.as_micros().saturating_sub(now.as_micros()) <= longest)
    }
}

fn row(row: &Row<'_>) -> Result<ScheduleRow> {
    let time = |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros));
    Ok(ScheduleRow {
        instance_id: row.get("instance_id")?,
        // Only checked names are ever written.
        instance: row.get::<_, String>("name")?.parse().map_err(|_| super::StoreError::Corrupt)?,
        plan: document("plan", row.get_ref("plan")?.as_str().unwrap_or_default())?,
        paused: row.get("paused")?,
        anchor: Timestamp::from_micros(row.get("anchor")?),
        next: Next { sync: time("next_sync_at")?, full: time("next_full_at")? },
        failures: row.get("failures")?,
        not_before: time("not_before")?,
        waiting: row.get("waiting")?,
    })
}

impl FindingStore {
    /// All schedules, by the name of their instance.
    pub(crate) fn schedules(&self) -> Result<Vec<ScheduleRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT schedules.*, name, paused_at IS NOT NULL AS paused FROM schedules \
             JOIN instances ON instances.id = instance_id ORDER BY name",
        )?;
        let mut rows = statement.query([])?;
        let mut schedules = Vec::new();
        while let Some(found) = rows.next()? {
            schedules.push(row(found)?);
        }
        Ok(schedules)
    }

    /// The schedule of an instance.
    pub(crate) fn schedule(&self, instance_id: i64) -> Result<Option<ScheduleRow>> {
        Ok(self.schedules()?.into_iter().find(|it| it.instance_id == instance_id))
    }

    /// Sets when an instance is synced; a schedule that it had is forgotten.
    pub(crate) fn set_schedule(&mut self, instance_id: i64, plan: &Plan, first: Next, now: Timestamp) -> Result<()> {
        self.connection.execute(
            "INSERT OR REPLACE INTO schedules (instance_id, plan, anchor, next_sync_at, next_full_at) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                instance_id,
                json("plan", plan)?,
                now.as_micros(),
                first.sync.map(Timestamp::as_micros),
                first.full.map(Timestamp::as_micros)
            ],
        )?;
        Ok(())
    }

    /// Forgets the schedule of an instance; tells whether it had one.
    pub(crate) fn clear_schedule(&mut self, instance_id: i64) -> Result<bool> {
        Ok(self.connection.execute("DELETE FROM schedules WHERE instance_id = ?1", [instance_id])? > 0)
    }

    /// Notes that a scheduled sync was made. Of everything, it is also the next
    /// one of that kind.
    pub(crate) fn schedule_done(
        &mut self,
        instance_id: i64,
        full: bool,
        next: Next,
        remark: Option<&str>,
    ) -> Result<()> {
        self.connection.execute(
            "UPDATE schedules SET next_sync_at = ?2, next_full_at = iif(?3, ?4, next_full_at), failures = 0, \
             not_before = NULL, waiting = ?5 WHERE instance_id = ?1",
            params![
                instance_id,
                next.sync.map(Timestamp::as_micros),
                full,
                next.full.map(Timestamp::as_micros),
                remark
            ],
        )?;
        Ok(())
    }

    /// Notes that a scheduled sync failed, and returns how often in a row.
    pub(crate) fn schedule_failed(&mut self, instance_id: i64, why: &str) -> Result<u32> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql =
            "UPDATE schedules SET failures = failures + 1, waiting = ?2 WHERE instance_id = ?1 RETURNING failures";
        let mut failures = transaction
            .prepare_cached(sql)?
            .query_map(params![instance_id, why], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<u32>>>()?;
        transaction.commit()?;
        // Its schedule was taken away in the meantime.
        Ok(failures.pop().unwrap_or_default())
    }

    /// Notes other next times: those that were noted lie too far ahead.
    pub(crate) fn set_next_times(&mut self, instance_id: i64, next: Next) -> Result<()> {
        let sql = "UPDATE schedules SET next_sync_at = ?2, next_full_at = ?3 WHERE instance_id = ?1";
        let (sync, full) = (next.sync.map(Timestamp::as_micros), next.full.map(Timestamp::as_micros));
        self.connection.execute(sql, params![instance_id, sync, full])?;
        Ok(())
    }

    /// Leaves an instance alone until a time.
    pub(crate) fn schedule_later(&mut self, instance_id: i64, not_before: Timestamp, why: &str) -> Result<()> {
        let sql = "UPDATE schedules SET not_before = ?2, waiting = ?3 WHERE instance_id = ?1";
        self.connection.execute(sql, params![instance_id, not_before.as_micros(), why])?;
        Ok(())
    }
}
