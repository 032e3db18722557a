//! `harness packages`: packages in use, and those that findings are about.

use std::process::ExitCode;

use appsec_model::Severity;
use host_harness::{
    InstanceName, PackageFilter, PackageRow, PackageSort,
    columns::{PACKAGES, PACKAGES_CSV},
};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    output::{Output, print_csv},
    values::{self, Open},
    views::{ScopeArgs, remark_on_scope},
};

#[derive(clap::Args)]
pub struct Args {
    /// Filter by text in name or package URL
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Filter by ecosystem, such as npm
    #[arg(long = "ecosystem", value_name = "NAME")]
    ecosystems: Vec<String>,
    /// Filter by text in the license
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,
    /// Filter by text in the project name
    #[arg(long, value_name = "TEXT")]
    project: Option<String>,
    /// Filter by transitivity
    #[arg(long = "transitivity", value_name = "HOW,…", value_parser = values::transitivity(), value_delimiter = ',')]
    transitivity: Vec<String>,
    /// Set the minimum severity of open findings
    #[arg(long, value_name = "SEVERITY", value_parser = values::severity)]
    min_severity: Option<Severity>,
    /// Show only packages with open findings
    #[arg(long)]
    vulnerable: bool,
    /// Include packages that are no longer in use
    #[arg(long)]
    include_unused: bool,
    /// Filter by instance
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Sort by risk, name or project
    #[arg(long, default_value = "risk", hide_default_value = true, value_name = "ORDER")]
    sort: PackageSort,
    /// Reverse the order
    #[arg(long)]
    reverse: bool,
    /// Print CSV (RFC 4180); cells that look like formulas get a leading apostrophe
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Limit the number of results
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Skip this many results
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: u32,
}

/// What `packages` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct PackageList {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page, in the order that was asked for: by default the
    /// worst first.
    pub packages: Vec<PackageRow>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let csv = args.csv;
    let instance_id = super::findings::instance_id(&tenant, args.instance.as_ref()).await?;
    let filter = PackageFilter {
        instance_id,
        ecosystems: args.ecosystems,
        name: args.search,
        license: args.license,
        project: args.project,
        scope: args.scope.filter(),
        min_severity: args.min_severity,
        transitivity: Open::Transitivity.words(&tenant, args.transitivity).await?,
        vulnerable: args.vulnerable,
        vanished: args.include_unused,
        sort: args.sort,
        reverse: args.reverse,
        limit: args.limit,
        offset: args.offset,
    };
    remark_on_scope(&tenant, filter.project.as_ref(), &filter.scope).await?;
    let (packages, total) = tenant.store().read(move |store| store.packages(&filter)).await?;
    if csv {
        print_csv(PACKAGES_CSV, &packages)?;
        return Ok(ExitCode::SUCCESS);
    }
    context.output.result(&PackageList { total, packages }, |list| show(context.output, list))?;
    Ok(ExitCode::SUCCESS)
}

/// Packages as a table.
pub fn show(output: Output, list: &PackageList) {
    if list.packages.is_empty() {
        output.line("No packages.");
        return;
    }
    output.print(&output.list(PACKAGES, &list.packages).spare(&["LICENSES", "ECOSYSTEM"]));
    output.line(format!("{} of {}", list.packages.len(), list.total));
}
