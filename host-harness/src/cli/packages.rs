//! `harness packages`: packages in use, and those that findings are about.

use std::process::ExitCode;

use host_harness::{InstanceName, PackageFilter, PackageRow};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    output::{Output, severity},
};

#[derive(clap::Args)]
pub struct Args {
    /// Only those with this in their name or package URL
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only this ecosystem, such as npm
    #[arg(long = "ecosystem", value_name = "NAME")]
    ecosystems: Vec<String>,
    /// Only those with this in a licence
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,
    /// Only projects with this in their name
    #[arg(long, value_name = "TEXT")]
    project: Option<String>,
    /// Only those that came this way: direct, transitive or unknown
    #[arg(long = "transitivity", value_name = "HOW")]
    transitivity: Vec<String>,
    /// Only those with open findings
    #[arg(long)]
    vulnerable: bool,
    /// Also those that are no longer in use
    #[arg(long)]
    all: bool,
    /// Only those of this instance
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Leave out so many of the first
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: u32,
}

/// What `packages` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct PackageList {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page, the worst first.
    pub packages: Vec<PackageRow>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let instance_id = super::findings::instance_id(&tenant, args.instance.as_ref()).await?;
    let filter = PackageFilter {
        instance_id,
        ecosystems: args.ecosystems,
        name: args.search,
        license: args.license,
        project: args.project,
        transitivity: args.transitivity,
        vulnerable: args.vulnerable,
        vanished: args.all,
        limit: args.limit,
        offset: args.offset,
    };
    let (packages, total) = tenant.store().run(move |store| store.packages(&filter)).await?;
    context.output.result(&PackageList { total, packages }, |list| show(context.output, list))?;
    Ok(ExitCode::SUCCESS)
}

/// Packages as a table.
pub fn show(output: Output, list: &PackageList) {
    if list.packages.is_empty() {
        output.line("No packages.");
        return;
    }
    let mut table = output.table(&["PACKAGE", "VERSION", "ECOSYSTEM", "PROJECT", "HOW", "LICENCES", "OPEN", "WORST"]);
    for row in &list.packages {
        table.add_row([
            row.name.clone().into(),
            row.version.clone().unwrap_or_default().into(),
            row.ecosystem.clone().into(),
            row.project.clone().into(),
            how(row).into(),
            row.licenses.join(", ").into(),
            row.open_findings.to_string().into(),
            row.worst_severity.map_or_else(|| comfy_table::Cell::new(""), severity),
        ]);
    }
    output.print(&table);
    output.line(format!("{} of {}", list.packages.len(), list.total));
}

fn how(row: &PackageRow) -> String {
    if row.vanished_at.is_some() { "no longer in use".to_owned() } else { row.transitivity.clone() }
}
