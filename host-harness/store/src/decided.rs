//! The decision in force on a finding, and what status it gives: for whoever
//! writes and shows findings.

use appsec_analysis::triage::{TriageDecision, TriageEntry, effective};
use appsec_model::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use serde::Serialize;

use crate::{
    columns::{InOrder, document},
    error::Result,
    ids::IssueId,
};

words! {
    /// How a decision ended.
    DecisionEnd {
        /// Another one took its place.
        Replaced = "replaced",
        /// Somebody took it back.
        Cleared = "cleared",
        /// Its end date came.
        Expired = "expired",
    }
}

/// A decision about a finding.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct DecisionRow {
    /// What was decided.
    #[serde(flatten)]
    pub entry: TriageEntry,
    /// Who decided it.
    pub author: String,
    /// When.
    pub decided_at: Timestamp,
    /// The issue that it was made on; none where it was made on the finding.
    pub issue: Option<IssueId>,
    /// When it ended; none while it is in force.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub ended: Option<DecisionEnd>,
    /// Who ended it; none where its end date came.
    pub ended_by: Option<String>,
}

impl DecisionRow {
    /// A status with the decision, where that says more.
    pub fn status_shown(&self, status: &str) -> Option<String> {
        let decision = self.entry.decision;
        (decision.closes() && decision.status() == status).then(|| format!("{status} ({decision})"))
    }
}

/// Columns of a decision, of the table as `decided`, in the order of [`decision_row`].
pub(crate) const DECIDED_COLUMNS: &str = "decided.decision, decided.reason, decided.comment, decided.until, \
     decided.assignee, decided.labels, decided.author, decided.decided_at, decided.issue, decided.ended_at, \
     decided.ended, decided.ended_by";

/// Joins the decision in force to `findings`.
pub(crate) const DECIDED: &str =
    "LEFT JOIN decisions AS decided ON decided.finding = findings.public_id AND decided.ended_at IS NULL";

/// The decision of a row of which [`DECIDED_COLUMNS`] are next; none where it has none.
pub(crate) fn decision_row(mut columns: InOrder<'_, '_>) -> rusqlite::Result<Option<DecisionRow>> {
    let Some(word) = columns.take::<Option<String>>()? else { return Ok(None) };
    // What this program does not know is none of its decisions.
    let Ok(decision) = word.parse() else { return Ok(None) };
    Ok(Some(DecisionRow {
        entry: TriageEntry {
            decision,
            reason: columns.take()?,
            comment: columns.take()?,
            until: columns.take::<Option<i64>>()?.map(Timestamp::from_micros),
            assignee: columns.take()?,
            labels: document("labels", &columns.take::<String>()?).unwrap_or_default(),
        },
        author: columns.take()?,
        decided_at: Timestamp::from_micros(columns.take()?),
        issue: columns.take::<Option<i64>>()?.map(IssueId),
        ended_at: columns.take::<Option<i64>>()?.map(Timestamp::from_micros),
        ended: columns.take::<Option<String>>()?.and_then(|word| DecisionEnd::named(&word)),
        ended_by: columns.take()?,
    }))
}

/// The status of a finding by what its source says and what is decided about it.
pub(crate) fn status<'a>(source: &'a str, decision: Option<&str>, until: Option<i64>, now: Timestamp) -> &'a str {
    let decision = decision.and_then(|word| word.parse::<TriageDecision>().ok());
    effective(source, decision.map(|it| (it, until.map(Timestamp::from_micros))), now)
}

/// Decisions in force on findings that have no row yet, for whoever writes one.
pub(crate) struct Decided<'a>(Option<CachedStatement<'a>>);

impl<'a> Decided<'a> {
    /// Of an instance. Most have none: then nobody looks.
    pub fn new(connection: &'a Connection, instance_id: i64) -> Result<Self> {
        let sql = "SELECT EXISTS (SELECT 1 FROM decisions WHERE instance_id = ?1)";
        let any: bool = connection.prepare_cached(sql)?.query_row([instance_id], |row| row.get(0))?;
        let sql = "SELECT decision, until FROM decisions WHERE finding = ?1 AND ended_at IS NULL";
        Ok(Self(any.then(|| connection.prepare_cached(sql)).transpose()?))
    }

    /// The status of a finding by what its source says.
    pub fn status<'s>(&mut self, public_id: i64, source: &'s str, now: Timestamp) -> Result<&'s str> {
        let Some(statement) = &mut self.0 else { return Ok(source) };
        let found: Option<(String, Option<i64>)> =
            statement.query_row([public_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        Ok(found.map_or(source, |(decision, until)| status(source, Some(&decision), until, now)))
    }
}

/// Gives the decisions of a finding of which no record is left to the one that
/// its record became. Where that one has its own, this counts.
pub(crate) fn follow(connection: &Connection, from: i64, to: i64, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE decisions SET ended_at = ?3, ended = 'replaced' WHERE finding = ?1 AND ended_at IS NULL \
             AND EXISTS (SELECT 1 FROM decisions AS own WHERE own.finding = ?2 AND own.ended_at IS NULL)",
        )?
        .execute(params![from, to, now.as_micros()])?;
    // What of them went back to the vendor goes along.
    for sql in [
        "UPDATE decisions SET finding = ?2 WHERE finding = ?1",
        "UPDATE write_backs SET finding = ?2 WHERE finding = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([from, to])?;
    }
    Ok(())
}
