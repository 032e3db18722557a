//! `harness mock-vendor`: the simulated vendor by itself.

use std::{process::ExitCode, time::Duration};

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
    /// Inject the faults of this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
}

pub async fn exec(args: Args) -> Result<ExitCode, Failure> {
    let usage = |error: vendor_sim::Error| {
        let hint = format!("scenarios: {}", Scenario::NAMES.join(", "));
        Failure::new("mock-vendor", error.to_string(), Some(&hint))
    };
    let faults = match &args.scenario {
        Some(name) => Scenario::bundled(name).map_err(usage)?.faults,
        None => Vec::new(),
    };
    let mut shape = WorldShape { seed: args.seed, ..WorldShape::with_findings(args.findings) };
    if let Some(projects) = args.projects {
        shape.projects = projects;
    }
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
