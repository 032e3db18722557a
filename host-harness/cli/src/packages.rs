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
    output::{Output, print_csv},
    views::listed,
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    filters: Filters<Packages>,
    /// Print CSV (RFC 4180); cells that look like formulas get a leading apostrophe
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    csv: bool,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let list = listed(&tenant, tenant.package_list(&args.filters.query).await)?.list;
    if args.csv {
        print_csv(PACKAGES_CSV, &list.packages)?;
    } else {
        context.output.result(&list, |list| show(context.output, list))?;
    }
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
