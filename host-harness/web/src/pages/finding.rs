//! One finding: what it is, where, why it is so urgent, and what became of it.

use appsec_model::{Author, Finding, Location, Timestamp};
use host_harness::{
    View,
    analysis::{Advisory, cwe},
    query::List,
    store::{Attribution, DecisionRow, FindingDetail, IssueDetail, OccurrenceDetail, PolicyResult},
};
use maud::{Markup, html};

use super::{Frame, Section, beside::Beside, findings, form, markdown, packages, parts, source};
use crate::{
    answer::{self, Fault},
    asked::{Answer, Asked},
};

/// The list that a finding was opened from, as the address says it.
async fn opened_from(asked: &Asked, id: &str) -> Result<Beside, Fault> {
    let tenant = asked.tenant.id().as_str();
    let views = [View::All, View::Vulnerabilities, View::Weaknesses, View::Secrets];
    let from = asked.field("from");
    let from = views.into_iter().find(|view| from.as_deref() == Some(findings::section(*view).path()));
    let Some(view) = from else { return Ok(Beside::none(Section::Findings, tenant)) };
    let query = asked.query_beside(List::Findings(view), &["from", "raw"])?;
    let list = asked.tenant.finding_list(&query).await?.list;
    let rows: Vec<String> = list.findings.iter().map(|row| row.id.to_string()).collect();
    let address = |id: &str| findings::within(&query, tenant, view, id);
    let following = async {
        let Some(cursor) = &list.next_cursor else { return Ok(None) };
        let next = form::page_at(&query, "cursor", &cursor.to_string())?;
        let found = asked.tenant.finding_list(&next).await?.list;
        Ok(found.findings.first().map(|row| findings::within(&next, tenant, view, &row.id.to_string())))
    };
    let section = findings::section(view);
    let here = form::address(&section.of(tenant), query.pairs().into_iter());
    Beside::among(section, here, &rows, id, address, following).await
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let name = asked.tenant.id().to_string();
    let with_raw = asked.flag("raw")?;
    let detail = asked.tenant.finding(asked.named("id")?, with_raw).await?;
    let row = &detail.row;
    let (id, now) = (row.id.to_string(), asked.site.harness.now());
    let beside = opened_from(&asked, &id).await?;
    // A finding that is in no issue yet is shown without one.
    let issue = asked.tenant.issue(id.clone()).await.ok();
    let main = html! {
        (beside.path(&id))
        div.head {
            h1 { (parts::text(&row.title)) }
            div.tools {
                a.button.primary href=(format!("/t/{name}/triage?finding={}", row.id)) { "Decide…" }
                a.button href=(format!("/api/v1/tenants/{name}/findings/{}", row.id)) { "JSON" }
            }
        }
        p.states {
            (parts::severity(row.severity)) (parts::state(&row.status))
            @if let Some(verdict) = &row.reachability { (parts::reachability(verdict)) }
            @if !row.security { span.tag { "not about security" } }
        }
        div.grid {
            section.card.c8 {
                header { h2 { "What it is" } }
                (facts(&detail, issue.as_ref(), &name, now))
                (description(&detail))
            }
            div.c4.stack {
                section.card {
                    header { h2 { "Priority " (detail.assessment.score) } span.muted { (detail.assessment.band.as_str()) } }
                    table.rows {
                        @for input in &detail.assessment.inputs {
                            tr { td { (parts::text(input.name)) } td { (parts::text(&input.value)) } td.num { (format!("{:+}", input.points)) } }
                        }
                    }
                }
                @if let Some(it) = &detail.ratings { (ratings(it)) }
                @if let Some(it) = &detail.attribution { (attribution(it)) }
            }
            @if let Some(leading) = detail.occurrence_details.first() { (code(&leading.finding)) }
            section.card.c12 {
                header { h2 { "Where it was seen" } span.muted { (parts::counted(detail.occurrence_details.len() as u64, "occurrence")) } }
                (occurrences(&detail.occurrence_details, now))
            }
            @if !detail.policy_results.is_empty() {
                section.card.c12 { header { h2 { "Policies" } } (policies(&detail.policy_results)) }
            }
            @if !detail.decisions.is_empty() {
                section.card.c12 { header { h2 { "Decisions" } } (decisions(&detail.decisions, now)) }
            }
            section.card.c12 {
                header { h2 { "History" } }
                (history(&detail, now))
            }
            section.card.c12 {
                header { h2 { "Raw record" } span.muted { "as the source gave it" } }
                @if with_raw { (raw(&detail.occurrence_details)) } @else {
                    form method="get" {
                        @for (name, value) in asked.all_fields().filter(|(name, _)| name != "raw") { input type="hidden" name=(name) value=(value); }
                        button.button name="raw" value="true" { "Show it" }
                    }
                }
            }
        }
    };
    Ok(answer::html(Frame { tenant: &name, section: beside.section, title: Some(&row.title) }.page(&main)))
}

fn facts(detail: &FindingDetail, issue: Option<&IssueDetail>, tenant: &str, now: Timestamp) -> Markup {
    let row = &detail.row;
    let leading = detail.occurrence_details.first().map(|it| &it.finding);
    let rule = detail.rule.as_ref();
    let dependency = leading.and_then(|it| it.dependency.as_ref());
    html! {
        dl.facts {
            (parts::fact("Project", Some(parts::text(&row.project))))
            (parts::fact("Repository", row.repository.as_deref().map(|name| html! { a.link href=(Section::Repositories.at(tenant, name)) { (parts::text(name)) } })))
            (parts::fact("Issue", issue.map(|it| html! {
                a.link href=(format!("{}/{}", Section::Issues.of(tenant), it.row.id)) { (parts::text(&it.row.title)) }
                @let others = it.findings.len().saturating_sub(1);
                span.second { @if others == 0 { "of this finding alone" } @else { "with " (parts::counted(others as u64, "other finding")) } }
            })))
            (parts::fact("Environment", row.environment.as_deref().map(parts::text)))
            (parts::fact("Place", leading.and_then(place)))
            (parts::fact("Source", Some(html! { a.link href=(source::address(tenant, &row.instance)) { (parts::text(&row.instance)) } ", " (row.kind) })))
            (parts::fact("Rule", row.rule_id.as_deref().map(|id| html! {
                span.mono { @match rule.and_then(|it| it.url.as_deref()) { Some(url) => (parts::link(url, id)), None => (parts::text(id)) } }
            })))
            (parts::fact("Weaknesses", rule.filter(|it| !it.cwes.is_empty()).map(|rule| html! {
                @for cwe in &rule.cwes { span.tag { (parts::text(&cwe::titled(cwe))) } " " }
            })))
            (parts::fact("Top 25", (!detail.cwe_top25.is_empty()).then(|| html! {
                @for it in &detail.cwe_top25 { span.tag { "rank " (it.rank) " in " (it.edition) } " " }
            })))
            (parts::fact("OWASP", rule.filter(|it| !it.owasp.is_empty()).map(|rule| html! {
                @for it in &rule.owasp { span.tag { (parts::text(&it.text)) } " " }
            })))
            (parts::fact("Confidence", leading.and_then(|it| it.confidence.as_ref()).map(|it| parts::text(it.as_str()))))
            (parts::fact("Package", dependency.map(|it| html! {
                a.link href=(packages::address(tenant, it.package.ecosystem.as_str(), &it.package.name)) {
                    (parts::text(&it.package.name)) @if let Some(version) = &it.package.version { " " (parts::text(version)) }
                }
                @if let Some(purl) = &it.package.purl { span.second.mono { (parts::text(purl)) } }
            }).or_else(|| row.package.as_deref().map(parts::text))))
            (parts::fact("Affected", dependency.and_then(|it| it.affected_range.as_deref()).map(parts::text)))
            (parts::fact("Used at", dependency.and_then(|it| it.reachability.usage.as_ref()).map(|it| span_of(&it.location))))
            (parts::fact("Reachable if", dependency.and_then(|it| it.reachability.condition.as_deref()).map(parts::text)))
            (parts::fact("Malware", dependency.filter(|it| it.malicious == Some(true)).map(|_| html! { "yes: the package itself does harm" })))
            (parts::fact("Transitivity", dependency.map(|it| parts::text(it.transitivity.as_str()))))
            (parts::fact("Introduced by", dependency.filter(|it| !it.introduced_by.is_empty()).map(|it| parts::text(&it.introduced_by.join(" › ")))))
            (parts::fact("Fix", row.facts.as_ref().and_then(|it| it.fixes.as_ref()).map(|fixes| match fixes.as_slice() {
                [] => html! { "none known" },
                fixes => parts::text(&fixes.join(", ")),
            })))
            (parts::fact("Advisories", (!row.advisories.is_empty()).then(|| parts::text(&row.advisories.join(", ")))))
            (parts::fact("CVSS", row.cvss.map(|score| html! { (format!("{score:.1}")) })))
            (parts::fact("EPSS", row.epss.map(|score| html! { (format!("{score:.3}")) " (probability of exploitation in 30 days)" })))
            (parts::fact("KEV", row.kev.then(|| html! { "known to be exploited" })))
            (parts::fact("Opens", row.facts.as_ref().and_then(|it| it.service.as_deref()).map(parts::text)))
            (parts::fact("Validation", row.facts.as_ref().and_then(|it| it.validation.as_deref()).map(parts::text)))
            (parts::fact("Visibility", leading.and_then(|it| it.secret.as_ref()?.visibility.as_ref()).map(|it| parts::text(it.as_str()))))
            (parts::fact("In history at", leading.and_then(|it| it.secret.as_ref()?.history.as_ref()?.commit.as_deref()).map(|it| html! { span.mono { (parts::text(it)) } })))
            (parts::fact("Tickets", leading.filter(|it| !it.tickets.is_empty()).map(|it| html! {
                @for ticket in &it.tickets {
                    @let name = ticket.key.as_deref().or(ticket.id.as_deref()).or(ticket.url.as_deref()).unwrap_or_default();
                    @match &ticket.url { Some(url) => (parts::link(url, name)), None => (parts::text(name)) } " "
                }
            })))
            (parts::fact("First seen", Some(html! { (parts::moment(row.first_seen_at)) " (" (parts::ago(row.first_seen_at, now)) ")" })))
            (parts::fact("Last seen", Some(html! { (parts::moment(row.last_seen_at)) })))
            (parts::fact("Closed", row.closed_at.map(|at| html! { (parts::moment(at)) })))
        }
    }
}

fn place(finding: &Finding) -> Option<Markup> {
    let location = finding.location.as_ref()?;
    let text = match location.start_line {
        Some(line) => format!("{}:{line}", location.path),
        None => location.path.clone(),
    };
    Some(html! {
        span.mono { @match &finding.code_url { Some(url) => (parts::link(url, &text)), None => (parts::text(&text)) } }
    })
}

/// A place, as it is written.
fn span_of(location: &Location) -> Markup {
    html! { span.mono { (parts::text(&location.path)) @if let Some(line) = location.start_line { ":" (line) } } }
}

/// What the rule says, what the source says here, and what it advises.
fn description(detail: &FindingDetail) -> Markup {
    let leading = detail.occurrence_details.first().map(|it| &it.finding);
    let of_rule = detail.rule.as_ref().and_then(|it| it.message.as_deref());
    let here = leading.and_then(|it| it.message.as_deref()).filter(|it| Some(*it) != of_rule);
    let assistance = leading.and_then(|it| it.assistance.as_ref());
    let guidance = assistance.and_then(|it| it.guidance.as_ref());
    let comment = leading.and_then(|it| it.lifecycle.triage.comment.as_deref());
    html! {
        @for message in [of_rule, here].into_iter().flatten() { (markdown::shown(message)) }
        @if let Some(verdict) = assistance.and_then(|it| it.verdict.as_ref()) {
            p.prose { b { "An AI of the source says " (parts::text(&verdict.conclusion.to_string())) } @if let Some(reason) = &verdict.reason { ": " (parts::block(reason)) } }
        }
        @if let Some(text) = guidance.and_then(|it| it.summary.as_deref().or(it.text.as_deref())) { header { h2 { "Guidance" } } (markdown::shown(text)) }
        @if let Some(comment) = comment { p.prose { b { "Comment at the source: " } (parts::block(comment)) } }
    }
}

/// What others say of the advisory, each with its source.
pub(super) fn ratings(it: &Advisory) -> Markup {
    html! {
        section.card {
            header { h2 { "Ratings" } span.muted { (parts::text(&it.ids.join(", "))) } }
            table.plain {
                tbody {
                    @for cvss in &it.cvss {
                        tr { td { "CVSS " (cvss.version.as_str()) span.second { "from " (parts::text(&cvss.source)) } } td { b { (format!("{:.1}", cvss.score)) } span.second.mono { (parts::text(&cvss.vector)) } } }
                    }
                    @if let Some(epss) = &it.epss {
                        tr {
                            td { "EPSS" span.second { "from " (parts::text(&epss.source)) } }
                            td { b { (format!("{:.3}", epss.score)) } @if let Some(date) = &epss.date { span.second { "of " (parts::text(date)) } } }
                        }
                    }
                    @if let Some(kev) = &it.kev {
                        tr {
                            td { "KEV" span.second { "from " (parts::text(&kev.source)) } }
                            td { b { "exploited" } span.second { "listed since " (parts::text(&kev.added)) @if kev.ransomware { ", used for ransomware" } } }
                        }
                    }
                }
            }
        }
    }
}

/// The scan that saw it first.
fn attribution(it: &Attribution) -> Markup {
    let scan = &it.scan;
    let person =
        |it: &Author| it.name.clone().or_else(|| it.username.clone()).or_else(|| it.email.clone()).unwrap_or_default();
    html! {
        section.card {
            header { h2 { "First scan that saw it" } }
            dl.facts {
                (parts::fact("Commit", scan.commit.as_deref().map(|commit| html! { span.mono { (parts::text(commit)) } @if let Some(title) = &scan.commit_title { span.second { (parts::text(title)) } } })))
                (parts::fact("By", scan.author.as_ref().map(|it| parts::text(&person(it)))))
                (parts::fact("Branch", scan.branch.as_deref().map(parts::text)))
                (parts::fact("Pull request", scan.pull_request.as_ref().map(|it| html! { (parts::text(&it.id)) " " (parts::text(it.title.as_deref().unwrap_or_default())) })))
                (parts::fact("When", scan.started_at.map(|at| html! { (parts::moment(at)) })))
            }
        }
    }
}

/// The records of its occurrences.
fn raw(occurrences: &[OccurrenceDetail]) -> Markup {
    let records: Vec<_> = occurrences.iter().filter_map(|it| Some((&it.finding.id, it.raw.as_ref()?))).collect();
    html! {
        @if records.is_empty() { p.muted { "No record is kept of it." } }
        @for (id, record) in records {
            p.second.mono { (parts::text(id)) }
            pre tabindex="0" { (parts::block(&format!("{record:#}"))) }
        }
    }
}

/// The code, and how data flows to it.
fn code(finding: &Finding) -> Markup {
    html! {
        @if finding.snippet.is_some() || !finding.flow.is_empty() || finding.suggested_fix.is_some() {
            section.card.c12 {
                @if let Some(snippet) = &finding.snippet { header { h2 { "Code" } } pre tabindex="0" { (parts::block(snippet)) } }
                @if !finding.flow.is_empty() {
                    header { h2 { "Flow" } }
                    ol.flow {
                        @for step in &finding.flow {
                            li {
                                span.tag { (step.role.as_str()) }
                                span.mono { (parts::text(&step.location.path)) @if let Some(line) = step.location.start_line { ":" (line) } }
                                @if let Some(content) = &step.content { code { (parts::text(content)) } }
                            }
                        }
                    }
                }
                @if let Some(fix) = &finding.suggested_fix { header { h2 { "Suggested fix" } } pre tabindex="0" { (parts::block(fix)) } }
            }
        }
    }
}

fn occurrences(occurrences: &[OccurrenceDetail], now: Timestamp) -> Markup {
    html! {
        div.wide {
            table.plain {
                thead { tr { th scope="col" { "Branch" } th scope="col" { "From" } th scope="col" { "Place" } th scope="col" { "Status" } th scope="col" { "Id at the source" } th scope="col" { "Gone" } } }
                tbody {
                    @for it in occurrences {
                        tr {
                            td { @match &it.finding.r#ref { Some(name) => (parts::text(name)), None => span.muted { "none named" } } }
                            td { @if it.origin.is_empty() { "API" } @else { (parts::text(&it.origin)) } }
                            td { @if let Some(place) = place(&it.finding) { (place) } }
                            td {
                                (parts::state(it.finding.lifecycle.status.as_str()))
                                @if let Some(reason) = &it.finding.lifecycle.triage.reason { span.second { (parts::text(&reason.to_string())) } }
                                @for remark in &it.diagnostics { span.second { (parts::text(&remark.message)) } }
                            }
                            td.mono { (parts::text(&it.finding.id)) }
                            td { @if let Some(at) = it.vanished_at { (parts::ago(at, now)) } }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn policies(results: &[PolicyResult]) -> Markup {
    html! {
        table.plain {
            tbody {
                @for it in results {
                    tr {
                        td { (parts::state(it.result.as_str())) }
                        td { (parts::text(&it.policy_id)) @if let Some(reason) = &it.reason { span.second { (parts::text(reason)) } } }
                        td { (parts::severity(it.severity)) }
                        td.num { "since " (parts::moment(it.since)) }
                    }
                }
            }
        }
    }
}

fn decisions(all: &[DecisionRow], now: Timestamp) -> Markup {
    html! {
        div.wide {
            table.plain {
                thead { tr { th scope="col" { "Decision" } th scope="col" { "Reason" } th scope="col" { "By" } th scope="col" { "When" } th scope="col" { "Until" } } }
                tbody {
                    @for it in all {
                        tr {
                            td {
                                (parts::state(it.entry.decision.as_str()))
                                @if let Some(assignee) = &it.entry.assignee { span.second { "for " (parts::text(assignee)) } }
                                @if !it.entry.labels.is_empty() { span.second { (parts::text(&it.entry.labels.join(", "))) } }
                            }
                            td {
                                @if let Some(reason) = &it.entry.reason { (parts::text(reason)) }
                                @if let Some(comment) = &it.entry.comment { span.second { (parts::text(comment)) } }
                            }
                            td { (parts::text(&it.author)) }
                            td { (parts::ago(it.decided_at, now)) }
                            td {
                                @match (&it.ended, it.ended_at, it.entry.until) {
                                    (Some(how), Some(at), _) => { (how.as_str()) " " (parts::ago(at, now)) @if let Some(who) = &it.ended_by { span.second { "by " (parts::text(who)) } } },
                                    (_, _, Some(until)) => (parts::moment(until)),
                                    _ => "it is taken back",
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn history(detail: &FindingDetail, now: Timestamp) -> Markup {
    html! {
        @if detail.history.is_empty() {
            p.muted { "Nothing has changed since it was first ingested, " (parts::ago(detail.row.ingested_at, now)) "." }
        } @else {
            table.plain {
                tbody {
                    @for it in &detail.history {
                        tr {
                            td { (parts::moment(it.at)) }
                            td { (parts::text(&it.field)) @if let Some(name) = &it.r#ref { span.second { (parts::text(name)) } } }
                            td { (parts::text(it.before.as_deref().unwrap_or("–"))) " → " (parts::text(it.after.as_deref().unwrap_or("–"))) }
                            td.num { "run " (it.run_id) }
                        }
                    }
                }
            }
        }
    }
}
