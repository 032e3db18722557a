//! `wasi:http` for guests: which request may leave, with which secret, and how
//! much may come back.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, ForbiddenHeaderFilter, RequestOptions, Result as HttpResult,
    WasiBody, WasiHttpHooks,
};

use crate::{
    capability::{
        body::{Given, Waits, bounded, whole},
        interceptor::{Answer, Interceptor, Treatment},
        mask::Mask,
        transport::{RequestError, Transport, describe, prohibition},
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
}

/// A secret that a guest may send without ever seeing it.
#[derive(Clone)]
pub struct GrantedSecret {
    /// Name of the variable in the guest's environment.
    pub variable: String,
    /// The value of that variable: it stands for the secret.
    pub placeholder: String,
    /// The secret.
    pub secret: Secret,
}

impl GrantedSecret {
    /// Makes a placeholder that cannot be guessed, so that no guest can use
    /// the secret of another one by writing down its placeholder.
    pub fn new(variable: String, secret: Secret) -> Result<Self, getrandom::Error> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random)?;
        let placeholder = format!("placeholder-{:032x}", u128::from_le_bytes(random));
        Ok(Self { variable, placeholder, secret })
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
        swap_secret(&mut parts.headers, &grant.secrets)?;
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
        let secrets = grant.secrets.iter().map(|granted| &granted.secret);
        let mask = Mask::new(secrets.chain(client.proxy_credentials()).cloned());
        Ok(Prepared { client, request: Request::from_parts(parts, body), mask })
    }
}

/// A request that may leave.
struct Prepared {
    client: super::transport::Client,
    request: Request<WasiBody>,
    mask: Mask,
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
    #[error("{0}")]
    Rule(String),
}

impl From<&Denied> for HttpError {
    fn from(denied: &Denied) -> Self {
        match denied {
            Denied::Egress(Refusal::Address { .. } | Refusal::Name { .. }) => Self::DestinationIpProhibited,
            Denied::Egress(_) | Denied::Rule(_) => Self::HttpRequestDenied,
        }
    }
}

/// Replaces a placeholder in `Authorization` by its secret. A guest has no
/// other credentials to send: anything else there is refused.
fn swap_secret(headers: &mut HeaderMap, secrets: &[GrantedSecret]) -> Result<(), Denied> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(()) };
    let refused = || Denied::Rule("an `Authorization` other than `Bearer` with a granted secret".to_owned());
    if values.next().is_some() {
        return Err(refused());
    }
    let sent = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(refused)?;
    let granted = secrets.iter().find(|granted| granted.placeholder == sent).ok_or_else(refused)?;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", granted.secret.reveal())).map_err(|_| refused())?;
    value.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, value);
    Ok(())
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
                self.usage.refuse(&reason, matches!(denied, Denied::Rule(_)));
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
    let Prepared { client, request, mask } = prepared;
    let answer = timeout(waits.first_byte.min(waits.whole), client.request(request)).await;
    let response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
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
    bounded(response, mask, &waits, started, limit, usage, shown)
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
            bounded(response, prepared.mask, &waits, started, limit, usage, shown)
        }
        Treatment::Fail(failure) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Request, header::AUTHORIZATION};
    use http_body_util::{BodyExt, Empty};
    use wasmtime_wasi_http::Error as HttpError;

    use super::{GrantedSecret, HttpGrant, HttpHooks, Waits, send, swap_secret};
    use crate::{
        capability::transport::{Transport, tls_config},
        limits::Limits,
        receiver::Receiver,
    };
    use appsec_grant::{Addresses, EgressPolicy, Secret, SecretSource};

    fn granted() -> GrantedSecret {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "real-token").unwrap();
        let secret: Secret = SecretSource::File { path }.read().unwrap();
        GrantedSecret::new("TOKEN".to_owned(), secret).unwrap()
    }

    fn swapped(values: &[&str], secrets: &[GrantedSecret]) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        swap_secret(&mut headers, secrets).ok().map(|()| headers)
    }

    #[test]
    fn the_placeholder_becomes_the_secret_and_is_marked_as_sensitive() {
        let granted = granted();
        let headers = swapped(&[&format!("Bearer {}", granted.placeholder)], std::slice::from_ref(&granted)).unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer real-token");
        assert!(headers[AUTHORIZATION].is_sensitive());
    }

    #[tokio::test]
    async fn an_encoded_answer_is_refused_before_it_is_read() {
        let answers =
            ["200 OK\ncontent-encoding: gzip\n\nreal-token", "200 OK\ncontent-encoding: identity\n\nreal-token"];
        let server = Receiver::answering(&answers).await;
        let (limits, mut policy) = (Limits::default(), EgressPolicy::default());
        policy.grant(server.origin.parse().unwrap(), Addresses::Private);
        let transport = Arc::new(Transport::new(tls_config().unwrap(), &limits));
        let hooks = HttpHooks::new(
            Some(HttpGrant { policy: Arc::new(policy), transport, proxies: Arc::default(), secrets: vec![granted()] }),
            &limits,
        );
        let sent = async || {
            let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
            // What the guest asks for makes no difference.
            let request = Request::get(&server.origin).header("accept-encoding", "gzip, br").body(body).unwrap();
            let prepared = hooks.prepare(request).unwrap();
            send(prepared, Waits::new(&limits, None), 1_000, hooks.usage().clone(), "it").await
        };
        let refused = sent().await.unwrap_err();
        assert!(matches!(refused, HttpError::HttpResponseContentCoding(Some(coding)) if coding == "gzip"));
        assert_eq!(hooks.usage().encoded.get().unwrap(), "gzip");
        let body = sent().await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "**********");
        assert!(server.received().iter().all(|it| it.header("accept-encoding") == Some("identity")));
    }

    #[test]
    fn any_other_authorization_is_refused() {
        let granted = granted();
        let good = format!("Bearer {}", granted.placeholder);
        let secrets = std::slice::from_ref(&granted);
        for values in [
            &["Bearer guessed"][..],
            &["Basic dXNlcjpwYXNz"],
            &[&format!("bearer {}", granted.placeholder)],
            &[&format!("Bearer {} ", granted.placeholder)],
            &[&good, &good],
        ] {
            assert!(swapped(values, secrets).is_none(), "{values:?}");
        }
        assert!(swapped(&[&good], &[]).is_none());
        assert!(swapped(&[], secrets).unwrap().is_empty());
    }

    #[test]
    fn no_two_placeholders_are_equal() {
        assert_ne!(granted().placeholder, granted().placeholder);
    }
}
