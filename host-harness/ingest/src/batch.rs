//! The one way of records into the store: they are compared with it, what is new
//! is normalized and held to the contract, packed, and committed with the position
//! behind it. Pages of an API, files, reports of other scanners and stored records
//! all go it.

use std::sync::{Arc, Mutex, PoisonError};

use appsec_model::{Diagnostic, DiagnosticLevel, Kind, NextPage, Normalized, RawInput, RawRecord, Timestamp};
use appsec_sandbox::{CallFailure, Connector};
use appsec_store::{
    Classified, Contents, FetchStats, HashedRecord, IngestHandle, PageCommit, PageCounts, ProjectIndex, Refs, Seen,
    StoredRecord,
};

use crate::{contract, error::Error};

/// Origin of the records that the vendor's API brings.
pub(crate) const API: &str = "";

/// Tells the time.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where batches go, and whom to ask what their records mean.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub store: IngestHandle,
    pub instance_id: i64,
    /// Name of the instance.
    pub instance: String,
    /// Which records of the instance those of the batches stand beside.
    pub origin: String,
    /// None where the batches say it themselves.
    pub reader: Option<Reader>,
    pub clock: Clock,
}

/// A connector that says what records mean.
#[derive(Clone)]
pub(crate) struct Reader {
    pub connector: Connector,
    pub instance_path: String,
}

/// What is known of the records of a batch without asking a connector: of those
/// that are new or changed, counted alone.
pub(crate) type Known = Box<dyn FnOnce(&[Classified]) -> Normalized + Send>;

/// Records that are taken in together, all of one kind.
pub(crate) struct Batch {
    pub kind: Kind,
    pub records: Vec<HashedRecord>,
    pub known: Option<Known>,
    /// Remarks on the batch as a whole.
    pub remarks: Vec<Diagnostic>,
    /// The branch that they are of, whatever they say.
    pub r#ref: Option<String>,
    /// What its fetch has brought before.
    pub seen: Arc<Mutex<Seen>>,
    /// What it took so far.
    pub usage: FetchStats,
}

/// A batch that is ready to be committed.
pub(crate) struct Prepared {
    pub kind: Kind,
    /// Its records, compared with the store.
    pub records: Vec<Classified>,
    normalized: Normalized,
    contents: Contents,
    usage: FetchStats,
    pub projects: Arc<ProjectIndex>,
}

/// The place of a batch in its fetch.
pub(crate) struct Place {
    pub run_id: i64,
    pub fetch_id: i64,
    /// Number of the batch, from 0.
    pub number: u64,
    /// How the fetch goes on behind it.
    pub next: NextPage,
    pub absence: Absence,
}

/// What the end of a fetch says of records that it has not brought.
#[derive(Clone, Default)]
pub(crate) struct Absence {
    /// Whether it says anything.
    pub full: bool,
    /// Whether they can be asked for once more.
    pub ask_again: bool,
    /// The projects that were looked at; none for all.
    pub scope: Option<Vec<String>>,
    /// The refs that were looked at.
    pub refs: Refs,
}

impl Batch {
    pub fn new(kind: Kind, records: Vec<HashedRecord>) -> Self {
        let usage = FetchStats::default();
        Self { kind, records, known: None, remarks: Vec::new(), r#ref: None, seen: Arc::default(), usage }
    }

    /// Compares, normalizes, holds to the contract, and packs.
    pub async fn prepare(self, pipeline: &Pipeline, projects: Arc<ProjectIndex>) -> Result<Prepared, Error> {
        let Self { kind, records, known, mut remarks, r#ref, seen, mut usage } = self;
        let (instance_id, origin, index) = (pipeline.instance_id, pipeline.origin.clone(), projects.clone());
        let compare = pipeline.store.read(move |store| {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            store.classify(instance_id, &origin, records, &index, &seen)
        });
        let records = compare.await?;
        let fresh: Vec<&RawRecord> = records.iter().filter(|it| it.is_fresh()).map(|it| &it.record).collect();
        let mut normalized = match (known, &pipeline.reader) {
            (Some(known), _) => {
                let mut normalized = known(&records);
                contract::enforce(&fresh, &mut normalized);
                normalized
            }
            (None, Some(reader)) => reader.normalize(&fresh, &mut usage).await?,
            (None, None) => Normalized::default(),
        };
        if let Some(name) = r#ref {
            remarks.extend(force_ref(&mut normalized, &name));
        }
        // Their `index` counts the records of the batch, of which only some are fresh.
        normalized.diagnostics.extend(remarks.into_iter().map(|remark| Diagnostic { index: None, ..remark }));
        let contents = pipeline.store.contents(instance_id, &pipeline.origin, &kind, &records, &normalized)?;
        Ok(Prepared { kind, records, normalized, contents, usage, projects })
    }
}

/// Makes findings those of a branch; a remark where some say otherwise.
fn force_ref(normalized: &mut Normalized, name: &str) -> Option<Diagnostic> {
    let mut said = None;
    for finding in &mut normalized.findings {
        if finding.r#ref.as_deref() != Some(name) {
            said = said.or(finding.r#ref.replace(name.to_owned()));
        }
    }
    said.map(|said| {
        otherwise(
            "other-branch",
            format!("findings say that they are of the branch `{said}`; `{name}` was given, and counts"),
        )
    })
}

/// A remark on what a file says otherwise than the operator.
pub(crate) fn otherwise(code: &str, message: String) -> Diagnostic {
    let (level, code) = (DiagnosticLevel::Warning, code.to_owned());
    Diagnostic { level, code, index: None, id: None, pointer: None, message }
}

impl Prepared {
    /// A batch without records: the end of a fetch.
    pub fn end(kind: Kind, projects: Arc<ProjectIndex>) -> Self {
        Self {
            kind,
            records: Vec::new(),
            normalized: Normalized::default(),
            contents: Contents::default(),
            usage: FetchStats::default(),
            projects,
        }
    }

    /// What is to be committed, for whoever commits several at once, each at its time.
    pub fn page(self, pipeline: &Pipeline, place: Place) -> (PageCommit, Arc<ProjectIndex>) {
        let Place { run_id, fetch_id, number, next, absence } = place;
        let page = PageCommit {
            instance_id: pipeline.instance_id,
            instance: pipeline.instance.clone(),
            origin: pipeline.origin.clone(),
            run_id,
            fetch_id,
            kind: self.kind,
            page: number,
            next,
            records: self.records,
            normalized: self.normalized,
            contents: self.contents,
            full: absence.full,
            ask_again: absence.ask_again,
            scope: absence.scope,
            refs: absence.refs,
            usage: self.usage,
            now: (pipeline.clock)(),
        };
        (page, self.projects)
    }

    /// Commits it, in one transaction.
    pub async fn commit(self, pipeline: &Pipeline, place: Place) -> Result<PageCounts, Error> {
        let ((mut page, projects), clock) = (self.page(pipeline, place), pipeline.clock.clone());
        let commit = pipeline.store.run(move |store| {
            // Not before: others may write first.
            page.now = clock();
            store.commit_page(&page, &projects)
        });
        Ok(commit.await?)
    }
}

/// Stored records, normalized again.
pub(crate) struct Renewed {
    pub stored: Vec<StoredRecord>,
    pub normalized: Normalized,
}

impl Renewed {
    /// Normalizes again, and holds to the contract.
    pub async fn of(reader: &Reader, stored: Vec<StoredRecord>) -> Result<Self, Error> {
        let records: Vec<&RawRecord> = stored.iter().map(|it| &it.record).collect();
        let mut normalized = reader.normalize(&records, &mut FetchStats::default()).await?;
        for finding in &mut normalized.findings {
            let before = stored.get(finding.index as usize).filter(|it| it.origin != API);
            // The branch of a file is what was said when it was imported.
            if let Some(before) = before.and_then(|it| it.finding.as_ref()) {
                finding.r#ref.clone_from(&before.r#ref);
            }
        }
        Ok(Self { stored, normalized })
    }

    /// Packs what means something else now, and commits it.
    pub async fn commit(self, pipeline: &Pipeline, run_id: i64) -> Result<(), Error> {
        let (instance_id, now) = (pipeline.instance_id, (pipeline.clock)());
        let packed = pipeline.store.renormalized(instance_id, self.stored, self.normalized)?;
        pipeline.store.run(move |store| store.replace_normalized(instance_id, run_id, &packed, now)).await?;
        Ok(())
    }
}

impl Reader {
    /// Normalizes records, and holds the results to the contract. If the guest
    /// breaks over them, the batch is halved until the record that breaks it is
    /// alone: that one becomes a diagnostic, the others are findings.
    async fn normalize(&self, records: &[&RawRecord], usage: &mut FetchStats) -> Result<Normalized, Error> {
        let mut whole = Normalized::default();
        // Parts still to do, as position of the first record and records; the
        // last one is next, so that findings come in the order of the input.
        let mut parts = vec![(0_u32, records)];
        while let Some((first, records)) = parts.pop().filter(|(_, records)| !records.is_empty()) {
            let input = records.iter().copied().cloned().collect();
            match self.connector.normalize(&self.instance_path, RawInput::Records(input)).await {
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
                    parts.push((middle, tail));
                    parts.push((first, head));
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
