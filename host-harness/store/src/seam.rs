//! What the consumers of a store ask of it, one trait for each: a consumer sees
//! the methods of its trait and no others. A second driver implements the same
//! traits. What each method does is written where this driver does it.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    sync::Arc,
};

use appsec_analysis::{Advisories, Advisory, TriageEntry, repository::Repository};
use appsec_grant::{InstanceName, SecretSource};
use appsec_model::{
    Connection, Diagnostic, DiagnosticLevel, Event, Kind, Project, ProjectRef, Scan, Severity, Timestamp,
};
use appsec_policy::{Policies, Policy};

use crate::{
    alerts::{Alert, AlertFormat},
    coverage::{Coverage, CoverageOptions},
    database::FindingStore,
    decisions::{DecidedFinding, DecidedOn, DecisionList},
    deletion::{DeletionPlan, DeletionProof, PendingDeletion},
    error::{Cause, Result},
    events::{EventRow, EventState, Noted, Waiting},
    export::{ExportItem, ExportScope},
    filter::{Filter, ProjectFilter},
    findings::{FindingDetail, FindingRow},
    ids::{FindingId, IssueId},
    imports::ImportSource,
    instances::{Accepted, ConnectorSource, Instance, InstanceStatus, NewInstance, Paused},
    issues::{IssueDetail, IssueFilter, IssueRow},
    leases::LeaseRow,
    mapping::{
        AutoMap, ChosenMapping, KeptFindings, MappingCounts, MappingFilter, MappingRow, NamedProject, Released,
        ResolvedMappings, ScanFields,
    },
    metrics::{Dashboard, DashboardFilter},
    onboarding::{Draft, NamedDraft, ProjectPlan},
    packages::{PackageFilter, PackageRow},
    pages::{Classified, HashedRecord, LookedAt, OnAbsence, PageCommit, PageCounts, Percent, ProjectIndex},
    policies::{PolicyFilter, PolicyResult, PolicySet, PolicyViolations},
    projects::ProjectRow,
    refresh::Refreshed,
    renormalize::{Renormalized, StoredRecord},
    repositories::{RepositoryChanges, RepositoryRow},
    run_log::{Keep, RunFilter, RunProject, RunWait},
    runs::{FetchState, FetchStats, FetchTask, Run, RunExtent, RunMode, RunState},
    schedule::{Next, Plan},
    schedules::ScheduleRow,
    seen::Seen,
    vanishing::VanishingRow,
    view::FindingPage,
    webhooks::{ClaimedDelivery, Delivery, DueDelivery, Tried, Webhook},
    write_back::{PendingDecision, WriteBackMode, WriteBackNote, WriteBackRow},
};

/// Declares a trait, and implements it by the methods of [`FindingStore`] that
/// have the same names.
macro_rules! seam {
    ($(#[$doc:meta])* trait $trait:ident $(: $($above:ident),+)? {
        reads { $(fn $read:ident($($arg:ident: $type:ty),* $(,)?) -> $found:ty;)* }
        writes { $(fn $write:ident($($given:ident: $form:ty),* $(,)?) -> $done:ty;)* }
    }) => {
        $(#[$doc])*
        pub trait $trait $(: $($above +)+)? {
            $(fn $read(&self $(, $arg: $type)*) -> $found;)*
            $(fn $write(&mut self $(, $given: $form)*) -> $done;)*
        }

        impl $trait for FindingStore {
            $(fn $read(&self $(, $arg: $type)*) -> $found {
                Self::$read(self $(, $arg)*)
            })*
            $(fn $write(&mut self $(, $given: $form)*) -> $done {
                Self::$write(self $(, $given)*)
            })*
        }
    };
}

seam! {
    /// What syncs, imports and queries all look up.
    trait LookupStore {
        reads {
            fn projects(instance_id: Option<i64>, search: Option<&str>) -> Result<Vec<ProjectRow>>;
            fn fetched_kinds(instance_id: Option<i64>) -> Result<HashSet<String>>;
            fn unfinished_run(instance_id: i64) -> Result<Option<(i64, RunMode, RunExtent)>>;
            fn run(run_id: i64) -> Result<Option<Run>>;
        }
        writes {}
    }
}

seam! {
    /// What brings findings into a store: syncs, imports, renormalization.
    trait IngestStore: LookupStore {
        reads {
            fn unfinished_import(instance_id: i64, source: &ImportSource) -> Result<Option<i64>>;
            fn read_projects(instance_id: i64) -> Result<HashSet<String>>;
            fn has_mapped_since(instance_id: i64, then: Timestamp, extent: RunExtent) -> Result<bool>;
            fn left_out_of_schedule(instance_id: i64) -> Result<HashSet<String>>;
            fn project_index(instance_id: i64) -> Result<ProjectIndex>;
            fn classify(
                instance_id: i64,
                origin: &str,
                records: Vec<HashedRecord>,
                projects: &ProjectIndex,
                seen: &Seen,
            ) -> Result<Vec<Classified>>;
            fn listed_ids(instance_id: i64) -> Result<Vec<String>>;
            fn raw_batch(instance_id: i64, after_id: i64, limit: u32) -> Result<Vec<StoredRecord>>;
            fn seen(fetch_id: i64) -> Result<Seen>;
            fn last_complete_start(instance_id: i64, extent: RunExtent) -> Result<Option<Timestamp>>;
            fn missing_scans(instance_id: i64, limit: u32) -> Result<Vec<String>>;
        }
        writes {
            fn end_cut_off_event_runs(instance_id: i64, now: Timestamp) -> Result<()>;
            fn start_import(instance_id: i64, source: &ImportSource, kinds: &[Kind], now: Timestamp) -> Result<i64>;
            fn set_instance_status(
                id: i64,
                status: InstanceStatus,
                detail: Option<&str>,
                connection: Option<&Connection>,
                now: Timestamp,
            ) -> Result<()>;
            fn commit_page(page: &PageCommit, projects: &ProjectIndex) -> Result<PageCounts>;
            fn commit_pages(
                pages: &mut dyn Iterator<Item = (PageCommit, Arc<ProjectIndex>)>,
            ) -> Result<Vec<Option<PageCounts>>>;
            fn settle_absences(
                run_id: i64,
                on_absence: OnAbsence,
                looked_at: &LookedAt,
                unlisted: bool,
                now: Timestamp,
            ) -> Result<Option<Cause>>;
            fn replace_projects(instance_id: i64, projects: &[Project], now: Timestamp) -> Result<()>;
            fn ensure_projects(instance_id: i64, projects: &[ProjectRef], now: Timestamp) -> Result<()>;
            fn start_renormalize(instance_id: i64, now: Timestamp) -> Result<i64>;
            fn set_connector_version(instance_id: i64, version: &str) -> Result<()>;
            fn replace_normalized(instance_id: i64, run_id: i64, batch: &Renormalized, now: Timestamp) -> Result<u64>;
            fn add_waits(run_id: i64, waits: &[RunWait]) -> Result<()>;
            fn start_run(
                instance_id: i64,
                mode: RunMode,
                extent: RunExtent,
                projects: u64,
                reads: &[FetchTask],
                now: Timestamp,
            ) -> Result<i64>;
            fn log_failed_run(instance_id: i64, mode: RunMode, cause: &Cause, now: Timestamp) -> Result<i64>;
            fn resume_run(run_id: i64) -> Result<()>;
            fn add_fetch_usage(fetch_id: i64, usage: &FetchStats) -> Result<()>;
            fn restart_read(fetch_id: i64) -> Result<()>;
            fn give_up_fetch(fetch_id: i64, state: FetchState, cause: &Cause) -> Result<()>;
            fn finish_run(run_id: i64, state: RunState, cause: Option<&Cause>, now: Timestamp) -> Result<()>;
            fn put_scan(instance_id: i64, scan_id: &str, scan: Option<&Scan>, now: Timestamp) -> Result<()>;
        }
    }
}

seam! {
    /// What is asked of a store without changing anything: views, counts, logs.
    trait QueryStore: LookupStore {
        reads {
            fn advisory(id: &str) -> Result<Option<Advisory>>;
            fn coverage(options: &CoverageOptions, now: Timestamp) -> Result<Coverage>;
            fn deletion_plan(instance_id: i64) -> Result<DeletionPlan>;
            fn pending_deletion() -> Result<Option<PendingDeletion>>;
            fn is_stale(now: Timestamp) -> Result<bool>;
            fn decisions_end(now: Timestamp) -> Result<bool>;
            fn matching(filter: &Filter) -> Result<Vec<FindingId>>;
            fn undecided(on: &[DecidedOn], entry: &TriageEntry) -> Result<Vec<DecidedOn>>;
            fn decided(findings: &[FindingId]) -> Result<Vec<(FindingId, i64)>>;
            fn most_urgent(findings: &[FindingId], limit: u32) -> Result<Vec<FindingRow>>;
            fn decisions(filter: &DecisionList) -> Result<(Vec<DecidedFinding>, u64)>;
            fn inbox(instance_id: i64) -> Result<Option<SecretSource>>;
            fn uses_webhooks() -> Result<bool>;
            fn knows_event(instance_id: i64, sha256: &[u8], now: Timestamp) -> Result<bool>;
            fn waiting_events() -> Result<Vec<Waiting>>;
            fn pending_events(instance_id: i64) -> Result<Vec<EventRow>>;
            fn events(instance_id: Option<i64>, limit: u32) -> Result<Vec<EventRow>>;
            fn kinds_in_use() -> Result<Vec<String>>;
            fn statuses_in_use() -> Result<Vec<String>>;
            fn verdicts_in_use() -> Result<Vec<String>>;
            fn transitivities_in_use() -> Result<Vec<String>>;
            fn project_ids(name: Option<&String>, scope: &ProjectFilter) -> Result<HashSet<i64>>;
            fn knows_exploited() -> Result<bool>;
            fn finding_named(name: &str) -> Result<FindingId>;
            fn issue_named(name: &str) -> Result<IssueId>;
            fn finding(id: FindingId, with_raw: bool) -> Result<Option<FindingDetail>>;
            fn export(
                filter: &Filter,
                wanted: ExportScope<'_>,
                take: &mut dyn FnMut(ExportItem) -> bool,
            ) -> Result<()>;
            fn diagnostics(run_id: i64, level: Option<DiagnosticLevel>, limit: u32) -> Result<Vec<Diagnostic>>;
            fn finding_counts(instance_id: Option<i64>) -> Result<Vec<(String, Severity, String, u64)>>;
            fn copy_to(path: &Path) -> Result<()>;
            fn instances() -> Result<Vec<Instance>>;
            fn instance(name: &InstanceName) -> Result<Option<Instance>>;
            fn issues(filter: &IssueFilter) -> Result<(Vec<IssueRow>, u64)>;
            fn issue(id: IssueId) -> Result<Option<IssueDetail>>;
            fn lease(instance_id: i64) -> Result<Option<LeaseRow>>;
            fn auto_map(instance_id: i64) -> Result<AutoMap>;
            fn projects_named(instance_id: Option<i64>, wanted: &str) -> Result<Vec<NamedProject>>;
            fn scan_fields(project: i64) -> Result<ScanFields>;
            fn holdings(project: i64) -> Result<(u64, u64)>;
            fn mappings(filter: &MappingFilter) -> Result<Vec<MappingRow>>;
            fn mapping_counts(instance_id: Option<i64>) -> Result<MappingCounts>;
            fn dashboard(filter: &DashboardFilter, now: Timestamp) -> Result<Dashboard>;
            fn draft(name: &InstanceName) -> Result<Option<NamedDraft>>;
            fn drafts() -> Result<Vec<NamedDraft>>;
            fn packages(filter: &PackageFilter) -> Result<(Vec<PackageRow>, u64)>;
            fn policies() -> Result<Option<PolicySet>>;
            fn policies_wait(now: Timestamp) -> Result<bool>;
            fn is_out_of_scope(filter: &PolicyFilter) -> Result<bool>;
            fn is_branch_known(name: &str) -> Result<bool>;
            fn policy_results(filter: &PolicyFilter, limit: u32) -> Result<(Vec<PolicyResult>, u64)>;
            fn policy_exceptions(filter: &PolicyFilter, now: Timestamp) -> Result<BTreeMap<String, u64>>;
            fn policy_violations(policy: &Policy, filter: &PolicyFilter, limit: u32) -> Result<PolicyViolations>;
            fn repositories(search: Option<&str>) -> Result<Vec<RepositoryRow>>;
            fn run_projects(run: &Run) -> Result<Vec<RunProject>>;
            fn run_waits(run_id: i64) -> Result<Vec<RunWait>>;
            fn find_runs(filter: &RunFilter) -> Result<(Vec<Run>, u64)>;
            fn runs(instance_id: Option<i64>, limit: u32) -> Result<Vec<Run>>;
            fn current_run(instance_id: i64) -> Result<Option<Run>>;
            fn last_ended_run(instance_id: i64) -> Result<Option<Run>>;
            fn last_complete_end(instance_id: i64) -> Result<Option<Timestamp>>;
            fn schedules() -> Result<Vec<ScheduleRow>>;
            fn schedule(instance_id: i64) -> Result<Option<ScheduleRow>>;
            fn vanishing(run_id: i64, limit: u32) -> Result<(Vec<VanishingRow>, u64)>;
            fn view(filter: &Filter) -> Result<FindingPage>;
            fn findings(filter: &Filter) -> Result<(Vec<FindingRow>, u64)>;
            fn write_back(instance_id: i64) -> Result<WriteBackMode>;
            fn pending_decisions(instance_id: i64) -> Result<Vec<PendingDecision>>;
            fn write_backs(instance_id: i64, limit: u32) -> Result<Vec<WriteBackRow>>;
            fn webhook(instance_id: i64) -> Result<Option<Webhook>>;
            fn alerts(instance_id: i64) -> Result<Vec<Alert>>;
            fn next_delivery_at() -> Result<Option<Timestamp>>;
            fn delivery(id: i64) -> Result<Option<Delivery>>;
            fn deliveries(instance_id: Option<i64>, limit: u32) -> Result<Vec<Delivery>>;
            fn delivery_count(instance_id: Option<i64>) -> Result<u64>;
        }
        writes {}
    }
}

seam! {
    /// Everything: also what changes instances, mappings, policies, schedules and webhooks.
    trait AdminStore: IngestStore, QueryStore {
        reads {}
        writes {
            fn set_write_back(instance_id: i64, mode: WriteBackMode) -> Result<()>;
            fn note_write_backs(instance_id: i64, notes: &[WriteBackNote], now: Timestamp) -> Result<()>;
            fn put_advisories(advisories: &Advisories) -> Result<u64>;
            fn clear_advisories() -> Result<()>;
            fn assess_all() -> Result<u64>;
            fn begin_deletion(instance_id: i64, plan: &DeletionPlan, now: Timestamp) -> Result<()>;
            fn delete_rows(instance_id: i64, now: Timestamp) -> Result<()>;
            fn shred_and_prove(instance_id: i64, texts: &[&[u8]], now: Timestamp) -> Result<DeletionProof>;
            fn end_deletion(instance_id: i64) -> Result<()>;
            fn decide(on: &[DecidedOn], entry: &TriageEntry, author: &str, now: Timestamp) -> Result<u64>;
            fn clear_decisions(decisions: &[i64], author: &str, now: Timestamp) -> Result<u64>;
            fn refresh(now: Timestamp) -> Result<Refreshed>;
            fn set_inbox(instance_id: i64, secret: &SecretSource, now: Timestamp) -> Result<()>;
            fn remove_inbox(instance_id: i64) -> Result<bool>;
            fn note_event(instance_id: i64, sha256: &[u8], event: &Event, now: Timestamp) -> Result<Noted>;
            fn end_events(
                ids: &[i64],
                state: EventState,
                run: Option<i64>,
                problem: Option<&str>,
                now: Timestamp,
            ) -> Result<()>;
            fn add_instance(new: &NewInstance, now: Timestamp) -> Result<i64>;
            fn withdraw_instance(id: i64) -> Result<()>;
            fn set_paused(id: i64, paused: Option<&Paused>) -> Result<()>;
            fn set_connector(id: i64, source: &ConnectorSource, sha256: Option<&str>) -> Result<()>;
            fn change_instance(id: i64, changed: &Accepted, anew: Option<&str>, now: Timestamp) -> Result<()>;
            fn take_lease(instance_id: i64, row: &LeaseRow) -> Result<Option<LeaseRow>>;
            fn beat_lease(instance_id: i64, now: Timestamp) -> Result<()>;
            fn release_lease(instance_id: i64) -> Result<()>;
            fn set_auto_map(instance_id: i64, mode: AutoMap, now: Timestamp) -> Result<ResolvedMappings>;
            fn map_projects(chosen: &[ChosenMapping<'_>], now: Timestamp) -> Result<()>;
            fn restore_project(project: &NamedProject, now: Timestamp) -> Result<()>;
            fn set_scan_fields(project: i64, fields: &ScanFields, now: Timestamp) -> Result<()>;
            fn release_project(project: i64, ignored: bool, findings: KeptFindings, now: Timestamp) -> Result<Released>;
            fn keep_draft(name: &InstanceName, draft: &Draft, now: Timestamp) -> Result<()>;
            fn drop_draft(name: &InstanceName) -> Result<()>;
            fn save_draft(
                accepted: &Accepted,
                plan: &ProjectPlan,
                listed: &[Project],
                now: Timestamp,
            ) -> Result<i64>;
            fn preview_draft(
                made: &NewInstance,
                plan: &ProjectPlan,
                listed: &[Project],
                now: Timestamp,
            ) -> Result<Vec<MappingRow>>;
            fn put_policies(policies: &Policies, content: &str, now: Timestamp) -> Result<bool>;
            fn clear_policies(now: Timestamp) -> Result<bool>;
            fn put_repositories(list: &[Repository], replace: bool, now: Timestamp) -> Result<RepositoryChanges>;
            fn remove_repository(id: i64) -> Result<u64>;
            fn prune_runs(instance_id: Option<i64>, keep: Keep) -> Result<u64>;
            fn set_schedule(instance_id: i64, plan: &Plan, first: Next, now: Timestamp) -> Result<()>;
            fn clear_schedule(instance_id: i64) -> Result<bool>;
            fn schedule_done(instance_id: i64, full: bool, next: Next, remark: Option<&str>) -> Result<()>;
            fn schedule_failed(instance_id: i64, why: &str) -> Result<u32>;
            fn set_next_times(instance_id: i64, next: Next) -> Result<()>;
            fn schedule_later(instance_id: i64, not_before: Timestamp, why: &str) -> Result<()>;
            fn set_max_vanish(instance_id: i64, limit: Option<Percent>) -> Result<()>;
            fn set_webhook(instance_id: i64, webhook: &Webhook) -> Result<()>;
            fn remove_webhook(instance_id: i64) -> Result<bool>;
            fn set_alert(instance_id: i64, alert: &Alert) -> Result<()>;
            fn remove_alert(instance_id: i64, format: AlertFormat) -> Result<bool>;
            fn report_violations(instance_id: i64, now: Timestamp) -> Result<()>;
            fn add_test_delivery(
                instance_id: i64,
                alert: Option<AlertFormat>,
                now: Timestamp,
                until: Timestamp,
            ) -> Result<Option<i64>>;
            fn claim_delivery(due: DueDelivery, now: Timestamp, until: Timestamp) -> Result<Option<ClaimedDelivery>>;
            fn note_delivery(claimed: &Delivery, tried: &Tried, now: Timestamp) -> Result<()>;
            fn renew_delivery(id: i64, now: Timestamp) -> Result<bool>;
        }
    }
}
