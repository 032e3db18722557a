//! The vendor's projects.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::{
    columns::{document, json},
    compress::Decoder,
    database::FindingStore,
    error::Result,
    evidence::{Evidence, FetchTimes, NAMED, Outcome, ProjectCounts, is_mapped},
    mapping::{SCAN_FIELDS, ScanFields, scan_fields, settle},
    pages::{ProjectIndex, elect_primary},
    runs::FETCHED_ALL,
    status::OPEN,
    wanted::ignore_unwanted,
};
use appsec_analysis::hash63;
use appsec_model::{Project, ProjectRef, Scope, Timestamp};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::Serialize;

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
    /// Full name of its repository.
    pub repository: Option<String>,
    /// How it stands to that: only what is mapped or drifted is read.
    pub mapping: String,
    /// What the operator says of its scans.
    pub scan_fields: ScanFields,
    /// Its findings.
    pub findings: ProjectCounts,
    /// What is known of it: nothing open is told from nothing scanned.
    pub outcome: Outcome,
}

fn named(name: &str) -> String {
    format!("{NAMED}{}", name.to_lowercase())
}

/// A project as the store knows it.
struct Known {
    id: i64,
    branch: Option<String>,
    vanished: bool,
}

impl FindingStore {
    /// The vendor's ids of the projects that it listed last.
    pub(crate) fn listed_ids(&self, instance_id: i64) -> Result<Vec<String>> {
        let sql = "SELECT vendor_id FROM projects WHERE instance_id = ?1 AND vanished_at IS NULL \
                   AND vendor_id NOT GLOB 'name:*' ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_map([instance_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    }

    /// Takes over a complete list of an instance's projects: new ones come in
    /// and are mapped as the instance is set to, known ones are updated, those
    /// no longer listed are marked. One that only files named so far becomes the
    /// one that is listed under its name.
    pub(crate) fn replace_projects(&mut self, instance_id: i64, projects: &[Project], now: Timestamp) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut known = known(&transaction, instance_id)?;
            let mut update = transaction.prepare_cached(
                // One that was not listed for a while is read in full again.
                "UPDATE projects SET vendor_id = ?2, name = ?3, primary_branch = ?4, document = ?5, vanished_at = NULL, \
                 mapped_at = iif(vanished_at IS NOT NULL AND mapped_at IS NOT NULL, ?6, mapped_at) \
                 WHERE id = ?1 AND (document <> ?5 OR vanished_at IS NOT NULL)",
            )?;
            let mut listed = HashSet::with_capacity(projects.len());
            for project in projects {
                let branch = project.primary_branch.as_ref().or(project.default_branch.as_ref());
                let document = json("project", project)?;
                let found = match known.remove(&project.id) {
                    None if !listed.contains(&project.id) => known.remove(&named(&project.name)),
                    found => found,
                };
                let listed_twice = !listed.insert(project.id.clone());
                match found {
                    Some(it) => {
                        update.execute(params![it.id, project.id, project.name, branch, document, now.as_micros()])?;
                        if it.branch.as_ref() != branch {
                            self::branch(&transaction, &self.decoder, it.id, branch, now)?;
                        }
                    }
                    None if listed_twice => {}
                    None => _ = insert(&transaction, instance_id, project, now)?,
                }
            }
            let mut vanish = transaction.prepare_cached("UPDATE projects SET vanished_at = ?2 WHERE id = ?1")?;
            for (vendor_id, it) in known {
                if !it.vanished && !vendor_id.starts_with(NAMED) {
                    vanish.execute(params![it.id, now.as_micros()])?;
                }
            }
        }
        settle(&transaction, Some(instance_id), false, now)?;
        Ok(transaction.commit()?)
    }

    /// The row of the project that a file names; makes it if the vendor has
    /// listed none of that id or name. `primary_branch` is that of the file's
    /// word, and counts as long as the vendor says nothing.
    #[cfg(test)]
    pub(crate) fn ensure_project(
        &mut self,
        instance_id: i64,
        project: &ProjectRef,
        primary_branch: Option<&str>,
        now: Timestamp,
    ) -> Result<i64> {
        let mut index = self.listed_index(instance_id)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = ensure(&transaction, &self.decoder, instance_id, project, primary_branch, &mut index, now)?;
        settle(&transaction, Some(instance_id), false, now)?;
        transaction.commit()?;
        Ok(id)
    }

    /// Makes the projects that a file names where the vendor has listed none of
    /// that id or name, and maps them as the instance is set to.
    pub(crate) fn ensure_projects(&mut self, instance_id: i64, projects: &[ProjectRef], now: Timestamp) -> Result<()> {
        let mut index = self.listed_index(instance_id)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for project in projects {
            ensure(&transaction, &self.decoder, instance_id, project, None, &mut index, now)?;
        }
        settle(&transaction, Some(instance_id), false, now)?;
        Ok(transaction.commit()?)
    }

    /// When instances and projects were last read to the end, over their API.
    pub(super) fn read_times(&self) -> Result<FetchTimes> {
        let mut times = FetchTimes::default();
        // Runs before one that brought everything tell nothing more.
        let mut statement = self.connection.prepare_cached(&format!(
            "WITH whole AS (SELECT instance_id, max(id) AS id FROM runs \
             WHERE whole AND {FETCHED_ALL} AND mode NOT IN ('import', 'renormalize') GROUP BY instance_id) \
             SELECT runs.instance_id, started_at, scope, kind FROM runs JOIN fetches ON run_id = runs.id \
             LEFT JOIN whole ON whole.instance_id = runs.instance_id WHERE runs.id >= coalesce(whole.id, 0) \
             AND fetches.state IN ('complete', 'refused') AND mode NOT IN ('import', 'renormalize')",
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (instance_id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            let scope: Scope = document("scope", row.get_ref(2)?.as_str().unwrap_or_default())?;
            let kind: String = row.get(3)?;
            let note = |times: &mut BTreeMap<String, i64>| match times.get_mut(&kind) {
                Some(time) => *time = at.max(*time),
                None => _ = times.insert(kind.clone(), at),
            };
            match scope {
                Scope::Deployment => note(times.instances.entry(instance_id).or_default()),
                Scope::Projects(projects) => {
                    for it in projects {
                        note(times.projects.entry((instance_id, it.id)).or_default());
                    }
                }
            }
        }
        Ok(times)
    }

    /// The kinds that runs of one instance, or of all, have looked for, or brought.
    pub(crate) fn fetched_kinds(&self, instance_id: Option<i64>) -> Result<HashSet<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT kind FROM fetches JOIN runs ON runs.id = run_id \
             WHERE fetches.state <> 'pending' AND coalesce(instance_id = ?1, 1) \
             UNION SELECT kind FROM findings WHERE coalesce(instance_id = ?1, 1)",
        )?;
        let kinds = statement.query_map([instance_id], |row| row.get(0))?;
        Ok(kinds.collect::<rusqlite::Result<_>>()?)
    }

    /// Projects of one instance, or of all, by name. `search` is a part of the
    /// name or of a tag.
    pub(crate) fn projects(&self, instance_id: Option<i64>, search: Option<&str>) -> Result<Vec<ProjectRow>> {
        let mut counts = self.counts_by_project()?;
        let (unusable, times) = (self.unusable_kinds()?, self.read_times()?);
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT projects.id, instances.name, document, vanished_at, vendor_id, \
             EXISTS (SELECT 1 FROM records WHERE project_id = projects.id), full_name, mapping, instance_id, mapped_at, \
             {SCAN_FIELDS} FROM projects JOIN instances ON instances.id = instance_id \
             LEFT JOIN repositories ON repositories.id = repository_id WHERE ?1 IS NULL OR instance_id = ?1 \
             ORDER BY projects.name, projects.id",
        ))?;
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
                let findings = counts.remove(&row_id).unwrap_or_default();
                let vendor_id = row.get_ref(4)?.as_str().unwrap_or_default();
                let mapping: String = row.get(7)?;
                let looked = times.looked(&Evidence {
                    instance_id: row.get(8)?,
                    vendor_id,
                    project: &project,
                    mapped: is_mapped(&mapping),
                    mapped_at: row.get(9)?,
                    has_records: row.get(5)?,
                });
                projects.push(ProjectRow {
                    outcome: Outcome::of(findings.open, looked, unusable.contains_key(&row_id)),
                    row: row_id,
                    instance: row.get(1)?,
                    project,
                    vanished_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros),
                    repository: row.get(6)?,
                    mapping,
                    scan_fields: scan_fields(row)?,
                    findings,
                });
            }
        }
        Ok(projects)
    }

    /// Findings of each project.
    pub(super) fn counts_by_project(&self) -> Result<BTreeMap<i64, ProjectCounts>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT project_id, count(*) FILTER (WHERE security = 1 AND {OPEN}), \
             count(*) FILTER (WHERE security = 0 AND {OPEN}), count(*) \
             FROM findings INDEXED BY findings_by_project GROUP BY project_id",
        ))?;
        let rows = statement.query_map([], |row| {
            let counts = ProjectCounts { open: row.get(1)?, open_non_security: row.get(2)?, total: row.get(3)? };
            Ok((row.get(0)?, counts))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// The row of the project that a file names, which may have to be made.
fn ensure(
    connection: &Connection,
    decoder: &Decoder,
    instance_id: i64,
    project: &ProjectRef,
    primary_branch: Option<&str>,
    index: &mut ProjectIndex,
    now: Timestamp,
) -> Result<i64> {
    let name = project.name.as_ref().or(project.id.as_ref()).cloned().unwrap_or_default();
    let vendor_id = project.id.clone().unwrap_or_else(|| named(&name));
    let branch = primary_branch.map(str::to_owned);
    let made = Project { id: vendor_id, name, primary_branch: branch.clone(), ..Project::default() };
    let Some(id) = index.find(Some(project)) else {
        let id = insert(connection, instance_id, &made, now)?;
        index.add(id, &made);
        return Ok(id);
    };
    let changed = connection.execute(
        "UPDATE projects SET primary_branch = ?2, document = ?3 \
         WHERE id = ?1 AND vendor_id = ?4 AND ?2 IS NOT NULL AND primary_branch IS NOT ?2",
        params![id, branch, json("project", &made)?, made.id],
    )?;
    if changed > 0 {
        self::branch(connection, decoder, id, branch.as_ref(), now)?;
    }
    Ok(id)
}

/// Projects of an instance by the vendor's id.
fn known(connection: &Connection, instance_id: i64) -> Result<HashMap<String, Known>> {
    let mut statement = connection
        .prepare_cached("SELECT vendor_id, id, primary_branch, vanished_at FROM projects WHERE instance_id = ?1")?;
    let rows = statement.query_map([instance_id], |row| {
        let vanished = row.get::<_, Option<i64>>(3)?.is_some();
        Ok((row.get(0)?, Known { id: row.get(1)?, branch: row.get(2)?, vanished }))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn insert(connection: &Connection, instance_id: i64, project: &Project, now: Timestamp) -> Result<i64> {
    let branch = project.primary_branch.as_ref().or(project.default_branch.as_ref());
    // A name that another project once had is taken as an identity.
    let mut taken =
        connection.prepare_cached("SELECT count(*) FROM projects WHERE instance_id = ?1 AND identity = ?2")?;
    let mut identity = project.id.clone();
    let mut number = 1_u32;
    while taken.query_row(params![instance_id, identity], |row| row.get::<_, bool>(0))? {
        number += 1;
        identity = format!("{}#{number}", project.id);
    }
    let id = free_id(connection, instance_id, &identity)?;
    connection
        .prepare_cached(
            "INSERT INTO projects (id, instance_id, vendor_id, identity, name, primary_branch, document, first_seen_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            id,
            instance_id,
            project.id,
            identity,
            project.name,
            branch,
            json("project", project)?,
            now.as_micros()
        ])?;
    ignore_unwanted(connection, instance_id, id, &project.name, now)?;
    Ok(id)
}

/// The row id of a new project: findings are in its order, which is the same in
/// every store. Few bits, because each row of a finding and its indexes hold it.
fn free_id(connection: &Connection, instance_id: i64, identity: &str) -> Result<i64> {
    let instance: String = connection
        .prepare_cached("SELECT name FROM instances WHERE id = ?1")?
        .query_row([instance_id], |row| row.get(0))?;
    let mut taken = connection.prepare_cached("SELECT count(*) FROM projects WHERE id = ?1")?;
    let mut id = hash63([instance.as_str(), identity].map(str::as_bytes)) >> 16;
    while taken.query_row([id], |row| row.get::<_, bool>(0))? {
        id += 1;
    }
    Ok(id)
}

/// Another branch is a project's primary one: decides anew which of its
/// occurrences are on it, and which lead.
fn branch(
    connection: &Connection,
    decoder: &Decoder,
    project_id: i64,
    branch: Option<&String>,
    now: Timestamp,
) -> Result<()> {
    let touched: BTreeSet<i64> = connection
        .prepare_cached(
            "UPDATE records SET on_primary = (ref IS NOT NULL AND ref IS ?2) \
             WHERE project_id = ?1 AND finding_id IS NOT NULL AND on_primary <> (ref IS NOT NULL AND ref IS ?2) \
             RETURNING finding_id",
        )?
        .query_map(params![project_id, branch], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    touched.into_iter().try_for_each(|id| elect_primary(connection, decoder, id, now, |_| None).map(drop))
}

#[cfg(test)]
mod tests;
