//! `harness findings`, `vulnerabilities`, `weaknesses` and `secrets`: lists of
//! findings, each with the columns that its kind asks for.

mod columns;

use std::process::ExitCode;

use appsec_insight::Edition;
use appsec_model::{Severity, Timestamp};
use host_harness::{
    ACTIVE, Cursor, Filter, FindingPage, FindingRow, InstanceName, Period, ProjectFilter, Sort, Tenant, Total,
};
use serde::Serialize;

use self::columns::{cells, csv_columns, header};
use super::{
    Context,
    csv::print_csv,
    error::Failure,
    findings::instance_id,
    output::{Output, remark},
    values::{self, Open},
    when::When,
};

/// What a list is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum View {
    /// Findings of any kind.
    All,
    /// Vulnerable packages.
    Vulnerabilities,
    /// Weaknesses of first-party code.
    Weaknesses,
    /// Leaked credentials.
    Secrets,
}

impl View {
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::All => &[],
            Self::Vulnerabilities => &["sca"],
            Self::Weaknesses => &["sast", "ai-sast"],
            Self::Secrets => &["secrets"],
        }
    }

    /// What the list calls its rows.
    fn noun(self) -> &'static str {
        match self {
            Self::All => "findings",
            Self::Vulnerabilities => "vulnerabilities",
            Self::Weaknesses => "weaknesses",
            Self::Secrets => "secrets",
        }
    }
}

#[derive(clap::Args)]
pub struct FindingsArgs {
    /// Only these kinds, such as sast,sca
    #[arg(long = "kind", value_name = "KIND,…", value_parser = values::kind(), value_delimiter = ',')]
    kinds: Vec<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// What projects and repositories are of: filters of every view.
#[derive(clap::Args)]
#[command(next_help_heading = "Where")]
pub struct ScopeArgs {
    /// Only this repository: its full name, or a part of one where none has that name
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Only repositories of this group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Only this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Only projects with this tag, the operator's or the vendor's
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only projects with this in their metadata
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
                    Some(format!("no project is called `{name}`; `harness projects` lists them"))
                }
                _ if !store.has_project(None, &scope)? => Some(
                    "no project is of this repository, group, environment, tag and metadata; `harness mapping list` \
                     tells what is said of each"
                        .to_owned(),
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
    /// Only these severities, such as critical,high
    #[arg(long = "severity", value_name = "SEVERITY,…", value_parser = values::severity, value_delimiter = ',')]
    severities: Vec<Severity>,
    /// Only this severity and those above it
    #[arg(long, value_name = "SEVERITY", value_parser = values::severity)]
    min_severity: Option<Severity>,
    /// Only this priority and those above it
    #[arg(long, value_name = "0-100", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_priority: Option<u8>,
    /// Only these statuses [default: open, reviewing, fixing and unknown]
    #[arg(long = "status", value_name = "STATUS,…", value_parser = values::status(), value_delimiter = ',')]
    statuses: Vec<String>,
    /// Whatever the status
    #[arg(long, conflicts_with = "statuses")]
    all: bool,
    /// Only these verdicts of reachability
    #[arg(long = "reachability", value_name = "VERDICT,…", value_parser = values::verdict(), value_delimiter = ',')]
    reachability: Vec<String>,
    /// Only rules with this in their id
    #[arg(long, value_name = "TEXT")]
    rule: Option<String>,
    /// Only paths with this in them
    #[arg(long, value_name = "TEXT")]
    path: Option<String>,
    /// Only this package
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// Only those with an upgrade that fixes them
    #[arg(long)]
    fix_available: bool,
    /// Only this advisory, such as CVE-2021-44228
    #[arg(long, value_name = "ID")]
    advisory: Option<String>,
    /// Only what is known by this: an id, the vendor's id, a fingerprint, an advisory or a rule
    #[arg(long, value_name = "ID")]
    identifier: Option<String>,
    /// Only these weaknesses, by their numbers in the CWE, such as 79,89
    #[arg(long = "cwe", value_name = "NUMBER,…", value_parser = values::cwe, value_delimiter = ',')]
    cwes: Vec<u32>,
    /// Only weaknesses of the CWE Top 25, of an edition such as 2024
    #[arg(long, value_name = "EDITION", num_args = 0..=1, default_missing_value = "2025")]
    top25: Option<Edition>,
    /// Only these categories of the OWASP Top 10, such as A03 or A03:2021
    #[arg(long, value_name = "CODE,…", value_parser = values::owasp, value_delimiter = ',')]
    owasp: Vec<String>,
    /// Also those that are not about security
    #[arg(long)]
    all_categories: bool,
    /// Only those with this in their title, path or rule
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only those first brought then or later: a date, a moment, or 7d ago
    #[arg(long, value_name = "WHEN")]
    first_seen_since: Option<When>,
    /// Only those first brought before then
    #[arg(long, value_name = "WHEN")]
    first_seen_until: Option<When>,
    /// Only those last seen then or later: by the last run of their instance, or when they were marked as vanished
    #[arg(long, value_name = "WHEN")]
    last_seen_since: Option<When>,
    /// Only those last seen before then
    #[arg(long, value_name = "WHEN")]
    last_seen_until: Option<When>,
    /// Only those last changed then or later
    #[arg(long, value_name = "WHEN")]
    changed_since: Option<When>,
    /// Only those last changed before then
    #[arg(long, value_name = "WHEN")]
    changed_until: Option<When>,
    /// Only projects with this in their name
    #[arg(long, value_name = "TEXT", help_heading = "Where")]
    project: Option<String>,
    /// Only this branch: the one that scans are said to be of, or one that the finding is on
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    branch: Option<String>,
    /// Only those of this instance
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    instance: Option<InstanceName>,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Which page")]
struct PageArgs {
    /// The order: priority, severity, first-seen, changed, project or path
    #[arg(long, default_value = "priority", hide_default_value = true, value_name = "ORDER")]
    sort: Sort,
    /// The order turned around
    #[arg(long)]
    reverse: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Leave out so many of the first
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "after")]
    offset: u32,
    /// Go on behind the page that told this as `next`
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
    /// Print CSV (RFC 4180); cells that spreadsheets take for formulas get an apostrophe in front
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// What `findings` and the other views print.
#[derive(Serialize, schemars::JsonSchema)]
pub struct FindingList {
    /// How many there are on all pages.
    #[serde(flatten)]
    pub total: Total,
    /// Where the next page begins, for `--after`; none where this is the last one.
    pub next: Option<Cursor>,
    /// Those of this page, in the order that was asked for: by default most
    /// urgent first.
    pub findings: Vec<FindingRow>,
}

impl From<FindingPage> for FindingList {
    fn from(page: FindingPage) -> Self {
        Self { total: page.total, next: page.next, findings: page.rows }
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
    let filter = filter(&tenant, view, kinds, args, context.harness.now()).await?;
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
        let columns = csv_columns(view);
        let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        print_csv(&header, list.findings.iter().map(|row| columns.iter().map(|(_, cell)| cell(row))))?;
        if let Some(next) = &list.next {
            remark(format!("there are more: --after {next}"));
        }
    } else {
        context.output.result(&list, |list| show_list(context.output, view, list))?;
    }
    if let Some(left_out) = left_out {
        let noun = view.noun();
        remark(format!("{left_out} {noun} that are not about security are left out: --all-categories shows them"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn filter(
    tenant: &Tenant,
    view: View,
    kinds: Vec<String>,
    args: ListArgs,
    now: Timestamp,
) -> Result<Filter, Failure> {
    let statuses = match (args.all, args.statuses.is_empty()) {
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
        security: (!args.all_categories).then_some(true),
        cwes: args.cwes,
        top25: args.top25,
        owasp: args.owasp,
        text: args.text,
        first_seen: Period { since: moment(args.first_seen_since), until: moment(args.first_seen_until) },
        last_seen: Period { since: moment(args.last_seen_since), until: moment(args.last_seen_until) },
        changed: Period { since: moment(args.changed_since), until: moment(args.changed_until) },
        fix_available: args.fix_available,
        sort: args.page.sort,
        reverse: args.page.reverse,
        facts: matches!(view, View::Vulnerabilities | View::Secrets),
        after: args.page.after,
        limit: args.page.limit,
        offset: args.page.offset,
    })
}

/// A list as a table.
pub fn show_list(output: Output, view: View, list: &FindingList) {
    if list.findings.is_empty() {
        let noun = view.noun();
        output.line(if list.total.total == 0 { format!("No {noun}.") } else { format!("No {noun} on this page.") });
        return;
    }
    let mut table = output.table(header(view));
    for row in &list.findings {
        table.add_row(cells(view, row));
    }
    output.print(&table);
    output.line(format!("{} of {}", list.findings.len(), list.total));
    if let Some(next) = &list.next {
        output.line(format!("The next page: --after {next}"));
    }
}
