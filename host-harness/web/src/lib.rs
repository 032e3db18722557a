//! The pages and the HTTP API of a harness, for the browsers of this machine.
//!
//! It shows what a data folder holds and changes nothing in it. It is made of the
//! library's own lists: a filter is called in an address what it is called on the
//! command line, and the API answers with what `--json` prints.

#![warn(missing_docs)]

mod access;
mod answer;
mod api;
mod asked;
mod pages;
mod routes;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use host_harness::{CancellationToken, Harness};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use self::access::Gate;

/// Connections at one time: one more waits until one of them ends.
const CONNECTIONS: usize = 256;

/// Time for the head of a request, and for which a connection waits for one.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Bytes of the head of a request.
const HEAD_BYTES: usize = 16 << 10;

/// For how long requests that are under way may go on when the server ends.
const GRACE: Duration = Duration::from_secs(5);

/// Why pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is one that other machines reach.
    #[error("{0} is reachable from other machines: the pages are for this machine alone")]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The system gives no random numbers.
    #[error("cannot get random numbers from the operating system")]
    Random,
}

/// Tells a link that lets one browser in.
pub type TellLink = Box<dyn Fn(&str) + Send + Sync>;

/// A server that has its address.
pub struct Server {
    socket: TcpListener,
    site: Arc<Site>,
}

/// What every request is answered from.
struct Site {
    harness: Harness,
    gate: Gate,
}

impl Server {
    /// Takes an address of this machine. `tell` gets the links that let a browser
    /// in: the first at once, another one when it was used or is too old.
    pub async fn bind(harness: Harness, address: SocketAddr, tell: TellLink) -> Result<Self, ServeError> {
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        let failed = |error| ServeError::Listen(address, error);
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let gate = Gate::new(socket.local_addr().map_err(failed)?, tell)?;
        Ok(Self { socket, site: Arc::new(Site { harness, gate }) })
    }

    /// The address that it has.
    pub fn address(&self) -> Result<SocketAddr, ServeError> {
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        self.socket.local_addr().map_err(|error| ServeError::Listen(unknown, error))
    }

    /// Answers requests until it is stopped.
    pub async fn run(self, stop: CancellationToken) {
        let service = routes::service(self.site);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = open.join_next() => continue,
                accepted = async {
                    // The semaphore is never closed.
                    let place = places.clone().acquire_owned().await;
                    (self.socket.accept().await, place)
                } => accepted,
            };
            match accepted {
                (Ok((stream, _)), place) => {
                    let (service, stop) = (service.clone(), stop.clone());
                    open.spawn(async move {
                        serve(stream, service, &stop).await;
                        drop(place);
                    });
                }
                // Out of file handles, or the browser went away.
                (Err(error), _) => {
                    tracing::debug!(%error, "no connection");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // What is not done then is cut off.
        _ = timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
    }
}

async fn serve(stream: TcpStream, service: routes::Service, stop: &CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests;
