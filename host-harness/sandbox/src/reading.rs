//! A file being read by a connector: the one thing that keeps a sandbox for
//! longer than a call.

use std::{sync::atomic::Ordering, time::Instant};

use appsec_model::{DocumentHead, DocumentSummary, RawRecord};
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use wasmtime::{Store, component::ResourceAny};

use super::{
    bindings::{Connector as Bindings, exports::appsec::connector::source::GuestDocumentReader},
    call::{CallError, CallStats, Connector, Grant, Outcome, limit_cpu, within},
    convert::{IntoModel, IntoWit},
    output::{Log, LogStats},
    state::SandboxState,
};

/// A reader of one file, in a sandbox with nothing granted. Every step has the
/// limits of a call; after a step that failed there is no other.
pub struct FileReading {
    connector: Connector,
    grant: Grant,
    log: Log,
    store: Store<SandboxState>,
    guest: Bindings,
    reader: ResourceAny,
    report: CallStats,
    _places: [Place; 2],
}

/// A place among the sandboxes. The semaphores are never closed.
type Place = Result<OwnedSemaphorePermit, AcquireError>;

impl Connector {
    /// Starts to read a file.
    pub async fn read_file(&self, instance_path: &str, head: DocumentHead) -> Result<FileReading, CallError> {
        let started = Instant::now();
        let shared = &self.runtime.shared;
        let grant = Grant { instance_path: instance_path.to_owned(), ..Grant::default() };
        let log = Log::new(shared.limits.log_bytes, shared.limits.log_line_bytes);
        // In this order: whoever waits for the second holds no sandbox.
        let places = [shared.files.clone().acquire_owned().await, shared.sandboxes.clone().acquire_owned().await];
        shared.calls.fetch_add(1, Ordering::Relaxed);
        let mut store = self.store(&grant, &log);
        let head = head.into_wit();
        let made = async {
            let guest = self.pre.instantiate_async(&mut store).await?;
            let reader = guest.appsec_connector_source().document_reader();
            let reader = reader.call_constructor(&mut store, &head).await?;
            Ok(Ok((guest, reader)))
        };
        let outcome = within(shared.limits.wall_time, made).await;
        let made = self.conclude(NEW, &grant, &log, &mut store, outcome, started)?;
        let (guest, reader) = made.value;
        Ok(FileReading {
            connector: self.clone(),
            grant,
            log,
            store,
            guest,
            reader,
            report: made.report,
            _places: places,
        })
    }
}

const NEW: &str = "document-reader";

impl FileReading {
    /// First pass: the next piece of the file.
    pub async fn survey(&mut self, piece: &[u8]) -> Result<(), CallError> {
        self.step("document-reader.survey", async |reader, at, store| reader.call_survey(store, at, piece).await).await
    }

    /// The end of the first pass.
    pub async fn summarize(&mut self) -> Result<DocumentSummary, CallError> {
        self.step("document-reader.summarize", async |reader, at, store| {
            let outcome = reader.call_summarize(store, at).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// Second pass: the next piece of the file.
    pub async fn read(&mut self, piece: &[u8]) -> Result<Vec<RawRecord>, CallError> {
        self.step("document-reader.read", async |reader, at, store| {
            let outcome = reader.call_read(store, at, piece).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// The end of the second pass.
    pub async fn finish(&mut self) -> Result<Vec<RawRecord>, CallError> {
        self.step("document-reader.finish", async |reader, at, store| {
            let outcome = reader.call_finish(store, at).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// What the reader wrote to its log so far.
    pub fn log(&self) -> LogStats {
        self.report.log
    }

    /// Largest size of the reader's memory so far.
    pub fn peak_memory_bytes(&self) -> usize {
        self.report.peak_memory_bytes
    }

    async fn step<T>(
        &mut self,
        function: &'static str,
        body: impl AsyncFnOnce(GuestDocumentReader<'_>, ResourceAny, &mut Store<SandboxState>) -> Outcome<T>,
    ) -> Result<T, CallError> {
        let started = Instant::now();
        let limits = self.connector.limits();
        limit_cpu(&mut self.store, limits.cpu_time);
        let reader = self.guest.appsec_connector_source().document_reader();
        let outcome = within(limits.wall_time, body(reader, self.reader, &mut self.store)).await;
        let called = self.connector.conclude(function, &self.grant, &self.log, &mut self.store, outcome, started)?;
        self.report = called.report;
        Ok(called.value)
    }
}
