//! Through which proxy an instance reaches its origins: its own, or that of the
//! environment.

use std::sync::Arc;

use serde::Serialize;

use super::Tenant;
use crate::error::Error;
use appsec_grant::{Origin, Proxies, Proxy, ProxyOrigin, ProxySetting, Secret, SecretSource};
use appsec_store::NewInstance;

/// Name in the vault of a proxy's credentials.
pub(crate) const PROXY: &str = "proxy";

/// What the operator says about the proxy of an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProxyChange {
    setting: Option<ProxySetting>,
    credentials: Option<Secret>,
}

impl ProxyChange {
    /// The proxy that the environment names, if any.
    pub fn environment() -> Self {
        Self { setting: None, credentials: None }
    }

    /// None, whatever the environment says.
    pub fn direct() -> Self {
        Self { setting: Some(ProxySetting::Direct), credentials: None }
    }

    /// This one, with credentials (`user:password`) that are read from a source.
    pub fn proxy(address: Origin, credentials: Option<SecretSource>) -> Self {
        Self { setting: Some(ProxySetting::Proxy { address, credentials }), credentials: None }
    }

    /// This one, with credentials that go into the vault.
    pub fn sealed(address: Origin, credentials: Secret) -> Self {
        let setting = Some(ProxySetting::Proxy { address, credentials: Some(SecretSource::Vault) });
        Self { setting, credentials: Some(credentials) }
    }

    /// What was written down before.
    pub(crate) fn kept(setting: Option<ProxySetting>) -> Self {
        Self { setting, credentials: None }
    }

    /// What is written down.
    pub(crate) fn setting(&self) -> Option<ProxySetting> {
        self.setting.clone()
    }

    /// What goes into the vault.
    pub(crate) fn credentials(&self) -> Option<&Secret> {
        self.credentials.as_ref()
    }
}

/// How an instance reaches one of its origins.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ProxyRoute {
    /// The origin.
    pub origin: String,
    /// The proxy, without its credentials; none where it is reached without.
    pub proxy: Option<String>,
    /// Where that was set: for the instance, or in an environment variable.
    pub source: Option<String>,
    /// Where the credentials of the instance's own proxy are read from.
    pub credentials: Option<String>,
    /// Why the proxy cannot be used.
    pub problem: Option<String>,
}

impl Tenant {
    /// How an instance reaches its origins. No secret is read for it.
    pub fn proxy_routes(&self, made: &NewInstance) -> Vec<ProxyRoute> {
        let own = self.proxies_with(made, None);
        let direct = made.proxy.as_ref().map(|_| ProxyOrigin::Instance.to_string());
        let credentials = match &made.proxy {
            Some(ProxySetting::Proxy { credentials, .. }) => credentials.as_ref().map(ToString::to_string),
            Some(ProxySetting::Direct) | None => None,
        };
        let route = |(origin, _): (&Origin, _)| {
            let route = ProxyRoute {
                origin: origin.to_string(),
                proxy: None,
                source: direct.clone(),
                credentials: credentials.clone(),
                problem: None,
            };
            match own.as_ref().map_err(|error| *error).and_then(|own| own.of(origin)) {
                Ok(Some(proxy)) => {
                    ProxyRoute { proxy: Some(proxy.to_string()), source: Some(proxy.origin().to_string()), ..route }
                }
                Ok(None) => route,
                Err(error) => {
                    let source = Some(error.origin.to_string());
                    ProxyRoute { source, problem: Some(error.why.to_string()), ..route }
                }
            }
        };
        made.egress.origins().map(route).collect()
    }

    /// The proxies of an instance, with what they are told about who asks.
    pub(crate) fn proxies(&self, made: &NewInstance) -> Result<Arc<Proxies>, Error> {
        let credentials = self.proxy_credentials(made)?;
        self.usable_proxies(made, credentials.as_ref())
    }

    /// The same with credentials that were read already. One that cannot be used
    /// is told before anything is sent.
    pub(crate) fn usable_proxies(
        &self,
        made: &NewInstance,
        credentials: Option<&Secret>,
    ) -> Result<Arc<Proxies>, Error> {
        let proxies = self.proxies_with(made, credentials)?;
        for (origin, _) in made.egress.origins() {
            proxies.of(origin)?;
        }
        Ok(proxies)
    }

    fn proxies_with(
        &self,
        made: &NewInstance,
        credentials: Option<&Secret>,
    ) -> Result<Arc<Proxies>, appsec_grant::ProxyError> {
        Ok(match &made.proxy {
            None => self.host.options().proxies.clone(),
            Some(ProxySetting::Direct) => Arc::default(),
            Some(ProxySetting::Proxy { address, .. }) => {
                Arc::new(Proxies::always(Proxy::new(address.clone(), credentials, ProxyOrigin::Instance)?))
            }
        })
    }

    /// What the instance's own proxy is told about who asks.
    pub(crate) fn proxy_credentials(&self, made: &NewInstance) -> Result<Option<Secret>, Error> {
        let Some(ProxySetting::Proxy { credentials: Some(source), .. }) = &made.proxy else { return Ok(None) };
        Ok(Some(match source {
            SecretSource::Vault => self.stored_secret(&made.name, PROXY, &made.audience())?,
            source => source.read()?,
        }))
    }
}
