//! `harness projects`: what the vendor scans.

use std::process::ExitCode;

use host_harness::{InstanceName, ProjectRow};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    output::{Output, moment},
};

#[derive(clap::Args)]
pub struct Args {
    /// Filter by text in name or tags
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Filter by instance
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
}

/// What `projects` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct ProjectList {
    /// The projects, by name, as of the last sync.
    projects: Vec<ProjectRow>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let instance_id = super::findings::instance_id(&tenant, args.instance.as_ref()).await?;
    let projects = tenant.store().run(move |store| store.projects(instance_id, args.search.as_deref())).await?;
    context.output.result(&ProjectList { projects }, |list| show(context.output, list))?;
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, list: &ProjectList) {
    if list.projects.is_empty() {
        output.line("No projects. They are listed by a sync: harness sync");
        return;
    }
    let header = ["PROJECT", "INSTANCE", "REPOSITORY", "BRANCH", "LAST SCAN", "RESULT", "OPEN", "ALL", "TAGS"];
    let mut table = output.table(&header);
    for row in &list.projects {
        let project = &row.project;
        let branch = project.primary_branch.as_ref().or(project.default_branch.as_ref());
        let scan = match (row.vanished_at, project.last_scan_at) {
            (Some(_), _) => "no longer listed".to_owned(),
            (None, Some(at)) => moment(at),
            (None, None) => "never".to_owned(),
        };
        table.add_row([
            project.name.clone(),
            row.instance.clone(),
            repository(row),
            branch.cloned().unwrap_or_default(),
            scan,
            row.outcome.as_str().replace('-', " "),
            row.findings.open.to_string(),
            row.findings.total.to_string(),
            project.tags.join(" "),
        ]);
    }
    output.print(&table);
    output.line(format!("{} projects", list.projects.len()));
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
