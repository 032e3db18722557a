//! What is no longer there, and what is there again.

use std::collections::BTreeSet;

use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{PageCommit, ProjectIndex, lead::lead, packages::settle_packages};
use crate::store::{Result, Seen, compress::Decoder, history::Change, seen};

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
        lead(connection, decoder, finding, Some(now), |_| None)?;
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

/// Marks what a complete read has not brought, within its scope and origin.
pub(super) fn vanish_unseen(
    connection: &Connection,
    decoder: &Decoder,
    page: &PageCommit,
    projects: &ProjectIndex,
) -> Result<u64> {
    let seen = read_seen(connection, page.read_id)?;
    let scope: Vec<i64> = match &page.scope {
        Some(ids) => ids.iter().filter_map(|id| projects.by_id.get(id).copied()).collect(),
        None => projects.identities.keys().copied().collect(),
    };
    // Answered by the index alone.
    let mut in_scope = connection
        .prepare_cached("SELECT id FROM records WHERE project_id = ?1 AND kind = ?2 AND vanished_at IS NULL")?;
    let mut unseen = Vec::new();
    for project_id in scope {
        let mut rows = in_scope.query(params![project_id, page.kind.as_str()])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            if !seen.contains(id) {
                unseen.push(id);
            }
        }
    }
    let gone = Gone { origin: Some(&page.origin), run_id: page.run_id, now: page.now };
    vanish(connection, decoder, &unseen, &gone)
}

/// How records vanish.
pub(crate) struct Gone<'a> {
    /// Only those of this origin.
    pub origin: Option<&'a str>,
    /// The run that missed them.
    pub run_id: i64,
    /// When.
    pub now: Timestamp,
}

/// Marks records as no longer there, and tells how many findings or packages
/// they were.
pub(crate) fn vanish(connection: &Connection, decoder: &Decoder, records: &[i64], gone: &Gone<'_>) -> Result<u64> {
    let mut update = connection.prepare_cached(
        "UPDATE records SET vanished_at = ?2 WHERE id = ?1 AND (?3 IS NULL OR origin = ?3) \
         RETURNING finding_id, ref, package_id",
    )?;
    let mut vanished = 0;
    let mut packages = BTreeSet::new();
    for id in records {
        let found: Option<Occurrence> = update
            .query_row(params![id, gone.now.as_micros(), gone.origin], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((finding, r#ref, package)) = found else { continue };
        vanished += u64::from(finding.is_some() || package.is_some());
        packages.extend(package);
        if let Some(finding) = finding {
            lead(connection, decoder, finding, Some(gone.now), |_| None)?;
            Change::vanished().note(connection, finding, gone.run_id, r#ref.as_deref(), gone.now)?;
        }
    }
    settle_packages(connection, &packages, gone.now)?;
    Ok(vanished)
}

/// What the pages of a read brought so far.
pub(crate) fn read_seen(connection: &Connection, read_id: i64) -> Result<Seen> {
    let mut statement = connection.prepare_cached("SELECT seen FROM read_pages WHERE read_id = ?1")?;
    let mut rows = statement.query([read_id])?;
    let mut seen = Seen::default();
    while let Some(row) = rows.next()? {
        for id in seen::decode(row.get_ref(0)?.as_blob().unwrap_or_default()) {
            seen.insert(id);
        }
    }
    Ok(seen)
}
