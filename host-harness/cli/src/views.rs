//! `harness findings`, `vulnerabilities`, `weaknesses` and `secrets`: lists of
//! findings, each with the columns that its kind asks for.

use std::process::ExitCode;

use host_harness::{
    FindingList, Listed, NoProject, Tenant, Unread, UnreadProjects, View,
    columns::{Column, chosen_value},
    query::{List, Query},
    store::FindingRow,
};

use super::{
    Context,
    error::Failure,
    filters::{self, Filters},
    output::{CsvArg, Output, remark},
    table::{Cell, Table},
};

#[derive(clap::Args)]
pub struct ListArgs<L: filters::Listed> {
    #[command(flatten)]
    filters: Filters<L>,
    #[command(flatten)]
    csv: CsvArg,
}

/// What a list came to. Says what is to be said beside it.
pub fn listed<T>(tenant: &Tenant, found: Result<Listed<T>, host_harness::Error>) -> Result<Listed<T>, Failure> {
    let listed = found.map_err(|error| Failure::from(error).of_instance(tenant.id()))?;
    remark_on(listed.no_project.as_ref());
    Ok(listed)
}

/// Remarks that filters mean no project.
pub fn remark_on(no_project: Option<&NoProject>) {
    match no_project {
        Some(NoProject::Named(project)) => remark(match project.meant {
            Some(_) => format!("no project named `{}`{}", project.name, project.question()),
            None => format!("no project named `{}`; `harness projects` lists them", project.name),
        }),
        Some(NoProject::OfRepository(repository)) => remark(match repository.meant {
            Some(_) => format!("no project is of a repository named `{}`{}", repository.name, repository.question()),
            None => {
                format!(
                    "no project is of a repository named `{}`; `harness repositories list` lists them",
                    repository.name
                )
            }
        }),
        Some(NoProject::Matching) => {
            remark("no project matches the filters; `harness mapping list` lists them with their metadata");
        }
        None => {}
    }
}

/// That a list is empty, and why, where nobody looked: nothing known is not clean.
pub fn none(noun: &str, unread: Option<&Unread>) -> String {
    let name = |it: &UnreadProjects| match it.count {
        1 => format!("`{}`", it.first),
        count => format!("any of the {count} projects that are meant"),
    };
    match unread {
        None => format!("No {noun}."),
        Some(Unread::NoInstance) => format!(
            "No {noun}: nothing was synced or imported yet. Set up an instance with: harness onboard; import a \
             report with: harness import FILE; or look around with: harness demo"
        ),
        Some(Unread::NoRun) => format!("No {noun}: nothing was synced yet. Fetch findings with: harness sync"),
        Some(Unread::NeverScanned(it)) => {
            format!("No {noun}: the vendor knows of no scan of {}. Scan there first, then run: harness sync", name(it))
        }
        Some(Unread::NotFetched(it)) => {
            format!("No {noun}: no run has fetched the scans of {}; `harness coverage` tells why", name(it))
        }
        Some(Unread::NoKev) => format!(
            "No {noun}: no KEV catalogue was imported, so nothing is known to be exploited. Import one with: harness \
             advisories import FILE"
        ),
        Some(Unread::Kinds(kinds)) => format!(
            "No {noun}: no run has fetched or imported {}. Fetch more kinds with: harness instance set NAME --kinds \
             KIND,…; `harness inspect` lists them",
            kinds.join(" or ")
        ),
    }
}

/// Remarks that nothing was ever seen on the branch that findings are held against:
/// a name that is spelled wrongly would make everything new without a word.
pub fn remark_on_base(unseen: Option<String>) {
    if let Some(branch) = unseen {
        remark(format!("nothing was ever seen on the branch `{branch}`, so everything is new; check the name"));
    }
}

pub async fn list<L: filters::Listed>(context: &Context, args: ListArgs<L>) -> Result<ExitCode, Failure> {
    let List::Findings(view) = L::LIST else { return Ok(ExitCode::SUCCESS) };
    exec(context, view, &args.filters.query, args.csv).await
}

async fn exec(context: &Context, view: View, query: &Query, csv: CsvArg) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    remark_on_base(tenant.unseen_base_of(query).await?);
    let Listed { list, left_out, unread, .. } = listed(&tenant, tenant.finding_list(query).await)?;
    let (output, begin) = (context.output, query.page_begin());
    let chosen = query.columns();
    let columns = view.chosen_columns(&chosen);
    output.listed(csv, (&columns, &list.findings), &list, |list| match list.total.total {
        0 => output.line(none(view.noun(), unread.as_ref())),
        _ => show_columns(output, view, list, (!chosen.is_empty()).then_some(columns.as_slice()), begin),
    })?;
    if let Some(next) = list.next_cursor.filter(|_| csv.is_given()) {
        remark(format!("there are more: --cursor {next}"));
    }
    if let Some(left_out) = left_out {
        let noun = view.noun();
        remark(match left_out.total {
            1 => "one that is not about security is left out: --include-non-security includes it".to_owned(),
            _ => format!(
                "{left_out} {noun} that are not about security are left out: --include-non-security includes them"
            ),
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// Columns that are left out first where there is no room.
fn spare(view: View) -> &'static [&'static str] {
    match view {
        View::All => &["KIND", "EPSS", "PRIORITY", "CVSS"],
        View::Secrets => &["KIND", "PRIORITY"],
        View::Vulnerabilities => &["HOW", "EPSS", "PRIORITY", "KEV"],
        View::Weaknesses => &["KIND", "TOP 25", "PRIORITY"],
    }
}

/// A list as a table; the page begins behind so many rows, or behind a cursor.
pub fn show_list(output: Output, view: View, list: &FindingList, offset: Option<u32>) {
    show_columns(output, view, list, None, offset);
}

/// The same, with columns that were chosen.
fn show_columns(
    output: Output,
    view: View,
    list: &FindingList,
    chosen: Option<&[Column<FindingRow>]>,
    offset: Option<u32>,
) {
    if list.findings.is_empty() {
        let noun = view.noun();
        output.line(if list.total.total == 0 { none(noun, None) } else { format!("No {noun} on this page.") });
        return;
    }
    match chosen {
        None => output.print(&output.list(&view.columns(), &list.findings).spare(spare(view))),
        Some(columns) => {
            let mut table = Table::new(columns.iter().map(|it| it.name.replace('_', " ").to_uppercase()));
            for row in &list.findings {
                table.add_row(columns.iter().map(|it| Cell::from(chosen_value(it, row))));
            }
            output.print(&table);
        }
    }
    output.line(format!("{} of {}", list.findings.len(), list.total));
    if let Some(next) = &list.next_cursor {
        // A cursor is long, and a number of rows is not; whoever gave one goes on with one.
        output.line(match offset {
            Some(offset) => format!("Next page: --offset {}", offset as usize + list.findings.len()),
            None => format!("Next page: --cursor {next}"),
        });
    }
}
