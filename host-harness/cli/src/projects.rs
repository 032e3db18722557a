//! `harness projects`: what the vendor scans.

use std::process::ExitCode;

use host_harness::{
    ProjectList,
    columns::PROJECTS_CSV,
    grant::{InstanceName, counted},
    store::{Outcome, ProjectRow},
};

use super::{
    Context,
    error::Failure,
    output::{CsvArg, Output},
    style,
    table::{Cell, cells},
    views::none,
};

#[derive(clap::Args)]
pub struct Args {
    /// Filter by text in name or tags
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Filter by instance
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
    #[command(flatten)]
    csv: CsvArg,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let is_search = args.search.is_some();
    let list = tenant.project_list(args.instance.as_ref(), args.search).await;
    let list = list.map_err(|error| Failure::from(error).of_instance(tenant.id()))?;
    let rows = (PROJECTS_CSV, list.projects.as_slice());
    let unread = if list.projects.is_empty() { tenant.unread_of(args.instance.as_ref()).await? } else { None };
    let output = context.output;
    output.listed(args.csv, rows, &list, |list| match (list.projects.is_empty(), is_search) {
        (true, true) => output.line("No projects match."),
        (true, false) => output.line(none("projects", unread.as_ref())),
        (false, _) => show(output, list),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, list: &ProjectList) {
    let header = ["PROJECT", "INSTANCE", "REPOSITORY", "BRANCH", "LAST SCAN", "RESULT", "OPEN", "ALL", "TAGS"];
    let mut table = output.table(&header).spare(&["TAGS", "INSTANCE", "BRANCH", "ALL", "REPOSITORY"]);
    for row in &list.projects {
        let project = &row.project;
        let branch = project.primary_branch.as_ref().or(project.default_branch.as_ref());
        let scan = match (row.vanished_at, project.last_scan_at) {
            (Some(_), _) => Cell::from("no longer listed"),
            (None, Some(at)) => at.into(),
            (None, None) if row.outcome == Outcome::NeverScanned => "never".into(),
            // Something was found there, and the source does not say when.
            (None, None) => "unknown".into(),
        };
        table.add_row(cells![
            &project.name,
            &row.instance,
            repository(row),
            branch,
            scan,
            Cell::from(row.outcome.as_str().replace('-', " ")).styled(style::state(row.outcome.as_str())),
            row.findings.open,
            row.findings.total,
            project.tags.join(", "),
        ]);
    }
    output.print(&table);
    output.line(counted(list.projects.len(), "project"));
    let other: u64 = list.projects.iter().map(|it| it.findings.open_non_security).sum();
    if other > 0 {
        output.line(format!("OPEN counts findings about security; {other} more open ones are not about security"));
    }
}

/// Its repository; else, in brackets, how it stands.
fn repository(row: &ProjectRow) -> String {
    match (&row.repository, row.mapping.as_str()) {
        (Some(name), "mapped") => name.clone(),
        (Some(name), other) => format!("{name} ({other})"),
        (None, other) => format!("({other})"),
    }
}
