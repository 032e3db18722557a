//! The second pass over a file: its records, gathered into batches of one kind.

use std::collections::BTreeMap;

use appsec_model::{Diagnostic, Kind, ProjectRef, RawRecord};
use tokio::sync::mpsc;

use super::source::{Pieces, Source};
use crate::{
    batch::otherwise,
    error::{Error, ImportError},
};
use appsec_sandbox::FileReading;

/// Records of one batch, and so of one transaction.
pub(super) const BATCH_RECORDS: usize = 500;

/// Bytes of one batch: large records make small batches.
pub(super) const BATCH_BYTES: usize = 4 << 20;

/// Records of one kind, in the order of the file.
pub(super) struct Cut {
    pub kind: Kind,
    pub records: Vec<RawRecord>,
    /// How many records of this kind stand in the file up to the end of the
    /// batch: where an import goes on that is cut off after it.
    pub position: u64,
    /// Remarks on what records say otherwise than the operator.
    pub remarks: Vec<Diagnostic>,
}

/// What is known of a file when it has been read.
pub(super) struct FileEnd {
    /// How many records it gave.
    pub records: u64,
    /// Largest memory of the sandbox that read it.
    pub peak_memory_bytes: u64,
}

/// Gathers records into batches.
pub(super) struct Batches {
    /// By the word of the kind: what is gathered, and how many came so far.
    kinds: BTreeMap<String, Gathered>,
    /// The project that the operator named.
    project: Option<ProjectRef>,
    /// Whether the records are the vendor's own answers, which know their projects.
    is_api: bool,
    /// Remarks that go with the next batch; one that was made is not made again.
    remarks: Vec<Diagnostic>,
    is_told: bool,
    batches: mpsc::Sender<Cut>,
    /// Records of any kind so far.
    records: u64,
}

struct Gathered {
    kind: Kind,
    records: Vec<RawRecord>,
    bytes: usize,
    position: u64,
    /// Taken in by an earlier part of the same import.
    done: u64,
}

impl Batches {
    /// Gathers these kinds, each without that many of its first records.
    pub fn new(
        kinds: impl IntoIterator<Item = (Kind, u64)>,
        project: Option<ProjectRef>,
        is_api: bool,
        batches: mpsc::Sender<Cut>,
    ) -> Self {
        let gathered = |(kind, done): (Kind, u64)| {
            let word = kind.as_str().to_owned();
            (word, Gathered { kind, records: Vec::new(), bytes: 0, position: 0, done })
        };
        let kinds = kinds.into_iter().map(gathered).collect();
        Self { kinds, project, is_api, remarks: Vec::new(), is_told: false, batches, records: 0 }
    }

    /// Reads the file to its end.
    pub async fn read(
        mut self,
        mut reading: FileReading,
        source: Source,
        file: String,
        hash: blake3::Hash,
    ) -> Result<FileEnd, Error> {
        let failed = |source| ImportError::File { file: file.clone(), source };
        let mut pieces = Pieces::of(&source).map_err(failed)?;
        while let Some(piece) = pieces.next().await.map_err(failed)? {
            for record in reading.read(&piece).await? {
                self.add(record).await?;
            }
        }
        for record in reading.finish().await? {
            self.add(record).await?;
        }
        if pieces.hash().await.map_err(failed)? != hash {
            return Err(ImportError::Changed(file).into());
        }
        let rest: Vec<String> = self.kinds.keys().cloned().collect();
        for kind in rest {
            self.send(&kind).await?;
        }
        Ok(FileEnd { records: self.records, peak_memory_bytes: reading.peak_memory_bytes() as u64 })
    }

    async fn add(&mut self, mut record: RawRecord) -> Result<(), Error> {
        self.records += 1;
        // A kind that was not asked for.
        let Some(gathered) = self.kinds.get_mut(record.kind.as_str()) else { return Ok(()) };
        gathered.position += 1;
        if gathered.position <= gathered.done {
            return Ok(());
        }
        if let Some(given) = &self.project {
            let said = record.project.take();
            let other = said.as_ref().filter(|said| is_other(said, given));
            if let Some(other) = other.filter(|_| !self.is_told) {
                let name = |project: &ProjectRef| project.name.clone().or(project.id.clone()).unwrap_or_default();
                let (said, given) = (name(other), name(given));
                let what = if self.is_api { "it stays with the records" } else { "the given one counts" };
                let message =
                    format!("records say that they are of the project `{said}`, and `{given}` was given: {what}");
                self.remarks.push(otherwise("other-project", message));
                self.is_told = true;
            }
            record.project = if self.is_api { said.or_else(|| Some(given.clone())) } else { Some(given.clone()) };
        }
        gathered.bytes += record.body.len();
        gathered.records.push(record);
        if gathered.records.len() < BATCH_RECORDS && gathered.bytes < BATCH_BYTES {
            return Ok(());
        }
        let kind = gathered.kind.as_str().to_owned();
        self.send(&kind).await
    }

    async fn send(&mut self, kind: &str) -> Result<(), Error> {
        let Some(gathered) = self.kinds.get_mut(kind).filter(|gathered| !gathered.records.is_empty()) else {
            return Ok(());
        };
        gathered.bytes = 0;
        let records = std::mem::take(&mut gathered.records);
        let (kind, position) = (gathered.kind.clone(), gathered.position);
        let batch = Cut { kind, records, position, remarks: std::mem::take(&mut self.remarks) };
        // Nobody takes batches any more: whoever did says why.
        self.batches.send(batch).await.map_err(|_| Error::Stopped)
    }
}

/// Whether a record names another project than the operator.
fn is_other(said: &ProjectRef, given: &ProjectRef) -> bool {
    match (&said.name, &given.name) {
        (Some(said), Some(given)) => !said.eq_ignore_ascii_case(given),
        _ => said.id != given.id,
    }
}
