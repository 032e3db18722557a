//! A host with a store, on which a connector is seen over more than one sync.

use std::future::Future;

/// What came of a sync.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Synced {
    /// Whether everything was fetched.
    pub is_complete: bool,
    /// Requests that were sent.
    pub requests: u64,
    /// Findings that were not there before.
    pub new: u64,
    /// Findings that are other than they were.
    pub changed: u64,
    /// Findings that are no longer there.
    pub vanished: u64,
    /// Findings that are as they were.
    pub unchanged: u64,
}

/// A host that keeps what it is brought. Only a host has a store.
pub trait Stage {
    /// Forgets everything, and connects.
    fn reset(&self) -> impl Future<Output = Result<(), String>>;

    /// Syncs, or resumes a sync that was interrupted.
    fn sync(&self) -> impl Future<Output = Result<Synced, String>>;

    /// Normalizes what is stored again; tells how many findings are others by it.
    fn renormalize(&self) -> impl Future<Output = Result<u64, String>>;
}
