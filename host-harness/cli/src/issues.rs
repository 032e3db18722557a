//! `harness issues` and `harness issue`.

use std::process::ExitCode;

use host_harness::{
    IssueList, Listed,
    columns::{ISSUES, ISSUES_CSV},
    store::IssueDetail,
};

use super::{
    Context,
    error::Failure,
    filters::{Filters, Issues},
    output::{CsvArg, Output},
    policy,
    table::{Cell, cells},
    triage,
    views::{listed, none},
};

#[derive(clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    filters: Filters<Issues>,
    #[command(flatten)]
    csv: CsvArg,
}

#[derive(clap::Args)]
pub struct ShowArgs {
    /// Id of the issue or a unique prefix of it, or any identifier of one of its findings
    id: String,
}

pub async fn list(context: &Context, args: ListArgs) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let Listed { list, unread, .. } = listed(&tenant, tenant.issue_list(&args.filters.query).await)?;
    let (output, begin) = (context.output, args.filters.query.page_begin());
    output.listed(args.csv, (ISSUES_CSV, &list.issues), &list, |list| match list.total {
        0 => output.line(none("issues", unread.as_ref())),
        _ => show_list(output, list, begin),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub async fn show(context: &Context, args: ShowArgs) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let found = tenant.issue(args.id).await;
    let detail = found.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
    context.output.result(&detail, |detail| show_detail(context.output, detail))?;
    Ok(ExitCode::SUCCESS)
}

/// A list as a table; the page begins behind so many rows.
fn show_list(output: Output, list: &IssueList, offset: Option<u32>) {
    if list.issues.is_empty() {
        output.line("No issues on this page.");
        return;
    }
    output.print(&output.list(ISSUES, &list.issues).spare(&["KIND", "EPSS", "PRIORITY", "CVSS"]));
    output.line(format!("{} of {}", list.issues.len(), list.total));
    let shown = offset.unwrap_or_default() as usize + list.issues.len();
    if (shown as u64) < list.total {
        output.line(format!("Next page: --offset {shown}"));
    }
}

fn show_detail(output: Output, detail: &IssueDetail) {
    let row = &detail.row;
    let mut facts = output.facts("issue", &row.id.to_string());
    facts.add("title", &row.title);
    facts.add("severity", row.severity);
    facts.add("priority", row.priority);
    facts.add("status", Cell::state(&row.status));
    facts.add("kind", &row.kind);
    facts.add("repository", &row.repository);
    facts.add("package", row.package_and_versions().zip(row.ecosystem.as_ref()).map(|(it, of)| format!("{it} ({of})")));
    facts.add("file", row.path.as_ref());
    facts.add("rule", row.rule_id.as_ref());
    facts.add("advisories", Cell::list(&row.advisories));
    facts.add("CVSS", row.cvss.map(|it| format!("{it:.1}")));
    facts.add("EPSS", row.epss.map(|it| format!("{it:.5}")));
    facts.add("KEV", row.kev.then_some("exploited"));
    facts.add("sources", format!("{} of {}", row.source_count, row.sources.len()));
    facts.add("first seen", row.first_seen_at);
    facts.add("last seen", row.last_seen_at);
    facts.add("changed", row.changed_at);
    facts.add("also known as", Cell::list(detail.also_known_as.iter().map(ToString::to_string)));
    output.print(&facts);

    output.line("");
    let mut table = output
        .table(&["FINDING", "SOURCE", "PRIORITY", "SEVERITY", "STATUS", "PROJECT", "WHERE", "RULE"])
        .spare(&["PRIORITY"]);
    for it in &detail.findings {
        let at = match (&it.path, it.start_line) {
            (Some(path), Some(line)) => format!("{path}:{line}"),
            (Some(path), None) => path.clone(),
            (None, _) => {
                [row.package.as_deref(), it.version.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
        };
        table.add_row(cells![
            it.id.to_string(),
            &it.source,
            it.priority,
            it.severity,
            triage::status(&it.status, it.decision.as_ref()),
            &it.project,
            at,
            it.rule_id.as_deref(),
        ]);
    }
    output.print(&table);
    policy::show_verdicts(output, &detail.policy_results);
    triage::show_issue_history(output, &detail.decisions);
    if let Some(first) = detail.findings.first() {
        output.line(format!("Next: harness finding {}", first.id));
    }
}
