//! `harness packages`: packages that findings are about.

use std::process::ExitCode;

use host_harness::{InstanceName, PackageRow};
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
    let search = args.search;
    let (packages, total) = tenant
        .store()
        .run(move |store| store.packages(instance_id, search.as_deref(), args.limit, args.offset))
        .await?;
    context.output.result(&PackageList { total, packages }, |list| show(context.output, list))?;
    Ok(ExitCode::SUCCESS)
}

/// Packages as a table.
pub fn show(output: Output, list: &PackageList) {
    if list.packages.is_empty() {
        output.line("No packages.");
        return;
    }
    let mut table = output.table(&["PACKAGE", "VERSION", "ECOSYSTEM", "PROJECT", "HOW", "OPEN", "WORST"]);
    for row in &list.packages {
        table.add_row([
            row.name.clone().into(),
            row.version.clone().unwrap_or_default().into(),
            row.ecosystem.clone().into(),
            row.project.clone().into(),
            row.transitivity.clone().into(),
            row.open_findings.to_string().into(),
            row.worst_severity.map_or_else(|| comfy_table::Cell::new(""), severity),
        ]);
    }
    output.print(&table);
    output.line(format!("{} of {}", list.packages.len(), list.total));
}
