//! Taking a page in: compare it with the store, normalize what is new, and
//! write everything in one transaction.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use appsec_model::{Diagnostic, DiagnosticLevel, Kind, Normalized, ProjectScope, RawInput, RawPage, RawRecord};

use super::{InstanceSync, SyncEvent, contract};
use crate::error::Error;
use appsec_sandbox::{CallFailure, Connector};
use appsec_store::{Cause, Classified, FetchStats, HashedRecord, PageCommit, ProjectIndex, RecordState, Seen};

/// Origin of the records that the vendor's API brings.
pub(super) const API: &str = "";

/// A fetched page and where it belongs.
pub(super) struct Page {
    pub sync: Arc<InstanceSync>,
    pub projects: Arc<ProjectIndex>,
    pub seen: Arc<Mutex<Seen>>,
    pub unmapped: Arc<Mutex<HashSet<u64>>>,
    pub run_id: i64,
    pub fetch_id: i64,
    pub kind: Kind,
    pub number: u64,
    pub full: bool,
    pub scope: Option<Vec<String>>,
    pub usage: FetchStats,
    pub ask_again: bool,
    pub raw: RawPage,
}

/// What became of a page.
pub(super) struct Taken {
    /// It held records, and none of them was new to the read.
    pub stale: bool,
    /// Why what is not there any more was not marked.
    pub refused: Option<Cause>,
    /// Projects that are to be read once more.
    pub missed: Vec<ProjectScope>,
}

impl Page {
    pub async fn take(self) -> Result<Taken, Error> {
        let (sync, projects, seen) = (self.sync.clone(), self.projects.clone(), self.seen.clone());
        let (instance_id, records) = (sync.instance.id, self.raw.records);
        let started = Instant::now();
        let records = records.into_iter().map(HashedRecord::from).collect();
        let classified = sync
            .store
            .read(move |store| {
                let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                store.classify(instance_id, API, records, &projects, &seen)
            })
            .await?;
        let compared = started.elapsed();
        let fresh: Vec<&RawRecord> = classified.iter().filter(|it| it.is_fresh()).map(|it| &it.record).collect();
        let mut usage = self.usage;
        let mut normalized = normalize(&sync.connector, &sync.grant.instance_path, &fresh, &mut usage).await?;
        // Their `index` counts the records of the page, of which only some are fresh.
        let of_page = self.raw.diagnostics.into_iter();
        normalized.diagnostics.extend(of_page.map(|remark| Diagnostic { index: None, ..remark }));
        let normalizing = started.elapsed() - compared;
        let held = !classified.is_empty();
        // Records of projects that are not ingested have no id to be known by.
        let others = unmapped_mark(&classified)
            .is_some_and(|mark| self.unmapped.lock().unwrap_or_else(PoisonError::into_inner).insert(mark));
        let contents = sync.store.contents(instance_id, API, &self.kind, &classified, &normalized)?;
        let commit = PageCommit {
            instance_id,
            instance: sync.instance.made.name.to_string(),
            origin: API.to_owned(),
            run_id: self.run_id,
            fetch_id: self.fetch_id,
            kind: self.kind.clone(),
            page: self.number,
            next: self.raw.next,
            records: classified,
            contents,
            normalized,
            full: self.full,
            on_absence: sync.on_absence,
            ask_again: self.ask_again,
            scope: self.scope,
            usage,
            now: (sync.clock)(),
        };
        let projects = self.projects;
        let outcome = sync.store.run(move |store| store.commit_page(&commit, &projects)).await?;
        let storing = started.elapsed() - compared - normalizing;
        tracing::debug!(instance_path = sync.grant.instance_path, ?compared, ?normalizing, ?storing, "page taken in");
        let mut new = 0;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for id in outcome.ids {
            new += u64::from(seen.insert(id));
        }
        drop(seen);
        let counts = outcome.counts;
        let written = counts.new + counts.changed;
        (sync.progress)(SyncEvent::Page { kind: self.kind, records: counts.records, written });
        Ok(Taken { stale: held && new == 0 && !others, refused: outcome.refused, missed: outcome.missed })
    }
}

/// A mark for the records of a page whose projects are not ingested; none where
/// there are none. The same page once more has the same one.
fn unmapped_mark(classified: &[Classified]) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let mut keys = classified.iter().filter(|it| it.state == RecordState::Unmapped).map(Classified::key).peekable();
    keys.peek()?;
    keys.for_each(|key| key.hash(&mut hasher));
    Some(hasher.finish())
}

/// Normalizes records. If the guest breaks over them, the batch is halved until
/// the record that breaks it is alone: that one becomes a diagnostic, the
/// others are findings.
pub(crate) async fn normalize(
    connector: &Connector,
    instance_path: &str,
    records: &[&RawRecord],
    usage: &mut FetchStats,
) -> Result<Normalized, Error> {
    let mut whole = Normalized::default();
    // Batches still to do, as position of the first record and records; the
    // last one is next, so that findings come in the order of the input.
    let mut batches = vec![(0_u32, records)];
    while let Some((first, records)) = batches.pop().filter(|(_, records)| !records.is_empty()) {
        let input = records.iter().copied().cloned().collect();
        match connector.normalize(instance_path, RawInput::Records(input)).await {
            Ok(called) => {
                usage.peak_memory_bytes = usage.peak_memory_bytes.max(called.report.peak_memory_bytes as u64);
                let mut part = called.value;
                contract::enforce(records, &mut part);
                append(&mut whole, part, first);
            }
            Err(error) if !matches!(error.failure, CallFailure::Trap(_) | CallFailure::Limit(_)) => {
                return Err(Error::Call(Box::new(error)));
            }
            Err(_) if records.len() > 1 => {
                let (head, tail) = records.split_at(records.len() / 2);
                let middle = first + u32::try_from(head.len()).unwrap_or(u32::MAX);
                batches.push((middle, tail));
                batches.push((first, head));
            }
            Err(error) => whole.diagnostics.push(Diagnostic {
                level: DiagnosticLevel::Error,
                code: "connector-crashed".to_owned(),
                index: Some(first),
                id: records.first().and_then(|record| record.id.clone()),
                pointer: None,
                message: error.to_string(),
            }),
        }
    }
    Ok(whole)
}

fn append(whole: &mut Normalized, part: Normalized, first: u32) {
    let shift = |index: u32| index.saturating_add(first);
    whole.findings.extend(part.findings.into_iter().map(|mut finding| {
        finding.index = shift(finding.index);
        finding
    }));
    whole.diagnostics.extend(part.diagnostics.into_iter().map(|mut diagnostic| {
        diagnostic.index = diagnostic.index.map(shift);
        diagnostic
    }));
    whole.rules.extend(part.rules);
    whole.packages.extend(part.packages);
}
