//! `harness inspect`: what a connector is, imports, needs and can bring.

use std::{path::PathBuf, process::ExitCode};

use appsec_model::{Kind, Manifest, SecretNeed, SecretPlacement};
use host_harness::Inspected;

use super::{
    Context,
    error::Failure,
    output::{Output, bytes, print_json},
    table::{Cell, Facts},
    vendor::connector,
};

#[derive(clap::Args)]
pub struct Args {
    /// Component file or installed connector to inspect [default: the bundled connector]
    #[arg(value_name = "CONNECTOR")]
    file: Option<PathBuf>,
    /// Print the packages in it as a software bill of materials (CycloneDX JSON)
    #[arg(long)]
    sbom: bool,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let source = connector(context, args.file.as_deref()).await?;
    if args.sbom {
        print_json(&context.harness.sbom(&source)?)?;
        return Ok(ExitCode::SUCCESS);
    }
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
    let said = &component.metadata;
    facts.add("license", Cell::list(&said.licenses));
    facts.add("source", Cell::list(&said.source));
    facts.add("revision", Cell::list(&said.revision));
    let packages = (!said.packages.is_empty()).then(|| format!("{} (--sbom lists them)", said.packages.len()));
    facts.add("packages", Cell::list(packages));
    facts.add("contract", &manifest.contract_version);
    let kinds = manifest
        .kinds
        .iter()
        .map(|it| format!("{}{}", it.kind, if it.on_by_default { "" } else { " (off by default)" }));
    facts.add("kinds", Cell::list(kinds));
    asked(&mut facts, manifest);
    let formats = manifest.formats.iter().map(|it| format!("{}: {}", it.name, it.description));
    facts.add("files", Cell::list(formats));
    let events = manifest.webhook.iter().map(|it| format!("signed with {} in {}", it.algorithm, it.signature_header));
    facts.add("events", Cell::list(events));
    if let Some(write_back) = &manifest.write_back {
        let kinds: Vec<&str> = write_back.kinds.iter().map(Kind::as_str).collect();
        let decisions: Vec<&str> = write_back.decisions.iter().map(|it| it.as_str()).collect();
        let taken = format!("{} of {}", decisions.join(", "), kinds.join(", "));
        facts.add("triage", Cell::list([taken, write_back.effect.clone()].into_iter().filter(|it| !it.is_empty())));
    }
    facts.add("settings", Cell::list(settings(&manifest.settings_schema)));
    facts.add("imports", Cell::list(&component.imports));
    facts.add("answered with nothing", Cell::list(&component.empty_imports));
    output.print(&facts);
}

/// What a connector asks to reach and to have.
pub fn asked(facts: &mut Facts, manifest: &Manifest) {
    let origins = manifest.origins.iter().map(|it| match &it.setting {
        Some(setting) => format!("{} (setting `{setting}`): {}", it.default, it.purpose),
        None => format!("{}: {}", it.default, it.purpose),
    });
    facts.add("origins", Cell::list(origins));
    let secrets = manifest.secrets.iter().map(|it| format!("{}{}: {}", it.variable, place(it), it.description));
    facts.add("secrets", Cell::list(secrets));
    if let Some(oauth) = &manifest.oauth {
        facts.add("access token", format!("from {}", oauth.token_url));
    }
}

/// Where a secret stands, unless it is a bearer token.
fn place(need: &SecretNeed) -> String {
    match &need.placement {
        SecretPlacement::Bearer => String::new(),
        SecretPlacement::Header(header) => format!(" (in the header `{}`)", header.name),
        SecretPlacement::BasicUser => " (user of HTTP Basic)".to_owned(),
        SecretPlacement::BasicPassword => " (password of HTTP Basic)".to_owned(),
        SecretPlacement::Query(name) => format!(" (in the query, as `{name}`)"),
        SecretPlacement::OauthClientId => " (OAuth client id)".to_owned(),
        SecretPlacement::OauthClientSecret => " (OAuth client secret)".to_owned(),
        SecretPlacement::OauthRefreshToken => " (OAuth refresh token)".to_owned(),
    }
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
