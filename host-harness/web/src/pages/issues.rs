//! Issues: what several sources see of one thing.

use host_harness::{
    query::{List, Query},
    store::{IssueDetail, IssueRow},
};
use maud::{Markup, html};

use super::{Frame, Section, beside::Beside, filters, finding, form, markdown, parts};
use crate::{
    answer::{self, Fault},
    asked::{Answer, Asked},
};

pub(crate) async fn page(asked: Asked) -> Answer {
    let shown = show(&asked).await;
    filters::answered(&asked, Section::Issues, List::Issues, shown).await
}

async fn show(asked: &Asked) -> Answer {
    let query = asked.query(List::Issues)?;
    let listed = asked.tenant.issue_list(&query).await?;
    let (tenant, now) = (asked.tenant.id().to_string(), asked.site.harness.now());
    let here = Section::Issues.of(&tenant);
    let list = &listed.list;
    let views = super::views::bar(asked, Section::Issues, &query).await?;
    let empty = match list.issues.is_empty() {
        true => parts::nothing(asked, !query.pairs().is_empty(), &here).await?,
        false => html! {},
    };
    let filters = filters::of(asked, &query, &here).await?;
    let main = html! {
        div.head {
            h1 { "Issues" }
            span.sum { (parts::number(list.total)) @if query.pairs().is_empty() { " open and about security" } }
            div.tools {
                @if !list.issues.is_empty() { (form::tables(&query, &tenant, Section::Issues)) }
                (form::calls(&query, &tenant, Section::Issues))
            }
        }
        (filters)
        (views)
        @if let Some(no) = &listed.no_project { (form::no_project(no)) }
        @if list.issues.is_empty() { (empty) } @else {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Issues, in the order that was asked for" }
                        thead {
                            tr {
                                th scope="col" { "Priority" } th scope="col" { "Issue" } th scope="col" { "Repository and place" }
                                th scope="col" { "Status" } th.late scope="col" { "Sources" } th.late.num scope="col" { "Age" }
                            }
                        }
                        tbody {
                            @for row in &list.issues {
                                tr {
                                    td.prio { span.line { span.rank { (row.priority) } (parts::severity(row.severity)) } }
                                    td.what {
                                        a.title href=(within(&query, &tenant, &row.id.to_string())) { (parts::text(&row.title)) }
                                        span.under { span { (row.kind) } @for id in row.advisories.iter().take(2) { span { (parts::text(id)) } } }
                                    }
                                    td.where.cut { (parts::text(&row.repository)) span.second.mono.cut { (parts::text(&row.place())) } }
                                    td.status { (parts::state(&row.status)) }
                                    td.late.kept { (sources(row)) }
                                    td.num.late.kept { (parts::old(row.first_seen_at, now)) }
                                }
                            }
                        }
                    }
                }
                (form::foot(&query, &here, list.issues.len() as u64, list.total))
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Issues, title: None }.page(&main)))
}

fn sources(row: &IssueRow) -> Markup {
    html! {
        span.sources {
            @for (place, it) in row.sources.iter().enumerate() {
                @if place > 0 { ", " }
                (parts::text(&it.source))
                @if it.status == "vanished" { span.muted { " (vanished)" } }
            }
        }
    }
}

/// Why these findings are one issue, as far as it can be told of the kind.
fn joined_by(issue: &IssueDetail) -> Markup {
    let row = &issue.row;
    html! {
        @match (issue.findings.len(), &row.package) {
            (0 | 1, _) => "Only this finding is about it.",
            (_, Some(package)) if !row.advisories.is_empty() => {
                "They are one issue because they are about " (parts::text(package)) " in one repository and name "
                (parts::text(&row.advisories.join(", "))) "."
            },
            (_, Some(package)) => { "They are one issue because they are about " (parts::text(package)) " in one repository, under the same rule." },
            (_, None) if row.kind == "secrets" => "They are one issue because they have an identity in common, or a line and the sort of the secret.",
            (_, None) => "They are one issue because they have an identity in common, or a line of code and a weakness or rule.",
        }
    }
}

/// The rules by which findings are one issue.
const RULES: &str = include_str!("../../../analysis/src/correlation/rules.md");

pub(crate) async fn rules(asked: Asked) -> Answer {
    let tenant = asked.tenant.id().to_string();
    let (title, text) = ("How findings become issues", RULES.split_once('\n').map_or(RULES, |(_, text)| text));
    let main = html! {
        p.path { a.link href=(Section::Issues.of(&tenant)) { "Issues" } " / Rules" }
        div.head { h1 { (title) } }
        section.card { (markdown::shown(text)) }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Issues, title: Some(title) }.page(&main)))
}

/// The address of an issue in a list: its page leads to the next one of the list.
fn within(query: &Query, tenant: &str, id: &str) -> String {
    let from = [("from", Section::Issues.path().to_owned())];
    form::address(&format!("{}/{id}", Section::Issues.of(tenant)), from.into_iter().chain(query.pairs()))
}

/// The list that an issue was opened from, as the address says it.
async fn opened_from(asked: &Asked, id: &str) -> Result<Beside, Fault> {
    let tenant = asked.tenant.id().as_str();
    if asked.field("from").is_none() {
        return Ok(Beside::none(Section::Issues, tenant));
    }
    let query = asked.query_beside(List::Issues, &["from"])?;
    let list = asked.tenant.issue_list(&query).await?.list;
    let rows: Vec<String> = list.issues.iter().map(|row| row.id.to_string()).collect();
    let following = async {
        let end = u64::from(query.page_begin().unwrap_or_default()) + rows.len() as u64;
        if end >= list.total {
            return Ok(None);
        }
        let next = form::page_at(&query, "offset", &end.to_string())?;
        let found = asked.tenant.issue_list(&next).await?.list;
        Ok(found.issues.first().map(|row| within(&next, tenant, &row.id.to_string())))
    };
    let here = form::address(&Section::Issues.of(tenant), query.pairs().into_iter());
    Beside::among(Section::Issues, here, &rows, id, |id| within(&query, tenant, id), following).await
}

pub(crate) async fn one(asked: Asked) -> Answer {
    let name = asked.tenant.id().to_string();
    let issue = asked.tenant.issue(asked.named("id")?).await?;
    let (row, now) = (&issue.row, asked.site.harness.now());
    let id = row.id.to_string();
    let beside = opened_from(&asked, &id).await?;
    let is_listed = asked.tenant.repository(&row.repository).await.is_ok();
    let main = html! {
        (beside.path(&id))
        div.head {
            h1 { (parts::text(&row.title)) }
            div.tools { a.button.primary href=(format!("/t/{name}/triage?issue={}", row.id)) { "Decide…" } a.button href=(format!("/api/v1/tenants/{name}/issues/{}", row.id)) { "JSON" } }
        }
        p.states { (parts::severity(row.severity)) (parts::state(&row.status)) span { "priority " b { (row.priority) } } }
        div.grid {
            section.card.c12 {
                header { h2 { "What it is" } }
                dl.facts {
                    (parts::fact("Repository", Some(html! {
                        @if is_listed { a.link href=(Section::Repositories.at(&name, &row.repository)) { (parts::text(&row.repository)) } } @else { (parts::text(&row.repository)) }
                    })))
                    (parts::fact("Place", Some(html! { span.mono { (parts::text(&row.place())) } })))
                    (parts::fact("Rule", row.rule_id.as_deref().map(parts::text)))
                    (parts::fact("Package", row.package.as_deref().map(parts::text)))
                    (parts::fact("Versions", (!row.versions.is_empty()).then(|| parts::text(&row.versions.join(", ")))))
                    (parts::fact("Advisories", (!row.advisories.is_empty()).then(|| parts::text(&row.advisories.join(", ")))))
                    (parts::fact("CVSS", row.cvss.map(|score| html! { (format!("{score:.1}")) })))
                    (parts::fact("EPSS", row.epss.map(|score| html! { (format!("{score:.3}")) })))
                    (parts::fact("KEV", row.kev.then(|| html! { "known to be exploited" })))
                    (parts::fact("First seen", Some(html! { (parts::moment(row.first_seen_at)) })))
                    (parts::fact("Last seen", Some(html! { (parts::moment(row.last_seen_at)) })))
                }
            }
            section.card.c12 {
                header { h2 { "What each source sees" } span.muted { (parts::counted(issue.findings.len() as u64, "finding")) } }
                p.help { (joined_by(&issue)) " " a.link href=(format!("/t/{name}/issue-rules")) { "All rules" } }
                div.wide tabindex="0" role="region" aria-label="What each source sees" {
                    table.plain {
                        thead {
                            tr {
                                th scope="col" { "Source" } th scope="col" { "Finding" } th scope="col" { "Place" }
                                th scope="col" { "Severity" } th scope="col" { "Status" } th.num scope="col" { "Age" }
                            }
                        }
                        tbody {
                            @for it in &issue.findings {
                                tr {
                                    td { (parts::text(&it.source)) span.second { (parts::text(&it.project)) } }
                                    td { a.link href=(format!("/t/{name}/findings/{}", it.id)) { (parts::text(&it.title)) } }
                                    td.mono { @if let Some(path) = &it.path { (parts::text(path)) @if let Some(line) = it.start_line { ":" (line) } } }
                                    td { (parts::severity(it.severity)) }
                                    td { (parts::state(&it.status)) @if let Some(verdict) = &it.reachability { " " (parts::reachability(verdict)) } }
                                    td.num { (parts::old(it.first_seen_at, now)) }
                                }
                            }
                        }
                    }
                }
            }
            @if !issue.policy_results.is_empty() {
                section.card.c12 { header { h2 { "Policies" } } (finding::policies(&issue.policy_results)) }
            }
        }
    };
    Ok(answer::html(Frame { tenant: &name, section: Section::Issues, title: Some(&row.title) }.page(&main)))
}
