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
mod backup;
mod events;
mod jobs;
mod listen;
mod pages;
mod probes;
mod problems;
mod repeat;
mod routes;
mod stream;
mod table;
mod uploads;
mod watch;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use host_harness::{Access, CancellationToken, Error, EventReceiver, Harness};
use tokio::{net::TcpListener, sync::Semaphore};

pub use self::probes::Probes;
use self::{access::Gate, jobs::Jobs, repeat::Claims, table::Refusals, uploads::Uploads};

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

/// Bytes of a file that is imported.
pub(crate) const FILE_BYTES: usize = 2 << 30;

/// Pages that are watched live at one time.
const WATCHED: usize = 32;

/// Why pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is one that other machines reach.
    #[error("{0} is reachable from other machines: the pages are for this machine alone")]
    NotLoopback(SocketAddr),
    /// The address is one that other machines reach, and nobody said that they may.
    #[error("{0} is reachable from other machines, and what is sent there is not encrypted")]
    Remote(SocketAddr),
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
    sockets: Vec<TcpListener>,
    address: SocketAddr,
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
    /// Requests with a key that are under way.
    claims: Claims,
    /// What was refused lately.
    refusals: Refusals,
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
        let (sockets, address) = listen::bind(address).await?;
        let access = harness.access()?.clone();
        access.set_address(address).await.map_err(Error::from)?;
        let gate = Gate::new(address, access.clone(), tell).await?;
        let data_dir = harness.data_dir().to_owned();
        let uploads = Uploads::new(&data_dir).map_err(|error| Error::Folder(data_dir, error))?;
        let (jobs, watched, stop) = (Arc::default(), Arc::new(Semaphore::new(WATCHED)), CancellationToken::default());
        Ok(Self {
            sockets,
            address,
            site: Arc::new(Site {
                harness,
                access,
                gate,
                events,
                jobs,
                uploads,
                claims: Claims::default(),
                refusals: Refusals::default(),
                watched,
                stop,
                patience: PATIENCE,
            }),
        })
    }

    /// The address that it has.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until it is stopped.
    pub async fn run(self, stop: CancellationToken) {
        let (site, patience) = (self.site.clone(), self.site.patience.head);
        let open = listen::accept(self.sockets, routes::service(self.site), patience, &stop).await;
        site.stop.cancel();
        _ = tokio::join!(listen::ended(open), site.jobs.end());
    }
}

#[cfg(test)]
mod tests;
