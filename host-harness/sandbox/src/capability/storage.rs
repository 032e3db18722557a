//! The bucket of an instance: what its connector remembers between calls.
//!
//! Whatever name a guest opens, it gets the bucket of its own tenant and
//! instance: the name never reaches the store. What a call writes is kept
//! beside the store and goes into it in one piece when the call has succeeded,
//! so that a trap in the middle leaves nothing half-done.

use std::{collections::HashSet, sync::Arc};

use crate::limits::Limits;
use appsec_grant::{BucketError, BucketStore, Changes, Values};

/// Why the host refuses an operation; the text is for the guest.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The key is empty, too long, or holds control characters.
    #[error("a key has 1 to {0} bytes and no control characters")]
    Key(usize),
    /// The value is too large.
    #[error("a value has at most {0} bytes")]
    Value(usize),
    /// Too many keys.
    #[error("a bucket has at most {0} keys")]
    Keys(usize),
    /// Too much in all.
    #[error("a bucket holds at most {0} bytes")]
    Total(usize),
    /// The store failed.
    #[error("the bucket is not available")]
    Store,
}

/// The bucket as one call sees it. Loaded when first used.
pub struct BucketCtx {
    store: Option<Arc<dyn BucketStore>>,
    limits: Limits,
    values: Option<Values>,
    /// The keys that the store holds: only these need to be taken away there.
    stored: HashSet<String>,
    /// Bounded like the bucket: of keys that are in the store, or will be.
    changes: Changes,
}

impl BucketCtx {
    /// A bucket over a store; without one it is refused, as in `normalize`.
    pub fn new(store: Option<Arc<dyn BucketStore>>, limits: &Limits) -> Self {
        Self { store, limits: limits.clone(), values: None, stored: HashSet::new(), changes: Changes::new() }
    }

    /// Whether there is a bucket at all.
    pub fn is_granted(&self) -> bool {
        self.store.is_some()
    }

    /// The value under a key.
    pub fn value(&mut self, key: &str) -> Result<Option<Vec<u8>>, Refused> {
        self.check_key(key)?;
        Ok(self.values()?.get(key).cloned())
    }

    /// Stores a value.
    pub fn set(&mut self, key: &str, value: Vec<u8>) -> Result<(), Refused> {
        self.check_key(key)?;
        if value.len() > self.limits.value_bytes {
            return Err(Refused::Value(self.limits.value_bytes));
        }
        let (keys, bytes) = (self.limits.keys, self.limits.bucket_bytes);
        let values = self.values()?;
        let others = values.iter().filter(|(other, _)| *other != key);
        let (count, total) = others.fold((1, key.len() + value.len()), |(count, total), (key, value)| {
            (count + 1, total + key.len() + value.len())
        });
        if count > keys {
            return Err(Refused::Keys(keys));
        }
        if total > bytes {
            return Err(Refused::Total(bytes));
        }
        values.insert(key.to_owned(), value.clone());
        self.changes.insert(key.to_owned(), Some(value));
        Ok(())
    }

    /// Removes a key.
    pub fn delete(&mut self, key: &str) -> Result<(), Refused> {
        self.check_key(key)?;
        self.values()?.remove(key);
        if self.stored.contains(key) {
            self.changes.insert(key.to_owned(), None);
        } else {
            self.changes.remove(key);
        }
        Ok(())
    }

    /// Puts what the call changed into the store.
    pub fn commit(&mut self) -> Result<(), BucketError> {
        match &self.store {
            Some(store) if !self.changes.is_empty() => store.commit(&std::mem::take(&mut self.changes)),
            _ => Ok(()),
        }
    }

    fn values(&mut self) -> Result<&mut Values, Refused> {
        if self.values.is_none() {
            let store = self.store.as_ref().ok_or(Refused::Store)?;
            // Whoever keeps it has said why.
            let values = store.load().map_err(|_| Refused::Store)?;
            self.stored = values.keys().cloned().collect();
            self.values = Some(values);
        }
        self.values.as_mut().ok_or(Refused::Store)
    }

    fn check_key(&self, key: &str) -> Result<(), Refused> {
        let fits = (1..=self.limits.key_bytes).contains(&key.len());
        if fits && !key.chars().any(char::is_control) { Ok(()) } else { Err(Refused::Key(self.limits.key_bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use appsec_grant::{BucketError, BucketStore, Changes, Values};

    use super::{BucketCtx, Refused};
    use crate::limits::Limits;

    #[derive(Default)]
    struct InMemory(Mutex<Values>);

    impl BucketStore for InMemory {
        fn load(&self) -> Result<Values, BucketError> {
            Ok(self.0.lock().unwrap().clone())
        }

        fn commit(&self, changes: &Changes) -> Result<(), BucketError> {
            let mut values = self.0.lock().unwrap();
            for (key, value) in changes {
                match value {
                    Some(value) => values.insert(key.clone(), value.clone()),
                    None => values.remove(key),
                };
            }
            Ok(())
        }
    }

    fn bucket(store: &Arc<InMemory>, limits: &Limits) -> BucketCtx {
        BucketCtx::new(Some(store.clone()), limits)
    }

    #[test]
    fn what_is_set_and_deleted_again_leaves_nothing_to_remember() {
        let store = Arc::new(InMemory::default());
        store.0.lock().unwrap().insert("stored".to_owned(), Vec::new());
        let mut bucket = bucket(&store, &Limits::default());
        for number in 0..10_000 {
            bucket.set(&format!("passing {number}"), vec![1]).unwrap();
            bucket.delete(&format!("passing {number}")).unwrap();
            bucket.delete(&format!("never there {number}")).unwrap();
        }
        assert_eq!(bucket.changes, Changes::new());
        bucket.delete("stored").unwrap();
        bucket.set("stays", vec![2]).unwrap();
        bucket.commit().unwrap();
        assert_eq!(*store.0.lock().unwrap(), Values::from([("stays".to_owned(), vec![2])]));
    }

    #[test]
    fn what_a_call_wrote_is_there_for_the_next_one_only_after_commit() {
        let (store, limits) = (Arc::new(InMemory::default()), Limits::default());
        let mut first = bucket(&store, &limits);
        first.set("a", b"1".to_vec()).unwrap();
        assert_eq!(first.value("a").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(bucket(&store, &limits).value("a").unwrap(), None);
        first.commit().unwrap();
        assert_eq!(bucket(&store, &limits).value("a").unwrap().as_deref(), Some(&b"1"[..]));
        let mut third = bucket(&store, &limits);
        third.delete("a").unwrap();
        third.commit().unwrap();
        assert_eq!(bucket(&store, &limits).value("a").unwrap(), None);
    }

    #[test]
    fn quotas_hold_for_keys_values_counts_and_totals() {
        let limits = Limits { key_bytes: 4, value_bytes: 8, keys: 2, bucket_bytes: 12, ..Limits::default() };
        let store = Arc::new(InMemory::default());
        let mut bucket = bucket(&store, &limits);
        assert_eq!(bucket.set("", vec![]), Err(Refused::Key(4)));
        assert_eq!(bucket.set("abcde", vec![]), Err(Refused::Key(4)));
        assert_eq!(bucket.set("a\0", vec![]), Err(Refused::Key(4)));
        assert_eq!(bucket.set("a", vec![0; 9]), Err(Refused::Value(8)));
        bucket.set("a", vec![0; 8]).unwrap();
        assert_eq!(bucket.set("b", vec![0; 3]), Err(Refused::Total(12)));
        bucket.set("b", vec![0; 2]).unwrap();
        assert_eq!(bucket.set("c", vec![]), Err(Refused::Keys(2)));
        bucket.set("a", vec![0; 8]).unwrap();
    }

    #[test]
    fn without_a_store_everything_is_refused() {
        let mut bucket = BucketCtx::new(None, &Limits::default());
        assert_eq!(bucket.value("a"), Err(Refused::Store));
        assert_eq!(bucket.set("a", vec![]), Err(Refused::Store));
    }
}
