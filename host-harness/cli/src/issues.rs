//! `harness issues` and `harness issue`.

use std::process::ExitCode;

use appsec_analysis::Edition;
use appsec_model::{Severity, Timestamp};
use host_harness::{
    Filter, InstanceName, IssueDetail, IssueFilter, IssueRow, IssueSort, Period, ProjectFilter,
    columns::{ISSUES, ISSUES_CSV},
};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    findings::instance_id,
    output::{Output, print_csv},
    policy,
    table::{Cell, cells},
    values::{self, Open},
    views::{ScopeArgs, remark_on_scope},
    when::When,
};

#[derive(clap::Args)]
pub struct ListArgs {
    /// Filter by kind, such as sast,sca
    #[arg(long = "kind", value_name = "KIND,…", value_parser = values::kind(), value_delimiter = ',')]
    kinds: Vec<String>,
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
    /// Include closed issues, whatever their status
    #[arg(long, conflicts_with = "statuses")]
    include_closed: bool,
    /// Filter by instance that still reports it
    #[arg(long, value_name = "NAME")]
    source: Option<InstanceName>,
    /// Set the minimum number of sources that still report it
    #[arg(long, value_name = "N")]
    sources_min: Option<u32>,
    /// Filter by package
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// Filter by advisory, such as CVE-2021-44228
    #[arg(long, value_name = "ID")]
    advisory: Option<String>,
    /// Filter by text in the path
    #[arg(long, value_name = "TEXT")]
    path: Option<String>,
    /// Filter by text in the title
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Filter by first sighting, by the source's date, from then on: a date, a moment, or 7d ago
    #[arg(long, value_name = "WHEN")]
    first_seen_since: Option<When>,
    /// Filter by first seen, before this time
    #[arg(long, value_name = "WHEN")]
    first_seen_until: Option<When>,
    /// Include findings that are not about security
    #[arg(long)]
    include_non_security: bool,
    #[command(flatten)]
    with: WithArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// What one finding of an issue has, all of it.
#[derive(clap::Args)]
#[command(next_help_heading = "Filters that one finding of the issue must match")]
struct WithArgs {
    /// Require one of these reachability verdicts
    #[arg(long = "reachability", value_name = "VERDICT,…", value_parser = values::verdict(), value_delimiter = ',')]
    reachability: Vec<String>,
    /// Require this text in the rule id
    #[arg(long, value_name = "TEXT")]
    rule: Option<String>,
    /// Require an available fix
    #[arg(long)]
    fix_available: bool,
    /// Require this identifier: an id, the vendor's id, a fingerprint, an advisory or a rule
    #[arg(long, value_name = "ID")]
    identifier: Option<String>,
    /// Require one of these CWE numbers, such as 79,89
    #[arg(long = "cwe", value_name = "NUMBER,…", value_parser = values::cwe, value_delimiter = ',')]
    cwes: Vec<u32>,
    /// Require a weakness of the CWE Top 25, of an edition such as 2024
    #[arg(long, value_name = "EDITION", num_args = 0..=1, default_missing_value = "2025")]
    top25: Option<Edition>,
    /// Require one of these categories of the OWASP Top 10, such as A03 or A03:2021
    #[arg(long, value_name = "CODE,…", value_parser = values::owasp, value_delimiter = ',')]
    owasp: Vec<String>,
    /// Require last seen at or after this time
    #[arg(long, value_name = "WHEN")]
    last_seen_since: Option<When>,
    /// Require last seen before this time
    #[arg(long, value_name = "WHEN")]
    last_seen_until: Option<When>,
    /// Require a last change at or after this time
    #[arg(long, value_name = "WHEN")]
    changed_since: Option<When>,
    /// Require a last change before this time
    #[arg(long, value_name = "WHEN")]
    changed_until: Option<When>,
    /// Require this text in the project name
    #[arg(long, value_name = "TEXT", help_heading = "Scope")]
    project: Option<String>,
    /// Require this branch, of the project's scans or of the finding
    #[arg(long, value_name = "NAME", help_heading = "Scope")]
    branch: Option<String>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
struct PageArgs {
    /// Sort by priority, severity, first-seen, age, cvss, epss, sources or repository
    #[arg(long, default_value = "priority", hide_default_value = true, value_name = "ORDER")]
    sort: IssueSort,
    /// Reverse the order
    #[arg(long)]
    reverse: bool,
    /// Limit the number of results
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Skip this many results
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: u32,
    /// Print CSV (RFC 4180)
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

impl WithArgs {
    /// The filter of findings.
    fn filter(self, scope: ProjectFilter, now: Timestamp) -> Filter {
        let moment = |when: Option<When>| when.map(|when| when.moment(now));
        Filter {
            reachability: self.reachability,
            rule: self.rule,
            fix_available: self.fix_available,
            identifier: self.identifier,
            cwes: self.cwes,
            top25: self.top25,
            owasp: self.owasp,
            last_seen: Period { since: moment(self.last_seen_since), until: moment(self.last_seen_until) },
            changed: Period { since: moment(self.changed_since), until: moment(self.changed_until) },
            project: self.project,
            branch: self.branch,
            scope,
            ..Filter::default()
        }
    }
}

#[derive(clap::Args)]
pub struct ShowArgs {
    /// Its id or the beginning of it, or what one of its findings is known by
    id: String,
}

/// What `issues` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct IssueList {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page, in the order that was asked for: by default most
    /// urgent first.
    pub issues: Vec<IssueRow>,
}

pub async fn list(context: &Context, args: ListArgs) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let now = context.harness.now();
    let moment = |when: Option<When>| when.map(|when| when.moment(now));
    // The repository is the issue's: a project may stand in for one.
    let mut scope = args.scope.filter();
    let repository = scope.repository.take();
    let reachability = Open::Verdict.words(&tenant, args.with.reachability.clone()).await?;
    let filter = IssueFilter {
        repository,
        kinds: Open::Kind.words(&tenant, args.kinds).await?,
        severities: args.severities,
        min_severity: args.min_severity,
        min_priority: args.min_priority,
        min_cvss: args.min_cvss,
        min_epss: args.min_epss,
        open: (!args.include_closed && args.statuses.is_empty()).then_some(true),
        statuses: Open::Status.words(&tenant, args.statuses).await?,
        instance_id: instance_id(&tenant, args.source.as_ref()).await?,
        sources_min: args.sources_min,
        security: (!args.include_non_security).then_some(true),
        package: args.package,
        advisory: args.advisory,
        path: args.path,
        text: args.text,
        first_seen: Period { since: moment(args.first_seen_since), until: moment(args.first_seen_until) },
        with: Filter { reachability, ..args.with.filter(scope, now) },
        sort: args.page.sort,
        reverse: args.page.reverse,
        limit: args.page.limit,
        offset: args.page.offset,
    };
    let csv = args.page.csv;
    remark_on_scope(&tenant, filter.with.project.as_ref(), &filter.with.scope).await?;
    let (issues, total) = tenant.issues(filter).await?;
    if csv {
        print_csv(ISSUES_CSV, &issues)?;
        return Ok(ExitCode::SUCCESS);
    }
    context.output.result(&IssueList { total, issues }, |list| show_list(context.output, list))?;
    Ok(ExitCode::SUCCESS)
}

pub async fn show(context: &Context, args: ShowArgs) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let found = tenant.issue(args.id).await;
    let detail = found.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
    context.output.result(&detail, |detail| show_detail(context.output, detail))?;
    Ok(ExitCode::SUCCESS)
}

fn show_list(output: Output, list: &IssueList) {
    if list.issues.is_empty() {
        output.line(if list.total == 0 { "No issues." } else { "No issues on this page." });
        return;
    }
    output.print(&output.list(ISSUES, &list.issues).spare(&["KIND", "PRIORITY"]));
    output.line(format!("{} of {}", list.issues.len(), list.total));
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
    facts.add("package", row.ecosystem.as_ref().map(|it| format!("{} ({it})", row.place())));
    facts.add("file", row.path.as_ref());
    facts.add("rule", row.rule_id.as_ref());
    facts.add("advisories", Cell::list(&row.advisories));
    facts.add("CVSS", row.cvss.map(|it| format!("{it:.1}")));
    facts.add("EPSS", row.epss.map(|it| format!("{it:.5}")));
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
            (None, _) => it.version.clone().unwrap_or_default(),
        };
        table.add_row(cells![
            it.id.to_string(),
            &it.source,
            it.priority,
            it.severity,
            Cell::state(&it.status),
            &it.project,
            at,
            it.rule_id.as_deref(),
        ]);
    }
    output.print(&table);
    policy::show_verdicts(output, &detail.policy_results);
    if let Some(first) = detail.findings.first() {
        output.line(format!("Next: harness finding {}", first.id));
    }
}
