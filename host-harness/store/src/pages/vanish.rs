//! What is no longer there, and what is there again.

use std::collections::BTreeSet;

use appsec_model::{ProjectScope, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{
    PageCommit, ProjectIndex,
    guard::{OnAbsence, Scope, refuse},
    packages::settle_packages,
    primary::elect_primary,
    stats::RunStats,
};
use crate::{
    compress::Decoder,
    database::FindingStore,
    error::{Cause, Result},
    history::Change,
    seen::{Seen, read_seen},
};

/// A record that vanished or returned: its finding, ref and package.
type Occurrence = (Option<i64>, Option<String>, Option<i64>);

/// What a record is that is there again.
pub(super) enum Revived {
    Finding,
    Package,
    /// It could not be used, and still cannot.
    Neither,
}

/// Brings back a record that had vanished, and its finding and package with it.
pub(super) fn revive(
    connection: &Connection,
    decoder: &Decoder,
    record_id: i64,
    run_id: i64,
    now: Timestamp,
    stats: &mut RunStats,
) -> Result<Revived> {
    let found: Option<Occurrence> = connection
        .prepare_cached(
            "UPDATE records SET vanished_at = NULL WHERE id = ?1 AND vanished_at IS NOT NULL \
             RETURNING finding_id, ref, package_id",
        )?
        .query_row([record_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((finding, r#ref, package)) = found else { return Ok(Revived::Neither) };
    if let Some(finding) = finding {
        stats.led(elect_primary(connection, decoder, finding, now, |_| None)?);
        Change::returned().note(connection, finding, run_id, r#ref.as_deref(), now)?;
    }
    if let Some(package) = package {
        connection.prepare_cached("UPDATE packages SET vanished_at = NULL WHERE id = ?1")?.execute([package])?;
    }
    Ok(match (finding, package) {
        (Some(_), _) => Revived::Finding,
        (None, Some(_)) => Revived::Package,
        (None, None) => Revived::Neither,
    })
}

/// What became of the records that a complete read has not brought.
pub(super) enum Unseen {
    /// They are marked; that many findings or packages.
    Marked(u64),
    /// They are not, and why.
    Refused(Cause),
    /// They are not yet: these projects are to be read once more.
    AskAgain(Vec<ProjectScope>),
}

/// Marks what a complete read has not brought, within its scope and origin;
/// nothing of it where it is more than may be, or where it can be asked for
/// once more.
pub(super) fn vanish_unseen(
    connection: &Connection,
    decoder: &Decoder,
    page: &PageCommit,
    projects: &ProjectIndex,
    stats: &mut RunStats,
) -> Result<Unseen> {
    let seen = read_seen(connection, page.fetch_id)?;
    let scope: Vec<i64> = match &page.scope {
        Some(ids) => ids.iter().filter_map(|id| projects.by_id.get(id).copied()).collect(),
        None => projects.identities.keys().copied().collect(),
    };
    let (mut unseen, mut missed) = (Vec::new(), Vec::new());
    for project_id in &scope {
        let before = unseen.len();
        unseen_of(connection, page, *project_id, &seen, &mut unseen)?;
        if page.ask_again && unseen.len() > before {
            missed.push(project_scope(connection, *project_id)?);
        }
    }
    if !missed.is_empty() {
        missed.sort_by(|one, other| one.name.cmp(&other.name));
        return Ok(Unseen::AskAgain(missed));
    }
    let of = Some((page.kind.as_str(), scope.as_slice()));
    let guarded = Scope { instance_id: page.instance_id, run_id: page.run_id, of };
    if let Some(why) = refuse(connection, page.on_absence, &guarded, &unseen)? {
        return Ok(Unseen::Refused(why));
    }
    vanish(connection, decoder, &unseen, page.run_id, page.now, stats).map(Unseen::Marked)
}

/// The records of a project that a read has not brought.
fn unseen_of(
    connection: &Connection,
    page: &PageCommit,
    project_id: i64,
    seen: &Seen,
    unseen: &mut Vec<i64>,
) -> Result<()> {
    // Answered by the index alone.
    let mut in_scope = connection
        .prepare_cached("SELECT id FROM records WHERE project_id = ?1 AND kind = ?2 AND vanished_at IS NULL")?;
    let mut origin = connection.prepare_cached("SELECT origin = ?2 FROM records WHERE id = ?1")?;
    let mut rows = in_scope.query(params![project_id, page.kind.as_str()])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if !seen.contains(id) && origin.query_row(params![id, page.origin], |row| row.get(0))? {
            unseen.push(id);
        }
    }
    Ok(())
}

/// A project as a read names it.
fn project_scope(connection: &Connection, project_id: i64) -> Result<ProjectScope> {
    let sql = "SELECT vendor_id, name, primary_branch FROM projects WHERE id = ?1";
    let of_row = |row: &Row<'_>| Ok(ProjectScope { id: row.get(0)?, name: row.get(1)?, primary_branch: row.get(2)? });
    Ok(connection.prepare_cached(sql)?.query_row([project_id], of_row)?)
}

impl FindingStore {
    /// Takes leave of projects that the vendor no longer lists: no read has
    /// them in its scope. Tells why not, where that would be too much.
    pub(crate) fn vanish_projects(
        &mut self,
        run_id: i64,
        on_absence: OnAbsence,
        now: Timestamp,
    ) -> Result<Option<Cause>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let instance_id =
            transaction.query_row("SELECT instance_id FROM runs WHERE id = ?1", [run_id], |row| row.get(0))?;
        let gone = {
            let mut statement = transaction.prepare_cached(
                "SELECT records.id FROM projects JOIN records ON records.project_id = projects.id \
                 WHERE projects.instance_id = ?1 AND projects.vanished_at IS NOT NULL \
                 AND records.vanished_at IS NULL",
            )?;
            let rows = statement.query_map([instance_id], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<i64>>>()?
        };
        let refused = refuse(&transaction, on_absence, &Scope { instance_id, run_id, of: None }, &gone)?;
        if refused.is_none() {
            let mut stats = RunStats::default();
            vanish(&transaction, &self.decoder, &gone, run_id, now, &mut stats)?;
            stats.write(&transaction, run_id, now)?;
        }
        transaction.commit()?;
        Ok(refused)
    }
}

/// Marks everything of a project that is no longer read, and tells how many
/// findings or packages that are. No run missed them: the last one is named.
pub(crate) fn vanish_project(
    connection: &Connection,
    decoder: &Decoder,
    project_id: i64,
    now: Timestamp,
) -> Result<u64> {
    let gone = {
        let sql = "SELECT id FROM records WHERE project_id = ?1 AND vanished_at IS NULL";
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_map([project_id], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?
    };
    let sql = "SELECT coalesce(max(id), 0) FROM runs \
               WHERE instance_id = (SELECT instance_id FROM projects WHERE id = ?1)";
    let run_id = connection.query_row(sql, [project_id], |row| row.get(0))?;
    vanish(connection, decoder, &gone, run_id, now, &mut RunStats::default())
}

/// Marks records as no longer there, and tells how many findings or packages
/// they were. The run is the one that missed them.
fn vanish(
    connection: &Connection,
    decoder: &Decoder,
    records: &[i64],
    run_id: i64,
    now: Timestamp,
    stats: &mut RunStats,
) -> Result<u64> {
    let mut update = connection
        .prepare_cached("UPDATE records SET vanished_at = ?2 WHERE id = ?1 RETURNING finding_id, ref, package_id")?;
    let mut vanished = 0;
    let mut packages = BTreeSet::new();
    for id in records {
        let found: Option<Occurrence> = update
            .query_row(params![id, now.as_micros()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((finding, r#ref, package)) = found else { continue };
        vanished += u64::from(finding.is_some() || package.is_some());
        packages.extend(package);
        if let Some(finding) = finding {
            stats.led(elect_primary(connection, decoder, finding, now, |_| None)?);
            Change::vanished().note(connection, finding, run_id, r#ref.as_deref(), now)?;
        }
    }
    settle_packages(connection, &packages, now)?;
    Ok(vanished)
}
