//! `harness vendor-sim`: the simulated vendor by itself.

use std::{process::ExitCode, time::Duration};

use vendor_sim::{Options, Scenario, Simulator, World, WorldShape};

use super::error::Failure;

#[derive(clap::Args)]
pub struct Args {
    /// Port on 127.0.0.1; 0 for a free one
    #[arg(long, default_value_t = 0, value_name = "P")]
    port: u16,
    /// Worlds of different seeds are different
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Projects [default: by the number of findings]
    #[arg(long, value_name = "N")]
    projects: Option<u32>,
    /// Findings of all kinds
    #[arg(long, default_value_t = 1000, value_name = "M")]
    findings: u32,
    /// Milliseconds before each answer
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// The token that is accepted
    #[arg(long, default_value = "sim-token", value_name = "TEXT")]
    accept_token: String,
    /// What goes wrong: the name of a scenario
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
}

pub async fn exec(args: Args) -> Result<ExitCode, Failure> {
    let usage = |error: vendor_sim::Error| {
        let remedy = format!("scenarios: {}", Scenario::NAMES.join(", "));
        Failure::new("vendor-sim", error.to_string(), Some(&remedy))
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
        println!("A simulated vendor serves deployment `{}` at {url}", shape.slug);
        println!("Try it:");
        println!("  curl -H 'Authorization: Bearer {}' {url}/api/v1/deployments", args.accept_token);
        println!("  export SEMGREP_APP_TOKEN={}", args.accept_token);
        println!("  harness instance add sim --set origin={url} --allow-private-origin {url}");
        println!("  harness sync sim");
        println!("Ctrl-C ends it.");
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
        Failure::new("vendor-sim", error.to_string(), Some("choose another port, or 0 for a free one"))
    })?;
    Ok(ExitCode::SUCCESS)
}
