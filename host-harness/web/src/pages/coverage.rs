//! Coverage: repositories by sources.

use appsec_model::Timestamp;
use host_harness::{
    query::List,
    store::{ClassCoverage, CoverageCell, CoverageState},
};
use maud::{Markup, html};

use super::{Frame, Section, filters, form, parts};
use crate::{
    answer,
    asked::{Answer, Asked},
};

/// Repositories on a page where nobody says how many.
const SHOWN: &str = "50";

pub(crate) async fn page(asked: Asked) -> Answer {
    let shown = show(&asked).await;
    filters::answered(&asked, Section::Coverage, List::Coverage, shown).await
}

async fn show(asked: &Asked) -> Answer {
    let mut query = asked.query(List::Coverage)?;
    if asked.field("limit").is_none() {
        query.add(List::Coverage.field("limit")?, SHOWN)?;
    }
    let coverage = asked.tenant.coverage(&query).await?;
    let (tenant, now) = (asked.tenant.id().to_string(), asked.site.harness.now());
    let here = Section::Coverage.of(&tenant);
    let summary = coverage.summary;
    let views = super::views::bar(asked, Section::Coverage, &query).await?;
    let filters = filters::of(asked, &query, &here).await?;
    let main = html! {
        div.head {
            h1 { "Coverage" }
            span.sum {
                (parts::counted(summary.repositories, "repository")) ": "
                (parts::number(summary.vulnerabilities)) " with vulnerabilities covered, "
                (parts::number(summary.weaknesses)) " with code weaknesses, "
                (parts::number(summary.uncovered)) " not covered now"
            }
            div.tools {
                @if !coverage.repositories.is_empty() { (form::tables(&query, &tenant, Section::Coverage)) }
                (form::calls(&query, &tenant, Section::Coverage))
            }
        }
        (filters)
        (views)
        @if coverage.repositories.is_empty() {
            (parts::empty(&html! { "No repository is known, or the filters leave out all of them." }))
        } @else {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Repositories, and how each source covers them" }
                        thead {
                            tr {
                                th scope="col" { "Repository" }
                                th scope="col" { "Vulnerabilities" } th scope="col" { "Code weaknesses" }
                                @for name in &coverage.instances { th scope="col" { (parts::text(name)) } }
                            }
                        }
                        tbody {
                            @for row in &coverage.repositories {
                                tr {
                                    td { a.title href=(Section::Repositories.at(&tenant, &row.repository)) { (parts::text(&row.repository)) } span.under { (parts::text(&row.provider)) } }
                                    td data-label="Vulnerabilities" { (class(&row.vulnerabilities)) }
                                    td data-label="Code weaknesses" { (class(&row.weaknesses)) }
                                    @for name in &coverage.instances { td data-label=(name) { @if let Some(it) = row.instances.get(name) { (cell(it, now)) } } }
                                }
                            }
                        }
                    }
                }
                (form::foot(&query, &here, coverage.repositories.len() as u64, summary.repositories))
            }
        }
        @if !coverage.unmapped.is_empty() {
            section.card.beside {
                header { h2 { "Projects that belong to no repository" } span.muted { (parts::number(coverage.unmapped.len() as u64)) } }
                table.plain {
                    tbody {
                        @for it in &coverage.unmapped {
                            tr { td { (parts::text(&it.project)) span.second { (parts::text(&it.instance)) } } td { (parts::state(&it.mapping)) } td.num { (parts::number(it.open)) " open" } }
                        }
                    }
                }
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Coverage, title: None }.page(&main)))
}

/// A state by a form as well, for whoever sees no colours.
fn state(state: CoverageState) -> Markup {
    let form = match state {
        CoverageState::Enabled => "●",
        CoverageState::Stale => "◐",
        CoverageState::Failing => "◆",
        CoverageState::NeverRead | CoverageState::NeverScanned => "○",
        CoverageState::Disabled => "–",
    };
    html! { span.form aria-hidden="true" { (form) } (parts::state(state.as_str())) }
}

fn class(it: &ClassCoverage) -> Markup {
    let outcome = outcome(it.state.as_str(), it.outcome.as_str(), it.open);
    let outcome = outcome.filter(|_| it.state != CoverageState::Disabled);
    html! { (state(it.state)) @if let Some(outcome) = outcome { span.second { (outcome) } } }
}

fn cell(it: &CoverageCell, now: Timestamp) -> Markup {
    let open = outcome(it.state.as_str(), it.outcome.as_str(), it.open).filter(|_| it.state != CoverageState::Disabled);
    let open = open.map(|text| html! { (text) });
    let scanned = it.last_scan_at.map(|at| html! { "scanned " (parts::ago(at, now)) });
    let why = it.why.as_deref().map(parts::text);
    html! {
        (state(it.state))
        span.second {
            @for (place, said) in [open, scanned, why].into_iter().flatten().enumerate() { @if place > 0 { ", " } (said) }
        }
    }
}

/// Nothing open is not nothing scanned; what the state says is not said twice.
fn outcome(state: &str, word: &str, open: u64) -> Option<String> {
    match open {
        0 => (word != state).then(|| word.to_owned()),
        open => Some(format!("{} open", parts::number(open))),
    }
}

#[cfg(test)]
mod tests {
    use super::outcome;

    #[test]
    fn what_the_state_says_is_not_said_twice() {
        assert_eq!(outcome("never-scanned", "never-scanned", 0), None);
        assert_eq!(outcome("enabled", "clean", 0).as_deref(), Some("clean"));
        assert_eq!(outcome("enabled", "findings", 1_200).as_deref(), Some("1,200 open"));
    }
}
