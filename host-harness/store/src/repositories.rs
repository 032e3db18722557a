//! The tenant's code repositories: those that the operator lists, and those
//! that were made of projects.

use std::collections::{HashMap, HashSet};

use crate::{
    database::FindingStore,
    error::Result,
    evidence::ProjectCounts,
    mapping::{ResolvedMappings, settle},
    repository_index::{Columns, Known, Repositories, insert},
};
use appsec_analysis::repository::Repository;
use appsec_model::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};
use serde::Serialize;

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

impl FindingStore {
    /// Takes a list of repositories over: new ones come in, known ones are
    /// updated, and what it says nothing of stays. If it is to `replace` what is
    /// there, those that it does not name go; those that projects are mapped to
    /// stay and are no longer listed.
    /// Projects that match a repository now are mapped to it.
    pub(crate) fn put_repositories(
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
    pub(crate) fn repositories(&self, search: Option<&str>) -> Result<Vec<RepositoryRow>> {
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
                sum.open_non_security += found.open_non_security;
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
    pub(crate) fn remove_repository(&mut self, id: i64) -> Result<u64> {
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

#[cfg(test)]
mod tests;
