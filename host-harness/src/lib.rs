//! A host for connectors of the contract `appsec:connector@0.2.0`.
//!
//! It runs each call of a connector in a sandbox of its own, gives it the
//! network and storage that the operator granted, and keeps what it brings in
//! one store per tenant. It knows the contract and no vendor.
//!
//! ```no_run
//! use host_harness::{Harness, Options, Setup, store::ConnectorSource, ingest::SyncOptions};
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
//!     secrets: Default::default(),
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
mod catalogue;
pub mod columns;
mod daemon;
mod error;
mod harness;
mod host;
mod metrics;
mod moment;
mod notify;
pub mod query;
mod sbom;
mod scaffold;
mod search;
mod signature;
mod tenant;
#[cfg(test)]
mod test_context;
mod toml_problem;
mod triage_file;
mod vault;
mod webhook;

pub use crate::{
    access::{Access, AccessError, AuditList, NewToken, Permission, Principal, TokenList, Verdict, ViewList},
    bundled::{BUNDLED, Bundled},
    catalogue::{Catalogue, CatalogueConformance, CatalogueEntry},
    daemon::{Daemon, DaemonEvent, DaemonInfo, DaemonOptions, DaemonProgress, DaemonReport, StatusReport, TimedEvent},
    error::{
        BackupError, CatalogueError, ConnectorError, Error, MappingError, OnboardingError, OnboardingStep, WebhookError,
    },
    harness::{
        AddedCatalogue, Answers, Backup, BackupFile, BackupOrigin, BackupSignature, Called, CatalogueBuild,
        CatalogueKeyFiles, CatalogueList, CatalogueMatch, CatalogueSearch, Check, CheckHint, ComponentOrigin,
        Condition, Conformance, ConformanceFile, ConnectorList, Function, FunctionCall, FunctionResult, Harness,
        Inspected, InstalledConnector, InstalledState, Judged, OutdatedConnector, OutdatedList, Rehearsal,
        RehearsalReport, Rehearsed, Restored, RestoredInstance, SignedCatalogue, TenantDeletion, TenantInstance,
        TenantList, TenantReport, TenantRun, UnreadCatalogue,
    },
    host::{Loaded, Options},
    metrics::{Metrics, Surface},
    moment::{moment, seconds},
    notify::{AlertEvent, AlertFinding, RunEnded, WebhookEvent},
    query::View,
    scaffold::{ConnectorId, Language, Scaffolded},
    tenant::{
        Acceptance, AdvisoryImport, AlertList, AlertReceiver, AlertReport, AutoMapReport, ComponentDifference,
        ConnectorUpdate, DecidedList, DeletionEffect, DeletionPart, DeletionReport, Deliveries, DeliveryList,
        EventList, ExportFormat, ExportFormatError, ExportRequest, Facet, FacetValue, FindingCount, FindingFacets,
        FindingList, GivenSecret, Holder, ImportList, InboxReport, InstanceDeletion, InstanceList, InstanceReport,
        InstanceWork, IssueList, KindChoice, LastRun, Listed, MappingList, NoProject, NotifyList, NotifyRemoved,
        NotifyReport, Onboarding, OnboardingList, PackageList, PoliciesImported, PoliciesRemoved, PolicyCheck,
        PolicyImported, PolicyResultList, PolicyRow, PolicyRows, ProjectList, ProjectName, ProxyChange, ProxyRoute,
        Pruned, ReleaseReport, RenormalizeList, RepositoriesListed, RepositoryDetail, RepositoryImport, Retention,
        Rotation, RunList, RunningWork, ScanFieldChanges, ScheduleReport, SettingsChange, Setup, Share, SyncReport,
        Tenant, TriageChoice, TriageEntryRef, TriageImport, TriageReport, TriageTargets, TypedSecrets, Unread,
        UnreadProjects, VanishingList, WebhookEndpoint, WebhookSetup, WriteBackEntry, WriteBackLog, WriteBackReport,
        deletion_parts,
    },
    triage_file::{TriageFile, TriageProblem},
    vault::{
        EntryState, GeneratedKey, Rekeyed, VAULT_KEY_VARIABLE, Vault, VaultEntry, VaultError, VaultKey, VaultReport,
    },
    webhook::{EventReceiver, ListenOptions},
};
pub use tokio_util::sync::CancellationToken;

/// What findings say: advisories, weaknesses, repositories, decisions.
pub mod analysis {
    pub use appsec_analysis::{
        Advisories, Advisory, cwe,
        repository::RepositoryList,
        triage::{TriageDecision, TriageEntry, TriageError},
    };
}

/// The judge of connectors.
pub mod conformance {
    pub use appsec_conformance::{
        Budget, CHECKS, Cassette, CassetteError, Check, CheckOutcome, CheckResult, ConformanceReport, Conformity, Lab,
        Needs, Plan, Requirement, Sample, junit,
    };
}

/// Forms in which findings leave the store.
pub mod exports {
    pub use appsec_exports::{CycloneDxVersion, Error, Format, GateFormat, Options, Summary, text};
}

/// Names, secrets and addresses: what is granted, and to whom.
pub mod grant {
    pub use appsec_grant::{
        Addresses, BucketError, BucketStore, CatalogueName, Changes, Class, Code, EgressPolicy, InstanceName,
        NameError, Origin, OriginError, Proxies, ProxyError, ProxyFormError, ProxyUrl, Secret, SecretError,
        SecretSource, TenantId, UnknownName, Values, counted,
        files::{Exposure, Part, open_regular, read_bounded, write_private},
        with_causes,
    };
}

/// Syncs, imports and renormalization: how findings come in.
pub mod ingest {
    pub use appsec_ingest::{
        Change, ChangedFinding, CompleteFile, Decision, Error, ImportError, ImportEvent, ImportOptions, ImportOutcome,
        ImportProgress, ImportReport, Progress, RenormalizeOptions, RenormalizeProgress, RenormalizeReport,
        RetryPolicy, Selection, SelectionError, Sleep, SyncEvent, SyncOptions, Vanishing, open_input, read_file,
    };
}

/// Policies.
pub mod policy {
    pub use appsec_policy::STARTER;
}

/// What runs connectors.
pub mod sandbox {
    pub use appsec_sandbox::{
        CallError, CallFailure, CallStats, ComponentMetadata, ComponentPackage, Connector, Grant, Inspection,
        InspectionError, LimitHit, Limits, ProxyFailure, ProxyProblem, Refused, Response, Runtime, RuntimeError,
    };
}

/// What is kept, and how it is asked for.
pub mod store {
    pub use appsec_store::{
        ACTIVE, AUTO_CONFIDENCE, AgeCount, AlertFormat, Attribution, AuditCheck, AuditEntry, AuditFilter, AuditOutcome,
        AuditRow, AutoMap, Baseline, Cadence, Candidate, ChangeRow, ClassCoverage, ConnectorSource, Coverage,
        CoverageCell, CoverageOptions, CoverageState, CoverageSummary, Cursor, CursorError, CweCount, Dashboard,
        DashboardFilter, DayCounts, DecidedFinding, DecisionEnd, DecisionFilter, DecisionRow, DeletionPlan,
        DeletionProof, Delivery, DeliveryState, EventRow, EventState, Fetch, FetchState, FetchStats, Filter,
        FindingDetail, FindingId, FindingRow, Instance, InstanceStatus, Interval, IssueDecision, IssueDetail,
        IssueFilter, IssueFinding, IssueId, IssueIdError, IssueRow, IssueSource, Keep, KeptAnswer, KeptFindings,
        LabelCount, MappedBy, MappingCounts, MappingRow, MappingState, NamedProject, NewInstance, NewView, Next,
        OccurrenceDetail, Outcome, PackageCount, PackageFilter, PackageRow, Paused, Percent, PercentError, Period,
        Plan, PolicyImport, PolicyResult, PolicyResultWord, PolicyViolations, ProjectChoice, ProjectCounts,
        ProjectFilter, ProjectRow, ProjectUsage, Proposal, ReachableShare, Released, RepositoryChanges,
        RepositoryCount, RepositoryCoverage, RepositoryRow, ResolvedMappings, Role, Run, RunMode, RunProject, RunState,
        RunWait, SavedView, ScanFields, ScheduleError, ScheduleRow, SessionRow, Sessions, SeverityCount, Sort,
        StoreError, TimeToFix, TokenRow, Top25Share, Total, TotalIs, VanishingRow, Webhook, WriteBackMode,
        WriteBackRow, WriteBackState, Zone, matches,
    };
}
