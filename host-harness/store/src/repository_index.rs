//! The rows of the tenant's repositories, and the one that a repository is known
//! by, however it is spelled.

use std::collections::HashMap;

use crate::{
    columns::{document, json},
    error::{Result, StoreError},
};
use appsec_analysis::repository::{Provider, Repository, RepositoryIndex};
use appsec_model::Timestamp;
use rusqlite::{Connection, params};

/// A repository with its row.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub id: i64,
    pub repository: Repository,
    pub listed: bool,
}

/// All repositories of a tenant, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repositories {
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
    pub fn nowhere(&self, repository: &Repository) -> Option<i64> {
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

/// Adds a repository and returns its row.
pub(crate) fn insert(connection: &Connection, repository: &Repository, listed: bool, now: Timestamp) -> Result<i64> {
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

/// What is written of a repository in another form than it has.
pub(crate) struct Columns<'a> {
    pub provider: &'a str,
    pub url: Option<String>,
    pub address: Option<&'a str>,
    pub groups: String,
}

impl<'a> Columns<'a> {
    pub fn of(repository: &'a Repository) -> Result<Self> {
        Ok(Self {
            provider: repository.provider().map_or("", Provider::as_str),
            url: repository.address().map(ToString::to_string),
            address: repository.address().map(|it| it.as_key()),
            groups: json("groups", &repository.groups)?,
        })
    }
}

/// Forgets repositories that were made of projects which are of another one now.
pub(crate) fn sweep(connection: &Connection) -> Result<()> {
    connection.execute(
        "DELETE FROM repositories WHERE listed = 0 \
         AND NOT EXISTS (SELECT 1 FROM projects WHERE repository_id = repositories.id)",
        [],
    )?;
    Ok(())
}
