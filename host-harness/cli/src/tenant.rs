//! `harness tenant`: whose data there is.

use std::process::ExitCode;

use host_harness::{TenantList, TenantReport, grant::TenantId};

use super::{
    Context, delete,
    error::Failure,
    output::{Output, bytes, moment},
    style,
    table::{Cell, cells},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Add a tenant
    Add {
        /// Name of the new tenant: a-z, 0-9 and `-`
        name: TenantId,
    },
    /// List tenants
    List,
    /// Show a tenant
    Show {
        /// Name of the tenant
        name: TenantId,
    },
    /// Delete a tenant with all its data
    Delete(delete::TenantArgs),
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let (harness, output) = (&context.harness, context.output);
    match command {
        Command::Add { name } => {
            harness.add_tenant(name.clone()).map_err(|error| Failure::from(error).of(&name, None))?;
            let report = harness.tenant_report(&name).await?;
            output.result(&report, |_| {
                output.line(format!("Made the tenant {name}. Next: harness --tenant {name} onboard"));
            })?;
        }
        Command::List => {
            let mut list = TenantList { tenants: Vec::new() };
            for name in harness.tenants()? {
                let report = harness.tenant_report(&name).await;
                list.tenants.push(report.map_err(|error| Failure::from(error).of(&name, None))?);
            }
            output.result(&list, |list| show_list(output, list))?;
        }
        Command::Show { name } => {
            let report = harness.tenant_report(&name).await;
            let report = report.map_err(|error| Failure::from(error).of(&name, None))?;
            output.result(&report, |report| show(output, report))?;
        }
        Command::Delete(args) => return delete::tenant(context, args).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn show_list(output: Output, list: &TenantList) {
    if list.tenants.is_empty() {
        output.line("No tenants yet. Create one with: harness tenant add NAME");
        return;
    }
    let mut table = output.table(&["NAME", "INSTANCES", "FINDINGS", "SIZE", "LAST RUN"]);
    for it in &list.tenants {
        let size = Cell::number(bytes(it.bytes));
        table.add_row(cells![&it.name, it.instances.len(), it.findings, size, last_run(it)]);
    }
    output.print(&table);
}

fn show(output: Output, report: &TenantReport) {
    let mut facts = output.facts("tenant", &report.name);
    facts.add("folder", &report.folder);
    facts.add("size", bytes(report.bytes));
    let instances = report.instances.iter().map(|it| {
        let status = if it.paused { "paused" } else { it.status.as_str() };
        format!("{} ({}): {status}", it.name, it.connector)
    });
    facts.add("instances", Cell::list(instances));
    facts.add("being set up", Cell::list(&report.onboardings));
    facts.add("findings", report.findings);
    facts.add("last run", last_run(report));
    output.print(&facts);
}

fn last_run(report: &TenantReport) -> Cell {
    match &report.last_run {
        Some(run) => {
            let state = run.state.as_str();
            let text = format!("{} {state} ({})", moment(run.started_at), run.instance);
            Cell::from(text).styled(style::state(state))
        }
        None => "never".into(),
    }
}
