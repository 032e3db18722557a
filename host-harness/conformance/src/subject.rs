//! What is judged.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use appsec_grant::{BucketError, BucketStore, Changes, EgressPolicy, Values, apply};
use appsec_model::{
    Connection, DecisionBatch, DecisionReport, DocumentHead, DocumentSummary, Event, FetchRequest, Manifest,
    Normalized, ProjectPage, RawInput, RawPage, RawRecord, Scan,
};
use appsec_sandbox::{CallError, CallFailure, Connector, Grant, HttpGrant, LogStats, Response, Still};

/// What came of a call.
pub type Called<T> = Result<Response<T>, CallFailure>;

/// What a call of a connector may use.
#[derive(Clone)]
pub struct Call {
    /// Its bucket.
    pub bucket: Arc<Scratch>,
    /// Whether its origins are granted.
    pub is_granted: bool,
}

/// A connector as a host sees it.
pub trait Subject: Sync {
    /// Its secret, and what stands for it: neither may be seen anywhere.
    fn secrets(&self) -> Vec<String>;

    /// `describe`.
    fn describe(&self, still: Still) -> impl Future<Output = Called<Manifest>> + Send;

    /// `configure`.
    fn configure(&self, call: &Call, settings: &str) -> impl Future<Output = Called<Connection>> + Send;

    /// `list-projects`.
    fn list_projects(&self, call: &Call, cursor: Option<&str>) -> impl Future<Output = Called<ProjectPage>> + Send;

    /// `fetch-findings`.
    fn fetch_findings(&self, call: &Call, request: FetchRequest) -> impl Future<Output = Called<RawPage>> + Send;

    /// `fetch-scan`.
    fn fetch_scan(&self, call: &Call, id: &str) -> impl Future<Output = Called<Option<Scan>>> + Send;

    /// `write-decisions`.
    fn write_decisions(&self, call: &Call, batch: DecisionBatch)
    -> impl Future<Output = Called<DecisionReport>> + Send;

    /// `normalize`.
    fn normalize(&self, still: Still, input: RawInput) -> impl Future<Output = Called<Normalized>> + Send;

    /// `interpret-event`.
    fn interpret_event(&self, still: Still, body: &[u8]) -> impl Future<Output = Called<Event>> + Send;

    /// A file through `document-reader`, in pieces.
    fn read_file(
        &self,
        head: DocumentHead,
        pieces: &[&[u8]],
    ) -> impl Future<Output = Result<ReadFile, CallFailure>> + Send;

    /// How long the last call took, failed or not.
    fn took(&self) -> Duration;

    /// The worst that each function wrote to its log so far.
    fn log(&self) -> Vec<(&'static str, LogStats)>;
}

/// A file as a reader gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadFile {
    /// What the first pass says of it.
    pub summary: DocumentSummary,
    /// What the second pass gives.
    pub records: Vec<RawRecord>,
}

/// A component in its sandbox.
pub struct Sandboxed {
    connector: Connector,
    http: HttpGrant,
    /// Not the lines themselves: a connector is called some thousand times.
    log: Mutex<BTreeMap<&'static str, LogStats>>,
    took: Mutex<Duration>,
}

impl Sandboxed {
    /// A connector over a network, whose transport has the `Lab` in between.
    pub fn new(connector: Connector, http: HttpGrant) -> Self {
        Self { connector, http, log: Mutex::default(), took: Mutex::default() }
    }

    /// What came of a call, with its log put aside.
    fn noted<T>(&self, function: &'static str, called: Result<Response<T>, CallError>) -> Called<T> {
        let (report, lines) = match &called {
            Ok(response) => (&response.report, &response.log),
            Err(error) => (&error.report, &error.log_tail),
        };
        let stats = report.log;
        *self.took.lock().unwrap_or_else(PoisonError::into_inner) = report.elapsed;
        // A call that is granted nothing may have a secret from elsewhere.
        let secrets = self.secrets();
        let has_secret = lines.iter().any(|line| secrets.iter().any(|secret| line.contains(secret)));
        self.wrote(function, LogStats { has_secret: stats.has_secret || has_secret, ..stats });
        called.map_err(|error| error.failure)
    }

    fn wrote(&self, function: &'static str, stats: LogStats) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let worst = log.entry(function).or_default();
        *worst = worst.worst(stats);
    }

    fn grant(&self, call: &Call) -> Grant {
        let mut http = self.http.clone();
        if !call.is_granted {
            http.policy = Arc::new(EgressPolicy::default());
        }
        Grant { instance_path: PATH.to_owned(), http: Some(http), bucket: Some(call.bucket.clone()) }
    }
}

/// Who calls, in logs.
const PATH: &str = "conformance";

impl Subject for Sandboxed {
    fn secrets(&self) -> Vec<String> {
        let texts = |it: &appsec_sandbox::GrantedSecret| [it.placeholder.clone(), it.secret.reveal().to_owned()];
        let tokens = self.http.tokens.iter().map(|tokens| tokens.placeholder().to_owned());
        self.http.secrets.iter().flat_map(texts).chain(tokens).collect()
    }

    async fn describe(&self, still: Still) -> Called<Manifest> {
        self.noted("describe", self.connector.standing_at(still).describe(PATH).await)
    }

    async fn configure(&self, call: &Call, settings: &str) -> Called<Connection> {
        self.noted("configure", self.connector.configure(&self.grant(call), settings).await)
    }

    async fn list_projects(&self, call: &Call, cursor: Option<&str>) -> Called<ProjectPage> {
        self.noted("list-projects", self.connector.list_projects(&self.grant(call), cursor).await)
    }

    async fn fetch_findings(&self, call: &Call, request: FetchRequest) -> Called<RawPage> {
        self.noted("fetch-findings", self.connector.fetch_findings(&self.grant(call), request).await)
    }

    async fn fetch_scan(&self, call: &Call, id: &str) -> Called<Option<Scan>> {
        self.noted("fetch-scan", self.connector.fetch_scan(&self.grant(call), id).await)
    }

    async fn write_decisions(&self, call: &Call, batch: DecisionBatch) -> Called<DecisionReport> {
        self.noted("write-decisions", self.connector.write_decisions(&self.grant(call), batch).await)
    }

    async fn normalize(&self, still: Still, input: RawInput) -> Called<Normalized> {
        self.noted("normalize", self.connector.standing_at(still).normalize(PATH, input).await)
    }

    async fn interpret_event(&self, still: Still, body: &[u8]) -> Called<Event> {
        self.noted("interpret-event", self.connector.standing_at(still).interpret_event(PATH, body).await)
    }

    async fn read_file(&self, head: DocumentHead, pieces: &[&[u8]]) -> Result<ReadFile, CallFailure> {
        let read = async {
            let mut reading = self.connector.read_file(PATH, head).await?;
            for part in pieces {
                reading.survey(part).await?;
            }
            let summary = reading.summarize().await?;
            let mut records = Vec::new();
            for part in pieces {
                records.extend(reading.read(part).await?);
            }
            records.extend(reading.finish().await?);
            Ok((ReadFile { summary, records }, reading.log()))
        };
        let read: Result<_, CallError> = read.await;
        let stats = read.as_ref().map_or_else(|error| error.report.log, |(_, stats)| *stats);
        self.wrote("document-reader", stats);
        read.map(|(file, _)| file).map_err(|error| error.failure)
    }

    fn took(&self) -> Duration {
        *self.took.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> Vec<(&'static str, LogStats)> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(name, stats)| (*name, *stats)).collect()
    }
}

/// Most keys of a bucket, as the contract has it.
pub(crate) const MOST_KEYS: usize = 256;

/// A bucket that nobody keeps.
#[derive(Default)]
pub struct Scratch {
    values: Mutex<Values>,
    is_broken: bool,
}

impl Scratch {
    /// One with these values.
    pub(crate) fn of(values: Values) -> Self {
        Self { values: Mutex::new(values), is_broken: false }
    }

    /// One that cannot be read.
    pub(crate) fn broken() -> Self {
        Self { is_broken: true, ..Self::default() }
    }

    /// One that takes nothing more: it has as many keys and bytes as a host lets it.
    pub(crate) fn full() -> Self {
        Self::of((0..MOST_KEYS).map(|number| (format!("filled-{number:03}"), vec![b'x'; 4_086])).collect())
    }

    /// What is in it.
    pub fn values(&self) -> Values {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl BucketStore for Scratch {
    fn load(&self) -> Result<Values, BucketError> {
        if self.is_broken {
            return Err(BucketError { what: "read", source: "it is broken on purpose".into() });
        }
        Ok(self.values())
    }

    fn commit(&self, changes: &Changes) -> Result<(), BucketError> {
        apply(&mut self.values.lock().unwrap_or_else(PoisonError::into_inner), changes);
        Ok(())
    }
}
