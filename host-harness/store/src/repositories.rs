//! The tenant's code repositories: those that the operator lists, and those
//! that were made of projects.

use std::collections::{HashMap, HashSet};

use appsec_insight::repository::{Provider, Repository, RepositoryIndex};
use appsec_model::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};
use serde::Serialize;

use super::{
    FindingStore, ProjectCounts, Result, StoreError, document, json,
    mapping::{ResolvedMappings, settle},
};

/// A repository of the tenant.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RepositoryRow {
    /// Row id.
    #[serde(skip)]
    pub row: i64,
    /// What is known of it.
    #[serde(flatten)]
    pub repository: Repository,
    /// Whether the operator lists it; else it was made of a project, or is no
    /// longer in the list.
    pub listed: bool,
    /// When it came.
    pub added_at: Timestamp,
    /// Projects that are mapped to it.
    pub projects: u64,
    /// Findings of these projects.
    pub findings: ProjectCounts,
}

/// What a list of repositories changed.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct RepositoryChanges {
    /// Repositories that are new.
    pub added: u64,
    /// Repositories that are not what they were.
    pub updated: u64,
    /// Repositories that are what they were.
    pub unchanged: u64,
    /// Repositories that were taken away, because the list is to replace what is there.
    pub removed: u64,
    /// Full names of those that are no longer listed and stay, because projects
    /// are mapped to them.
    pub kept: Vec<String>,
    /// What that did to projects.
    #[serde(flatten)]
    pub settled: ResolvedMappings,
}

/// A repository with its row.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub id: i64,
    pub repository: Repository,
    pub listed: bool,
}

/// All repositories of a tenant, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Repositories {
    pub rows: Vec<Known>,
    by_key: HashMap<String, i64>,
    places: HashMap<i64, usize>,
    /// Those without an address, by full name.
    nowhere: HashMap<String, Vec<i64>>,
}

impl Repositories {
    pub fn load(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT id, full_name, url, provider, default_branch, groups, archived, listed FROM repositories ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        let mut all = Self::default();
        while let Some(row) = rows.next()? {
            let (full_name, url): (String, Option<String>) = (row.get(1)?, row.get(2)?);
            let provider: Option<Provider> = row.get::<_, String>(3)?.parse().ok();
            let repository = Repository::new(Some(&full_name), url.as_deref(), provider);
            // Only what could be read is ever written.
            let mut repository = repository.map_err(|_| StoreError::Corrupt)?;
            repository.default_branch = row.get(4)?;
            repository.groups = document("groups", row.get_ref(5)?.as_str().unwrap_or_default())?;
            repository.archived = row.get(6)?;
            all.add(Known { id: row.get(0)?, repository, listed: row.get(7)? });
        }
        Ok(all)
    }

    pub fn add(&mut self, known: Known) {
        let repository = &known.repository;
        self.by_key.insert(repository.key().into_owned(), known.id);
        if repository.address().is_none() {
            self.nowhere.entry(repository.full_name().to_lowercase()).or_default().push(known.id);
        }
        self.places.insert(known.id, self.rows.len());
        self.rows.push(known);
    }

    /// The row of a repository, however it is spelled.
    pub fn id_of(&self, repository: &Repository) -> Option<i64> {
        self.by_key.get(repository.key().as_ref()).copied()
    }

    /// An index of some of them.
    pub fn index_of(&self, wanted: impl Fn(&Known) -> bool) -> RepositoryIndex {
        let wanted = self.rows.iter().filter(|it| wanted(it));
        RepositoryIndex::new(wanted.map(|it| it.repository.clone()))
    }

    pub fn get(&self, id: i64) -> Option<&Known> {
        self.rows.get(*self.places.get(&id)?)
    }

    /// The only one that is known by this name alone: an address says where it is.
    fn nowhere(&self, repository: &Repository) -> Option<i64> {
        repository.address()?;
        match self.nowhere.get(&repository.full_name().to_lowercase())?.as_slice() {
            [only] => {
                let provider = self.get(*only)?.repository.provider();
                (provider.is_none() || provider == repository.provider()).then_some(*only)
            }
            _ => None,
        }
    }
}

impl FindingStore {
    /// Takes a list of repositories over: new ones come in, known ones are
    /// updated, and what it says nothing of stays. If it is to `replace` what is
    /// there, those that it does not name go; those that projects are mapped to
    /// stay and are no longer listed.
    /// Projects that match a repository now are mapped to it.
    pub fn put_repositories(
        &mut self,
        list: &[Repository],
        replace: bool,
        now: Timestamp,
    ) -> Result<RepositoryChanges> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut changes = RepositoryChanges::default();
        let known = Repositories::load(&transaction)?;
        let mut named = HashSet::new();
        for repository in list {
            let found = known.id_of(repository).or_else(|| known.nowhere(repository));
            let found = found.filter(|id| !named.contains(id)).and_then(|id| known.get(id));
            match found {
                Some(it) => {
                    named.insert(it.id);
                    let told = if replace { repository.clone() } else { with_known(repository, &it.repository) };
                    if update(&transaction, it, &told)? {
                        changes.updated += 1;
                    } else {
                        changes.unchanged += 1;
                    }
                }
                None => {
                    named.insert(insert(&transaction, repository, true, now)?);
                    changes.added += 1;
                }
            }
        }
        if replace {
            let mut unlist = transaction.prepare_cached("UPDATE repositories SET listed = 0 WHERE id = ?1")?;
            let mut used =
                transaction.prepare_cached("SELECT EXISTS (SELECT 1 FROM projects WHERE repository_id = ?1)")?;
            for it in known.rows.iter().filter(|it| it.listed && !named.contains(&it.id)) {
                unlist.execute([it.id])?;
                if used.query_row([it.id], |row| row.get(0))? {
                    changes.kept.push(it.repository.full_name().to_owned());
                } else {
                    changes.removed += 1;
                }
            }
        }
        changes.settled = settle(&transaction, None, true, now)?;
        transaction.commit()?;
        Ok(changes)
    }

    /// The repositories by full name, with their projects and findings.
    /// `search` is a part of the name, the URL or a group.
    pub fn repositories(&self, search: Option<&str>) -> Result<Vec<RepositoryRow>> {
        let mut projects: HashMap<i64, u64> = HashMap::new();
        let mut counts: HashMap<i64, ProjectCounts> = HashMap::new();
        let of_project = self.counts_by_project()?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, repository_id, mapping FROM projects WHERE repository_id IS NOT NULL")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (project, repository): (i64, i64) = (row.get(0)?, row.get(1)?);
            if row.get_ref(2)?.as_str().is_ok_and(|state| state != "ignored") {
                *projects.entry(repository).or_default() += 1;
            }
            if let Some(found) = of_project.get(&project) {
                let sum = counts.entry(repository).or_default();
                sum.open += found.open;
                sum.total += found.total;
            }
        }
        let wanted = search.map(str::to_lowercase);
        let matches = |repository: &Repository| {
            wanted.as_ref().is_none_or(|wanted| {
                let address = repository.address().map(ToString::to_string).unwrap_or_default();
                let texts = [repository.full_name(), &address].into_iter();
                texts.chain(repository.groups.iter().map(String::as_str)).any(|it| it.to_lowercase().contains(wanted))
            })
        };
        let mut added = self.connection.prepare_cached("SELECT added_at FROM repositories WHERE id = ?1")?;
        let mut found = Vec::new();
        for it in Repositories::load(&self.connection)?.rows.into_iter().filter(|it| matches(&it.repository)) {
            found.push(RepositoryRow {
                row: it.id,
                listed: it.listed,
                added_at: Timestamp::from_micros(added.query_row([it.id], |row| row.get(0))?),
                projects: projects.get(&it.id).copied().unwrap_or_default(),
                findings: counts.remove(&it.id).unwrap_or_default(),
                repository: it.repository,
            });
        }
        found.sort_by(|a, b| a.repository.full_name().cmp(b.repository.full_name()).then(a.row.cmp(&b.row)));
        Ok(found)
    }

    /// Takes a repository away. Returns how many projects it is the repository
    /// of: if there are any, it stays.
    pub fn remove_repository(&mut self, id: i64) -> Result<u64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT count(*) FROM projects WHERE repository_id = ?1";
        let projects: u64 = transaction.query_row(sql, [id], |row| row.get(0))?;
        if projects == 0 {
            transaction.execute("DELETE FROM repositories WHERE id = ?1", [id])?;
        }
        transaction.commit()?;
        Ok(projects)
    }
}

/// Adds a repository and returns its row.
pub(super) fn insert(connection: &Connection, repository: &Repository, listed: bool, now: Timestamp) -> Result<i64> {
    let columns = Columns::of(repository)?;
    connection
        .prepare_cached(
            "INSERT INTO repositories (provider, full_name, url, address, default_branch, groups, archived, listed, \
             added_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            columns.provider,
            repository.full_name(),
            columns.url,
            columns.address,
            repository.default_branch,
            columns.groups,
            repository.archived,
            listed,
            now.as_micros()
        ])?;
    Ok(connection.last_insert_rowid())
}

/// A repository with what was known of it before where it says nothing.
fn with_known(told: &Repository, known: &Repository) -> Repository {
    let mut told = told.clone();
    told.default_branch = told.default_branch.or_else(|| known.default_branch.clone());
    told.archived = told.archived.or(known.archived);
    if told.groups.is_empty() {
        told.groups.clone_from(&known.groups);
    }
    told
}

/// Lists a known repository as it is given; whether that changes anything.
fn update(connection: &Connection, known: &Known, repository: &Repository) -> Result<bool> {
    let link = |it: &Repository| it.address().map(ToString::to_string);
    if known.listed && known.repository == *repository && link(&known.repository) == link(repository) {
        return Ok(false);
    }
    let columns = Columns::of(repository)?;
    connection
        .prepare_cached(
            "UPDATE repositories SET provider = ?2, full_name = ?3, url = ?4, address = ?5, default_branch = ?6, \
             groups = ?7, archived = ?8, listed = 1 WHERE id = ?1",
        )?
        .execute(params![
            known.id,
            columns.provider,
            repository.full_name(),
            columns.url,
            columns.address,
            repository.default_branch,
            columns.groups,
            repository.archived
        ])?;
    Ok(true)
}

/// What is written of a repository in another form than it has.
struct Columns<'a> {
    provider: &'a str,
    url: Option<String>,
    address: Option<&'a str>,
    groups: String,
}

impl<'a> Columns<'a> {
    fn of(repository: &'a Repository) -> Result<Self> {
        Ok(Self {
            provider: repository.provider().map_or("", Provider::as_str),
            url: repository.address().map(ToString::to_string),
            address: repository.address().map(|it| it.as_key()),
            groups: json("groups", &repository.groups)?,
        })
    }
}

/// Forgets repositories that were made of projects which are of another one now.
pub(super) fn sweep(connection: &Connection) -> Result<()> {
    connection.execute(
        "DELETE FROM repositories WHERE listed = 0 \
         AND NOT EXISTS (SELECT 1 FROM projects WHERE repository_id = repositories.id)",
        [],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
