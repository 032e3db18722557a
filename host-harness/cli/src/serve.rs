//! `harness serve`: the pages and the HTTP API, until it is stopped.

use std::{io::Write, net::SocketAddr, process::ExitCode};

use appsec_web::{ServeError, Server};
use host_harness::{CancellationToken, Code, with_causes};
use serde::Serialize;

use crate::{Context, daemon::signal, error::Failure, output::Output, stdout::stdout, text};

#[derive(clap::Args)]
pub struct Args {
    /// Listen on this address of this machine
    #[arg(long, default_value = "127.0.0.1:7373", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
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
}

pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let output = context.output;
    let link = Box::new(move |link: &str| tell(output, &Event::Link { url: link.to_owned() }));
    let server = Server::bind(context.harness.clone(), args.listen, link).await?;
    tell(output, &Event::Listening { address: server.address()?.to_string() });
    let stop = CancellationToken::default();
    let stopped = stop.clone();
    let signals = tokio::spawn(async move {
        signal().await;
        stopped.cancel();
    });
    server.run(stop).await;
    signals.abort();
    Ok(ExitCode::SUCCESS)
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
            write!(stdout, "Serving pages and the API, read-only, at http://{address}/ until Ctrl-C")
        }
    };
    let _ = writeln!(stdout).and_then(|()| stdout.flush());
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let code = match error {
            ServeError::NotLoopback(_) => Code::RemoteListen,
            ServeError::Listen(..) => Code::ListenFailed,
            ServeError::Random => Code::Internal,
        };
        let failure = Self::coded(code, with_causes(&error));
        match error {
            ServeError::NotLoopback(_) => failure.with_hint(
                "listen on 127.0.0.1 or [::1]; from another machine, use a tunnel: ssh -L 7373:127.0.0.1:7373 HOST",
            ),
            ServeError::Listen(..) => {
                failure.with_hint("another server may be running; choose another port with --listen")
            }
            ServeError::Random => failure.with_hint("check the system's random number generator"),
        }
    }
}
