//! How a connection is opened: straight to the vendor, or through the
//! operator's proxy. TLS with the vendor goes around either, so that a proxy
//! sees the vendor's name and no request.

use std::{
    convert::Infallible,
    error::Error as StdError,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::{
    client::conn::http1,
    rt::{Read, ReadBufCursor, Write},
};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use tower_service::Service;

use super::{CheckedResolver, Prohibited, find, no_connection};
use appsec_grant::{Origin, Proxy};

/// Why nothing came through a proxy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the proxy {proxy} {what}")]
pub struct ProxyFailure {
    /// The proxy, without its credentials.
    pub proxy: Origin,
    /// What sort of failure it is.
    pub problem: ProxyProblem,
    /// What happened, in words.
    pub what: String,
}

/// What sort of failure of a proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyProblem {
    /// It does not answer, or cannot reach the vendor now.
    Unavailable,
    /// It does not let this through.
    Refused,
    /// It wants other credentials.
    Credentials,
    /// What it answers is not what a proxy answers, or not the vendor's.
    Protocol,
}

/// What opens connections.
#[derive(Clone)]
pub(super) enum Route {
    Direct(HttpConnector<CheckedResolver>),
    Proxy(Arc<Through>),
}

/// A proxy, and how it is reached.
pub(super) struct Through {
    pub connector: HttpsConnector<HttpConnector<CheckedResolver>>,
    pub proxy: Proxy,
    /// Time until the connection stands.
    pub time: Duration,
    /// Bytes of the headers of its answer.
    pub header_bytes: usize,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Route {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Direct(tcp) => tcp.poll_ready(context).map_err(Into::into),
            Self::Proxy(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let connecting = tcp.call(destination);
                Box::pin(async move { Ok(Stream { io: Box::new(connecting.await?), is_proxied: false }) })
            }
            Self::Proxy(through) => {
                let through = through.clone();
                Box::pin(async move { Ok(through.open(&destination).await?) })
            }
        }
    }
}

impl Through {
    /// A failure of this proxy.
    pub fn failed(&self, problem: ProxyProblem, what: impl Into<String>) -> ProxyFailure {
        ProxyFailure { proxy: self.proxy.address().clone(), problem, what: what.into() }
    }

    /// `Proxy-Authorization`, where it is told who asks.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let credentials = self.proxy.credentials()?;
        let mut value = HeaderValue::from_str(&format!("Basic {}", credentials.reveal())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// What a status says that is the proxy's own.
    pub fn refusal(&self, status: StatusCode, target: &str) -> ProxyFailure {
        match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let what = match self.proxy.credentials() {
                    Some(_) => "does not accept the user or the password",
                    None => "asks for a user and a password",
                };
                self.failed(ProxyProblem::Credentials, format!("{what} ({status})"))
            }
            _ => {
                let problem = if status.is_server_error() { ProxyProblem::Unavailable } else { ProxyProblem::Refused };
                self.failed(problem, format!("does not connect to {target}: it answered {status}"))
            }
        }
    }

    async fn open(&self, destination: &Uri) -> Result<Stream, ProxyFailure> {
        let opened = async {
            // The scheme and authority of an origin are a URI.
            let uri: Uri = self
                .proxy
                .to_string()
                .parse()
                .map_err(|_| self.failed(ProxyProblem::Protocol, "has an address that cannot be used"))?;
            let stream = self.connector.clone().call(uri).await.map_err(|error| self.unreachable(&*error))?;
            match destination.scheme_str() {
                Some("https") => self.tunnel(stream, destination).await,
                // What is sent in clear text the proxy reads and passes on.
                _ => Ok(Stream { io: Box::new(stream), is_proxied: true }),
            }
        };
        match tokio::time::timeout(self.time, opened).await {
            Ok(opened) => opened,
            Err(_) => Err(self.failed(ProxyProblem::Unavailable, "did not answer in time")),
        }
    }

    fn unreachable(&self, error: &(dyn StdError + 'static)) -> ProxyFailure {
        if let Some(prohibited) = find::<Prohibited>(error) {
            return self.failed(ProxyProblem::Refused, format!("is not connected to: {prohibited}"));
        }
        self.failed(ProxyProblem::Unavailable, format!("cannot be reached: {}", no_connection(error)))
    }

    /// Asks the proxy for a connection to the destination, and gives what then
    /// goes through it as it is.
    async fn tunnel<T: Read + Write + Send + Unpin + 'static>(
        &self,
        stream: T,
        destination: &Uri,
    ) -> Result<Stream, ProxyFailure> {
        let broken = |error: hyper::Error| {
            let what = match () {
                () if error.is_parse_too_large() => "answers with too many bytes of headers",
                () if error.is_parse() => "does not answer as an HTTP proxy",
                () => "closed the connection without an answer",
            };
            let problem = if error.is_parse() { ProxyProblem::Protocol } else { ProxyProblem::Unavailable };
            self.failed(problem, what)
        };
        let (host, port) = (destination.host().unwrap_or_default(), destination.port_u16().unwrap_or(443));
        let target = format!("{host}:{port}");
        let mut request = Request::connect(&target).header(header::HOST, &target);
        if let Some(authorization) = self.authorization() {
            request = request.header(header::PROXY_AUTHORIZATION, authorization);
        }
        let unusable = |_| self.failed(ProxyProblem::Protocol, format!("cannot be asked for {target}"));
        let request = request.body(Empty::<Bytes>::new()).map_err(unusable)?;
        let mut builder = http1::Builder::new();
        // hyper refuses less than 8 KiB.
        builder.max_buf_size(self.header_bytes.max(8 << 10));
        let (mut sender, connection) = builder.handshake(stream).await.map_err(broken)?;
        // It has to be driven until the tunnel stands, and goes away with the
        // request where there is none.
        let driven = async {
            _ = connection.with_upgrades().await;
            std::future::pending::<Infallible>().await
        };
        let asked = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            // Other statuses of success are no tunnel by RFC 9110, section 9.3.6, and
            // hyper opens one for 200 alone.
            match answer.status() {
                StatusCode::OK => hyper::upgrade::on(answer).await.map_err(broken),
                status => Err(self.refusal(status, &target)),
            }
        };
        tokio::select! {
            tunnel = asked => Ok(Stream { io: Box::new(tunnel?), is_proxied: false }),
            never = driven => match never {},
        }
    }
}

trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

/// A connection, however it was opened.
pub struct Stream {
    io: Box<dyn Io>,
    /// Whether requests go to a proxy, with the whole address in them.
    is_proxied: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_proxied)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, pieces)
    }
}
