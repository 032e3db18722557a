//! What a finding shows: the state of its leading occurrence, and what was decided about it.

use crate::{
    assess::{assess, rule},
    compress::Decoder,
    decided::{self, DECIDED},
    error::Result,
    ratings::listed,
    status::rank_of,
};
use appsec_analysis::{dates, status::is_open};
use appsec_model::{Finding, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

/// Makes a finding show its leading occurrence: one that is there before one
/// that vanished, one on the primary branch before others, then the one that
/// needs most attention; with the status that a decision gives it. A finding without occurrences goes. `written` knows
/// the findings of records that were just written. Tells what it shows.
pub(crate) fn elect_primary<'a>(
    connection: &Connection,
    decoder: &Decoder,
    finding_id: i64,
    now: Timestamp,
    written: impl FnOnce(i64) -> Option<&'a Finding>,
) -> Result<Option<Primary>> {
    let leading = connection
        .prepare_cached(&format!(
            "SELECT records.id, records.package_id, iif(records.vanished_at IS NULL, records.status, 'vanished'), \
             records.id <> findings.occurrence_id, findings.status, findings.instance_id, \
             findings.project_id, findings.ingested_at, findings.closed_at, \
             (SELECT min(created_at) FROM records AS every WHERE every.project_id = findings.project_id \
             AND every.finding_id = findings.id), decided.decision, decided.until \
             FROM findings {DECIDED} JOIN records ON records.project_id = findings.project_id AND finding_id = findings.id \
             WHERE findings.id = ?1 \
             ORDER BY records.vanished_at IS NOT NULL, on_primary DESC, \
             {}, relevant_since DESC, record_key, origin LIMIT 1",
            rank_of("records.status")
        ))?
        .query_row([finding_id], |row| {
            let source: String = row.get(2)?;
            let decision: Option<String> = row.get(10)?;
            Ok(Leading {
                record: row.get(0)?,
                package_id: row.get(1)?,
                status: decided::status(&source, decision.as_deref(), row.get(11)?, now).to_owned(),
                is_other: row.get(3)?,
                was: row.get(4)?,
                instance_id: row.get(5)?,
                project_id: row.get(6)?,
                ingested_at: Timestamp::from_micros(row.get(7)?),
                closed_at: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_micros),
                recorded_at: row.get::<_, Option<i64>>(9)?.map(Timestamp::from_micros),
            })
        })
        .optional()?;
    let Some(leading) = leading else {
        connection.prepare_cached("DELETE FROM findings WHERE id = ?1")?.execute([finding_id])?;
        connection.prepare_cached("DELETE FROM changes WHERE finding_id = ?1")?.execute([finding_id])?;
        return Ok(None);
    };
    let first_seen_at = dates::first_seen_at(leading.recorded_at, leading.ingested_at);
    let Leading { record, package_id, status, is_other, was, instance_id, project_id, .. } = leading;
    connection
        .prepare_cached(
            "UPDATE OR FAIL findings SET occurrence_id = ?2, package_id = ?3, status = ?4, \
             changed_at = max(changed_at, ?5), first_seen_at = ?6 WHERE id = ?1",
        )?
        .execute(params![finding_id, record, package_id, status, now.as_micros(), first_seen_at.as_micros()])?;
    let read;
    let finding = match written(record) {
        Some(finding) => finding,
        None if is_other || status != was => {
            let Some(content) = decoder.content(connection, record)? else { return Ok(None) };
            read = content.finding()?;
            &read
        }
        // It shows this occurrence already.
        None => return Ok(Some(Primary { project_id, was, status })),
    };
    let shown = Shown::from(finding);
    let rule = finding.rule_id.as_deref().map(|id| rule(connection, instance_id, id)).transpose()?.flatten();
    let assessed = assess(connection, finding, &status, rule.as_ref())?;
    // What was closed already stays closed since then, unless its source says otherwise.
    let noticed = if is_open(&was) { Some(now) } else { leading.closed_at };
    let closed_at = dates::closed_at(&status, &finding.lifecycle, first_seen_at, now, noticed);
    connection
        .prepare_cached(
            "UPDATE OR FAIL findings SET severity = ?2, security = ?3, title = ?4, rule_id = ?5, path = ?6, start_line = ?7, \
             reachability = ?8, advisories = ?9, priority = ?10, cvss = ?11, epss = ?12, closed_at = ?13, kev = ?14 WHERE id = ?1",
        )?
        .execute(params![
            finding_id,
            shown.severity,
            shown.security,
            shown.title,
            shown.rule_id,
            shown.path,
            shown.start_line,
            shown.reachability,
            shown.advisories,
            assessed.score(),
            assessed.cvss(),
            assessed.epss(finding),
            closed_at.map(Timestamp::as_micros),
            assessed.kev()
        ])?;
    Ok(Some(Primary { project_id, was, status }))
}

/// What a finding shows.
pub(crate) struct Primary {
    /// Row id of its project.
    pub project_id: i64,
    /// The status that it showed before.
    pub was: String,
    /// The status that it shows now.
    pub status: String,
}

/// The occurrence that leads, and how the finding is shown so far.
struct Leading {
    record: i64,
    package_id: Option<i64>,
    status: String,
    is_other: bool,
    was: String,
    instance_id: i64,
    project_id: i64,
    ingested_at: Timestamp,
    closed_at: Option<Timestamp>,
    /// The earliest date of its occurrences.
    recorded_at: Option<Timestamp>,
}

/// The columns of a finding that come from its leading occurrence.
pub(super) struct Shown<'a> {
    pub severity: i64,
    pub security: bool,
    pub title: &'a str,
    pub rule_id: Option<&'a str>,
    pub path: Option<&'a str>,
    pub start_line: Option<u32>,
    pub reachability: Option<&'a str>,
    pub advisories: Option<String>,
}

impl<'a> From<&'a Finding> for Shown<'a> {
    fn from(finding: &'a Finding) -> Self {
        let location = finding.location.as_ref();
        let dependency = finding.dependency.as_ref();
        let advisories = dependency.and_then(|it| listed(it.advisories.iter().map(|advisory| advisory.id.as_str())));
        Self {
            severity: finding.severity as i64,
            // Who says nothing speaks of security: that is what is scanned for.
            security: finding.security != Some(false),
            title: &finding.title,
            rule_id: finding.rule_id.as_deref(),
            path: location.map(|it| it.path.as_str()),
            start_line: location.and_then(|it| it.start_line),
            reachability: dependency.map(|it| it.reachability.verdict.as_str()),
            advisories,
        }
    }
}
