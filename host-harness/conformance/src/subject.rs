//! What is judged.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use appsec_grant::{BucketError, BucketStore, Changes, EgressPolicy, Values, apply};
use appsec_model::{Connection, Event, FetchRequest, Manifest, Normalized, ProjectPage, RawInput, RawPage, Scan};
use appsec_sandbox::{CallFailure, Connector, Grant, HttpGrant, Response, Still};

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

    /// `normalize`.
    fn normalize(&self, still: Still, input: RawInput) -> impl Future<Output = Called<Normalized>> + Send;

    /// `interpret-event`.
    fn interpret_event(&self, still: Still, body: &[u8]) -> impl Future<Output = Called<Event>> + Send;
}

/// A component in its sandbox.
pub struct Sandboxed {
    connector: Connector,
    http: HttpGrant,
}

impl Sandboxed {
    /// A connector over a network, whose transport has the `Lab` in between.
    pub fn new(connector: Connector, http: HttpGrant) -> Self {
        Self { connector, http }
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

fn failure(error: appsec_sandbox::CallError) -> CallFailure {
    error.failure
}

impl Subject for Sandboxed {
    fn secrets(&self) -> Vec<String> {
        let texts = |it: &appsec_sandbox::GrantedSecret| [it.placeholder.clone(), it.secret.reveal().to_owned()];
        self.http.secrets.iter().flat_map(texts).collect()
    }

    async fn describe(&self, still: Still) -> Called<Manifest> {
        self.connector.standing_at(still).describe(PATH).await.map_err(failure)
    }

    async fn configure(&self, call: &Call, settings: &str) -> Called<Connection> {
        self.connector.configure(&self.grant(call), settings).await.map_err(failure)
    }

    async fn list_projects(&self, call: &Call, cursor: Option<&str>) -> Called<ProjectPage> {
        self.connector.list_projects(&self.grant(call), cursor).await.map_err(failure)
    }

    async fn fetch_findings(&self, call: &Call, request: FetchRequest) -> Called<RawPage> {
        self.connector.fetch_findings(&self.grant(call), request).await.map_err(failure)
    }

    async fn fetch_scan(&self, call: &Call, id: &str) -> Called<Option<Scan>> {
        self.connector.fetch_scan(&self.grant(call), id).await.map_err(failure)
    }

    async fn normalize(&self, still: Still, input: RawInput) -> Called<Normalized> {
        self.connector.standing_at(still).normalize(PATH, input).await.map_err(failure)
    }

    async fn interpret_event(&self, still: Still, body: &[u8]) -> Called<Event> {
        self.connector.standing_at(still).interpret_event(PATH, body).await.map_err(failure)
    }
}

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
