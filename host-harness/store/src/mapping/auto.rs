//! Mapping of projects by itself: new ones to the repositories that they match,
//! or to ones of their own; and notice of those whose URL leads elsewhere.

use appsec_analysis::repository::{Match, ProjectFacts, Repository, RepositoryIndex, confidence};
use appsec_model::{Project, Timestamp};
use rusqlite::{Connection, Params, params};
use serde::Serialize;

use super::{ADOPTED, AutoMap, MappedBy, MappingState, Note, map};
use crate::{
    columns::{document, json, parsed},
    error::Result,
    repository_index::{Known, Repositories, insert, sweep},
};

/// How sure a match must be to count without a person: the same address, or
/// the same full name where nothing speaks against it.
pub const AUTO_CONFIDENCE: f64 = confidence::FULL_NAME_ALONE;

/// A longer name of a project that cannot be a repository's is cut.
const MAX_NAME_CHARS: usize = 200;

/// What was mapped without a person.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ResolvedMappings {
    /// Projects that were mapped to a listed repository.
    pub projects_matched: u64,
    /// Projects that were mapped to a repository of their own.
    pub projects_created: u64,
    /// Projects whose URL leads elsewhere than before, and not to their repository.
    pub projects_drifted: u64,
}

/// A project that may have to be mapped.
struct Open {
    row: i64,
    mode: AutoMap,
    state: MappingState,
    repository_id: Option<i64>,
    note: Option<Note>,
    project: Project,
}

impl Open {
    fn is_adopted(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.reason.as_deref() == Some(ADOPTED))
    }

    fn note(&self, reason: &str, confidence: Option<f64>, now: Timestamp) -> Note {
        let url = self.project.url.clone();
        Note { by: MappedBy::Auto, at: now, reason: Some(reason.to_owned()), confidence, url }
    }
}

/// Maps what can be mapped without a person, within a transaction of the
/// caller's: in one instance or in all. With `relisted`, also what was mapped to
/// a repository of its own and matches a listed one now.
pub(crate) fn settle(
    connection: &Connection,
    instance_id: Option<i64>,
    relisted: bool,
    now: Timestamp,
) -> Result<ResolvedMappings> {
    let open = open(connection, instance_id, relisted)?;
    // Most syncs bring no new project: then nothing is looked up.
    if open.is_empty() {
        sweep(connection)?;
        return Ok(ResolvedMappings::default());
    }
    let mut settler = Settler::new(connection, now)?;
    let mut placeless = Vec::new();
    for it in &open {
        let is_mapped = it.state != MappingState::Unmapped;
        // Of what was made of a project nobody but the vendor said what it is.
        let is_free = !is_mapped || it.is_adopted();
        if is_free && it.mode != AutoMap::Manual && settler.matched(it)? {
            continue;
        }
        if is_free && it.mode == AutoMap::Create {
            match own(it) {
                Some(own) if own.address().is_some() => settler.adopt(it, own)?,
                own => placeless.extend(own.map(|own| (it, own))),
            }
        } else if is_mapped {
            settler.compare(it)?;
        }
    }
    // What is known by name alone may be what is known with its address.
    if settler.made > 0 || !placeless.is_empty() {
        let index = settler.repositories.index_of(|known| !known.listed && known.repository.address().is_some());
        for (it, own) in placeless {
            if !settler.joined(&index, it)? {
                settler.adopt(it, own)?;
            }
        }
        for it in self::placeless(connection)? {
            settler.joined(&index, &it)?;
        }
    }
    sweep(connection)?;
    Ok(settler.settled)
}

/// Maps projects, and counts.
struct Settler<'a> {
    connection: &'a Connection,
    now: Timestamp,
    repositories: Repositories,
    listed: RepositoryIndex,
    /// Repositories with an address that were made of projects.
    made: u64,
    settled: ResolvedMappings,
}

impl<'a> Settler<'a> {
    fn new(connection: &'a Connection, now: Timestamp) -> Result<Self> {
        let repositories = Repositories::load(connection)?;
        let listed = repositories.index_of(|known| known.listed);
        Ok(Self { connection, now, repositories, listed, made: 0, settled: ResolvedMappings::default() })
    }

    /// Looks whether the URL of a mapped project leads elsewhere than to its
    /// repository, if it is another one than when it was mapped.
    fn compare(&mut self, it: &Open) -> Result<()> {
        let Some(mut note) = it.note.clone() else { return Ok(()) };
        let known = it.repository_id.and_then(|id| self.repositories.get(id));
        let facts = ProjectFacts::from(&it.project);
        let is_elsewhere = note.url != it.project.url
            && known.is_some_and(|known| self.listed.mismatch(&facts, &known.repository).is_some());
        if !is_elsewhere {
            note.url.clone_from(&it.project.url);
        }
        let state = if is_elsewhere { MappingState::Drifted } else { MappingState::Mapped };
        self.connection
            .prepare_cached("UPDATE projects SET mapping = ?2, mapping_document = ?3 WHERE id = ?1")?
            .execute(params![it.row, state.as_str(), json("mapping", &note)?])?;
        self.settled.projects_drifted += u64::from(is_elsewhere && it.state == MappingState::Mapped);
        Ok(())
    }

    /// Maps a project to the listed repository that it surely matches.
    fn matched(&mut self, it: &Open) -> Result<bool> {
        let Some((id, reason, confidence)) = sure(&self.listed, &self.repositories, &it.project) else {
            return Ok(false);
        };
        map(self.connection, it.row, id, &it.note(reason, Some(confidence), self.now))?;
        self.settled.projects_matched += 1;
        Ok(true)
    }

    /// Maps a project that is known by name alone to the repository of another
    /// one that it surely matches.
    fn joined(&mut self, index: &RepositoryIndex, it: &Open) -> Result<bool> {
        let Some((id, _, confidence)) = sure(index, &self.repositories, &it.project) else { return Ok(false) };
        map(self.connection, it.row, id, &it.note(ADOPTED, Some(confidence), self.now))?;
        self.settled.projects_created += 1;
        Ok(true)
    }

    /// Maps a project to a repository that is made of it, unless another
    /// project was before.
    fn adopt(&mut self, it: &Open, own: Repository) -> Result<()> {
        let id = match self.repositories.id_of(&own) {
            Some(id) => id,
            None => {
                let id = insert(self.connection, &own, false, self.now)?;
                self.made += u64::from(own.address().is_some());
                self.repositories.add(Known { id, repository: own, listed: false });
                id
            }
        };
        if it.repository_id == Some(id) && it.note.as_ref().is_some_and(|note| note.url == it.project.url) {
            return Ok(());
        }
        map(self.connection, it.row, id, &it.note(ADOPTED, None, self.now))?;
        self.settled.projects_created += 1;
        Ok(())
    }
}

/// The repository that a project surely matches, why, and how surely.
fn sure(index: &RepositoryIndex, rows: &Repositories, project: &Project) -> Option<(i64, &'static str, f64)> {
    match index.find_project(&ProjectFacts::from(project)) {
        Some(Match::Matched { repository, reason, confidence }) if confidence >= AUTO_CONFIDENCE => {
            Some((rows.id_of(repository)?, reason.as_str(), confidence))
        }
        _ => None,
    }
}

/// The repository that a project makes: at its URL, else of its name.
fn own(it: &Open) -> Option<Repository> {
    let Project { name, url, .. } = &it.project;
    let made = |name: Option<&str>, url: Option<&str>| Repository::new(name, url, None).ok();
    // Whatever a vendor calls it, it is to be read.
    let plain = name.chars().map(|it| if it == '@' || it.is_control() { '-' } else { it });
    let plain: String = plain.take(MAX_NAME_CHARS).collect();
    url.as_deref()
        .and_then(|url| made(None, Some(url)))
        .or_else(|| made(Some(name), None))
        .or_else(|| made(Some(&plain), None))
        .or_else(|| made(Some(&format!("project-{}", it.row)), None))
}

/// Projects that are not mapped, or whose URL is another one than when they
/// were; with `relisted` also those that are mapped to a repository of their own.
fn open(connection: &Connection, instance_id: Option<i64>, relisted: bool) -> Result<Vec<Open>> {
    let all = select(
        connection,
        "projects.vanished_at IS NULL AND (?1 IS NULL OR projects.instance_id = ?1) AND (mapping = 'unmapped' \
         OR mapping = 'drifted' OR mapping = 'mapped' AND (document ->> 'url' IS NOT mapping_document ->> 'url' \
         OR ?2 AND mapping_document ->> 'reason' = 'adopted'))",
        params![instance_id, relisted],
    )?;
    let waits = |it: &Open| it.note.as_ref().is_none_or(|note| note.by == MappedBy::Auto) && it.mode != AutoMap::Manual;
    Ok(all.into_iter().filter(|it| it.state != MappingState::Unmapped || waits(it)).collect())
}

/// Projects whose repositories were made of them and have no address.
fn placeless(connection: &Connection) -> Result<Vec<Open>> {
    select(
        connection,
        "projects.vanished_at IS NULL AND mapping = 'mapped' AND mapping_document ->> 'reason' = 'adopted' \
         AND repository_id IN (SELECT id FROM repositories WHERE listed = 0 AND address IS NULL) \
         AND auto_map <> 'off'",
        [],
    )
}

fn select(connection: &Connection, condition: &str, parameters: impl Params) -> Result<Vec<Open>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT projects.id, auto_map, mapping, repository_id, mapping_document, document FROM projects \
         JOIN instances ON instances.id = projects.instance_id WHERE {condition} ORDER BY projects.name, projects.id"
    ))?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let note: Option<String> = row.get(4)?;
        found.push(Open {
            row: row.get(0)?,
            mode: parsed(row, 1)?,
            state: parsed(row, 2)?,
            repository_id: row.get(3)?,
            note: note.map(|note| document("mapping", &note)).transpose()?,
            project: document("project", row.get_ref(5)?.as_str().unwrap_or_default())?,
        });
    }
    Ok(found)
}
