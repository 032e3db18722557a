//! Which repositories are looked after by which instances, and which by none.
//!
//! Nothing open is told from nothing scanned: a repository is clean only if a
//! project of it was scanned.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use crate::{
    columns::document,
    database::FindingStore,
    error::Result,
    evidence::{Evidence, Looked, Outcome, is_mapped},
    filter::ProjectFilter,
    instances::{Instance, InstanceStatus},
    runs::{FETCHED_ALL, RunState},
    status::OPEN,
};
use appsec_grant::Code;
use appsec_model::{Access, Kind, Project, Timestamp};
use rusqlite::OptionalExtension;
use serde::Serialize;

const DAY: i64 = 86_400_000_000;

/// What a coverage is asked for.
#[derive(Clone, Debug)]
pub struct CoverageOptions {
    /// Only these repositories.
    pub scope: ProjectFilter,
    /// Days after which a scan, or a run that brought everything, is old.
    pub stale_after_days: u32,
}

impl CoverageOptions {
    /// Thirty days: code that nobody changes is rarely scanned.
    pub const STALE_AFTER_DAYS: u32 = 30;
}

impl Default for CoverageOptions {
    fn default() -> Self {
        Self { scope: ProjectFilter::default(), stale_after_days: Self::STALE_AFTER_DAYS }
    }
}

words! {
    /// In which order repositories are shown.
    #[derive(Default)]
    CoverageSort {
        /// By name.
        #[default]
        Name = "name",
        /// The worst covered first.
        State = "state",
        /// Those with most open findings first.
        Open = "open",
    }
}

impl Coverage {
    /// Sorts the repositories, which are by name.
    pub fn sort(&mut self, sort: CoverageSort) {
        match sort {
            CoverageSort::Name => {}
            // The best that any instance does.
            CoverageSort::State => {
                self.repositories.sort_by_key(|it| Reverse(it.instances.values().map(|cell| cell.state).min()));
            }
            CoverageSort::Open => {
                self.repositories.sort_by_key(|it| Reverse(it.vulnerabilities.open + it.weaknesses.open));
            }
        }
    }
}

words! {
    /// Coverage of a repository by an instance, best first.
    #[derive(Ord, PartialOrd)]
    CoverageState {
        /// Scanned and fetched recently.
        Enabled = "enabled",
        /// The last scan or complete fetch is too old.
        Stale = "stale",
        /// The last run failed, or the vendor refuses the secret.
        Failing = "failing",
        /// A project is mapped and was scanned, and no run has read it since it is
        /// mapped.
        NeverRead = "never-read",
        /// A project is there, but was never scanned.
        NeverScanned = "never-scanned",
        /// No project of the instance is mapped to the repository, or no kind is on.
        Disabled = "disabled",
    }
}

/// Scan coverage of the repositories.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Coverage {
    /// Names of the instances: the columns.
    pub instances: Vec<String>,
    /// The repositories, by name.
    pub repositories: Vec<RepositoryCoverage>,
    /// Projects that belong to no repository.
    pub unmapped: Vec<UnmappedProject>,
    /// How many there are of each.
    pub summary: CoverageSummary,
}

/// How many repositories are covered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CoverageSummary {
    /// Repositories.
    pub repositories: u64,
    /// Repositories whose packages an instance covers.
    pub vulnerabilities: u64,
    /// Repositories whose code an instance covers.
    pub weaknesses: u64,
    /// Repositories that no instance covers.
    pub uncovered: u64,
}

/// Scan coverage of a repository.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RepositoryCoverage {
    /// Its full name.
    pub repository: String,
    /// Where it is.
    pub provider: String,
    /// By each instance, by name.
    pub instances: BTreeMap<String, CoverageCell>,
    /// Vulnerabilities of packages.
    pub vulnerabilities: ClassCoverage,
    /// Weaknesses of first-party code.
    pub weaknesses: ClassCoverage,
}

impl RepositoryCoverage {
    /// Whether an instance looks after it now.
    pub fn is_covered(&self) -> bool {
        self.instances.values().any(|cell| cell.state == CoverageState::Enabled)
    }
}

/// Coverage of a repository by an instance.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct CoverageCell {
    /// How.
    pub state: CoverageState,
    /// Why, where it is not enabled, or what the last run left undecided.
    pub why: Option<String>,
    /// Its projects that are mapped to the repository.
    pub projects: Vec<String>,
    /// Kinds that are on.
    pub kinds: Vec<Kind>,
    /// The last scan of one of them, as the vendor says.
    pub last_scan_at: Option<Timestamp>,
    /// When a run last fetched everything.
    pub last_run_at: Option<Timestamp>,
    /// Open findings about security.
    pub open: u64,
    /// What they say.
    pub outcome: Outcome,
}

/// How one class of findings is looked after, by whichever instance does it
/// best.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ClassCoverage {
    /// How.
    pub state: CoverageState,
    /// Open findings about security.
    pub open: u64,
    /// What they say.
    pub outcome: Outcome,
}

/// A project that belongs to no repository.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct UnmappedProject {
    /// Its instance.
    pub instance: String,
    /// Its name.
    pub project: String,
    /// How it is mapped: `unmapped`, `drifted` or `ignored`.
    pub mapping: String,
    /// Its last scan, as the vendor says.
    pub last_scan_at: Option<Timestamp>,
    /// Open findings about security.
    pub open: u64,
    /// What they say.
    pub outcome: Outcome,
}

/// A project with what coverage asks of it.
struct Scanned {
    instance_id: i64,
    repository_id: Option<i64>,
    mapping: String,
    project: Project,
    looked: Looked,
    /// Open findings by kind, of every kind of which there ever were any.
    open: HashMap<String, u64>,
    /// Kinds of which records could not be used.
    unusable: BTreeSet<String>,
    /// The kinds of which something is known; none where a file says that there is
    /// nothing.
    brought: Option<BTreeSet<String>>,
}

impl Scanned {
    /// Whether somebody looked at it for one of these kinds.
    fn looked_for(&self, kinds: &[Kind]) -> Looked {
        let is_unknown = |it: &BTreeSet<String>| !kinds.iter().any(|kind| it.contains(kind.as_str()));
        match self.looked {
            Looked::Read if self.brought.as_ref().is_some_and(is_unknown) => Looked::Scanned,
            looked => looked,
        }
    }

    /// Whether it is read into a repository.
    fn is_mapped(&self) -> bool {
        is_mapped(&self.mapping)
    }

    fn open(&self) -> u64 {
        self.open.values().sum()
    }
}

/// How an instance is, whatever the repository.
struct Health {
    instance: Instance,
    kinds: Vec<Kind>,
    last_run_at: Option<Timestamp>,
    /// Why it fails, if it does.
    failing: Option<String>,
    /// What its last run left to people, though it fetched everything.
    undecided: Option<String>,
}

const VULNERABILITIES: [Kind; 1] = [Kind::Sca];
const WEAKNESSES: [Kind; 2] = [Kind::Sast, Kind::AiSast];

impl FindingStore {
    /// Which repositories are looked after by which instances.
    pub(crate) fn coverage(&self, options: &CoverageOptions, now: Timestamp) -> Result<Coverage> {
        let instances = self.health()?;
        let projects = self.scanned()?;
        let old = now.as_micros().saturating_sub(i64::from(options.stale_after_days).saturating_mul(DAY));
        let mut mapped: HashMap<i64, Vec<&Scanned>> = HashMap::new();
        for it in projects.iter().filter(|it| it.is_mapped()) {
            mapped.entry(it.repository_id.unwrap_or_default()).or_default().push(it);
        }
        let mut repositories = Vec::new();
        for (id, provider, repository) in self.repositories_in(&options.scope)? {
            let projects = mapped.get(&id).map(Vec::as_slice).unwrap_or_default();
            let cells = instances.iter().map(|health| {
                let own = || projects.iter().copied().filter(|it| it.instance_id == health.instance.id);
                (health.instance.made.name.to_string(), cell(health, own().collect(), old, options.stale_after_days))
            });
            let cells: BTreeMap<String, CoverageCell> = cells.collect();
            repositories.push(RepositoryCoverage {
                repository,
                provider,
                vulnerabilities: class(&instances, &cells, projects, &VULNERABILITIES),
                weaknesses: class(&instances, &cells, projects, &WEAKNESSES),
                instances: cells,
            });
        }
        let enabled = |of: fn(&RepositoryCoverage) -> ClassCoverage| {
            repositories.iter().filter(|it| of(it).state == CoverageState::Enabled).count() as u64
        };
        let summary = CoverageSummary {
            repositories: repositories.len() as u64,
            vulnerabilities: enabled(|it| it.vulnerabilities),
            weaknesses: enabled(|it| it.weaknesses),
            uncovered: repositories.iter().filter(|it| !it.is_covered()).count() as u64,
        };
        let name = |id: i64| {
            let found = instances.iter().find(|health| health.instance.id == id);
            found.map(|health| health.instance.made.name.to_string()).unwrap_or_default()
        };
        let unmapped = projects.iter().filter(|it| !it.is_mapped() || it.repository_id.is_none());
        let unmapped = unmapped.map(|it| UnmappedProject {
            instance: name(it.instance_id),
            project: it.project.name.clone(),
            mapping: it.mapping.clone(),
            last_scan_at: it.project.last_scan_at,
            open: it.open(),
            outcome: Outcome::of(it.open(), it.looked, !it.unusable.is_empty()),
        });
        // Who asks for some repositories does not ask for what is of none.
        let unmapped = if options.scope.is_empty() { unmapped.collect() } else { Vec::new() };
        let instances = instances.iter().map(|health| health.instance.made.name.to_string()).collect();
        Ok(Coverage { instances, repositories, unmapped, summary })
    }

    fn repositories_in(&self, scope: &ProjectFilter) -> Result<Vec<(i64, String, String)>> {
        let conditions = scope.conditions();
        let sql = format!(
            "SELECT DISTINCT repositories.id, provider, full_name FROM repositories \
             LEFT JOIN projects ON projects.repository_id = repositories.id{} ORDER BY full_name, repositories.id",
            conditions.clause()
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let parameters: Vec<_> = conditions.parameters.iter().map(AsRef::as_ref).collect();
        let rows = statement.query_map(parameters.as_slice(), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Every project that is still there, by name.
    fn scanned(&self) -> Result<Vec<Scanned>> {
        let mut open: HashMap<i64, HashMap<String, u64>> = HashMap::new();
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT project_id, kind, count(*) FILTER (WHERE security = 1 AND {OPEN}) \
             FROM findings INDEXED BY findings_by_project GROUP BY project_id, kind",
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            open.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
        }
        let (mut unusable, times) = (self.unusable_kinds()?, self.read_times()?);
        let mut statement = self.connection.prepare_cached(
            "SELECT id, instance_id, repository_id, mapping, document, vendor_id, \
             EXISTS (SELECT 1 FROM records WHERE project_id = projects.id), mapped_at \
             FROM projects WHERE vanished_at IS NULL ORDER BY name, id",
        )?;
        let mut rows = statement.query([])?;
        let mut projects = Vec::new();
        while let Some(row) = rows.next()? {
            let project: Project = document("project", row.get_ref(4)?.as_str().unwrap_or_default())?;
            let vendor_id = row.get_ref(5)?.as_str().unwrap_or_default();
            let mapping: String = row.get(3)?;
            let evidence = Evidence {
                instance_id: row.get(1)?,
                vendor_id,
                project: &project,
                mapped: is_mapped(&mapping),
                mapped_at: row.get(7)?,
                has_records: row.get(6)?,
            };
            let looked = times.looked(&evidence);
            let id: i64 = row.get(0)?;
            let (open, unusable) = (open.remove(&id).unwrap_or_default(), unusable.remove(&id).unwrap_or_default());
            let mut brought: BTreeSet<String> = times.fetched(&evidence).cloned().collect();
            let brought = (evidence.has_records || !brought.is_empty()).then(|| {
                brought.extend(open.keys().chain(&unusable).cloned());
                brought
            });
            projects.push(Scanned {
                instance_id: row.get(1)?,
                repository_id: row.get(2)?,
                mapping,
                looked,
                project,
                open,
                unusable,
                brought,
            });
        }
        Ok(projects)
    }

    /// By project, the kinds of which there are records that could not be used.
    pub(super) fn unusable_kinds(&self) -> Result<HashMap<i64, BTreeSet<String>>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT project_id, kind FROM diagnostics INDEXED BY diagnostics_of_unusable \
             JOIN records ON records.id = record_id WHERE document ->> '$.level' = 'error' \
             AND project_id IS NOT NULL AND finding_id IS NULL AND package_id IS NULL AND vanished_at IS NULL",
        )?;
        let mut rows = statement.query([])?;
        let mut kinds: HashMap<i64, BTreeSet<String>> = HashMap::new();
        while let Some(row) = rows.next()? {
            kinds.entry(row.get(0)?).or_default().insert(row.get(1)?);
        }
        Ok(kinds)
    }

    fn health(&self) -> Result<Vec<Health>> {
        let mut last_complete = self.connection.prepare_cached(&format!(
            "SELECT max(finished_at) FROM runs WHERE instance_id = ?1 AND {FETCHED_ALL} AND mode <> 'renormalize'",
        ))?;
        let mut last = self.connection.prepare_cached(
            "SELECT state, message, code FROM runs WHERE instance_id = ?1 AND mode <> 'renormalize' AND state <> 'running' \
             ORDER BY id DESC LIMIT 1",
        )?;
        let mut held =
            self.connection.prepare_cached("SELECT DISTINCT kind FROM dictionaries WHERE instance_id = ?1")?;
        let mut instances = Vec::new();
        for instance in self.instances()? {
            let last: Option<(String, Option<String>, Option<String>)> =
                last.query_row([instance.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
            let (state, message, code) = last.unwrap_or_default();
            // Whether the status is what this run made of it, and no check since.
            let of_run = message.is_some() && message == instance.status_detail;
            let is_refused = code.as_deref() == Some(Code::RemovalRefused.as_str());
            let undecided = message.clone().filter(|_| state == RunState::Partial.as_str() && is_refused);
            let failing = match instance.status {
                InstanceStatus::Unauthorized => Some(reason("unauthorized", instance.status_detail.clone())),
                InstanceStatus::Degraded if of_run && undecided.is_some() => None,
                InstanceStatus::Degraded if of_run && state == RunState::Partial.as_str() => {
                    Some(reason("the last run is partial", message))
                }
                _ if state == RunState::Failed.as_str() => Some(reason("the last run failed", message)),
                InstanceStatus::Degraded => Some(reason("the last check failed", instance.status_detail.clone())),
                _ => None,
            };
            let kinds = match &instance.connection {
                Some(connection) => {
                    let readable = connection.kinds.iter().filter(|it| it.access == Access::Readable);
                    readable.map(|it| it.kind.clone()).collect()
                }
                // Only files tell: what they ever held.
                None => {
                    let kinds = held.query_map([instance.id], |row| row.get::<_, String>(0))?;
                    let kinds = kinds.collect::<rusqlite::Result<BTreeSet<_>>>()?;
                    kinds.into_iter().map(Kind::from).collect()
                }
            };
            let micros: Option<i64> = last_complete.query_row([instance.id], |row| row.get(0))?;
            let last_run_at = micros.map(Timestamp::from_micros);
            instances.push(Health { kinds, failing, undecided, last_run_at, instance });
        }
        Ok(instances)
    }
}

fn reason(what: &str, detail: Option<String>) -> String {
    match detail {
        // An error may begin with the same word.
        Some(detail) if detail.starts_with(what) => detail,
        Some(detail) => format!("{what}: {detail}"),
        None => what.to_owned(),
    }
}

/// How an instance looks after a repository with these of its projects. What is
/// before `old` is stale.
fn cell(health: &Health, projects: Vec<&Scanned>, old: i64, days: u32) -> CoverageCell {
    let last_scan_at = projects.iter().filter_map(|it| it.project.last_scan_at).max();
    let looked = best(projects.iter().map(|it| it.looked));
    let is_old = |at: Timestamp| at.as_micros() < old;
    let finds = health.kinds.iter().any(|kind| *kind != Kind::Packages);
    let word = |text: &str| Some(text.to_owned());
    let (state, why) = if projects.is_empty() {
        (CoverageState::Disabled, word("no project is mapped to it"))
    } else if !finds {
        (CoverageState::Disabled, word("no kind of findings is on"))
    } else if let Some(why) = &health.failing {
        (CoverageState::Failing, Some(why.clone()))
    } else if looked == Looked::Never {
        (CoverageState::NeverScanned, word("the vendor never scanned it"))
    } else {
        match (health.last_run_at, last_scan_at) {
            (None, _) if looked == Looked::Scanned => (CoverageState::NeverRead, word("no run has read it yet")),
            (None, _) => (CoverageState::Stale, word("no complete run yet")),
            (Some(run), _) if is_old(run) => {
                (CoverageState::Stale, Some(format!("no complete run in the last {days} days")))
            }
            _ if looked == Looked::Scanned => (CoverageState::NeverRead, word("no run has read it since it is mapped")),
            (_, Some(scan)) if is_old(scan) => {
                (CoverageState::Stale, Some(format!("not scanned in the last {days} days")))
            }
            _ => (CoverageState::Enabled, health.undecided.clone()),
        }
    };
    let open = projects.iter().map(|it| it.open()).sum();
    CoverageCell {
        state,
        why,
        kinds: if projects.is_empty() { Vec::new() } else { health.kinds.clone() },
        last_scan_at,
        last_run_at: health.last_run_at,
        open,
        outcome: Outcome::of(open, looked, projects.iter().any(|it| !it.unusable.is_empty())),
        projects: projects.into_iter().map(|it| it.project.name.clone()).collect(),
    }
}

/// How these kinds are looked after: as the best of the instances does that has
/// one of them on.
fn class(
    instances: &[Health],
    cells: &BTreeMap<String, CoverageCell>,
    projects: &[&Scanned],
    kinds: &[Kind],
) -> ClassCoverage {
    let is_on = |cell: &CoverageCell| cell.kinds.iter().any(|kind| kinds.contains(kind));
    let on = instances.iter().filter_map(|it| Some((it, cells.get(it.instance.made.name.as_str())?)));
    let of_instance = |(health, cell): (&Health, &CoverageCell)| {
        let own = projects.iter().filter(|it| it.instance_id == health.instance.id);
        let looked = best(own.map(|it| it.looked_for(kinds)));
        // Of another kind something may be known.
        let state = if looked == Looked::Scanned { cell.state.max(CoverageState::NeverRead) } else { cell.state };
        (state, looked)
    };
    let on: Vec<(CoverageState, Looked)> = on.filter(|(_, cell)| is_on(cell)).map(of_instance).collect();
    let state = on.iter().map(|it| it.0).min().unwrap_or(CoverageState::Disabled);
    let of_kind = |it: &&Scanned| kinds.iter().filter_map(|kind| it.open.get(kind.as_str())).sum::<u64>();
    let open = projects.iter().map(of_kind).sum();
    let unusable = projects.iter().any(|it| kinds.iter().any(|kind| it.unusable.contains(kind.as_str())));
    ClassCoverage { state, open, outcome: Outcome::of(open, best(on.iter().map(|it| it.1)), unusable) }
}

/// The most that is known of any.
fn best(mut looked: impl Iterator<Item = Looked> + Clone) -> Looked {
    if looked.clone().any(|it| it == Looked::Read) {
        Looked::Read
    } else if looked.any(|it| it == Looked::Scanned) {
        Looked::Scanned
    } else {
        Looked::Never
    }
}

#[cfg(test)]
mod tests;
