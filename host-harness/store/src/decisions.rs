//! What people decide about findings: made, taken back, ended, and as a list.
//! What status a finding has by it is the analysis' rule.

use appsec_analysis::triage::TriageEntry;
use appsec_model::{Severity, Timestamp};
use rusqlite::{Connection, OptionalExtension, ToSql, TransactionBehavior, params};
use serde::Serialize;

use crate::{
    columns::json,
    compress::Decoder,
    database::FindingStore,
    decided::{DECIDED_COLUMNS, DecisionEnd, DecisionRow, decision_row},
    error::Result,
    filter::{DecisionFilter, Filter},
    findings::FindingRow,
    ids::{FindingId, IssueId},
    pages::elect_primary,
    status::severity,
    view::of_rows,
};

/// Findings that are decided on in one transaction.
const BATCH: usize = 1_000;

/// A decision with the finding that it is about.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct DecidedFinding {
    /// Id of the finding.
    pub finding: FindingId,
    /// The decision.
    #[serde(flatten)]
    pub row: DecisionRow,
    /// Name of the instance.
    pub instance: String,
    /// Name of the project.
    pub project: String,
    /// Kind of the finding.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// Its status.
    pub status: String,
    /// A short line for people.
    pub title: String,
    /// Id of its rule.
    pub rule_id: Option<String>,
    /// File.
    pub path: Option<String>,
    /// Line in the file.
    pub start_line: Option<u32>,
}

/// Which decisions to show.
#[derive(Clone, Debug, Default)]
pub struct DecisionList {
    /// What is said of them.
    pub with: DecisionFilter,
    /// Who decided.
    pub author: Option<String>,
    /// A part of the project's name.
    pub project: Option<String>,
    /// Row id of the instance.
    pub instance_id: Option<i64>,
    /// Those that have ended as well.
    pub with_ended: bool,
    /// At most that many.
    pub limit: u32,
    /// Without that many of the first.
    pub offset: u32,
}

/// What a decision is made on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DecidedOn {
    /// The finding.
    pub finding: FindingId,
    /// The issue that it is decided on as a part of.
    pub issue: Option<IssueId>,
}

/// Gives the findings that joined an issue what was decided on it, if nobody has
/// decided on them since. Returns how many there were.
pub(crate) fn inherit(connection: &Connection, decoder: &Decoder, now: Timestamp) -> Result<usize> {
    let found = {
        // From what was decided on issues, which is little, to their findings. A
        // finding that moved to another issue brings nothing of it along.
        let mut statement = connection.prepare_cached(
            "SELECT joined.id, joined.public_id, joined.instance_id, decisions.id \
             FROM decisions INDEXED BY decisions_on_issues \
             CROSS JOIN findings AS decided ON decided.public_id = decisions.finding \
             CROSS JOIN issue_members AS own ON own.finding_id = decided.id \
             CROSS JOIN issues ON issues.row = own.issue_row AND (issues.id = decisions.issue OR EXISTS \
             (SELECT 1 FROM issue_aliases WHERE alias = decisions.issue AND issue_id = issues.id)) \
             CROSS JOIN issue_members AS other ON other.issue_row = own.issue_row AND other.finding_id <> own.finding_id \
             CROSS JOIN findings AS joined ON joined.id = other.finding_id \
             WHERE decisions.ended_at IS NULL AND decisions.issue IS NOT NULL \
             AND (decisions.until IS NULL OR decisions.until > ?1) \
             AND NOT EXISTS (SELECT 1 FROM decisions AS since WHERE since.finding = joined.public_id \
             AND (since.ended_at IS NULL OR since.ended_at >= decisions.decided_at)) \
             ORDER BY decisions.decided_at DESC, decisions.id DESC LIMIT 1000",
        )?;
        let rows =
            statement.query_map([now.as_micros()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        rows.collect::<rusqlite::Result<Vec<(i64, i64, i64, i64)>>>()?
    };
    let mut copy = connection.prepare_cached(
        "INSERT INTO decisions (instance_id, finding, decision, reason, comment, author, decided_at, until, assignee, \
         labels, issue) SELECT ?1, ?2, decision, reason, comment, author, decided_at, until, assignee, labels, issue \
         FROM decisions WHERE id = ?3 ON CONFLICT DO NOTHING",
    )?;
    for (row, public_id, instance_id, decision) in &found {
        // The newest decision on the issue comes first, and counts.
        if copy.execute([instance_id, public_id, decision])? == 1 {
            elect_primary(connection, decoder, *row, now, |_| None)?;
        }
    }
    Ok(found.len())
}

fn in_force(connection: &Connection, finding: FindingId) -> Result<Option<DecisionRow>> {
    let sql =
        format!("SELECT {DECIDED_COLUMNS} FROM decisions AS decided WHERE decided.finding = ?1 AND ended_at IS NULL");
    Ok(connection.prepare_cached(&sql)?.query_row([finding.0], |row| decision_row(row.into())).optional()?.flatten())
}

/// Ends what is in force on a finding.
fn end(connection: &Connection, finding: i64, how: DecisionEnd, by: Option<&str>, at: Timestamp) -> Result<()> {
    let sql = "UPDATE decisions SET ended_at = ?2, ended = ?3, ended_by = ?4 WHERE finding = ?1 AND ended_at IS NULL";
    connection.prepare_cached(sql)?.execute(params![finding, at.as_micros(), how.as_str(), by])?;
    Ok(())
}

/// Row and instance of a finding.
fn place(connection: &Connection, finding: i64) -> Result<Option<(i64, i64)>> {
    let mut statement = connection.prepare_cached("SELECT id, instance_id FROM findings WHERE public_id = ?1")?;
    Ok(statement.query_row([finding], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

impl FindingStore {
    /// Ids of all findings of a filter, in their order, whatever its page.
    pub(crate) fn matching(&self, filter: &Filter) -> Result<Vec<FindingId>> {
        let resolved = self.resolved(filter)?;
        let from = of_rows(&resolved, filter);
        let mut statement = self.connection.prepare(&format!("SELECT public_id {from} ORDER BY public_id"))?;
        let parameters: Vec<&dyn ToSql> = resolved.covered.parameters().chain(resolved.rest.parameters()).collect();
        let rows = statement.query_map(parameters.as_slice(), |row| row.get(0).map(FindingId))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The most urgent of these findings.
    pub(crate) fn most_urgent(&self, findings: &[FindingId], limit: u32) -> Result<Vec<FindingRow>> {
        let ids: Vec<i64> = findings.iter().map(|it| it.0).collect();
        let mut statement = self.connection.prepare_cached(
            "SELECT public_id FROM findings WHERE public_id IN (SELECT value FROM json_each(?1)) \
             ORDER BY priority DESC, severity DESC, public_id LIMIT ?2",
        )?;
        let ids = statement.query_map(params![serde_json::json!(ids).to_string(), limit], |row| row.get(0))?;
        self.rows(ids.collect::<rusqlite::Result<Vec<i64>>>()?, false)
    }

    /// Of these, those on which something else is in force than this decision, and
    /// those where it waits for a person to decide again. One on the issue is one on each
    /// of its findings.
    pub(crate) fn undecided(&self, on: &[DecidedOn], entry: &TriageEntry) -> Result<Vec<DecidedOn>> {
        let mut held = self.connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM decisions JOIN write_backs ON decision_id = decisions.id \
             WHERE decisions.finding = ?1 AND ended_at IS NULL AND state = 'held')",
        )?;
        let mut other = Vec::new();
        for it in on {
            let same = in_force(&self.connection, it.finding)?
                .is_some_and(|known| known.entry == *entry && (it.issue.is_none() || known.issue == it.issue));
            if !same || held.query_row([it.finding.0], |row| row.get(0))? {
                other.push(*it);
            }
        }
        Ok(other)
    }

    /// Of these, those on which a decision is in force, with its row id.
    pub(crate) fn decided(&self, findings: &[FindingId]) -> Result<Vec<(FindingId, i64)>> {
        let sql = "SELECT id FROM decisions WHERE finding = ?1 AND ended_at IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut decided = Vec::new();
        for finding in findings {
            let found = statement.query_row([finding.0], |row| row.get(0)).optional()?;
            decided.extend(found.map(|decision| (*finding, decision)));
        }
        Ok(decided)
    }

    /// Decides on findings, some at a time, and returns on how many. What is
    /// derived from them follows with the next refresh.
    pub(crate) fn decide(
        &mut self,
        on: &[DecidedOn],
        entry: &TriageEntry,
        author: &str,
        now: Timestamp,
    ) -> Result<u64> {
        let mut decided = 0;
        let labels = json("labels", &entry.labels)?;
        for batch in on.chunks(BATCH) {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for it in batch {
                let Some((row, instance_id)) = place(&transaction, it.finding.0)? else { continue };
                end(&transaction, it.finding.0, DecisionEnd::Replaced, Some(author), now)?;
                transaction
                    .prepare_cached(
                        "INSERT INTO decisions (instance_id, finding, decision, reason, comment, author, decided_at, until, \
                         assignee, labels, issue) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                    )?
                    .execute(params![
                        instance_id,
                        it.finding.0,
                        entry.decision.as_str(),
                        entry.reason,
                        entry.comment,
                        author,
                        now.as_micros(),
                        entry.until.map(Timestamp::as_micros),
                        entry.assignee,
                        labels,
                        it.issue.map(|issue| issue.0),
                    ])?;
                elect_primary(&transaction, &self.decoder, row, now, |_| None)?;
                decided += 1;
            }
            transaction.commit()?;
        }
        Ok(decided)
    }

    /// Takes back decisions, by row id, some at a time, and returns how many were in
    /// force. One that somebody has made in their place meanwhile stays.
    pub(crate) fn clear_decisions(&mut self, decisions: &[i64], author: &str, now: Timestamp) -> Result<u64> {
        let mut cleared = 0;
        for batch in decisions.chunks(BATCH) {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for decision in batch {
                let sql = "SELECT finding FROM decisions WHERE id = ?1 AND ended_at IS NULL";
                let finding = transaction.prepare_cached(sql)?.query_row([decision], |row| row.get(0)).optional()?;
                let Some(finding) = finding else { continue };
                end(&transaction, finding, DecisionEnd::Cleared, Some(author), now)?;
                cleared += 1;
                if let Some((row, _)) = place(&transaction, finding)? {
                    elect_primary(&transaction, &self.decoder, row, now, |_| None)?;
                }
            }
            transaction.commit()?;
        }
        Ok(cleared)
    }

    /// Whether the end of a decision has come and it is still in force.
    pub(crate) fn decisions_end(&self, now: Timestamp) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM decisions INDEXED BY decisions_with_end \
                   WHERE ended_at IS NULL AND until IS NOT NULL AND until <= ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([now.as_micros()], |row| row.get(0))?)
    }

    /// Ends the decisions whose end date has come, each at that moment.
    pub(super) fn end_due_decisions(&mut self, now: Timestamp) -> Result<()> {
        while self.decisions_end(now)? {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut due = transaction.prepare_cached(
                    "SELECT finding, until FROM decisions INDEXED BY decisions_with_end \
                     WHERE ended_at IS NULL AND until IS NOT NULL AND until <= ?1 ORDER BY until LIMIT ?2",
                )?;
                let due =
                    due.query_map(params![now.as_micros(), BATCH as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
                for (finding, until) in due.collect::<rusqlite::Result<Vec<(i64, i64)>>>()? {
                    let until = Timestamp::from_micros(until);
                    end(&transaction, finding, DecisionEnd::Expired, None, until)?;
                    if let Some((row, _)) = place(&transaction, finding)? {
                        elect_primary(&transaction, &self.decoder, row, until, |_| None)?;
                    }
                }
            }
            transaction.commit()?;
        }
        Ok(())
    }

    /// Everything that was ever decided about a finding, newest first.
    pub(super) fn decisions_of(&self, finding: FindingId) -> Result<Vec<DecisionRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {DECIDED_COLUMNS} FROM decisions AS decided WHERE decided.finding = ?1 \
             ORDER BY decided.decided_at DESC, decided.id DESC"
        ))?;
        let rows = statement.query_map([finding.0], |row| decision_row(row.into()))?;
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Decisions of a filter, newest first, and how many there are in all.
    pub(crate) fn decisions(&self, filter: &DecisionList) -> Result<(Vec<DecidedFinding>, u64)> {
        const TABLES: &str = "FROM decisions AS decided JOIN findings ON findings.public_id = decided.finding \
                              JOIN instances ON instances.id = findings.instance_id \
                              JOIN projects ON projects.id = findings.project_id";
        let mut conditions = filter.with.conditions();
        if !filter.with_ended {
            conditions.push("decided.ended_at IS NULL");
        }
        conditions.one("decided.author = ?", filter.author.clone());
        conditions.one("decided.instance_id = ?", filter.instance_id);
        conditions.part("projects.name", filter.project.as_ref());
        let mut parameters: Vec<&dyn ToSql> = conditions.parameters().collect();
        let clause = conditions.clause();
        let count = format!("SELECT count(*) {TABLES}{clause}");
        let total = self.connection.query_row(&count, parameters.as_slice(), |row| row.get(0))?;
        parameters.extend([&filter.limit as &dyn ToSql, &filter.offset]);
        let mut statement = self.connection.prepare(&format!(
            "SELECT {DECIDED_COLUMNS}, findings.public_id AS finding, instances.name AS instance, \
             projects.name AS project, findings.kind AS kind, findings.severity AS severity, \
             findings.status AS status, title, rule_id, path, start_line {TABLES}{clause} ORDER BY decided.decided_at DESC, decided.id DESC \
             LIMIT ? OFFSET ?"
        ))?;
        let rows = statement.query_map(parameters.as_slice(), |row| {
            let Some(decision) = decision_row(row.into())? else { return Ok(None) };
            Ok(Some(DecidedFinding {
                finding: FindingId(row.get("finding")?),
                row: decision,
                instance: row.get("instance")?,
                project: row.get("project")?,
                kind: row.get("kind")?,
                severity: severity(row.get("severity")?),
                status: row.get("status")?,
                title: row.get("title")?,
                rule_id: row.get("rule_id")?,
                path: row.get("path")?,
                start_line: row.get("start_line")?,
            }))
        })?;
        Ok((rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect(), total))
    }
}

#[cfg(test)]
mod tests;
