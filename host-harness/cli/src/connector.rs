//! `harness connector`: installed connectors, and which of them an instance runs.

use std::{path::PathBuf, process::ExitCode};

use host_harness::{
    ComponentDifference, ComponentOrigin, ConnectorList, ConnectorUpdate, Inspected, InstalledConnector,
    grant::{CatalogueName, InstanceName, counted},
    store::ConnectorSource,
};

use super::{
    Context,
    error::Failure,
    inspect,
    output::{Output, bytes},
    table::{Cell, cells},
};

/// Digits of a hash in lists: as many as tell the connectors of a machine apart.
const HASH_DIGITS: usize = 12;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Install a connector from a catalogue, a file, an https address or a registry, under its SHA-256
    Install {
        /// ID or ID@VERSION in a catalogue, component file, https address of one, or
        /// oci://registry/repository@sha256:HEX
        #[arg(value_name = "CONNECTOR|FILE|URL")]
        from: String,
        /// Refuse any component with another SHA-256
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
        /// Use only this catalogue
        #[arg(long, value_name = "NAME")]
        catalogue: Option<CatalogueName>,
    },
    /// List installed connectors and the instances that run them
    List,
    /// Update the connector of an instance, or roll it back; shows what differs
    Update {
        /// Name of the instance
        name: InstanceName,
        /// Use this connector: ID, ID@VERSION or sha256:HEX of an installed one, or a file
        /// [default: the newest installed version; for a file, the file as it is now]
        #[arg(long, value_name = "CONNECTOR")]
        to: Option<PathBuf>,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove an installed connector that no instance runs
    Remove {
        /// Connector to remove: ID, ID@VERSION or sha256:HEX
        #[arg(value_name = "CONNECTOR")]
        reference: String,
    },
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let (harness, output) = (&context.harness, context.output);
    match command {
        Command::Install { from, sha256, catalogue } => {
            let origin = match ComponentOrigin::of(&from) {
                _ if catalogue.is_some() => None,
                Some(ComponentOrigin::File(path)) => Some(ComponentOrigin::File(std::path::absolute(path)?)),
                origin => origin,
            };
            let installed = match &origin {
                Some(origin) => harness.install_connector(origin, sha256.as_deref()).await?,
                None => harness.install_catalogued(&from, catalogue.as_ref(), sha256.as_deref()).await?,
            };
            // Nothing of what it asks for is granted yet: that is for whoever sets up an instance.
            let inspected = harness.inspect(ConnectorSource::Installed { sha256: installed.sha256.clone() }).await?;
            output.result(&installed, |installed| {
                show(output, installed, &inspected);
                if let Some(why) = &installed.deprecated {
                    output.line(format!("Deprecated by its publisher: {why}"));
                }
                output.line("");
                output.line(format!("Next: harness inspect {0}@{1}", installed.id, installed.version));
                output.line(format!("      harness onboard NAME --connector {}@{}", installed.id, installed.version));
            })?;
        }
        Command::List => output.result(&harness.connectors().await?, |list| show_list(output, list))?,
        Command::Update { name, to, dry_run } => {
            let to = match to {
                Some(to) => Some(harness.connector_source(&to).await?),
                None => None,
            };
            let tenant = context.tenant()?;
            let update = tenant.update_connector(&name, to, dry_run).await;
            let update = update.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)))?;
            output.result(&update, |update| show_update(output, update))?;
        }
        Command::Remove { reference } => {
            let removed = harness.remove_connector(&reference).await?;
            output.result(&removed, |it| {
                output.line(format!("Removed {} {} ({})", it.id, it.version, short(&it.sha256)));
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn short(sha256: &str) -> String {
    format!("sha256:{}", sha256.get(..HASH_DIGITS).unwrap_or(sha256))
}

fn show(output: Output, it: &InstalledConnector, inspected: &Inspected) {
    let mut facts = output.facts("connector", &format!("{} {} ({})", it.name, it.version, it.id));
    facts.add("vendor", &it.vendor);
    facts.add("contract", &it.contract_version);
    facts.add("kinds", Cell::list(it.kinds.iter().map(ToString::to_string)));
    inspect::asked(&mut facts, &inspected.manifest);
    facts.add("imports", Cell::list(&inspected.component.imports));
    facts.add("size", bytes(it.size_bytes as u64));
    facts.add("sha256", &it.sha256);
    facts.add("from", &it.installed_from);
    facts.add("catalogue", Cell::list(&it.catalogue));
    facts.add("installed", it.installed_at);
    facts.add("instances", Cell::list(&it.used_by));
    output.print(&facts);
}

fn show_list(output: Output, list: &ConnectorList) {
    if list.connectors.is_empty() {
        output.line("No connectors are installed; the bundled one needs no installation.");
        output.line("Install one with: harness connector install FILE, or find one with: harness catalogue search");
        return;
    }
    let head = ["CONNECTOR", "VERSION", "CONTRACT", "SHA256", "SIZE", "INSTALLED", "STATE", "INSTANCES"];
    let mut table = output.table(&head);
    for it in &list.connectors {
        let hash = it.sha256.get(..HASH_DIGITS).unwrap_or(&it.sha256);
        let size = Cell::from(bytes(it.size_bytes as u64));
        table.add_row(cells![
            &it.id,
            &it.version,
            &it.contract_version,
            hash,
            size,
            it.installed_at,
            if it.damage.is_some() { "damaged" } else { "intact" },
            it.used_by.join(", ")
        ]);
    }
    output.print(&table);
    output.line(counted(list.connectors.len(), "connector"));
    for it in &list.connectors {
        if let Some(damage) = &it.damage {
            output.line(format!("{} is damaged: {damage}", short(&it.sha256)));
        }
    }
    if list.connectors.iter().any(|it| it.damage.is_some()) {
        output.line("Mend a damaged connector with: harness connector install FILE --sha256 HEX");
    }
}

fn show_update(output: Output, update: &ConnectorUpdate) {
    let to = &update.connector_source;
    output.line(match (update.changed, update.dry_run) {
        (false, _) => format!("Nothing changed: {} runs {to} already", update.instance),
        (true, false) => format!("{} now runs {to}", update.instance),
        (true, true) => format!("Dry run: {} would run {to}", update.instance),
    });
    let mut table = output.table(&["", "BEFORE", "NOW"]);
    table.add_row(cells!["from", update.connector_source_before.to_string(), to.to_string()]);
    table.add_row(cells!["sha256", update.sha256_before.as_deref().unwrap_or("none"), &update.sha256]);
    table.add_row(cells!["version", &update.version_before, &update.version]);
    if let Some(component) = &update.component {
        let ComponentDifference { contract_version_before, contract_version, .. } = component;
        table.add_row(cells!["contract", contract_version_before, contract_version]);
        let said = [
            ("license", &component.licenses_before, &component.licenses),
            ("source", &component.source_before, &component.source),
        ];
        for (what, before, now) in said.into_iter().filter(|(_, before, now)| before != now) {
            let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "not stated".to_owned());
            table.add_row(cells![what, shown(before), shown(now)]);
        }
        table.add_row(cells!["size", bytes(component.size_bytes_before as u64), bytes(component.size_bytes as u64)]);
    }
    output.print(&table);
    let told = |what: &str, names: &[String]| {
        if !names.is_empty() {
            output.line(format!("{what}: {}", names.join(", ")));
        }
    };
    told("Requested origins that are not granted", &update.origins_not_granted);
    told("Granted origins that it does not request", &update.origins_not_asked_for);
    told("Requested secrets that are not given", &update.secrets_not_given);
    told("Given secrets that it does not request", &update.secrets_not_asked_for);
    if let Some(component) = &update.component {
        let words = |kinds: &[_]| kinds.iter().map(ToString::to_string).collect::<Vec<_>>();
        told("New imports", &component.imports_added);
        told("Dropped imports", &component.imports_removed);
        told("New kinds", &words(&component.kinds_added));
        told("Dropped kinds", &words(&component.kinds_removed));
        told("New packages", &component.packages_added);
        told("Dropped packages", &component.packages_removed);
    }
    if update.version != update.records_version {
        output.line(format!("Records of version: {}", update.records_version));
    }
    if update.changed && !update.dry_run && update.version != update.records_version {
        output.line(format!("Next: harness renormalize {} --dry-run", update.instance));
    }
}
