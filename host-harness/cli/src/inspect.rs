//! `harness inspect`: what a connector is, imports, needs and can bring.

use std::{path::PathBuf, process::ExitCode};

use host_harness::{ConnectorSource, Inspected};

use super::{
    Context,
    error::Failure,
    output::{Output, bytes},
    table::Cell,
};

#[derive(clap::Args)]
pub struct Args {
    /// Component file to inspect [default: the bundled connector]
    file: Option<PathBuf>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let source = match args.file {
        Some(path) => ConnectorSource::File { path: std::path::absolute(path)? },
        None => context.connector.clone(),
    };
    let inspected = context.harness.inspect(source).await?;
    context.output.result(&inspected, |inspected| show(context.output, inspected))?;
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, inspected: &Inspected) {
    let Inspected { component, manifest, .. } = inspected;
    let mut facts = output.facts("connector", &format!("{} {} ({})", manifest.name, manifest.version, manifest.id));
    facts.add("file", inspected.source.to_string());
    facts.add("size", bytes(component.size_bytes as u64));
    facts.add("sha256", &component.sha256);
    facts.add("contract", &manifest.contract_version);
    let kinds = manifest
        .kinds
        .iter()
        .map(|it| format!("{}{}", it.kind, if it.on_by_default { "" } else { " (off by default)" }));
    facts.add("kinds", Cell::list(kinds));
    let origins = manifest.origins.iter().map(|it| match &it.setting {
        Some(setting) => format!("{} (setting `{setting}`): {}", it.default, it.purpose),
        None => format!("{}: {}", it.default, it.purpose),
    });
    facts.add("origins", Cell::list(origins));
    let secrets = manifest.secrets.iter().map(|it| format!("{}: {}", it.variable, it.description));
    facts.add("secrets", Cell::list(secrets));
    let formats = manifest.formats.iter().map(|it| format!("{}: {}", it.name, it.description));
    facts.add("files", Cell::list(formats));
    let events = manifest.webhook.iter().map(|it| format!("signed with {} in {}", it.algorithm, it.signature_header));
    facts.add("events", Cell::list(events));
    facts.add("settings", Cell::list(settings(&manifest.settings_schema)));
    facts.add("imports", Cell::list(&component.imports));
    facts.add("answered with nothing", Cell::list(&component.empty_imports));
    output.print(&facts);
}

/// The settings of a schema: key, default and description.
fn settings(schema: &str) -> Vec<String> {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap_or_default();
    let Some(properties) = schema.get("properties").and_then(|it| it.as_object()) else { return Vec::new() };
    let lines = properties.iter().map(|(key, property)| {
        let text = |name: &str| property.get(name).and_then(|it| it.as_str()).unwrap_or_default();
        let default = property.get("default").filter(|it| !it.is_null()).map(|it| format!(" [default: {it}]"));
        format!("{key}{}: {}", default.unwrap_or_default(), text("description"))
    });
    lines.collect()
}
