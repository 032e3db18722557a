//! The store of one tenant: one SQLite file, and the only module that knows SQL.
//!
//! What belongs together is written in one transaction: a page's raw records,
//! findings and cursor are either all there or not at all, so that a crash
//! costs at most the pages under way.

#[macro_use]
mod words;

mod access;
mod advisories;
mod alerts;
mod assess;
mod baseline;
mod bucket;
mod columns;
mod compiled;
mod compress;
mod coverage;
mod database;
mod decided;
mod decisions;
mod deletion;
mod derive;
mod error;
mod events;
mod evidence;
mod export;
mod filter;
mod findings;
#[cfg(test)]
mod fixture;
mod handles;
mod health;
mod history;
mod ids;
mod imports;
mod instances;
mod issues;

mod leases;
mod mapping;
mod metrics;
mod migrate;
mod named;
mod onboarding;
mod order;
mod packages;
mod pages;
mod policies;
mod projects;
mod ratings;
mod refresh;
mod renormalize;
mod repositories;
mod repository_index;
mod run_log;
mod runs;
mod scans;
mod schedule;
mod schedules;
mod seam;
mod seen;
mod status;
mod subject;
mod vanishing;
mod view;
mod wanted;
mod webhooks;
mod write_back;

pub use self::{
    access::{
        AccessStore, AuditCheck, AuditEntry, AuditFilter, AuditOutcome, AuditRow, KeptAnswer, KeyHash, NewTokenRow,
        NewView, Role, SavedView, SessionRow, Sessions, TokenRow,
    },
    alerts::{Alert, AlertFormat, AlertMatch, AlertTarget},
    baseline::Baseline,
    bucket::InstanceBucket,
    coverage::{
        ClassCoverage, Coverage, CoverageCell, CoverageOptions, CoverageSort, CoverageState, CoverageSummary,
        RepositoryCoverage, UnmappedProject,
    },
    database::{Clock, FindingStore, MoreMemory, SharedStore, StoreVersion, is_database},
    decided::{DecisionEnd, DecisionRow},
    decisions::{DecidedFinding, DecidedOn, DecisionList},
    deletion::{DeletionPlan, DeletionProof, PendingDeletion, TablePlan, contains},
    error::{Cause, Result, StoreError},
    events::{EventRow, EventState, Noted},
    evidence::{Outcome, ProjectCounts},
    export::{ExportItem, ExportScope, ExportedFinding},
    filter::{DecisionFilter, Filter, Period, ProjectFilter},
    findings::{Depth, FindingDetail, FindingRow, OccurrenceDetail, RowFacts},
    handles::IngestHandle,
    health::{Adopted, StoreHealth},
    history::ChangeRow,
    ids::{FindingId, IssueId, IssueIdError},
    imports::ImportSource,
    instances::{Accepted, ConnectorSource, Instance, InstanceStatus, NewInstance, Paused},
    issues::{IssueDecision, IssueDetail, IssueFilter, IssueFinding, IssueRow, IssueSort, IssueSource},
    leases::LeaseRow,
    mapping::{
        AUTO_CONFIDENCE, AutoMap, Candidate, KeptFindings, MappedBy, MappingCounts, MappingFilter, MappingRow,
        MappingState, NamedProject, Proposal, Released, ResolvedMappings, ScanFields,
    },
    metrics::{
        AgeCount, CweCount, Dashboard, DashboardFilter, DayCounts, LabelCount, PackageCount, ReachableShare,
        RepositoryCount, SeverityCount, TimeToFix, Top25Share,
    },
    onboarding::{ChosenRepositories, Draft, NamedDraft, ProjectPlan},
    order::{Cursor, CursorError, Sort},
    packages::{PackageFilter, PackageRow, PackageSort},
    pages::{
        Classified, Contents, HashedRecord, LookedAt, OnAbsence, PageCommit, PageCounts, Percent, PercentError,
        ProjectIndex, RecordState, Refs,
    },
    policies::{PolicyFilter, PolicyImport, PolicyResult, PolicyResultWord, PolicySet, PolicyViolations},
    projects::ProjectRow,
    refresh::Refreshed,
    renormalize::{Renormalized, StoredRecord},
    repositories::{RepositoryChanges, RepositoryRow},
    run_log::{Keep, ProjectUsage, RunFilter, RunProject, RunWait},
    runs::{Fetch, FetchState, FetchStats, FetchTask, Run, RunExtent, RunMode, RunState},
    scans::Attribution,
    schedule::{Cadence, Interval, LONGEST_BACKOFF, Next, Plan, ScheduleError, Zone, backoff},
    schedules::{Due, ScheduleRow},
    seam::{AdminStore, IngestStore, LookupStore, QueryStore},
    seen::Seen,
    vanishing::VanishingRow,
    view::{FindingPage, Total, TotalIs},
    wanted::{ProjectChoice, matches},
    webhooks::{ClaimedDelivery, Delivery, DeliveryState, DeliveryTarget, DueDelivery, Tried, Webhook},
    write_back::{PendingDecision, WriteBackMode, WriteBackNote, WriteBackRow, WriteBackState},
};
pub use appsec_analysis::status::ACTIVE;
