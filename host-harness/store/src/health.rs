//! The store's own health: copies of it, and what a look at it finds.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use appsec_model::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use serde::Serialize;

use crate::{
    database::{FindingStore, tune},
    error::{Result, StoreError},
    instances::Instance,
    migrate,
    webhooks::Webhook,
};
use appsec_grant::{InstanceName, SecretSource, TenantId, files::private_file};

/// Faults that are listed of a damaged file.
const MAX_FAULTS: u32 = 20;

/// How long a restored file may be checked, and how much longer for each MiB of
/// it: ten times what a slow disk takes.
const CHECK_TIME: Duration = Duration::from_secs(60);
const CHECK_TIME_PER_MIB: Duration = Duration::from_secs(1);

/// Steps of SQLite after which it is asked whether the time is over.
const STEPS_BETWEEN: i32 = 10_000;

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
    /// What does not belong into its schema, or is missing there. Where this is
    /// not empty, nothing else was looked at.
    pub foreign: Vec<String>,
    /// What is damaged, in SQLite's words.
    pub faults: Vec<String>,
    /// Runs that did not come to an end.
    pub unfinished_runs: u64,
    /// Deletions that did not come to an end.
    pub unfinished_deletions: u64,
    /// Findings whose derived data wait to be brought up to date.
    pub dirty_findings: u64,
    /// Records that the connector could make nothing of.
    pub unusable_records: u64,
    /// Moments in the store that lie in the future: the clock was wrong then,
    /// or is now.
    pub runs_from_the_future: u64,
}

/// What came of a store that was made a tenant's.
#[derive(Debug, Default)]
pub struct Adopted {
    /// What is damaged in it, in SQLite's words.
    pub faults: Vec<String>,
    /// Its instances, with what they tell and take in.
    pub instances: Vec<(Instance, Option<Webhook>, Option<SecretSource>)>,
    /// Instances to be, whose onboarding was dropped.
    pub dropped: Vec<InstanceName>,
}

impl FindingStore {
    /// Writes a copy as of this moment into a new file, while others write.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<()> {
        let (from, to) = self.connection.path().zip(path.to_str()).ok_or(StoreError::Corrupt)?;
        // A connection that may only query may not write another file either.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // SQLite takes an empty file, and its permissions.
        private_file()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| StoreError::Open { path: path.to_owned(), source: error.into() })?;
        Connection::open_with_flags(from, flags)?.execute("VACUUM INTO ?1", [to])?;
        Ok(())
    }

    /// Opens the store of a tenant to look at it: it is neither brought up to
    /// date nor written.
    pub fn open_to_look(path: &Path) -> Result<Self> {
        let connection = read_only(path)?;
        migrate::require_own_schema(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Self { connection, decoder: Default::default(), compiled: Default::default() })
    }

    /// Looks at the store of a tenant without changing anything.
    pub fn examine(path: &Path, now: Timestamp) -> Result<StoreHealth> {
        let connection = read_only(path)?;
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0));
        let mut health = StoreHealth {
            version: connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
            known_version: migrate::newest(),
            foreign: migrate::foreign_objects(&connection)?,
            ..StoreHealth::default()
        };
        if !health.foreign.is_empty() {
            return Ok(health);
        }
        health.faults = faults(&connection)?;
        // Other versions have other tables.
        if health.faults.is_empty() && health.version == health.known_version {
            health.tenant = connection.query_row("SELECT name FROM tenant", [], |row| row.get(0))?;
            health.unfinished_runs = count("SELECT count(*) FROM runs WHERE state = 'running'")?;
            health.unfinished_deletions = count("SELECT count(*) FROM deletions")?;
            health.dirty_findings = count("SELECT count(*) FROM dirty_findings")?;
            health.unusable_records = count(UNUSABLE)?;
            health.runs_from_the_future =
                connection.query_row("SELECT count(*) FROM runs WHERE started_at > ?1", [now.as_micros()], |row| {
                    row.get(0)
                })?;
        }
        Ok(health)
    }

    /// Makes the copy of a store that of a tenant, after it was checked. With
    /// `paused` all of its instances are paused until somebody accepts them, and
    /// what was being set up is dropped. A damaged one is left as it is.
    pub fn adopt(path: &Path, from: &TenantId, to: &TenantId, paused: Option<Timestamp>) -> Result<Adopted> {
        let mib = u32::try_from(path.metadata().map_or(0, |it| it.len()) >> 20).unwrap_or(u32::MAX);
        let deadline = Instant::now() + CHECK_TIME + CHECK_TIME_PER_MIB.saturating_mul(mib);
        let mut connection = read_only(path)?;
        stop_at(&mut connection, deadline)?;
        // First: nothing else of the file is read before.
        migrate::require_own_schema(&connection)?;
        let mut adopted = Adopted { faults: faults(&connection)?, ..Adopted::default() };
        drop(connection);
        if !adopted.faults.is_empty() {
            return Ok(adopted);
        }
        let mut store = Self::open(path, from)?;
        stop_at(&mut store.connection, deadline)?;
        let transaction = store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE tenant SET name = ?1", [to.as_str()])?;
        super::webhooks::give_up(&transaction)?;
        match paused {
            Some(now) => {
                let sql = "UPDATE instances SET unaccepted = 1, paused_at = coalesce(paused_at, ?1)";
                transaction.execute(sql, [now.as_micros()])?;
                adopted.dropped = drafts(&transaction)?;
                transaction.execute("DELETE FROM onboarding", [])?;
            }
            None => {
                let sql =
                    "UPDATE instances SET unaccepted = 0, paused_at = NULL, paused_reason = NULL WHERE unaccepted";
                transaction.execute(sql, [])?;
            }
        }
        transaction.commit()?;
        for instance in store.instances()? {
            let (webhook, inbox) = (store.webhook(instance.id)?, store.inbox(instance.id)?);
            adopted.instances.push((instance, webhook, inbox));
        }
        store.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(adopted)
    }
}

/// The names of instances that are being set up.
fn drafts(connection: &Connection) -> Result<Vec<InstanceName>> {
    let mut statement = connection.prepare("SELECT name FROM onboarding")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    names.map(|name| name?.parse().map_err(|_| StoreError::Corrupt)).collect()
}

fn read_only(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    tune(&connection)?;
    Ok(connection)
}

/// Stops every statement of a connection that runs beyond a moment.
fn stop_at(connection: &mut Connection, deadline: Instant) -> Result<()> {
    Ok(connection.progress_handler(STEPS_BETWEEN, Some(move || Instant::now() >= deadline))?)
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
        FindingStore, StoreError,
        fixture::{TestContext, at},
    };

    #[test]
    fn a_copy_made_beside_a_writer_is_whole_and_can_have_another_owner() {
        let context = TestContext::with_project();
        context.findings(&[json!({ "id": "1", "key": "a" })], 5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.sqlite3");
        context.store.with_reader(|store| store.copy_to(&path)).unwrap();
        context.findings(&[json!({ "id": "1", "key": "a" }), json!({ "id": "2", "key": "b" })], 6);
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        assert_eq!(FindingStore::adopt(&path, &acme, &other, None).unwrap().faults, Vec::<String>::new());
        let copy = FindingStore::open(&path, &other).unwrap();
        let rows: u64 = copy.connection.query_row("SELECT count(*) FROM findings", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
    }

    #[test]
    fn what_does_not_belong_into_a_schema_is_named_and_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let acme = "acme".parse().unwrap();
        let foreign = [
            (
                "CREATE TRIGGER censor AFTER INSERT ON findings BEGIN DELETE FROM findings; END",
                "trigger `censor` does not belong there",
            ),
            ("CREATE VIEW w AS SELECT 1", "view `w` does not belong there"),
            ("CREATE TABLE more (a)", "table `more` does not belong there"),
            ("CREATE INDEX more ON runs (id)", "index `more` does not belong there"),
            ("DROP INDEX deliveries_due", "index `deliveries_due` is missing"),
            (
                "DROP VIEW IF EXISTS w; DROP TRIGGER tell_after_insert; CREATE TRIGGER tell_after_insert AFTER INSERT ON \
              runs BEGIN SELECT 1; END",
                "trigger `tell_after_insert` was changed",
            ),
        ];
        for (number, (sql, told)) in foreign.into_iter().enumerate() {
            let path = folder.path().join(format!("{number}.sqlite3"));
            drop(FindingStore::open(&path, &acme).unwrap());
            rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            assert_eq!(FindingStore::examine(&path, at(9)).unwrap().foreign, [told]);
            let refusals = [
                FindingStore::open(&path, &acme).map(|_| ()),
                FindingStore::open_to_look(&path).map(|_| ()),
                FindingStore::adopt(&path, &acme, &acme, None).map(|_| ()),
            ];
            for refused in refusals {
                assert!(matches!(refused, Err(StoreError::ForeignSchema(why)) if why == told), "{sql}");
            }
        }
    }

    #[test]
    fn a_check_that_does_not_end_is_stopped() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        super::stop_at(&mut connection, std::time::Instant::now()).unwrap();
        let long =
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1000000) SELECT max(n) FROM r";
        let stopped = connection.query_row(long, [], |row| row.get::<_, i64>(0)).map_err(StoreError::from);
        assert!(matches!(stopped, Err(StoreError::TooSlow)), "{stopped:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_store_is_its_owners_from_the_first_byte() {
        use std::os::unix::fs::PermissionsExt;
        let context = TestContext::with_project();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.sqlite3");
        context.store.with_reader(|store| store.copy_to(&copy)).unwrap();
        let store = context.store.with(|store| store.connection.path().unwrap().to_owned());
        let files = ["", "-wal", "-shm"].map(|end| std::path::PathBuf::from(format!("{store}{end}")));
        for path in files.iter().chain([&copy]) {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
    }

    #[test]
    fn a_damaged_page_is_found_and_nothing_is_repaired() {
        let context = TestContext::with_project();
        let bodies: Vec<_> = (0..300).map(|n| json!({ "id": n.to_string(), "key": n.to_string() })).collect();
        context.findings(&bodies, 5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.sqlite3");
        context.store.with_reader(|store| store.copy_to(&path)).unwrap();
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
