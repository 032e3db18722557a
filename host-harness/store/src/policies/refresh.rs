//! Keeps results up to date: findings and issues that changed, all of them
//! after other policies came into force, and those for which a count of days has
//! reached a number that a condition names. Each batch is a transaction, and
//! what waits is written down, so that a crash loses nothing.

use std::collections::BTreeMap;

use appsec_model::{Severity, Timestamp};
use appsec_policy::{Evaluation, On, OutcomeResult, Policies, Subject};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{over, subject::Reader};
use crate::{
    compiled::Compiled,
    compress::Decoder,
    database::FindingStore,
    error::{Result, StoreError},
    subject::Dirty,
};

/// Findings or issues that are evaluated in one transaction.
const BATCH: usize = 500;

/// Evaluates the policies over findings that changed, and marks their issues.
pub(crate) fn derive(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &Compiled,
    batch: &[Dirty<'_>],
    now: Timestamp,
) -> Result<()> {
    let policies = usable(compiled.newest(connection))?.map(|(_, policies)| policies);
    let mut writer = Writer::new(connection, now);
    let mut reader = Reader::new(connection, decoder);
    let over_issues = policies.as_ref().is_some_and(|policies| policies.any_on(On::Issue));
    for stale in batch {
        match (&stale.subject, &policies) {
            (Some(subject), Some(policies)) => {
                let seen = reader.of_finding(subject)?;
                writer.evaluate(policies, On::Finding, stale.id, Some(&seen))?;
            }
            (Some(_), None) => {}
            (None, _) => writer.forget(On::Finding, stale.id)?,
        }
        if over_issues {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO dirty_issues SELECT issues.id FROM issue_members \
                     JOIN issues ON issues.row = issue_row WHERE finding_id = ?1",
                )?
                .execute([stale.id])?;
        }
    }
    Ok(())
}

impl FindingStore {
    /// Evaluates policies over whatever waits for it but changed findings.
    pub(crate) fn refresh_policies(&mut self, now: Timestamp) -> Result<()> {
        loop {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let taken = refresh_batch(&transaction, &self.decoder, &self.compiled, now)?;
            transaction.commit()?;
            if taken == 0 {
                return Ok(());
            }
        }
    }

    /// Whether results have to be looked at: something waits, or its time has come.
    pub(crate) fn policies_wait(&self, now: Timestamp) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM dirty_issues) OR EXISTS (SELECT 1 FROM policy_due WHERE due_at <= ?1) \
                   OR EXISTS (SELECT 1 FROM policy_files WHERE id = (SELECT max(id) FROM policy_files) \
                   AND coalesce(finding_cursor, issue_cursor) IS NOT NULL)";
        Ok(self.connection.query_row(sql, [now.as_micros()], |row| row.get(0))?)
    }
}

/// Evaluates policies over issues that changed, in a transaction of the caller's.
pub(crate) fn refresh_issues(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &Compiled,
    now: Timestamp,
) -> Result<()> {
    let policies = usable(compiled.newest(connection))?.map(|(_, policies)| policies);
    let Some(policies) = policies else {
        for table in ["policy_results", "policy_due"] {
            let sql = format!("DELETE FROM {table} WHERE over = 1 AND subject_id NOT IN (SELECT id FROM issues)");
            connection.execute(&sql, [])?;
        }
        return Ok(());
    };
    while changed_issues(connection, decoder, &policies, now)? > 0 {}
    Ok(())
}

/// Evaluates policies over some of what waits; 0 when nothing does.
fn refresh_batch(connection: &Connection, decoder: &Decoder, compiled: &Compiled, now: Timestamp) -> Result<usize> {
    let Some((file, policies)) = usable(compiled.newest(connection))? else { return Ok(0) };
    for (on, cursor, table) in [(On::Finding, "finding_cursor", "findings"), (On::Issue, "issue_cursor", "issues")] {
        let from: Option<i64> =
            connection
                .query_row(&format!("SELECT {cursor} FROM policy_files WHERE id = ?1"), [file], |row| row.get(0))?;
        let Some(from) = from else { continue };
        let mut statement =
            connection.prepare_cached(&format!("SELECT id FROM {table} WHERE id > ?1 ORDER BY id LIMIT ?2"))?;
        let ids = statement.query_map(params![from, BATCH as i64], |row| row.get(0))?;
        let ids = ids.collect::<rusqlite::Result<Vec<i64>>>()?;
        evaluate(connection, decoder, &policies, ids.iter().map(|id| (on, *id)), now)?;
        let sql = format!("UPDATE policy_files SET {cursor} = ?2 WHERE id = ?1");
        connection.execute(&sql, params![file, ids.last()])?;
        if !ids.is_empty() {
            return Ok(ids.len());
        }
    }
    let taken = changed_issues(connection, decoder, &policies, now)?;
    if taken > 0 {
        return Ok(taken);
    }
    let mut statement = connection
        .prepare_cached("SELECT over, subject_id FROM policy_due WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2")?;
    let due = statement.query_map(params![now.as_micros(), BATCH as i64], |row| {
        Ok((if row.get(0)? { On::Issue } else { On::Finding }, row.get(1)?))
    })?;
    let due = due.collect::<rusqlite::Result<Vec<(On, i64)>>>()?;
    evaluate(connection, decoder, &policies, due.iter().copied(), now)?;
    Ok(due.len())
}

fn changed_issues(connection: &Connection, decoder: &Decoder, policies: &Policies, now: Timestamp) -> Result<usize> {
    let mut statement = connection.prepare_cached("SELECT issue_id FROM dirty_issues ORDER BY issue_id LIMIT ?1")?;
    let ids = statement.query_map([BATCH as i64], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    evaluate(connection, decoder, policies, ids.iter().map(|id| (On::Issue, *id)), now)?;
    let mut done = connection.prepare_cached("DELETE FROM dirty_issues WHERE issue_id = ?1")?;
    for id in &ids {
        done.execute([id])?;
    }
    Ok(ids.len())
}

fn evaluate(
    connection: &Connection,
    decoder: &Decoder,
    policies: &Policies,
    subjects: impl Iterator<Item = (On, i64)>,
    now: Timestamp,
) -> Result<()> {
    let mut reader = Reader::new(connection, decoder);
    let mut writer = Writer::new(connection, now);
    for (on, id) in subjects {
        let subject = match on {
            On::Finding => reader.finding(id)?,
            On::Issue => reader.issue(id)?,
        };
        writer.evaluate(policies, on, id, subject.as_ref())?;
    }
    Ok(())
}

/// Policies that another program has stored may not be read by this one. Then
/// results stay as they are, and whoever asks for policies is told.
fn usable<T>(policies: Result<Option<T>>) -> Result<Option<T>> {
    match policies {
        Err(StoreError::Policies(problem)) => {
            tracing::warn!("the stored policies are not evaluated: {problem}");
            Ok(None)
        }
        policies => policies,
    }
}

/// A result as it is stored.
struct Stored {
    policy: i64,
    policy_id: String,
    error: bool,
    since: i64,
}

/// Writes results down.
struct Writer<'a> {
    connection: &'a Connection,
    now: Timestamp,
    /// Row ids of versions of policies.
    known: BTreeMap<String, i64>,
}

impl<'a> Writer<'a> {
    fn new(connection: &'a Connection, now: Timestamp) -> Self {
        Self { connection, now, known: BTreeMap::new() }
    }

    /// Evaluates the policies over a subject and keeps what comes of it.
    fn evaluate(&mut self, policies: &Policies, on: On, id: i64, subject: Option<&Subject>) -> Result<()> {
        let Some(subject) = subject else { return self.forget(on, id) };
        let Evaluation { outcomes, until } = policies.evaluate_until(subject, self.now);
        let stored = self.stored(on, id)?;
        let mut kept = Vec::new();
        for outcome in &outcomes {
            let policy = self.policy(&outcome.policy_id, &outcome.version, outcome.severity)?;
            kept.push(policy);
            let reason = match &outcome.result {
                OutcomeResult::Violated => None,
                OutcomeResult::Error { reason } => Some(reason),
            };
            let same = |it: &&Stored| it.policy_id == outcome.policy_id && it.error == reason.is_some();
            let since = stored.iter().find(same).map_or(self.now.as_micros(), |it| it.since);
            self.connection
                .prepare_cached(
                    "INSERT INTO policy_results (over, subject_id, policy, result, open, since, evaluated_at, reason) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (over, subject_id, policy) \
                     DO UPDATE SET result = ?4, open = ?5, since = ?6, evaluated_at = ?7, reason = ?8",
                )?
                .execute(params![
                    over(on),
                    id,
                    policy,
                    reason.is_some(),
                    subject.is_open,
                    since,
                    self.now.as_micros(),
                    reason
                ])?;
        }
        let sql = "DELETE FROM policy_results WHERE over = ?1 AND subject_id = ?2 AND policy = ?3";
        for it in stored.iter().filter(|it| !kept.contains(&it.policy)) {
            self.connection.prepare_cached(sql)?.execute(params![over(on), id, it.policy])?;
        }
        self.set_due(on, id, until)
    }

    fn stored(&self, on: On, id: i64) -> Result<Vec<Stored>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT policy, policy_id, result, since FROM policy_results JOIN policies ON policies.id = policy \
             WHERE over = ?1 AND subject_id = ?2",
        )?;
        let rows = statement.query_map(params![over(on), id], |row| {
            Ok(Stored { policy: row.get(0)?, policy_id: row.get(1)?, error: row.get(2)?, since: row.get(3)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn set_due(&self, on: On, id: i64, until: Option<Timestamp>) -> Result<()> {
        match until {
            None => self
                .connection
                .prepare_cached("DELETE FROM policy_due WHERE over = ?1 AND subject_id = ?2")?
                .execute(params![over(on), id])?,
            Some(until) => self
                .connection
                .prepare_cached(
                    "INSERT INTO policy_due (over, subject_id, due_at) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (over, subject_id) DO UPDATE SET due_at = ?3 WHERE due_at <> ?3",
                )?
                .execute(params![over(on), id, until.as_micros()])?,
        };
        Ok(())
    }

    /// The row of a version of a policy.
    fn policy(&mut self, policy_id: &str, version: &str, severity: Severity) -> Result<i64> {
        if let Some(known) = self.known.get(policy_id) {
            return Ok(*known);
        }
        let sql = "SELECT id FROM policies WHERE policy_id = ?1 AND version = ?2";
        let mut find = self.connection.prepare_cached(sql)?;
        let found = find.query_row([policy_id, version], |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                self.connection
                    .prepare_cached("INSERT INTO policies (policy_id, version, severity) VALUES (?1, ?2, ?3)")?
                    .execute(params![policy_id, version, severity as i64])?;
                self.connection.last_insert_rowid()
            }
        };
        self.known.insert(policy_id.to_owned(), id);
        Ok(id)
    }

    /// Forgets the results of a subject that is gone.
    fn forget(&self, on: On, id: i64) -> Result<()> {
        self.connection
            .prepare_cached("DELETE FROM policy_results WHERE over = ?1 AND subject_id = ?2")?
            .execute(params![over(on), id])?;
        self.set_due(on, id, None)
    }
}
