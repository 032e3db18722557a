//! What a request asks for, as handlers get it.

use std::{pin::Pin, str::FromStr, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use host_harness::{
    Principal, ProjectName, Tenant,
    grant::{InstanceName, TenantId},
    query::{Field, List, Query},
};
use http::{HeaderMap, Uri};
use tokio::{runtime::Handle, time::timeout};

pub(crate) use crate::answer::Answer;
use crate::{Site, answer::Fault, problems::Own};

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

/// Works on a thread of its own.
pub(crate) async fn on_a_thread(work: impl FnOnce(Handle) -> Answer + Send + 'static) -> Answer {
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
    uri: Uri,
}

impl FromRequestParts<Arc<Site>> for Asked {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut http::request::Parts, site: &Arc<Site>) -> Result<Self, Fault> {
        let Path(names) = Path::<Vec<(String, String)>>::from_request_parts(parts, site)
            .await
            .map_err(|_| Fault::not_found("such page"))?;
        let name = names.iter().find(|(key, _)| key == "tenant").map(|(_, name)| name.as_str()).unwrap_or_default();
        let who = parts.extensions.get::<Principal>().map(Principal::who).unwrap_or_default();
        Ok(Self { site: site.clone(), tenant: tenant(site, name)?, who, names, uri: parts.uri.clone() })
    }
}

/// The fields of a query, as they came.
fn pairs(uri: &Uri) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

/// Whether a flag of a query is given. Forms send fields that nobody filled in. Any
/// other word is an error, since a flag may keep something from being changed.
pub(crate) fn flag(uri: &Uri, name: &str) -> Result<bool, Fault> {
    let mut is_given = false;
    for (_, value) in pairs(uri).filter(|(key, _)| key == name) {
        match value.as_ref() {
            "true" => is_given = true,
            "false" => {}
            "" => is_given |= !is_page(uri),
            _ => return Err(Fault::field(name, "true or false")),
        }
    }
    Ok(is_given)
}

/// Whether a form may have sent it.
fn is_page(uri: &Uri) -> bool {
    !uri.path().starts_with("/api/")
}

impl Asked {
    /// What is asked of a list. Forms send fields that nobody filled in.
    pub fn query(&self, list: List) -> Result<Query, Fault> {
        self.query_beside(list, &[])
    }

    /// The same of an address that has other fields beside it.
    pub fn query_with(&self, list: List, others: &[Field]) -> Result<Query, Fault> {
        self.query_beside(list, &others.iter().map(|it| it.name).collect::<Vec<_>>())
    }

    /// The same of an address that has fields of these names beside it.
    pub fn query_beside(&self, list: List, others: &[&str]) -> Result<Query, Fault> {
        let pairs: Vec<_> = pairs(&self.uri).collect();
        let is_page = is_page(&self.uri);
        let is_empty = |value: &str| is_page && value.is_empty();
        let filled = pairs.iter().filter(|(name, value)| !is_empty(value) && !others.contains(&name.as_ref()));
        Ok(Query::parse(list, filled.map(|(name, value)| (name.as_ref(), value.as_ref())))?)
    }

    /// A field of the query that is no filter.
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields(name).into_iter().next()
    }

    /// All values of a field of the query that is no filter.
    pub fn fields(&self, name: &str) -> Vec<String> {
        let filled = pairs(&self.uri).filter(|(key, value)| key == name && !value.is_empty());
        filled.map(|(_, value)| value.into_owned()).collect()
    }

    /// All fields of the query, as a form sends them again.
    pub fn all_fields(&self) -> impl Iterator<Item = (String, String)> {
        pairs(&self.uri).into_owned()
    }

    /// Another address with the same query.
    pub fn with_query(&self, path: &str) -> String {
        self.uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
    }

    /// A field of the query that is given or not.
    pub fn flag(&self, name: &str) -> Result<bool, Fault> {
        flag(&self.uri, name)
    }

    /// A field of the query that is a word of something.
    pub fn maybe<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, Fault> {
        self.field(name).map(|text| parsed(name, &text)).transpose()
    }

    /// A field of the query that is one of these words.
    pub fn word(&self, field: &Field) -> Result<Option<String>, Fault> {
        let given = self.field(field.name);
        match given.as_deref().map(|text| field.takes.checked(text)) {
            Some(Err(expected)) => Err(Fault::field(field.name, &expected)),
            Some(Ok(())) | None => Ok(given),
        }
    }

    /// The instance that a list is narrowed to.
    pub fn maybe_instance(&self) -> Result<Option<InstanceName>, Fault> {
        self.maybe("instance")
    }

    /// A field of the query that is a number.
    pub fn number(&self, name: &str) -> Result<Option<u32>, Fault> {
        self.maybe(name)
    }

    /// Keeps the rows of a list that are asked for: all of them, if nobody says how many.
    pub fn page<T>(&self, rows: &mut Vec<T>) -> Result<(), Fault> {
        let whole = |number: Option<u32>| number.map(|it| usize::try_from(it).unwrap_or(usize::MAX));
        let skipped = whole(self.number("offset")?).unwrap_or_default().min(rows.len());
        rows.drain(..skipped);
        rows.truncate(whole(self.number("limit")?).unwrap_or(usize::MAX));
        Ok(())
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

/// The head of a request, and its body as it was sent.
pub(crate) struct Posted(pub HeaderMap, pub Bytes);

impl FromRequest<Arc<Site>> for Posted {
    type Rejection = Fault;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Fault> {
        let headers = request.headers().clone();
        Ok(Self(headers, body(request, site).await?))
    }
}

/// All of a body, which comes in time. One that does not is let go of: whoever acts
/// would wait for it to the end.
pub(crate) async fn body(request: Request, site: &Arc<Site>) -> Result<Bytes, Fault> {
    let read = in_time(site, Bytes::from_request(request, site)).await?;
    read.map_err(|rejection| Fault {
        status: rejection.status(),
        code: Own::BodyRefused.into(),
        detail: rejection.body_text(),
    })
}

/// A body, or the next part of one, as long as it comes in time.
pub(crate) async fn in_time<T>(site: &Site, reading: impl Future<Output = T>) -> Result<T, Fault> {
    let read = timeout(site.patience.body, reading).await;
    read.map_err(|_| Fault::of(Own::BodyTooSlow, "the body of the request does not come"))
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
        self.text(name).map(|text| parsed(name, text)).transpose()
    }

    /// The project that a form is about.
    pub fn project(&self) -> Result<ProjectName, Fault> {
        Ok(ProjectName { instance: self.maybe("instance")?, name: self.read("project")? })
    }
}

/// A field, read as what it is.
pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Fault> {
    text.parse().map_err(|why: T::Err| Fault::field(name, &why.to_string()))
}

impl Fault {
    /// A field of a form that cannot be read.
    pub fn field(name: &str, why: &str) -> Self {
        Self::of(Own::InvalidField, &format!("{}: {why}", name.replace('-', " ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_given_or_not_and_never_guessed() {
        let at = |text: &'static str| flag(&Uri::from_static(text), "dry_run").map_err(|fault| fault.code.as_str());
        for (text, given) in [("/api/v1/x", false), ("/api/v1/x?dry_run=true", true), ("/api/v1/x?a=b&dry_run", true)] {
            assert_eq!(at(text), Ok(given), "{text}");
        }
        assert_eq!(at("/t/x?dry_run="), Ok(false), "a form sends what nobody filled in");
        assert_eq!(at("/api/v1/x?dry_run=false"), Ok(false));
        assert_eq!(at("/api/v1/x?dry_run=false&dry_run=true"), Ok(true), "it keeps something from being changed");
        for text in ["/api/v1/x?dry_run=1", "/api/v1/x?dry_run=True", "/api/v1/x?dry_run=true&dry_run=yes"] {
            assert_eq!(at(text), Err("invalid-field"), "{text}");
        }
    }

    #[test]
    fn a_form_names_a_project_in_one_way() {
        let form =
            |pairs: &[(&str, &str)]| Form(pairs.iter().map(|(name, it)| ((*name).into(), (*it).into())).collect());
        let project = form(&[("instance", ""), ("project", " acme/shop ")]).project().unwrap();
        assert_eq!((project.instance, project.name.as_str()), (None, "acme/shop"));
        assert_eq!(form(&[("instance", "code")]).project().unwrap_err().code, Own::InvalidField.into());
        assert_eq!(
            form(&[("instance", "no name"), ("project", "a")]).project().unwrap_err().code,
            Own::InvalidField.into()
        );
    }
}
