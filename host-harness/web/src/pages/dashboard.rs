//! The dashboard.

use appsec_model::Timestamp;
use host_harness::{
    Dashboard, FindingRow, InstanceWork, View,
    columns::Tone,
    query::{List, Query},
};
use maud::{Markup, html};

use super::{Frame, Section, chart, form, parts};
use crate::{
    answer::{self, Fault},
    asked::{Answer, Asked},
};

/// Findings to look at first.
const URGENT: &str = "6";

pub(crate) async fn page(asked: Asked) -> Answer {
    let query = asked.query(List::Dashboard)?;
    let listed = asked.tenant.dashboard(&query).await?;
    let urgent = Query::parse(List::Findings(View::All), [("limit", URGENT)]).map_err(Fault::from)?;
    let urgent = asked.tenant.finding_list(&urgent).await?.list.findings;
    let work = asked.tenant.work().await?;
    let tenant = asked.tenant.id().to_string();
    let here = Section::Dashboard.of(&tenant);
    let (board, now) = (&listed.list, asked.site.harness.now());
    let main = html! {
        div.head {
            h1 { "Dashboard" }
            span.sum { "What is open now, and what became of it" }
            div.tools { a.button href=(form::api(&query, &tenant, Section::Dashboard)) { "JSON" } }
        }
        (form::filters(&query, &here))
        @if let Some(no) = &listed.no_project { (form::no_project(no)) }
        @if work.is_empty() {
            (parts::empty(&html! { "No source is set up yet. In a terminal: " span.mono { "harness onboard" } "." }))
        } @else {
            div.grid {
                section.card.c12 { (lead(board, &tenant)) }
                section.card.c5 {
                    header { h2 { "Look at these first" } a.more href=(Section::Findings.of(&tenant)) { "All by priority" } }
                    (first(&urgent, &tenant))
                }
                section.card.c4 { (reachable(board, &tenant)) }
                section.card.c3 {
                    header { h2 { "Data sources" } a.more href=(Section::Sources.of(&tenant)) { "All" } }
                    @for it in &work { (source(it, now)) }
                }
                (shares("Repositories", board.repositories.iter().map(|it| {
                    (it.repository.clone().unwrap_or_else(|| "no repository".to_owned()), it.open)
                }), None))
                (shares("Weaknesses", board.cwes.iter().map(|it| {
                    (format!("CWE-{} {}", it.cwe, it.name.as_deref().unwrap_or_default()), it.open)
                }), board.top25.share.map(|share| format!("{:.0}% on the CWE Top 25", share * 100.0))))
                (shares("Packages", board.packages.iter().map(|it| (format!("{}, {}", it.name, it.ecosystem), it.open)), None))
                (shares("Age of what is open", board.ages.iter().map(|it| (it.age.clone(), it.open)), None))
                (shares("Kinds", board.kinds.iter().map(|it| (it.name.clone(), it.findings)), None))
                section.card.c4 { (time_to_fix(board)) }
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Dashboard, title: None }.page(&main)))
}

fn lead(board: &Dashboard, tenant: &str) -> Markup {
    let findings = Section::Findings.of(tenant);
    let count = |of: fn(&host_harness::DayCounts) -> u64| board.days.iter().map(of).sum::<u64>();
    html! {
        div.lead {
            div.figure {
                span.big { (parts::number(board.open)) }
                span.what { "open findings that ask for work" }
                div.moves {
                    span { b { (parts::number(count(|day| day.new))) } " new" }
                    span { b { (parts::number(count(|day| day.fixed))) } " fixed" }
                    span { b { (parts::number(count(|day| day.reopened))) } " reopened" }
                }
                div.sevs {
                    @for it in &board.severities {
                        a href=(format!("{findings}?severity={}", it.severity.as_str())) {
                            (parts::bars(it.severity)) span { (parts::severity_word(it.severity)) } b { (parts::number(it.open)) }
                        }
                    }
                }
            }
            div {
                header.head {
                    h2 { "Open, and what came and went" }
                    span.legend { span { i {} "Open" } span { i.l-come {} "Came" } span { i.l-go {} "Went" } }
                }
                (chart::days(&board.days))
            }
        }
    }
}

fn first(rows: &[FindingRow], tenant: &str) -> Markup {
    html! {
        @if rows.is_empty() { p.muted { "Nothing is open." } }
        ol.urgent-list {
            @for row in rows {
                li {
                    b { (row.priority) }
                    span {
                        a.title href=(format!("/t/{tenant}/findings/{}", row.id)) { (parts::text(&row.title)) }
                        span.second { (parts::text(&row.project)) }
                    }
                    (parts::severity(row.severity))
                }
            }
        }
    }
}

fn reachable(board: &Dashboard, tenant: &str) -> Markup {
    let share = &board.reachability;
    let all: u64 = share.verdicts.iter().map(|it| it.findings).sum();
    let vulnerabilities = Section::Vulnerabilities.of(tenant);
    html! {
        header { h2 { "Reachable or not" } span.muted { (parts::counted(all, "vulnerable package")) } }
        @if share.verdicts.is_empty() { p.muted { "No vulnerable package is open." } }
        table.rows {
            @for it in &share.verdicts {
                tr {
                    td.name { a href=(form::address(&vulnerabilities, [("reachability", it.name.clone())].into_iter())) { (parts::text(&it.name)) } }
                    td.bar { (chart::bar(it.findings, all, if it.name.ends_with("reachable") && it.name != "unreachable" { "hot" } else { "lit" })) }
                    td.num { (parts::number(it.findings)) }
                }
            }
        }
    }
}

fn source(it: &InstanceWork, now: Timestamp) -> Markup {
    let state = it.last_run.as_ref().map(|run| run.state.as_str());
    let class = match state.map(Tone::of) {
        Some(Tone::Good) => "dot",
        Some(Tone::Bad) => "dot bad",
        Some(_) => "dot warn",
        None => "dot off",
    };
    html! {
        div.sourcerow {
            span class=(class) {}
            span {
                b { (parts::text(&it.instance)) }
                span.second {
                    @match (&it.running, state) {
                        (Some(running), _) if running.alive => { (running.holder.work) " is under way" },
                        (_, Some(state)) => { "last run: " (state) },
                        (_, None) => "never synced",
                    }
                }
            }
            span.muted { @if let Some(run) = &it.last_run { (parts::old(run.finished_at.unwrap_or(run.started_at), now)) } }
        }
    }
}

/// A card of names with a bar each.
fn shares(title: &str, rows: impl Iterator<Item = (String, u64)>, note: Option<String>) -> Markup {
    let rows: Vec<_> = rows.filter(|(_, count)| *count > 0).take(8).collect();
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or_default();
    html! {
        section.card.c4 {
            header { h2 { (title) } @if let Some(note) = note { span.muted { (note) } } }
            @if rows.is_empty() { p.muted { "None." } }
            table.rows {
                @for (name, count) in &rows {
                    tr { td.name { (parts::text(name)) } td.bar { (chart::bar(*count, most, "lit")) } td.num { (parts::number(*count)) } }
                }
            }
        }
    }
}

fn time_to_fix(board: &Dashboard) -> Markup {
    html! {
        header { h2 { "Time to fix" } span.muted { "of what was fixed in this span" } }
        table.rows {
            @for it in &board.time_to_fix {
                tr {
                    td.name { @match it.severity { Some(severity) => (parts::severity(severity)), None => "All" } }
                    td.num { (parts::number(it.fixed)) " fixed" }
                    td.num { @match it.mean_days { Some(days) => (format!("{days:.1} days")), None => "–" } }
                }
            }
        }
    }
}
