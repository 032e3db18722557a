//! What is no longer there, and what is there again.

use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{PageCommit, ProjectIndex};
use crate::store::{Result, Seen, seen};

/// Brings back a record that had vanished, and its finding with it.
pub(super) fn revive(connection: &Connection, raw_id: i64) -> Result<()> {
    connection.execute("UPDATE raw_records SET vanished_at = NULL WHERE id = ?1", [raw_id])?;
    let sql = "UPDATE occurrences SET vanished_at = NULL WHERE id = ?1 RETURNING finding_id";
    let finding: Option<i64> = connection.query_row(sql, [raw_id], |row| row.get(0)).optional()?;
    match finding {
        Some(finding) => lead(connection, finding, None),
        None => Ok(()),
    }
}

/// Makes a finding show its leading occurrence: one that is there before one
/// that vanished, one on the primary branch before others, then the one that
/// needs most attention. A finding without occurrences goes.
pub(crate) fn lead(connection: &Connection, finding_id: i64, now: Option<Timestamp>) -> Result<()> {
    let updated = connection
        .prepare_cached(
            "UPDATE findings SET occurrence_id = o.id, project_id = o.project_id, package_id = o.package_id, \
             status = iif(o.vanished_at IS NULL, o.status, 'vanished'), \
             severity = CASE o.document ->> 'severity' WHEN 'critical' THEN 5 WHEN 'high' THEN 4 WHEN 'medium' THEN 3 \
                        WHEN 'low' THEN 2 WHEN 'info' THEN 1 ELSE 0 END, \
             title = o.document ->> 'title', rule_id = o.document ->> 'rule_id', \
             path = o.document ->> '$.location.path', start_line = o.document ->> '$.location.start_line', \
             reachability = o.document ->> '$.dependency.reachability.verdict', \
             changed_at = coalesce(?2, changed_at) \
             FROM (SELECT * FROM occurrences WHERE finding_id = ?1 \
                   ORDER BY vanished_at IS NOT NULL, on_primary DESC, \
                   CASE status WHEN 'open' THEN 0 WHEN 'reviewing' THEN 1 WHEN 'fixing' THEN 2 \
                   WHEN 'provisionally-ignored' THEN 4 WHEN 'ignored' THEN 5 WHEN 'fixed' THEN 6 ELSE 3 END, \
                   relevant_since DESC, vendor_id LIMIT 1) AS o \
             WHERE findings.id = ?1",
        )?
        .execute(params![finding_id, now.map(Timestamp::as_micros)])?;
    if updated == 0 {
        connection.prepare_cached("DELETE FROM findings WHERE id = ?1")?.execute([finding_id])?;
    }
    Ok(())
}

/// Marks what a complete read has not brought, within its scope.
pub(super) fn vanish_unseen(connection: &Connection, page: &PageCommit, projects: &ProjectIndex) -> Result<u64> {
    let seen = read_seen(connection, page.read_id)?;
    let scope: Vec<i64> = match &page.scope {
        Some(ids) => ids.iter().filter_map(|id| projects.by_id.get(id).copied()).collect(),
        None => projects.vendor_ids.keys().copied().collect(),
    };
    let mut in_scope = connection
        .prepare_cached("SELECT id FROM occurrences WHERE project_id = ?1 AND kind = ?2 AND vanished_at IS NULL")?;
    let mut gone = Vec::new();
    for project_id in scope {
        let mut rows = in_scope.query(params![project_id, page.kind.as_str()])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            if !seen.contains(id) {
                gone.push(id);
            }
        }
    }
    vanish(connection, &gone, page.now)?;
    Ok(gone.len() as u64)
}

/// Marks occurrences as no longer there.
pub(crate) fn vanish(connection: &Connection, raw_ids: &[i64], now: Timestamp) -> Result<()> {
    let mut raw = connection.prepare_cached("UPDATE raw_records SET vanished_at = ?2 WHERE id = ?1")?;
    let mut occurrence =
        connection.prepare_cached("UPDATE occurrences SET vanished_at = ?2 WHERE id = ?1 RETURNING finding_id")?;
    for id in raw_ids {
        raw.execute(params![id, now.as_micros()])?;
        let finding: Option<i64> = occurrence.query_row(params![id, now.as_micros()], |row| row.get(0)).optional()?;
        if let Some(finding) = finding {
            lead(connection, finding, Some(now))?;
        }
    }
    Ok(())
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
