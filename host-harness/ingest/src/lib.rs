//! Everything that brings findings into a store: syncs of a vendor's API,
//! imports of files, and normalizing again what is stored.
//!
//! Each of them goes the same way: what came is compared with the store, what is
//! new is normalized, the results are held to the contract, and a batch is
//! committed with the position behind it, so that a crash costs what was not committed yet.

mod batch;
mod contract;
mod error;
mod import;
mod renormalize;
mod sync;
mod task;
mod vanishing;
mod writer;

pub use self::{
    error::{Error, ImportError, SelectionError},
    import::{
        CompleteFile, Import, ImportEvent, ImportOptions, ImportOutcome, ImportProgress, ImportReport, open_input,
        read_file,
    },
    renormalize::{Change, ChangedFinding, Renormalize, RenormalizeOptions, RenormalizeProgress, RenormalizeReport},
    sync::{
        AccountThrottle, Caller, Decision, InstanceSync, Progress, RetryPolicy, Selection, Sleep, SyncEvent,
        SyncOptions, SystemSleep, Throttles, chance, health,
    },
    vanishing::Vanishing,
};
