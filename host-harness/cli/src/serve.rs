//! `harness serve`: the pages and the HTTP API, and the daemon beside them, until
//! it is stopped.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
};

use appsec_web::{Probes, ServeError, ServeOptions, Server};
use host_harness::{
    CancellationToken, Daemon, DaemonOptions, Error, Harness, TimedEvent,
    grant::{Code, SecretSource, with_causes},
};
use serde::Serialize;

use crate::{
    Context,
    daemon::{self, signal},
    error::Failure,
    output::Output,
    stdout::stdout,
    text,
    vault::{usual_key_file, write_key},
};

#[derive(clap::Args)]
pub struct Args {
    /// Listen on this address of this machine
    #[arg(long, default_value_t = ADDRESS, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Serve /healthz, /readyz and /metrics (Prometheus) without a session on this address of this machine
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Run no daemon beside it: sync on request only, and take no vendor events
    #[arg(long)]
    no_daemon: bool,
}

/// Where it listens where nobody says it.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7373);

#[derive(clap::Args)]
pub struct LinkArgs {
    /// Set the address at which the server listens [default: where it listened last]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// What `link` prints: a link like those of the server itself.
pub async fn link(context: &Context, args: &LinkArgs) -> Result<ExitCode, Failure> {
    let access = context.harness.access()?;
    let address = match args.listen {
        Some(address) => address,
        None => access.address().await.map_err(Error::from)?.unwrap_or(ADDRESS),
    };
    let key = access.new_link().await.map_err(Error::from)?;
    tell(context.output, &Event::Link { url: appsec_web::link(address, &key) });
    Ok(ExitCode::SUCCESS)
}

/// What `serve` prints, line by line.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[schemars(rename = "ServeEvent")]
pub enum Event {
    /// A link that lets one browser in, once, within ten minutes.
    Link {
        /// Its address.
        url: String,
    },
    /// It answers requests.
    Listening {
        /// Where.
        address: String,
    },
    /// A key for the vault was made, of which a copy is to be kept.
    VaultKey {
        /// Where it is.
        file: String,
    },
    /// Another daemon does the scheduled syncs.
    OtherDaemon {
        /// Which.
        daemon: String,
    },
}

/// A line that `serve` prints: its own, or one of the daemon in it.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "ServeLine")]
#[expect(dead_code, reason = "only its schema is printed: each line is written as what it is")]
pub enum Line {
    /// Of the server.
    Own(Event),
    /// Of the daemon.
    Daemon(TimedEvent),
}

pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let output = context.output;
    let harness = with_key(context)?;
    let (stop, abort) = (CancellationToken::default(), CancellationToken::default());
    let daemon = match args.no_daemon {
        true => None,
        false => beside(&harness, output, &stop, &abort)?,
    };
    let probes = match args.metrics {
        Some(address) => Some(Probes::bind(harness.clone(), address, false).await?),
        None => None,
    };
    let options = ServeOptions {
        address: args.listen,
        tell: Box::new(move |link: &str| tell(output, &Event::Link { url: link.to_owned() })),
        events: daemon.as_ref().map(Daemon::event_receiver),
    };
    let server = Server::bind(harness, options).await?;
    tell(output, &Event::Listening { address: server.address().to_string() });
    let json = output.is_json();
    let probing = daemon::probing(probes, &stop, &|event| daemon::tell(event, json))?;
    let signals = {
        let (stop, abort) = (stop.clone(), abort.clone());
        tokio::spawn(async move {
            signal().await;
            stop.cancel();
            signal().await;
            abort.cancel();
        })
    };
    let failed = stop.clone();
    let working = async {
        let Some(daemon) = &daemon else { return Ok(()) };
        let worked = daemon.run().await;
        // Pages and probes without it would say that all is well.
        failed.cancel();
        worked.map(|_| ())
    };
    let serving = async {
        tokio::select! {
            () = server.run(stop) => {}
            () = abort.cancelled() => {}
        }
    };
    let ((), worked, ()) = tokio::join!(serving, working, probing);
    signals.abort();
    worked?;
    Ok(ExitCode::SUCCESS)
}

/// The daemon in this process; none where another one has the data folder.
fn beside(
    harness: &Harness,
    output: Output,
    stop: &CancellationToken,
    abort: &CancellationToken,
) -> Result<Option<Daemon>, Failure> {
    let json = output.is_json();
    let options = DaemonOptions {
        parallel: usize::from(daemon::PARALLEL),
        once: false,
        listen: None,
        stop: stop.clone(),
        abort: abort.clone(),
        progress: Arc::new(move |event| daemon::tell(event, json)),
    };
    match Daemon::new(harness.clone(), options) {
        Ok(daemon) => Ok(Some(daemon)),
        Err(Error::DaemonRuns(other)) => {
            tell(output, &Event::OtherDaemon { daemon: other });
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The harness with a key for its vaults: what is typed into a page is sealed. One
/// is made where there is none, apart from the data folder.
fn with_key(context: &Context) -> Result<Harness, Failure> {
    let harness = &context.harness;
    let Some(path) = usual_key_file().filter(|_| !harness.has_vault_keys()) else { return Ok(harness.clone()) };
    write_key(&path, harness.data_dir())?;
    tell(context.output, &Event::VaultKey { file: path.display().to_string() });
    Ok(harness.with_vault_key(SecretSource::File { path }))
}

/// One line per event, at once: it is read by whoever waits for it.
fn tell(output: Output, event: &Event) {
    let mut stdout = stdout();
    // A reader that went away is no reason to stop.
    let _ = match event {
        event if output.is_json() => text::json_line(&mut stdout, event),
        Event::Link { url } => {
            write!(stdout, "Open this link to let a browser in (once, within ten minutes):\n  {url}")
        }
        Event::Listening { address } => {
            write!(stdout, "Serving pages and the API at http://{address}/ until Ctrl-C")
        }
        Event::VaultKey { file } => write!(
            stdout,
            "Wrote a key for the vault to {file}. Keep a copy of it apart from the data folder: without it no stored token \
             can be read"
        ),
        Event::OtherDaemon { daemon } => {
            write!(stdout, "Scheduled syncs are left to the daemon that is running: {}", text::line(daemon))
        }
    };
    let _ = writeln!(stdout).and_then(|()| stdout.flush());
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let code = match error {
            ServeError::NotLoopback(_) | ServeError::Remote(_) => Code::RemoteListen,
            ServeError::Listen(..) => Code::ListenFailed,
            ServeError::Access(error) => return error.into(),
        };
        let failure = Self::coded(code, with_causes(&error));
        match error {
            ServeError::NotLoopback(_) => failure.with_hint(
                "listen on 127.0.0.1 or [::1]; from another machine, use a tunnel: ssh -L 7373:127.0.0.1:7373 HOST",
            ),
            ServeError::Listen(..) => {
                failure.with_hint("another server may be running; choose another port with --listen")
            }
            ServeError::Remote(_) => {
                failure.with_hint("listen on 127.0.0.1; `harness daemon` takes other addresses with --allow-remote")
            }
            ServeError::Access(_) => failure,
        }
    }
}
