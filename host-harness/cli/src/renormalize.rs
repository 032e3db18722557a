//! `harness renormalize`: what a newer connector makes of stored records.

use std::{process::ExitCode, sync::Arc};

use appsec_model::Kind;
use host_harness::{
    RenormalizeList,
    grant::{InstanceName, counted},
    ingest::{RenormalizeOptions, RenormalizeReport},
    query::Open,
    store::ConnectorSource,
};
use serde_json::Value;

use super::{
    Context,
    error::Failure,
    filters::Words,
    outcomes::Outcomes,
    output::{Output, short},
    table::cells,
};

#[derive(clap::Args)]
pub struct Args {
    /// The instance [default: all of the tenant]
    instance: Option<InstanceName>,
    /// Filter by kind, such as sast,sca
    #[arg(long = "kind", value_name = "KIND,…", value_parser = Words(Open::Kind), value_delimiter = ',')]
    kinds: Vec<String>,
    /// Show what would change, without writing; with `--connector`, what another version would change
    #[arg(long)]
    dry_run: bool,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let kinds: Vec<Kind> = tenant.words(Open::Kind, args.kinds).await?.into_iter().map(Kind::from).collect();
    let names = match args.instance {
        Some(name) => vec![name],
        None => {
            let instances = tenant.instances().await?;
            // Reports are imported, and have no connector.
            let connected = instances.into_iter().filter(|instance| !instance.is_report_source());
            connected.map(|instance| instance.made.name).collect()
        }
    };
    let mut outcomes = Outcomes::default();
    let mut list = RenormalizeList::default();
    // One that was named, not the one inside of this program.
    let connector = Some(context.connector.clone()).filter(|it| !matches!(it, ConnectorSource::Bundled { .. }));
    for name in names {
        let options = RenormalizeOptions { kinds: kinds.clone(), dry_run: args.dry_run, connector: connector.clone() };
        let report = tenant.renormalize(&name, options, Arc::new(|_| ())).await;
        let report = report.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)));
        let Some(report) = outcomes.note(report) else { continue };
        outcomes.lacks(report.lost > 0 && !report.dry_run);
        list.instances.push(report);
    }
    let output = context.output;
    let outcomes = outcomes.or_failed(output)?;
    output.result(&list, |list| list.instances.iter().for_each(|report| show(output, report)))?;
    Ok(outcomes.end(output))
}

fn show(output: Output, report: &RenormalizeReport) {
    let would = if report.dry_run { " (nothing is written)" } else { "" };
    let versions = match report.connector_version_before == report.connector_version {
        true => report.connector_version.clone(),
        false => format!("{} -> {}", report.connector_version_before, report.connector_version),
    };
    output.line(format!("{}, connector {versions}{would}", report.instance));
    output.line(format!(
        "  {}: {} changed, {} gained, {} lost, {} unchanged, {} without a finding",
        counted(report.records, "record"),
        counted(report.changed, "finding"),
        report.gained,
        report.lost,
        report.unchanged,
        report.without_finding
    ));
    if report.fields.is_empty() {
        return;
    }
    let mut table = output.table(&["FIELD", "FINDINGS", "EXAMPLE", "BEFORE", "AFTER"]);
    for (field, count) in &report.fields {
        let example = report.examples.iter().find_map(|example| Some((example, example.fields.get(field)?)));
        let text = |value: &Option<Value>| match value {
            Some(Value::String(text)) => short(text, 60),
            Some(value) => short(&value.to_string(), 60),
            None => "none".to_owned(),
        };
        let (title, before, after) = match example {
            Some((example, change)) => (short(&example.title, 60), text(&change.before), text(&change.after)),
            None => Default::default(),
        };
        table.add_row(cells![field, *count, title, before, after]);
    }
    output.print(&table);
}
