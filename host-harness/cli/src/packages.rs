//! `harness packages`: packages in use, and those that findings are about.

use std::process::ExitCode;

use host_harness::{
    PackageList,
    columns::{PACKAGES, PACKAGES_CSV},
};

use super::{
    Context,
    error::Failure,
    filters::{Filters, Packages},
    output::{CsvArg, Output},
    views::listed,
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    filters: Filters<Packages>,
    #[command(flatten)]
    csv: CsvArg,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let list = listed(&tenant, tenant.package_list(&args.filters.query).await)?.list;
    context.output.listed(args.csv, (PACKAGES_CSV, &list.packages), &list, |list| show(context.output, list))?;
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
