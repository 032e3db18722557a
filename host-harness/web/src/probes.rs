//! What a supervisor and a monitoring system ask of a server or of a daemon: no
//! names of findings, and no credentials.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::IntoResponse,
    routing::get,
};
use host_harness::{CancellationToken, Harness, Metrics};
use http::{HeaderValue, Response, StatusCode, header};
use tokio::net::TcpListener;

use crate::{
    PATIENCE, ServeError,
    answer::{Fault, HEADERS},
    asked::Answer,
    listen::{self, Hosts},
};

/// Says how the process and its tenants are, at an address of its own.
pub struct Probes {
    sockets: Vec<TcpListener>,
    address: SocketAddr,
    service: Router,
}

impl Probes {
    /// Takes an address: one of this machine, unless others may ask as well.
    pub async fn bind(harness: Harness, address: SocketAddr, anywhere: bool) -> Result<Self, ServeError> {
        let is_local = address.ip().is_loopback();
        if !is_local && !anywhere {
            return Err(ServeError::Remote(address));
        }
        let (sockets, address) = listen::bind(address).await?;
        let hosts = is_local.then(|| Hosts::new(address.port()));
        let service = health()
            .route("/metrics", get(metrics))
            .layer(middleware::from_fn_with_state(Arc::new(hosts), admit))
            .with_state(harness);
        Ok(Self { sockets, address, service })
    }

    /// The address that it has.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is stopped.
    pub async fn run(self, stop: CancellationToken) {
        let open = listen::accept(self.sockets, self.service, PATIENCE.head, &stop).await;
        listen::ended(open).await;
    }
}

async fn admit(State(hosts): State<Arc<Option<Hosts>>>, request: Request, next: Next) -> Response<Body> {
    let mut response = match &*hosts {
        Some(hosts) if !hosts.admit(request.headers()) => StatusCode::MISDIRECTED_REQUEST.into_response(),
        _ => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the process is up, and whether its tenants can be opened.
pub(crate) fn health() -> Router<Harness> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

async fn metrics(State(harness): State<Harness>) -> Answer {
    counts(&harness).await
}

/// The counts of a harness.
pub(crate) async fn counts(harness: &Harness) -> Result<Response<Body>, Fault> {
    Ok(([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], harness.metrics_text().await?).into_response())
}

/// Whether every tenant can be opened.
async fn ready(State(harness): State<Harness>) -> Response<Body> {
    let opened =
        harness.tenants().and_then(|all| all.iter().try_for_each(|id| harness.existing_tenant(id).map(|_| ())));
    match opened {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
        }
    }
}
