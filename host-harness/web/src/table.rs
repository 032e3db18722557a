//! The table of routes: a route cannot be written without the permission that its
//! sender needs, and one that changes something not without the word that the audit
//! log has for it.

mod limit;
mod takes;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Extension, RawPathParams, Request, State},
    handler::Handler,
    middleware::{self, Next},
    response::IntoResponse,
    routing::{MethodFilter, on},
};
use host_harness::{
    Permission, Principal, Verdict,
    grant::counted,
    store::{AuditEntry, AuditOutcome},
};
use http::{Response, StatusCode, Uri};
use tokio::time::timeout;

use crate::{
    Site,
    access::Refusal,
    answer::Fault,
    asked::flag,
    problems::Own,
    repeat::{Claim, Repeated},
};

pub(crate) use self::limit::Refusals;
#[cfg(test)]
pub(crate) use self::takes::MOST;
pub(crate) use self::takes::{At, DRY_RUN, Fields, LIMIT, field};

/// Everything below this address is for programs.
pub(crate) const API: &str = "/api/v1/";

/// What is asked at one address with one method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub method: MethodFilter,
    pub path: &'static str,
    /// What its query may hold. A page is asked by forms, which say more than it reads.
    pub fields: Fields,
    /// What its sender must be allowed to do.
    pub needs: Permission,
    /// What it changes, in a word or two; nothing for one that only looks.
    pub action: Option<&'static str>,
    /// What it hands out, in a word, where that is written down.
    pub hands_out: Option<&'static str>,
    /// Whether it begins work, and may be sent again with the same key.
    pub begins: bool,
    /// Whether it changes nothing with the flag [`DRY_RUN`].
    pub rehearses: bool,
}

impl Route {
    fn looks(method: MethodFilter, at: impl Into<At>, needs: Permission) -> Self {
        let At { path, fields } = at.into();
        Self { method, path, fields, needs, action: None, hands_out: None, begins: false, rehearses: false }
    }

    fn changes(method: MethodFilter, at: impl Into<At>, (needs, action): (Permission, &'static str)) -> Self {
        Self { action: Some(action), ..Self::looks(method, at, needs) }
    }

    fn begins(at: impl Into<At>, asks: (Permission, &'static str)) -> Self {
        Self { begins: true, ..Self::changes(MethodFilter::POST, at, asks) }
    }

    /// Refuses a query with anything that is not known here.
    fn reads(&self, uri: &Uri) -> Result<(), Fault> {
        if !self.path.starts_with(API) {
            return Ok(());
        }
        self.fields.check(uri, self.rehearses)?;
        match self.fields.missing(uri) {
            Some(name) => Err(Fault::field(name, &format!("it is needed: ?{name}="))),
            None => Ok(()),
        }
    }
}

/// All routes behind the gate.
pub(crate) struct Routes {
    site: Arc<Site>,
    router: Router<Arc<Site>>,
    table: Vec<Route>,
}

impl Routes {
    /// None yet.
    pub fn new(site: &Arc<Site>) -> Self {
        Self { site: site.clone(), router: Router::new(), table: Vec::new() }
    }

    /// What answers them, and all of them.
    pub fn parts(self) -> (Router<Arc<Site>>, Vec<Route>) {
        (self.router, self.table)
    }

    /// A route that looks.
    pub fn read<H, T>(self, at: impl Into<At>, needs: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<Site>>,
        T: 'static,
    {
        self.route(Route::looks(MethodFilter::GET, at, needs), handler)
    }

    /// A route that looks, and whose answers are kept elsewhere: that it was asked is
    /// written down.
    pub fn hand_out<H, T>(self, at: impl Into<At>, (needs, what): (Permission, &'static str), handler: H) -> Self
    where
        H: Handler<T, Arc<Site>>,
        T: 'static,
    {
        self.route(Route { hands_out: Some(what), ..Route::looks(MethodFilter::GET, at, needs) }, handler)
    }

    /// A route that looks, at what a body says.
    pub fn look<H, T>(self, at: impl Into<At>, needs: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<Site>>,
        T: 'static,
    {
        self.route(Route::looks(MethodFilter::POST, at, needs), handler)
    }

    /// A route that changes something.
    pub fn change<H, T>(
        self,
        method: MethodFilter,
        at: impl Into<At>,
        asks: (Permission, &'static str),
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Site>>,
        T: 'static,
    {
        self.route(Route::changes(method, at, asks), handler)
    }

    /// A route that changes something, or shows what it would change.
    pub fn change_or_show<H, T>(
        self,
        method: MethodFilter,
        at: impl Into<At>,
        asks: (Permission, &'static str),
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Site>>,
        T: 'static,
    {
        self.route(Route { rehearses: true, ..Route::changes(method, at, asks) }, handler)
    }

    /// A route that begins work.
    pub fn begin<H, T>(self, at: impl Into<At>, asks: (Permission, &'static str), handler: H) -> Self
    where
        H: Handler<T, Arc<Site>>,
        T: 'static,
    {
        self.route(Route::begins(at, asks), handler)
    }

    /// A route that takes a file in, of so many bytes at most.
    pub fn upload<H, T>(self, at: impl Into<At>, asks: (Permission, &'static str), bytes: usize, handler: H) -> Self
    where
        H: Handler<T, Arc<Site>>,
        T: 'static,
    {
        self.route(Route::begins(at, asks), handler.layer(DefaultBodyLimit::max(bytes)))
    }

    fn route<H, T>(mut self, route: Route, handler: H) -> Self
    where
        H: Handler<T, Arc<Site>>,
        T: 'static,
    {
        let guarded = middleware::from_fn_with_state((self.site.clone(), route), guard);
        self.router = self.router.route(route.path, on(route.method, handler).layer(guarded));
        self.table.push(route);
        self
    }
}

/// What is written down of what is asked: its name, with a query that is not long.
fn told(name: &str, query: Option<&str>) -> String {
    let with = query.filter(|it| name.len() + it.len() < NAME_BYTES).map(|query| format!("{name}?{query}"));
    with.unwrap_or_else(|| name.to_owned())
}

/// Before each route: may its sender do this, here? What changes something is
/// written down before it begins, and when it has ended.
async fn guard(
    State((site, route)): State<(Arc<Site>, Route)>,
    Extension(principal): Extension<Principal>,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Response<Body> {
    let named = |wanted: &str| params.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
    let tenant = named("tenant");
    let target: Vec<&str> = params.iter().filter(|(name, _)| *name != "tenant").map(|(_, value)| value).collect();
    // Of what is handed out, the filter as well.
    let handed_out = route.hands_out.and(request.uri().query());
    let entry = AuditEntry {
        who: principal.who(),
        action: route.action.or(route.hands_out).unwrap_or("look"),
        // Whoever asks for a tenant that is not there names what they like.
        tenant: tenant.clone().filter(|it| it.len() <= NAME_BYTES),
        target: (!target.is_empty()).then(|| told(&target.join("/"), handed_out)).filter(|it| it.len() <= NAME_BYTES),
        outcome: AuditOutcome::Started,
        code: None,
    };
    match principal.verdict(tenant.as_deref(), route.needs) {
        Verdict::Granted => {}
        // What is not to be seen is not there.
        Verdict::Hidden => return Fault::not_found("such tenant").into_response(),
        Verdict::Denied => {
            let code = Some(Own::NotPermitted.as_str().into());
            refused(&site, AuditEntry { outcome: AuditOutcome::Refused, code, ..entry }).await;
            let detail = format!("this needs the permission to {}", route.needs.as_str());
            return Fault::of(Own::NotPermitted, &detail).into_response();
        }
    }
    if let Err(fault) = route.reads(request.uri()) {
        return fault.into_response();
    }
    let only_shows = match route.rehearses.then(|| flag(request.uri(), DRY_RUN)).transpose() {
        Ok(given) => given.unwrap_or_default(),
        Err(fault) => return fault.into_response(),
    };
    if route.action.is_none() || only_shows {
        let answered = timeout(site.patience.look, next.run(request)).await;
        let response = answered.unwrap_or_else(|_| slow().into_response());
        // What cannot be written down is not handed out.
        if route.hands_out.is_some() && !record(&site, ended(entry, &response)).await {
            return Fault::from(Refusal::Unseen).into_response();
        }
        return response;
    }
    let repeated = match Repeated::of(&principal, &request).filter(|_| route.begins) {
        Some(repeated) => match repeated.claimed(&site).await {
            Ok(Claim::Answered(response)) => return response,
            Ok(Claim::First(claimed)) => Some(claimed),
            Err(fault) => return fault.into_response(),
        },
        None => None,
    };
    // An action that cannot be written down is not done.
    if !record(&site, entry.clone()).await {
        return Fault::from(Refusal::Unseen).into_response();
    }
    // It comes to its end also where its sender goes away.
    let patience = site.patience.change;
    let acting = tokio::spawn(async move {
        let response = next.run(request).await;
        record(&site, ended(entry.clone(), &response)).await;
        match repeated {
            Some(claimed) => claimed.kept(&site, entry.tenant.unwrap_or_default(), response).await,
            None => response,
        }
    });
    match timeout(patience, acting).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(_) => slow().into_response(),
    }
}

/// What came of it.
fn ended(entry: AuditEntry, response: &Response<Body>) -> AuditEntry {
    let (fault, status) = (response.extensions().get::<Arc<Fault>>().map(|fault| fault.code), response.status());
    let failed = fault.is_some() || status.is_client_error() || status.is_server_error();
    let outcome = if failed { AuditOutcome::Failed } else { AuditOutcome::Done };
    AuditEntry { outcome, code: fault.map(|code| code.as_str().into()), ..entry }
}

/// Writes down what is refused, but not all of a flood.
pub(crate) async fn refused(site: &Site, entry: AuditEntry) {
    if let Some(left_out) = site.refusals.admits(&entry.who) {
        let target = match left_out {
            0 => entry.target,
            count => Some(format!("{} before it are not written down", counted(count, "other"))),
        };
        record(site, AuditEntry { target, ..entry }).await;
    }
}

/// Bytes of a name that is written down.
const NAME_BYTES: usize = 200;

/// Writes down what is done; whether it could be.
pub(crate) async fn record(site: &Site, entry: AuditEntry) -> bool {
    match site.access.record(entry).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the audit log cannot be written");
            false
        }
    }
}

fn slow() -> Fault {
    Fault::of(Own::TooSlow, "this takes longer than a request may; what it began goes on")
}

impl Route {
    /// What its query may hold.
    #[cfg(test)]
    pub fn query(&self) -> impl Iterator<Item = &'static host_harness::query::Field> + use<> {
        self.fields.all(self.rehearses)
    }

    /// Its method, by name.
    #[cfg(test)]
    pub fn verb(&self) -> http::Method {
        use http::Method;
        let all = [
            (MethodFilter::GET, Method::GET),
            (MethodFilter::POST, Method::POST),
            (MethodFilter::PUT, Method::PUT),
            (MethodFilter::PATCH, Method::PATCH),
            (MethodFilter::DELETE, Method::DELETE),
        ];
        all.into_iter().find(|(filter, _)| *filter == self.method).unwrap().1
    }
}
