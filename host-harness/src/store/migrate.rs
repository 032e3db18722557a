//! Brings a store to the newest version of its schema.

use rusqlite::{Connection, TransactionBehavior};

use super::{Result, StoreError};
use crate::ids::TenantId;

/// Each step brings the schema from its position to the next one; steps that
/// were released are never changed.
const STEPS: &[&str] = &[include_str!("schema.sql")];

/// Runs the steps that are missing, all in one transaction, and makes sure
/// that the file is the tenant's.
pub(super) fn migrate(connection: &mut Connection, tenant: &TenantId) -> Result<()> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let version = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    if version(connection)? != known {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        let found = version(&transaction)?;
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.execute_batch(step)?;
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
    use crate::{
        ids::TenantId,
        store::{FindingStore, StoreError},
    };

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
    fn what_is_no_store_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        std::fs::write(&path, "this is not a database, but it is long enough to be read as one".repeat(99)).unwrap();
        let error = FindingStore::open(&path, &tenant("acme")).err().unwrap();
        assert!(matches!(error, StoreError::Corrupt), "{error:?}");
    }
}
