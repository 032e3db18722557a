//! The second pass over a file: its records, gathered into batches of one kind.

use std::collections::BTreeMap;

use appsec_model::{Kind, ProjectRef, RawRecord};
use tokio::sync::mpsc;

use super::source::{Pieces, Source};
use crate::error::{Error, ImportError};
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
    /// The project of records that name none.
    project: Option<ProjectRef>,
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
        batches: mpsc::Sender<Cut>,
    ) -> Self {
        let gathered = |(kind, done): (Kind, u64)| {
            let word = kind.as_str().to_owned();
            (word, Gathered { kind, records: Vec::new(), bytes: 0, position: 0, done })
        };
        Self { kinds: kinds.into_iter().map(gathered).collect(), project, batches, records: 0 }
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
        let mut pieces = Pieces::again(&source).map_err(failed)?;
        while let Some(piece) = pieces.next().await.map_err(failed)? {
            for record in reading.read(&piece).await? {
                self.add(record).await?;
            }
        }
        for record in reading.finish().await? {
            self.add(record).await?;
        }
        if pieces.hashes().await.map_err(failed)?.blake3 != hash {
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
        if record.project.is_none() {
            record.project.clone_from(&self.project);
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
        let batch = Cut { kind: gathered.kind.clone(), records, position: gathered.position };
        // Nobody takes batches any more: whoever did says why.
        self.batches.send(batch).await.map_err(|_| Error::Stopped)
    }
}
