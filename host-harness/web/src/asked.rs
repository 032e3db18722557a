//! What a request asks for, as handlers get it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequestParts, Path},
};
use host_harness::{
    Tenant, TenantId,
    query::{List, Query},
};
use http::Response;

use crate::{Site, answer::Fault};

/// Answers as every handler makes them.
pub(crate) type Answer = Result<Response<Body>, Fault>;

/// The tenant of an address.
pub(crate) fn tenant(site: &Site, name: &str) -> Result<Tenant, Fault> {
    let none = || Fault::not_found("such tenant");
    let id: TenantId = name.parse().map_err(|_| none())?;
    // Asking for one that is not there must not make it.
    if !site.harness.has_tenant(&id) {
        return Err(none());
    }
    Ok(site.harness.tenant(id)?)
}

/// The query of an address. Forms send fields that nobody filled in.
pub(crate) fn query(list: List, raw: Option<&str>) -> Result<Query, Fault> {
    let pairs: Vec<_> = url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).collect();
    let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
    Ok(Query::parse(list, filled.map(|(name, value)| (name.as_ref(), value.as_ref())))?)
}

/// Everything of one row, for handlers: where they are, and what was asked.
pub(crate) struct Asked {
    pub site: Arc<Site>,
    pub tenant: Tenant,
    pub raw: Option<String>,
}

impl FromRequestParts<Arc<Site>> for Asked {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut http::request::Parts, site: &Arc<Site>) -> Result<Self, Fault> {
        let Path(names) = Path::<Vec<(String, String)>>::from_request_parts(parts, site)
            .await
            .map_err(|_| Fault::not_found("such page"))?;
        let name = names.iter().find(|(key, _)| key == "tenant").map(|(_, name)| name.as_str()).unwrap_or_default();
        let raw = parts.uri.query().map(str::to_owned);
        Ok(Self { site: site.clone(), tenant: tenant(site, name)?, raw })
    }
}

impl Asked {
    /// What is asked of a list.
    pub fn query(&self, list: List) -> Result<Query, Fault> {
        query(list, self.raw.as_deref())
    }
}
