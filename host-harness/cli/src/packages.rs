//! `harness packages`: packages in use, and those that findings are about.

use std::process::ExitCode;

use host_harness::{
    Listed, PackageList,
    columns::{PACKAGES, PACKAGES_CSV},
};

use super::{
    Context,
    error::Failure,
    filters::{Filters, Packages},
    output::{CsvArg, Output},
    views::{listed, none},
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
    let Listed { list, unread, .. } = listed(&tenant, tenant.package_list(&args.filters.query).await)?;
    let output = context.output;
    output.listed(args.csv, (PACKAGES_CSV, &list.packages), &list, |list| match list.total {
        0 => output.line(none("packages", unread.as_ref())),
        _ => show(output, list),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Packages as a table.
pub fn show(output: Output, list: &PackageList) {
    if list.packages.is_empty() {
        output.line(if list.total == 0 { "No packages." } else { "No packages on this page." });
        return;
    }
    output.print(&output.list(PACKAGES, &list.packages).spare(&["LICENSES", "ECOSYSTEM"]));
    output.line(format!("{} of {}", list.packages.len(), list.total));
}
