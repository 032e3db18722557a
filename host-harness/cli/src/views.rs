//! `harness findings`, `vulnerabilities`, `weaknesses` and `secrets`: lists of
//! findings, each with the columns that its kind asks for.

use std::process::ExitCode;

use appsec_analysis::Edition;
use appsec_model::{Severity, Timestamp};
use host_harness::{
    ACTIVE, Cursor, Filter, FindingPage, FindingRow, InstanceName, Period, ProjectFilter, Sort, Tenant, Total,
    UnknownName, View,
};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    findings::instance_id,
    output::{Output, print_csv, remark},
    values::{self, Open},
    when::When,
};

#[derive(clap::Args)]
pub struct FindingsArgs {
    /// Filter by kind, such as sast,sca
    #[arg(long = "kind", value_name = "KIND,…", value_parser = values::kind(), value_delimiter = ',')]
    kinds: Vec<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// What projects and repositories are of: filters of every view.
#[derive(clap::Args)]
#[command(next_help_heading = "Scope")]
pub struct ScopeArgs {
    /// Filter by repository: full name, or part of one if no repository has that name
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Filter by repository group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Filter by environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Filter by project tag, set by you or by the vendor
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Filter by project metadata
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    metadata: Vec<(String, String)>,
}

impl ScopeArgs {
    pub fn filter(self) -> ProjectFilter {
        let Self { repository, group, environment, tag, metadata } = self;
        ProjectFilter { repository, group, environment, tag, metadata }
    }
}

/// Remarks that no project is meant, which is another thing than that nothing
/// is found of the projects that are.
pub async fn remark_on_scope(tenant: &Tenant, project: Option<&String>, scope: &ProjectFilter) -> Result<(), Failure> {
    let (project, scope) = (project.cloned(), scope.clone());
    if project.is_none() && scope.is_empty() {
        return Ok(());
    }
    let nothing = tenant
        .store()
        .read(move |store| {
            let any = ProjectFilter::default();
            Ok(match project {
                Some(name) if !store.has_project(Some(&name), &any)? => {
                    let known = store.projects(None, None)?;
                    let known = UnknownName::among(&name, known.iter().map(|it| &it.project.name));
                    Some(match &known.meant {
                        Some(_) => format!("no project named `{name}`{}", known.question()),
                        None => format!("no project named `{name}`; `harness projects` lists them"),
                    })
                }
                _ if !store.has_project(None, &scope)? => Some(
                    "no project matches the filters; `harness mapping list` lists them with their metadata".to_owned(),
                ),
                _ => None,
            })
        })
        .await?;
    if let Some(nothing) = nothing {
        remark(nothing);
    }
    Ok(())
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE, such as team=payments")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Which findings are meant.
#[derive(clap::Args)]
pub struct FilterArgs {
    /// Filter by severity, such as critical,high
    #[arg(long = "severity", value_name = "SEVERITY,…", value_parser = values::severity, value_delimiter = ',')]
    severities: Vec<Severity>,
    /// Set the minimum severity
    #[arg(long, value_name = "SEVERITY", value_parser = values::severity)]
    min_severity: Option<Severity>,
    /// Set the minimum priority
    #[arg(long, value_name = "0-100", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_priority: Option<u8>,
    /// Set the minimum CVSS score
    #[arg(long, value_name = "0-10", value_parser = values::cvss)]
    min_cvss: Option<f64>,
    /// Set the minimum EPSS score: the probability of exploitation
    #[arg(long, value_name = "0-1", value_parser = values::epss)]
    min_epss: Option<f64>,
    /// Filter by status [default: open, reviewing, fixing and unknown]
    #[arg(long = "status", value_name = "STATUS,…", value_parser = values::status(), value_delimiter = ',')]
    statuses: Vec<String>,
    /// Include closed findings, whatever their status
    #[arg(long, conflicts_with = "statuses")]
    include_closed: bool,
    /// Filter by reachability
    #[arg(long = "reachability", value_name = "VERDICT,…", value_parser = values::verdict(), value_delimiter = ',')]
    reachability: Vec<String>,
    /// Filter by text in the rule id
    #[arg(long, value_name = "TEXT")]
    rule: Option<String>,
    /// Filter by text in the path
    #[arg(long, value_name = "TEXT")]
    path: Option<String>,
    /// Filter by package
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// Filter by available fix
    #[arg(long)]
    fix_available: bool,
    /// Filter by advisory, such as CVE-2021-44228
    #[arg(long, value_name = "ID")]
    advisory: Option<String>,
    /// Filter by identifier: an id, the vendor's id, a fingerprint, an advisory or a rule
    #[arg(long, value_name = "ID")]
    identifier: Option<String>,
    /// Filter by CWE number, such as 79,89
    #[arg(long = "cwe", value_name = "NUMBER,…", value_parser = values::cwe, value_delimiter = ',')]
    cwes: Vec<u32>,
    /// Filter by CWE Top 25, of an edition such as 2024
    #[arg(long, value_name = "EDITION", num_args = 0..=1, default_missing_value = "2025")]
    top25: Option<Edition>,
    /// Filter by OWASP Top 10 category, such as A03 or A03:2021
    #[arg(long, value_name = "CODE,…", value_parser = values::owasp, value_delimiter = ',')]
    owasp: Vec<String>,
    /// Include findings that are not about security
    #[arg(long)]
    include_non_security: bool,
    /// Filter by text in title, path or rule
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Filter by first sighting, by the source's date, from then on: a date, a moment, or 7d ago
    #[arg(long, value_name = "WHEN")]
    first_seen_since: Option<When>,
    /// Filter by first seen, before this time
    #[arg(long, value_name = "WHEN")]
    first_seen_until: Option<When>,
    /// Filter by last seen (by a run, or when marked as vanished), at or after this time
    #[arg(long, value_name = "WHEN")]
    last_seen_since: Option<When>,
    /// Filter by last seen, before this time
    #[arg(long, value_name = "WHEN")]
    last_seen_until: Option<When>,
    /// Filter by last change, at or after this time
    #[arg(long, value_name = "WHEN")]
    changed_since: Option<When>,
    /// Filter by last change, before this time
    #[arg(long, value_name = "WHEN")]
    changed_until: Option<When>,
    /// Filter by text in the project name
    #[arg(long, value_name = "TEXT", help_heading = "Scope")]
    project: Option<String>,
    /// Filter by branch, of the project's scans or of the finding
    #[arg(long, value_name = "NAME", help_heading = "Scope")]
    branch: Option<String>,
    /// Filter by instance
    #[arg(long, value_name = "NAME", help_heading = "Scope")]
    instance: Option<InstanceName>,
    #[command(flatten)]
    scope: ScopeArgs,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
struct PageArgs {
    /// Sort by priority, severity, first-seen, age, cvss, epss, changed, project or path
    #[arg(long, default_value = "priority", hide_default_value = true, value_name = "ORDER")]
    sort: Sort,
    /// Reverse the order
    #[arg(long)]
    reverse: bool,
    /// Limit the number of results
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Skip this many results
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "cursor")]
    offset: u32,
    /// Continue after the previous page: give its `next_cursor`
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<Cursor>,
    /// Print CSV (RFC 4180); cells that look like formulas get a leading apostrophe
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// What `findings` and the other views print.
#[derive(Serialize, schemars::JsonSchema)]
pub struct FindingList {
    /// How many there are on all pages.
    #[serde(flatten)]
    pub total: Total,
    /// Where the next page begins, for `--cursor`; none where this is the last one.
    pub next_cursor: Option<Cursor>,
    /// Those of this page, in the order that was asked for: by default most
    /// urgent first.
    pub findings: Vec<FindingRow>,
}

impl From<FindingPage> for FindingList {
    fn from(page: FindingPage) -> Self {
        Self { total: page.total, next_cursor: page.next, findings: page.rows }
    }
}

pub async fn findings(context: &Context, args: FindingsArgs) -> Result<ExitCode, Failure> {
    exec(context, View::All, args.kinds, args.list).await
}

pub async fn list(context: &Context, view: View, args: ListArgs) -> Result<ExitCode, Failure> {
    exec(context, view, view.kinds().iter().map(|kind| (*kind).to_owned()).collect(), args).await
}

async fn exec(context: &Context, view: View, kinds: Vec<String>, args: ListArgs) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let csv = args.page.csv;
    let offset = args.page.cursor.is_none().then_some(args.page.offset);
    let filter = Filter {
        sort: args.page.sort,
        reverse: args.page.reverse,
        facts: matches!(view, View::Vulnerabilities | View::Secrets),
        after: args.page.cursor,
        limit: args.page.limit,
        offset: args.page.offset,
        ..filter(&tenant, kinds, args.filter, context.harness.now()).await?
    };
    remark_on_scope(&tenant, filter.project.as_ref(), &filter.scope).await?;
    let (page, left_out) = tenant
        .store()
        .read(move |store| {
            let left_out = match filter.security {
                Some(true) => {
                    let aside = Filter { security: Some(false), limit: 0, after: None, ..filter.clone() };
                    Some(store.view(&aside)?.total).filter(|it| it.total > 0)
                }
                _ => None,
            };
            Ok((store.view(&filter)?, left_out))
        })
        .await?;
    let list = FindingList::from(page);
    if csv {
        print_csv(&view.csv_columns(), &list.findings)?;
        if let Some(next) = &list.next_cursor {
            remark(format!("there are more: --cursor {next}"));
        }
    } else {
        context.output.result(&list, |list| show_list(context.output, view, list, offset))?;
    }
    if let Some(left_out) = left_out {
        let noun = view.noun();
        remark(format!(
            "{left_out} {noun} that are not about security are left out: --include-non-security includes them"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The filter of arguments, without an order and a page.
pub async fn filter(tenant: &Tenant, kinds: Vec<String>, args: FilterArgs, now: Timestamp) -> Result<Filter, Failure> {
    let statuses = match (args.include_closed, args.statuses.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => ACTIVE.map(str::to_owned).to_vec(),
        (false, false) => Open::Status.words(tenant, args.statuses).await?,
    };
    let moment = |when: Option<When>| when.map(|when| when.moment(now));
    Ok(Filter {
        instance_id: instance_id(tenant, args.instance.as_ref()).await?,
        kinds: Open::Kind.words(tenant, kinds).await?,
        severities: args.severities,
        min_severity: args.min_severity,
        min_priority: args.min_priority,
        min_cvss: args.min_cvss,
        min_epss: args.min_epss,
        statuses,
        scope: args.scope.filter(),
        project: args.project,
        branch: args.branch,
        rule: args.rule,
        path: args.path,
        package: args.package,
        advisory: args.advisory,
        identifier: args.identifier,
        reachability: Open::Verdict.words(tenant, args.reachability).await?,
        security: (!args.include_non_security).then_some(true),
        cwes: args.cwes,
        top25: args.top25,
        owasp: args.owasp,
        text: args.text,
        first_seen: Period { since: moment(args.first_seen_since), until: moment(args.first_seen_until) },
        last_seen: Period { since: moment(args.last_seen_since), until: moment(args.last_seen_until) },
        changed: Period { since: moment(args.changed_since), until: moment(args.changed_until) },
        fix_available: args.fix_available,
        ..Filter::default()
    })
}

/// Columns that are left out first where there is no room.
fn spare(view: View) -> &'static [&'static str] {
    match view {
        View::All | View::Secrets => &["KIND", "PRIORITY"],
        View::Vulnerabilities => &["HOW", "PRIORITY"],
        View::Weaknesses => &["KIND", "TOP 25", "PRIORITY"],
    }
}

/// A list as a table.
pub fn show_list(output: Output, view: View, list: &FindingList, offset: Option<u32>) {
    if list.findings.is_empty() {
        let noun = view.noun();
        output.line(if list.total.total == 0 { format!("No {noun}.") } else { format!("No {noun} on this page.") });
        return;
    }
    output.print(&output.list(&view.columns(), &list.findings).spare(spare(view)));
    output.line(format!("{} of {}", list.findings.len(), list.total));
    if let Some(next) = &list.next_cursor {
        // A cursor is long, and a number of rows is not; whoever gave one goes on with one.
        output.line(match offset {
            Some(offset) => format!("Next page: --offset {}", offset as usize + list.findings.len()),
            None => format!("Next page: --cursor {next}"),
        });
    }
}
