//! Who may use the pages and the HTTP API, and what was done: one SQLite file for
//! all tenants of a data folder. Keys are kept as hashes, and the audit log is a
//! chain: each entry's hash is over the entry and the hash before it.

mod audit;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use appsec_grant::TenantId;
use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

pub use audit::{AuditCheck, AuditEntry, AuditFilter, AuditOutcome, AuditRow};

use crate::{
    database::{blocking, open_private_file, tune},
    error::{Result, StoreError},
};

/// Each step brings the schema to one version more; steps that were released are
/// never changed.
const STEPS: [&str; 4] = [
    include_str!("schema/access.sql"),
    include_str!("schema/access_2.sql"),
    include_str!("schema/access_3.sql"),
    include_str!("schema/access_4.sql"),
];

/// Version of the schema.
const VERSION: i64 = STEPS.len() as i64;

/// How exactly it is kept when a token or a session was last used.
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

/// A browser that was let in, as it is shown: never the key that it has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionRow {
    /// Names it.
    pub id: String,
    /// When it was let in.
    pub created_at: Timestamp,
    /// When it has to be let in anew.
    pub expires_at: Timestamp,
    /// When it last asked for something, to the minute.
    pub used_at: Option<Timestamp>,
}

/// Which sessions are meant, by the id of one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sessions {
    /// That one.
    One(String),
    /// All but that one.
    Others(String),
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

    /// Keeps where the server answers.
    pub async fn set_address(&self, address: SocketAddr) -> Result<()> {
        let sql = "INSERT INTO server VALUES (1, ?1) ON CONFLICT DO UPDATE SET address = excluded.address";
        self.run(move |it| Ok(it.execute(sql, params![address.to_string()]).map(|_| ())?)).await
    }

    /// Where the server answered last, if there was one.
    pub async fn address(&self) -> Result<Option<SocketAddr>> {
        let found = self.run(move |it| {
            Ok(it.query_row("SELECT address FROM server", [], |row| row.get::<_, String>(0)).optional()?)
        });
        Ok(found.await?.and_then(|it| it.parse().ok()))
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
            transaction.execute(
                "INSERT INTO sessions (hash, created_at, expires_at) VALUES (?1, ?2, ?3)",
                params![session, now, expires_at.as_micros()],
            )?;
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

    /// The id of a session that goes on; notes that it was used.
    pub async fn use_session(&self, hash: KeyHash, now: Timestamp) -> Result<Option<String>> {
        self.run(move |it| {
            let now = now.as_micros();
            let wanted = format!("SELECT used_at, {SESSION_ID} FROM sessions WHERE hash = ?1 AND expires_at > ?2");
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let found: Option<(Option<i64>, String)> =
                it.prepare_cached(&wanted)?.query_row(params![hash, now], row).optional()?;
            let Some((used_at, id)) = found else { return Ok(None) };
            if is_long_ago(used_at, now) {
                it.execute("UPDATE sessions SET used_at = ?2 WHERE hash = ?1", params![hash, now])?;
            }
            Ok(Some(id))
        })
        .await
    }

    /// The sessions that go on, newest first.
    pub async fn sessions(&self, now: Timestamp) -> Result<Vec<SessionRow>> {
        self.run(move |it| {
            let mut found = it.prepare(&format!(
                "SELECT {SESSION_ID}, created_at, expires_at, used_at FROM sessions WHERE expires_at > ?1 \
                 ORDER BY created_at DESC, hash"
            ))?;
            let at = Timestamp::from_micros;
            let rows = found.query_map(params![now.as_micros()], |row| {
                Ok(SessionRow {
                    id: row.get(0)?,
                    created_at: at(row.get(1)?),
                    expires_at: at(row.get(2)?),
                    used_at: row.get::<_, Option<i64>>(3)?.map(at),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Ends sessions; tells how many.
    pub async fn end_sessions(&self, which: Sessions) -> Result<usize> {
        self.run(move |it| {
            let (is, id) = match which {
                Sessions::One(id) => ("=", id),
                Sessions::Others(id) => ("<>", id),
            };
            Ok(it.execute(&format!("DELETE FROM sessions WHERE {SESSION_ID} {is} ?1"), params![id])?)
        })
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
                && is_long_ago(row.used_at.map(Timestamp::as_micros), now)
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

/// What names a session: nobody comes in with a part of the hash of its key.
const SESSION_ID: &str = "lower(hex(substr(hash, 1, 8)))";

/// Whether a use is to be noted again.
fn is_long_ago(used_at: Option<i64>, now: i64) -> bool {
    used_at.is_none_or(|at| now.saturating_sub(at) >= USED_WITHIN_MICROS)
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

fn word<T>(column: usize, word: &str, named: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    named(word).ok_or_else(|| {
        let unknown = format!("unknown word `{word}`").into();
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, unknown)
    })
}

#[cfg(test)]
mod tests;
