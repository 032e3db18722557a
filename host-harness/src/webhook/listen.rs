//! The address at which events of vendors come in: bounded in connections,
//! size and time, whoever sends.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use super::{
    WebhookError,
    reception::{Reception, Reply},
};
use crate::error::HarnessError;
use tokio_util::sync::CancellationToken;

/// Connections at one time; more wait. Together with the size of a body this
/// bounds the memory that senders can take.
const CONNECTIONS: usize = 32;

/// Bytes of a body: hundreds of findings with all that vendors say of them.
const BODY_BYTES: usize = 5 << 20;

/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;

/// Time for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// Time for the body of a request.
const BODY_TIME: Duration = Duration::from_secs(15);

/// Time for a whole connection, which is for one request.
const CONNECTION_TIME: Duration = Duration::from_secs(45);

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
    reception: Arc<Reception>,
    body_time: Duration,
}

impl Listener {
    /// Takes the address. Without TLS and in front of everybody, it is for this
    /// machine alone, where a proxy stands before it, unless the operator says
    /// otherwise.
    pub async fn bind(options: &ListenOptions, reception: Arc<Reception>) -> Result<Self, HarnessError> {
        let address = options.address;
        if !address.ip().is_loopback() && !options.anywhere {
            return Err(WebhookError::Anywhere(address).into());
        }
        let socket = TcpListener::bind(address).await.map_err(|error| WebhookError::Listen(address, error))?;
        Ok(Self { socket, reception, body_time: BODY_TIME })
    }

    /// The address, with the port that was given.
    pub fn address(&self) -> Result<SocketAddr, HarnessError> {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(self.socket.local_addr().map_err(|error| WebhookError::Listen(unknown, error))?)
    }

    /// Takes connections until it is stopped; those that are open then may come
    /// to their end for a moment.
    pub async fn serve(&self, stop: &CancellationToken) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut open = JoinSet::new();
        loop {
            let accept = async {
                // The semaphore is never closed.
                let place = places.clone().acquire_owned().await;
                (place, self.socket.accept().await)
            };
            tokio::select! {
                (place, accepted) = accept => match accepted {
                    Ok((stream, _)) => {
                        let (reception, body_time) = (self.reception.clone(), self.body_time);
                        open.spawn(async move {
                            let _place = place;
                            let served = timeout(CONNECTION_TIME, serve(stream, reception, body_time)).await;
                            if let Ok(Err(error)) = served {
                                tracing::debug!(%error, "a connection for events ended");
                            }
                        });
                    }
                    // Out of file handles, or the sender went away.
                    Err(error) => {
                        tracing::debug!(%error, "no connection for events");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = open.join_next() => {}
                () = stop.cancelled() => break,
            }
        }
        let _ = timeout(HEAD_TIME, async { while open.join_next().await.is_some() {} }).await;
    }
}

async fn serve(stream: TcpStream, reception: Arc<Reception>, body_time: Duration) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let reception = reception.clone();
        async move { Ok::<_, Infallible>(response(answer(&reception, request, body_time).await)) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(reception: &Reception, request: Request<Incoming>, body_time: Duration) -> Reply {
    let (head, body) = request.into_parts();
    let Some((tenant, instance)) = addressee(&head.method, head.uri.path()) else {
        return StatusCode::NOT_FOUND.into();
    };
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES as u64) {
        return StatusCode::PAYLOAD_TOO_LARGE.into();
    }
    let body = match timeout(body_time, Limited::new(body, BODY_BYTES).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return StatusCode::PAYLOAD_TOO_LARGE.into(),
        Ok(Err(_)) => return StatusCode::BAD_REQUEST.into(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into(),
    };
    reception.take(tenant, instance, &head.headers, &body).await
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
