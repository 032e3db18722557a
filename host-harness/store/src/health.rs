//! The store's own health: copies of it, and what a look at it finds.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::{FindingStore, Result, StoreError, migrate};
use appsec_grant::TenantId;

/// Faults that are listed of a damaged file.
const MAX_FAULTS: u32 = 20;

/// Records that are there, and of which nothing is known but why.
const UNUSABLE: &str = "SELECT count(DISTINCT record_id) FROM diagnostics INDEXED BY diagnostics_of_unusable \
                        JOIN records ON records.id = record_id WHERE document ->> '$.level' = 'error' \
                        AND finding_id IS NULL AND package_id IS NULL AND vanished_at IS NULL";

/// What a look at a store finds. Nothing is changed by it.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct StoreHealth {
    /// Whose it is.
    pub tenant: String,
    /// Version of its schema.
    pub version: i64,
    /// Newest version that this program knows.
    pub known_version: i64,
    /// What is damaged, in SQLite's words.
    pub faults: Vec<String>,
    /// Runs that did not come to an end.
    pub unfinished_runs: u64,
    /// Deletions that did not come to an end.
    pub unfinished_deletions: u64,
    /// Findings whose derived data wait to be brought up to date.
    pub stale_findings: u64,
    /// Records that the connector could make nothing of.
    pub unusable_records: u64,
    /// Moments in the store that lie in the future: the clock was wrong then,
    /// or is now.
    pub runs_from_the_future: u64,
}

impl FindingStore {
    /// Writes a copy as of this moment into a new file, while others write.
    pub fn copy_to(&self, path: &Path) -> Result<()> {
        let (from, to) = self.connection.path().zip(path.to_str()).ok_or(StoreError::Corrupt)?;
        // A connection that may only query may not write another file either.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(from, flags)?.execute("VACUUM INTO ?1", [to])?;
        Ok(())
    }

    /// Opens the store of a tenant to look at it: it is neither brought up to
    /// date nor written.
    pub fn open_to_look(path: &Path) -> Result<Self> {
        let connection = read_only(path)?;
        super::tune(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Self { connection, decoder: Default::default(), compiled: Default::default() })
    }

    /// Looks at the store of a tenant without changing anything.
    pub fn examine(path: &Path, now: appsec_model::Timestamp) -> Result<StoreHealth> {
        let connection = read_only(path)?;
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0));
        let mut health = StoreHealth {
            version: connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
            known_version: migrate::newest(),
            faults: faults(&connection)?,
            ..StoreHealth::default()
        };
        // Other versions have other tables.
        if health.faults.is_empty() && health.version == health.known_version {
            health.tenant = connection.query_row("SELECT name FROM tenant", [], |row| row.get(0))?;
            health.unfinished_runs = count("SELECT count(*) FROM runs WHERE state = 'running'")?;
            health.unfinished_deletions = count("SELECT count(*) FROM deletions")?;
            health.stale_findings = count("SELECT count(*) FROM stale")?;
            health.unusable_records = count(UNUSABLE)?;
            health.runs_from_the_future =
                connection.query_row("SELECT count(*) FROM runs WHERE started_at > ?1", [now.as_micros()], |row| {
                    row.get(0)
                })?;
        }
        Ok(health)
    }

    /// Gives a copied store another owner. Returns what is damaged in it; a
    /// damaged one is left as it is.
    pub fn rename_tenant(path: &Path, from: &TenantId, to: &TenantId) -> Result<Vec<String>> {
        let connection = read_only(path)?;
        let found = faults(&connection)?;
        drop(connection);
        if !found.is_empty() {
            return Ok(found);
        }
        let store = Self::open(path, from)?;
        store.connection.execute("UPDATE tenant SET name = ?1", [to.as_str()])?;
        super::webhooks::give_up(&store.connection)?;
        store.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(found)
    }
}

fn read_only(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// What is damaged in a file, in SQLite's words.
fn faults(connection: &Connection) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for pragma in ["integrity_check", "foreign_key_check"] {
        let mut statement = connection
            .prepare(&format!("PRAGMA {pragma}({MAX_FAULTS})"))
            .or_else(|_| connection.prepare(&format!("PRAGMA {pragma}")))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let fault = match pragma {
                "integrity_check" => row.get::<_, String>(0)?,
                _ => format!("a row of {} names what is not there", row.get::<_, String>(0)?),
            };
            if fault != "ok" {
                faults.push(fault);
            }
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{Seek, SeekFrom, Write},
    };

    use serde_json::json;

    use crate::{
        FindingStore,
        fixture::{Desk, at},
    };

    #[test]
    fn a_copy_made_beside_a_writer_is_whole_and_can_have_another_owner() {
        let desk = Desk::with_project();
        desk.findings(&[json!({ "id": "1", "key": "a" })], 5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.sqlite3");
        desk.store.with_reader(|store| store.copy_to(&path)).unwrap();
        desk.findings(&[json!({ "id": "1", "key": "a" }), json!({ "id": "2", "key": "b" })], 6);
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        assert_eq!(FindingStore::rename_tenant(&path, &acme, &other).unwrap(), Vec::<String>::new());
        let copy = FindingStore::open(&path, &other).unwrap();
        let rows: u64 = copy.connection.query_row("SELECT count(*) FROM findings", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
    }

    #[test]
    fn a_damaged_page_is_found_and_nothing_is_repaired() {
        let desk = Desk::with_project();
        let bodies: Vec<_> = (0..300).map(|n| json!({ "id": n.to_string(), "key": n.to_string() })).collect();
        desk.findings(&bodies, 5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.sqlite3");
        desk.store.with_reader(|store| store.copy_to(&path)).unwrap();
        let healthy = FindingStore::examine(&path, at(9)).unwrap();
        assert_eq!((healthy.faults.len(), healthy.tenant.as_str(), healthy.unfinished_runs), (0, "acme", 1));
        assert_eq!(FindingStore::examine(&path, at(0)).unwrap().runs_from_the_future, 1);

        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let pages = file.metadata().unwrap().len() / 8192;
        for page in 2..pages {
            file.seek(SeekFrom::Start(page * 8192 + 100)).unwrap();
            file.write_all(&[0xa5; 600]).unwrap();
        }
        drop(file);
        let before = fs::read(&path).unwrap();
        let found = FindingStore::examine(&path, at(9)).map(|health| health.faults.len());
        assert!(found.as_ref().is_ok_and(|faults| *faults > 0) || found.is_err(), "{found:?}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
