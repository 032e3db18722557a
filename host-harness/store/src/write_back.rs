//! Which decisions are still to go back to the vendor, and what became of those
//! that did.

use appsec_analysis::triage::TriageDecision;
use appsec_model::{Decision, Kind, Timestamp, Triage};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

use crate::{database::FindingStore, error::Result, ids::FindingId};

words! {
    /// Whether decisions go back to the vendor.
    WriteBackMode {
        /// Nothing is written.
        Off = "off",
        /// They do. Where somebody has decided otherwise at the vendor since, that
        /// stands, and the decision here is taken back.
        On = "on",
        /// They do. Where somebody has decided otherwise at the vendor since, both
        /// stay until a person decides again.
        Hold = "hold",
    }
}

words! {
    /// What became of a decision that was to go back.
    WriteBackState {
        /// The vendor has it.
        Written = "written",
        /// The vendor had it already: the same state for the same reason.
        AlreadyThere = "already-there",
        /// The vendor does not take it.
        Refused = "refused",
        /// The vendor's later decision stands.
        Overruled = "overruled",
        /// The vendor has a later decision, and a person has to choose.
        Held = "held",
    }
}

impl WriteBackState {
    /// Whether the vendor has the decision: nobody has to look at it.
    pub const fn is_well(self) -> bool {
        matches!(self, Self::Written | Self::AlreadyThere)
    }

    /// Whether somebody has decided otherwise at the vendor since.
    pub const fn is_conflict(self) -> bool {
        matches!(self, Self::Overruled | Self::Held)
    }
}

/// A decision that is still to go back.
#[derive(Clone, Debug)]
pub struct PendingDecision {
    /// The finding.
    pub finding: FindingId,
    /// Its kind.
    pub kind: Kind,
    /// Row id of the decision.
    pub decision_id: i64,
    /// What is to be written.
    pub decision: Decision,
    /// Why, as it is to be shown at the vendor.
    pub comment: Option<String>,
    /// Since when it is so here.
    pub since: Timestamp,
    /// The vendor's ids of what is there of the finding, in the API.
    pub ids: Vec<String>,
    /// How many of them are on another branch than the finding's leading one.
    pub on_other_branches: u64,
    /// What people have decided at the vendor, when and for which reason, as far
    /// as the last sync knows.
    pub at_vendor: Triage,
    /// What was last written on it at the vendor from here, and when that was noted.
    pub ours: Option<(Decision, Timestamp)>,
    /// What became of it when it was last handed on.
    pub done: Option<WriteBackState>,
}

/// What became of a decision.
#[derive(Clone, Debug)]
pub struct WriteBackNote {
    /// The finding.
    pub finding: FindingId,
    /// Row id of the decision.
    pub decision_id: i64,
    /// What was to be written.
    pub decision: Decision,
    /// What became of it.
    pub state: WriteBackState,
    /// Why, where it was not written.
    pub detail: Option<String>,
}

/// An entry of the log.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct WriteBackRow {
    /// The finding.
    pub finding: FindingId,
    /// What was to be written.
    pub decision: String,
    /// What became of it.
    pub state: WriteBackState,
    /// Why, where it was not written.
    pub detail: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Decisions in force but those that the vendor refused: of what was handed on, somebody
/// may have decided otherwise there since. And those that were handed on and ended with
/// nothing in their place. What the vendor refused since, or had already, has changed
/// nothing there.
const PENDING: &str = "SELECT decided.id AS decision_id, findings.id AS row, findings.public_id, findings.project_id, \
     findings.kind, decided.decision, decided.reason, decided.comment, decided.decided_at AS since, \
     done.state AS done FROM decisions AS decided JOIN findings ON findings.public_id = decided.finding \
     LEFT JOIN write_backs AS done ON done.decision_id = decided.id \
     WHERE decided.instance_id = ?1 AND decided.ended_at IS NULL AND done.state IS NOT 'refused' \
     UNION ALL \
     SELECT decided.id, findings.id, findings.public_id, findings.project_id, findings.kind, 'reopened', NULL, NULL, \
     (SELECT max(ended_at) FROM decisions AS ended WHERE ended.finding = decided.finding), NULL \
     FROM write_backs AS done JOIN decisions AS decided ON decided.id = done.decision_id \
     JOIN findings ON findings.public_id = decided.finding \
     WHERE done.instance_id = ?1 AND done.state = 'written' AND done.decision <> 'reopened' \
     AND decided.ended_at IS NOT NULL \
     AND NOT EXISTS (SELECT 1 FROM write_backs AS later WHERE later.finding = done.finding AND later.id > done.id \
     AND (later.state NOT IN ('refused', 'already-there') OR later.decision = 'reopened')) \
     AND NOT EXISTS (SELECT 1 FROM decisions AS now WHERE now.finding = decided.finding AND now.ended_at IS NULL) \
     ORDER BY public_id";

/// What an API has of a finding.
const OCCURRENCES: &str = "SELECT records.id FROM records WHERE records.project_id = ?1 AND finding_id = ?2 \
                           AND origin = '' AND vanished_at IS NULL \
                           ORDER BY records.id <> (SELECT occurrence_id FROM findings WHERE id = ?2), records.id";

fn decision(word: &str) -> Option<Decision> {
    if word == Decision::Reopened.as_str() {
        return Some(Decision::Reopened);
    }
    Some(match word.parse().ok()? {
        TriageDecision::Reviewing => Decision::Reviewing,
        TriageDecision::Fixing => Decision::Fixing,
        TriageDecision::AcceptedRisk => Decision::AcceptedRisk,
        TriageDecision::FalsePositive => Decision::FalsePositive,
        TriageDecision::WontFix => Decision::WontFix,
        TriageDecision::Duplicate => Decision::Duplicate,
    })
}

/// Reason and comment as one text.
fn comment(reason: Option<String>, comment: Option<String>) -> Option<String> {
    match (reason, comment) {
        (Some(reason), Some(comment)) => Some(format!("{reason}\n{comment}")),
        (reason, comment) => reason.or(comment),
    }
}

/// What the vendor's API has of a finding.
struct AtVendor {
    ids: Vec<String>,
    on_other_branches: u64,
    triage: Triage,
}

impl FindingStore {
    /// Whether decisions on findings of an instance go back to its vendor.
    pub(crate) fn write_back(&self, instance_id: i64) -> Result<WriteBackMode> {
        let sql = "SELECT write_back FROM instances WHERE id = ?1";
        let word: String = self.connection.query_row(sql, [instance_id], |row| row.get(0))?;
        Ok(WriteBackMode::named(&word).unwrap_or(WriteBackMode::Off))
    }

    /// Says whether they do.
    pub(crate) fn set_write_back(&mut self, instance_id: i64, mode: WriteBackMode) -> Result<()> {
        let sql = "UPDATE instances SET write_back = ?2 WHERE id = ?1";
        self.connection.execute(sql, params![instance_id, mode.as_str()])?;
        Ok(())
    }

    /// Decisions of an instance that are still to go back, and those that went and
    /// may meet another one there, by finding. What the API does not have is not among
    /// them.
    pub(crate) fn pending_decisions(&self, instance_id: i64) -> Result<Vec<PendingDecision>> {
        let mut statement = self.connection.prepare_cached(PENDING)?;
        let mut rows = statement.query([instance_id])?;
        let mut pending = Vec::new();
        while let Some(row) = rows.next()? {
            pending.extend(self.pending_decision(row)?);
        }
        Ok(pending)
    }

    fn pending_decision(&self, row: &Row<'_>) -> Result<Option<PendingDecision>> {
        // What this program does not know is none of its decisions.
        let Some(decision) = decision(&row.get::<_, String>("decision")?) else { return Ok(None) };
        let found = self.at_vendor(row.get("project_id")?, row.get("row")?)?;
        let Some(AtVendor { ids, on_other_branches, triage }) = found else { return Ok(None) };
        let public_id = row.get("public_id")?;
        Ok(Some(PendingDecision {
            finding: FindingId(public_id),
            kind: Kind::from(row.get::<_, String>("kind")?),
            decision_id: row.get("decision_id")?,
            decision,
            comment: comment(row.get("reason")?, row.get("comment")?),
            since: Timestamp::from_micros(row.get("since")?),
            ids,
            on_other_branches,
            at_vendor: triage,
            ours: self.last_written(public_id)?,
            done: row.get::<_, Option<String>>("done")?.as_deref().and_then(WriteBackState::named),
        }))
    }

    /// The vendor's ids of what its API has of a finding, and what was decided
    /// about it there: by the leading occurrence.
    fn at_vendor(&self, project_id: i64, finding_row: i64) -> Result<Option<AtVendor>> {
        let mut statement = self.connection.prepare_cached(OCCURRENCES)?;
        let records = statement.query_map([project_id, finding_row], |row| row.get(0))?;
        let mut found: Option<(Option<String>, AtVendor)> = None;
        for record in records.collect::<rusqlite::Result<Vec<i64>>>()? {
            let Some(content) = self.decoder.content(&self.connection, record)? else { continue };
            let finding = content.finding()?;
            match &mut found {
                None => {
                    let (ids, triage) = (vec![finding.id], finding.lifecycle.triage);
                    found = Some((finding.r#ref, AtVendor { ids, on_other_branches: 0, triage }));
                }
                Some((leading, at_vendor)) => {
                    at_vendor.on_other_branches += u64::from(*leading != finding.r#ref);
                    at_vendor.ids.push(finding.id);
                }
            }
        }
        Ok(found.map(|(_, at_vendor)| at_vendor))
    }

    /// What the vendor last took about a finding, and when.
    fn last_written(&self, finding: i64) -> Result<Option<(Decision, Timestamp)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT decision, at FROM write_backs WHERE finding = ?1 AND state = 'written' ORDER BY at DESC, id DESC",
        )?;
        let found: Option<(String, i64)> =
            statement.query_row([finding], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        Ok(found.and_then(|(word, at)| Some((decision(&word)?, Timestamp::from_micros(at)))))
    }

    /// Notes what became of decisions.
    pub(crate) fn note_write_backs(&mut self, instance_id: i64, notes: &[WriteBackNote], now: Timestamp) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for note in notes {
            note_write_back(&transaction, instance_id, note, now)?;
        }
        Ok(transaction.commit()?)
    }

    /// The log of an instance, newest first.
    pub(crate) fn write_backs(&self, instance_id: i64, limit: u32) -> Result<Vec<WriteBackRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT finding, decision, state, detail, at FROM write_backs WHERE instance_id = ?1 \
             ORDER BY id DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![instance_id, limit], |row| {
            Ok(WriteBackRow {
                finding: FindingId(row.get(0)?),
                decision: row.get(1)?,
                state: WriteBackState::named(&row.get::<_, String>(2)?).unwrap_or(WriteBackState::Refused),
                detail: row.get(3)?,
                at: Timestamp::from_micros(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn note_write_back(connection: &Connection, instance_id: i64, note: &WriteBackNote, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO write_backs (instance_id, finding, decision_id, decision, state, detail, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT DO UPDATE SET state = excluded.state, detail = excluded.detail, at = excluded.at",
        )?
        .execute(params![
            instance_id,
            note.finding.0,
            note.decision_id,
            note.decision.as_str(),
            note.state.as_str(),
            note.detail,
            now.as_micros(),
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use appsec_analysis::triage::{TriageDecision, TriageEntry};
    use appsec_model::Decision;
    use serde_json::json;

    use super::{WriteBackNote, WriteBackState};
    use crate::{
        decisions::DecidedOn,
        fixture::{TestContext, at},
    };

    #[test]
    fn what_was_refused_keeps_nothing_from_being_opened_again() {
        let context = TestContext::with_project();
        let seen = |key: &str, now| _ = context.findings(&[json!({ "id": "1", "key": key })], now);
        let finding = || context.all()[0].row.id;
        let decide = |decision, now| {
            let on = [DecidedOn { finding: finding(), issue: None }];
            context.store.with(|store| store.decide(&on, &TriageEntry::new(decision), "ada", at(now))).unwrap();
        };
        let pending = || context.store.with(|store| store.pending_decisions(context.instance_id)).unwrap();
        let note = |state, now| {
            let [it] = pending().try_into().unwrap();
            let (finding, decision_id, decision) = (it.finding, it.decision_id, it.decision);
            let note = WriteBackNote { finding, decision_id, decision, state, detail: None };
            context.store.with(|store| store.note_write_backs(context.instance_id, &[note], at(now))).unwrap();
        };
        seen("a", 5);
        decide(TriageDecision::AcceptedRisk, 6);
        assert_eq!(pending()[0].ours, None);
        note(WriteBackState::Written, 7);
        assert_eq!(pending()[0].done, Some(WriteBackState::Written));
        decide(TriageDecision::Duplicate, 8);
        note(WriteBackState::Refused, 9);
        assert!(pending().is_empty());
        let id = finding();
        let decided = context.store.with(|store| store.decided(&[id])).unwrap();
        context.store.with(|store| store.clear_decisions(&[decided[0].1], "ada", at(10))).unwrap();
        // Whatever the finding is called by then.
        seen("b", 11);
        let [it] = pending().try_into().unwrap();
        assert_eq!(
            (it.decision, it.since, it.ours),
            (Decision::Reopened, at(10), Some((Decision::AcceptedRisk, at(7))))
        );
        note(WriteBackState::Refused, 12);
        assert!(pending().is_empty(), "it is not asked for again and again");
        // The same decision once more is one, where the first waits for a person.
        let entry = TriageEntry::new(TriageDecision::AcceptedRisk);
        let on = [DecidedOn { finding: finding(), issue: None }];
        let undecided = || context.store.with(|store| store.undecided(&on, &entry)).unwrap().len();
        decide(TriageDecision::AcceptedRisk, 13);
        assert_eq!(undecided(), 0);
        note(WriteBackState::Held, 14);
        assert_eq!((undecided(), pending()[0].done), (1, Some(WriteBackState::Held)));
    }

    #[test]
    fn what_the_vendor_had_already_is_opened_only_if_it_was_written_from_here() {
        for written_before in [false, true] {
            let context = TestContext::with_project();
            context.findings(&[json!({ "id": "1", "key": "a" })], 5);
            let finding = context.all()[0].row.id;
            let decide = |decision, now| {
                let on = [DecidedOn { finding, issue: None }];
                context.store.with(|store| store.decide(&on, &TriageEntry::new(decision), "ada", at(now))).unwrap();
            };
            let pending = || context.store.with(|store| store.pending_decisions(context.instance_id)).unwrap();
            let note = |state, now| {
                let [it] = pending().try_into().unwrap();
                let (finding, decision_id, decision) = (it.finding, it.decision_id, it.decision);
                let note = WriteBackNote { finding, decision_id, decision, state, detail: None };
                context.store.with(|store| store.note_write_backs(context.instance_id, &[note], at(now))).unwrap();
            };
            if written_before {
                decide(TriageDecision::AcceptedRisk, 6);
                note(WriteBackState::Written, 7);
            }
            decide(TriageDecision::Duplicate, 8);
            note(WriteBackState::AlreadyThere, 9);
            assert_eq!(pending()[0].done, Some(WriteBackState::AlreadyThere));
            let decided = context.store.with(|store| store.decided(&[finding])).unwrap();
            context.store.with(|store| store.clear_decisions(&[decided[0].1], "ada", at(10))).unwrap();
            let reopened: Vec<_> = pending().iter().map(|it| it.decision).collect();
            assert_eq!(reopened, if written_before { vec![Decision::Reopened] } else { vec![] });
        }
    }
}
