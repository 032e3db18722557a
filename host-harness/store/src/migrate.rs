//! Brings a store to the newest version of its schema.

use rusqlite::{Connection, TransactionBehavior};

use super::{Result, StoreError};
use appsec_grant::TenantId;

/// Each step brings the schema to one version more, the first one to
/// [`OLDEST`]; steps that were released are never changed.
const STEPS: &[&[&str]] = &[&[
    include_str!("schema/core.sql"),
    include_str!("schema/mapping.sql"),
    include_str!("schema/stale.sql"),
    include_str!("schema/views.sql"),
    include_str!("schema/issues.sql"),
    include_str!("schema/metrics.sql"),
    include_str!("schema/policies.sql"),
    include_str!("schema/schedule.sql"),
    include_str!("schema/webhooks.sql"),
    include_str!("schema/deletions.sql"),
    include_str!("schema/onboarding.sql"),
]];

/// Version of the first schema that was released. Files of drafts before it
/// cannot be brought up to date.
const OLDEST: i64 = 3;

/// The version that this program brings stores to.
pub(super) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX).saturating_add(OLDEST - 1)
}

/// Runs the steps that are missing, all in one transaction, and makes sure
/// that the file is the tenant's.
pub(super) fn migrate(connection: &mut Connection, tenant: &TenantId) -> Result<()> {
    let known = newest();
    let version = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
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
        let made = usize::try_from(found - OLDEST + 1).unwrap_or(0);
        for part in STEPS.iter().skip(made).copied().flatten() {
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
    use crate::{FindingStore, StoreError};
    use appsec_grant::TenantId;

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
    fn a_store_of_a_draft_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        FindingStore::open(&path, &tenant("acme")).unwrap();
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
        let error = FindingStore::open(&path, &tenant("acme")).err().unwrap();
        insta::assert_snapshot!(error, @"the store was written by a draft of this program: move it away and sync anew");
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
