//! Through which proxy an instance connects.

use std::path::PathBuf;

use host_harness::{
    ProxyChange, ProxyRoute,
    grant::{ProxyUrl, SecretSource},
};

use crate::error::{Failure, USAGE};

/// Options of commands that set the proxy of an instance.
#[derive(clap::Args)]
pub struct ProxyArgs {
    /// Use this HTTP proxy; `none` connects directly, `environment` uses HTTPS_PROXY, HTTP_PROXY and NO_PROXY [default: environment]
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Read the proxy's credentials, USER:PASSWORD, from this file
    #[arg(long, value_name = "FILE", requires = "proxy", conflicts_with = "proxy_auth_env")]
    proxy_auth_file: Option<PathBuf>,
    /// Read the proxy's credentials, USER:PASSWORD, from this environment variable
    #[arg(long, value_name = "VARIABLE", requires = "proxy")]
    proxy_auth_env: Option<String>,
}

impl ProxyArgs {
    /// Whether anything is given.
    pub fn is_given(&self) -> bool {
        self.proxy.is_some()
    }

    /// What is asked for. The text is read here, since the parser of arguments
    /// shows what it refuses, and it may hold a password.
    pub fn change(self) -> Result<Option<ProxyChange>, Failure> {
        let wrong = |message: &str| Failure::new(USAGE, message, None);
        let source = match (self.proxy_auth_file, self.proxy_auth_env) {
            (Some(path), _) => Some(SecretSource::File { path: std::path::absolute(path)? }),
            (None, name) => name.map(|name| SecretSource::Variable { name }),
        };
        let Some(text) = self.proxy else { return Ok(None) };
        let change = match text.as_str() {
            "none" => ProxyChange::direct(),
            "environment" => ProxyChange::environment(),
            url => {
                let url: ProxyUrl = url.parse().map_err(|why| wrong(&format!("invalid --proxy: {why}")))?;
                match (url.credentials, source) {
                    (Some(_), Some(_)) => return Err(wrong("the proxy's credentials are given twice")),
                    (Some(credentials), None) => return Ok(Some(ProxyChange::sealed(url.address, credentials))),
                    (None, source) => return Ok(Some(ProxyChange::proxy(url.address, source))),
                }
            }
        };
        match source {
            Some(_) => Err(wrong("credentials are for a proxy that --proxy URL names")),
            None => Ok(Some(change)),
        }
    }
}

/// How the origins are reached, in lines: one for all where all are reached in
/// the same way.
pub fn lines(routes: &[ProxyRoute]) -> Vec<String> {
    let told = |route: &ProxyRoute| {
        let source = route.source.as_ref().map(|source| format!(", {source}")).unwrap_or_default();
        let credentials = route.credentials.as_ref().map(|from| format!(", credentials from {from}"));
        match (&route.problem, &route.proxy) {
            (Some(problem), _) => format!("unusable{source}: {problem}"),
            (None, proxy) => {
                let proxy = proxy.as_deref().unwrap_or("none");
                format!("{proxy}{source}{}", credentials.unwrap_or_default())
            }
        }
    };
    let mut lines: Vec<String> = routes.iter().map(told).collect();
    lines.dedup();
    if lines.len() > 1 {
        lines = routes.iter().map(|route| format!("{}: {}", route.origin, told(route))).collect();
    }
    lines
}
