//! Decisions that go back to the vendor: only for an instance whose operator has
//! switched it on, each once, and never over a later decision of the vendor's.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use appsec_model::{
    Decision, DecisionBatch, DecisionOutcome, DecisionReport, Error as ContractError, Manifest, Triage, TriageState,
    WriteBack,
};
use serde::Serialize;

use super::{Tenant, session::require_accepted};
use crate::error::Error;
use appsec_analysis::TriageDecision;
use appsec_exports::text::{line, short};
use appsec_grant::InstanceName;
use appsec_ingest::{Caller, InstanceSync, Progress, SyncOptions};
use appsec_sandbox::CallFailure;
use appsec_store::{FindingId, Instance, PendingDecision, WriteBackMode, WriteBackNote, WriteBackRow, WriteBackState};

/// Decisions that a report names one by one.
const NAMED: usize = 100;

/// Findings that are written in one request where the vendor takes more: what has
/// been written is noted after each.
const BATCH: usize = 500;

/// Signs of a vendor's reason that are kept.
const REASON_SIGNS: usize = 500;

/// How far the clock of a vendor may be before ours, so that what was written from
/// here still counts as that.
const CLOCK_DIFFERENCE: i64 = 10 * 60 * 1_000_000;

/// What `triage push` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct WriteBackReport {
    /// Name of the instance.
    pub instance: String,
    /// Whether it was only to show what would be written.
    pub dry_run: bool,
    /// Whether decisions go back, and what becomes of conflicts.
    pub mode: WriteBackMode,
    /// What the vendor changes besides, in words; empty where nothing.
    pub effect: String,
    /// Decisions that were written, or would be.
    pub written: u64,
    /// Records of the vendor on other branches that are written with them, as of
    /// the last sync.
    pub on_other_branches: u64,
    /// Decisions that the vendor had already: nothing is sent.
    pub already_there: u64,
    /// Those that it does not take.
    pub refused: u64,
    /// Those that a later decision of the vendor's stands against.
    pub overruled: u64,
    /// Those of which a person has to choose.
    pub held: u64,
    /// Records of the vendor that it changed with them; none of a dry run.
    pub also_changed: u64,
    /// The first decisions, with what became of each.
    pub decisions: Vec<WriteBackEntry>,
}

/// What became of a decision, or would.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct WriteBackEntry {
    /// The finding.
    pub finding: FindingId,
    /// What is written.
    pub decision: Decision,
    /// Records of the vendor that it is written on.
    pub records: u64,
    /// What became of it.
    pub state: WriteBackState,
    /// Why, where it is not written.
    pub detail: Option<String>,
}

/// What `triage push --log` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct WriteBackLog {
    /// Name of the instance.
    pub instance: String,
    /// What became of decisions, newest first.
    pub entries: Vec<WriteBackRow>,
}

impl Tenant {
    /// Whether decisions go back to the vendor of an instance.
    pub async fn write_back(&self, name: &InstanceName) -> Result<WriteBackMode, Error> {
        let id = self.instance(name).await?.id;
        Ok(self.store.read(move |store| store.write_back(id)).await?)
    }

    /// Says whether decisions go back to the vendor of an instance. Its connector
    /// must be one that can.
    pub async fn set_write_back(&self, name: &InstanceName, mode: WriteBackMode) -> Result<(), Error> {
        let instance = self.instance(name).await?;
        if mode != WriteBackMode::Off {
            taken(&self.loaded(&instance).await?.manifest)?;
        }
        Ok(self.store.run(move |store| store.set_write_back(instance.id, mode)).await?)
    }

    /// What became of decisions of an instance, newest first.
    pub async fn write_back_log(&self, name: &InstanceName, limit: u32) -> Result<WriteBackLog, Error> {
        let id = self.instance(name).await?.id;
        let entries = self.store.read(move |store| store.write_backs(id, limit)).await?;
        Ok(WriteBackLog { instance: name.to_string(), entries })
    }

    /// Hands decisions on to the vendor of an instance that are not there yet, or
    /// shows what that would write. What fails is tried again like a sync, and
    /// what was written until then is noted.
    pub async fn push_decisions(
        &self,
        name: &InstanceName,
        dry_run: bool,
        progress: Progress,
    ) -> Result<WriteBackReport, Error> {
        self.run_on(name, "write back", async |instance| {
            require_accepted(&instance)?;
            // The plan asks the vendor nothing.
            if instance.paused.is_some() && !dry_run {
                return Err(Error::Paused(name.clone()));
            }
            let loaded = self.loaded(&instance).await?;
            let taken = taken(&loaded.manifest)?.clone();
            let id = instance.id;
            let mode = self.store.read(move |store| store.write_back(id)).await?;
            if mode == WriteBackMode::Off && !dry_run {
                return Err(Error::WriteBackOff(name.clone()));
            }
            self.catch_up().await?;
            let pending = self.store.read(move |store| store.pending_decisions(id)).await?;
            let plan = Plan::of(pending, &taken, mode);
            let mut report = WriteBackReport {
                instance: name.to_string(),
                dry_run,
                mode,
                effect: taken.effect.clone(),
                written: 0,
                on_other_branches: 0,
                already_there: 0,
                refused: 0,
                overruled: 0,
                held: 0,
                also_changed: 0,
                decisions: Vec::new(),
            };
            if dry_run {
                let planned = plan.batches.into_iter().flat_map(|batch| batch.of).map(Settled::written);
                plan.settled.into_iter().chain(planned).for_each(|settled| report.add(&settled));
                return Ok(report);
            }
            self.note_settled(&instance, &mut report, plan.settled).await?;
            if plan.batches.is_empty() {
                return Ok(report);
            }
            let secrets = self.secrets(&instance, None)?;
            let options = SyncOptions::default();
            let sync = Arc::new(self.sync_of(&loaded, instance.clone(), secrets, progress, &options)?);
            let caller = Caller::new(sync.clone());
            for batch in plan.batches {
                // Somebody may have switched it off meanwhile.
                if self.store.read(move |store| store.write_back(id)).await? == WriteBackMode::Off {
                    return Err(Error::WriteBackOff(name.clone()));
                }
                let told = write(&sync, &caller, &batch).await?;
                report.also_changed += told.also_changed.len() as u64;
                self.note_settled(&instance, &mut report, batch.settled(&told)).await?;
            }
            Ok(report)
        })
        .await
    }

    /// Notes what became of decisions; one that the vendor's stands against is
    /// taken back.
    async fn note_settled(
        &self,
        instance: &Instance,
        report: &mut WriteBackReport,
        settled: Vec<Settled>,
    ) -> Result<(), Error> {
        settled.iter().for_each(|it| report.add(it));
        let notes: Vec<WriteBackNote> = settled.iter().map(Settled::note).collect();
        let is_overruled =
            |it: &&Settled| it.state == WriteBackState::Overruled && it.pending.decision != Decision::Reopened;
        let overruled: Vec<i64> = settled.iter().filter(is_overruled).map(|it| it.pending.decision_id).collect();
        let (id, now) = (instance.id, self.now());
        let noted = self.store.run(move |store| {
            store.note_write_backs(id, &notes, now)?;
            store.clear_decisions(&overruled, VENDOR, now)
        });
        noted.await?;
        Ok(())
    }
}

/// Who takes a decision back that the vendor's later one stands against.
const VENDOR: &str = "vendor";

/// What the connector takes.
fn taken(manifest: &Manifest) -> Result<&WriteBack, Error> {
    manifest.write_back.as_ref().ok_or_else(|| Error::NoWriteBack(manifest.id.clone()))
}

async fn write(sync: &Arc<InstanceSync>, caller: &Caller, batch: &Batch) -> Result<DecisionReport, Error> {
    let asked = &batch.asked;
    let call = caller.call(async || sync.connector.write_decisions(&sync.grant, asked.clone()).await).await;
    let told = call?.0.value;
    if told.outcomes.len() != asked.ids.len() {
        let what = format!("{} outcomes for {} decisions", told.outcomes.len(), asked.ids.len());
        let failure = CallFailure::Contract(ContractError::internal(what));
        return Err(appsec_ingest::Error::call(&sync.grant.instance_path, "write-decisions", failure).into());
    }
    Ok(told)
}

/// A decision, and what becomes of it.
struct Settled {
    pending: PendingDecision,
    state: WriteBackState,
    detail: Option<String>,
}

impl Settled {
    fn written(pending: PendingDecision) -> Self {
        Self { pending, state: WriteBackState::Written, detail: None }
    }

    fn note(&self) -> WriteBackNote {
        WriteBackNote {
            finding: self.pending.finding,
            decision_id: self.pending.decision_id,
            decision: self.pending.decision,
            state: self.state,
            detail: self.detail.clone(),
        }
    }
}

impl WriteBackReport {
    fn add(&mut self, settled: &Settled) {
        *match settled.state {
            WriteBackState::Written => &mut self.written,
            WriteBackState::AlreadyThere => &mut self.already_there,
            WriteBackState::Refused => &mut self.refused,
            WriteBackState::Overruled => &mut self.overruled,
            WriteBackState::Held => &mut self.held,
        } += 1;
        if settled.state == WriteBackState::Written {
            self.on_other_branches += settled.pending.on_other_branches;
        }
        // What somebody has to look at takes the place of what is as it should be.
        let is_well = |it: &WriteBackEntry| it.state.is_well();
        if self.decisions.len() >= NAMED {
            match self.decisions.iter().rposition(is_well) {
                Some(last) if !settled.state.is_well() => _ = self.decisions.remove(last),
                _ => return,
            }
        }
        self.decisions.push(WriteBackEntry {
            finding: settled.pending.finding,
            decision: settled.pending.decision,
            records: settled.pending.ids.len() as u64,
            state: settled.state,
            detail: settled.detail.clone(),
        });
    }
}

/// What one call writes.
struct Batch {
    asked: DecisionBatch,
    of: Vec<PendingDecision>,
}

impl Batch {
    /// What became of each decision: the vendor has it if it took it for any of
    /// the finding's records.
    fn settled(self, told: &DecisionReport) -> Vec<Settled> {
        let outcomes: HashMap<&str, &DecisionOutcome> =
            self.asked.ids.iter().map(String::as_str).zip(&told.outcomes).collect();
        let settle = |pending: PendingDecision| {
            let mut refusal = None;
            for id in &pending.ids {
                match outcomes.get(id.as_str()) {
                    Some(DecisionOutcome::Written) => return Settled::written(pending),
                    Some(DecisionOutcome::Refused { reason }) => refusal = Some(short(&line(reason), REASON_SIGNS)),
                    None => {}
                }
            }
            Settled { pending, state: WriteBackState::Refused, detail: refusal }
        };
        self.of.into_iter().map(settle).collect()
    }
}

/// What is to be done: what needs no request, and the requests.
struct Plan {
    settled: Vec<Settled>,
    batches: Vec<Batch>,
}

impl Plan {
    fn of(pending: Vec<PendingDecision>, taken: &WriteBack, mode: WriteBackMode) -> Self {
        let mut plan = Self { settled: Vec::new(), batches: Vec::new() };
        let mut groups: BTreeMap<(String, Decision, Option<String>), Vec<PendingDecision>> = BTreeMap::new();
        for it in pending {
            let settled = settled_without(&it, taken, mode);
            // Of what went there already, nothing but another decision since is news.
            let is_news = settled.as_ref().is_some_and(|(state, _)| state.is_conflict());
            if it.done.is_some_and(WriteBackState::is_well) && !is_news {
                continue;
            }
            match settled {
                Some((state, detail)) => plan.settled.push(Settled { pending: it, state, detail }),
                None => {
                    groups.entry((it.kind.to_string(), it.decision, text(&it, taken))).or_default().push(it);
                }
            }
        }
        let most = BATCH.min(taken.batch as usize).max(1);
        for ((kind, decision, comment), group) in groups {
            let batch = || Batch {
                asked: DecisionBatch {
                    kind: kind.as_str().into(),
                    decision,
                    comment: comment.clone(),
                    ids: Vec::new(),
                },
                of: Vec::new(),
            };
            let mut current = batch();
            for it in group {
                if !current.of.is_empty() && current.asked.ids.len() + it.ids.len() > most {
                    plan.batches.push(std::mem::replace(&mut current, batch()));
                }
                current.asked.ids.extend(it.ids.iter().take(most).cloned());
                current.of.push(it);
            }
            plan.batches.push(current);
        }
        plan
    }
}

/// What becomes of a decision without a request.
fn settled_without(
    it: &PendingDecision,
    taken: &WriteBack,
    mode: WriteBackMode,
) -> Option<(WriteBackState, Option<String>)> {
    if !taken.kinds.contains(&it.kind) {
        return Some((WriteBackState::Refused, Some(format!("the vendor takes no decisions about {}", it.kind))));
    }
    if !taken.decisions.contains(&it.decision) {
        let word = it.decision.as_str();
        return Some((WriteBackState::Refused, Some(format!("the vendor has no word for `{word}`"))));
    }
    let theirs = &it.at_vendor;
    if let Some(written) = ours(it) {
        // A text that changed is written anew.
        let is_there = written == it.decision && is_same_text(it, taken);
        return is_there.then_some((WriteBackState::AlreadyThere, None));
    }
    if says(theirs, it.decision) {
        return Some((WriteBackState::AlreadyThere, None));
    }
    // What is taken back is what was written: whoever decided after that stands.
    let since = match (it.decision, it.ours) {
        (Decision::Reopened, Some((_, noted))) => noted.min(it.since),
        _ => it.since,
    };
    if theirs.at.is_none_or(|at| at <= since) {
        return None;
    }
    Some(match mode {
        WriteBackMode::Hold => (WriteBackState::Held, Some(later(theirs))),
        WriteBackMode::On | WriteBackMode::Off => (WriteBackState::Overruled, Some(later(theirs))),
    })
}

/// What was written from here, where the vendor still has it: nobody has decided
/// there since. What the last sync saw may be older than that.
fn ours(it: &PendingDecision) -> Option<Decision> {
    let (written, noted) = it.ours?;
    let theirs = &it.at_vendor;
    let is_until = |until: i64| theirs.at.is_none_or(|at| at.as_micros() <= until);
    // A vendor may keep no reasons.
    let is_said = says(theirs, written) || (theirs.reason.is_none() && says_state(&theirs.state, written));
    let is_ours =
        is_until(noted.as_micros()) || (is_said && is_until(noted.as_micros().saturating_add(CLOCK_DIFFERENCE)));
    is_ours.then_some(written)
}

/// Whether the vendor shows the text that a decision has, as of the last sync.
fn is_same_text(it: &PendingDecision, taken: &WriteBack) -> bool {
    let theirs = it.at_vendor.comment.as_deref().unwrap_or_default();
    says_state(&it.at_vendor.state, it.decision) && text(it, taken).unwrap_or_default().trim() == theirs.trim()
}

/// The text of a decision, as long as the vendor takes it.
fn text(it: &PendingDecision, taken: &WriteBack) -> Option<String> {
    it.comment.as_ref().map(|text| text.chars().take(taken.comment_chars as usize).collect())
}

/// Whether what people decided at the vendor is what a decision says, for the same
/// reason.
fn says(theirs: &Triage, decision: Decision) -> bool {
    let meant = || theirs.reason.as_deref().and_then(TriageDecision::of_reason);
    says_state(&theirs.state, decision)
        && match decision {
            Decision::Reviewing | Decision::Fixing | Decision::Reopened => true,
            Decision::AcceptedRisk => meant() == Some(TriageDecision::AcceptedRisk),
            Decision::FalsePositive => meant() == Some(TriageDecision::FalsePositive),
            Decision::WontFix => meant() == Some(TriageDecision::WontFix),
            Decision::Duplicate => meant() == Some(TriageDecision::Duplicate),
        }
}

/// Whether a state of the vendor's is that of a decision.
fn says_state(state: &TriageState, decision: Decision) -> bool {
    match decision {
        Decision::Reviewing => *state == TriageState::Reviewing,
        Decision::Fixing => *state == TriageState::Fixing,
        Decision::Reopened => matches!(state, TriageState::Reopened | TriageState::Untriaged),
        Decision::AcceptedRisk | Decision::FalsePositive | Decision::WontFix | Decision::Duplicate => {
            *state == TriageState::Ignored
        }
    }
}

fn later(theirs: &Triage) -> String {
    let at = theirs.at.map(|at| format!(" at {at}")).unwrap_or_default();
    let reason = theirs.reason.as_ref().map(|reason| format!(" ({})", short(&line(reason), REASON_SIGNS)));
    format!("somebody has set it to `{}`{} at the vendor{at}", theirs.state, reason.unwrap_or_default())
}

#[cfg(test)]
mod tests;
