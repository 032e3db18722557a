//! `harness mock-vendor`: the simulated vendor by itself.

use std::{process::ExitCode, time::Duration};

use clap::builder::{PossibleValue, PossibleValuesParser};
use vendor_sim::{Options, Scenario, Simulator, World, WorldShape};

use super::{error::Failure, stdout};

#[derive(clap::Args)]
pub struct Args {
    /// Set the port on 127.0.0.1; 0 for a free one
    #[arg(long, default_value_t = 0, value_name = "P")]
    port: u16,
    /// Set the seed of the generated data
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Set the number of projects [default: derived from the number of findings]
    #[arg(long, value_name = "N")]
    projects: Option<u32>,
    /// Set the number of findings of all kinds
    #[arg(long, default_value_t = 1000, value_name = "M")]
    findings: u32,
    /// Delay each response by this many milliseconds
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// Set the accepted token
    #[arg(long, default_value = "sim-token", value_name = "TEXT")]
    accept_token: String,
    /// Add this many projects that were never scanned
    #[arg(long, default_value_t = 0, value_name = "N")]
    never_scanned: u32,
    /// Inject the faults of this scenario
    #[arg(long, value_name = "NAME", value_parser = scenarios())]
    scenario: Option<String>,
}

/// The scenarios, with what a client has to cope with.
fn scenarios() -> PossibleValuesParser {
    Scenario::described().map(|(name, about)| PossibleValue::new(name).help(about)).collect::<Vec<_>>().into()
}

pub async fn exec(args: Args) -> Result<ExitCode, Failure> {
    let usage = |error: vendor_sim::Error| Failure::new("mock-vendor", error.to_string(), None);
    let faults = match &args.scenario {
        Some(name) => Scenario::bundled(name).map_err(usage)?.faults,
        None => Vec::new(),
    };
    let mut shape = WorldShape { seed: args.seed, ..WorldShape::with_findings(args.findings) };
    if let Some(projects) = args.projects {
        shape.projects = projects;
    }
    shape.projects = shape.projects.saturating_add(args.never_scanned);
    shape.never_scanned = args.never_scanned;
    let options = Options {
        port: args.port,
        token: args.accept_token.clone(),
        latency: Duration::from_millis(args.latency),
        faults,
        ..Options::default()
    };
    let ready = |url: &str| {
        stdout::print(&format!(
            "A mock vendor serves deployment `{slug}` at {url}\n\
             Try it:\n  \
               curl -H 'Authorization: Bearer {token}' {url}/api/v1/deployments\n  \
               export SEMGREP_APP_TOKEN={token}\n  \
               harness instance add sim --set origin={url} --allow-private-origin {url}\n  \
               harness sync sim\n\
             A day later, with findings that are new, fixed, reopened, triaged, moved or gone:\n  \
               curl -X POST {url}/_sim/advance\n  \
               harness sync sim\n\
             Ctrl-C ends it.\n",
            slug = shape.slug,
            token = args.accept_token,
        ));
    };
    let interrupted = async {
        // Without a handler Ctrl-C ends the process all the same.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let world = World::new(shape.clone());
    let served = Simulator::run_until(world, options, ready, interrupted).await;
    served.map_err(|error| {
        Failure::new("mock-vendor", error.to_string(), Some("choose another port, or 0 for a free one"))
    })?;
    Ok(ExitCode::SUCCESS)
}
