//! The issues of a tenant.

use super::Tenant;
use crate::error::Error;
use appsec_store::{FindingDetail, IssueDetail, IssueFilter, IssueRow, StoreError};

impl Tenant {
    /// Issues of a filter, most urgent first, and how many there are in all.
    pub async fn issues(&self, filter: IssueFilter) -> Result<(Vec<IssueRow>, u64), Error> {
        self.catch_up().await?;
        Ok(self.store.read(move |store| store.issues(&filter)).await?)
    }

    /// The issue that is meant: by its id or a unique beginning of it, or by what
    /// one of its findings is known by.
    pub async fn issue(&self, name: String) -> Result<IssueDetail, Error> {
        self.catch_up().await?;
        let found = self.store.read(move |store| {
            let id = store.issue_named(&name)?;
            store.issue(id)?.ok_or(StoreError::NoIssue(name))
        });
        Ok(found.await?)
    }

    /// The finding that is meant: by its id or a unique beginning of it, the
    /// vendor's id or a fingerprint; with its raw records, if asked.
    pub async fn finding(&self, name: String, with_raw: bool) -> Result<FindingDetail, Error> {
        self.catch_up().await?;
        let found = self.store.read(move |store| {
            let id = store.finding_named(&name)?;
            store.finding(id, with_raw)?.ok_or(StoreError::NoFinding(name))
        });
        Ok(found.await?)
    }

    /// Does what a run that was cut off, or an older program, left undone.
    /// While another process writes, that one does it.
    pub(super) async fn catch_up(&self) -> Result<(), Error> {
        let now = self.now();
        if !self.store.read(move |store| store.is_stale(now)).await? {
            return Ok(());
        }
        match self.refresh().await {
            Err(Error::Store(StoreError::Busy)) => Ok(()),
            refreshed => refreshed.map(|_| ()),
        }
    }
}
