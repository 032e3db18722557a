//! The file of a tenant's store, and how tasks share it: one writer at a time, and
//! readers beside it.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    compiled::Compiled,
    compress::{self, Codec, CodecKey},
    error::{Result, StoreError},
    migrate,
};
use appsec_grant::{
    TenantId,
    files::{create_private_dir, private_file},
};
use appsec_model::Timestamp;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

/// How long a writer waits for another process before it gives up.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Pages of the file that SQLite keeps in memory, in KiB.
const CACHE_KIB: i64 = 32 << 10;

/// The same for whoever writes very much.
const BULK_CACHE_KIB: i64 = 40 << 10;

/// The same for each reader beside the writer.
const READER_CACHE_KIB: i64 = 8 << 10;

/// Readers that are kept open.
const READERS: usize = 2;

/// Size of the file's pages: a finding takes about 2 KB, and more of them fit
/// into a larger page without gaps.
const PAGE_BYTES: u32 = 8_192;

/// Pages of the log before they are moved into the file. A page of findings
/// touches hundreds; moving them waits for the disk, and the same page of the
/// file is often touched again soon.
const CHECKPOINT_PAGES: u32 = 8_192;

/// Statements kept compiled: all of those that a page, and what is derived from
/// it, runs.
const STATEMENTS: usize = 256;

/// The store of one tenant.
pub struct FindingStore {
    pub(crate) connection: Connection,
    pub(crate) decoder: compress::Decoder,
    pub(crate) compiled: Compiled,
}

impl FindingStore {
    /// Opens the file, makes it if it is not there, and brings it up to date.
    pub fn open(path: &Path, tenant: &TenantId) -> Result<Self> {
        let mut connection = open_private_file(path)?;
        tune(&connection)?;
        migrate::require_own_schema(&connection)?;
        // Takes effect in a new file only.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        // With a write-ahead log this survives a crash of the program; a power
        // cut may cost the last pages, which the next sync reads again.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        migrate::migrate(&mut connection, tenant)?;
        Ok(Self { connection, decoder: compress::Decoder::default(), compiled: Compiled::default() })
    }

    /// A store without a file that holds nothing: for whoever asks about a tenant
    /// that is not there, and must not make one.
    pub fn empty(tenant: &TenantId) -> Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        tune(&connection)?;
        migrate::migrate(&mut connection, tenant)?;
        Ok(Self { connection, decoder: compress::Decoder::default(), compiled: Compiled::default() })
    }

    /// The same file once more, for reading beside a writer.
    fn reader(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        tune(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        Ok(Self { connection, decoder: compress::Decoder::default(), compiled: Compiled::default() })
    }
}

/// Opens a file that only its owner may read, and makes it and its folder if they
/// are not there.
pub(crate) fn open_private_file(path: &Path) -> Result<Connection> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Open { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        create_private_dir(folder).map_err(|error| failed(error.into()))?;
    }
    // SQLite gives the log the permissions of the file.
    if !path.exists() {
        match private_file().write(true).create_new(true).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error.into())),
            _ => {}
        }
    }
    // Without SQLITE_OPEN_URI: a file name is a file name.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| failed(error.into()))
}

/// Whether a file belongs to a database. Only SQLite opens it: who closes it again lets
/// go of the locks that SQLite holds on it in this process, and another process then
/// takes the database for its own and removes the log under it.
pub fn is_database(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".sqlite3"))
}

/// What holds for every connection.
pub(crate) fn tune(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A statement is planned once, and not again for each value that is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // What stands in a file's schema may neither change the file's form nor call
    // what has effects outside of it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(())
}

/// Tells what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A store that tasks share: one writer at a time, and readers beside it.
#[derive(Clone)]
pub struct SharedStore(Arc<Shared>);

struct Shared {
    /// The file, as it was opened.
    file: Option<(PathBuf, FileId)>,
    /// None where nothing is written: a store that is only looked at.
    clock: Option<Clock>,
    store: Mutex<FindingStore>,
    readers: Mutex<Vec<FindingStore>>,
    /// What compresses records: used without the store.
    codecs: Mutex<HashMap<CodecKey, Codec>>,
}

impl SharedStore {
    /// Shares a store. What is read of it is as of the moment that the clock tells:
    /// a decision ends by itself.
    pub fn new(store: FindingStore, clock: Clock) -> Self {
        Self::of(store, Some(clock))
    }

    /// A store that is only looked at, as it is.
    pub fn to_look_at(store: FindingStore) -> Self {
        Self::of(store, None)
    }

    fn of(store: FindingStore, clock: Option<Clock>) -> Self {
        let path = store.connection.path().filter(|path| !path.is_empty()).map(PathBuf::from);
        let file = path.and_then(|path| file_id(&path).map(|id| (path, id)));
        Self(Arc::new(Shared {
            file,
            clock,
            store: Mutex::new(store),
            readers: Mutex::default(),
            codecs: Mutex::default(),
        }))
    }

    /// Whether the file that is open is still the one at its place: a tenant may
    /// be deleted, and brought back from a backup, while a daemon has it open.
    pub fn is_in_place(&self) -> bool {
        self.0.file.as_ref().is_none_or(|(path, opened)| file_id(path).as_ref() == Some(opened))
    }

    fn require_in_place(&self) -> Result<()> {
        if self.is_in_place() { Ok(()) } else { Err(StoreError::Replaced) }
    }

    /// Uses the store on this thread.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut FindingStore) -> T) -> T {
        // A panic inside of a transaction rolls it back: the store is whole.
        work(&mut self.0.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets SQLite keep more of the file in memory until what is returned is
    /// dropped: for writers of so much that they touch most of an index in each
    /// transaction.
    pub(crate) fn with_more_memory(&self) -> Result<MoreMemory> {
        self.with(|store| store.connection.pragma_update(None, "cache_size", -BULK_CACHE_KIB))?;
        Ok(MoreMemory(self.clone()))
    }

    /// Gives back the memory that makes the next use faster, but for the open file:
    /// for whoever keeps many stores of which few are in use. One that somebody else
    /// holds does not rest: it is needed between two transactions too.
    pub fn rest(&self) {
        if Arc::strong_count(&self.0) > 1 {
            return;
        }
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.0.codecs.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // One that is in use does not rest.
        let Ok(mut store) = self.0.store.try_lock() else { return };
        store.connection.flush_prepared_statement_cache();
        (store.decoder, store.compiled) = (compress::Decoder::default(), Compiled::default());
        // Without it nothing is wrong but the use of memory.
        _ = store.connection.release_memory();
    }

    /// Whether both are the same open file.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What changes with each transaction, of whatever process: while it is the same,
    /// so is what was read. None while somebody writes.
    pub fn version(&self) -> Option<StoreVersion> {
        let store = self.0.store.try_lock().ok()?;
        let others = store.connection.pragma_query_value(None, "data_version", |row| row.get(0)).ok()?;
        Some(StoreVersion { others, own: store.connection.total_changes() })
    }

    pub(crate) fn known_codec(&self, key: &CodecKey) -> Option<Codec> {
        self.0.codecs.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn know_codec(&self, key: CodecKey, codec: &Codec) {
        self.0.codecs.lock().unwrap_or_else(PoisonError::into_inner).insert(key, codec.clone());
    }

    /// Uses the store on a thread where waiting harms nobody.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut FindingStore) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.clone();
        self.apart(move || store.with(work)).await
    }

    /// Works on a thread where waiting harms nobody, if the file is still in its place.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.clone();
        blocking(move || {
            store.require_in_place()?;
            work()
        })
        .await
    }

    /// Ends the decisions whose end has come, and brings up to date what is derived
    /// from their findings, so that whoever reads next sees it. While another
    /// process writes, that one does it.
    pub(crate) fn end_due_decisions(&self) -> Result<()> {
        let Some(clock) = &self.0.clock else { return Ok(()) };
        let now = clock();
        if !self.with_reader(|store| store.decisions_end(now))? {
            return Ok(());
        }
        match self.with(|store| store.refresh(now)) {
            Err(StoreError::Busy) => Ok(()),
            refreshed => refreshed.map(|_| ()),
        }
    }

    /// Reads what was last committed, without waiting for a writer.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FindingStore) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.clone();
        self.apart(move || store.with_reader(work)).await
    }

    /// [`look`](Self::look) on this thread.
    pub(crate) fn with_reader<T>(&self, work: impl FnOnce(&FindingStore) -> Result<T>) -> Result<T> {
        // Without a file there is nothing to open once more.
        let Some((path, _)) = &self.0.file else { return self.with(|store| work(store)) };
        let known = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match known {
            Some(reader) => reader,
            // Not of the writer, for whose end it would wait.
            None => FindingStore::reader(path)?,
        };
        let result = work(&reader);
        let mut readers = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS {
            readers.push(reader);
        }
        result
    }
}

/// A moment of an open store, to be compared with others of the same one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StoreVersion {
    others: i64,
    own: u64,
}

/// What tells a file from another one at the same place, as long as it is open.
type FileId = (u64, u64);

/// Device and number of a file. It is not opened: closing it again would let go
/// of the locks that SQLite holds on it.
#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|it| (it.dev(), it.ino()))
}

/// Elsewhere a file that is open cannot be taken away.
#[cfg(not(unix))]
fn file_id(_: &Path) -> Option<FileId> {
    None
}

/// While it lives, the store keeps more of its file in memory.
pub struct MoreMemory(SharedStore);

impl Drop for MoreMemory {
    fn drop(&mut self) {
        // Without it nothing is wrong but the use of memory.
        _ = self.0.with(|store| {
            store.connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            store.connection.release_memory()
        });
    }
}

/// Works on a thread where waiting harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The runtime shuts down, or `work` panicked.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Busy),
        },
    }
}
