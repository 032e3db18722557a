//! The issues of a tenant.

use super::Tenant;
use crate::error::Error;
use appsec_store::{IssueDetail, IssueFilter, IssueId, IssueRow, StoreError};

impl Tenant {
    /// Issues of a filter, most urgent first, and how many there are in all.
    pub async fn issues(&self, filter: IssueFilter) -> Result<(Vec<IssueRow>, u64), Error> {
        self.catch_up().await?;
        Ok(self.store.read(move |store| store.issues(&filter)).await?)
    }

    /// The issue of an id: its own, one that it is also known as, or that of
    /// one of its findings.
    pub async fn issue(&self, id: IssueId) -> Result<Option<IssueDetail>, Error> {
        self.catch_up().await?;
        Ok(self.store.read(move |store| store.issue(id)).await?)
    }

    /// Does what a run that was cut off, or an older program, left undone.
    /// While another process writes, that one does it.
    async fn catch_up(&self) -> Result<(), Error> {
        if !self.store.read(|store| store.is_stale()).await? {
            return Ok(());
        }
        match self.refresh().await {
            Err(Error::Store(StoreError::Busy)) => Ok(()),
            refreshed => refreshed.map(|_| ()),
        }
    }
}
