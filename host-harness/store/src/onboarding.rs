//! Instances that are being set up, and the projects that they want.

use std::collections::{BTreeMap, HashSet};

use appsec_model::{Deployment, Kind, KindAccess, Project, Timestamp};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::{
    columns::{document, json, parsed},
    database::FindingStore,
    error::Result,
    instances::{self, Accepted, ConnectorSource, NewInstance},
    mapping::{AutoMap, MappingFilter, MappingRow, choose, settle},
    projects,
    wanted::ProjectChoice,
};
use appsec_grant::{InstanceName, Origin, ProxySetting, SecretSource};

/// What was decided so far of an instance that is being set up. It names where
/// secrets are, never one.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Draft {
    /// Where its connector comes from.
    pub connector: ConnectorSource,
    /// SHA-256 of its file when it was begun; none of one that comes with the
    /// program.
    pub connector_sha256: Option<String>,
    /// Settings, as far as they were given.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Further origins that it may reach.
    pub allow_origins: Vec<Origin>,
    /// Origins that may be at an address of this machine or network.
    pub allow_private_origins: Vec<Origin>,
    /// Where its secrets are read from, by variable.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Its proxy; without a word that of the environment.
    pub proxy: Option<ProxySetting>,
    /// The vendor's account; none before the vendor has accepted the secret.
    pub deployment: Option<Deployment>,
    /// The kinds that the connector can bring, and whether the secret reads them.
    pub readable: Vec<KindAccess>,
    /// The kinds to bring, once they are chosen.
    pub kinds: Option<Vec<Kind>>,
    /// The projects to bring, once they are chosen.
    pub projects: Option<ProjectChoice>,
    /// What becomes of projects without a repository, once it is chosen.
    pub auto_map: Option<AutoMap>,
    /// Repositories that a person chose, by the vendor's id of the project and
    /// by row; none for a project that is to stay without one.
    #[serde(default)]
    pub repositories: ChosenRepositories,
}

/// Repositories of projects, as a person corrects what matching found.
pub type ChosenRepositories = BTreeMap<String, Option<i64>>;

/// What an instance is made of projects.
#[derive(Clone, Debug)]
pub struct ProjectPlan {
    /// Which ones it brings.
    pub projects: ProjectChoice,
    /// What becomes of those without a repository.
    pub auto_map: AutoMap,
    /// What a person chose.
    pub repositories: ChosenRepositories,
}

/// A draft with its name.
#[derive(Clone, Debug)]
pub struct NamedDraft {
    /// Name of the instance to be.
    pub name: InstanceName,
    /// What was decided.
    pub draft: Draft,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When the last step was taken.
    pub changed_at: Timestamp,
}

impl FindingStore {
    /// Keeps a draft, in the place of the one of that name.
    pub(crate) fn keep_draft(&mut self, name: &InstanceName, draft: &Draft, now: Timestamp) -> Result<()> {
        self.connection.execute(
            "INSERT INTO onboarding VALUES (?1, ?2, ?3, ?3) \
             ON CONFLICT DO UPDATE SET document = excluded.document, changed_at = excluded.changed_at",
            params![name.as_str(), json("onboarding", draft)?, now.as_micros()],
        )?;
        Ok(())
    }

    /// The draft of a name.
    pub(crate) fn draft(&self, name: &InstanceName) -> Result<Option<NamedDraft>> {
        Ok(self.drafts()?.into_iter().find(|it| it.name == *name))
    }

    /// All drafts, by name.
    pub(crate) fn drafts(&self) -> Result<Vec<NamedDraft>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, document, started_at, changed_at FROM onboarding ORDER BY name")?;
        let mut rows = statement.query([])?;
        let mut drafts = Vec::new();
        while let Some(row) = rows.next()? {
            drafts.push(NamedDraft {
                // Only checked names are ever written.
                name: parsed(row, 0)?,
                draft: document("onboarding", row.get_ref(1)?.as_str().unwrap_or_default())?,
                started_at: Timestamp::from_micros(row.get(2)?),
                changed_at: Timestamp::from_micros(row.get(3)?),
            });
        }
        Ok(drafts)
    }

    /// Forgets a draft.
    pub(crate) fn drop_draft(&mut self, name: &InstanceName) -> Result<()> {
        self.connection.execute("DELETE FROM onboarding WHERE name = ?1", [name.as_str()])?;
        Ok(())
    }

    /// Makes the instance of a draft, with the vendor's projects as far as they
    /// are listed, and forgets the draft: all or nothing.
    pub(crate) fn save_draft(
        &mut self,
        accepted: &Accepted,
        plan: &ProjectPlan,
        listed: &[Project],
        now: Timestamp,
    ) -> Result<i64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = make(&transaction, &accepted.made, plan, listed, now)?;
        instances::accept(&transaction, id, accepted, now)?;
        transaction.execute("DELETE FROM onboarding WHERE name = ?1", [accepted.made.name.as_str()])?;
        transaction.commit()?;
        Ok(id)
    }

    /// The mapping that an instance would be made with. Nothing of it stays: it
    /// is made, looked at, and taken back.
    pub(crate) fn preview_draft(
        &mut self,
        made: &NewInstance,
        plan: &ProjectPlan,
        listed: &[Project],
        now: Timestamp,
    ) -> Result<Vec<MappingRow>> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let rows = make(&self.connection, made, plan, listed, now)
            .and_then(|id| self.mappings(&MappingFilter { instance_id: Some(id), ..MappingFilter::default() }));
        self.connection.execute_batch("ROLLBACK")?;
        rows
    }
}

/// Makes an instance with its projects and their mapping, within a transaction
/// of the caller's.
fn make(
    connection: &Connection,
    made: &NewInstance,
    plan: &ProjectPlan,
    listed: &[Project],
    now: Timestamp,
) -> Result<i64> {
    let id = instances::insert(connection, made, now)?;
    let wanted = match &plan.projects {
        ProjectChoice::All => None,
        ProjectChoice::Matching(_) => Some(json("choice of projects", &plan.projects)?),
    };
    connection.execute(
        "UPDATE instances SET auto_map = ?2, wanted_projects = ?3 WHERE id = ?1",
        params![id, plan.auto_map.as_str(), wanted],
    )?;
    let mut known = HashSet::new();
    for project in listed.iter().filter(|project| known.insert(&project.id)) {
        projects::insert(connection, id, project, now)?;
    }
    settle(connection, Some(id), false, now)?;
    choose(connection, id, &plan.repositories, now)?;
    Ok(id)
}
