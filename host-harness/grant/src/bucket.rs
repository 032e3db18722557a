//! Where a connector's bucket is kept: what the sandbox asks of a store.

use std::collections::BTreeMap;

/// The content of one instance's bucket, in key order.
pub type Values = BTreeMap<String, Vec<u8>>;

/// What a call changed: the new value of a key, or none where it was removed.
pub type Changes = BTreeMap<String, Option<Vec<u8>>>;

/// Makes changes to what is in a bucket.
pub fn apply(values: &mut Values, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => _ = values.insert(key.clone(), value.clone()),
            None => _ = values.remove(key),
        }
    }
}

/// Where the bucket of one instance is kept. Durable and atomic.
pub trait BucketStore: Send + Sync {
    /// Everything in the bucket.
    fn load(&self) -> Result<Values, BucketError>;

    /// Applies changes, all or none.
    fn commit(&self, changes: &Changes) -> Result<(), BucketError>;
}

/// Why the bucket's store failed. The guest sees only that it did.
#[derive(Debug, thiserror::Error)]
#[error("the bucket of the connector cannot be {what}")]
pub struct BucketError {
    /// `read` or `written`.
    pub what: &'static str,
    /// The store's own error.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
