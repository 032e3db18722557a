//! Taking batches in: each is compared with the store, normalized, and written
//! in one transaction, in the order of the file.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use appsec_model::{DocumentSummary, Error as ContractError, Kind, NextPage, ProjectRef, RawRecord};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{
    Import, ImportEvent,
    batches::{Batches, Cut},
    source::Source,
};
use crate::{
    batch::{API, Absence, Batch, Pipeline, Place, Prepared, Reader},
    error::Error,
    task::Task,
    writer::{Ready, Writer},
};
use appsec_sandbox::{CallFailure, Connector, FileReading};
use appsec_store::{Fetch, FetchState, HashedRecord, IngestHandle, PageCounts, ProjectIndex, Refs, Run, StoreError};

/// Batches that are normalized at one time, while others are written.
const BATCHES_AT_ONCE: usize = 2;

/// Batches that wait for that.
const BATCHES_WAITING: usize = 1;

/// The second pass of an import.
pub(super) struct Taking<'a> {
    pub import: &'a Import,
    pub run: &'a Run,
    pub summary: &'a DocumentSummary,
    pub file: &'a str,
}

/// How far a read is.
pub(super) struct Progress {
    pub read: Fetch,
    pub pages: u64,
    pub position: u64,
}

impl From<&Fetch> for Progress {
    fn from(read: &Fetch) -> Self {
        let position = read.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        Self { pages: read.counts.pages, position, read: read.clone() }
    }
}

impl Taking<'_> {
    /// Reads the file, whose content has that hash, and takes its records in.
    /// Returns the largest memory of the sandbox that reads.
    pub async fn take(
        &self,
        connector: &Connector,
        reading: FileReading,
        source: Source,
        hash: blake3::Hash,
    ) -> Result<u64, Error> {
        let import = self.import;
        let (sender, mut receiver) = mpsc::channel(BATCHES_WAITING);
        let mut reads: BTreeMap<String, Progress> = BTreeMap::new();
        for read in self.run.fetches.iter().filter(|read| read.state == FetchState::Pending) {
            reads.insert(read.kind.as_str().to_owned(), read.into());
        }
        let (total_bytes, position) = (source.packed_bytes(), source.position());
        let kinds: Vec<(Kind, u64)> = reads.values().map(|it| (it.read.kind.clone(), it.position)).collect();
        let batches = Batches::new(kinds, import.project(), self.summary.origin.is_none(), sender);
        let reading = batches.read(reading, source, self.file.to_owned(), hash);
        let reading = Task::spawn(reading);

        let projects = Arc::new(Projects::new(import));
        let pipeline = self.pipeline(Some(connector));
        let preparing = stream::poll_fn(|context| receiver.poll_recv(context))
            // Tasks of their own: they go on while another batch is written.
            .map(|cut| {
                // The vendor's own answers know their branches.
                let branch = if pipeline.origin == API { None } else { import.branch() };
                Task::spawn(prepare(pipeline.clone(), projects.clone(), cut, branch)).join()
            })
            .buffered(BATCHES_AT_ONCE);
        let mut preparing = std::pin::pin!(preparing);
        let writer = Writer::start(import.store.clone(), import.clock.clone());
        let ready = writer.batches();
        // There is always one more until the end.
        let announced = ready.announce();
        let counts = Arc::new(Mutex::new(self.run.counts));
        let written = || {
            let (progress, counts, position) = (import.progress.clone(), counts.clone(), position.clone());
            move |page: Option<PageCounts>| {
                let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                counts.add(&page.ok_or(StoreError::FetchEnded)?.counts);
                progress(ImportEvent::Progress {
                    read_bytes: position.load(Ordering::Relaxed),
                    total_bytes,
                    records: counts.records,
                    written: counts.new + counts.changed,
                });
                Ok(())
            }
        };
        let fed = async {
            while let Some(prepared) = preparing.next().await {
                let (prepared, position) = prepared?;
                let Some(progress) = reads.get_mut(prepared.kind.as_str()) else { continue };
                progress.position = position;
                let place = self.place(progress, &prepared, NextPage::Cursor(position.to_string()));
                let (page, projects) = prepared.page(&pipeline, place);
                let page = Ready { page, projects, room: None, committed: Box::new(written()) };
                ready.send(page).await?;
            }
            Ok::<_, Error>(())
        }
        .await;
        drop((ready, announced));
        writer.end().await?;
        fed?;
        // The file is read to its end, or why it is not.
        let end = reading.join().await?;
        if end.records != self.summary.records {
            let detail = format!("it announced {} records and gave {}", self.summary.records, end.records);
            let failure = CallFailure::Contract(ContractError::internal(detail));
            return Err(Error::call(&import.instance_path, "document-reader.finish", failure));
        }
        let index = projects.of_import(import).await?;
        for progress in reads.values_mut() {
            self.complete(&pipeline, progress, index.clone()).await?;
        }
        Ok(end.peak_memory_bytes)
    }

    /// The way of its batches into the store; `connector` says what they mean.
    pub fn pipeline(&self, connector: Option<&Connector>) -> Pipeline {
        let import = self.import;
        let reader = |connector: &Connector| Reader {
            connector: connector.clone(),
            instance_path: import.instance_path.clone(),
        };
        Pipeline {
            store: import.store.clone(),
            instance_id: import.instance.id,
            instance: import.instance.made.name.to_string(),
            origin: self.summary.origin.clone().unwrap_or_else(|| API.to_owned()),
            reader: connector.map(reader),
            clock: import.clock.clone(),
        }
    }

    /// Ends a read: all of its records are taken in.
    pub async fn complete(
        &self,
        pipeline: &Pipeline,
        progress: &mut Progress,
        projects: Arc<ProjectIndex>,
    ) -> Result<(), Error> {
        let prepared = Prepared::end(progress.read.kind.clone(), projects);
        let place = self.place(progress, &prepared, NextPage::Complete);
        prepared.commit(pipeline, place).await.map(|_| ())
    }

    /// The refs that the file is about. Those of a report are a part of its origin.
    fn refs(&self) -> Refs {
        match self.import.branch() {
            _ if self.import.instance.is_report_source() => Refs::All,
            Some(name) => Refs::One(name),
            None => Refs::Named,
        }
    }

    /// The place of the next batch of a read: the number of records up to its end is
    /// the cursor behind it.
    pub fn place(&self, progress: &mut Progress, prepared: &Prepared, next: NextPage) -> Place {
        let import = self.import;
        let scope = import.project().and_then(|project| prepared.projects.vendor_id(&project)).map(|id| vec![id]);
        let number = progress.pages;
        progress.pages += 1;
        let absence = Absence {
            full: import.options.complete,
            ask_again: false,
            // Without a project there is no scope that anything could be gone from.
            scope: Some(scope.unwrap_or_default()),
            refs: self.refs(),
        };
        Place { run_id: self.run.id, fetch_id: progress.read.id, number, next, absence }
    }
}

/// Compares a batch with the store and normalizes what is new in it; tells where
/// the import goes on behind it.
async fn prepare(
    pipeline: Pipeline,
    projects: Arc<Projects>,
    cut: Cut,
    branch: Option<String>,
) -> Result<(Prepared, u64), Error> {
    let index = projects.of(&cut.records).await?;
    let records = cut.records.into_iter().map(HashedRecord::from).collect();
    let batch = Batch { remarks: cut.remarks, r#ref: branch, ..Batch::new(cut.kind, records) };
    Ok((batch.prepare(&pipeline, index).await?, cut.position))
}

/// What is known of projects: how records name them, and their index.
type Known = (HashSet<(Option<String>, Option<String>)>, Arc<ProjectIndex>);

/// The projects that records name; those that nobody knew before are made.
pub(super) struct Projects {
    store: IngestHandle,
    instance_id: i64,
    now: appsec_model::Timestamp,
    known: Mutex<Known>,
}

impl Projects {
    pub fn new(import: &Import) -> Self {
        Self {
            store: import.store.clone(),
            instance_id: import.instance.id,
            now: (import.clock)(),
            known: Mutex::default(),
        }
    }

    /// The index with the project that the operator named, if any.
    pub async fn of_import(&self, import: &Import) -> Result<Arc<ProjectIndex>, Error> {
        self.with(import.project().iter()).await
    }

    /// The index with all the projects of these records.
    async fn of(&self, records: &[RawRecord]) -> Result<Arc<ProjectIndex>, Error> {
        self.with(records.iter().filter_map(|record| record.project.as_ref())).await
    }

    async fn with(&self, named: impl Iterator<Item = &ProjectRef>) -> Result<Arc<ProjectIndex>, Error> {
        let key = |project: &ProjectRef| (project.id.clone(), project.name.clone());
        let new: Vec<ProjectRef> = {
            let (known, _) = &*self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let named: HashSet<_> = named.map(key).collect();
            named.into_iter().filter(|it| !known.contains(it)).map(|(id, name)| ProjectRef { id, name }).collect()
        };
        if new.is_empty() {
            let (_, index) = &*self.known.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(index.clone());
        }
        let (instance_id, now) = (self.instance_id, self.now);
        let (new, index) = self
            .store
            .run(move |store| {
                store.ensure_projects(instance_id, &new, now)?;
                Ok((new, store.project_index(instance_id)?))
            })
            .await?;
        let (known, current) = &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(new.iter().map(key));
        *current = Arc::new(index);
        Ok(current.clone())
    }
}
