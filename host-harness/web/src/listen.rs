//! Connections: how many at one time, how long they may be silent, and how they end.

mod owner;
mod places;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::Router;
use futures_util::future::select_all;
use host_harness::CancellationToken;
use http::{HeaderMap, Request, header};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

pub(crate) use self::owner::Ends;
use self::places::{Place, Places, Sending};
use crate::ServeError;

/// Connections at one time: for one more, one that is silent ends.
pub(crate) const CONNECTIONS: usize = 256;

/// Bytes of the head of a request.
const HEAD_BYTES: usize = 16 << 10;

/// For how long requests that are under way may go on when the server ends.
const GRACE: Duration = Duration::from_secs(5);

/// Takes an address; of that of this machine the other form too, where it is free.
/// Tells which one it is.
pub(crate) async fn bind(address: SocketAddr) -> Result<(Vec<TcpListener>, SocketAddr), ServeError> {
    let failed = |error| ServeError::Listen(address, error);
    let first = TcpListener::bind(address).await.map_err(failed)?;
    let taken = first.local_addr().map_err(failed)?;
    let mut sockets = vec![first];
    if taken.ip() == Ipv4Addr::LOCALHOST {
        sockets.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, taken.port())).await.ok());
    }
    Ok((sockets, taken))
}

/// Answers requests until it is stopped; returns what is still under way then.
pub(crate) async fn accept(
    sockets: Vec<TcpListener>,
    service: Router,
    patience: Duration,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let places = Places::new(CONNECTIONS);
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = open.join_next() => continue,
            accepted = next(&sockets) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = tokio::select! {
                    () = stop.cancelled() => break,
                    place = places.take() => place,
                };
                let (service, stop) = (service.clone(), stop.clone());
                let ends = stream.local_addr().ok().map(|own| Ends { peer, own });
                open.spawn(async move { serve((stream, ends), service, patience, &stop, &place).await });
            }
            // Out of file handles, or the browser went away.
            Err(error) => {
                tracing::debug!(%error, "no connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    open
}

/// The next connection of any of the sockets.
async fn next(sockets: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    select_all(sockets.iter().map(|it| Box::pin(it.accept()))).await.0
}

/// Lets what is under way come to its end for a moment; the rest is cut off.
pub(crate) async fn ended(mut open: JoinSet<()>) {
    _ = timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
}

async fn serve(
    (stream, ends): (TcpStream, Option<Ends>),
    service: Router,
    patience: Duration,
    stop: &CancellationToken,
    place: &Place,
) {
    let service = TowerToHyperService::new(service);
    let service = service_fn(|mut request: Request<Incoming>| {
        if let Some(ends) = ends {
            request.extensions_mut().insert(ends);
        }
        let (under_way, answer) = (place.begin(), service.call(request));
        async move { answer.await.map(|it| it.map(|body| Sending { body, _under_way: under_way })) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.gone.cancelled() => return,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// The names of this machine under which a server answers: a name that somebody else
/// makes resolve to it is none of them.
pub(crate) struct Hosts([String; 3]);

impl Hosts {
    /// Those of a port.
    pub fn new(port: u16) -> Self {
        Self(["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}")))
    }

    /// Whether a request is for one of them, and for no other.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).map(str::to_ascii_lowercase);
        hosts.next().is_none() && host.is_some_and(|host| self.0.contains(&host))
    }

    /// Whether an origin is one of them.
    pub fn has_origin(&self, origin: &[u8]) -> bool {
        let host = origin.strip_prefix(b"http://");
        host.is_some_and(|host| self.0.iter().any(|own| own.as_bytes() == host))
    }
}
