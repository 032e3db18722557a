//! Mappings as they are shown, with what matching proposes.

use appsec_analysis::repository::{Match, ProjectFacts, Reason, Repository, RepositoryIndex};
use appsec_model::{Project, Timestamp};
use serde::Serialize;

use super::{ADOPTED, MappedBy, MappingState, Note, SCAN_FIELDS, ScanFields, scan_fields};
use crate::{
    columns::{document, parsed},
    database::FindingStore,
    error::Result,
    evidence::ProjectCounts,
    repository_index::Repositories,
};

/// Which mappings to show. An empty list is no filter.
#[derive(Clone, Debug, Default)]
pub struct MappingFilter {
    /// Row id of the instance.
    pub instance_id: Option<i64>,
    /// Row ids of projects.
    pub projects: Vec<i64>,
    /// States.
    pub states: Vec<MappingState>,
}

/// A project and its repository.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct MappingRow {
    /// Row id of the project.
    #[serde(skip)]
    pub row: i64,
    /// Name of the instance.
    pub instance: String,
    /// Name of the project.
    pub project: String,
    /// The vendor's id of it.
    pub project_id: String,
    /// Its URL, as the vendor gives it.
    pub url: Option<String>,
    /// Mapping state.
    pub state: MappingState,
    /// Whether it is read.
    pub read: bool,
    /// Who decided; null if no decision was made.
    pub by: Option<MappedBy>,
    /// What matching found: `url`, `full-name`, `name`; `created` where the
    /// repository was made of the project; or words.
    pub reason: Option<String>,
    /// How sure matching is, from 0 to 1.
    pub confidence: Option<f64>,
    /// When that was decided.
    pub decided_at: Option<Timestamp>,
    /// Full name of its repository.
    pub repository: Option<String>,
    /// Where that is.
    pub repository_url: Option<String>,
    /// What matching proposes instead.
    pub proposal: Option<Proposal>,
    /// Repositories that a person could mean: the first of several that match
    /// equally well, or those with nearly its name.
    pub candidates: Vec<Candidate>,
    /// What the operator says of its scans.
    pub scan_fields: ScanFields,
    /// Its findings.
    pub findings: ProjectCounts,
}

/// The repository that matching proposes for a project.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Proposal {
    /// Row id of the repository.
    #[serde(skip)]
    pub row: i64,
    /// Its full name.
    pub repository: String,
    /// Where it is.
    pub url: Option<String>,
    /// What that rests on.
    pub reason: Reason,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
}

/// A repository that a person could mean.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Candidate {
    /// Its full name.
    pub repository: String,
    /// Where it is.
    pub url: Option<String>,
}

impl Candidate {
    fn of(repository: &Repository) -> Self {
        Self { repository: repository.full_name().to_owned(), url: repository.address().map(ToString::to_string) }
    }
}

/// Projects by how they stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct MappingCounts {
    /// Mapped ones.
    pub mapped: u64,
    /// Those that wait.
    pub unmapped: u64,
    /// Those whose URL leads elsewhere.
    pub drifted: u64,
    /// Those that are not wanted.
    pub ignored: u64,
    /// Those that the vendor no longer lists.
    pub stale: u64,
}

impl MappingCounts {
    fn add(&mut self, state: MappingState, number: u64) {
        match state {
            MappingState::Mapped => self.mapped += number,
            MappingState::Unmapped => self.unmapped += number,
            MappingState::Drifted => self.drifted += number,
            MappingState::Ignored => self.ignored += number,
            MappingState::Stale => self.stale += number,
        }
    }
}

/// How a project stands: what the vendor no longer lists is stale, unless it is
/// not wanted anyway.
fn shown(state: MappingState, vanished: bool) -> MappingState {
    if vanished && state != MappingState::Ignored { MappingState::Stale } else { state }
}

/// Whether a list has something; an empty one has everything.
fn has<T: PartialEq>(list: &[T], wanted: &T) -> bool {
    list.is_empty() || list.contains(wanted)
}

/// An index of the listed repositories, for proposals.
struct Proposer<'a> {
    rows: &'a Repositories,
    index: RepositoryIndex,
}

impl Proposer<'_> {
    /// What matching says of a project that is not of this repository.
    fn propose(&self, project: &Project, repository_id: Option<i64>) -> (Option<Proposal>, Vec<Candidate>) {
        match self.index.match_project(&ProjectFacts::from(project)) {
            Match::Matched { repository, reason, confidence } => {
                let row = self.rows.id_of(repository).filter(|row| repository_id != Some(*row));
                let Candidate { repository, url } = Candidate::of(repository);
                (row.map(|row| Proposal { row, repository, url, reason, confidence }), Vec::new())
            }
            Match::Ambiguous { candidates, .. } => (None, candidates.into_iter().map(Candidate::of).collect()),
            Match::Unmatched { nearest } => (None, nearest.iter().map(|it| Candidate::of(it.repository)).collect()),
        }
    }
}

impl FindingStore {
    /// The mappings of projects, by instance and name.
    pub(crate) fn mappings(&self, filter: &MappingFilter) -> Result<Vec<MappingRow>> {
        let repositories = Repositories::load(&self.connection)?;
        let proposer = Proposer { index: repositories.index_of(|it| it.listed), rows: &repositories };
        let counts = self.counts_by_project()?;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT projects.id, instances.name, document, vanished_at IS NOT NULL, mapping, mapping_document, \
             repository_id, {SCAN_FIELDS} FROM projects JOIN instances ON instances.id = instance_id \
             WHERE ?1 IS NULL OR instance_id = ?1 ORDER BY instances.name, projects.name, projects.id",
        ))?;
        let mut rows = statement.query([filter.instance_id])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let state = parsed(row, 4)?;
            let state = shown(state, row.get(3)?);
            if !has(&filter.states, &state) || !has(&filter.projects, &id) {
                continue;
            }
            let project: Project = document("project", row.get_ref(2)?.as_str().unwrap_or_default())?;
            let note: Option<String> = row.get(5)?;
            let note: Option<Note> = note.map(|note| document("mapping", &note)).transpose()?;
            let repository_id: Option<i64> = row.get(6)?;
            let repository = repository_id.and_then(|id| repositories.get(id)).map(|it| Candidate::of(&it.repository));
            let reason = note.as_ref().and_then(|note| note.reason.clone());
            let (proposal, candidates) = match state {
                MappingState::Unmapped | MappingState::Drifted => proposer.propose(&project, repository_id),
                MappingState::Mapped if reason.as_deref() == Some(ADOPTED) => proposer.propose(&project, repository_id),
                _ => (None, Vec::new()),
            };
            found.push(MappingRow {
                row: id,
                instance: row.get(1)?,
                state,
                read: matches!(state, MappingState::Mapped | MappingState::Drifted),
                by: note.as_ref().map(|note| note.by),
                reason: reason.map(|word| if word == ADOPTED { "created".to_owned() } else { word }),
                confidence: note.as_ref().and_then(|note| note.confidence),
                decided_at: note.as_ref().map(|note| note.at),
                repository: repository.as_ref().map(|it| it.repository.clone()),
                repository_url: repository.and_then(|it| it.url),
                proposal,
                candidates,
                scan_fields: scan_fields(row)?,
                findings: counts.get(&id).cloned().unwrap_or_default(),
                project: project.name,
                project_id: project.id,
                url: project.url,
            });
        }
        Ok(found)
    }

    /// How many projects stand how, in one instance or in all.
    pub(crate) fn mapping_counts(&self, instance_id: Option<i64>) -> Result<MappingCounts> {
        let mut statement = self.connection.prepare_cached(
            "SELECT mapping, vanished_at IS NOT NULL, count(*) FROM projects WHERE ?1 IS NULL OR instance_id = ?1 \
             GROUP BY 1, 2",
        )?;
        let mut rows = statement.query([instance_id])?;
        let mut counts = MappingCounts::default();
        while let Some(row) = rows.next()? {
            let state = parsed(row, 0)?;
            counts.add(shown(state, row.get(1)?), row.get(2)?);
        }
        Ok(counts)
    }
}
