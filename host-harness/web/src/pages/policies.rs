//! The policies in force.

use maud::html;

use super::{Frame, Section, parts};
use crate::{
    answer,
    asked::{Answer, Asked},
};

pub(crate) async fn page(asked: Asked) -> Answer {
    let policies = asked.tenant.policies().await?;
    let tenant = asked.tenant.id().to_string();
    let main = html! {
        div.head {
            h1 { "Policies" }
            @if let Some(it) = &policies {
                span.sum { "in force since " (parts::moment(it.imported_at)) ", version " span.mono { (it.version.get(..12).unwrap_or(&it.version)) } }
                div.tools { a.button href=(Section::Policies.api(&tenant)) { "JSON" } }
            }
        }
        @match &policies {
            None => (parts::empty(&html! {
                "No policy is in force. In a terminal, write a first file with " span.mono { "harness policy starter" }
                " and put it into force with " span.mono { "harness policy import FILE" } "."
            })),
            Some(it) => {
                div.sheet {
                    div.wide {
                        table.list {
                            caption.unseen { "Policies, in the order of their file" }
                            thead { tr { th scope="col" { "Severity" } th scope="col" { "Policy" } th scope="col" { "On" } th.num scope="col" { "Violated" } th.num scope="col" { "Failed" } } }
                            tbody {
                                @for row in &it.policies {
                                    tr {
                                        td { (parts::severity(row.definition.severity)) }
                                        td.what {
                                            span.title { (parts::text(&row.definition.title)) }
                                            span.under { span.mono { (parts::text(&row.definition.id)) } @if !row.definition.enabled { span.tag { "disabled" } } }
                                            @if let Some(text) = &row.definition.description { span.second { (parts::text(text)) } }
                                            code.when { (parts::text(&row.definition.when)) }
                                        }
                                        td { (row.definition.on.as_str()) }
                                        td.num { @if row.violated > 0 { span.tag.bad { (parts::number(row.violated)) } } @else { "0" } }
                                        td.num { @if row.errors > 0 { span.tag.warn { (parts::number(row.errors)) } } @else { "0" } }
                                    }
                                }
                            }
                        }
                    }
                }
            },
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Policies, title: None }.page(&main)))
}
