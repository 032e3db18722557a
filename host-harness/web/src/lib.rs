//! The pages and the HTTP API of a harness, for the browsers of this machine.
//!
//! It shows what a data folder holds, and lets it be worked with. It is made of the
//! library's own lists: a filter is called in an address what it is called on the
//! command line, and the API answers with what `--json` prints.

#![warn(missing_docs)]

mod access;
mod answer;
mod api;
mod asked;
mod events;
mod jobs;
mod pages;
mod routes;
mod table;
mod uploads;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use host_harness::{Access, CancellationToken, Error, EventReceiver, Harness};
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

use self::{access::Gate, jobs::Jobs, uploads::Uploads};

/// Connections at one time: one more waits until one of them ends.
const CONNECTIONS: usize = 256;

/// How long a request may take.
#[derive(Clone, Copy)]
struct Patience {
    /// For its head, and for a connection to begin one.
    head: Duration,
    /// For its body, or of a file for the next part of it.
    body: Duration,
    /// For one that looks.
    look: Duration,
    /// For one that changes something: a vendor may be asked for it. What it began
    /// goes on to its end.
    change: Duration,
}

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    body: Duration::from_secs(20),
    look: Duration::from_secs(30),
    change: Duration::from_secs(120),
};

/// Bytes of the head of a request.
const HEAD_BYTES: usize = 16 << 10;

/// Bytes of a file that is imported.
pub(crate) const FILE_BYTES: usize = 2 << 30;

/// Pages that are watched live at one time.
const WATCHED: usize = 32;

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
    /// Sessions and tokens cannot be kept.
    #[error(transparent)]
    Access(#[from] Error),
}

/// The link with a key, at a server's address.
pub fn link(address: SocketAddr, key: &str) -> String {
    format!("http://{address}/enter?key={key}")
}

/// Tells a link that lets one browser in.
pub type TellLink = Box<dyn Fn(&str) + Send + Sync>;

/// How a server works.
pub struct ServeOptions {
    /// An address of this machine.
    pub address: SocketAddr,
    /// Gets the links that let a browser in: the first at once, another one when it
    /// was used or is too old.
    pub tell: TellLink,
    /// Takes vendors' events; none where no daemon works beside the server.
    pub events: Option<EventReceiver>,
}

/// A server that has its address.
pub struct Server {
    socket: TcpListener,
    site: Arc<Site>,
}

/// What every request is answered from.
struct Site {
    harness: Harness,
    access: Access,
    gate: Gate,
    events: Option<EventReceiver>,
    jobs: Arc<Jobs>,
    uploads: Uploads,
    /// Pages that are watched live.
    watched: Arc<Semaphore>,
    stop: CancellationToken,
    patience: Patience,
}

impl Server {
    /// Takes an address of this machine.
    pub async fn bind(harness: Harness, options: ServeOptions) -> Result<Self, ServeError> {
        let ServeOptions { address, tell, events } = options;
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        let failed = |error| ServeError::Listen(address, error);
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let access = harness.access()?.clone();
        let gate = Gate::new(socket.local_addr().map_err(failed)?, access.clone(), tell).await?;
        let data_dir = harness.data_dir().to_owned();
        let uploads = Uploads::new(&data_dir).map_err(|error| Error::Folder(data_dir, error))?;
        let (jobs, watched, stop) = (Arc::default(), Arc::new(Semaphore::new(WATCHED)), CancellationToken::default());
        Ok(Self {
            socket,
            site: Arc::new(Site { harness, access, gate, events, jobs, uploads, watched, stop, patience: PATIENCE }),
        })
    }

    /// The address that it has.
    pub fn address(&self) -> Result<SocketAddr, ServeError> {
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        self.socket.local_addr().map_err(|error| ServeError::Listen(unknown, error))
    }

    /// Answers requests until it is stopped.
    pub async fn run(self, stop: CancellationToken) {
        let site = self.site.clone();
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
                    let (service, stop, patience) = (service.clone(), stop.clone(), site.patience.head);
                    open.spawn(async move {
                        serve(stream, service, patience, &stop).await;
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
        site.stop.cancel();
        // What is not done then is cut off.
        let ending = timeout(GRACE, async { while open.join_next().await.is_some() {} });
        _ = tokio::join!(ending, site.jobs.end());
    }
}

async fn serve(stream: TcpStream, service: routes::Service, patience: Duration, stop: &CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
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
