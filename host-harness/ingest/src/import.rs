//! Import of files: what a connector reads from them goes the way of a sync's
//! pages, in transactions, and can be cut off and gone on with.
//!
//! A file is read twice. The first pass tells what it is and whether it is
//! whole, and nothing is written before that is known; the second brings its
//! records. What is in a file says what is there. What is not in it says
//! something only if the file proves a complete scan of a named project and the
//! operator asks for it ([`ImportOptions::complete`]).

mod batches;
mod report;
mod source;
mod take;

use std::{path::Path, sync::Arc};

use appsec_model::{
    Completeness, DiagnosticLevel, DocumentHead, DocumentSummary, Kind, ProjectRef, Timestamp, scan::branch_name,
};
use serde::Serialize;

pub use self::source::{open_input, read_file};
use self::{
    report::ReadReport,
    source::{MAX_STREAM_BYTES, Pieces, Source, file_name},
    take::Taking,
};
use crate::{
    error::{Error, ImportError},
    vanishing::Vanishing,
};
use appsec_grant::{Code, counted};
use appsec_sandbox::{Connector, FileReading};
use appsec_store::{Cause, FetchState, FetchStats, ImportSource, IngestHandle, Instance, LookedAt, Run, RunState};

/// What to take from a file, and what is known of it.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Its format, if it is not to be detected.
    pub format: Option<String>,
    /// The project that the records belong to; answers of the vendor's API keep the
    /// one that they name.
    pub project: Option<String>,
    /// The branch that was scanned.
    pub r#ref: Option<String>,
    /// Only these kinds; all if empty.
    pub kinds: Vec<Kind>,
    /// What is not in the file is no longer there.
    pub complete: bool,
    /// What to do with it; of a complete file only.
    pub vanishing: Vanishing,
    /// The folder of the project on the machine of the scan, for reports with
    /// absolute paths.
    pub root: Option<String>,
    /// Complete files that are imported together with this one.
    pub beside: Vec<CompleteFile>,
}

/// A file that told what is no longer there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CompleteFile {
    /// Its name.
    pub file: String,
    /// Hash of its content.
    pub blake3: String,
    /// What its records stand beside.
    pub origin: Option<String>,
    /// The kinds that it is complete for.
    pub kinds: Vec<Kind>,
}

impl CompleteFile {
    /// The file of an import that was one of a complete scan.
    #[must_use]
    pub fn of(report: &ImportReport) -> Self {
        Self {
            file: report.file.clone(),
            blake3: report.blake3.clone(),
            origin: report.summary.origin.clone(),
            kinds: report.run.fetches.iter().map(|read| read.kind.clone()).collect(),
        }
    }
}

/// What happens during an import, for whoever shows it.
#[derive(Clone, Debug)]
pub enum ImportEvent {
    /// The first pass is done.
    Surveyed(Box<DocumentSummary>),
    /// An import of the same file was cut off; this one goes on with it.
    Resumed {
        /// Its run.
        run: i64,
    },
    /// Records were taken in.
    Progress {
        /// How much of the file has been read, as it lies there.
        read_bytes: u64,
        /// Its size.
        total_bytes: u64,
        /// Records so far, of all that the file holds.
        records: u64,
        /// Those of them that were written.
        written: u64,
    },
}

/// Where events go.
pub type ImportProgress = Arc<dyn Fn(ImportEvent) + Send + Sync>;

/// What an import did.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ImportReport {
    /// Name of the file.
    pub file: String,
    /// BLAKE3 hash of its content, unpacked, in hexadecimal, as `b3sum` prints it.
    pub blake3: String,
    /// What the file is.
    pub summary: DocumentSummary,
    /// What became of every record; the parts add up to `records`.
    pub outcome: ImportOutcome,
    /// As the run log has it.
    pub run: Run,
    /// Largest memory of the sandbox that read the file; 0 where none was needed.
    pub reader_peak_memory_bytes: u64,
}

/// What became of the records of a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ImportOutcome {
    /// Records in the file.
    pub records: u64,
    /// Became a finding, new or changed.
    pub findings: u64,
    /// Became a package, new or changed.
    pub packages: u64,
    /// Could not be used; they are kept raw, and a diagnostic says why.
    pub rejected: u64,
    /// Left out on purpose; a diagnostic says why.
    pub skipped: u64,
    /// Are what they were.
    pub unchanged: u64,
    /// The same record stands in the file more than once.
    pub duplicate: u64,
    /// Are of a kind that was not asked for.
    pub filtered: u64,
    /// Are of projects that are not mapped, or name none, against what the
    /// file's summary says.
    pub unmapped: u64,
}

/// Everything that an import works with.
pub struct Import {
    pub store: IngestHandle,
    pub instance_path: String,
    pub instance: Instance,
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub progress: ImportProgress,
    pub options: ImportOptions,
}

/// Why a file cannot be opened, with the path that was given.
fn unopened(path: &Path) -> impl FnOnce(std::io::Error) -> ImportError {
    |source| ImportError::File { file: path.display().to_string(), source }
}

impl Import {
    /// Imports a file to its end, as a connector reads it.
    pub async fn run(self, connector: &Connector, path: &Path) -> Result<ImportReport, Error> {
        let file = file_name(path);
        let source = Source::open(path, MAX_STREAM_BYTES).map_err(unopened(path))?;
        let mut reading = connector.read_file(&self.instance_path, self.head(&file)).await?;
        let hash = survey(&mut reading, &source, &file).await?;
        let summary = reading.summarize().await?;
        let run = self.begin(&file, hash, &summary).await?;
        let taking = Taking { import: &self, run: &run, summary: &summary, file: &file };
        let taken = taking.take(connector, reading, source, hash).await;
        self.conclude(file, hash, summary, run.id, taken).await
    }

    /// Imports a report of another scanner to its end.
    pub async fn run_report(self, path: &Path) -> Result<ImportReport, Error> {
        let file = file_name(path);
        let limit = appsec_reports::MAX_BYTES as u64;
        let source = Source::open(path, limit).map_err(unopened(path))?;
        let report = ReadReport::read(source, &file, &self.options).await?;
        let (hash, summary) = (report.hash, report.summary.clone());
        let run = self.begin(&file, hash, &summary).await?;
        let taking = Taking { import: &self, run: &run, summary: &summary, file: &file };
        let taken = taking.take_report(report).await.map(|()| 0);
        self.conclude(file, hash, summary, run.id, taken).await
    }

    /// What a complete file is, as a connector reads it; nothing of it is stored.
    pub async fn survey(&self, connector: &Connector, path: &Path) -> Result<CompleteFile, Error> {
        let file = file_name(path);
        let source = Source::open(path, MAX_STREAM_BYTES).map_err(unopened(path))?;
        let mut reading = connector.read_file(&self.instance_path, self.head(&file)).await?;
        let hash = survey(&mut reading, &source, &file).await?;
        let summary = reading.summarize().await?;
        Ok(self.surveyed(file, hash, summary)?)
    }

    /// What a complete report of another scanner is; nothing of it is stored.
    pub async fn survey_report(&self, path: &Path) -> Result<CompleteFile, Error> {
        let file = file_name(path);
        let source = Source::open(path, appsec_reports::MAX_BYTES as u64).map_err(unopened(path))?;
        let report = ReadReport::read(source, &file, &self.options).await?;
        Ok(self.surveyed(file, report.hash, report.summary)?)
    }

    fn surveyed(
        &self,
        file: String,
        hash: blake3::Hash,
        summary: DocumentSummary,
    ) -> Result<CompleteFile, ImportError> {
        let kinds = self.check(&file, &summary)?;
        Ok(CompleteFile { file, blake3: hash.to_string(), origin: summary.origin, kinds })
    }

    /// Ends a run, and says what it did.
    async fn conclude(
        &self,
        file: String,
        hash: blake3::Hash,
        mut summary: DocumentSummary,
        run_id: i64,
        taken: Result<u64, Error>,
    ) -> Result<ImportReport, Error> {
        if let Err(error) = &taken
            && !error.is_call()
            && !matches!(error, Error::Import(_))
        {
            // A fault on this side leaves the run as it is: the next import of
            // this file goes on with it.
            return Err(taken.err().unwrap_or(Error::NoRun(run_id)));
        }
        // It may be long, and was of use for this alone.
        let looked_at = summary.scanned.take().map_or(LookedAt::Unsaid, LookedAt::Files);
        let end = match &taken {
            Err(error) => (RunState::Failed, Some(error.cause())),
            Ok(_) => match broken_scan(&summary).map(|why| Cause::new(Code::ScanFailed, why)) {
                Some(why) => (RunState::Partial, Some(why)),
                None => match self.settle(run_id, looked_at).await? {
                    Some(why) => (RunState::Partial, Some(why)),
                    None => (RunState::Complete, None),
                },
            },
        };
        let run = self.end(run_id, end).await?;
        let taken = taken?;
        Ok(ImportReport {
            outcome: outcome(&summary, &run),
            reader_peak_memory_bytes: taken,
            file,
            blake3: hash.to_string(),
            summary,
            run,
        })
    }

    /// Decides on what a complete file does not hold; tells why nothing of it is
    /// marked as vanished.
    async fn settle(&self, run_id: i64, looked_at: LookedAt) -> Result<Option<Cause>, Error> {
        if !self.options.complete {
            return Ok(None);
        }
        let unusable = self.store.run(move |store| Ok(store.run(run_id)?.map_or(0, |run| run.counts.rejected))).await?;
        if unusable > 0 {
            // Each of them may be what the file seems to have no more.
            let why = format!("{} cannot be used, so nothing is marked as vanished", counted(unusable, "record"));
            return Ok(Some(Cause::new(Code::ScanIncomplete, why)));
        }
        let (on_absence, now) = (self.options.vanishing.on_absence(self.instance.max_removal), (self.clock)());
        Ok(self.store.run(move |store| store.settle_absences(run_id, on_absence, &looked_at, false, now)).await?)
    }

    fn head(&self, file: &str) -> DocumentHead {
        DocumentHead {
            format: self.options.format.clone(),
            name: file.to_owned(),
            project: self.project(),
            r#ref: self.branch(),
            root: self.options.root.clone(),
        }
    }

    /// The branch that the operator named.
    fn branch(&self) -> Option<String> {
        let name = self.options.r#ref.as_deref()?;
        Some(branch_name(name).to_owned())
    }

    /// The project that the operator named.
    fn project(&self) -> Option<ProjectRef> {
        self.options.project.clone().map(|name| ProjectRef { id: None, name: Some(name) })
    }

    /// Whether the file is what the operator takes it for; the kinds to take.
    fn check(&self, file: &str, summary: &DocumentSummary) -> Result<Vec<Kind>, ImportError> {
        let (file, wanted) = (file.to_owned(), &self.options.kinds);
        if !summary.names_projects && self.options.project.is_none() {
            return Err(ImportError::NoProject(file));
        }
        let held = || summary.kinds.iter().filter(|held| held.records > 0);
        let mut kinds: Vec<Kind> =
            held().map(|held| held.kind.clone()).filter(|kind| wanted.is_empty() || wanted.contains(kind)).collect();
        if kinds.is_empty() && held().next().is_some() {
            let found = held().map(|held| format!("{} of the kind {}", counted(held.records, "record"), held.kind));
            let wanted: Vec<&str> = wanted.iter().map(Kind::as_str).collect();
            return Err(ImportError::OtherKinds {
                file,
                found: format!("{} ({})", found.collect::<Vec<_>>().join(", "), summary.format),
                wanted: wanted.join(", "),
            });
        }
        if self.options.complete {
            if let Completeness::Incomplete { reason } = &summary.completeness {
                return Err(ImportError::Incomplete { file, reason: reason.clone() });
            }
            if self.options.project.is_none() {
                return Err(ImportError::NoScope(file));
            }
            // A scan that found nothing closes what it looked for.
            let looked_for =
                summary.kinds.iter().map(|it| &it.kind).filter(|it| wanted.is_empty() || wanted.contains(it));
            let more: Vec<Kind> = wanted.iter().chain(looked_for).cloned().collect();
            for kind in more {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            if kinds.is_empty() {
                return Err(ImportError::NoKind(file));
            }
        }
        Ok(kinds)
    }

    /// Of two parts of one scan none is complete: each would close what only the
    /// other one holds.
    fn check_beside(
        &self,
        file: &str,
        hash: blake3::Hash,
        summary: &DocumentSummary,
        kinds: &[Kind],
    ) -> Result<(), ImportError> {
        let is_part = |it: &&CompleteFile| {
            let same_kind = kinds.iter().any(|kind| it.kinds.contains(kind));
            it.origin == summary.origin && same_kind && it.blake3 != hash.to_string()
        };
        match self.options.beside.iter().filter(|_| self.options.complete).find(is_part) {
            None => Ok(()),
            Some(other) => {
                let other = &other.file;
                let reason = format!("`{other}` is of the same scan, and this one would close what is only there");
                Err(ImportError::Incomplete { file: file.to_owned(), reason })
            }
        }
    }

    /// The run of this import: that of an earlier one of the same file that was
    /// cut off, or a new one.
    async fn begin(&self, file: &str, hash: blake3::Hash, summary: &DocumentSummary) -> Result<Run, Error> {
        let kinds = self.check(file, summary)?;
        self.check_beside(file, hash, summary, &kinds)?;
        (self.progress)(ImportEvent::Surveyed(Box::new(summary.clone())));
        let (instance_id, now) = (self.instance.id, (self.clock)());
        let source = ImportSource {
            file: file.to_owned(),
            blake3: hash.to_string(),
            options: format!("{:?}", ImportOptions { beside: Vec::new(), ..self.options.clone() }),
            remarks: summary.diagnostics.clone(),
        };
        let (run, resumed) = self
            .store
            .run(move |store| {
                let (id, resumed) = match store.unfinished_import(instance_id, &source)? {
                    Some(id) => {
                        store.resume_run(id)?;
                        (id, true)
                    }
                    None => (store.start_import(instance_id, &source, &kinds, now)?, false),
                };
                Ok((store.run(id)?, resumed.then_some(id)))
            })
            .await?;
        if let Some(run) = resumed {
            (self.progress)(ImportEvent::Resumed { run });
        }
        run.ok_or(Error::NoRun(0))
    }

    /// Writes down how a run ended.
    async fn end(&self, run_id: i64, (state, cause): (RunState, Option<Cause>)) -> Result<Run, Error> {
        let now = (self.clock)();
        let run = self
            .store
            .run(move |store| {
                let reads = store.run(run_id)?.map(|run| run.fetches).unwrap_or_default();
                for read in reads.iter().filter(|read| read.state == FetchState::Pending) {
                    let why = cause.clone().unwrap_or_else(|| Cause::new(Code::Stopped, "not read"));
                    store.give_up_fetch(read.id, FetchState::Failed, &why)?;
                }
                store.finish_run(run_id, state, cause.as_ref(), now)?;
                store.run(run_id)
            })
            .await?;
        run.ok_or(Error::NoRun(run_id))
    }
}

/// The first pass: what the file is; the hash of its content, which the second
/// pass must find again.
async fn survey(reading: &mut FileReading, source: &Source, file: &str) -> Result<blake3::Hash, Error> {
    let failed = |source| ImportError::File { file: file.to_owned(), source };
    let mut pieces = Pieces::of(source).map_err(failed)?;
    while let Some(piece) = pieces.next().await.map_err(failed)? {
        reading.survey(&piece).await?;
    }
    Ok(pieces.hash().await.map_err(failed)?)
}

/// What the file says of a scan that went wrong: what it did not look at may be
/// there all the same.
fn broken_scan(summary: &DocumentSummary) -> Option<String> {
    let mut errors = summary.diagnostics.iter().filter(|it| it.level == DiagnosticLevel::Error);
    let first = errors.next()?;
    let more = match errors.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Some(format!("the scan itself had errors, so the file may be incomplete: {}{more}", first.message))
}

/// What became of every record of the file.
fn outcome(summary: &DocumentSummary, run: &Run) -> ImportOutcome {
    let FetchStats { findings, packages, rejected, skipped, unchanged, duplicate, unmapped, .. } = run.counts;
    let taken = |kind: &Kind| run.fetches.iter().any(|read| read.kind == *kind);
    let filtered = summary.kinds.iter().filter(|held| !taken(&held.kind)).map(|held| held.records).sum();
    ImportOutcome {
        records: summary.records,
        findings,
        packages,
        rejected,
        skipped,
        unchanged,
        duplicate,
        filtered,
        unmapped,
    }
}
