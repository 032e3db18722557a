//! Brings a store to the newest version of its schema, and looks whether it has
//! the schema of its version and nothing else: a trigger or view of somebody
//! else would be run by every statement that touches its table.

use std::{borrow::Cow, collections::BTreeSet, sync::OnceLock};

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Result, StoreError};
use appsec_grant::TenantId;

/// Each step brings the schema to one version more, the first one to
/// [`OLDEST`]; steps that were released are never changed.
const STEPS: &[&[&str]] = &[
    &[
        include_str!("schema/core.sql"),
        include_str!("schema/mapping.sql"),
        include_str!("schema/dirty.sql"),
        include_str!("schema/views.sql"),
        include_str!("schema/issues.sql"),
        include_str!("schema/metrics.sql"),
        include_str!("schema/policies.sql"),
        include_str!("schema/schedule.sql"),
        include_str!("schema/webhooks.sql"),
        include_str!("schema/deletions.sql"),
        include_str!("schema/onboarding.sql"),
    ],
    &[include_str!("schema/decisions.sql")],
    &[include_str!("schema/write_back.sql")],
    &[include_str!("schema/kev.sql"), include_str!("schema/alerts.sql")],
    &[include_str!("schema/blake3.sql")],
    &[include_str!("schema/order.sql")],
    &[include_str!("schema/scheduled.sql")],
];

/// Version of the first schema that was released. Files of drafts before it
/// cannot be brought up to date.
const OLDEST: i64 = 3;

/// The version that this program brings stores to.
pub(super) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX).saturating_add(OLDEST - 1)
}

/// Of an error, so many objects are named.
const NAMED: usize = 5;

/// Signs of a name that are shown.
const NAME_SIGNS: usize = 80;

/// An object of a schema: its type, name, table and text.
type Object = (String, String, String, String);

/// The schema of a file. What stands there is read, and none of it is run.
fn objects(connection: &Connection) -> Result<BTreeSet<Object>> {
    let mut statement = connection.prepare("SELECT type, name, tbl_name, sql FROM main.sqlite_schema")?;
    let mut rows = statement.query([])?;
    let mut objects = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let text = |column| {
            let bytes = row.get_ref(column)?.as_bytes_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default();
            Ok::<_, StoreError>(String::from_utf8_lossy(bytes).into_owned())
        };
        // What is there twice is a fault of the file, which SQLite itself tells.
        objects.insert((text(0)?, text(1)?, text(2)?, text(3)?));
    }
    Ok(objects)
}

fn version(connection: &Connection) -> Result<i64> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// How many of the steps a file of this version has behind it.
fn steps_of(version: i64) -> usize {
    usize::try_from(version - OLDEST + 1).unwrap_or(0)
}

/// The schema of the newest version, made once.
static NEWEST: OnceLock<BTreeSet<Object>> = OnceLock::new();

/// The schema of a fresh file of this version.
fn fresh(version: i64) -> Result<BTreeSet<Object>> {
    let fresh = Connection::open_in_memory()?;
    for part in STEPS.iter().take(steps_of(version)).copied().flatten() {
        fresh.execute_batch(part)?;
    }
    objects(&fresh)
}

/// What does not belong into the schema of a file, or is missing there. Of a
/// file of a newer program, or of a draft, nothing can be said.
pub(super) fn foreign_objects(connection: &Connection) -> Result<Vec<String>> {
    // Version and schema as of one moment: another process may make the file just now.
    let snapshot = connection.unchecked_transaction()?;
    let (found, version) = (objects(&snapshot)?, version(&snapshot)?);
    drop(snapshot);
    if version > newest() || (1..OLDEST).contains(&version) {
        return Ok(Vec::new());
    }
    let own = match NEWEST.get() {
        Some(own) if version == newest() => Cow::Borrowed(own),
        _ => Cow::Owned(fresh(version)?),
    };
    if version == newest() {
        NEWEST.get_or_init(|| own.clone().into_owned());
    }
    if found == *own.as_ref() {
        return Ok(Vec::new());
    }
    let named = |(kind, name, ..): &Object| {
        let name: String = name.chars().take(NAME_SIGNS).collect();
        format!("{kind} `{name}`")
    };
    let is_own = |it: &&Object| own.iter().any(|own| (&own.0, &own.1) == (&it.0, &it.1));
    let mut wrong = Vec::new();
    for it in found.difference(&own) {
        let how = if is_own(&it) { "was changed" } else { "does not belong there" };
        wrong.push(format!("{} {how}", named(it)));
    }
    let there: BTreeSet<_> = found.iter().map(|it| (&it.0, &it.1)).collect();
    let missing = own.iter().filter(|it| !there.contains(&(&it.0, &it.1)));
    wrong.extend(missing.map(|it| format!("{} is missing", named(it))));
    let more = wrong.len().saturating_sub(NAMED);
    wrong.truncate(NAMED);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    Ok(wrong)
}

/// Makes sure that a file has the schema of its version, before anything in it
/// is run.
pub(super) fn require_own_schema(connection: &Connection) -> Result<()> {
    match foreign_objects(connection)?.as_slice() {
        [] => Ok(()),
        wrong => Err(StoreError::ForeignSchema(wrong.join("; "))),
    }
}

/// Runs the steps that are missing, all in one transaction, and makes sure
/// that the file is the tenant's.
pub(super) fn migrate(connection: &mut Connection, tenant: &TenantId) -> Result<()> {
    let known = newest();
    if version(connection)? != known {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        let found = version(&transaction)?;
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        if found > 0 && found < OLDEST {
            return Err(StoreError::TooOld);
        }
        for part in STEPS.iter().skip(steps_of(found)).copied().flatten() {
            transaction.execute_batch(part)?;
        }
        transaction.pragma_update(None, "user_version", known)?;
        transaction.execute("INSERT INTO tenant VALUES (1, ?1) ON CONFLICT DO NOTHING", [tenant.as_str()])?;
        transaction.commit()?;
    }
    let owner: String = connection.query_row("SELECT name FROM tenant", [], |row| row.get(0))?;
    if owner == tenant.as_str() { Ok(()) } else { Err(StoreError::OtherTenant(owner)) }
}

#[cfg(test)]
mod tests {
    use super::{foreign_objects, newest, version};
    use crate::{
        FindingStore, StoreError,
        fixture::{TestContext, at},
    };
    use appsec_grant::TenantId;
    use serde_json::json;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    #[test]
    fn a_store_opens_again_for_its_tenant_and_for_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/store.sqlite3");
        FindingStore::open(&path, &tenant("acme")).unwrap();
        FindingStore::open(&path, &tenant("acme")).unwrap();
        let other = FindingStore::open(&path, &tenant("other")).err().unwrap();
        insta::assert_snapshot!(other, @"the store belongs to the tenant `acme`");
    }

    /// A store as a program of version 3 left it, with all rows of another one
    /// that it had a place for.
    fn of_version_3(path: &std::path::Path, rows: &TestContext) {
        let old = rusqlite::Connection::open(path).unwrap();
        old.execute_batch(include_str!("migrate/version-3.sql")).unwrap();
        let filled: String = rows.store.with(|store| store.connection.path().unwrap().to_owned());
        old.execute("ATTACH ?1 AS filled", [filled]).unwrap();
        old.pragma_update(None, "foreign_keys", false).unwrap();
        let texts = |sql: &str| -> Vec<String> {
            let mut statement = old.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
        };
        let triggers = texts("SELECT name FROM main.sqlite_schema WHERE type = 'trigger'");
        let made = texts("SELECT sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY name");
        for name in triggers {
            old.execute_batch(&format!("DROP TRIGGER main.{name}")).unwrap();
        }
        for table in texts("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
            // Nothing of the fixture is of a file, whose hash has another name since; the sums
            // that have other columns since are made again.
            if ["imports", "metric_counts"].contains(&table.as_str()) {
                continue;
            }
            let columns = texts(&format!("SELECT name FROM pragma_table_info('{table}')")).join(", ");
            let copy = format!(
                "DELETE FROM main.{table}; INSERT INTO main.{table} ({columns}) SELECT {columns} FROM filled.{table}"
            );
            old.execute_batch(&copy).unwrap();
        }
        made.iter().for_each(|sql| old.execute_batch(sql).unwrap());
        old.pragma_update(None, "user_version", 3).unwrap();
    }

    #[test]
    fn a_store_of_an_earlier_version_is_brought_up_to_date_with_all_that_it_holds() {
        let context = TestContext::with_project();
        context.findings(&[json!({ "id": "1", "key": "a" }), json!({ "id": "2", "key": "b", "status": "fixed" })], 5);
        context.store.with(|store| store.refresh(at(5))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        of_version_3(&path, &context);
        let looked_at = rusqlite::Connection::open(&path).unwrap();
        assert_eq!((version(&looked_at).unwrap(), foreign_objects(&looked_at).unwrap()), (3, vec![]));

        let mut store = FindingStore::open(&path, &tenant("acme")).unwrap();
        assert_eq!((version(&looked_at).unwrap(), foreign_objects(&looked_at).unwrap()), (newest(), vec![]));
        let all = |store: &FindingStore| {
            let filter = crate::Filter { limit: 9, ..crate::Filter::default() };
            let dashboard = store.dashboard(&crate::DashboardFilter::default(), at(5)).unwrap();
            format!("{:?} {dashboard:?}", store.findings(&filter).unwrap())
        };
        assert_eq!(all(&store), context.store.with(|store| all(store)));
        // What came with later versions works on what was there before.
        let id = store.matching(&crate::Filter::default()).unwrap()[0];
        let entry = appsec_analysis::TriageEntry::new(appsec_analysis::TriageDecision::Fixing);
        let on = [crate::DecidedOn { finding: id, issue: None }];
        assert_eq!(store.decide(&on, &entry, "ada", at(6)).unwrap(), 1);
        store.refresh(at(6)).unwrap();
        assert_eq!(store.finding(id, false).unwrap().unwrap().decisions.len(), 1);
        // Opened again, it is what it is.
        drop(store);
        FindingStore::open(&path, &tenant("acme")).unwrap();
    }

    #[test]
    fn a_store_of_a_newer_program_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        FindingStore::open(&path, &tenant("acme")).unwrap();
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = FindingStore::open(&path, &tenant("acme")).err().unwrap();
        assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
    }

    #[test]
    fn a_store_of_a_draft_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        FindingStore::open(&path, &tenant("acme")).unwrap();
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
        let error = FindingStore::open(&path, &tenant("acme")).err().unwrap();
        insta::assert_snapshot!(error, @"unsupported pre-release database version");
    }

    #[test]
    fn what_is_no_store_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        std::fs::write(&path, "this is not a database, but it is long enough to be read as one".repeat(99)).unwrap();
        let error = FindingStore::open(&path, &tenant("acme")).err().unwrap();
        assert!(matches!(error, StoreError::Corrupt), "{error:?}");
    }
}
