//! The address at which events of vendors come in: bounded in connections,
//! size and time, whoever sends.

use std::{convert::Infallible, io::Cursor, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, join},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    places::{Place, Places},
    reception::{BODY_BYTES, Reply, WebhookHandler},
};
use crate::error::{Error, WebhookError};
use tokio_util::sync::CancellationToken;

/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;

/// Bytes of a body that have to come in a second, once it has begun.
const LEAST_RATE: u32 = 16 << 10;

/// Time for a whole connection, which is for one request.
const CONNECTION_TIME: Duration = Duration::from_secs(45);

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For its head.
    head: Duration,
    /// Until its body begins.
    begin: Duration,
    /// For its body.
    body: Duration,
}

impl Patience {
    /// How long after its beginning more of a body has to come, of which so many
    /// bytes are there.
    fn with(&self, bytes: usize) -> Duration {
        let paid = Duration::from_secs(bytes as u64) / LEAST_RATE;
        self.body.min(self.begin + paid)
    }
}

const PATIENCE: Patience =
    Patience { head: Duration::from_secs(5), begin: Duration::from_secs(2), body: Duration::from_secs(15) };

/// Where to listen for events of vendors.
#[derive(Clone, Copy, Debug)]
pub struct ListenOptions {
    /// The address.
    pub address: SocketAddr,
    /// Whether it may be one that other machines reach.
    pub anywhere: bool,
    /// How long events are gathered before one sync is made of them.
    pub window: Duration,
}

impl ListenOptions {
    /// How long events are gathered by default: those of one scan come together.
    pub const WINDOW: Duration = Duration::from_secs(5);
}

/// An address that is listened at.
pub(super) struct Listener {
    socket: TcpListener,
    reception: Arc<WebhookHandler>,
    patience: Patience,
}

impl Listener {
    /// Takes the address. Without TLS and in front of everybody, it is for this
    /// machine alone, where a proxy stands before it, unless the operator says
    /// otherwise.
    pub async fn bind(options: &ListenOptions, reception: Arc<WebhookHandler>) -> Result<Self, Error> {
        let address = options.address;
        if !address.ip().is_loopback() && !options.anywhere {
            return Err(WebhookError::Anywhere(address).into());
        }
        let socket = TcpListener::bind(address).await.map_err(|error| WebhookError::Listen(address, error))?;
        Ok(Self { socket, reception, patience: PATIENCE })
    }

    /// The address, with the port that was given.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(self.socket.local_addr().map_err(|error| WebhookError::Listen(unknown, error))?)
    }

    /// Takes connections until it is stopped; those that are open then may come
    /// to their end for a moment.
    pub async fn serve(&self, stop: &CancellationToken) {
        let places = Arc::new(Places::default());
        let mut open = JoinSet::new();
        loop {
            let wait = places.wait(Instant::now());
            tokio::select! {
                accepted = self.socket.accept(), if wait.is_zero() => match accepted {
                    Ok((stream, _)) => {
                        let place = Arc::new(places.enter(Instant::now()));
                        let (reception, patience) = (self.reception.clone(), self.patience);
                        open.spawn(async move {
                            let serving = timeout(CONNECTION_TIME, serve(stream, reception, place.clone(), patience));
                            tokio::select! {
                                served = serving => if let Ok(Err(error)) = served {
                                    tracing::debug!(%error, "a connection for events ended");
                                },
                                () = place.lost() => tracing::debug!("a sender without a signature made place"),
                            }
                        });
                    }
                    // Out of file handles, or the sender went away.
                    Err(error) => {
                        tracing::debug!(%error, "no connection for events");
                        sleep(Duration::from_millis(100)).await;
                    }
                },
                () = sleep(wait), if !wait.is_zero() => {}
                () = places.changed() => {}
                Some(_) = open.join_next() => {}
                () = stop.cancelled() => break,
            }
        }
        let _ = timeout(self.patience.head, async { while open.join_next().await.is_some() {} }).await;
    }
}

async fn serve(
    mut stream: TcpStream,
    reception: Arc<WebhookHandler>,
    place: Arc<Place>,
    patience: Patience,
) -> Result<(), hyper::Error> {
    let Ok(Some(head)) = timeout(patience.head, head(&mut stream)).await else { return Ok(()) };
    let two_lengths = has_two_lengths(&head);
    let service = service_fn(move |request| {
        let (reception, place) = (reception.clone(), place.clone());
        async move {
            let reply = match two_lengths {
                true => StatusCode::BAD_REQUEST.into(),
                false => answer(&reception, request, &place, patience).await,
            };
            Ok::<_, Infallible>(response(reply))
        }
    });
    let (rest, writer) = stream.into_split();
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(join(Cursor::new(head).chain(rest), writer)), service)
        .await
}

/// The beginning of a request, with all of its head, or as much of one as is too
/// much; none where the sender went away.
async fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(1 << 10);
    while head.len() <= HEAD_BYTES {
        let seen = head.len().saturating_sub(3);
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
        if memchr::memmem::find(head.get(seen..)?, b"\r\n\r\n").is_some() {
            break;
        }
    }
    Some(head)
}

/// Whether a request says twice how long it is. Two programs on its way may each
/// believe another one of them; hyper drops the one that it does not believe, so
/// that it is looked for before.
fn has_two_lengths(head: &[u8]) -> bool {
    let end = memchr::memmem::find(head, b"\r\n\r\n").unwrap_or(head.len());
    let lines = head.get(..end).unwrap_or_default().split(|byte| *byte == b'\n');
    let names: Vec<&[u8]> = lines.filter_map(|line| line.split(|byte| *byte == b':').next()).collect();
    let named = |name: &str| names.iter().any(|it| it.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
    named(header::CONTENT_LENGTH.as_str()) && named(header::TRANSFER_ENCODING.as_str())
}

async fn answer<B>(reception: &WebhookHandler, request: Request<B>, place: &Place, patience: Patience) -> Reply
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Unpin,
{
    let (head, body) = request.into_parts();
    let Some((tenant, instance)) = addressee(&head.method, head.uri.path()) else {
        return StatusCode::NOT_FOUND.into();
    };
    if let Err(status) = reception.admits(&head.headers) {
        return status.into();
    }
    place.keep();
    match read(body, patience).await {
        Ok(body) => reception.take(tenant, instance, &head.headers, &body).await,
        Err(status) => status.into(),
    }
}

/// Reads a body that begins soon and goes on coming.
async fn read<B>(body: B, patience: Patience) -> Result<Bytes, StatusCode>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Unpin,
{
    let (mut body, mut read, started) = (Limited::new(body, BODY_BYTES), BytesMut::new(), Instant::now());
    loop {
        match timeout_at(started + patience.with(read.len()), body.frame()).await {
            Ok(Some(Ok(frame))) => read.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Ok(None) => return Ok(read.freeze()),
            Ok(Some(Err(error))) if error.is::<LengthLimitError>() => return Err(StatusCode::PAYLOAD_TOO_LARGE),
            Ok(Some(Err(_))) => return Err(StatusCode::BAD_REQUEST),
            Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
        }
    }
}

/// Tenant and instance of a request to `/webhooks/TENANT/INSTANCE`.
fn addressee<'a>(method: &Method, path: &'a str) -> Option<(&'a str, &'a str)> {
    let (tenant, instance) = path.strip_prefix("/webhooks/")?.split_once('/')?;
    (method == Method::POST && !instance.contains('/')).then_some((tenant, instance))
}

/// The status and nothing else.
fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = reply.status;
    if let Some(wait) = reply.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
    }
    response
}

#[cfg(test)]
mod tests;
