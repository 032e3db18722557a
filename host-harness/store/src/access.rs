//! Who may use the pages and the HTTP API, and what was done: one SQLite file for
//! all tenants of a data folder. Keys are kept as hashes, and the audit log is a
//! chain: each entry's hash is over the entry and the hash before it.

use std::{
    borrow::Cow,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use appsec_grant::TenantId;
use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

use crate::{
    database::{blocking, open_private_file, tune},
    error::{Result, StoreError},
};

/// Each step brings the schema to one version more; steps that were released are
/// never changed.
const STEPS: [&str; 2] = [include_str!("schema/access.sql"), include_str!("schema/access_2.sql")];

/// Version of the schema.
const VERSION: i64 = STEPS.len() as i64;

/// How exactly it is kept when a token was last used.
const USED_WITHIN_MICROS: i64 = 60_000_000;

/// A key as it is kept: what is read from the file opens nothing.
pub type KeyHash = [u8; blake3::OUT_LEN];

words! {
    /// What a principal may do in its tenant; each may what those before it may.
    Role {
        /// Look at everything, and export it.
        Viewer = "viewer",
        /// Decide on findings.
        Triager = "triager",
        /// Sync, import, map projects, set schedules and policies.
        Manager = "manager",
        /// Add, change and delete instances.
        Admin = "admin",
    }
}

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

/// An API token, as it is shown: never the token itself.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TokenRow {
    /// Names it; the token begins with it.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The only tenant that it is for.
    pub tenant: String,
    /// What it may do there.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl TokenRow {
    /// How it is at a moment.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match (self.revoked_at, self.expires_at <= now) {
            (Some(_), _) => "revoked",
            (None, true) => "expired",
            (None, false) => "in force",
        }
    }
}

/// A token to be kept.
pub struct NewTokenRow {
    /// Names it.
    pub id: String,
    /// Hash of the token.
    pub hash: KeyHash,
    /// What it is for.
    pub name: String,
    /// The tenant that it is for.
    pub tenant: TenantId,
    /// What it may do there.
    pub role: Role,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// A filter to be kept under a name.
#[derive(Clone, Debug)]
pub struct NewView {
    /// Its name.
    pub name: String,
    /// The list that it is of.
    pub page: String,
    /// The filter, as in an address.
    pub filter: String,
    /// Who saves it.
    pub author: String,
}

/// A filter under a name.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct SavedView {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The list that it is of, such as `findings`.
    pub page: String,
    /// The filter, as in an address.
    pub filter: String,
    /// Who saved it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
}

/// What was answered to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// Where what was begun is.
    pub location: Option<String>,
    /// The document.
    pub body: Vec<u8>,
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

/// The file, as tasks share it.
#[derive(Clone)]
pub struct AccessStore(Arc<Mutex<Connection>>);

impl AccessStore {
    /// Opens the file, and makes it if it is not there.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = open_private_file(path)?;
        tune(&connection)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        // What was done is on the disk before it is answered.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "secure_delete", true)?;
        migrate(&mut connection)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = self.0.clone();
        blocking(move || work(&mut this.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// Keeps a link that lets one browser in.
    pub async fn put_link(&self, hash: KeyHash, now: Timestamp, expires_at: Timestamp) -> Result<()> {
        self.run(move |it| {
            it.execute("DELETE FROM links WHERE expires_at <= ?1", params![now.as_micros()])?;
            it.execute("INSERT INTO links VALUES (?1, ?2)", params![hash, expires_at.as_micros()])?;
            Ok(())
        })
        .await
    }

    /// Whether somebody could still come in with a link.
    pub async fn has_link(&self, now: Timestamp) -> Result<bool> {
        let any = "SELECT EXISTS (SELECT 1 FROM links WHERE expires_at > ?1)";
        self.run(move |it| Ok(it.query_row(any, params![now.as_micros()], |row| row.get(0))?)).await
    }

    /// Uses a link up, and begins a session in its place: both or neither. No
    /// more than `most` sessions stay; the oldest make place.
    pub async fn enter(
        &self,
        link: KeyHash,
        session: KeyHash,
        now: Timestamp,
        expires_at: Timestamp,
        most: u32,
    ) -> Result<bool> {
        self.run(move |it| {
            let transaction = it.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let now = now.as_micros();
            let used =
                transaction.execute("DELETE FROM links WHERE hash = ?1 AND expires_at > ?2", params![link, now])?;
            if used == 0 {
                return Ok(false);
            }
            transaction
                .execute("INSERT INTO sessions VALUES (?1, ?2, ?3)", params![session, now, expires_at.as_micros()])?;
            transaction.execute(
                "DELETE FROM sessions WHERE expires_at <= ?1 OR hash NOT IN \
                 (SELECT hash FROM sessions ORDER BY created_at DESC, hash = ?2 DESC LIMIT ?3)",
                params![now, session, most],
            )?;
            transaction.commit()?;
            Ok(true)
        })
        .await
    }

    /// Whether a session goes on.
    pub async fn has_session(&self, hash: KeyHash, now: Timestamp) -> Result<bool> {
        let any = "SELECT EXISTS (SELECT 1 FROM sessions WHERE hash = ?1 AND expires_at > ?2)";
        self.run(move |it| Ok(it.prepare_cached(any)?.query_row(params![hash, now.as_micros()], |row| row.get(0))?))
            .await
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: KeyHash) -> Result<()> {
        self.run(move |it| Ok(it.execute("DELETE FROM sessions WHERE hash = ?1", params![hash]).map(|_| ())?)).await
    }

    /// Keeps a token.
    pub async fn add_token(&self, new: NewTokenRow, now: Timestamp) -> Result<TokenRow> {
        self.run(move |it| {
            let NewTokenRow { id, hash, name, tenant, role, expires_at } = new;
            it.execute(
                "INSERT INTO tokens (id, hash, name, tenant, role, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![id, hash, name, tenant.as_str(), role.as_str(), now.as_micros(), expires_at.as_micros()],
            )?;
            Ok(it.query_row(&format!("{TOKENS} WHERE id = ?1"), params![id], token)?)
        })
        .await
    }

    /// The tokens of a tenant, newest first.
    pub async fn tokens(&self, tenant: TenantId) -> Result<Vec<TokenRow>> {
        self.run(move |it| {
            let mut found = it.prepare(&format!("{TOKENS} WHERE tenant = ?1 ORDER BY created_at DESC, id"))?;
            let rows = found.query_map(params![tenant.as_str()], token)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The token with this hash that works now; notes that it was used.
    pub async fn use_token(&self, hash: KeyHash, now: Timestamp) -> Result<Option<TokenRow>> {
        self.run(move |it| {
            let now = now.as_micros();
            let wanted = format!("{TOKENS} WHERE hash = ?1 AND expires_at > ?2 AND revoked_at IS NULL");
            let found = it.prepare_cached(&wanted)?.query_row(params![hash, now], token).optional()?;
            if let Some(row) = &found
                && row.used_at.is_none_or(|at| now.saturating_sub(at.as_micros()) >= USED_WITHIN_MICROS)
            {
                it.execute("UPDATE tokens SET used_at = ?2 WHERE id = ?1", params![row.id, now])?;
            }
            Ok(found)
        })
        .await
    }

    /// Revokes a token of a tenant, by its id; what it is then, if it is there.
    pub async fn revoke_token(&self, tenant: TenantId, id: String, now: Timestamp) -> Result<Option<TokenRow>> {
        self.run(move |it| {
            it.execute(
                "UPDATE tokens SET revoked_at = ?3 WHERE tenant = ?1 AND id = ?2 AND revoked_at IS NULL",
                params![tenant.as_str(), id, now.as_micros()],
            )?;
            let of = format!("{TOKENS} WHERE tenant = ?1 AND id = ?2");
            Ok(it.query_row(&of, params![tenant.as_str(), id], token).optional()?)
        })
        .await
    }

    /// Forgets all tokens of a tenant, what was answered to them, and its saved views:
    /// all or nothing.
    pub async fn forget_tokens(&self, tenant: TenantId) -> Result<usize> {
        self.run(move |it| {
            let transaction = it.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let tenant = params![tenant.as_str()];
            transaction.execute("DELETE FROM answers WHERE tenant = ?1", tenant)?;
            transaction.execute("DELETE FROM views WHERE tenant = ?1", tenant)?;
            let forgotten = transaction.execute("DELETE FROM tokens WHERE tenant = ?1", tenant)?;
            transaction.commit()?;
            Ok(forgotten)
        })
        .await
    }

    /// Keeps a filter under a name, in place of one of the same name.
    pub async fn save_view(&self, tenant: TenantId, view: NewView, now: Timestamp) -> Result<SavedView> {
        self.run(move |it| {
            let NewView { name, page, filter, author } = view;
            it.execute(
                "INSERT INTO views (tenant, name, page, filter, author, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT (tenant, page, name) DO UPDATE SET filter = ?4, author = ?5, created_at = ?6",
                params![tenant.as_str(), name, page, filter, author, now.as_micros()],
            )?;
            let of = format!("{VIEWS} WHERE tenant = ?1 AND page = ?2 AND name = ?3");
            Ok(it.query_row(&of, params![tenant.as_str(), page, name], saved_view)?)
        })
        .await
    }

    /// The saved views of a tenant, by page and name.
    pub async fn views(&self, tenant: TenantId) -> Result<Vec<SavedView>> {
        self.run(move |it| {
            let mut found = it.prepare_cached(&format!("{VIEWS} WHERE tenant = ?1 ORDER BY page, name"))?;
            let rows = found.query_map(params![tenant.as_str()], saved_view)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Forgets a saved view; whether there was one.
    pub async fn remove_view(&self, tenant: TenantId, id: i64) -> Result<bool> {
        let sql = "DELETE FROM views WHERE tenant = ?1 AND id = ?2";
        self.run(move |it| Ok(it.execute(sql, params![tenant.as_str(), id])? > 0)).await
    }

    /// What was answered to a request since a moment.
    pub async fn answer(&self, hash: KeyHash, since: Timestamp) -> Result<Option<KeptAnswer>> {
        let wanted = "SELECT status, location, body FROM answers WHERE hash = ?1 AND at >= ?2";
        self.run(move |it| {
            let row = |row: &Row<'_>| Ok(KeptAnswer { status: row.get(0)?, location: row.get(1)?, body: row.get(2)? });
            Ok(it.query_row(wanted, params![hash, since.as_micros()], row).optional()?)
        })
        .await
    }

    /// Keeps what was answered to a request of a tenant; what is older than a moment
    /// is forgotten.
    pub async fn keep_answer(
        &self,
        hash: KeyHash,
        tenant: String,
        answer: KeptAnswer,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<()> {
        self.run(move |it| {
            it.execute("DELETE FROM answers WHERE at < ?1", params![since.as_micros()])?;
            let KeptAnswer { status, location, body } = answer;
            it.execute(
                "INSERT OR REPLACE INTO answers VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![hash, tenant, now.as_micros(), status, location, body],
            )?;
            Ok(())
        })
        .await
    }

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

/// Runs the steps that are missing, all in one transaction.
fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(found).ok().filter(|done| *done <= STEPS.len());
    let done = done.ok_or(StoreError::TooNew { found, known: VERSION })?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

const TOKENS: &str = "SELECT id, name, tenant, role, created_at, expires_at, used_at, revoked_at FROM tokens";

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let at = |micros: i64| Timestamp::from_micros(micros);
    Ok(TokenRow {
        id: row.get(0)?,
        name: row.get(1)?,
        tenant: row.get(2)?,
        role: word(3, &row.get::<_, String>(3)?, Role::named)?,
        created_at: at(row.get(4)?),
        expires_at: at(row.get(5)?),
        used_at: row.get::<_, Option<i64>>(6)?.map(at),
        revoked_at: row.get::<_, Option<i64>>(7)?.map(at),
    })
}

const VIEWS: &str = "SELECT id, name, page, filter, author, created_at FROM views";

fn saved_view(row: &Row<'_>) -> rusqlite::Result<SavedView> {
    Ok(SavedView {
        id: row.get(0)?,
        name: row.get(1)?,
        page: row.get(2)?,
        filter: row.get(3)?,
        author: row.get(4)?,
        created_at: Timestamp::from_micros(row.get(5)?),
    })
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

fn word<T>(column: usize, word: &str, named: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    named(word).ok_or_else(|| {
        let unknown = format!("unknown word `{word}`").into();
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, unknown)
    })
}

#[cfg(test)]
mod tests;
