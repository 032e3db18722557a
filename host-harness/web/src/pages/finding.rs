//! One finding: what it is, where, why it is so urgent, and what became of it.

use std::sync::Arc;

use appsec_model::{Finding, Timestamp};
use axum::extract::{Path, State};
use host_harness::{FindingDetail, OccurrenceDetail, PolicyResult};
use maud::{Markup, html};

use super::{Frame, Section, parts};
use crate::{
    Site, answer,
    asked::{Answer, tenant},
};

pub(crate) async fn page(State(site): State<Arc<Site>>, Path((name, id)): Path<(String, String)>) -> Answer {
    let tenant = tenant(&site, &name)?;
    let detail = tenant.finding(id, false).await?;
    let now = site.harness.now();
    let row = &detail.row;
    let main = html! {
        nav.path aria-label="Path" { a.link href=(Section::Findings.of(&name)) { "Findings" } " › " span.mono { (row.id) } }
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
                (facts(&detail, now))
                @if let Some(leading) = detail.occurrence_details.first() { (description(&leading.finding)) }
            }
            section.card.c4 {
                header { h2 { "Priority " (detail.assessment.score) } span.muted { (detail.assessment.band.as_str()) } }
                table.rows {
                    @for input in &detail.assessment.inputs {
                        tr { td { (parts::text(input.name)) } td { (parts::text(&input.value)) } td.num { (format!("{:+}", input.points)) } }
                    }
                }
            }
            @if let Some(leading) = detail.occurrence_details.first() { (code(&leading.finding)) }
            section.card.c12 {
                header { h2 { "Where it was seen" } span.muted { (parts::counted(detail.occurrence_details.len() as u64, "occurrence")) } }
                (occurrences(&detail.occurrence_details, now))
            }
            @if !detail.policy_results.is_empty() {
                section.card.c12 { header { h2 { "Policies" } } (policies(&detail.policy_results, now)) }
            }
            section.card.c12 {
                header { h2 { "History" } }
                (history(&detail, now))
            }
        }
    };
    Ok(answer::html(Frame { tenant: &name, section: Section::Findings, title: Some(&row.title) }.page(&main)))
}

fn facts(detail: &FindingDetail, now: Timestamp) -> Markup {
    let row = &detail.row;
    let leading = detail.occurrence_details.first().map(|it| &it.finding);
    let rule = detail.rule.as_ref();
    let dependency = leading.and_then(|it| it.dependency.as_ref());
    html! {
        dl.facts {
            (parts::fact("Project", Some(parts::text(&row.project))))
            (parts::fact("Repository", row.repository.as_deref().map(parts::text)))
            (parts::fact("Environment", row.environment.as_deref().map(parts::text)))
            (parts::fact("Place", leading.and_then(place)))
            (parts::fact("Source", Some(html! { (parts::text(&row.instance)) ", " (row.kind) })))
            (parts::fact("Rule", row.rule_id.as_deref().map(|id| html! {
                span.mono { @match rule.and_then(|it| it.url.as_deref()) { Some(url) => (parts::link(url, id)), None => (parts::text(id)) } }
            })))
            (parts::fact("Weaknesses", rule.filter(|it| !it.cwes.is_empty()).map(|rule| html! {
                @for cwe in &rule.cwes { span.tag { (parts::text(&cwe.text)) } " " }
            })))
            (parts::fact("Package", row.package.as_deref().map(parts::text)))
            (parts::fact("Transitivity", dependency.map(|it| parts::text(it.transitivity.as_str()))))
            (parts::fact("Introduced by", dependency.filter(|it| !it.introduced_by.is_empty()).map(|it| parts::text(&it.introduced_by.join(" › ")))))
            (parts::fact("Fix", row.facts.as_ref().and_then(|it| it.fixes.as_ref()).map(|fixes| match fixes.as_slice() {
                [] => html! { "none known" },
                fixes => parts::text(&fixes.join(", ")),
            })))
            (parts::fact("Advisories", (!row.advisories.is_empty()).then(|| parts::text(&row.advisories.join(", ")))))
            (parts::fact("CVSS", row.cvss.map(|score| html! { (format!("{score:.1}")) })))
            (parts::fact("EPSS", row.epss.map(|score| html! { (format!("{score:.3}")) " (probability of exploitation in 30 days)" })))
            (parts::fact("Opens", row.facts.as_ref().and_then(|it| it.service.as_deref()).map(parts::text)))
            (parts::fact("Validation", row.facts.as_ref().and_then(|it| it.validation.as_deref()).map(parts::text)))
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

fn description(finding: &Finding) -> Markup {
    html! { @if let Some(message) = &finding.message { p.prose { (parts::block(message)) } } }
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
                thead { tr { th scope="col" { "Branch" } th scope="col" { "From" } th scope="col" { "Place" } th scope="col" { "Status" } th scope="col" { "Gone" } } }
                tbody {
                    @for it in occurrences {
                        tr {
                            td { @match &it.finding.r#ref { Some(name) => (parts::text(name)), None => span.muted { "none named" } } }
                            td { @if it.origin.is_empty() { "API" } @else { (parts::text(&it.origin)) } }
                            td { @if let Some(place) = place(&it.finding) { (place) } }
                            td { (parts::state(it.finding.lifecycle.status.as_str())) }
                            td { @if let Some(at) = it.vanished_at { (parts::ago(at, now)) } }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn policies(results: &[PolicyResult], now: Timestamp) -> Markup {
    html! {
        table.plain {
            tbody {
                @for it in results {
                    tr {
                        td { (parts::state(it.result.as_str())) }
                        td { (parts::text(&it.policy_id)) @if let Some(reason) = &it.reason { span.second { (parts::text(reason)) } } }
                        td { (parts::severity(it.severity)) }
                        td.num { "for " (parts::old(it.since, now)) }
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
