//! `wasi:http` for guests: which request may leave, with which secret, and how
//! much may come back.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, ForbiddenHeaderFilter, RequestOptions, Result as HttpResult,
    WasiBody, WasiHttpHooks,
};

use crate::{
    capability::{
        body::{Given, Waits, bounded, whole},
        credential::{Foreign, GrantedSecret, bear, forms, put_in, sent_basic},
        interceptor::{Answer, Interceptor, Treatment},
        mask::Mask,
        oauth::{Network, TokenFailure, Tokens},
        transport::{Client, RequestError, Transport, describe, prohibition},
        usage::{HttpUsage, shortened},
    },
    limits::Limits,
};
use appsec_grant::{EgressPolicy, Proxies, Refusal, Secret};

/// What an instance may do over HTTP.
#[derive(Clone)]
pub struct HttpGrant {
    /// The origins it may reach.
    pub policy: Arc<EgressPolicy>,
    /// Its connections.
    pub transport: Arc<Transport>,
    /// The proxies that they go through.
    pub proxies: Arc<Proxies>,
    /// Its secrets.
    pub secrets: Vec<GrantedSecret>,
    /// Where its access token comes from.
    pub tokens: Option<Tokens>,
}

impl HttpGrant {
    fn network(&self) -> Network {
        Network { policy: self.policy.clone(), transport: self.transport.clone(), proxies: self.proxies.clone() }
    }
}

/// `wasi:http` of one call.
pub struct HttpHooks {
    grant: Option<HttpGrant>,
    limits: Limits,
    usage: Arc<HttpUsage>,
}

impl HttpHooks {
    /// Without a grant every request is refused, as in `normalize`.
    pub fn new(grant: Option<HttpGrant>, limits: &Limits) -> Self {
        Self { grant, limits: limits.clone(), usage: Arc::default() }
    }

    /// What the call did so far.
    pub fn usage(&self) -> &Arc<HttpUsage> {
        &self.usage
    }

    /// Decides on a request and makes it ready to be sent.
    fn prepare(&self, request: Request<WasiBody>) -> Result<Prepared, Denied> {
        let grant = self.grant.as_ref().ok_or_else(|| Denied::Rule("this call has no network".to_owned()))?;
        let (mut parts, body) = request.into_parts();
        let (origin, addresses) = grant.policy.check(&parts.uri.to_string())?;
        let client = grant.transport.client(&origin, addresses, &grant.proxies)?;
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            return Err(Denied::Rule(format!("the method {} is not allowed", parts.method)));
        }
        let header_bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if header_bytes > self.limits.header_bytes {
            return Err(Denied::Rule(format!("headers have at most {} bytes", self.limits.header_bytes)));
        }
        let asks = put_in(&mut parts, &grant.secrets, grant.tokens.as_ref().map(Tokens::placeholder))?;
        // The guest's spelling of the origin ends here: what goes out is the
        // origin that was checked. hyper writes the `Host` header from it.
        parts.headers.remove(header::HOST);
        // What is encoded cannot be masked: a vendor is asked for nothing else.
        parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // The pieces are never joined as text: a path could go on with the host.
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = Uri::builder()
            .scheme(origin.scheme().as_str())
            .authority(origin.authority())
            .path_and_query(path)
            .build()
            .map_err(|_| Denied::Rule("the path is malformed".to_owned()))?;

        let before = self.usage.requests.fetch_add(1, Ordering::Relaxed);
        if before >= self.limits.requests_per_call {
            let limit = self.limits.requests_per_call;
            return Err(Denied::Rule(format!("a call makes at most {limit} requests")));
        }
        let (limit, usage) = (self.limits.request_bytes, self.usage.clone());
        let body = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
        let body = body.map_err(move |error| too_much(error, limit, &usage)).boxed_unsync();
        let mut secrets = forms(&grant.secrets);
        secrets.extend(client.proxy_credentials().cloned());
        // Of a user that the guest names too.
        secrets.extend(sent_basic(&parts.headers));
        let tokens = if asks { grant.tokens.clone().map(|tokens| (tokens, grant.clone())) } else { None };
        Ok(Prepared { client, request: Request::from_parts(parts, body), secrets, tokens })
    }
}

/// A request that may leave.
struct Prepared {
    client: Client,
    request: Request<WasiBody>,
    /// What must not be seen in the answer.
    secrets: Vec<Secret>,
    /// Where the access token comes from that is to be put in.
    tokens: Option<(Tokens, HttpGrant)>,
}

/// Why a request's body ended early: it is over the bound, or the guest's side
/// of it failed.
fn too_much(error: Box<dyn std::error::Error + Send + Sync>, limit: u64, usage: &HttpUsage) -> HttpError {
    if error.is::<LengthLimitError>() {
        usage.refuse(&format!("the body of a request has at most {limit} bytes"), true);
        return HttpError::HttpRequestBodySize(Some(limit));
    }
    error.downcast::<HttpError>().map_or(HttpError::ConnectionTerminated, |error| *error)
}

/// Why a request may not leave.
#[derive(Debug, thiserror::Error)]
enum Denied {
    #[error(transparent)]
    Egress(#[from] Refusal),
    #[error(transparent)]
    Credential(#[from] Foreign),
    #[error("{0}")]
    Rule(String),
}

impl From<&Denied> for HttpError {
    fn from(denied: &Denied) -> Self {
        match denied {
            Denied::Egress(Refusal::Address { .. } | Refusal::Name { .. }) => Self::DestinationIpProhibited,
            Denied::Egress(_) | Denied::Credential(_) | Denied::Rule(_) => Self::HttpRequestDenied,
        }
    }
}

type Sent = (Response<WasiBody>, Box<dyn Future<Output = HttpResult<()>> + Send>);

impl WasiHttpHooks for HttpHooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name) || *name == header::PROXY_AUTHORIZATION)
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = HttpResult<()>> + Send>,
    ) -> Box<dyn Future<Output = HttpResult<Sent>> + Send> {
        let shown = shortened(&format!("{} {}", request.method(), request.uri()));
        let interceptor = self.grant.as_ref().and_then(|grant| grant.transport.interceptor().cloned());
        let interceptor = interceptor.map(|it| (it, as_made(&request)));
        match self.prepare(request) {
            Ok(prepared) => {
                let waits = Waits::new(&self.limits, options);
                let (limit, usage) = (self.limits.response_bytes, self.usage.clone());
                Box::new(async move {
                    let response = match interceptor {
                        None => send(prepared, waits, limit, usage, &shown).await?,
                        Some((interceptor, made)) => {
                            intercepted(&*interceptor, made, prepared, waits, limit, usage, &shown).await?
                        }
                    };
                    let done: Box<dyn Future<Output = HttpResult<()>> + Send> = Box::new(async { Ok(()) });
                    Ok((response, done))
                })
            }
            Err(denied) => {
                let reason = shortened(&denied.to_string());
                self.usage.refuse(&reason, !matches!(denied, Denied::Egress(_)));
                tracing::debug!(request = shown, denied = reason, "egress denied");
                let error = HttpError::from(&denied);
                Box::new(async move { Err(error) })
            }
        }
    }
}

async fn send(
    prepared: Prepared,
    waits: Waits,
    limit: u64,
    usage: Arc<HttpUsage>,
    shown: &str,
) -> HttpResult<Response<WasiBody>> {
    let started = Instant::now();
    let Prepared { client, request, mut secrets, tokens } = prepared;
    let exchange = async {
        match tokens {
            None => Ok(client.request(request).await),
            Some((tokens, grant)) => bearing(&client, request, &tokens, &grant, &mut secrets).await,
        }
    };
    let answer = timeout(waits.first_byte.min(waits.whole), exchange).await;
    let response = match answer {
        Ok(Err(Unsent::Token(failure))) => {
            tracing::debug!(request = shown, "{failure}");
            usage.token.get_or_init(|| failure);
            return Err(HttpError::ConnectionRefused);
        }
        Ok(Err(Unsent::Guest(error))) => return Err(error),
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(error))) => {
            if let Some(prohibition) = prohibition(&error) {
                usage.refuse(&prohibition, false);
            }
            if let RequestError::Proxy(failure) = &error {
                usage.proxy.get_or_init(|| failure.clone());
            }
            let described = describe(&error);
            tracing::debug!(request = shown, error = &error as &dyn std::error::Error, "request failed");
            return Err(described);
        }
        Err(_) => {
            tracing::debug!(request = shown, "no answer in time");
            return Err(HttpError::HttpResponseTimeout);
        }
    };
    tracing::debug!(request = shown, status = response.status().as_u16(), elapsed = ?started.elapsed(), "request");
    bounded(response, Mask::new(secrets), &waits, started, limit, usage, shown)
}

/// Why a request was not sent.
enum Unsent {
    /// There is no access token.
    Token(TokenFailure),
    /// The guest's side of it failed.
    Guest(HttpError),
}

/// Sends a request with the access token. Where the vendor no longer takes one
/// that was there already, once more with another one.
async fn bearing(
    client: &Client,
    request: Request<WasiBody>,
    tokens: &Tokens,
    grant: &HttpGrant,
    secrets: &mut Vec<Secret>,
) -> Result<Result<Response<Incoming>, RequestError>, Unsent> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(Unsent::Guest)?.to_bytes();
    let mut stale = None;
    loop {
        let (token, was_there) = tokens.get(grant.network(), stale.as_ref()).await.map_err(Unsent::Token)?;
        secrets.push(token.clone());
        let mut request = Request::from_parts(parts.clone(), whole(body.clone()));
        bear(request.headers_mut(), &token).map_err(|_| Unsent::Guest(HttpError::HttpRequestDenied))?;
        match client.request(request).await {
            Ok(response) if response.status() == StatusCode::UNAUTHORIZED && was_there && stale.is_none() => {
                stale = Some(token);
            }
            answer => return Ok(answer),
        }
    }
}

/// A request as the guest made it, before a secret is in it; without its body.
fn as_made(request: &Request<WasiBody>) -> Request<()> {
    let mut made = Request::new(());
    request.method().clone_into(made.method_mut());
    request.uri().clone_into(made.uri_mut());
    request.headers().clone_into(made.headers_mut());
    made
}

/// Sends a request, or lets the interceptor answer it.
async fn intercepted(
    interceptor: &dyn Interceptor,
    made: Request<()>,
    mut prepared: Prepared,
    waits: Waits,
    limit: u64,
    usage: Arc<HttpUsage>,
    shown: &str,
) -> HttpResult<Response<WasiBody>> {
    let (parts, body) = prepared.request.into_parts();
    let body = body.collect().await?.to_bytes();
    let made = made.map(|()| body.clone());
    prepared.request = Request::from_parts(parts, whole(body));
    let started = Instant::now();
    match interceptor.treat(&made) {
        Treatment::Send => {
            let (parts, body) = send(prepared, waits, limit, usage, shown).await?.into_parts();
            let response = Response::from_parts(parts, body.collect().await?.to_bytes());
            interceptor.answered(&made, &response);
            Ok(response.map(whole))
        }
        Treatment::Answer(Answer { response, is_cut }) => {
            let response = response.map(|bytes| Given { bytes: Some(bytes), is_cut });
            bounded(response, Mask::new(prepared.secrets), &waits, started, limit, usage, shown)
        }
        Treatment::Fail(failure) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests;
