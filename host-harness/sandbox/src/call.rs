//! Calls of a connector: each in a store of its own, within the limits.

use std::{
    fmt,
    future::Future,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use appsec_model::{
    Connection, DecisionBatch, DecisionReport, Error as ContractError, ErrorCode, Event, FetchRequest, Manifest,
    Normalized, ProjectPage, RawInput, RawPage, Scan,
};
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::{I32Exit, WasiCtx};

use super::{
    bindings::{Connector as Bindings, ConnectorPre, appsec::connector::model as wit},
    convert::{IntoModel, IntoWit},
    engine::{Runtime, TICK},
    inspect::Inspection,
    manifest,
    output::{Log, LogStats, clean},
    refusal::{MAX_MESSAGE_BYTES, tidy},
    state::{LimitHit, MAX_HANDLES, SandboxState},
    still::{self, Still},
};
use crate::{
    capability::{
        credential::forms,
        http::{HttpGrant, HttpHooks},
        oauth::{TokenFailure, TokenProblem},
        storage::BucketCtx,
        transport::{ProxyFailure, ProxyProblem},
        usage::Refused,
    },
    limits::Limits,
};
use appsec_grant::{BucketStore, Code, Secret};

/// A compiled and linked connector. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    pub(super) runtime: Runtime,
    pub(super) pre: Arc<ConnectorPre<SandboxState>>,
    inspection: Arc<Inspection>,
    still: Still,
}

/// What a call may use, and on whose behalf it is made.
#[derive(Clone, Default)]
pub struct Grant {
    /// Tenant and instance, such as `acme/code`, for logs and errors.
    pub instance_path: String,
    /// The network; none for calls that need none.
    pub http: Option<HttpGrant>,
    /// The bucket; none for calls that need none.
    pub bucket: Option<Arc<dyn BucketStore>>,
}

impl Grant {
    /// Whether the call sees its input and nothing else: then clocks stand still
    /// and random numbers are the same every time, so that its result is, too.
    fn is_pure(&self) -> bool {
        self.http.is_none() && self.bucket.is_none()
    }
}

/// The result of a call and what it took.
#[derive(Clone, Debug)]
pub struct Response<T> {
    /// The result.
    pub value: T,
    /// What it took.
    pub report: CallStats,
    /// The lines of the guest's log, as they went to the host's.
    pub log: Vec<String>,
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallStats {
    /// Largest size of the guest's memory.
    pub peak_memory_bytes: usize,
    /// Requests that left the host.
    pub requests: u32,
    /// Whether the host refused a request.
    pub refused: bool,
    /// Bytes of bodies received.
    pub received_bytes: u64,
    /// What the guest wrote to its log.
    pub log: LogStats,
    /// Time around the call.
    pub elapsed: Duration,
}

/// A failed call.
#[derive(Debug)]
pub struct CallError {
    /// Tenant and instance.
    pub instance_path: String,
    /// Function of the contract.
    pub function: &'static str,
    /// Why.
    pub failure: CallFailure,
    /// What it took until then.
    pub report: CallStats,
    /// The last lines of the guest's log.
    pub log_tail: Vec<String>,
}

/// Why a call failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallFailure {
    /// The connector says why.
    Contract(ContractError),
    /// A request was refused by the host, whatever the connector made of it.
    Refused(Refused),
    /// An answer was refused for how it was encoded, whatever the connector
    /// made of it.
    Encoded(String),
    /// The proxy on the way failed or refused, whatever the connector made of it.
    Proxy(ProxyFailure),
    /// There is no access token, whatever the connector made of it.
    Token(TokenFailure),
    /// A limit of the sandbox stopped it.
    Limit(LimitHit),
    /// The guest broke: a panic, a wrong memory access, a broken promise of
    /// the component model.
    Trap(String),
    /// It describes itself in a way that the host cannot use.
    Manifest(String),
    /// The host itself failed, such as when the bucket cannot be written.
    Host(String),
}

impl CallFailure {
    /// A stable word for it.
    pub fn code(&self) -> Code {
        match self {
            Self::Contract(error) => contract_code(error.code),
            Self::Refused(Refused { by_rule: true, .. }) => Code::RequestRefused,
            Self::Refused(_) => Code::EgressDenied,
            Self::Encoded(_) => Code::EncodedAnswer,
            Self::Proxy(failure) => match failure.problem {
                ProxyProblem::Unavailable => Code::ProxyUnavailable,
                ProxyProblem::Refused => Code::ProxyRefused,
                ProxyProblem::Credentials => Code::ProxyCredentials,
                ProxyProblem::Protocol => Code::ProxyProtocol,
            },
            Self::Token(failure) => match failure.problem {
                TokenProblem::Refused => Code::OauthRefused,
                TokenProblem::Unavailable => Code::OauthUnavailable,
                TokenProblem::Protocol => Code::OauthProtocol,
            },
            Self::Limit(_) => Code::SandboxLimit,
            Self::Trap(_) | Self::Manifest(_) => Code::ConnectorCrashed,
            Self::Host(_) => Code::Host,
        }
    }
}

impl CallError {
    /// A stable word for it. A file that the connector cannot read is told from
    /// a function that it does not have.
    pub fn code(&self) -> Code {
        let of_file = self.function == "normalize" || self.function.starts_with("document-reader");
        match self.failure.code() {
            Code::Unsupported if of_file => Code::FileUnsupported,
            code => code,
        }
    }
}

fn contract_code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::InvalidSettings => Code::InvalidSettings,
        ErrorCode::NotConfigured => Code::NotConfigured,
        ErrorCode::Unauthorized => Code::Unauthorized,
        ErrorCode::Forbidden => Code::Forbidden,
        ErrorCode::MissingScope => Code::MissingScope,
        ErrorCode::NoDeployment => Code::NoDeployment,
        ErrorCode::DeploymentNotFound => Code::DeploymentNotFound,
        ErrorCode::ProjectNotFound => Code::ProjectNotFound,
        ErrorCode::RateLimited => Code::RateLimited,
        ErrorCode::Unavailable => Code::Unavailable,
        ErrorCode::EgressDenied => Code::EgressDenied,
        ErrorCode::Protocol => Code::Protocol,
        ErrorCode::InvalidCursor => Code::InvalidCursor,
        ErrorCode::Unsupported => Code::Unsupported,
        ErrorCode::Limit => Code::Limit,
        ErrorCode::Internal => Code::Internal,
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            CallFailure::Contract(error) => write!(out, "{error}")?,
            CallFailure::Refused(refused) => write!(out, "egress denied: {}", refused.why)?,
            CallFailure::Encoded(coding) => {
                write!(out, "the vendor's answer is encoded as `{coding}`, and only `identity` was asked for")?;
            }
            CallFailure::Proxy(failure) => write!(out, "{failure}")?,
            CallFailure::Token(failure) => write!(out, "{failure}")?,
            CallFailure::Limit(limit) => write!(out, "the connector was stopped in `{}`: {limit}", self.function)?,
            CallFailure::Trap(what) => write!(out, "the connector crashed in `{}`: {what}", self.function)?,
            CallFailure::Manifest(what) => write!(out, "the connector's description of itself is unusable: {what}")?,
            CallFailure::Host(what) => write!(out, "the host failed in `{}`: {what}", self.function)?,
        }
        if !matches!(
            self.failure,
            CallFailure::Contract(_)
                | CallFailure::Refused(_)
                | CallFailure::Encoded(_)
                | CallFailure::Proxy(_)
                | CallFailure::Token(_)
        ) {
            for line in &self.log_tail {
                write!(out, "\n  connector: {line}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

pub(super) type Outcome<T> = wasmtime::Result<Result<T, wit::Error>>;

impl Connector {
    pub(super) fn new(runtime: Runtime, pre: ConnectorPre<SandboxState>, inspection: Inspection) -> Self {
        Self { runtime, pre: Arc::new(pre), inspection: Arc::new(inspection), still: Still::default() }
    }

    /// The same connector where clocks of pure calls stand elsewhere, and their
    /// random numbers are others: what it says there must be the same.
    pub fn standing_at(&self, still: Still) -> Self {
        Self { still, ..self.clone() }
    }

    /// What its bytes say.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// The limits of its sandboxes.
    pub fn limits(&self) -> &Limits {
        self.runtime.limits()
    }

    /// Calls `describe`, with nothing granted, and checks what it says.
    pub async fn describe(&self, instance_path: &str) -> Result<Response<Manifest>, CallError> {
        let grant = Grant { instance_path: instance_path.to_owned(), ..Grant::default() };
        let called = async |guest: &Bindings, store: &mut Store<SandboxState>| {
            guest.appsec_connector_source().call_describe(store).await.map(|manifest| Ok(manifest.into_model()))
        };
        let described = self.call("describe", &grant, called).await?;
        match manifest::fault(&described.value, self.inspection.contract_version.as_deref()) {
            None => Ok(described),
            Some(fault) => Err(CallError {
                instance_path: grant.instance_path,
                function: "describe",
                failure: CallFailure::Manifest(fault),
                report: described.report,
                log_tail: Vec::new(),
            }),
        }
    }

    /// Calls `configure`.
    pub async fn configure(&self, grant: &Grant, settings: &str) -> Result<Response<Connection>, CallError> {
        self.call("configure", grant, async |guest, store| {
            let outcome = guest.appsec_connector_source().call_configure(store, settings).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// Calls `list-projects`.
    pub async fn list_projects(&self, grant: &Grant, cursor: Option<&str>) -> Result<Response<ProjectPage>, CallError> {
        self.call("list-projects", grant, async |guest, store| {
            let outcome = guest.appsec_connector_source().call_list_projects(store, cursor).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// Calls `fetch-findings`.
    pub async fn fetch_findings(&self, grant: &Grant, request: FetchRequest) -> Result<Response<RawPage>, CallError> {
        let request = request.into_wit();
        self.call("fetch-findings", grant, async |guest, store| {
            let outcome = guest.appsec_connector_source().call_fetch_findings(store, &request).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// Calls `write-decisions`.
    pub async fn write_decisions(
        &self,
        grant: &Grant,
        batch: DecisionBatch,
    ) -> Result<Response<DecisionReport>, CallError> {
        let batch = batch.into_wit();
        self.call("write-decisions", grant, async |guest, store| {
            let outcome = guest.appsec_connector_source().call_write_decisions(store, &batch).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// Calls `normalize`, with nothing granted: no network, no bucket, no
    /// environment.
    pub async fn normalize(&self, instance_path: &str, input: RawInput) -> Result<Response<Normalized>, CallError> {
        let grant = Grant { instance_path: instance_path.to_owned(), ..Grant::default() };
        let input = input.into_wit();
        self.call("normalize", &grant, async |guest, store| {
            let outcome = guest.appsec_connector_source().call_normalize(store, &input).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// Calls `interpret-event`, with nothing granted, like `normalize`.
    pub async fn interpret_event(&self, instance_path: &str, body: &[u8]) -> Result<Response<Event>, CallError> {
        let grant = Grant { instance_path: instance_path.to_owned(), ..Grant::default() };
        self.call("interpret-event", &grant, async |guest, store| {
            let outcome = guest.appsec_connector_source().call_interpret_event(store, body).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    /// A sandbox that is made and dropped without a call: what a call costs
    /// before the connector does anything.
    pub async fn instantiate_only(&self) -> Result<(), CallError> {
        self.call("none", &Grant::default(), async |_, _| Ok(Ok(()))).await.map(|_| ())
    }

    /// Calls `fetch-scan`.
    pub async fn fetch_scan(&self, grant: &Grant, id: &str) -> Result<Response<Option<Scan>>, CallError> {
        self.call("fetch-scan", grant, async |guest, store| {
            let outcome = guest.appsec_connector_source().call_fetch_scan(store, id).await;
            outcome.map(|result| result.map(IntoModel::into_model))
        })
        .await
    }

    async fn call<T>(
        &self,
        function: &'static str,
        grant: &Grant,
        body: impl AsyncFnOnce(&Bindings, &mut Store<SandboxState>) -> Outcome<T>,
    ) -> Result<Response<T>, CallError> {
        let started = Instant::now();
        let shared = &self.runtime.shared;
        // The semaphore is never closed.
        let _place = shared.sandboxes.acquire().await;
        shared.calls.fetch_add(1, Ordering::Relaxed);
        let log = Log::new(shared.limits.log_bytes, shared.limits.log_line_bytes);
        let mut store = self.store(grant, &log);
        let called = async {
            let guest = self.pre.instantiate_async(&mut store).await?;
            body(&guest, &mut store).await
        };
        let outcome = within(shared.limits.wall_time, called).await;
        self.conclude(function, grant, &log, &mut store, outcome, started)
    }

    /// What a call came to: its result or why it failed, what it took, and its
    /// log lines to where the host's go.
    #[expect(clippy::result_large_err, reason = "the calls return it as it is")]
    pub(super) fn conclude<T>(
        &self,
        function: &'static str,
        grant: &Grant,
        log: &Log,
        store: &mut Store<SandboxState>,
        outcome: Outcome<T>,
        started: Instant,
    ) -> Result<Response<T>, CallError> {
        let shared = &self.runtime.shared;
        let state = store.data_mut();
        let refusal = state.hooks.usage().refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        let unseen = unseen(grant);
        let secrets: Vec<&str> = unseen.iter().map(Secret::reveal).collect();
        let report = CallStats {
            refused: refusal.is_some(),
            peak_memory_bytes: state.limiter.peak_memory,
            requests: state.hooks.usage().requests.load(Ordering::Relaxed),
            received_bytes: state.hooks.usage().received_bytes.load(Ordering::Relaxed),
            log: log.stats(&secrets),
            elapsed: started.elapsed(),
        };
        let news = log.news(&secrets);
        for line in &news {
            tracing::info!(target: "guest", instance_path = grant.instance_path, function, "{line}");
        }
        let oversized = state.hooks.usage().oversized.load(Ordering::Relaxed);
        let encoded = state.hooks.usage().encoded.get().cloned();
        let proxy = state.hooks.usage().proxy.get().cloned().map(CallFailure::Proxy);
        let unreached = state.hooks.usage().token.get().cloned().map(CallFailure::Token).or(proxy);
        let denied = refusal.as_ref().map(|it| it.why.clone());
        let result = match outcome {
            Ok(Ok(value)) => {
                state.bucket.commit().map(|()| value).map_err(|error| CallFailure::Host(error.to_string()))
            }
            Ok(Err(error)) => Err(match (error.into_model(), refusal, encoded, unreached) {
                // An HTTP library that knows no refusal makes a failure of the network of it.
                (error, Some(refusal), ..)
                    if is_of_network(&error) || matches!(error.code, ErrorCode::EgressDenied | ErrorCode::Protocol) =>
                {
                    CallFailure::Refused(refusal)
                }
                (error, .., Some(failure)) if is_of_network(&error) => failure,
                // Whatever the guest takes it for, it would be as large again.
                _ if oversized => CallFailure::Limit(LimitHit::Answer(shared.limits.response_bytes)),
                (_, _, Some(coding), _) => CallFailure::Encoded(coding),
                (error, ..) => CallFailure::Contract(tidy(error, &secrets)),
            }),
            Err(error) => Err(failure(&error, &shared.limits, &secrets)),
        };
        // What the guest made nothing of would be told nowhere else.
        if let Some(denied) = denied.filter(|_| !matches!(result, Err(CallFailure::Refused(_)))) {
            tracing::warn!(instance_path = grant.instance_path, "a request of `{function}` was refused: {denied}");
        }
        result.map(|value| Response { value, report, log: news }).map_err(|failure| CallError {
            instance_path: grant.instance_path.clone(),
            function,
            failure,
            report,
            log_tail: log.tail(&secrets),
        })
    }

    /// A store with everything that the grant allows and nothing else.
    pub(super) fn store(&self, grant: &Grant, log: &Log) -> Store<SandboxState> {
        let limits = &self.runtime.shared.limits;
        let mut wasi = WasiCtx::builder();
        wasi.stderr(log.clone())
            .insecure_random_seed(0)
            .insecure_random(wasmtime_wasi::Deterministic::new(vec![0]))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        if grant.is_pure() {
            still::fix(&mut wasi, self.still);
        }
        if let Some(http) = &grant.http {
            for secret in http.secrets.iter().filter(|secret| !secret.placement.is_for_tokens()) {
                wasi.env(&secret.variable, &secret.placeholder);
            }
            if let Some(tokens) = &http.tokens {
                wasi.env(tokens.variable(), tokens.placeholder());
            }
        }
        let hooks = HttpHooks::new(grant.http.clone(), limits);
        let bucket = BucketCtx::new(grant.bucket.clone(), limits);
        let state = SandboxState::new(wasi.build(), hooks, bucket, limits);

        let mut store = Store::new(&self.runtime.shared.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.result_bytes);
        limit_cpu(&mut store, limits.cpu_time);
        store
    }
}

/// Gives the guest a budget of processor time. The clock also ticks while the
/// guest waits for an answer, but then it is looked at only once, when the
/// guest goes on: what is counted is ticks during which the guest ran.
pub(super) fn limit_cpu(store: &mut Store<SandboxState>, budget: Duration) {
    let mut left = budget.as_nanos() / TICK.as_nanos();
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        left = left.checked_sub(1).ok_or(LimitHit::Cpu(budget))?;
        // Lets other tasks of this thread run before the guest goes on.
        Ok(UpdateDeadline::Yield(1))
    });
}

pub(super) async fn within<T>(limit: Duration, called: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    match tokio::time::timeout(limit, called).await {
        Ok(outcome) => outcome,
        Err(_) => Err(LimitHit::Wall(limit).into()),
    }
}

/// Whether a guest that had no answer may say so.
fn is_of_network(error: &ContractError) -> bool {
    matches!((error.code, error.status), (ErrorCode::Unavailable, None) | (ErrorCode::Internal, _))
}

/// What must not be seen in a log.
fn unseen(grant: &Grant) -> Vec<Secret> {
    grant.http.as_ref().map(|http| forms(&http.secrets)).unwrap_or_default()
}

/// What ended a call, in words for people.
fn failure(error: &wasmtime::Error, limits: &Limits, secrets: &[&str]) -> CallFailure {
    if let Some(limit) = error.downcast_ref::<LimitHit>() {
        return CallFailure::Limit(limit.clone());
    }
    if matches!(error.downcast_ref::<Trap>(), Some(Trap::StackOverflow)) {
        return CallFailure::Limit(LimitHit::Stack(limits.stack_bytes));
    }
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return CallFailure::Trap(format!("it left with exit code {code}"));
    }
    let root = clean(&error.root_cause().to_string(), secrets, MAX_MESSAGE_BYTES);
    // wasmtime has no type for these two.
    if root.contains("fuel allocated for hostcalls") {
        return CallFailure::Limit(LimitHit::Result(format!(
            "a result of more than {} MiB",
            limits.result_bytes >> 20
        )));
    }
    if root.contains("resource table has no free keys") {
        return CallFailure::Limit(LimitHit::Handles(MAX_HANDLES));
    }
    CallFailure::Trap(root)
}
