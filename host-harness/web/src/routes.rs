//! Which request gets which answer.

mod packed;

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Extension, RawQuery, Request, State},
    middleware::{self, Next},
    response::IntoResponse,
    routing::{MethodFilter, get},
};
use host_harness::{
    Permission, Surface,
    store::{AuditEntry, AuditOutcome},
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use self::packed::Packable;
use crate::{
    Site,
    access::{Refusal, is_of_owner, may_lead_here},
    answer::{Answer, Fault, HEADERS, html},
    api,
    asked::Form,
    events,
    listen::Ends,
    pages, probes,
    problems::{self, Own},
    table::{API, Routes, record, refused},
};

/// Answers requests.
pub(crate) type Service = Router;

/// Bytes of a request's body, but for files.
const BODY_BYTES: usize = 1 << 20;

/// The routes behind the gate.
pub(crate) fn routes(site: &Arc<Site>) -> Routes {
    let routes = Routes::new(site)
        .read("/", Permission::Read, pages::tenants::first)
        .read("/tenants", Permission::Read, pages::tenants::all)
        .change(MethodFilter::POST, "/tenants", (Permission::Operate, "add tenant"), pages::tenants::add)
        .read("/server", Permission::Operate, pages::server::page)
        .change(
            MethodFilter::POST,
            "/server/sessions/{session}/end",
            (Permission::Operate, "end session"),
            pages::server::end_session,
        )
        .change(
            MethodFilter::POST,
            "/server/sessions/end-others",
            (Permission::Operate, "end other sessions"),
            pages::server::end_other_sessions,
        )
        .read("/api", Permission::Read, pages::reference::page)
        .read("/metrics", Permission::Operate, async |State(site): State<Arc<Site>>| {
            probes::counts(&site.harness).await
        })
        .change(MethodFilter::POST, "/leave", (Permission::Read, "leave"), leave);
    api::routes(pages::routes(routes))
}

/// Where everything is.
pub(crate) fn service(site: Arc<Site>) -> Service {
    let (closed, _) = routes(&site).parts();
    let closed = closed
        .fallback(async || Fault::not_found("such page"))
        .method_not_allowed_fallback(async || {
            Fault::of(Own::MethodNotAllowed, "nothing is asked here with this method")
        })
        .layer(middleware::from_fn_with_state(site.clone(), let_in));
    Router::new()
        .route("/enter", get(enter).post(enter_as_owner))
        .merge(probes::health().with_state(site.harness.clone()))
        .route(problems::BASE, get(pages::problems::list))
        .route("/problems/{code}", get(pages::problems::page))
        .route("/assets/app.css", get(async || asset("text/css", pages::STYLE)))
        .route("/assets/theme.js", get(async || asset("text/javascript", pages::THEME)))
        .route("/assets/inter.woff2", get(async || ([(header::CONTENT_TYPE, "font/woff2"), KEPT], pages::FONT)))
        .route("/assets/app.js", get(async || asset("text/javascript", pages::SCRIPT)))
        .merge(closed)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(site.clone(), admit))
        .layer(packed::layer())
        // Vendors come from elsewhere, and through proxies.
        .merge(events::router())
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
    let path = request.uri().path().to_owned();
    let is_api = path.starts_with("/api/");
    let (begun, method) = (Instant::now(), request.method().clone());
    let known = request.headers().get(header::IF_NONE_MATCH).cloned().filter(|_| method == Method::GET);
    let mut response = match site.gate.admits(request.headers()) {
        Err(refusal) => Fault::from(refusal).into_response(),
        Ok(()) => next.run(request).await,
    };
    if is_api && let Some(fault) = response.extensions_mut().remove::<Arc<Fault>>() {
        let said = response.headers().clone();
        response = fault.problem(&path);
        for name in [header::ALLOW, header::LOCATION, header::WWW_AUTHENTICATE] {
            response.headers_mut().extend(said.get(&name).map(|value| (name, value.clone())));
        }
    }
    if known.is_some_and(|known| is_known(&known, response.headers())) && response.status() == StatusCode::OK {
        *response.body_mut() = Body::empty();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    for (name, value) in HEADERS {
        // What may be kept says so.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if method == Method::GET {
        response.extensions_mut().insert(Packable);
    }
    let surface = if is_api { Surface::Api } else { Surface::Page };
    site.harness.metrics().request(surface, &method, response.status(), begun.elapsed());
    response
}

/// Whether an answer is one that its reader has: by its tag, weak or strong.
fn is_known(known: &HeaderValue, answer: &HeaderMap) -> bool {
    let tag = answer.get(header::ETAG).and_then(|it| it.to_str().ok());
    let known = known.to_str().unwrap_or_default().split(',').map(str::trim);
    tag.is_some_and(|tag| known.into_iter().any(|it| it == "*" || it.trim_start_matches("W/") == tag))
}

/// Only those come further who can be told.
async fn let_in(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response<Body> {
    match site.gate.principal(request.method(), request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(refusal) => {
            if refusal == Refusal::Session {
                site.gate.renew_link().await;
            }
            if refusal == Refusal::Token {
                refused(&site, nobody()).await;
            }
            let ends = request.extensions().get().copied();
            let page = page_of(&request).filter(|_| refusal == Refusal::Session);
            let mut response = match page {
                Some(page) if is_of_owner(ends).await => pages::closed(&Fault::from(refusal), &page),
                _ => Fault::from(refusal).into_response(),
            };
            if response.status() == StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

/// The page that a request asks for, as it stands in an address of this server.
fn page_of(request: &Request) -> Option<String> {
    let is_page = request.method() == Method::GET && !request.uri().path().starts_with(API);
    request.uri().path_and_query().filter(|_| is_page).map(ToString::to_string)
}

/// Lets a browser in that runs under the user of the server, and leads it to the page
/// that it asked for.
async fn enter_as_owner(
    State(site): State<Arc<Site>>,
    ends: Option<Extension<Ends>>,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    let entered = site.gate.enter_as_owner(ends.map(|Extension(ends)| ends), &headers).await?;
    let outcome = if entered.is_some() { AuditOutcome::Done } else { AuditOutcome::Refused };
    let code = entered.is_none().then(|| Own::NotLetIn.as_str().into());
    let entry = AuditEntry {
        who: "browser".to_owned(),
        action: "enter",
        tenant: None,
        target: Some("by the owner of the connection".to_owned()),
        outcome,
        code,
    };
    match entered {
        Some(cookie) => {
            record(&site, entry).await;
            let to = form.text("to").filter(|it| is_own_path(it)).unwrap_or("/").to_owned();
            Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::SET_COOKIE, cookie)]).into_response())
        }
        None => {
            refused(&site, entry).await;
            Err(Refusal::Session.into())
        }
    }
}

/// Whether an address is a page of this server, and leads nowhere else.
fn is_own_path(to: &str) -> bool {
    to.starts_with('/') && !to.starts_with("//") && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// Somebody whose token does not work.
fn nobody() -> AuditEntry {
    AuditEntry {
        who: "unknown".to_owned(),
        action: "authenticate",
        tenant: None,
        target: None,
        outcome: AuditOutcome::Refused,
        code: Some(Own::TokenInvalid.as_str().into()),
    }
}

async fn enter(State(site): State<Arc<Site>>, headers: HeaderMap, RawQuery(raw): RawQuery) -> Response<Body> {
    // A page of another site cannot fill the audit log with keys that it guesses.
    if !may_lead_here(&headers) {
        return Fault::from(Refusal::Site).into_response();
    }
    let raw = raw.unwrap_or_default();
    let key = url::form_urlencoded::parse(raw.as_bytes()).find(|(name, _)| name == "key").map(|(_, key)| key);
    let entry = AuditEntry {
        who: "browser".to_owned(),
        action: "enter",
        tenant: None,
        target: None,
        outcome: AuditOutcome::Done,
        code: None,
    };
    match site.gate.enter(key.as_deref().unwrap_or_default()).await {
        Ok(Some(cookie)) => {
            record(&site, entry).await;
            (StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)]).into_response()
        }
        Ok(None) => {
            site.gate.renew_link().await;
            record(
                &site,
                AuditEntry { outcome: AuditOutcome::Refused, code: Some(Own::LinkInvalid.as_str().into()), ..entry },
            )
            .await;
            Fault::of(Own::LinkInvalid, "the link was used before, or is too old").into_response()
        }
        Err(error) => Fault::from(error).into_response(),
    }
}

async fn leave(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response<Body>, Fault> {
    let cookie = site.gate.leave(&headers).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)]).into_response())
}

fn asset(of: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, of), KEPT], text)
}

/// What never changes under its address.
const KEPT: (http::HeaderName, &str) = (header::CACHE_CONTROL, "max-age=31536000, immutable");
