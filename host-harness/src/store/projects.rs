//! The vendor's projects.

use std::collections::BTreeMap;

use appsec_model::{Project, Timestamp};
use rusqlite::{TransactionBehavior, params};
use serde::Serialize;

use super::{FindingStore, Result, document, json};

/// A project of an instance.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ProjectRow {
    /// Row id.
    #[serde(skip)]
    pub row: i64,
    /// Name of the instance.
    pub instance: String,
    /// The project as the connector listed it.
    #[serde(flatten)]
    pub project: Project,
    /// Since when the vendor no longer lists it.
    pub vanished_at: Option<Timestamp>,
    /// Its findings.
    pub findings: ProjectCounts,
}

/// Findings of a project.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct ProjectCounts {
    /// Open ones.
    pub open: u64,
    /// All of them.
    pub total: u64,
}

impl FindingStore {
    /// Takes over a complete list of an instance's projects: new ones come in,
    /// known ones are updated, those no longer listed are marked.
    pub fn replace_projects(&mut self, instance_id: i64, projects: &[Project], now: Timestamp) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut upsert = transaction.prepare_cached(
                "INSERT INTO projects (instance_id, vendor_id, name, primary_branch, document, first_seen_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT (instance_id, vendor_id) DO UPDATE SET name = excluded.name, \
                 primary_branch = excluded.primary_branch, document = excluded.document, vanished_at = NULL \
                 WHERE document <> excluded.document OR vanished_at IS NOT NULL",
            )?;
            let mut listed = std::collections::HashSet::with_capacity(projects.len());
            for project in projects {
                listed.insert(project.id.as_str());
                let branch = project.primary_branch.as_ref().or(project.default_branch.as_ref());
                let document = json("project", project)?;
                upsert.execute(params![instance_id, project.id, project.name, branch, document, now.as_micros()])?;
            }
            let mut known = transaction
                .prepare_cached("SELECT id, vendor_id FROM projects WHERE instance_id = ?1 AND vanished_at IS NULL")?;
            let mut vanish = transaction.prepare_cached("UPDATE projects SET vanished_at = ?2 WHERE id = ?1")?;
            let mut rows = known.query([instance_id])?;
            while let Some(row) = rows.next()? {
                if !listed.contains(row.get_ref(1)?.as_str().unwrap_or_default()) {
                    vanish.execute(params![row.get::<_, i64>(0)?, now.as_micros()])?;
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// Projects of one instance, or of all, by name. `search` is a part of the
    /// name or of a tag.
    pub fn projects(&self, instance_id: Option<i64>, search: Option<&str>) -> Result<Vec<ProjectRow>> {
        let mut counts: BTreeMap<i64, ProjectCounts> = BTreeMap::new();
        let mut statement = self.connection.prepare_cached(
            "SELECT project_id, count(*) FILTER (WHERE status IN ('open', 'reviewing', 'fixing')), count(*) \
             FROM findings WHERE ?1 IS NULL OR instance_id = ?1 GROUP BY project_id",
        )?;
        let mut rows = statement.query([instance_id])?;
        while let Some(row) = rows.next()? {
            counts.insert(row.get(0)?, ProjectCounts { open: row.get(1)?, total: row.get(2)? });
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT projects.id, instances.name, document, vanished_at FROM projects \
             JOIN instances ON instances.id = instance_id WHERE ?1 IS NULL OR instance_id = ?1 \
             ORDER BY projects.name, projects.id",
        )?;
        let mut rows = statement.query([instance_id])?;
        let wanted = search.map(str::to_lowercase);
        let mut projects = Vec::new();
        while let Some(row) = rows.next()? {
            let row_id: i64 = row.get(0)?;
            let project: Project = document("project", row.get_ref(2)?.as_str().unwrap_or_default())?;
            let matches = |wanted: &String| {
                std::iter::once(&project.name).chain(&project.tags).any(|text| text.to_lowercase().contains(wanted))
            };
            if wanted.as_ref().is_none_or(matches) {
                projects.push(ProjectRow {
                    row: row_id,
                    instance: row.get(1)?,
                    project,
                    vanished_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros),
                    findings: counts.remove(&row_id).unwrap_or_default(),
                });
            }
        }
        Ok(projects)
    }
}
