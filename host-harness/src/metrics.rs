//! Counts of what this process has done, in the text format of Prometheus.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use appsec_grant::{InstanceName, TenantId};
use appsec_ingest::{Error as IngestError, Progress, SyncEvent};
use appsec_store::Run;
use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Bounds of how long syncs take, in seconds.
const SYNC_SECONDS: [f64; 8] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0];

/// Bounds of how long requests take, in seconds.
const REQUEST_SECONDS: [f64; 8] = [0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// What is asked of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Surface {
    /// Pages, and what they load.
    Page,
    /// The HTTP API.
    Api,
    /// Events of vendors.
    Event,
}

impl Surface {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Api => "api",
            Self::Event => "event",
        }
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(crate) struct OfInstance {
    pub tenant: String,
    pub instance: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfSync {
    tenant: String,
    instance: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfAnswer {
    surface: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfSurface {
    surface: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfBuild {
    version: &'static str,
}

/// What this process has done since it began.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    syncs: Family<OfSync, Counter>,
    sync_seconds: Histogram,
    pages: Family<OfInstance, Counter>,
    records: Family<OfInstance, Counter>,
    written: Family<OfInstance, Counter>,
    waits: Family<OfInstance, Counter>,
    wait_seconds: Family<OfInstance, Counter<f64, AtomicU64>>,
    requests: Family<OfAnswer, Counter>,
    request_seconds: Family<OfSurface, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut it = Self {
            registry: Registry::with_prefix("harness"),
            syncs: Family::default(),
            sync_seconds: Histogram::new(SYNC_SECONDS),
            pages: Family::default(),
            records: Family::default(),
            written: Family::default(),
            waits: Family::default(),
            wait_seconds: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS)),
        };
        let build: Family<OfBuild, Gauge> = Family::default();
        build.get_or_create(&OfBuild { version: env!("CARGO_PKG_VERSION") }).set(1);
        let registry = &mut it.registry;
        registry.register("build_info", "Version of the program", build);
        registry.register("syncs", "Syncs that ended in this process, by outcome", it.syncs.clone());
        registry.register("sync_seconds", "How long syncs took", it.sync_seconds.clone());
        registry.register("pages", "Pages of vendors that were ingested", it.pages.clone());
        registry.register("records", "Records in these pages", it.records.clone());
        registry.register("records_written", "Records that were new or changed", it.written.clone());
        registry.register("waits", "Times that a sync waited for a vendor", it.waits.clone());
        registry.register("wait_seconds", "How long syncs waited for vendors", it.wait_seconds.clone());
        registry.register("http_requests", "Requests that were answered", it.requests.clone());
        registry.register("http_request_seconds", "How long answers took to begin", it.request_seconds.clone());
        it
    }
}

impl Metrics {
    /// What `Content-Type` says of the text.
    pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

    /// A request was answered.
    pub fn request(&self, surface: Surface, method: &http::Method, status: http::StatusCode, took: Duration) {
        let surface = surface.as_str();
        // What a stranger sends does not become a series.
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        let method = known.into_iter().find(|it| *it == method.as_str()).unwrap_or("other");
        self.requests.get_or_create(&OfAnswer { surface, method, status: status.as_u16() }).inc();
        self.request_seconds.get_or_create(&OfSurface { surface }).observe(took.as_secs_f64());
    }

    /// A sync begins.
    pub(crate) fn sync(&self, tenant: &TenantId, instance: &InstanceName) -> SyncWatch {
        let of = OfInstance { tenant: tenant.to_string(), instance: instance.to_string() };
        SyncWatch {
            begun: Instant::now(),
            pages: self.pages.get_or_create_owned(&of),
            records: self.records.get_or_create_owned(&of),
            written: self.written.get_or_create_owned(&of),
            waits: self.waits.get_or_create_owned(&of),
            wait_seconds: self.wait_seconds.get_or_create_owned(&of),
            syncs: self.syncs.clone(),
            seconds: self.sync_seconds.clone(),
            of,
        }
    }

    /// The counts, as text.
    pub(crate) fn text(&self) -> String {
        text_of(&self.registry)
    }
}

/// What a registry holds, as text.
pub(crate) fn text_of(registry: &Registry) -> String {
    let mut text = String::new();
    // A text takes whatever is written.
    _ = prometheus_text::encode(&mut text, registry);
    text
}

/// Counts what a sync does.
pub(crate) struct SyncWatch {
    begun: Instant,
    of: OfInstance,
    pages: Counter,
    records: Counter,
    written: Counter,
    waits: Counter,
    wait_seconds: Counter<f64, AtomicU64>,
    syncs: Family<OfSync, Counter>,
    seconds: Histogram,
}

impl SyncWatch {
    /// Looks at the events of a sync on their way.
    pub fn beside(&self, progress: Progress) -> Progress {
        let (pages, records, written) = (self.pages.clone(), self.records.clone(), self.written.clone());
        let (waits, wait_seconds) = (self.waits.clone(), self.wait_seconds.clone());
        Arc::new(move |event| {
            match &event {
                SyncEvent::Page { records: read, written: new, .. } => {
                    pages.inc();
                    records.inc_by(*read);
                    written.inc_by(*new);
                }
                SyncEvent::Waiting { wait, .. } => {
                    waits.inc();
                    wait_seconds.inc_by(wait.as_secs_f64());
                }
                _ => {}
            }
            progress(event);
        })
    }

    /// The sync ended.
    pub fn ended(self, outcome: Result<&Run, &IngestError>) {
        let OfInstance { tenant, instance } = self.of;
        let outcome = match outcome {
            Ok(run) => run.state.as_str(),
            Err(IngestError::Stopped) => "stopped",
            Err(_) => "error",
        };
        self.syncs.get_or_create(&OfSync { tenant, instance, outcome }).inc();
        self.seconds.observe(self.begun.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_send_makes_no_series() {
        let metrics = Metrics::default();
        for number in 0..50 {
            let method = http::Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
            metrics.request(Surface::Page, &method, http::StatusCode::OK, Duration::from_millis(3));
        }
        let text = metrics.text();
        let series: Vec<&str> = text.lines().filter(|line| line.starts_with("harness_http_requests_total{")).collect();
        assert_eq!(series, [r#"harness_http_requests_total{surface="page",method="other",status="200"} 50"#]);
    }
}
