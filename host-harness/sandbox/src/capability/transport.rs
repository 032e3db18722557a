//! Connections to vendors: pooled per instance and origin, TLS by rustls, and
//! every address checked when its name resolves, so that what is checked is
//! what is connected to. Where the operator has set a proxy, it is the proxy's
//! address that is checked, and the proxy that resolves the vendor's name.

mod route;

use std::{
    collections::HashMap,
    error::Error as StdError,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
    vec,
};

use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use tower_service::Service;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

pub use self::route::{ProxyFailure, ProxyProblem};
use self::route::{Route, Through};
use crate::{capability::interceptor::Interceptor, limits::Limits, output::clean};
use appsec_grant::{Addresses, Origin, Proxies, Proxy, Refusal, Scheme, Secret, with_causes};

/// A connection nobody used for that long is closed.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Idle connections kept per origin: as many as a sync reads at once.
const IDLE_CONNECTIONS: usize = 8;

/// A client of one origin.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<Route>, WasiBody>,
    through: Option<Arc<Through>>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The connection or the exchange failed.
    #[error(transparent)]
    Failed(#[from] legacy::Error),
    /// The proxy on the way failed, or refused.
    #[error(transparent)]
    Proxy(#[from] ProxyFailure),
}

impl Client {
    /// Sends a request, through the proxy of its origin where there is one.
    pub async fn request(&self, mut request: Request<WasiBody>) -> Result<Response<Incoming>, RequestError> {
        let Some(through) = &self.through else { return Ok(self.inner.request(request).await?) };
        let target = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        // Over a tunnel only the request for the tunnel says who asks.
        if request.uri().scheme_str() == Some(Scheme::Http.as_str())
            && let Some(authorization) = through.authorization()
        {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
        }
        match self.inner.request(request).await {
            // A vendor has no such status.
            Ok(response) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(through.refusal(response.status(), &target).into())
            }
            Ok(response) => Ok(response),
            Err(error) => Err(match (find::<ProxyFailure>(&error), find::<rustls::Error>(&error)) {
                (Some(failure), _) => failure.clone().into(),
                (None, Some(tls)) => {
                    let what = format!("does not lead to {target} over TLS: {tls}");
                    through.failed(ProxyProblem::Protocol, what).into()
                }
                (None, None) => error.into(),
            }),
        }
    }

    /// What the proxy is told about who asks: it must not be seen in an answer.
    pub fn proxy_credentials(&self) -> Option<&Secret> {
        self.through.as_ref()?.proxy.credentials()
    }
}

/// Clients by origin and whether private addresses are granted, each with the
/// proxy that it goes through.
type Clients = HashMap<(Origin, bool), (Option<Proxy>, Client)>;

/// The connections of one instance. Never shared between instances: what one
/// may reach says nothing about another.
pub struct Transport {
    tls: Arc<rustls::ClientConfig>,
    connect_time: Duration,
    header_bytes: usize,
    clients: Mutex<Clients>,
    interceptor: Option<Arc<dyn Interceptor>>,
}

impl Transport {
    /// Without connections yet.
    pub fn new(tls: Arc<rustls::ClientConfig>, limits: &Limits) -> Self {
        Self {
            tls,
            connect_time: limits.connect_time,
            header_bytes: limits.header_bytes,
            clients: Mutex::new(HashMap::new()),
            interceptor: None,
        }
    }

    /// The same, with somebody in between.
    pub fn intercepted(self, interceptor: Arc<dyn Interceptor>) -> Self {
        Self { interceptor: Some(interceptor), ..self }
    }

    /// Who is in between.
    pub fn interceptor(&self) -> Option<&Arc<dyn Interceptor>> {
        self.interceptor.as_ref()
    }

    /// The client of an origin. One that has a proxy is judged by its name: the
    /// proxy looks it up.
    pub fn client(&self, origin: &Origin, addresses: Addresses, proxies: &Proxies) -> Result<Client, Refusal> {
        let proxy = proxies.of(origin)?;
        if proxy.is_some() && origin.address().is_none() {
            let refused = |reason| Refusal::Name { origin: origin.clone(), reason };
            addresses.check_name(origin.host()).map_err(refused)?;
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (origin.clone(), addresses == Addresses::Private);
        if let Some((known, client)) = clients.get(&key)
            && known.as_ref() == proxy
        {
            return Ok(client.clone());
        }
        let client = self.connect_by(CheckedResolver { addresses, lookup: system }, proxy);
        clients.insert(key, (proxy.cloned(), client.clone()));
        Ok(client)
    }

    fn connect_by(&self, resolver: CheckedResolver, proxy: Option<&Proxy>) -> Client {
        let tcp = |resolver| {
            let mut tcp = HttpConnector::new_with_resolver(resolver);
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(self.connect_time));
            tcp
        };
        let through = proxy.map(|proxy| {
            // Who names a proxy grants its address.
            let resolver = CheckedResolver { addresses: Addresses::Private, ..resolver };
            let (proxy, time, header_bytes) = (proxy.clone(), self.connect_time, self.header_bytes);
            Arc::new(Through { connector: self.with_tls(tcp(resolver)), proxy, time, header_bytes })
        });
        let route = through.clone().map_or_else(|| Route::Direct(tcp(resolver)), Route::Proxy);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            // hyper refuses less than 8 KiB.
            .http1_max_buf_size(self.header_bytes.max(8 << 10))
            .build(self.with_tls(route));
        Client { inner, through }
    }

    fn with_tls<T>(&self, connector: T) -> HttpsConnector<T> {
        HttpsConnectorBuilder::new()
            .with_tls_config((*self.tls).clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector)
    }
}

/// The certificates to trust: those of the system, so that a company's own
/// authority works, and Mozilla's where the system has none.
pub fn tls_config() -> Result<Arc<rustls::ClientConfig>, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "a certificate of the system cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Looks a name up.
type Lookup = fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// By the system.
fn system(name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

/// Resolves names, once per connection, and passes on only addresses that may
/// be connected to: what was checked is what is connected to.
#[derive(Clone)]
pub struct CheckedResolver {
    addresses: Addresses,
    lookup: Lookup,
}

/// Every address of a name is refused.
#[derive(Debug, thiserror::Error)]
#[error("{name} is at {address}, which is {reason}")]
pub struct Prohibited {
    name: String,
    address: IpAddr,
    reason: &'static str,
}

/// The addresses of a name that may be connected to.
fn permitted(
    name: &str,
    found: impl Iterator<Item = SocketAddr>,
    addresses: Addresses,
) -> Result<Vec<SocketAddr>, io::Error> {
    let mut permitted = Vec::new();
    let mut refused = None;
    for address in found {
        match addresses.check(address.ip()) {
            Ok(()) => permitted.push(address),
            Err(reason) => refused = Some((address.ip(), reason)),
        }
    }
    match refused {
        Some((address, reason)) if permitted.is_empty() => {
            let prohibited = Prohibited { name: name.to_owned(), address, reason };
            Err(io::Error::new(io::ErrorKind::PermissionDenied, prohibited))
        }
        _ => Ok(permitted),
    }
}

impl Service<Name> for CheckedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { addresses, lookup } = *self;
        Box::pin(async move {
            let found = lookup(name.as_str().to_owned()).await?;
            permitted(name.as_str(), found.into_iter(), addresses).map(Vec::into_iter)
        })
    }
}

/// How a body is encoded, where it is not as it is: in a content encoding, or a
/// transfer encoding other than chunks. Nothing in it can be seen, counted or
/// masked before it is unpacked, which nobody does.
pub fn coding(headers: &HeaderMap) -> Option<String> {
    let unusual = |name, usual: &'static str| {
        let values = headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let mut codings = values.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
        codings.find(move |coding| !coding.eq_ignore_ascii_case(usual.as_bytes()))
    };
    let found =
        unusual(header::CONTENT_ENCODING, "identity").or_else(|| unusual(header::TRANSFER_ENCODING, "chunked"))?;
    Some(clean(&String::from_utf8_lossy(found), &[], 40))
}

/// Why there is no connection, in the words of people.
pub fn no_connection(error: &(dyn StdError + 'static)) -> String {
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::TimedOut) => "no answer in time".to_owned(),
        _ if with_causes(error).contains("dns error") => "the host is not known".to_owned(),
        _ => with_causes(error),
    }
}

/// Why the addresses of a name may not be connected to, if that is what made a
/// request fail.
pub fn prohibition(error: &RequestError) -> Option<String> {
    find::<Prohibited>(error).map(ToString::to_string)
}

/// What a failed request was, in the words of `wasi:http`.
pub fn describe(error: &RequestError) -> HttpError {
    let error = match error {
        RequestError::Failed(error) => error,
        RequestError::Proxy(_) => return HttpError::DestinationUnavailable,
    };
    if find::<Prohibited>(error).is_some() {
        return HttpError::DestinationIpProhibited;
    }
    // The guest's own side of the request.
    if let Some(HttpError::HttpRequestBodySize(size)) = find::<HttpError>(error) {
        return HttpError::HttpRequestBodySize(*size);
    }
    if find::<rustls::Error>(error).is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_))) {
        return HttpError::TlsCertificateError;
    }
    if find::<rustls::Error>(error).is_some() {
        return HttpError::TlsProtocolError;
    }
    if let Some(inner) = find::<hyper::Error>(error) {
        if inner.is_parse_too_large() {
            return HttpError::HttpResponseHeaderSectionSize(None);
        }
        if inner.is_parse() {
            return HttpError::HttpProtocolError;
        }
        if inner.is_incomplete_message() {
            return HttpError::HttpResponseIncomplete;
        }
    }
    let io_kind = find::<io::Error>(error).map(io::Error::kind);
    match io_kind {
        Some(io::ErrorKind::ConnectionRefused) => HttpError::ConnectionRefused,
        Some(io::ErrorKind::TimedOut) => HttpError::ConnectionTimeout,
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => {
            HttpError::ConnectionTerminated
        }
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => HttpError::DestinationUnavailable,
        // The resolver's errors have no kind of their own.
        Some(_) if error.is_connect() && error.to_string().contains("dns") => {
            HttpError::DnsError { rcode: None, info_code: None }
        }
        _ if error.is_connect() && with_causes(error).contains("dns error") => {
            HttpError::DnsError { rcode: None, info_code: None }
        }
        _ => HttpError::ConnectionTerminated,
    }
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An `io::Error` hides what it wraps from `source` and shows it here.
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = find::<E>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests;
