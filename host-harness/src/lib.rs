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
//!     proxy: None,
//! };
//! let instance = tenant.add_instance(setup, true).await?;
//! let run = tenant.sync(&instance.made.name, None, SyncOptions::default(), std::sync::Arc::new(|_| ())).await?;
//! println!("{} new findings", run.counts.new);
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod access;
mod bundled;
pub mod columns;
mod daemon;
mod error;
mod harness;
mod host;
mod moment;
mod notify;
pub mod query;
mod search;
mod signature;
mod tenant;
mod triage_file;
mod vault;
mod webhook;

pub use crate::{
    access::{Access, AccessError, AuditList, NewToken, Permission, Principal, TokenList, Verdict},
    bundled::{BUNDLED, Bundled},
    daemon::{Daemon, DaemonEvent, DaemonInfo, DaemonOptions, DaemonProgress, DaemonReport, StatusReport, TimedEvent},
    error::{BackupError, Error, MappingError, OnboardingError, OnboardingStep, WebhookError},
    harness::{
        Answers, Backup, BackupFile, BackupOrigin, BackupSignature, Check, CheckHint, Condition, Conformance, Harness,
        Inspected, Judged, Restored, RestoredInstance, TenantDeletion, TenantInstance, TenantList, TenantReport,
        TenantRun,
    },
    host::{Loaded, Options},
    moment::{moment, seconds},
    notify::{RunEnded, WebhookEvent},
    query::View,
    tenant::{
        Acceptance, AcceptedConnector, AdvisoryImport, AutoMapReport, DecidedList, DeletionReport, Deliveries,
        DeliveryList, EventList, ExportFormat, ExportFormatError, FindingList, Holder, ImportList, InboxReport,
        InstanceDeletion, InstanceList, InstanceReport, InstanceWork, IssueList, KindChoice, LastRun, Listed,
        MappingList, NoProject, NotifyList, NotifyRemoved, NotifyReport, Onboarding, OnboardingList, PackageList,
        PoliciesImported, PoliciesRemoved, PolicyCheck, PolicyImported, PolicyResultList, PolicyRow, PolicyRows,
        ProjectList, ProjectName, ProxyChange, ProxyRoute, Pruned, ReleaseReport, RenormalizeList, RepositoriesListed,
        RepositoryDetail, RepositoryImport, Retention, Rotation, RunList, RunningWork, ScanFieldChanges,
        ScheduleReport, SettingsChange, Setup, SyncReport, Tenant, TriageChoice, TriageEntryRef, TriageImport,
        TriageReport, TriageTargets, VanishingList, WebhookEndpoint, WebhookSetup,
    },
    triage_file::{TriageFile, TriageProblem},
    vault::{
        EntryState, GeneratedKey, Rekeyed, VAULT_KEY_VARIABLE, Vault, VaultEntry, VaultError, VaultKey, VaultReport,
    },
    webhook::{EventReceiver, ListenOptions},
};
pub use appsec_analysis::triage::{TriageDecision, TriageEntry, TriageError};
pub use appsec_conformance::{
    Budget, CHECKS, Cassette, CassetteError, Check as ConformanceCheck, CheckOutcome, CheckResult, ConformanceReport,
    Conformity, Needs as CheckNeeds, Plan as ConformancePlan, Requirement, junit,
};
pub use appsec_exports::{Error as ExportError, GateFormat, Options as ExportOptions, Summary as ExportSummary, text};
pub use appsec_grant::{
    Addresses, BucketError, BucketStore, Changes, Class, Code, EgressPolicy, InstanceName, NameError, Origin,
    OriginError, Proxies, ProxyError, ProxyFormError, ProxyUrl, Secret, SecretError, SecretSource, TenantId,
    UnknownName, Values, counted,
    files::{Exposure, Part, open_regular, read_bounded, write_private},
    with_causes,
};
pub use appsec_ingest::{
    Change, ChangedFinding, Decision, Error as IngestError, ImportError, ImportEvent, ImportOptions, ImportOutcome,
    ImportProgress, ImportReport, Progress, RenormalizeOptions, RenormalizeProgress, RenormalizeReport, RetryPolicy,
    Selection, SelectionError, Sleep, SyncEvent, SyncOptions, Vanishing, open_input, read_file,
};
pub use appsec_sandbox::{
    CallError, CallFailure, CallStats, Connector, Grant, Inspection, InspectionError, LimitHit, Limits, ProxyFailure,
    ProxyProblem, Refused, Response, Runtime, RuntimeError,
};
pub use appsec_store::{
    ACTIVE, AUTO_CONFIDENCE, AgeCount, Attribution, AuditCheck, AuditEntry, AuditOutcome, AuditRow, AutoMap, Cadence,
    Candidate, ChangeRow, ClassCoverage, ConnectorSource, Coverage, CoverageCell, CoverageOptions, CoverageState,
    CoverageSummary, Cursor, CursorError, CweCount, Dashboard, DashboardFilter, DayCounts, DecidedFinding, DecisionEnd,
    DecisionFilter, DecisionRow, DeletionPlan, DeletionProof, Delivery, DeliveryState, EventRow, EventState, Fetch,
    FetchState, FetchStats, Filter, FindingDetail, FindingId, FindingRow, Instance, InstanceStatus, Interval,
    IssueDecision, IssueDetail, IssueFilter, IssueFinding, IssueId, IssueIdError, IssueRow, IssueSource, Keep,
    KeptFindings, LabelCount, MappedBy, MappingCounts, MappingRow, MappingState, NamedProject, NewInstance, Next,
    OccurrenceDetail, Outcome, PackageCount, PackageFilter, PackageRow, Paused, Percent, PercentError, Period, Plan,
    PolicyImport, PolicyResult, PolicyResultWord, PolicyViolations, ProjectChoice, ProjectCounts, ProjectFilter,
    ProjectRow, ProjectUsage, Proposal, ReachableShare, Released, RepositoryChanges, RepositoryCount,
    RepositoryCoverage, RepositoryRow, ResolvedMappings, Role, Run, RunMode, RunProject, RunState, RunWait, ScanFields,
    ScheduleError, ScheduleRow, SeverityCount, Sort, StoreError, TimeToFix, TokenRow, Top25Share, Total, TotalIs,
    VanishingRow, Webhook, Zone, matches,
};
pub use tokio_util::sync::CancellationToken;
