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
    let id: TenantId = name.parse().map_err(|_| Fault::not_found("such tenant"))?;
    Ok(site.harness.existing_tenant(&id)?)
}

/// What handlers of one tenant get: the tenant, and the query as it came.
pub(crate) struct Asked {
    pub site: Arc<Site>,
    pub tenant: Tenant,
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
        Ok(Self { site: site.clone(), tenant: tenant(site, name)?, raw })
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
}
