//! The bucket of an instance, as rows.

use rusqlite::{Transaction, TransactionBehavior, params};

use crate::{
    database::{FindingStore, SharedStore},
    error::Result,
};
use appsec_grant::{BucketError, BucketStore, Changes, Values};

impl FindingStore {
    fn bucket(&self, instance_id: i64) -> Result<Values> {
        let mut statement = self.connection.prepare_cached("SELECT key, value FROM bucket WHERE instance_id = ?1")?;
        let rows = statement.query_map([instance_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<Values>>()?)
    }

    fn change_bucket(&mut self, instance_id: i64, changes: &Changes) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        change_bucket(&transaction, instance_id, changes)?;
        Ok(transaction.commit()?)
    }
}

/// Changes the bucket of an instance as part of a transaction.
pub(super) fn change_bucket(transaction: &Transaction<'_>, instance_id: i64, changes: &Changes) -> Result<()> {
    for (key, value) in changes {
        match value {
            Some(value) => transaction.execute(
                "INSERT INTO bucket VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
                params![instance_id, key, value],
            )?,
            None => transaction
                .execute("DELETE FROM bucket WHERE instance_id = ?1 AND key = ?2", params![instance_id, key])?,
        };
    }
    Ok(())
}

/// The bucket of one instance.
pub struct InstanceBucket {
    store: SharedStore,
    instance_id: i64,
}

impl InstanceBucket {
    /// The bucket of an instance of the store's tenant.
    pub fn new(store: SharedStore, instance_id: i64) -> Self {
        Self { store, instance_id }
    }
}

impl BucketStore for InstanceBucket {
    fn load(&self) -> Result<Values, BucketError> {
        self.store.with(|store| store.bucket(self.instance_id)).map_err(|error| {
            // The guest learns only that its bucket fails.
            tracing::error!(error = &error as &dyn std::error::Error, "bucket");
            BucketError { what: "read", source: error.into() }
        })
    }

    fn commit(&self, changes: &Changes) -> Result<(), BucketError> {
        self.store
            .with(|store| store.change_bucket(self.instance_id, changes))
            .map_err(|error| BucketError { what: "written", source: error.into() })
    }
}
