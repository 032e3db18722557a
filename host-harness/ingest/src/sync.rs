//! One sync of an instance: projects, then raw pages, then findings.
//!
//! The connector never waits and never tries again; that is done here, outside
//! of any sandbox. A step (one page of one read) stands for itself: it starts
//! from what the store holds, can be repeated without harm, and could be made
//! by another process than the one before it.

mod caller;
mod pacing;
mod plan;
mod read;
mod reasons;
mod retry;
mod scans;
mod take;

use std::{collections::HashSet, sync::Arc, time::Duration};

use appsec_model::{Access, Connection, Diagnostic, Error as ContractError, ErrorCode, Kind, Project, Timestamp};
use futures_util::{StreamExt, stream};

pub use self::{
    caller::{Caller, chance},
    pacing::{AccountThrottle, SystemSleep, Throttles},
};
pub use self::{
    pacing::Sleep,
    plan::Selection,
    retry::{Decision, RetryPolicy},
};
use self::{read::FetchRun, reasons::reasons};
use crate::{
    batch::{API, Pipeline, Reader},
    error::Error,
    vanishing::Vanishing,
    writer::Writer,
};
use appsec_grant::Code;
use appsec_sandbox::{CallFailure, Connector, Grant};
use appsec_store::{
    Cause, Fetch, FetchState, IngestHandle, Instance, InstanceStatus, LookedAt, OnAbsence, Run, RunExtent, RunMode,
    RunState,
};
use tokio_util::sync::CancellationToken;

/// Reads at one time: enough to keep a vendor's answer time and this
/// machine's work apart, few enough not to press the vendor.
const READS_AT_ONCE: usize = 4;

/// An incremental sync also reads what is a little older than the last one:
/// clocks differ, and vendors show new findings late.
const OVERLAP: Duration = Duration::from_secs(3600);

/// Projects of one instance. More is a vendor that pages in circles.
const MAX_PROJECTS: usize = 200_000;

/// Remarks on one page of the list of projects that go to the log.
const REMARKS_LOGGED: usize = 20;

/// What to sync.
#[derive(Clone, Debug, Default)]
pub struct SyncOptions {
    /// Only this.
    pub selection: Selection,
    /// Only what is new since the last complete sync, if there was one.
    pub incremental: bool,
    /// Everything, even where the last sync was an incremental one that was
    /// cut off.
    pub full: bool,
    /// Begin anew, even where the last sync was cut off.
    pub fresh: bool,
    /// A schedule asks for it: leaves out the projects that are not scheduled.
    pub scheduled: bool,
    /// An event asks for it: reads the selection as far as the vendor has it,
    /// goes on with nothing, and takes nothing for gone.
    pub event: bool,
    /// What to do with findings that are no longer there.
    pub vanishing: Vanishing,
    /// Stops it between two pages; the next one goes on there.
    pub stop: CancellationToken,
}

/// What happens during a sync, for whoever shows it.
#[derive(Clone, Debug)]
pub enum SyncEvent {
    /// The last sync was cut off; this one goes on with it.
    Resumed {
        /// Its run.
        run: i64,
    },
    /// The vendor lists that many projects, and so many of them are read.
    Projects {
        /// Those of the list.
        listed: usize,
        /// Those that are read.
        chosen: usize,
    },
    /// That many reads are to be made.
    Planned(usize),
    /// A page was taken in.
    Page {
        /// Its kind.
        kind: Kind,
        /// Its records.
        records: u64,
        /// Those of them that were written.
        written: u64,
    },
    /// A read came to its end.
    FetchEnded {
        /// Its kind.
        kind: Kind,
        /// How.
        state: FetchState,
    },
    /// The vendor asks to wait, or does not answer.
    Waiting {
        /// How long.
        wait: Duration,
        /// Why.
        why: String,
    },
}

/// Where events go.
pub type Progress = Arc<dyn Fn(SyncEvent) + Send + Sync>;

/// Everything that a sync works with.
pub struct InstanceSync {
    pub store: IngestHandle,
    pub connector: Connector,
    pub instance: Instance,
    pub grant: Grant,
    pub retry: RetryPolicy,
    pub waiter: Arc<dyn Sleep>,
    pub throttle: Arc<AccountThrottle>,
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub progress: Progress,
    pub on_absence: OnAbsence,
    pub stop: CancellationToken,
}

impl InstanceSync {
    /// Runs a sync to its end and returns what the run log says of it.
    pub async fn run(self, options: SyncOptions) -> Result<Run, Error> {
        let (instance_id, store, clock) = (self.instance.id, self.store.clone(), self.clock.clone());
        let sync = Arc::new(self);
        let caller = Arc::new(Caller::new(sync.clone()));
        let (event, now) = (options.event, clock());
        let unfinished = store.run(move |store| match event {
            true => store.end_cut_off_event_runs(instance_id, now).map(|()| None),
            false => store.unfinished_run(instance_id),
        });
        let unfinished = unfinished.await?;
        let mode = match (options.event, options.incremental) {
            (true, _) => RunMode::Event,
            (false, true) => RunMode::Incremental,
            (false, false) => RunMode::Full,
        };
        // One of some projects or kinds is begun anew: others may be meant now.
        let goes_on = |mode: RunMode, extent: RunExtent| {
            let is_same = extent == RunExtent::Whole || (extent == RunExtent::Scheduled && options.scheduled);
            is_same && !options.fresh && (!options.full || mode == RunMode::Full)
        };
        let run_id = match unfinished {
            Some((run, unfinished, extent)) if goes_on(unfinished, extent) => {
                (sync.progress)(SyncEvent::Resumed { run });
                store.run(move |store| store.resume_run(run).map(|()| run)).await?
            }
            unfinished => {
                let now = clock();
                if let Some((old, ..)) = unfinished {
                    let why = Cause::new(Code::Superseded, "cut off, and a new sync was asked for");
                    store.run(move |store| store.finish_run(old, RunState::Failed, Some(&why), now)).await?;
                }
                let begun = tokio::select! {
                    begun = sync.begin(&caller, mode, options.selection, options.scheduled) => begun,
                    () = sync.stop.cancelled() => Err(Error::Stopped),
                };
                match begun {
                    Ok(run) => run,
                    Err(Error::Stopped) => return Err(Error::Stopped),
                    // Mistyped: that is no failure of the instance.
                    Err(error @ Error::Selection(_)) => return Err(error),
                    Err(error) => {
                        let cause = error.cause();
                        store.run(move |store| store.log_failed_run(instance_id, mode, &cause, now)).await?;
                        return Err(error);
                    }
                }
            }
        };
        sync.read_all(&caller, run_id).await
    }

    /// Lists the projects, maps those that are new, plans the reads of those
    /// that are mapped, and writes all of it down.
    async fn begin(
        &self,
        caller: &Caller,
        mode: RunMode,
        mut selection: Selection,
        scheduled: bool,
    ) -> Result<i64, Error> {
        let (connection, projects) = self.projects(caller).await?;
        let (instance_id, now) = (self.instance.id, (self.clock)());
        let projects = Arc::new(projects);
        let known = projects.clone();
        let (mapped, left_out) = self
            .store
            .run(move |store| {
                store.replace_projects(instance_id, &known, now)?;
                let left_out = if scheduled { store.left_out_of_schedule(instance_id)? } else { HashSet::new() };
                Ok((store.read_projects(instance_id)?, left_out))
            })
            .await?;
        selection.without = left_out.intersection(&mapped).cloned().collect();
        let extent = match mode {
            RunMode::Event => RunExtent::Selection,
            _ if selection.narrows() => RunExtent::Selection,
            _ if !selection.without.is_empty() => RunExtent::Scheduled,
            _ => RunExtent::Whole,
        };
        let reads = match mode {
            RunMode::Event => match plan::at_hand(&connection, &projects, &mapped, &selection) {
                Some(selection) => plan::plan(&connection, &projects, &mapped, &selection)?,
                None => Vec::new(),
            },
            _ => plan::plan(&connection, &projects, &mapped, &selection)?,
        };
        let chosen = plan::projects_of(&reads, &projects, &mapped);
        (self.progress)(SyncEvent::Projects { listed: projects.len(), chosen });
        self.store
            .run(move |store| {
                let mode = match (mode, store.last_complete_start(instance_id, extent)?) {
                    (RunMode::Event, _) => mode,
                    // What is new since then would not be all of a project that
                    // was not read then, nor where the clock was put back.
                    (RunMode::Incremental, Some(last))
                        if last <= now && !store.has_mapped_since(instance_id, last, extent)? =>
                    {
                        mode
                    }
                    _ => RunMode::Full,
                };
                store.start_run(instance_id, mode, extent, chosen as u64, &reads, now)
            })
            .await
            .map_err(Error::from)
    }

    /// All projects of the vendor, and the connection that they were listed
    /// over. Connects first where that has not been done, or was forgotten.
    async fn projects(&self, caller: &Caller) -> Result<(Connection, Vec<Project>), Error> {
        if let Some(connection) = &self.instance.connection {
            match self.list_projects(caller).await {
                Err(error) if error.is_not_configured() => {}
                listed => return Ok((connection.clone(), self.settled(listed?, caller).await?)),
            }
        }
        let connection = self.connect(caller).await?;
        let listed = self.list_projects(caller).await?;
        Ok((connection, self.settled(listed, caller).await?))
    }

    /// Asks once more for the list where it lacks projects that it had: a page
    /// that the vendor leaves empty looks like its end. No list at all is
    /// believed of nobody but the operator.
    async fn settled(&self, mut listed: Vec<Project>, caller: &Caller) -> Result<Vec<Project>, Error> {
        let instance_id = self.instance.id;
        let known = self.store.read(move |store| store.listed_ids(instance_id)).await?;
        let ids: HashSet<String> = listed.iter().map(|project| project.id.clone()).collect();
        if known.iter().all(|id| ids.contains(id)) {
            return Ok(listed);
        }
        let again = self.list_projects(caller).await?;
        listed.extend(again.into_iter().filter(|project| !ids.contains(&project.id)));
        if listed.is_empty() && self.on_absence != OnAbsence::Mark {
            return Err(Error::NoProjects(known.len()));
        }
        Ok(listed)
    }

    /// All projects of the vendor.
    pub async fn list_projects(&self, caller: &Caller) -> Result<Vec<Project>, Error> {
        let mut projects: Vec<Project> = Vec::new();
        let mut known = HashSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let called =
                caller.call(async || self.connector.list_projects(&self.grant, cursor.as_deref()).await).await?;
            let page = called.0.value;
            if page.projects.iter().any(|project| project.id.is_empty()) {
                let failure = CallFailure::Contract(ContractError::internal("a project has an empty id"));
                return Err(Error::call(&self.grant.instance_path, "list-projects", failure));
            }
            for Diagnostic { code, id, message, .. } in page.diagnostics.iter().take(REMARKS_LOGGED) {
                tracing::warn!(instance_path = self.grant.instance_path, code, id, "list of projects: {message}");
            }
            let before = projects.len();
            projects.extend(page.projects.into_iter().filter(|project| known.insert(project.id.clone())));
            match page.next {
                // A page without anything new is a vendor that pages in circles.
                Some(next) if projects.len() > before && projects.len() <= MAX_PROJECTS => cursor = Some(next),
                Some(_) => return Err(Error::EndlessProjects(projects.len())),
                None => return Ok(projects),
            }
        }
    }

    /// Calls `configure` and notes what it learnt.
    pub async fn connect(&self, caller: &Caller) -> Result<Connection, Error> {
        let connection = self.configure(caller).await?;
        let (id, now, noted) = (self.instance.id, (self.clock)(), connection.clone());
        let (status, detail) = health(&connection);
        self.store
            .run(move |store| store.set_instance_status(id, status, detail.as_deref(), Some(&noted), now))
            .await?;
        Ok(connection)
    }

    /// Calls `configure`.
    pub async fn configure(&self, caller: &Caller) -> Result<Connection, Error> {
        let settings = serde_json::Value::Object(self.instance.made.settings.clone()).to_string();
        let (called, _) = caller.call(async || self.connector.configure(&self.grant, &settings).await).await?;
        Ok(called.value)
    }

    /// The way of its pages into the store.
    fn pipeline(&self) -> Pipeline {
        Pipeline {
            store: self.store.clone(),
            instance_id: self.instance.id,
            instance: self.instance.made.name.to_string(),
            origin: API.to_owned(),
            reader: Some(Reader { connector: self.connector.clone(), instance_path: self.grant.instance_path.clone() }),
            clock: self.clock.clone(),
        }
    }

    /// Makes the reads of a run that are not at their end, some at a time.
    async fn read_all(self: Arc<Self>, caller: &Arc<Caller>, run_id: i64) -> Result<Run, Error> {
        let instance_id = self.instance.id;
        let (run, projects) =
            self.store.run(move |store| Ok((store.run(run_id)?, store.project_index(instance_id)?))).await?;
        let run = run.ok_or(Error::NoRun(run_id))?;
        let since = match run.mode {
            RunMode::Full | RunMode::Import | RunMode::Renormalize | RunMode::Event => None,
            RunMode::Incremental => {
                let overlap = i64::try_from(OVERLAP.as_micros()).unwrap_or(i64::MAX);
                let last = self.store.run(move |store| {
                    let this = store.unfinished_run(instance_id)?.filter(|(id, ..)| *id == run_id);
                    store.last_complete_start(instance_id, this.map_or(RunExtent::Whole, |(.., extent)| extent))
                });
                let last = last.await?;
                last.map(|last| Timestamp::from_micros(last.as_micros().saturating_sub(overlap)))
            }
        };
        let pending: Vec<_> = run.fetches.into_iter().filter(|read| read.state == FetchState::Pending).collect();
        (self.progress)(SyncEvent::Planned(pending.len()));
        let projects = Arc::new(projects);
        let writer = Writer::start(self.store.clone(), self.clock.clone());
        let mut outcomes = stream::iter(pending)
            .map(|read| {
                let reading = FetchRun {
                    sync: self.clone(),
                    caller: caller.clone(),
                    projects: projects.clone(),
                    run_id,
                    full: run.mode == RunMode::Full,
                    since,
                    read,
                    batches: writer.batches(),
                };
                reading.run()
            })
            .buffer_unordered(READS_AT_ONCE);
        // The first error that ends the whole sync ends it here: dropping the
        // stream stops the other reads between two pages. Those that are asked
        // to stop end by themselves.
        let mut fatal = None;
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(()) => {}
                Err(Error::Stopped) => fatal = Some(Error::Stopped),
                Err(error) => {
                    fatal = Some(error);
                    break;
                }
            }
        }
        drop(outcomes);
        // What it cannot write is why pages were stopped.
        if let Err(error) = writer.end().await {
            fatal = Some(error);
        }
        if fatal.is_none() {
            tokio::select! {
                fetched = scans::fetch(&self, caller) => fetched?,
                // All reads are at their end: the scans are left to the next sync.
                () = self.stop.cancelled() => {}
            }
        }
        let waits = caller.take_waits();
        self.store.run(move |store| store.add_waits(run_id, &waits)).await?;
        self.finish(run_id, fatal).await
    }

    /// Writes down how a run ended.
    async fn finish(&self, run_id: i64, fatal: Option<Error>) -> Result<Run, Error> {
        // A fault of the store itself, or of this program, leaves the run as it
        // is: the next sync goes on with it.
        if let Some(error) = &fatal
            && !error.is_call()
        {
            return Err(fatal.unwrap_or(Error::NoRun(run_id)));
        }
        let now = (self.clock)();
        let cause = fatal.as_ref().map(Error::cause);
        let denied = self.instance.connection.as_ref().and_then(denied).map(|why| Cause::new(Code::Forbidden, why));
        let (on_absence, ended_early) = (self.on_absence, fatal.is_some());
        let run = self
            .store
            .run(move |store| {
                let Some(run) = store.run(run_id)? else { return Ok(None) };
                for read in run.fetches.iter().filter(|read| read.state == FetchState::Pending) {
                    let why = cause.clone().unwrap_or_else(|| Cause::new(Code::Stopped, "not made"));
                    store.give_up_fetch(read.id, FetchState::Failed, &why)?;
                }
                let complete = run.fetches.iter().filter(|read| read.state == FetchState::Complete).count();
                let whole = complete == run.fetches.len();
                // What another token or vendor would show is not known: it may have
                // ended for the same reason that something is missing.
                let refused = match ended_early || run.mode != RunMode::Full {
                    true => None,
                    false => {
                        store.settle_absences(run_id, on_absence, &LookedAt::All, whole && denied.is_none(), now)?
                    }
                };
                // Under the code of the first one: what there is to do is mostly the same.
                let failed = run.fetches.iter();
                let failed = reasons(failed.filter_map(|it| Some((&it.kind, &it.scope, it.message.as_deref()?))));
                let first = run.fetches.iter().find_map(Fetch::cause).map(|it| Cause::new(it.code, failed));
                let cause = cause.or(first).or(refused).or(denied);
                let state = match (whole, complete, &cause) {
                    (true, _, None) => RunState::Complete,
                    (false, 0, _) if run.counts.records == 0 => RunState::Failed,
                    _ => RunState::Partial,
                };
                store.finish_run(run_id, state, cause.as_ref(), now)?;
                store.run(run_id)
            })
            .await?;
        match (run, fatal) {
            (_, Some(error)) => Err(error),
            (Some(run), None) => Ok(run),
            (None, None) => Err(Error::NoRun(run_id)),
        }
    }
}

/// How an instance is whose vendor gave this answer, and why, where it is not
/// well.
pub fn health(connection: &Connection) -> (InstanceStatus, Option<String>) {
    match denied(connection) {
        None => (InstanceStatus::Connected, None),
        denied => (InstanceStatus::Degraded, denied),
    }
}

/// Kinds that were asked for and cannot be read, in words.
fn denied(connection: &Connection) -> Option<String> {
    let denied: Vec<String> = connection
        .kinds
        .iter()
        .filter_map(|it| match &it.access {
            Access::Denied { reason } => Some(format!("{} cannot be read: {reason}", it.kind)),
            Access::Readable => None,
        })
        .collect();
    (!denied.is_empty()).then(|| denied.join("; "))
}

/// Whether a failure of one read ends the whole sync: every other read would
/// fail in the same way.
fn ends_sync(failure: &CallFailure) -> bool {
    match failure {
        CallFailure::Contract(error) => matches!(
            error.code,
            ErrorCode::Unauthorized
                | ErrorCode::NotConfigured
                | ErrorCode::InvalidSettings
                | ErrorCode::NoDeployment
                | ErrorCode::DeploymentNotFound
                | ErrorCode::EgressDenied
        ),
        CallFailure::Refused(_)
        | CallFailure::Encoded(_)
        | CallFailure::Proxy(_)
        | CallFailure::Token(_)
        | CallFailure::Host(_) => true,
        CallFailure::Limit(_) | CallFailure::Trap(_) | CallFailure::Manifest(_) => false,
    }
}
