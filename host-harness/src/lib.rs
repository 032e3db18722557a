//! A host for connectors of the contract `appsec:connector@0.1.0`.
//!
//! It runs each call of a connector in a sandbox of its own, gives it the
//! network and storage that the operator granted, and keeps what it brings in
//! one store per tenant. It knows the contract and no vendor.
//!
//! ```no_run
//! use host_harness::{ConnectorSource, Harness, Options, Setup, SyncOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let harness = Harness::new(Options::new("data".into()));
//! let tenant = harness.tenant("acme".parse()?)?;
//! let setup = Setup {
//!     name: "code".parse()?,
//!     connector: ConnectorSource::File { path: "connector.wasm".into() },
//!     settings: serde_json::Map::new(),
//!     allow_origins: vec![],
//!     allow_private_origins: vec![],
//!     secret: None,
//! };
//! let instance = tenant.add_instance(setup, true).await?;
//! let run = tenant.sync(&instance.made.name, None, SyncOptions::default(), std::sync::Arc::new(|_| ())).await?;
//! println!("{} new findings", run.counts.new);
//! # Ok(())
//! # }
//! ```

mod bundled;
mod capability;
mod daemon;
mod deletion;
mod error;
mod files;
mod harness;
mod hex;
mod ids;
mod import;
mod lease;
mod limits;
mod renormalize;
mod runtime;
mod schedule;
mod secrets;
mod stop;
mod store;
mod sync;
mod task;
mod tenant;
mod webhook;

pub use crate::{
    bundled::{BUNDLED, Bundled},
    capability::{
        egress::{Addresses, EgressPolicy, Origin, OriginError},
        storage::{BucketError, BucketStore, Changes, Values},
    },
    daemon::{
        Daemon, DaemonEvent, DaemonInfo, DaemonOptions, DaemonProgress, DaemonReport, InstanceWork, LastRun,
        RunningWork,
    },
    deletion::{DeletionReport, TenantDeletion},
    error::HarnessError,
    harness::{Harness, Loaded, Options},
    ids::{InstanceName, NameError, TenantId},
    import::{ImportError, ImportEvent, ImportOptions, ImportOutcome, ImportProgress, ImportReport},
    lease::Holder,
    limits::Limits,
    renormalize::{Change, ChangedFinding, RenormalizeOptions, RenormalizeProgress, RenormalizeReport},
    runtime::{
        CallError, CallFailure, CallReport, Called, Connector, Grant, Inspection, InspectionError, LimitHit, Runtime,
        RuntimeError,
    },
    schedule::{Next, Plan, Rhythm, ScheduleError, Span, Zone, backoff},
    secrets::{Secret, SecretError, SecretSource},
    stop::Stop,
    store::{
        Attribution, ChangeRow, ConnectorSource, DeletionPlan, DeletionProof, Delivery, DeliveryState, Due, EventRow, EventState, Filter,
        FindingDetail, FindingId, FindingRow, FindingStore, Instance, InstanceStatus, Keep, LeaseRow, NewInstance,
        OccurrenceDetail, PackageFilter, PackageRow, Percent, PercentError, ProjectCosts, ProjectCounts, ProjectRow,
        Read, ReadCounts, ReadState, Refreshed, Renormalized, Run, RunFilter, RunMode, RunProject, RunState, RunWait,
        ScheduleRow, SharedStore, StoreError, StoredRecord, TablePlan, VanishingRow, Webhook,
    },
    sync::{Decision, Progress, RetryPolicy, Selection, SelectionError, SyncEvent, SyncOptions, Vanishing, Waiter},
    tenant::{Setup, Tenant},
    webhook::{Deliveries, Inbox, ListenOptions, RunEnded, WebhookError, WebhookEvent, WebhookSetup},
};
