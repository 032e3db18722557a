//! What a request asks for, as handlers get it.

use std::{pin::Pin, str::FromStr, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use host_harness::{
    InstanceName, Principal, Tenant, TenantId,
    query::{List, Query},
};
use http::{Response, StatusCode};
use tokio::{runtime::Handle, time::timeout};

use crate::{Site, answer::Fault};

/// Answers as every handler makes them.
pub(crate) type Answer = Result<Response<Body>, Fault>;

/// A handler that works on a thread of its own, as syncs of a daemon do: work with
/// vendors takes long, and what it awaits cannot be handed from thread to thread.
pub(crate) fn apart<F, W>(handler: F) -> impl Fn(Asked) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Clone
where
    F: Fn(Asked) -> W + Clone + Send + 'static,
    W: Future<Output = Answer>,
{
    move |asked| {
        let handler = handler.clone();
        Box::pin(on_a_thread(move |runtime| runtime.block_on(handler(asked))))
    }
}

/// The same of a handler that takes what was sent.
pub(crate) fn apart_with<F, T, W>(
    handler: F,
) -> impl Fn(Asked, T) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Clone
where
    F: Fn(Asked, T) -> W + Clone + Send + 'static,
    T: Send + 'static,
    W: Future<Output = Answer>,
{
    move |asked, sent| {
        let handler = handler.clone();
        Box::pin(on_a_thread(move |runtime| runtime.block_on(handler(asked, sent))))
    }
}

async fn on_a_thread(work: impl FnOnce(Handle) -> Answer + Send + 'static) -> Answer {
    let runtime = Handle::current();
    match tokio::task::spawn_blocking(move || work(runtime)).await {
        Ok(answer) => answer,
        // The server ends, or a fault of this program, which the panic itself tells.
        Err(_) => Err(Fault::from(host_harness::Error::Stopped)),
    }
}

/// The tenant of an address.
pub(crate) fn tenant(site: &Site, name: &str) -> Result<Tenant, Fault> {
    let id: TenantId = name.parse().map_err(|_| Fault::not_found("such tenant"))?;
    Ok(site.harness.existing_tenant(&id)?)
}

/// What handlers of one tenant get: the tenant, the names in the address, and the
/// query as it came.
pub(crate) struct Asked {
    pub site: Arc<Site>,
    pub tenant: Tenant,
    /// Who asks, as logs and histories name them.
    pub who: String,
    names: Vec<(String, String)>,
    raw: Option<String>,
}

impl FromRequestParts<Arc<Site>> for Asked {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut http::request::Parts, site: &Arc<Site>) -> Result<Self, Fault> {
        let Path(names) = Path::<Vec<(String, String)>>::from_request_parts(parts, site)
            .await
            .map_err(|_| Fault::not_found("such page"))?;
        let name = names.iter().find(|(key, _)| key == "tenant").map(|(_, name)| name.as_str()).unwrap_or_default();
        let raw = parts.uri.query().map(str::to_owned);
        let who = parts.extensions.get::<Principal>().map(Principal::who).unwrap_or_default();
        Ok(Self { site: site.clone(), tenant: tenant(site, name)?, who, names, raw })
    }
}

impl Asked {
    /// What is asked of a list. Forms send fields that nobody filled in.
    pub fn query(&self, list: List) -> Result<Query, Fault> {
        let raw = self.raw.as_deref().unwrap_or_default();
        let pairs: Vec<_> = url::form_urlencoded::parse(raw.as_bytes()).collect();
        let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
        Ok(Query::parse(list, filled.map(|(name, value)| (name.as_ref(), value.as_ref())))?)
    }

    /// A field of the query that is no filter.
    pub fn field(&self, name: &str) -> Option<String> {
        let raw = self.raw.as_deref().unwrap_or_default();
        let mut pairs = url::form_urlencoded::parse(raw.as_bytes());
        pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
    }

    /// A name in the address. What is no such name is not there.
    pub fn named<T: FromStr>(&self, name: &str) -> Result<T, Fault> {
        let found = self.names.iter().find(|(key, _)| key == name);
        found.and_then(|(_, text)| text.parse().ok()).ok_or_else(|| Fault::not_found("such page"))
    }

    /// The instance in the address.
    pub fn instance(&self) -> Result<InstanceName, Fault> {
        self.named("instance")
    }
}

/// The fields of a form that was sent.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl FromRequest<Arc<Site>> for Form {
    type Rejection = Fault;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Fault> {
        let body = body(request, site).await?;
        Ok(Self(url::form_urlencoded::parse(&body).into_owned().collect()))
    }
}

/// All of a body, which comes in time. One that does not is let go of: whoever acts
/// would wait for it to the end.
pub(crate) async fn body(request: Request, site: &Arc<Site>) -> Result<Bytes, Fault> {
    let read = in_time(site, Bytes::from_request(request, site)).await?;
    read.map_err(|rejection| Fault { status: rejection.status(), code: "body-refused", detail: rejection.body_text() })
}

/// A body, or the next part of one, as long as it comes in time.
pub(crate) async fn in_time<T>(site: &Site, reading: impl Future<Output = T>) -> Result<T, Fault> {
    timeout(site.patience.body, reading).await.map_err(|_| Fault {
        status: StatusCode::REQUEST_TIMEOUT,
        code: "body-too-slow",
        detail: "the body of the request does not come".to_owned(),
    })
}

impl Form {
    /// The fields of a test.
    #[cfg(test)]
    pub fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// What was written in a field; nothing where it was left empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name).map(str::trim).find(|text| !text.is_empty())
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The fields whose names begin with a word, without it.
    pub fn beginning(&self, with: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(move |(key, value)| Some((key.strip_prefix(with)?, value.as_str())))
    }

    /// Whether a box is ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// A field that must be filled in, read as what it is.
    pub fn read<T: FromStr<Err: std::fmt::Display>>(&self, name: &'static str) -> Result<T, Fault> {
        self.maybe(name)?.ok_or_else(|| Fault::field(name, "it is empty"))
    }

    /// A field that may be left empty.
    pub fn maybe<T: FromStr<Err: std::fmt::Display>>(&self, name: &'static str) -> Result<Option<T>, Fault> {
        self.text(name).map(|text| text.parse().map_err(|why: T::Err| Fault::field(name, &why.to_string()))).transpose()
    }
}

impl Fault {
    /// A field of a form that cannot be read.
    pub fn field(name: &str, why: &str) -> Self {
        let detail = format!("{}: {why}", name.replace('-', " "));
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code: "invalid-field", detail }
    }
}
