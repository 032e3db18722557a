//! `harness daemon`, `harness sync --due` and `harness status`: the daemon, and a look at it.

use std::{io::Write, net::SocketAddr, process::ExitCode, sync::Arc};

use appsec_web::Probes;
use host_harness::{
    CancellationToken, Daemon, DaemonEvent, DaemonOptions, InstanceWork, ListenOptions, StatusReport, TimedEvent,
    grant::counted,
};

use super::{
    Context, USUAL_TENANT,
    error::Failure,
    output::{Output, joined, moment, short},
    style,
    table::{Cell, cells},
    text,
};

/// Concurrent syncs, where nobody says how many.
pub const PARALLEL: u8 = 4;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("addresses").args(["listen", "metrics"]).multiple(true))]
pub struct DaemonArgs {
    /// Limit the number of concurrent syncs
    #[arg(long, default_value_t = PARALLEL, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    parallel: u8,
    /// Listen for vendor events on this address, such as 127.0.0.1:8787; plain HTTP, so put a TLS proxy in front
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Serve /healthz, /readyz and /metrics (Prometheus) on this address, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Allow addresses that other machines can reach
    #[arg(long, requires = "addresses")]
    allow_remote: bool,
}

pub async fn run(context: &Context, args: DaemonArgs) -> Result<ExitCode, Failure> {
    let DaemonArgs { parallel, listen, metrics, allow_remote } = args;
    let probes = match metrics {
        Some(address) => Some(Probes::bind(context.harness.clone(), address, allow_remote).await?),
        None => None,
    };
    let listen = listen.map(|address| ListenOptions { address, anywhere: allow_remote, window: ListenOptions::WINDOW });
    work(context, parallel, false, listen, probes).await
}

/// Syncs what is due now.
pub async fn due(context: &Context) -> Result<ExitCode, Failure> {
    work(context, PARALLEL, true, None, None).await
}

async fn work(
    context: &Context,
    parallel: u8,
    once: bool,
    listen: Option<ListenOptions>,
    probes: Option<Probes>,
) -> Result<ExitCode, Failure> {
    let json = context.output.is_json();
    let (stop, abort) = (CancellationToken::default(), CancellationToken::default());
    let options = DaemonOptions {
        parallel: usize::from(parallel),
        once,
        listen,
        stop: stop.clone(),
        abort: abort.clone(),
        progress: Arc::new(move |event| tell(event, json)),
    };
    let daemon = Daemon::new(context.harness.clone(), options)?;
    let probing = probing(probes, &stop, &|event| tell(event, json))?;
    let word = stop.clone();
    let signals = tokio::spawn(async move {
        signal().await;
        word.cancel();
        signal().await;
        abort.cancel();
    });
    let working = async {
        let report = daemon.run().await;
        // Whatever it ended by, nobody answers for it any more.
        stop.cancel();
        report
    };
    let (report, ()) = tokio::join!(working, probing);
    signals.abort();
    let report = report?;
    Ok(match report.failed + report.left + report.broken {
        // A daemon that was told to end has done what it should.
        _ if !once => ExitCode::SUCCESS,
        0 if report.partial == 0 => ExitCode::SUCCESS,
        1.. if report.synced == 0 => ExitCode::FAILURE,
        _ => ExitCode::from(3),
    })
}

/// Answers probes until it is stopped, where somebody asked for it.
pub fn probing(
    probes: Option<Probes>,
    stop: &CancellationToken,
    tell: &dyn Fn(DaemonEvent),
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    if let Some(probes) = &probes {
        tell(DaemonEvent::Metrics { address: probes.address().to_string() });
    }
    let stop = stop.clone();
    Ok(async move {
        if let Some(probes) = probes {
            probes.run(stop).await;
        }
    })
}

/// Waits for Ctrl-C, or for the word of whatever runs services.
pub async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
    }
    // Without a handler Ctrl-C ends the process all the same.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// One line per event, at once: it is read by whoever waits for it.
pub fn tell(event: DaemonEvent, json: bool) {
    let at = appsec_model::Timestamp::from_micros(jiff::Timestamp::now().as_microsecond());
    let mut stdout = super::stdout::stdout();
    // A reader that went away is no reason to stop.
    let _ = if json {
        text::json_line(&mut stdout, &TimedEvent { at, event })
    } else {
        write!(stdout, "{} {}", moment(at), text::line(&event.to_string()))
    };
    let _ = writeln!(stdout).and_then(|()| stdout.flush());
}

/// Shows all tenants, or the one that is named.
pub async fn status(context: &Context) -> Result<ExitCode, Failure> {
    let tenants = match context.tenant.as_str() {
        USUAL_TENANT => context.harness.tenants()?,
        _ => vec![context.tenant()?.id().clone()],
    };
    let status = context.harness.status(tenants).await?;
    context.output.result(&status, |status| show(context.output, status))?;
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, status: &StatusReport) {
    output.line(match &status.daemon {
        Some(it) => format!(
            "A daemon is running: process {} on {} since {}, {} at a time",
            it.pid,
            it.host,
            moment(it.started_at),
            counted(it.parallel as u64, "sync")
        ),
        None => "No daemon is running. Start one with: harness daemon".to_owned(),
    });
    if status.instances.is_empty() {
        output.line("No instances yet. Set one up with: harness onboard");
        return;
    }
    let mut table = output
        .table(&["TENANT", "INSTANCE", "NOW", "LAST RUN", "MODE", "STATE", "NEXT", "NOTE"])
        .spare(&["TENANT", "MODE"]);
    for it in &status.instances {
        table.add_row(cells![
            &it.tenant,
            &it.instance,
            now(it),
            it.last_run.as_ref().map_or_else(|| "never".into(), |run| Cell::from(run.started_at)),
            it.last_run.as_ref().map(|run| run.mode.as_str()),
            it.last_run.as_ref().map(|run| Cell::state(run.state.as_str())),
            next(it),
            it.waiting.as_deref().map(|why| short(&joined(why), 120)),
        ]);
    }
    output.print(&table);
}

fn now(it: &InstanceWork) -> Cell {
    match &it.running {
        None => "idle".into(),
        Some(running) if running.alive => Cell::from(format!(
            "{} since {}: {}, {} (process {} on {})",
            running.holder.work,
            moment(running.holder.started_at),
            counted(running.pages, "page"),
            counted(running.records, "record"),
            running.holder.pid,
            running.holder.host
        ))
        .styled(style::GOOD),
        Some(running) => Cell::from(format!(
            "{} was interrupted (process {} on {}); the next one resumes it",
            running.holder.work, running.holder.pid, running.holder.host
        ))
        .styled(style::ATTENTION),
    }
}

/// When an instance is synced next, in words.
pub fn next(it: &InstanceWork) -> String {
    match (it.next_at, &it.schedule) {
        (_, Some(_)) if it.paused => "paused".to_owned(),
        (Some(at), _) => format!("{}{}", moment(at), if it.next_full { ", full" } else { "" }),
        (None, Some(_)) => "never".to_owned(),
        (None, None) => "not scheduled".to_owned(),
    }
}
