//! Which request gets which answer.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, Request, State},
    middleware::{self, Next},
    response::IntoResponse,
    routing::get,
};
use http::{HeaderValue, Method, Response, StatusCode, header};

use crate::{
    Site,
    access::Refusal,
    answer::{Fault, HEADERS, html},
    api, pages,
};

/// Answers requests.
pub(crate) type Service = Router;

/// Where everything is.
pub(crate) fn service(site: Arc<Site>) -> Service {
    let closed = Router::new()
        .route("/", get(pages::tenants::first))
        .route("/tenants", get(pages::tenants::all))
        .nest("/t/{tenant}", pages::router())
        .nest("/api/v1", api::router())
        .fallback(async || Fault::not_found("such page"))
        .layer(middleware::from_fn_with_state(site.clone(), let_in));
    Router::new()
        .route("/enter", get(enter))
        .route("/healthz", get(async || "ok\n"))
        .route("/assets/app.css", get(style))
        .merge(closed)
        .layer(middleware::from_fn_with_state(site.clone(), admit))
        .with_state(site)
}

impl IntoResponse for Fault {
    /// As a page; the API makes its own of it.
    fn into_response(self) -> Response<Body> {
        let mut response = html(pages::fault(&self));
        *response.status_mut() = self.status;
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Every request passes here first, and every answer last.
async fn admit(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response<Body> {
    let is_api = request.uri().path().starts_with("/api/");
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = match site.gate.admits(request.headers()) {
        Err(refusal) => refused(refusal).into_response(),
        Ok(()) if !is_read => {
            let detail = "these pages change nothing: use GET".to_owned();
            let mut response =
                Fault { status: StatusCode::METHOD_NOT_ALLOWED, code: "method-not-allowed", detail }.into_response();
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        Ok(()) => next.run(request).await,
    };
    if is_api && let Some(fault) = response.extensions_mut().remove::<Arc<Fault>>() {
        response = fault.problem();
    }
    for (name, value) in HEADERS {
        // What may be kept says so.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Only browsers that were let in come further.
async fn let_in(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response<Body> {
    let now = Instant::now();
    match site.gate.knows(request.headers(), now) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            if refusal == Refusal::Session {
                site.gate.renew_link(now);
            }
            refused(refusal).into_response()
        }
    }
}

fn refused(refusal: Refusal) -> Fault {
    let (status, code) = match refusal {
        Refusal::Host => (StatusCode::MISDIRECTED_REQUEST, "wrong-host"),
        Refusal::Proxy => (StatusCode::FORBIDDEN, "proxied"),
        Refusal::Site => (StatusCode::FORBIDDEN, "cross-site"),
        Refusal::Session => (StatusCode::UNAUTHORIZED, "not-let-in"),
    };
    Fault { status, code, detail: refusal.to_string() }
}

async fn enter(State(site): State<Arc<Site>>, RawQuery(raw): RawQuery) -> Response<Body> {
    let raw = raw.unwrap_or_default();
    let key = url::form_urlencoded::parse(raw.as_bytes()).find(|(name, _)| name == "key").map(|(_, key)| key);
    let now = Instant::now();
    match site.gate.enter(key.as_deref().unwrap_or_default(), now) {
        Some(cookie) => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)]).into_response()
        }
        None => {
            site.gate.renew_link(now);
            let detail = "the link was used before, or is too old".to_owned();
            Fault { status: StatusCode::UNAUTHORIZED, code: "link-invalid", detail }.into_response()
        }
    }
}

async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css"), (header::CACHE_CONTROL, "max-age=31536000, immutable")];
    (headers, pages::STYLE)
}
