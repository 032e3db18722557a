//! `harness finding`: all that is known of one.

use std::process::ExitCode;

use appsec_analysis::{cwe, fix};
use appsec_model::{Author, Finding, Fix, Scan};
use host_harness::store::{ChangeRow, FindingDetail};

use super::{
    Context,
    advisories::listed,
    error::Failure,
    output::{Output, moment, print_json, short},
    policy,
    table::{Cell, Facts, cells},
    triage,
};

#[derive(clap::Args)]
pub struct ShowArgs {
    /// Id of the finding or a unique prefix of it, the vendor's id, or a fingerprint
    id: String,
    /// Include the vendor's raw records
    #[arg(long)]
    raw: bool,
}

pub async fn show(context: &Context, args: ShowArgs) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let found = tenant.finding(args.id, args.raw).await;
    let detail = found.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
    if context.output.is_json() {
        print_json(&detail)?;
    } else {
        show_detail(context.output, &detail)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show_detail(output: Output, detail: &FindingDetail) -> Result<(), Failure> {
    let row = &detail.row;
    let mut facts = output.facts("finding", &row.id.to_string());
    facts.add("title", Some(&row.title));
    facts.add("severity", row.severity);
    let inputs = detail.assessment.inputs.iter();
    let inputs = inputs.map(|it| format!("{:+} {}: {}", it.points, it.name, it.value));
    let priority = format!("{} ({})", row.priority, detail.assessment.band);
    facts.add("priority", Some(Cell::list([priority].into_iter().chain(inputs))));
    facts.add("status", Cell::state(&row.status));
    facts.add("decision", row.decision.as_ref().map(triage::decided));
    facts.add("kind", Some(&row.kind));
    facts.add("source", Some(&row.instance));
    facts.add("project", Some(&row.project));
    facts.add("repository", row.repository.as_ref());
    facts.add("environment", row.environment.as_ref());
    if let Some(rule) = &detail.rule {
        facts.add("rule", Some(&rule.id));
        facts.add("message", rule.message.as_deref().map(Cell::text));
        facts.add("weaknesses", Some(Cell::list(rule.cwes.iter().map(cwe::titled))));
        let ranks = detail.cwe_top25.iter().map(|it| format!("{} in {}", it.rank, it.edition));
        facts.add("CWE Top 25", Some(ranks.collect::<Vec<_>>().join(", ")));
        facts.add("OWASP", Some(Cell::list(rule.owasp.iter().map(|owasp| owasp.text.clone()))));
        facts.add("classes", Some(rule.vulnerability_classes.join(", ")));
    }
    if let Some(leading) = detail.occurrence_details.first() {
        show_facts(&mut facts, &leading.finding);
    }
    if let Some(ratings) = &detail.ratings {
        let cvss = ratings.cvss.iter();
        facts.add(
            "CVSS",
            Some(Cell::list(
                cvss.map(|it| format!("{} {:.1}, {}, from {}", it.version, it.score, it.vector, it.source)),
            )),
        );
        facts.add(
            "EPSS of the files",
            ratings.epss.as_ref().map(|it| {
                let date = it.date.as_deref().map(|date| format!(" of {date}")).unwrap_or_default();
                format!("{:.5}{date}, from {}", it.score, it.source)
            }),
        );
    }
    let kev = detail.ratings.as_ref().and_then(|it| it.kev.as_ref());
    facts.add("KEV", kev.map(|it| format!("{}, from {}", listed(it), it.source)));
    if let Some(attribution) = &detail.attribution {
        show_scan(&mut facts, &attribution.scan);
    }
    facts.add("first seen", row.first_seen_at);
    facts.add("ingested", Some(row.ingested_at).filter(|_| row.ingested_at != row.first_seen_at));
    facts.add("closed", row.closed_at);
    facts.add("last seen", row.last_seen_at);
    facts.add("changed", row.changed_at);
    output.print(&facts);

    output.line("");
    let mut table = output.table(&["REF", "STATUS", "TRIAGE", "WHERE", "VENDOR ID", "SINCE"]);
    for it in &detail.occurrence_details {
        let finding = &it.finding;
        let place = finding.location.as_ref().map(|at| match at.start_line {
            Some(line) => format!("{}:{line}", at.path),
            None => at.path.clone(),
        });
        let status = match it.vanished_at {
            Some(at) => Cell::from(format!("vanished {}", moment(at))),
            None => Cell::state(&finding.lifecycle.status.to_string()),
        };
        let triage = &finding.lifecycle.triage;
        let reason = triage.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        table.add_row(cells![
            finding.r#ref.as_ref(),
            status,
            format!("{}{reason}", triage.state),
            place,
            &finding.id,
            finding.lifecycle.relevant_since,
        ]);
    }
    output.print(&table);
    for it in &detail.occurrence_details {
        for diagnostic in &it.diagnostics {
            output.line(format!("remark on {}: {}", it.finding.id, diagnostic.message));
        }
        if let Some(raw) = &it.raw {
            output.line(format!("record {}:", it.finding.id));
            print_json(raw)?;
        }
    }
    policy::show_verdicts(output, &detail.policy_results);
    triage::show_history(output, &detail.decisions);
    show_history(output, &detail.history);
    Ok(())
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
    output.line("");
    let mut table = output.table(&["CHANGED", "RUN", "REF", "WHAT", "BEFORE", "AFTER"]).spare(&["RUN", "REF"]);
    for it in history {
        table.add_row(cells![
            it.at,
            it.run_id,
            it.r#ref.as_ref(),
            &it.field,
            short(it.before.as_deref().unwrap_or_default(), 60),
            short(it.after.as_deref().unwrap_or_default(), 60),
        ]);
    }
    output.print(&table);
}

fn show_facts(facts: &mut Facts, finding: &Finding) {
    facts.add("here", finding.message.as_deref().map(Cell::text));
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
        facts.add("introduced by", Some(dependency.introduced_by.join(" > ")));
        facts.add("affected", dependency.affected_range.as_ref());
        facts.add(
            "lockfile",
            dependency.lockfile.as_ref().map(|at| match at.start_line {
                Some(line) => format!("{}:{line}", at.path),
                None => at.path.clone(),
            }),
        );
        facts.add("advisories", Some(Cell::list(dependency.advisories.iter().map(|it| it.id.clone()))));
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
            Some(match &fix::known(dependency) {
                Fix::NotSaid => "not said".into(),
                Fix::NoneKnown => "none known".into(),
                Fix::Upgrades { upgrades } => {
                    Cell::list(upgrades.iter().map(|it| format!("{} {}", it.package, it.version)))
                }
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
    facts.add("snippet", finding.snippet.as_deref().map(Cell::text));
    let steps = finding.flow.iter().map(|step| {
        let line = step.location.start_line.map(|line| format!(":{line}")).unwrap_or_default();
        let content = step.content.as_ref().map(|it| format!("  {}", short(it, 80))).unwrap_or_default();
        format!("{} {}{line}{content}", step.role.as_str(), step.location.path)
    });
    facts.add("data flow", Some(Cell::list(steps)));
    facts.add("suggested fix", finding.suggested_fix.as_deref().map(Cell::text));
    if let Some(verdict) = finding.assistance.as_ref().and_then(|it| it.verdict.as_ref()) {
        let reason = verdict.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        facts.add("AI verdict", Some(Cell::text(&format!("{}{reason}", verdict.conclusion))));
    }
    if let Some(guidance) = finding.assistance.as_ref().and_then(|it| it.guidance.as_ref()) {
        facts.add("guidance", guidance.summary.as_deref().or(guidance.text.as_deref()).map(Cell::text));
    }
    facts.add("comment", finding.lifecycle.triage.comment.as_deref().map(Cell::text));
    facts.add("tickets", Some(Cell::list(finding.tickets.iter().filter_map(|it| it.key.clone().or(it.url.clone())))));
}
