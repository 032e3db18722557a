//! What is no longer there, and what is there again.

use std::collections::BTreeSet;

use appsec_model::{ProjectScope, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{
    PageCommit, ProjectIndex, Refs,
    guard::{Absence, Missing, OnAbsence},
    looked_at::LookedAt,
    packages::settle_packages,
    primary::elect_primary,
    stats::RunStats,
};
use crate::{
    columns::json,
    compress::Decoder,
    database::FindingStore,
    error::{Cause, Result},
    history::Change,
    seen::{self, Seen, forget_absences, read_seen, seen_in_run},
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

/// Notes what a complete read has not brought, within its scope and origin: the end
/// of the run decides on it. Where it can be asked for once more, nothing is noted;
/// returns the projects of which something is missing then.
pub(super) fn note_unseen(
    connection: &Connection,
    page: &PageCommit,
    projects: &ProjectIndex,
) -> Result<Vec<ProjectScope>> {
    let seen = read_seen(connection, page.fetch_id)?;
    let scope: Vec<i64> = match &page.scope {
        Some(ids) => ids.iter().filter_map(|id| projects.by_id.get(id).copied()).collect(),
        None => projects.identities.keys().copied().collect(),
    };
    let refs = refs(connection, page)?;
    let (mut unseen, mut missed) = (Vec::new(), Vec::new());
    for project_id in &scope {
        let before = unseen.len();
        unseen_of(connection, page, *project_id, &seen, refs.as_ref(), &mut unseen)?;
        if page.ask_again && unseen.len() > before {
            missed.push(project_scope(connection, *project_id)?);
        }
    }
    if missed.is_empty() {
        let refs = refs.as_ref().map(|refs| json("refs", refs)).transpose()?;
        connection.prepare_cached("INSERT OR REPLACE INTO absences VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            page.fetch_id,
            seen::encode(scope),
            refs,
            seen::encode(unseen)
        ])?;
    }
    missed.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(missed)
}

/// The refs that a read has looked at; none for all.
fn refs(connection: &Connection, page: &PageCommit) -> Result<Option<BTreeSet<Option<String>>>> {
    Ok(match &page.refs {
        Refs::All => None,
        Refs::One(name) => Some(BTreeSet::from([Some(name.clone())])),
        Refs::Named => {
            let mut named = BTreeSet::new();
            let mut find =
                connection.prepare_cached("SELECT ref FROM records WHERE id = ?1 AND finding_id IS NOT NULL")?;
            for id in seen_in_run(connection, page.run_id)? {
                named.extend(find.query_row([id], |row| row.get::<_, Option<String>>(0)).optional()?);
            }
            if named.is_empty() {
                named.insert(None);
            }
            Some(named)
        }
    })
}

/// The records of a project that a read has not brought.
fn unseen_of(
    connection: &Connection,
    page: &PageCommit,
    project_id: i64,
    seen: &Seen,
    refs: Option<&BTreeSet<Option<String>>>,
    unseen: &mut Vec<i64>,
) -> Result<()> {
    // Answered by the index alone.
    let mut in_scope = connection
        .prepare_cached("SELECT id FROM records WHERE project_id = ?1 AND kind = ?2 AND vanished_at IS NULL")?;
    let mut row_of = connection.prepare_cached("SELECT origin, ref FROM records WHERE id = ?1")?;
    let mut rows = in_scope.query(params![project_id, page.kind.as_str()])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if seen.contains(id) {
            continue;
        }
        let (origin, r#ref): (String, Option<String>) = row_of.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if origin == page.origin && refs.is_none_or(|refs| refs.contains(&r#ref)) {
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
    /// Decides on all that the complete reads of a run have not brought, and with
    /// `unlisted` on all of the projects that the vendor no longer lists: marks it as
    /// vanished, or nothing of it, and tells why.
    pub(crate) fn settle_absences(
        &mut self,
        run_id: i64,
        on_absence: OnAbsence,
        looked_at: &LookedAt,
        unlisted: bool,
        now: Timestamp,
    ) -> Result<Option<Cause>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let missing = missing(&transaction, run_id, unlisted)?;
        let refused = missing.refuse(&transaction, on_absence, looked_at)?;
        match &refused {
            Some(why) => {
                let mut refuse = transaction
                    .prepare_cached("UPDATE fetches SET state = 'refused', code = ?2, message = ?3 WHERE id = ?1")?;
                for it in missing.absences.iter().filter(|it| !it.gone.is_empty()) {
                    refuse.execute(params![it.fetch_id, why.code.as_str(), why.message])?;
                }
            }
            None => {
                let mut stats = RunStats::default();
                let mut count =
                    transaction.prepare_cached("UPDATE fetches SET vanished = vanished + ?2 WHERE id = ?1")?;
                for it in missing.absences.iter().filter(|it| !it.gone.is_empty()) {
                    let vanished = vanish(&transaction, &self.decoder, &it.gone, run_id, now, &mut stats)?;
                    count.execute(params![it.fetch_id, vanished])?;
                }
                for (_, gone) in &missing.unlisted {
                    vanish(&transaction, &self.decoder, gone, run_id, now, &mut stats)?;
                }
                stats.write(&transaction, run_id, now)?;
            }
        }
        forget_absences(&transaction, run_id)?;
        transaction.commit()?;
        Ok(refused)
    }
}

/// What a run has not brought. A record that another of its reads did bring, such
/// as one that moved to another project, is there.
fn missing(connection: &Connection, run_id: i64, unlisted: bool) -> Result<Missing> {
    let instance_id = connection.query_row("SELECT instance_id FROM runs WHERE id = ?1", [run_id], |row| row.get(0))?;
    let mut refs = None;
    let mut absences = Vec::new();
    {
        let mut statement = connection.prepare_cached(
            "SELECT fetch_id, kind, absences.scope, refs, absences.records FROM absences \
             JOIN fetches ON fetches.id = fetch_id WHERE run_id = ?1 ORDER BY fetch_id",
        )?;
        let mut rows = statement.query([run_id])?;
        while let Some(row) = rows.next()? {
            refs = row.get(3)?;
            absences.push(Absence {
                fetch_id: row.get(0)?,
                kind: row.get(1)?,
                scope: seen::decode(row.get_ref(2)?.as_blob().unwrap_or_default()),
                gone: seen::decode(row.get_ref(4)?.as_blob().unwrap_or_default()),
            });
        }
    }
    if absences.iter().any(|it| !it.gone.is_empty()) {
        let mut brought = Seen::default();
        seen_in_run(connection, run_id)?.into_iter().for_each(|id| _ = brought.insert(id));
        absences.iter_mut().for_each(|it| it.gone.retain(|id| !brought.contains(*id)));
    }
    let origin = match absences.iter().find_map(|it| it.gone.first()) {
        Some(record) => connection.query_row("SELECT origin FROM records WHERE id = ?1", [record], |row| row.get(0))?,
        None => String::new(),
    };
    let unlisted = if unlisted { unlisted_records(connection, instance_id)? } else { Vec::new() };
    Ok(Missing { instance_id, run_id, origin, refs, absences, unlisted })
}

/// The records of the projects that the vendor no longer lists: no read has them in
/// its scope.
fn unlisted_records(connection: &Connection, instance_id: i64) -> Result<Vec<(i64, Vec<i64>)>> {
    let mut statement = connection.prepare_cached(
        "SELECT projects.id, records.id FROM projects JOIN records ON records.project_id = projects.id \
         WHERE projects.instance_id = ?1 AND projects.vanished_at IS NOT NULL \
         AND records.vanished_at IS NULL ORDER BY projects.id",
    )?;
    let mut rows = statement.query([instance_id])?;
    let mut unlisted: Vec<(i64, Vec<i64>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (project, record) = (row.get(0)?, row.get(1)?);
        match unlisted.last_mut() {
            Some((last, records)) if *last == project => records.push(record),
            _ => unlisted.push((project, vec![record])),
        }
    }
    Ok(unlisted)
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
