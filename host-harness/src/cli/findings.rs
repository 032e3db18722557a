//! `harness findings` and `harness finding`.

use std::process::ExitCode;

use appsec_insight::Edition;
use appsec_model::{Author, Finding, Fix, Scan, Severity};
use host_harness::{ChangeRow, Filter, FindingDetail, FindingId, FindingRow, InstanceName, Tenant};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    output::{Output, moment, severity, short},
    policy,
};

#[derive(clap::Args)]
pub struct ListArgs {
    /// Only this kind, such as sast or sca
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only this severity
    #[arg(long = "severity", value_name = "SEVERITY", value_parser = parse_severity)]
    severities: Vec<Severity>,
    /// Only this status [default: open, reviewing, fixing and unknown]
    #[arg(long = "status", value_name = "STATUS")]
    statuses: Vec<String>,
    /// Whatever the status
    #[arg(long, conflicts_with = "statuses")]
    all: bool,
    /// Only this verdict of reachability, such as reachable
    #[arg(long = "reachability", value_name = "VERDICT")]
    reachability: Vec<String>,
    /// Only projects with this in their name
    #[arg(long, value_name = "TEXT")]
    project: Option<String>,
    /// Only rules with this in their id
    #[arg(long, value_name = "TEXT")]
    rule: Option<String>,
    /// Only paths with this in them
    #[arg(long, value_name = "TEXT")]
    path: Option<String>,
    /// Only this package
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// Only this advisory, such as CVE-2021-44228
    #[arg(long, value_name = "ID")]
    advisory: Option<String>,
    /// Only this weakness, by its number in the CWE, such as 89
    #[arg(long = "cwe", value_name = "NUMBER")]
    cwes: Vec<u32>,
    /// Only weaknesses of the CWE Top 25, of an edition such as 2024
    #[arg(long, value_name = "EDITION", num_args = 0..=1, default_missing_value = "2025")]
    top25: Option<Edition>,
    /// Also those that are not about security
    #[arg(long)]
    all_categories: bool,
    /// Only titles with this in them
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only those of this instance
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Leave out so many of the first
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: u32,
}

#[derive(clap::Args)]
pub struct ShowArgs {
    /// Its id, as `harness findings` shows it
    id: FindingId,
    /// Also the vendor's own records
    #[arg(long)]
    raw: bool,
}

pub fn parse_severity(word: &str) -> Result<Severity, String> {
    let found = Severity::ALL.into_iter().find(|severity| severity.as_str() == word);
    found.ok_or_else(|| format!("one of {}", Severity::ALL.map(Severity::as_str).join(", ")))
}

/// What `findings` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct FindingList {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page, most urgent first.
    pub findings: Vec<FindingRow>,
}

/// Statuses that ask for work. Not every format tells one: what is not known
/// to be closed is shown.
pub const ACTIVE: [&str; 4] = ["open", "reviewing", "fixing", "unknown"];

pub async fn list(context: &Context, args: ListArgs) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let statuses = match (args.all, args.statuses.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => ACTIVE.map(str::to_owned).to_vec(),
        (false, false) => args.statuses,
    };
    let filter = Filter {
        instance_id: instance_id(&tenant, args.instance.as_ref()).await?,
        kinds: args.kinds,
        severities: args.severities,
        statuses,
        project: args.project,
        rule: args.rule,
        path: args.path,
        package: args.package,
        advisory: args.advisory,
        reachability: args.reachability,
        security: (!args.all_categories).then_some(true),
        cwes: args.cwes,
        top25: args.top25,
        text: args.text,
        limit: args.limit,
        offset: args.offset,
    };
    let ((findings, total), left_out) = tenant
        .store()
        .run(move |store| {
            let left_out = match filter.security {
                Some(true) => store.findings(&Filter { security: Some(false), limit: 0, ..filter.clone() })?.1,
                _ => 0,
            };
            Ok((store.findings(&filter)?, left_out))
        })
        .await?;
    context.output.result(&FindingList { total, findings }, |list| show_list(context.output, list))?;
    if left_out > 0 {
        eprintln!("{left_out} findings that are not about security are left out: --all-categories shows them");
    }
    Ok(ExitCode::SUCCESS)
}

/// The row id of an instance, if one is named.
pub async fn instance_id(tenant: &Tenant, name: Option<&InstanceName>) -> Result<Option<i64>, Failure> {
    match name {
        Some(name) => {
            let found = tenant.instance(name).await;
            Ok(Some(found.map_err(|error| Failure::from(error).of(tenant.id(), None))?.id))
        }
        None => Ok(None),
    }
}

/// Findings as a table.
pub fn show_list(output: Output, list: &FindingList) {
    if list.findings.is_empty() {
        output.line(if list.total == 0 { "No findings." } else { "No findings on this page." });
        return;
    }
    let mut table = output.table(&["FINDING", "PRIORITY", "SEVERITY", "KIND", "STATUS", "PROJECT", "TITLE", "WHERE"]);
    for row in &list.findings {
        let place = match (&row.path, row.start_line) {
            (Some(path), Some(line)) => format!("{path}:{line}"),
            (Some(path), None) => path.clone(),
            (None, _) => row.package.clone().unwrap_or_default(),
        };
        let mut status = row.status.clone();
        if let Some(reachability) = row.reachability.as_deref().filter(|verdict| *verdict != "not-analyzed") {
            status.push_str(", ");
            status.push_str(reachability);
        }
        table.add_row([
            row.id.to_string().into(),
            row.priority.to_string().into(),
            severity(row.severity),
            row.kind.clone().into(),
            comfy_table::Cell::new(status),
            row.project.clone().into(),
            short(&row.title, 120).into(),
            place.into(),
        ]);
    }
    output.print(&table);
    output.line(format!("{} of {}", list.findings.len(), list.total));
}

pub async fn show(context: &Context, args: ShowArgs) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let found = tenant.store().run(move |store| store.finding(args.id, args.raw)).await?;
    let Some(detail) = found else {
        let message = format!("there is no finding {}", args.id);
        let remedy = "`harness findings --all` lists the findings of the tenant";
        return Err(Failure::new("no-such-finding", message, Some(remedy)).of(tenant.id(), None));
    };
    context.output.result(&detail, |detail| show_detail(context.output, detail))?;
    Ok(ExitCode::SUCCESS)
}

/// Lines of a two-column table; empty facts are left out.
struct Facts(comfy_table::Table);

impl Facts {
    fn add(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value.filter(|value| !value.as_ref().is_empty()) {
            self.0.add_row([name, value.as_ref()]);
        }
    }
}

fn show_detail(output: Output, detail: &FindingDetail) {
    let row = &detail.row;
    let mut facts = Facts(output.table(&["finding", &row.id.to_string()]));
    facts.add("title", Some(&row.title));
    facts.add("severity", Some(row.severity.as_str()));
    let inputs = detail.assessment.inputs.iter();
    let inputs = lines(inputs.map(|it| format!("{:+} {}: {}", it.points, it.name, it.value)));
    facts.add("priority", Some(format!("{} ({})\n{inputs}", row.priority, detail.assessment.band)));
    facts.add("status", Some(&row.status));
    facts.add("kind", Some(&row.kind));
    facts.add("project", Some(&row.project));
    if let Some(rule) = &detail.rule {
        facts.add("rule", Some(&rule.id));
        facts.add("message", rule.message.as_ref());
        facts.add("weaknesses", Some(lines(rule.cwes.iter().map(|cwe| cwe.text.clone()))));
        let ranks = detail.cwe_top25.iter().map(|it| format!("{} in {}", it.rank, it.edition));
        facts.add("CWE Top 25", Some(ranks.collect::<Vec<_>>().join(", ")));
        facts.add("OWASP", Some(lines(rule.owasp.iter().map(|owasp| owasp.text.clone()))));
        facts.add("classes", Some(rule.vulnerability_classes.join(", ")));
    }
    if let Some(leading) = detail.occurrence_details.first() {
        show_facts(&mut facts, &leading.finding);
    }
    if let Some(ratings) = &detail.ratings {
        let cvss = ratings.cvss.iter();
        facts.add(
            "CVSS",
            Some(lines(cvss.map(|it| format!("{} {:.1}, {}, from {}", it.version, it.score, it.vector, it.source)))),
        );
        facts.add(
            "EPSS of the files",
            ratings.epss.as_ref().map(|it| {
                let date = it.date.as_deref().map(|date| format!(" of {date}")).unwrap_or_default();
                format!("{:.5}{date}, from {}", it.score, it.source)
            }),
        );
    }
    if let Some(attribution) = &detail.attribution {
        show_scan(&mut facts, &attribution.scan);
    }
    facts.add("first seen", Some(moment(row.first_seen_at)));
    facts.add("changed", Some(moment(row.changed_at)));
    output.print(&facts.0);

    let mut table = output.table(&["REF", "STATUS", "TRIAGE", "WHERE", "VENDOR ID", "SINCE"]);
    for it in &detail.occurrence_details {
        let finding = &it.finding;
        let place = finding.location.as_ref().map(|at| match at.start_line {
            Some(line) => format!("{}:{line}", at.path),
            None => at.path.clone(),
        });
        let status = match it.vanished_at {
            Some(at) => format!("vanished {}", moment(at)),
            None => finding.lifecycle.status.to_string(),
        };
        let triage = &finding.lifecycle.triage;
        let reason = triage.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        table.add_row([
            finding.r#ref.clone().unwrap_or_default(),
            status,
            format!("{}{reason}", triage.state),
            place.unwrap_or_default(),
            finding.id.clone(),
            finding.lifecycle.relevant_since.map(moment).unwrap_or_default(),
        ]);
    }
    output.print(&table);
    for it in &detail.occurrence_details {
        for diagnostic in &it.diagnostics {
            output.line(format!("remark on {}: {}", it.finding.id, diagnostic.message));
        }
        if let Some(raw) = &it.raw {
            output.line(format!("record {}:\n{raw:#}", it.finding.id));
        }
    }
    policy::show_results(output, &detail.policy_results);
    show_history(output, &detail.history);
}

/// The scan that saw a finding first.
fn show_scan(facts: &mut Facts, scan: &Scan) {
    let title = scan.commit_title.as_ref().map(|title| format!(" {}", short(title, 100))).unwrap_or_default();
    facts.add("found in commit", scan.commit.as_ref().map(|commit| format!("{commit}{title}")));
    let person = |it: &Author| {
        let name = it.name.clone().or_else(|| it.username.clone()).unwrap_or_default();
        it.email.as_ref().map_or_else(|| name.clone(), |email| format!("{name} <{email}>").trim().to_owned())
    };
    facts.add("commit by", scan.author.as_ref().map(person));
    facts.add("on branch", scan.branch.as_ref());
    facts.add(
        "pull request",
        scan.pull_request.as_ref().map(|it| format!("{} {}", it.id, it.title.as_deref().unwrap_or_default())),
    );
}

/// What changed, newest first.
fn show_history(output: Output, history: &[ChangeRow]) {
    if history.is_empty() {
        return;
    }
    let mut table = output.table(&["CHANGED", "RUN", "REF", "WHAT", "BEFORE", "AFTER"]);
    for it in history {
        table.add_row([
            moment(it.at),
            it.run_id.to_string(),
            it.r#ref.clone().unwrap_or_default(),
            it.field.clone(),
            short(it.before.as_deref().unwrap_or_default(), 60),
            short(it.after.as_deref().unwrap_or_default(), 60),
        ]);
    }
    output.print(&table);
}

fn show_facts(facts: &mut Facts, finding: &Finding) {
    facts.add("here", finding.message.as_ref());
    facts.add("confidence", finding.confidence.as_ref().map(|it| it.as_str().to_owned()));
    facts.add("code", finding.code_url.as_ref());
    if let Some(dependency) = &finding.dependency {
        let package = &dependency.package;
        let version = package.version.as_deref().unwrap_or_default();
        facts.add(
            "package",
            Some(format!("{} {version} ({}, {})", package.name, package.ecosystem, dependency.transitivity)),
        );
        facts.add("purl", package.purl.as_ref());
        facts.add("brought by", Some(dependency.introduced_by.join(" > ")));
        facts.add("affected", dependency.affected_range.as_ref());
        facts.add(
            "lockfile",
            dependency.lockfile.as_ref().map(|at| match at.start_line {
                Some(line) => format!("{}:{line}", at.path),
                None => at.path.clone(),
            }),
        );
        facts.add("advisories", Some(lines(dependency.advisories.iter().map(|it| it.id.clone()))));
        let reachability = &dependency.reachability;
        facts.add("reachability", Some(reachability.verdict.as_str()));
        facts.add("condition", reachability.condition.as_ref());
        facts.add(
            "used at",
            reachability.usage.as_ref().map(|usage| match usage.location.start_line {
                Some(line) => format!("{}:{line}", usage.location.path),
                None => usage.location.path.clone(),
            }),
        );
        facts.add(
            "fix",
            Some(match &dependency.fix {
                Fix::NotSaid => "not said".to_owned(),
                Fix::NoneKnown => "none known".to_owned(),
                Fix::Upgrades { upgrades } => lines(upgrades.iter().map(|it| format!("{} {}", it.package, it.version))),
            }),
        );
        facts.add("EPSS of the vendor", dependency.epss.as_ref().map(|epss| format!("{:.5}", epss.score)));
        facts.add("malware", dependency.malicious.filter(|it| *it).map(|_| "yes"));
    }
    if let Some(secret) = &finding.secret {
        facts.add("opens", secret.service.as_ref());
        facts.add("validation", Some(secret.validation.as_str()));
        facts.add("visibility", secret.visibility.as_ref().map(|it| it.as_str().to_owned()));
        let commit = secret.history.as_ref().and_then(|it| it.commit.as_ref());
        facts.add("in history at", commit);
    }
    facts.add("snippet", finding.snippet.as_ref());
    let steps = finding.flow.iter().map(|step| {
        let line = step.location.start_line.map(|line| format!(":{line}")).unwrap_or_default();
        let content = step.content.as_ref().map(|it| format!("  {}", short(it, 80))).unwrap_or_default();
        format!("{:?} {}{line}{content}", step.role, step.location.path).to_lowercase()
    });
    facts.add("data flow", Some(lines(steps)));
    facts.add("suggested fix", finding.suggested_fix.as_ref());
    if let Some(verdict) = finding.assistance.as_ref().and_then(|it| it.verdict.as_ref()) {
        let reason = verdict.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        facts.add("AI verdict", Some(format!("{}{reason}", verdict.conclusion)));
    }
    if let Some(guidance) = finding.assistance.as_ref().and_then(|it| it.guidance.as_ref()) {
        facts.add("guidance", guidance.summary.as_ref().or(guidance.text.as_ref()));
    }
    facts.add("comment", finding.lifecycle.triage.comment.as_ref());
    facts.add("tickets", Some(lines(finding.tickets.iter().filter_map(|it| it.key.clone().or(it.url.clone())))));
}

fn lines(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("\n")
}
