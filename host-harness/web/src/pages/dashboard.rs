//! The dashboard.

use appsec_model::Timestamp;
use futures_util::future::try_join5;
use host_harness::{
    InstanceWork, LastRun, PolicyRows, View,
    columns::Tone,
    query::{List, Query},
    store::{CoverageSummary, Dashboard, FindingRow, RunState},
};
use maud::{Markup, html};

use super::{Frame, Section, chart, filters, form, packages, parts};
use crate::{
    answer::{self, Fault},
    asked::{Answer, Asked},
};

/// Findings to look at first.
const URGENT: &str = "6";

pub(crate) async fn page(asked: Asked) -> Answer {
    let shown = show(&asked).await;
    filters::answered(&asked, Section::Dashboard, List::Dashboard, shown).await
}

async fn show(asked: &Asked) -> Answer {
    let query = asked.query(List::Dashboard)?;
    let within = Within::of(&query);
    let urgent = within.query(List::Findings(View::All), Some(("limit", URGENT)))?;
    let covered = within.query(List::Coverage, None)?;
    let coverage = async {
        Ok(if within.narrows_coverage() { None } else { Some(asked.tenant.coverage(&covered).await?.summary) })
    };
    // Each is read on its own.
    let (listed, urgent, coverage, policies, work) = try_join5(
        asked.tenant.dashboard(&query),
        asked.tenant.finding_list(&urgent),
        coverage,
        asked.tenant.policies(),
        asked.tenant.work(),
    )
    .await?;
    let urgent = urgent.list.findings;
    let tenant = asked.tenant.id().to_string();
    let here = Section::Dashboard.of(&tenant);
    let (board, now) = (&listed.list, asked.site.harness.now());
    let filters = filters::of(asked, &query, &here).await?;
    let main = html! {
        div.head {
            h1 { "Dashboard" }
            span.sum { "What is open now, and what became of it" }
            div.tools { (form::calls(&query, &tenant, Section::Dashboard)) }
        }
        @if !work.is_empty() { (filters) }
        @if let Some(no) = &listed.no_project { (form::no_project(no)) }
        @if work.is_empty() {
            (parts::empty(&parts::no_source(&tenant)))
        } @else {
            @for it in &work { (trouble(it, &tenant)) }
            div.grid {
                section.card.c12 { (lead(board, &within, &tenant)) }
                section.card.c5 {
                    header { h2 { "Look at these first" } a.more href=(within.findings(&tenant, &[])) { "All by priority" } }
                    (first(&urgent, &tenant))
                }
                section.card.c4 { (reachable(board, &within, &tenant)) }
                section.card.c3 {
                    header { h2 { "Data sources" } a.more href=(Section::Sources.of(&tenant)) { "All" } }
                    @for it in &work { (source(it, now)) }
                }
                @if let Some(summary) = &coverage { section.card.c4 { (covered_by(summary, &within, &tenant)) } }
                section.card.c4 { (violated(policies.as_ref(), &tenant)) }
                (shares("Weaknesses", board.cwes.iter().map(|it| Share {
                    name: format!("CWE-{} {}", it.cwe, it.name.as_deref().unwrap_or_default()),
                    count: it.open,
                    at: Some(within.findings(&tenant, &[("cwe", &it.cwe.to_string())])),
                }), board.top25.share.map(|share| format!("{:.0}% on the CWE Top 25", share * 100.0))))
                (shares("Repositories", board.repositories.iter().map(|it| Share {
                    name: it.repository.clone().unwrap_or_else(|| "no repository".to_owned()),
                    count: it.open,
                    at: it.repository.as_deref().map(|name| within.findings(&tenant, &[("repository", name)])),
                }), None))
                (shares("Packages", board.packages.iter().map(|it| Share {
                    name: format!("{}, {}", it.name, it.ecosystem),
                    count: it.open,
                    at: Some(packages::address(&tenant, &it.ecosystem, &it.name)),
                }), None))
                (shares("Age of what is open", board.ages.iter().map(|it| Share { name: it.age.clone(), count: it.open, at: None }), None))
                (shares("Kinds", board.kinds.iter().map(|it| Share {
                    name: it.name.clone(),
                    count: it.findings,
                    at: Some(within.findings(&tenant, &[("kind", &it.name)])),
                }), None))
                section.card.c4 { (time_to_fix(board)) }
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Dashboard, title: None }.page(&main)))
}

/// What the dashboard is narrowed to: what its numbers lead to is narrowed alike.
struct Within(Vec<(&'static str, String)>);

impl Within {
    fn of(query: &Query) -> Self {
        Self(query.pairs())
    }

    /// The fields of it that another list has too.
    fn shared(&self, list: List) -> impl Iterator<Item = (&'static str, String)> {
        let fields = list.fields();
        self.0.iter().filter(|(name, _)| fields.iter().any(|field| field.name == *name)).cloned()
    }

    /// Whether it asks for a part of a repository's findings: how that is looked
    /// after, coverage does not tell.
    fn narrows_coverage(&self) -> bool {
        self.0.iter().any(|(name, _)| ["kind", "project", "instance"].contains(name))
    }

    fn query(&self, list: List, more: Option<(&'static str, &str)>) -> Result<Query, Fault> {
        let pairs: Vec<_> = self.shared(list).chain(more.map(|(name, value)| (name, value.to_owned()))).collect();
        Ok(Query::parse(list, pairs.iter().map(|(name, value)| (*name, value.as_str())))?)
    }

    /// The address of the list that a number counts.
    fn of_list(&self, section: Section, list: List, tenant: &str, more: &[(&'static str, &str)]) -> String {
        let is_narrower = |name: &str| more.iter().any(|(other, _)| *other == name);
        let rest = self.shared(list).filter(|(name, _)| !is_narrower(name));
        form::address(&section.of(tenant), rest.chain(more.iter().map(|(name, value)| (*name, (*value).to_owned()))))
    }

    fn findings(&self, tenant: &str, more: &[(&'static str, &str)]) -> String {
        self.of_list(Section::Findings, List::Findings(View::All), tenant, more)
    }
}

/// What is wrong with a source, before anything else.
fn trouble(it: &InstanceWork, tenant: &str) -> Markup {
    let is_bad = |run: &&LastRun| matches!(run.state, RunState::Failed | RunState::Partial);
    html! {
        @if let Some(run) = it.last_run.as_ref().filter(is_bad) {
            div.notice.bad[run.state == RunState::Failed] role="status" {
                span {
                    "The last run of " b { (parts::text(&it.instance)) } " is " (run.state.as_str())
                    @match &run.message { Some(message) => { ": " (parts::joined(message)) }, None => "." }
                }
                a.link href=(format!("{}/{}", Section::Runs.of(tenant), run.id)) { "Look at it" }
            }
        }
    }
}

/// What is looked after, and what is not.
fn covered_by(summary: &CoverageSummary, within: &Within, tenant: &str) -> Markup {
    let all = summary.repositories;
    let at = |more: &[(&'static str, &str)]| within.of_list(Section::Coverage, List::Coverage, tenant, more);
    html! {
        header { h2 { "Coverage" } span.muted { (parts::counted(all, "repository")) } a.more href=(at(&[])) { "All" } }
        table.rows {
            @for (name, count, class, address) in [
                ("Vulnerabilities", summary.vulnerabilities, "lit", at(&[])),
                ("Code weaknesses", summary.weaknesses, "lit", at(&[])),
                ("By nothing", summary.uncovered, "hot", at(&[("uncovered", "true")])),
            ] {
                tr { td.name { a href=(address) { (name) } } td.bar { (chart::bar(count, all, class)) } td.num { (parts::number(count)) } }
            }
        }
    }
}

/// The policies that are violated, worst first.
fn violated(policies: Option<&PolicyRows>, tenant: &str) -> Markup {
    let here = Section::Policies.of(tenant);
    let mut rows: Vec<_> =
        policies.iter().flat_map(|it| &it.policies).filter(|it| it.violated > 0 || it.errors > 0).collect();
    rows.sort_by_key(|it| std::cmp::Reverse(it.definition.severity));
    html! {
        header { h2 { "Policies" } @if let Some(it) = policies { span.muted { (rows.len()) " of " (it.policies.len()) " violated" } } a.more href=(here) { "All" } }
        @if policies.is_none() { p.muted { "No policy is in force. " a.link href={ "/t/" (tenant) "/policy-file" } { "Write policies" } } }
        @else if rows.is_empty() { p.muted { "Nothing violates a policy." } }
        table.rows {
            @for it in rows.iter().take(SHARES) {
                tr {
                    td { (parts::bars(it.definition.severity)) }
                    td.name.long { a href={ (here) "/" (it.definition.id) } { (parts::text(&it.definition.title)) } }
                    td.num { (parts::number(it.violated)) @if it.errors > 0 { span.muted { ", " (parts::number(it.errors)) " failed" } } }
                }
            }
        }
    }
}

fn lead(board: &Dashboard, within: &Within, tenant: &str) -> Markup {
    let count = |of: fn(&host_harness::store::DayCounts) -> u64| board.days.iter().map(of).sum::<u64>();
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
                        a href=(within.findings(tenant, &[("severity", it.severity.as_str())])) {
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

fn reachable(board: &Dashboard, within: &Within, tenant: &str) -> Markup {
    let share = &board.reachability;
    let all: u64 = share.verdicts.iter().map(|it| it.findings).sum();
    let list = List::Findings(View::Vulnerabilities);
    let at = |verdict: &str| within.of_list(Section::Vulnerabilities, list, tenant, &[("reachability", verdict)]);
    html! {
        header { h2 { "Reachable or not" } span.muted { (parts::counted(all, "vulnerable package")) } }
        @if share.verdicts.is_empty() { p.muted { "No vulnerable package is open." } }
        table.rows {
            @for it in &share.verdicts {
                tr {
                    td.name { a href=(at(&it.name)) { (parts::text(&it.name)) } }
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

/// A name with its count, and where what it counts is.
struct Share {
    name: String,
    count: u64,
    at: Option<String>,
}

/// Names that a card shows at most.
const SHARES: usize = 8;

/// A card of names with a bar each.
fn shares(title: &str, rows: impl Iterator<Item = Share>, note: Option<String>) -> Markup {
    let rows: Vec<_> = rows.filter(|it| it.count > 0).take(SHARES).collect();
    let most = rows.iter().map(|it| it.count).max().unwrap_or_default();
    html! {
        section.card.c4 {
            header { h2 { (title) } @if let Some(note) = note { span.muted { (note) } } }
            @if rows.is_empty() { p.muted { "None." } }
            table.rows {
                @for it in &rows {
                    tr {
                        td.name { @match &it.at { Some(at) => a href=(at) { (parts::text(&it.name)) }, None => (parts::text(&it.name)) } }
                        td.bar { (chart::bar(it.count, most, "lit")) }
                        td.num { (parts::number(it.count)) }
                    }
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
