//! The inventory of packages.

use host_harness::query::List;
use maud::html;

use super::{Frame, Section, form, parts};
use crate::{
    answer,
    asked::{Answer, Asked},
};

pub(crate) async fn page(asked: Asked) -> Answer {
    let query = asked.query(List::Packages)?;
    let listed = asked.tenant.package_list(&query).await?;
    let tenant = asked.tenant.id().to_string();
    let here = Section::Packages.of(&tenant);
    let list = &listed.list;
    let main = html! {
        div.head {
            h1 { "Packages" }
            span.sum { (parts::number(list.total)) }
            div.tools { a.button href=(form::api(&query, &tenant, Section::Packages)) { "JSON" } }
        }
        (form::filters(&query, &here))
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
                                        span.title { (parts::text(&row.name)) @if let Some(version) = &row.version { " " (parts::text(version)) } }
                                        span.under { span { (parts::text(&row.ecosystem)) } @if let Some(path) = &row.lockfile_path { span.mono { (parts::text(path)) } } }
                                    }
                                    td.where.cut { (parts::text(&row.project)) }
                                    td.late {
                                        @if row.vanished_at.is_some() { "no longer in use" } @else { (parts::text(&row.transitivity)) }
                                    }
                                    td.late { (parts::text(&row.licenses.join(", "))) }
                                    td.num { (parts::number(row.open_findings.into())) }
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
