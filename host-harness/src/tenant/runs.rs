//! The run log of a tenant, as it is shown.

use appsec_grant::InstanceName;
use appsec_ingest::{ImportReport, RenormalizeReport};
use appsec_model::{Diagnostic, DiagnosticLevel};
use appsec_store::{Interval, Keep, Run, RunProject, RunWait, VanishingRow};
use serde::Serialize;

use super::Tenant;
use crate::{
    error::Error,
    query::{Query, When},
};

/// Findings that are shown of one run, where nobody says how many; all of them are
/// in its list.
const VANISHING: u32 = 100;

/// What a run would have marked as vanished, and did not.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Vanishing")]
pub struct VanishingList {
    /// The run.
    pub run: i64,
    /// How many findings.
    pub total: u64,
    /// The most urgent of them.
    pub findings: Vec<VanishingRow>,
}

/// What `runs` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RunList {
    /// How many runs there are in all.
    pub total: u64,
    /// The runs, newest first.
    pub runs: Vec<Run>,
    /// For a single run: its remarks, up to the limit.
    pub diagnostics: Vec<Diagnostic>,
    /// For a single run: what it did not mark as vanished, up to the limit.
    pub vanishing: Option<VanishingList>,
    /// For a single run: its results by project.
    pub projects: Vec<RunProject>,
    /// For a single run: why it waited.
    pub waits: Vec<RunWait>,
}

/// What `runs prune` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Pruned {
    /// Runs that were deleted.
    pub runs: u64,
}

/// What `sync` prints.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct SyncReport {
    /// One run per instance.
    pub runs: Vec<Run>,
    /// What was not marked as vanished, for the runs that have some.
    pub vanishing: Vec<VanishingList>,
    /// Largest memory of this program, the sandboxes included; none where the
    /// system does not tell.
    pub host_peak_memory_bytes: Option<u64>,
}

/// What `import` prints.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct ImportList {
    /// One report per imported file.
    pub imports: Vec<ImportReport>,
    /// Remarks of each of the runs, up to ten.
    pub diagnostics: Vec<Vec<Diagnostic>>,
    /// Largest memory of this program, the sandboxes included; none where the
    /// system does not tell.
    pub host_peak_memory_bytes: Option<u64>,
}

/// What `renormalize` prints.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct RenormalizeList {
    /// One report per instance.
    pub instances: Vec<RenormalizeReport>,
}

/// Which old runs stay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retention {
    /// So many of each instance.
    Newest(u32),
    /// Those that are no older.
    Younger(Interval),
}

impl Tenant {
    /// Runs, newest first.
    pub async fn run_list(&self, query: &Query) -> Result<RunList, Error> {
        let (runs, total) = self.runs(query).await?;
        Ok(RunList { total, runs, diagnostics: Vec::new(), vanishing: None, projects: Vec::new(), waits: Vec::new() })
    }

    /// A run with all that is known of it, up to so many remarks and findings.
    pub async fn run(&self, id: i64, limit: u32) -> Result<RunList, Error> {
        let found = self.store.run(move |store| Ok((store.run(id)?, store.diagnostics(id, None, limit)?))).await?;
        let (Some(run), diagnostics) = found else { return Err(Error::NoRun(id)) };
        let vanishing = self.vanishing(id, Some(limit)).await?;
        let wanted = run.clone();
        let more = self.store.read(move |store| Ok((store.run_projects(&wanted)?, store.run_waits(id)?)));
        let (projects, waits) = more.await?;
        Ok(RunList { total: 1, runs: vec![run], diagnostics, vanishing, projects, waits })
    }

    /// The first remarks of a run, or those of a level.
    pub async fn remarks(
        &self,
        run: i64,
        level: Option<DiagnosticLevel>,
        limit: u32,
    ) -> Result<Vec<Diagnostic>, Error> {
        Ok(self.store.run(move |store| store.diagnostics(run, level, limit)).await?)
    }

    /// What a run would have marked as vanished, and did not, if there is any.
    pub async fn vanishing(&self, run: i64, limit: Option<u32>) -> Result<Option<VanishingList>, Error> {
        let limit = limit.unwrap_or(VANISHING);
        let (findings, total) = self.store.read(move |store| store.vanishing(run, limit)).await?;
        Ok((total > 0).then_some(VanishingList { run, total, findings }))
    }

    /// Deletes old runs, of all instances or of one.
    pub async fn prune_runs(&self, keep: Retention, instance: Option<&InstanceName>) -> Result<Pruned, Error> {
        let keep = match keep {
            Retention::Newest(newest) => Keep::Newest(newest),
            Retention::Younger(age) => Keep::Since(When::Ago(age).moment(self.now())),
        };
        let instance_id = self.instance_id(instance).await?;
        Ok(Pruned { runs: self.store.run(move |store| store.prune_runs(instance_id, keep)).await? })
    }
}
