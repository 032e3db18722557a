//! `harness instance delete`, `harness tenant delete`: first the plan, then, on
//! confirmation by name, the deletion and its proof.

use std::{
    io::{self, BufRead, IsTerminal},
    process::ExitCode,
};

use host_harness::{
    DeletionEffect, DeletionReport, InstanceDeletion, Tenant, TenantDeletion, deletion_parts,
    grant::{InstanceName, TenantId, counted},
    store::DeletionPlan,
};

use super::{
    Context,
    error::Failure,
    output::{Output, bytes},
    recorded::{DELETE_SOURCE, DELETE_TENANT, Recorded},
    table::cells,
};

#[derive(clap::Args)]
pub struct InstanceArgs {
    /// Name of the instance
    name: InstanceName,
    /// Confirm with the instance's name
    #[arg(long, value_name = "NAME")]
    confirm: Option<InstanceName>,
}

#[derive(clap::Args)]
pub struct TenantArgs {
    /// Name of the tenant
    name: TenantId,
    /// Confirm with the tenant's name
    #[arg(long, value_name = "NAME")]
    confirm: Option<TenantId>,
}

pub async fn instance(context: &Context, tenant: &Tenant, args: InstanceArgs) -> Result<ExitCode, Failure> {
    let (output, name) = (context.output, args.name);
    let told = |error| Failure::from(error).of(tenant.id(), Some(&name));
    let plan = tenant.deletion_plan(&name).await.map_err(told)?;
    if !output.is_json() {
        show_plan(output, &plan, &tenant.deletion_effect(&name).await.map_err(told)?);
    }
    let confirmed = match args.confirm {
        Some(confirmed) => Some(confirmed),
        None => asked(output, &format!("To delete it for good, type its name ({name}): "))?,
    };
    let Some(confirmed) = confirmed else {
        output.result(&InstanceDeletion { plan, report: None }, |_| {
            output.line(format!("Nothing was deleted. To delete it: harness instance delete {name} --confirm {name}"));
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let deleting = async { tenant.delete_instance(&name, &confirmed).await.map_err(told) };
    let report = Recorded::confirmed(context, DELETE_SOURCE, name.as_str(), deleting).await?;
    let proven = report.is_proven();
    output.result(&InstanceDeletion { plan, report: Some(report) }, |deletion| {
        if let Some(report) = &deletion.report {
            show_report(output, report);
        }
    })?;
    Ok(if proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub async fn tenant(context: &Context, args: TenantArgs) -> Result<ExitCode, Failure> {
    let (output, name) = (context.output, args.name);
    let told = |error| Failure::from(error).of(&name, None);
    let plan = context.harness.delete_tenant(&name, None).await.map_err(told)?;
    if !output.is_json() {
        show_tenant(output, &plan);
    }
    let confirmed = match args.confirm {
        Some(confirmed) => Some(confirmed),
        None => asked(output, &format!("To delete it for good, type its name ({name}): "))?,
    };
    let Some(confirmed) = confirmed else {
        output.result(&plan, |_| {
            output.line(format!("Nothing was deleted. To delete it: harness tenant delete {name} --confirm {name}"));
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let deleting = async { context.harness.delete_tenant(&name, Some(&confirmed)).await.map_err(told) };
    let deletion = Recorded::confirmed(context, DELETE_TENANT, name.as_str(), deleting).await?;
    output.result(&deletion, |deletion| match deletion.left.as_slice() {
        [] => output.line(format!("Deleted the tenant {name} with all of its files.")),
        left => {
            output.line(format!("Deleted the tenant {name}, but what these files held still exists:"));
            for file in left {
                output.line(format!("Left behind: {file}, which has a second name elsewhere (a hard link)"));
            }
        }
    })?;
    Ok(if deletion.left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The name that a person types; none where there is nobody to ask, or nothing
/// was typed.
fn asked<T: std::str::FromStr>(output: Output, question: &str) -> Result<Option<T>, Failure>
where
    T::Err: std::fmt::Display,
{
    if output.is_json() || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Ok(None);
    }
    output.question(question);
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    match line.trim() {
        "" => Ok(None),
        typed => {
            typed.parse().map(Some).map_err(|error: T::Err| Failure::new("not-confirmed", error.to_string(), None))
        }
    }
}

fn show_plan(output: Output, plan: &DeletionPlan, effect: &DeletionEffect) {
    output.line(format!("Deleting instance {} removes:", plan.instance));
    let mut table = output.table(&["WHAT", "GOES", "STAYS"]);
    for it in deletion_parts(plan, Some(effect), counted) {
        table.add_row(cells![it.name, it.goes, it.stays]);
    }
    output.print(&table);
    output.line(
        "It cannot be undone. If it is added again under the same name, its next sync fetches the same findings.",
    );
}

fn show_report(output: Output, report: &DeletionReport) {
    let proof = &report.proof;
    output.line(format!(
        "Deleted. Searched {} with {}, {}, {} of {}.",
        counted(proof.tables, "table"),
        counted(proof.rows, "row"),
        counted(proof.free_pages, "free page"),
        counted(report.files, "file"),
        bytes(report.bytes)
    ));
    if !report.searched_for_secret {
        output.line("The secret could not be read, so that it was not searched for.");
    }
    if proof.left.is_empty() {
        output.line("Nothing of it is left.");
    }
    for left in &proof.left {
        output.line(format!("Left behind: {left}"));
    }
}

fn show_tenant(output: Output, plan: &TenantDeletion) {
    output.line(format!(
        "Deleting tenant {} removes {} of {} with {}:",
        plan.tenant,
        counted(plan.files, "file"),
        bytes(plan.bytes),
        counted(plan.instances.len(), "instance")
    ));
    let mut table = output.table(&["INSTANCE", "FINDINGS", "RECORDS", "RUNS"]);
    for instance in &plan.instances {
        let goes = |table: &str| instance.tables.iter().find(|it| it.table == table).map_or(0, |it| it.goes);
        table.add_row(cells![&instance.instance, goes("findings"), goes("records"), goes("runs")]);
    }
    output.print(&table);
}
