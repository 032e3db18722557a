//! A shared store as each of its consumers sees it.

use appsec_model::{Kind, Normalized};

use crate::{
    database::{MoreMemory, SharedStore},
    error::Result,
    pages::{Classified, Contents},
    renormalize::{Renormalized, StoredRecord},
    seam::{AdminStore, IngestStore, QueryStore},
};

impl SharedStore {
    /// Uses the store on a thread where waiting harms nobody.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn AdminStore) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write(|store| work(store)).await
    }

    /// Uses the store on this thread.
    pub fn run_now<T>(&self, work: impl FnOnce(&mut dyn AdminStore) -> T) -> T {
        self.with(|store| work(store))
    }

    /// Reads what was last committed, without waiting for a writer; but decisions
    /// whose end has come end before.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn QueryStore) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.clone();
        self.apart(move || {
            store.end_due_decisions()?;
            store.with_reader(|store| work(store))
        })
        .await
    }

    /// [`read`](Self::read) on this thread.
    pub fn read_now<T>(&self, work: impl FnOnce(&dyn QueryStore) -> Result<T>) -> Result<T> {
        self.end_due_decisions()?;
        self.with_reader(|store| work(store))
    }

    /// The store for whoever brings findings into it.
    pub fn ingest(&self) -> IngestHandle {
        IngestHandle(self.clone())
    }
}

/// A shared store for whoever brings findings into it.
#[derive(Clone)]
pub struct IngestHandle(SharedStore);

impl IngestHandle {
    /// Uses the store on a thread where waiting harms nobody.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn IngestStore) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.write(|store| work(store)).await
    }

    /// Uses the store on this thread.
    pub fn with<T>(&self, work: impl FnOnce(&mut dyn IngestStore) -> T) -> T {
        self.0.with(|store| work(store))
    }

    /// Reads what was last committed, without waiting for a writer.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn IngestStore) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.look(|store| work(store)).await
    }

    /// Lets the driver keep more in memory until what is returned is dropped: for
    /// whoever writes very much.
    pub fn with_more_memory(&self) -> Result<MoreMemory> {
        self.0.with_more_memory()
    }

    /// Makes the contents of a page ready, which does not wait for the store but
    /// for the first page of a kind and origin.
    pub fn contents(
        &self,
        instance_id: i64,
        origin: &str,
        kind: &Kind,
        records: &[Classified],
        normalized: &Normalized,
    ) -> Result<Contents> {
        self.0.contents(instance_id, origin, kind, records, normalized)
    }

    /// Makes a batch ready that was normalized again: what is as it was is left
    /// alone.
    pub fn renormalized(
        &self,
        instance_id: i64,
        batch: Vec<StoredRecord>,
        normalized: Normalized,
    ) -> Result<Renormalized> {
        self.0.renormalized(instance_id, batch, normalized)
    }
}
