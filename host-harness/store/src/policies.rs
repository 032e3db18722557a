//! The tenant's policies and their results.
//!
//! A policy file is stored as a whole, with its version. What comes of it is
//! kept beside findings and issues: a row for each policy that is violated, or
//! of which nobody can tell. Results are brought up to date with what changes;
//! `refresh` says how.

mod exceptions;
mod refresh;
mod results;
mod subject;

use std::sync::Arc;

use appsec_model::Timestamp;
use appsec_policy::{On, Policies};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;

pub(super) use self::refresh::{derive, refresh_issues};
pub use self::results::{PolicyFilter, PolicyResult, PolicyResultWord, PolicyViolations};
use crate::{database::FindingStore, error::Result};

/// Imports of policies that are kept, the one in force included.
const KEPT: u32 = 10;

/// An import of policies.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PolicyImport {
    /// The version of all policies together; empty where they were cleared.
    pub version: String,
    /// How many policies.
    pub policies: u64,
    /// When.
    pub imported_at: Timestamp,
}

/// The policies in force.
#[derive(Clone)]
pub struct PolicySet {
    /// The policies.
    pub policies: Arc<Policies>,
    /// The file that they are from, as it was imported.
    pub content: String,
    /// When they came into force.
    pub imported_at: Timestamp,
    /// Imports before, the newest first.
    pub history: Vec<PolicyImport>,
}

impl FindingStore {
    /// Puts policies into force in place of those before, and marks everything
    /// for their evaluation. Returns whether they differ from those before.
    pub(crate) fn put_policies(&mut self, policies: &Policies, content: &str, now: Timestamp) -> Result<bool> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Those before may be of another program, and not be read by this one.
        if let Some((id, before)) = self.compiled.newest(&transaction).ok().flatten()
            && before.version() == policies.version()
        {
            let sql = "UPDATE policy_files SET content = ?2 WHERE id = ?1 AND content <> ?2";
            transaction.execute(sql, params![id, content])?;
            transaction.commit()?;
            return Ok(false);
        }
        let cursor = |on: On| policies.any_on(on).then_some(-1_i64);
        insert(
            &transaction,
            &File {
                version: policies.version(),
                policies: policies.iter().count() as u64,
                over_issues: policies.any_on(On::Issue),
                finding_cursor: cursor(On::Finding),
                issue_cursor: cursor(On::Issue),
                content,
            },
            now,
        )?;
        // Results of what is evaluated no more go now; all others are looked at.
        let enabled = policies.iter().map(appsec_policy::Policy::definition).filter(|it| it.enabled);
        let enabled: Vec<(u8, &str)> = enabled.map(|it| (over(it.on), it.id.as_str())).collect();
        forget(&transaction, &serde_json::json!(enabled).to_string())?;
        for on in On::ALL.into_iter().filter(|on| !policies.any_on(*on)) {
            transaction.execute("DELETE FROM policy_due WHERE over = ?1", [over(on)])?;
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Takes the policies and their results away. Returns whether there were any.
    pub(crate) fn clear_policies(&mut self, now: Timestamp) -> Result<bool> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT policies FROM policy_files ORDER BY id DESC LIMIT 1";
        let policies: u64 = transaction.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or_default();
        if policies == 0 {
            return Ok(false);
        }
        let file = File {
            version: "",
            policies: 0,
            over_issues: false,
            finding_cursor: None,
            issue_cursor: None,
            content: "",
        };
        insert(&transaction, &file, now)?;
        transaction.execute_batch("DELETE FROM policy_due; DELETE FROM dirty_issues;")?;
        forget(&transaction, "[]")?;
        transaction.commit()?;
        Ok(true)
    }

    /// The policies in force; none where there are none.
    pub(crate) fn policies(&self) -> Result<Option<PolicySet>> {
        let Some((id, policies)) = self.compiled.newest(&self.connection)? else { return Ok(None) };
        let sql = "SELECT content, imported_at FROM policy_files WHERE id = ?1";
        let (content, imported_at) =
            self.connection.query_row(sql, [id], |row| Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?))))?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT version, policies, imported_at FROM policy_files WHERE id < ?1 ORDER BY id DESC")?;
        let history = statement.query_map([id], |row| {
            let imported_at = Timestamp::from_micros(row.get(2)?);
            Ok(PolicyImport { version: row.get(0)?, policies: row.get(1)?, imported_at })
        })?;
        let history = history.collect::<rusqlite::Result<_>>()?;
        Ok(Some(PolicySet { policies, content, imported_at, history }))
    }
}

/// A row of the table of files.
struct File<'a> {
    version: &'a str,
    policies: u64,
    over_issues: bool,
    finding_cursor: Option<i64>,
    issue_cursor: Option<i64>,
    content: &'a str,
}

fn insert(connection: &Connection, file: &File<'_>, now: Timestamp) -> Result<()> {
    let File { version, policies, over_issues, finding_cursor, issue_cursor, content } = file;
    connection.execute(
        "INSERT INTO policy_files (version, policies, over_issues, imported_at, finding_cursor, issue_cursor, content) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![version, policies, over_issues, now.as_micros(), finding_cursor, issue_cursor, content],
    )?;
    connection.execute(
        "DELETE FROM policy_files WHERE id NOT IN (SELECT id FROM policy_files ORDER BY id DESC LIMIT ?1)",
        [KEPT],
    )?;
    Ok(())
}

/// Forgets results but those of these policies, given as pairs of what they are
/// over and their id, and versions of policies without any result.
fn forget(connection: &Connection, kept: &str) -> Result<()> {
    connection.execute(
        "DELETE FROM policy_results WHERE (over, policy) NOT IN (SELECT value ->> 0, policies.id FROM json_each(?1) \
         JOIN policies ON policy_id = value ->> 1)",
        [kept],
    )?;
    connection.execute("DELETE FROM policies WHERE id NOT IN (SELECT policy FROM policy_results)", [])?;
    Ok(())
}

/// The number of what a policy is over.
fn over(on: On) -> u8 {
    match on {
        On::Finding => 0,
        On::Issue => 1,
    }
}

#[cfg(test)]
mod tests;
