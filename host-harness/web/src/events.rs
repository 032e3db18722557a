//! Vendors' events, for the daemon beside this server. Who sends them is told by
//! their signature: neither a session nor a host of ours is asked for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    routing::post,
};
use host_harness::{EventReceiver, Surface};
use http::{HeaderValue, Response, StatusCode, header};
use tokio::time::timeout;

use crate::Site;

/// Time for the body of an event.
const BODY_TIME: Duration = Duration::from_secs(15);

/// Where events come in, if there is a daemon to take them.
pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new().route("/webhooks/{tenant}/{instance}", post(take))
}

async fn take(
    State(site): State<Arc<Site>>,
    Path((tenant, instance)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let (begun, method) = (Instant::now(), request.method().clone());
    let (status, again) = match &site.events {
        Some(events) => answer(events, &tenant, &instance, request).await,
        None => (StatusCode::NOT_FOUND, None),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // What a proxy in front takes for a second request is none here.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(wait) = again {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
    }
    site.harness.metrics().request(Surface::Event, &method, status, begun.elapsed());
    response
}

async fn answer(
    events: &EventReceiver,
    tenant: &str,
    instance: &str,
    request: Request,
) -> (StatusCode, Option<Duration>) {
    let (head, body) = request.into_parts();
    if let Err(status) = events.admits(&head.headers) {
        return (status, None);
    }
    match timeout(BODY_TIME, to_bytes(body, EventReceiver::BODY_BYTES)).await {
        Ok(Ok(body)) => events.take(tenant, instance, &head.headers, &body).await,
        Ok(Err(_)) => (StatusCode::PAYLOAD_TOO_LARGE, None),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, None),
    }
}
