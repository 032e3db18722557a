//! Calls on behalf of an instance as it would be: what its vendor says is
//! learnt, and nothing of it is written down before it is accepted.

use std::sync::{Arc, Mutex, PoisonError};

use appsec_model::{Project, Timestamp};

use super::Tenant;
use crate::{
    error::Error,
    host::{Loaded, VendorAccess},
};
use appsec_grant::{BucketError, BucketStore, Changes, Values, apply};
use appsec_ingest::{Caller, InstanceSync, SyncOptions, health};
use appsec_store::{Accepted, Instance, InstanceBucket, InstanceStatus, NewInstance, Percent};

/// A bucket whose changes are kept apart.
struct OverlayBucket {
    base: Values,
    changes: Mutex<Changes>,
}

impl BucketStore for OverlayBucket {
    fn load(&self) -> Result<Values, BucketError> {
        let mut values = self.base.clone();
        apply(&mut values, &self.changes.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(values)
    }

    fn commit(&self, changes: &Changes) -> Result<(), BucketError> {
        let mut all = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        Ok(())
    }
}

/// An instance as it would be.
pub(crate) struct DryRun {
    sync: Arc<InstanceSync>,
    caller: Caller,
    bucket: Arc<OverlayBucket>,
}

impl Tenant {
    /// A rehearsal of a changed instance, or of one that is not there yet.
    pub(crate) fn rehearsal(
        &self,
        loaded: &Loaded,
        made: NewInstance,
        known: Option<&Instance>,
        access: VendorAccess,
    ) -> Result<DryRun, Error> {
        let base = match known {
            Some(instance) => InstanceBucket::new(self.store.clone(), instance.id).load()?,
            None => Values::new(),
        };
        let instance = Instance {
            // No row has this id.
            id: known.map_or(0, |instance| instance.id),
            made,
            connection: None,
            status: InstanceStatus::NeverChecked,
            status_detail: None,
            // What nobody has accepted is not rehearsed either.
            paused: known.and_then(|instance| instance.paused.clone()),
            created_at: Timestamp::from_micros(0),
            checked_at: None,
            max_removal: Percent::DEFAULT_REMOVAL,
        };
        let bucket = Arc::new(OverlayBucket { base, changes: Mutex::default() });
        let (overlay, options) = (bucket.clone(), SyncOptions::default());
        let sync = self.sync_over(loaded, instance, access, overlay, Arc::new(|_| ()), &options)?;
        let sync = Arc::new(sync);
        Ok(DryRun { caller: Caller::new(sync.clone()), sync, bucket })
    }
}

impl DryRun {
    /// Lets the connector check the settings, and the vendor the secret.
    pub async fn configure(&self) -> Result<Accepted, Error> {
        let connection = self.sync.configure(&self.caller).await?;
        let (status, status_detail) = health(&connection);
        let bucket = self.bucket.changes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Accepted { made: self.sync.instance.made.clone(), connection, status, status_detail, bucket })
    }

    /// All projects of the vendor; comes after [`configure`](Self::configure).
    pub async fn projects(&self) -> Result<Vec<Project>, Error> {
        Ok(self.sync.list_projects(&self.caller).await?)
    }
}
