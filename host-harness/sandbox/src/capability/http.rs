//! `wasi:http` for guests: which request may leave, with which secret, and how
//! much may come back.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Sleep, sleep, timeout};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, ForbiddenHeaderFilter, RequestOptions, Result as HttpResult,
    WasiBody, WasiHttpHooks,
};

use crate::{
    capability::{
        mask::Mask,
        transport::{ProxyFailure, RequestError, Transport, coding, describe, prohibition},
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

/// What one call did over HTTP. Shared with the requests under way.
#[derive(Debug, Default)]
pub struct HttpUsage {
    /// Requests that left the host.
    pub requests: AtomicU32,
    /// Bytes of bodies received.
    pub received_bytes: AtomicU64,
    /// Whether an answer was larger than allowed. The guest is not told why a
    /// body ends with an error, so that the host remembers it.
    pub oversized: AtomicBool,
    /// How an answer was encoded that was refused because of it.
    pub encoded: OnceLock<String>,
    /// How a proxy failed. The guest learns only that the vendor is not reached.
    pub proxy: OnceLock<ProxyFailure>,
    /// The first request that was refused.
    pub refusal: Mutex<Option<Refused>>,
}

/// A request that did not leave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Why, in words.
    pub why: String,
    /// Whether it was against a rule for every connector, which no grant lifts.
    pub by_rule: bool,
}

impl HttpUsage {
    /// Notes why a request was refused; the first reason stays. Tells whether
    /// this is it.
    fn refuse(&self, why: &str, by_rule: bool) -> bool {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let first = refusal.is_none();
        refusal.get_or_insert_with(|| Refused { why: shortened(why), by_rule });
        first
    }
}

/// Longest text of a request in a message or a log: a guest's address may have
/// 64 KiB.
const MAX_SHOWN_BYTES: usize = 512;

fn shortened(text: &str) -> String {
    match text.get(..text.floor_char_boundary(MAX_SHOWN_BYTES)) {
        Some(start) if start.len() < text.len() => format!("{start}… ({} bytes)", text.len()),
        _ => text.to_owned(),
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
        match self.prepare(request) {
            Ok(prepared) => {
                let waits = Waits::new(&self.limits, options);
                let (limit, usage) = (self.limits.response_bytes, self.usage.clone());
                Box::new(async move {
                    let response = send(prepared, waits, limit, usage, &shown).await?;
                    let done: Box<dyn Future<Output = HttpResult<()>> + Send> = Box::new(async { Ok(()) });
                    Ok((response, done))
                })
            }
            Err(denied) => {
                let reason = shortened(&denied.to_string());
                // A guest may go on asking: the log has the first one of a call.
                if self.usage.refuse(&reason, matches!(denied, Denied::Rule(_))) {
                    tracing::warn!(request = shown, denied = reason, "egress refused");
                } else {
                    tracing::debug!(request = shown, denied = reason, "egress refused again");
                }
                let error = HttpError::from(&denied);
                Box::new(async move { Err(error) })
            }
        }
    }
}

/// How long a request may wait: what the guest asks for, but no longer than
/// the host's limits.
struct Waits {
    first_byte: std::time::Duration,
    between_bytes: std::time::Duration,
    whole: std::time::Duration,
}

impl Waits {
    fn new(limits: &Limits, options: Option<RequestOptions>) -> Self {
        let asked = options.unwrap_or_default();
        let clamp = |asked: Option<std::time::Duration>, limit| asked.map_or(limit, |asked| asked.min(limit));
        Self {
            // Opening a connection is part of waiting for the first byte.
            first_byte: clamp(asked.first_byte_timeout, limits.first_byte_time),
            between_bytes: clamp(asked.between_bytes_timeout, limits.between_bytes_time),
            whole: limits.request_time,
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
    let mut response = match answer {
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
    if response.body().size_hint().lower() > limit {
        usage.oversized.store(true, Ordering::Relaxed);
        return Err(HttpError::HttpResponseBodySize(Some(response.body().size_hint().lower())));
    }
    mask.headers(response.headers_mut());
    if let Some(coding) = coding(response.headers()) {
        tracing::debug!(request = shown, coding, "answer is encoded");
        usage.encoded.get_or_init(|| coding.clone());
        return Err(HttpError::HttpResponseContentCoding(Some(coding)));
    }
    Ok(response.map(|body| {
        BoundedBody {
            inner: body,
            mask,
            after: None,
            left: limit,
            between_bytes: waits.between_bytes,
            silence: Box::pin(sleep(waits.between_bytes)),
            end: Box::pin(sleep(waits.whole.saturating_sub(started.elapsed()))),
            usage,
        }
        .boxed_unsync()
    }))
}

/// A body that ends with an error when it is too large, silent for too long,
/// or not over in time, and in which no secret is to be seen.
struct BoundedBody<B> {
    inner: B,
    mask: Mask,
    /// What comes after the last bytes that the mask held back.
    after: Option<Frame<Bytes>>,
    left: u64,
    between_bytes: std::time::Duration,
    silence: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
    usage: Arc<HttpUsage>,
}

impl<B: Body<Data = Bytes, Error: std::error::Error + 'static> + Unpin> Body for BoundedBody<B> {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<HttpResult<Frame<Bytes>>>> {
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(HttpError::HttpResponseTimeout)));
        }
        if let Some(after) = self.after.take() {
            return Poll::Ready(Some(Ok(after)));
        }
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(None) if self.mask.held() > 0 => Poll::Ready(Some(Ok(Frame::data(self.mask.rest())))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "answer cut off");
                Poll::Ready(Some(Err(HttpError::HttpResponseIncomplete)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.usage.received_bytes.fetch_add(length, Ordering::Relaxed);
                let Some(left) = self.left.checked_sub(length) else {
                    self.usage.oversized.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(HttpError::HttpResponseBodySize(None))));
                };
                self.left = left;
                let silence = tokio::time::Instant::now() + self.between_bytes;
                self.silence.as_mut().reset(silence);
                let frame = match frame.into_data() {
                    Ok(data) => Frame::data(self.mask.pass(data)),
                    Err(trailers) => self.last(trailers),
                };
                if frame.data_ref().is_some_and(Bytes::is_empty) {
                    // All of it waits for what comes next: ask for that.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending if self.silence.as_mut().poll(context).is_ready() => {
                Poll::Ready(Some(Err(HttpError::ConnectionReadTimeout)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.mask.held() == 0 && self.after.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, held) = (self.inner.size_hint(), self.mask.held() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

impl<B> BoundedBody<B> {
    /// What comes before trailers, or they themselves.
    fn last(&mut self, mut trailers: Frame<Bytes>) -> Frame<Bytes> {
        if let Some(fields) = trailers.trailers_mut() {
            self.mask.headers(fields);
        }
        if self.mask.held() == 0 {
            return trailers;
        }
        self.after = Some(trailers);
        Frame::data(self.mask.rest())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Request, header::AUTHORIZATION};
    use http_body_util::{BodyExt, Empty, Full};
    use tokio::time::sleep;
    use wasmtime_wasi_http::Error as HttpError;

    use super::{BoundedBody, GrantedSecret, HttpGrant, HttpHooks, Mask, Waits, send, swap_secret};
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
    async fn a_token_in_trailers_is_masked_and_what_was_held_back_comes_before_them() {
        let granted = granted();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-echo", HeaderValue::from_static("Bearer real-token"));
        let body = Full::new(Bytes::from_static(b"it was real-tok"));
        let wait = Duration::from_secs(3_600);
        let body = BoundedBody {
            inner: body.with_trailers(std::future::ready(Some(Ok(trailers)))),
            mask: Mask::new([granted.secret]),
            after: None,
            left: 1_000,
            between_bytes: wait,
            silence: Box::pin(sleep(wait)),
            end: Box::pin(sleep(wait)),
            usage: Default::default(),
        };
        let whole = body.collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["x-echo"], "Bearer **********");
        assert_eq!(whole.to_bytes(), "it was real-tok");
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
