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
//!     store_secret: false,
//! };
//! let instance = tenant.add_instance(setup, true).await?;
//! let run = tenant.sync(&instance.made.name, None, SyncOptions::default(), std::sync::Arc::new(|_| ())).await?;
//! println!("{} new findings", run.counts.new);
//! # Ok(())
//! # }
//! ```

mod backup;
mod bundled;
mod capability;
mod daemon;
mod deletion;
mod doctor;
mod error;
mod files;
mod harness;
mod hex;
mod ids;
mod import;
mod issues;
mod lease;
mod lifecycle;
mod limits;
mod mapping;
mod onboarding;
mod policies;
mod rehearsal;
mod renormalize;
mod runtime;
mod schedule;
mod secrets;
mod sources;
mod stop;
mod store;
mod sync;
mod task;
mod tenant;
mod tenants;
mod vault;
mod webhook;

pub use crate::{
    backup::{Backup, BackupError, BackupFile, BackupOrigin, BackupSignature, Restored, RestoredInstance},
    bundled::{BUNDLED, Bundled},
    capability::{
        egress::{Addresses, EgressPolicy, Origin, OriginError},
        http::Refused,
        storage::{BucketError, BucketStore, Changes, Values},
    },
    daemon::{
        Daemon, DaemonEvent, DaemonInfo, DaemonOptions, DaemonProgress, DaemonReport, InstanceWork, LastRun,
        RunningWork,
    },
    deletion::{DeletionReport, TenantDeletion},
    doctor::{Check, Condition},
    error::{HarnessError, with_causes},
    files::{open_regular, read_bounded, read_open},
    harness::{Harness, Loaded, Options},
    ids::{InstanceName, NameError, TenantId},
    import::{ImportError, ImportEvent, ImportOptions, ImportOutcome, ImportProgress, ImportReport, read_file},
    lease::Holder,
    lifecycle::{Rotation, SettingsChange},
    limits::Limits,
    mapping::{Acceptance, MappingError, ProjectName, ScanFieldChanges},
    onboarding::{KindChoice, Onboarding, OnboardingError, OnboardingStep},
    policies::{PoliciesImported, PolicyCheck, PolicyRow, PolicyRows},
    renormalize::{Change, ChangedFinding, RenormalizeOptions, RenormalizeProgress, RenormalizeReport},
    runtime::{
        CallError, CallFailure, CallReport, Called, Connector, Grant, Inspection, InspectionError, LimitHit, Runtime,
        RuntimeError,
    },
    schedule::{Next, Plan, Rhythm, ScheduleError, Span, Zone, backoff},
    secrets::{Secret, SecretError, SecretSource},
    stop::Stop,
    store::{
        ACTIVE, AUTO_CONFIDENCE, AgeCount, Attribution, AutoMap, Candidate, ChangeRow, ClassCoverage, ConnectorSource,
        Coverage, CoverageCell, CoverageOptions, CoverageState, CoverageSummary, Cursor, CursorError, CweCount,
        Dashboard, DashboardFilter, DayCounts, DeletionPlan, DeletionProof, Delivery, DeliveryState, Due, EventRow,
        EventState, Filter, FindingDetail, FindingId, FindingPage, FindingRow, FindingStore, Instance, InstanceStatus,
        IssueDetail, IssueFilter, IssueFinding, IssueId, IssueIdError, IssueRow, IssueSort, IssueSource, Keep,
        KeptFindings, LabelCount, LeaseRow, MappedBy, MappingCounts, MappingFilter, MappingRow, MappingState,
        NamedProject, NewInstance, OccurrenceDetail, Outcome, PackageCount, PackageFilter, PackageRow, PackageSort,
        Paused, Percent, PercentError, Period, PolicyFilter, PolicyImport, PolicyResult, PolicyResultWord, PolicySet,
        PolicyViolations, ProjectChoice, ProjectCosts, ProjectCounts, ProjectFilter, ProjectRow, Proposal,
        ReachableShare, Read, ReadCounts, ReadState, Refreshed, Released, Renormalized, RepositoryChanges,
        RepositoryCount, RepositoryCoverage, RepositoryRow, RowFacts, Run, RunFilter, RunMode, RunProject, RunState,
        RunWait, ScanFields, ScheduleRow, Settled, SeverityCount, SharedStore, Sort, StoreError, StoreHealth,
        StoredRecord, TablePlan, TimeToFix, Top25Share, Total, TotalIs, UnmappedProject, VanishingRow, Webhook,
    },
    sync::{Decision, Progress, RetryPolicy, Selection, SelectionError, SyncEvent, SyncOptions, Vanishing, Waiter},
    tenant::{Setup, Tenant},
    tenants::{TenantInstance, TenantReport, TenantRun},
    vault::{Audience, EntryState, VAULT_KEY_VARIABLE, Vault, VaultEntry, VaultError, VaultKey, VaultReport},
    webhook::{Deliveries, Inbox, ListenOptions, RunEnded, WebhookError, WebhookEvent, WebhookSetup},
};
