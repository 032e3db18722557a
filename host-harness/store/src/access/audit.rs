//! The audit log: what was done, as a chain.

use std::borrow::Cow;

use appsec_grant::TenantId;
use appsec_model::Timestamp;
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

use super::{AccessStore, KeyHash, word};
use crate::error::{Result, StoreError};

words! {
    /// How an action went.
    AuditOutcome {
        /// It begins.
        Started = "started",
        /// It was done.
        Done = "done",
        /// It failed.
        Failed = "failed",
        /// The principal may not do it.
        Refused = "refused",
    }
}

/// What is written down of an action: no contents, no secrets.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// Who did it.
    pub who: String,
    /// What, in a word or two.
    pub action: &'static str,
    /// In which tenant.
    pub tenant: Option<String>,
    /// To what, by name.
    pub target: Option<String>,
    /// How it went.
    pub outcome: AuditOutcome,
    /// Why it failed, in a stable word.
    pub code: Option<Cow<'static, str>>,
}

/// An entry of the audit log.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct AuditRow {
    /// Its place in the log, from 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who: `cli:USER`, `browser`, `token:ID`, or `unknown`.
    pub who: String,
    /// What.
    pub action: String,
    /// In which tenant.
    pub tenant: Option<String>,
    /// To what, by name.
    pub target: Option<String>,
    /// How it went.
    pub outcome: AuditOutcome,
    /// Why it failed, in a stable word.
    pub code: Option<String>,
}

/// Which entries of the audit log are asked for.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Those of a tenant; all where it is none.
    pub tenant: Option<TenantId>,
    /// What was done.
    pub action: Option<String>,
    /// Who did it, or the kind of them: `token` is every `token:ID`.
    pub who: Option<String>,
    /// At or after this moment.
    pub since: Option<Timestamp>,
    /// Before the entry of this number.
    pub before: Option<i64>,
    /// How many.
    pub limit: u32,
}

/// Whether the audit log is whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct AuditCheck {
    /// Entries that there are.
    pub entries: u64,
    /// The first entry that is not as it was written; none where all are.
    pub broken_at: Option<i64>,
}

impl AccessStore {
    /// Writes an action down.
    pub async fn record(&self, entry: AuditEntry, now: Timestamp) -> Result<()> {
        self.run(move |it| {
            let transaction = it.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let last = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
            let last: Option<(i64, KeyHash)> =
                transaction.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let (number, before) = last.map_or((1, KeyHash::default()), |(number, hash)| (number + 1, hash));
            let AuditEntry { who, action, tenant, target, outcome, code } = entry;
            let (action, code) = (action.to_owned(), code.map(Cow::into_owned));
            let row = AuditRow { number, at: now, who, action, tenant, target, outcome, code };
            let hash = row.chained(&before)?;
            let AuditRow { number, at, who, action, tenant, target, outcome, code } = row;
            transaction.execute(
                "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![number, at.as_micros(), who, action, tenant, target, outcome.as_str(), code, hash],
            )?;
            Ok(transaction.commit()?)
        })
        .await
    }

    /// The newest entries of the audit log that a filter finds.
    pub async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditRow>> {
        self.run(move |it| {
            let mut found = it.prepare(
                "SELECT * FROM audit WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR action = ?2) \
                 AND (?3 IS NULL OR who = ?3 OR substr(who, 1, length(?3) + 1) = ?3 || ':') \
                 AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR number < ?5) ORDER BY number DESC LIMIT ?6",
            )?;
            let AuditFilter { tenant, action, who, since, before, limit } = filter;
            let (tenant, since) = (tenant.as_ref().map(TenantId::as_str), since.map(Timestamp::as_micros));
            let rows = found.query_map(params![tenant, action, who, since, before, limit], audit_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Goes through the whole audit log.
    pub async fn check_audit(&self) -> Result<AuditCheck> {
        self.run(|it| {
            let mut found = it.prepare("SELECT * FROM audit ORDER BY number")?;
            let mut rows = found.query([])?;
            let (mut check, mut before) = (AuditCheck { entries: 0, broken_at: None }, KeyHash::default());
            while let Some(row) = rows.next()? {
                let (number, hash): (i64, KeyHash) = (row.get("number")?, row.get("hash")?);
                check.entries += 1;
                let is_next = u64::try_from(number).is_ok_and(|number| number == check.entries);
                let is_whole = match audit_row(row) {
                    Ok(entry) => is_next && entry.chained(&before)? == hash,
                    Err(_) => false,
                };
                if !is_whole {
                    check.broken_at.get_or_insert(number);
                }
                before = hash;
            }
            Ok(check)
        })
        .await
    }
}

impl AuditRow {
    /// The entry's hash, behind the one before.
    fn chained(&self, before: &KeyHash) -> Result<KeyHash> {
        let text = serde_json::to_vec(self).map_err(|source| StoreError::Document { what: "audit entry", source })?;
        Ok(*blake3::Hasher::new().update(before).update(&text).finalize().as_bytes())
    }
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        number: row.get(0)?,
        at: Timestamp::from_micros(row.get(1)?),
        who: row.get(2)?,
        action: row.get(3)?,
        tenant: row.get(4)?,
        target: row.get(5)?,
        outcome: word(6, &row.get::<_, String>(6)?, AuditOutcome::named)?,
        code: row.get(7)?,
    })
}
