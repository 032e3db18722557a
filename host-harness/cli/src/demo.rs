//! `harness demo`: the whole way on one machine, and whether what arrives is
//! what the vendor has.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use host_harness::{
    Error, FindingCount, FindingList, Harness, Options, Setup, View,
    grant::{InstanceName, SecretSource, write_private},
    ingest::SyncOptions,
    query::{List, Query},
    store::Run,
};
use serde::Serialize;
use vendor_sim::{Expectation, Kind, Refs, Simulator, World, WorldShape};

use super::{
    Context,
    error::Failure,
    output::{Output, bytes, quoted},
    packages,
    rehearse::show_counts,
    sync::Shown,
    table::{Cell, cells},
    views,
};

#[derive(clap::Args)]
pub struct Args {
    /// Set the seed of the generated data
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Set the number of projects [default: derived from the number of findings]
    #[arg(long, value_name = "N")]
    projects: Option<u32>,
    /// Set the number of findings at the vendor
    #[arg(long, default_value_t = 4000, value_name = "M")]
    findings: u32,
    /// Keep the store in this directory, as --data-dir does [default: removed]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What `demo` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct DemoReport {
    /// Whether what arrived is what the vendor has.
    agrees: bool,
    /// What the vendor has, and what arrived.
    compared: Vec<Compared>,
    /// Findings in the store by kind and severity.
    findings: Vec<FindingCount>,
    /// The run, with pages, requests, bytes and peak guest memory.
    run: Run,
    /// Milliseconds that the sync took.
    elapsed_ms: u64,
}

/// A number of the vendor beside that of the store.
#[derive(Serialize, schemars::JsonSchema)]
struct Compared {
    /// What is counted.
    what: String,
    /// At the mock vendor, as generated.
    vendor: u64,
    /// In the store, or by the run log.
    store: u64,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let output = context.output;
    let scratch = tempfile::tempdir()?;
    let kept = args.keep.as_deref().or(context.given_data_dir.as_deref());
    let data_dir = match kept {
        Some(folder) => std::path::absolute(folder)?,
        None => scratch.path().join("data"),
    };
    let mut shape = WorldShape { seed: args.seed, ..WorldShape::with_findings(args.findings) };
    if let Some(projects) = args.projects {
        shape.projects = projects;
    }
    let token = "demo-token";
    let options = vendor_sim::Options { token: token.to_owned(), ..vendor_sim::Options::default() };
    let simulator = Simulator::start(World::new(shape), options)
        .map_err(|error| Failure::new("mock-vendor", error.to_string(), None))?;
    output.line(format!(
        "A simulated vendor serves {} projects at {}",
        simulator.world().shape().projects,
        simulator.url()
    ));

    let harness = Harness::new(Options::new(data_dir));
    let loaded = harness.connector(&context.connector).await?;
    let component = loaded.connector.inspection();
    output.line(format!(
        "The connector {} {} is a component of {}, speaks contract {} and imports {} interfaces",
        loaded.manifest.id,
        loaded.manifest.version,
        bytes(component.size_bytes as u64),
        loaded.manifest.contract_version,
        component.imports.len()
    ));
    let tenant = harness.tenant(context.tenant.clone())?;
    // Beside a store that is kept, where it can still be read afterwards.
    let token_file = if kept.is_some() { harness.data_dir() } else { scratch.path() }.join("demo-token");
    write_private(&token_file, token.as_bytes())?;
    let name: InstanceName = "demo".parse().map_err(|error| Failure::new("name", format!("{error}"), None))?;
    let origin = simulator.url().to_owned();
    let known = tenant.instances().await?;
    if known.iter().any(|instance| instance.made.name == name) {
        let hint = "give another directory with --keep, or remove this one";
        return Err(Failure::new("in-use", "the directory contains an earlier demo", Some(hint)));
    }
    let setup = Setup {
        name: name.clone(),
        connector: context.connector.clone(),
        settings: serde_json::Map::from_iter([("origin".to_owned(), origin.clone().into())]),
        allow_origins: vec![],
        allow_private_origins: vec![origin.parse().map_err(|error| Failure::new("origin", format!("{error}"), None))?],
        secret: Some(SecretSource::File { path: token_file }),
        secrets: Default::default(),
        store_secret: false,
        proxy: None,
    };
    let failed = |error| Failure::from(error).of(tenant.id(), Some(&name));
    let instance = tenant.add_instance(setup, true).await.map_err(failed)?;
    if let Some(connection) = &instance.connection {
        output.line(format!(
            "Its sandbox may reach {origin} and nothing else; connected to deployment `{}`",
            connection.deployment.slug
        ));
    }

    let started = Instant::now();
    let shown = Shown::new(output, &format!("{}/{name}", tenant.id()));
    let run = tenant.sync(&name, None, SyncOptions::default(), shown.progress()).await.map_err(failed)?;
    shown.end();
    let elapsed = started.elapsed();
    // The vendor ends with this program.
    let reason = "the mock vendor of the demo has ended".to_owned();
    tenant.pause_instance(&name, Some(reason)).await.map_err(failed)?;
    let counts = tenant.finding_counts().await?;
    let first = |list| Query::parse(list, [("limit", "8")]).map_err(Error::from);
    let packages = tenant.package_list(&first(List::Packages)?).await?.list;
    let query = Query::parse(List::Findings(View::All), [("limit", "8"), ("include-non-security", "")]);
    let top = tenant.finding_list(&query.map_err(Error::from)?).await?.list;
    let projects = tenant.project_list(None, None).await?.projects.len() as u64;

    let compared = compare(&simulator, &run, &counts, projects, packages.total);
    let report = DemoReport {
        agrees: compared.iter().all(|it| it.vendor == it.store),
        compared,
        findings: counts,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        run,
    };
    output.result(&report, |report| {
        output.line("");
        output.line("Open findings, the worst first:");
        views::show_list(output, View::All, &FindingList { next_cursor: None, ..top.clone() }, None);
        output.line("");
        output.line("Packages with open findings:");
        packages::show(output, &packages);
        show(output, report, kept);
    })?;
    if !report.agrees {
        let hint = "this is a fault of the program: please report it with the seed";
        return Err(Failure::new("demo", "what arrived is not what the vendor has", Some(hint)));
    }
    Ok(if report.run.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// What the vendor's world holds beside what the store and the run log say.
/// The connector reads primary branches, as its default settings have it.
fn compare(simulator: &Simulator, run: &Run, counts: &[FindingCount], projects: u64, packages: u64) -> Vec<Compared> {
    let expected = simulator.world().expected(Expectation { refs: Refs::Primary, dedup: false });
    let stored = |kind: &str| counts.iter().filter(|it| it.kind == kind).map(|it| it.count).sum::<u64>();
    let (sast, sca) = (expected.of(Kind::Sast), expected.of(Kind::Sca));
    let records = sast.rows + sca.rows;
    let stats = simulator.stats();
    let row = |what: &str, vendor: usize, store: u64| Compared { what: what.to_owned(), vendor: vendor as u64, store };
    vec![
        row("projects", expected.projects, projects),
        row("sast findings", sast.identities, stored("sast")),
        row("sca findings", sca.identities, stored("sca")),
        row("packages", expected.packages, packages),
        row("records", records, run.counts.records),
        // Damaged records without an id that are alike are one to the store.
        row("records that say a finding", records - sast.damaged - sca.damaged, run.counts.findings),
        row("requests for findings", requests(&stats, "findings") - 2, run.counts.requests),
    ]
}

/// Requests of one endpoint, as the simulator counts them. `configure` makes
/// one for each of the two kinds, before the run.
fn requests(stats: &vendor_sim::Stats, endpoint: &str) -> usize {
    stats.by_endpoint.iter().filter(|(name, _)| name.contains(endpoint)).map(|(_, count)| *count as usize).sum()
}

fn show(output: Output, report: &DemoReport, kept: Option<&Path>) {
    output.line("");
    output.line("Findings in the store:");
    show_counts(output, &report.findings);
    output.line("");
    output.line("What the vendor has, and what arrived:");
    let mut table = output.table(&["COMPARED", "VENDOR", "STORE", "RESULT"]);
    for it in &report.compared {
        let verdict = if it.vendor == it.store { "equal" } else { "DIFFERENT" };
        table.add_row(cells![&it.what, it.vendor, it.store, Cell::state(verdict)]);
    }
    output.print(&table);
    super::runs::show_summary(output, &report.run, None);
    output.line("");
    output.line("What to do next:");
    match kept {
        Some(folder) => {
            let folder = quoted(&folder.display().to_string());
            output.command(&format!("harness --data-dir {folder} findings --min-severity high"));
            output.command(&format!("harness --data-dir {folder} dashboard"));
        }
        None => {
            output.command("harness demo --keep demo-data   # keep the store, to look around in it");
            output.command("harness inspect                 # what the connector needs and can read");
        }
    }
    output.command("harness onboard                 # set up an instance of your own");
}
