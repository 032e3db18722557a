//! The inventory of packages, and one: who uses it, and what is wrong with it.

use host_harness::{
    View,
    query::{List, Query},
    store::{FindingRow, PackageRow},
};
use maud::{Markup, html};

use super::{Frame, Section, filters, findings, form, parts};
use crate::{
    answer::{self, Fault},
    asked::{Answer, Asked},
};

/// Rows of each table of a package.
const SHOWN: &str = "200";

/// The address of a package's page.
pub(super) fn address(tenant: &str, ecosystem: &str, name: &str) -> String {
    let [ecosystem, name] = [ecosystem, name].map(parts::segment);
    format!("{}/{ecosystem}/{name}", Section::Packages.of(tenant))
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let shown = show(&asked).await;
    filters::answered(&asked, Section::Packages, List::Packages, shown).await
}

async fn show(asked: &Asked) -> Answer {
    let query = asked.query(List::Packages)?;
    let listed = asked.tenant.package_list(&query).await?;
    let tenant = asked.tenant.id().to_string();
    let here = Section::Packages.of(&tenant);
    let list = &listed.list;
    let views = super::views::bar(asked, Section::Packages, &query).await?;
    let filters = filters::of(asked, &query, &here).await?;
    let main = html! {
        div.head {
            h1 { "Packages" }
            span.sum { (parts::number(list.total)) }
            div.tools {
                @if !list.packages.is_empty() { (form::tables(&query, &tenant, Section::Packages)) }
                (form::calls(&query, &tenant, Section::Packages))
            }
        }
        (filters)
        (views)
        @if let Some(no) = &listed.no_project { (form::no_project(no)) }
        @if list.packages.is_empty() {
            (parts::empty(&html! { "No package is known: none of the sources has brought dependencies, or the filters leave out all of them." }))
        } @else {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Packages, in the order that was asked for" }
                        thead {
                            tr {
                                th scope="col" { "Package" } th scope="col" { "Project" } th.late scope="col" { "How" }
                                th.late scope="col" { "Licenses" } th.num scope="col" { "Open" } th scope="col" { "Worst" }
                            }
                        }
                        tbody {
                            @for row in &list.packages {
                                tr {
                                    td.what {
                                        a.title href=(address(&tenant, &row.ecosystem, &row.name)) { (parts::text(&row.name)) @if let Some(version) = &row.version { " " (parts::text(version)) } }
                                        span.under { span { (parts::text(&row.ecosystem)) } @if let Some(path) = &row.lockfile_path { span.mono { (parts::text(path)) } } }
                                    }
                                    td.where.cut { (parts::text(&row.project)) }
                                    td.late {
                                        @if row.vanished_at.is_some() { "no longer in use" } @else { (parts::text(&row.transitivity)) }
                                    }
                                    td.late { (parts::text(&row.licenses.join(", "))) }
                                    td.num data-label="Open" { (parts::number(row.open_findings.into())) }
                                    td { @if let Some(severity) = row.worst_severity { (parts::severity(severity)) } }
                                }
                            }
                        }
                    }
                }
                (form::foot(&query, &here, list.packages.len() as u64, list.total))
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Packages, title: None }.page(&main)))
}

pub(crate) async fn one(asked: Asked) -> Answer {
    let [ecosystem, name]: [String; 2] = [asked.named("ecosystem")?, asked.named("package")?];
    // Who no longer uses it did: lists of that lead here, and findings that are closed.
    let used = [("package", name.as_str()), ("ecosystem", &ecosystem), ("include-unused", "true"), ("limit", SHOWN)];
    let used = asked.tenant.package_list(&Query::parse(List::Packages, used)?).await?.list;
    if used.packages.is_empty() {
        return Err(Fault::not_found("such package"));
    }
    let wrong = [("package", name.as_str()), ("limit", SHOWN), ("sort", "priority")];
    let query = Query::parse(List::Findings(View::All), wrong)?;
    let listed = asked.tenant.finding_list(&query).await?.list;
    let (mut wrong, has_all) = (listed.findings, listed.next_cursor.is_none());
    // Another ecosystem may have a package of that name.
    if has_all && used.total == used.packages.len() as u64 {
        let users = &used.packages;
        wrong.retain(|it| users.iter().any(|user| (&user.instance, &user.project) == (&it.instance, &it.project)));
    }
    let tenant = asked.tenant.id().to_string();
    let main = html! {
        nav.path aria-label="Path" { a.link href=(Section::Packages.of(&tenant)) rel="up" { "Packages" } " › " (parts::text(&ecosystem)) }
        div.head { h1 { (parts::text(&name)) } span.sum { (parts::text(&ecosystem)) } }
        h2.part { "Who uses it" (some_of(used.packages.len(), used.total)) }
        (users(&used.packages))
        h2.part { "What is wrong with it" @if !has_all { (some_of(wrong.len(), listed.total.total)) } }
        @if wrong.is_empty() { (parts::empty(&html! { "Nothing about it is open." })) } @else { (faults(&wrong, &query, &tenant)) }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Packages, title: Some(&name) }.page(&main)))
}

/// How many rows are shown, where there are more.
fn some_of(shown: usize, total: u64) -> Markup {
    let shown = shown as u64;
    html! { @if total > shown { " " span.muted { (parts::number(shown)) " of " (parts::number(total)) } } }
}

fn users(rows: &[PackageRow]) -> Markup {
    html! {
        div.sheet { div.wide { table.list {
            caption.unseen { "Projects that use the package" }
            thead { tr { th scope="col" { "Project" } th scope="col" { "Version" } th scope="col" { "How" } th.late scope="col" { "Licenses" } th.num scope="col" { "Open" } th scope="col" { "Worst" } } }
            tbody {
                @for row in rows {
                    tr {
                        td {
                            span.title { (parts::text(&row.project)) }
                            span.under {
                                (parts::text(&row.instance))
                                @if let Some(path) = &row.lockfile_path {
                                    span.mono {
                                        @match &row.lockfile_url { Some(url) => (parts::link(url, path)), None => (parts::text(path)) }
                                        @if let Some(line) = row.lockfile_line { ":" (line) }
                                    }
                                }
                            }
                        }
                        td.mono data-label="Version" { (parts::text(row.version.as_deref().unwrap_or("unknown"))) }
                        td data-label="How" {
                            @if row.vanished_at.is_some() { "no longer in use" } @else { (parts::text(&row.transitivity)) }
                            @if !row.introduced_by.is_empty() { span.second { "by " (parts::text(&row.introduced_by.join(" › "))) } }
                        }
                        td.late { (parts::text(&row.licenses.join(", "))) }
                        td.num data-label="Open" { (parts::number(row.open_findings.into())) }
                        td { @if let Some(severity) = row.worst_severity { (parts::severity(severity)) } }
                    }
                }
            }
        } } }
    }
}

fn faults(rows: &[FindingRow], query: &Query, tenant: &str) -> Markup {
    html! {
        div.sheet { div.wide { table.list {
            caption.unseen { "Open findings about the package, the most urgent first" }
            thead { tr { th scope="col" { "Priority" } th scope="col" { "Finding" } th scope="col" { "Project" } th scope="col" { "Status" } th.late scope="col" { "Fix" } } }
            tbody {
                @for row in rows {
                    tr {
                        td.prio { span.line { span.rank { (row.priority) } (parts::severity(row.severity)) } }
                        td.what {
                            a.title href=(findings::within(query, tenant, View::All, &row.id.to_string())) { (parts::text(&row.title)) }
                            span.under {
                                @for advisory in row.advisories.iter().take(3) { span { (parts::text(advisory)) } }
                                @if let Some(verdict) = row.reachability.as_deref().filter(|it| *it != "not-analyzed") { (parts::reachability(verdict)) }
                            }
                        }
                        td.where.cut { (parts::text(&row.project)) }
                        td.status { (parts::state(&row.status)) }
                        td.late { @if let Some(fix) = row.facts.as_ref().and_then(|it| it.fixes.as_ref()?.first()) { (parts::text(fix)) } }
                    }
                }
            }
        } } }
    }
}
