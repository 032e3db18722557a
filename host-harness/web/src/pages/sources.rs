//! Where findings come from: the instances.

use host_harness::InstanceWork;
use maud::{Markup, html};

use super::{Frame, Section, parts};
use crate::{
    answer,
    asked::{Answer, Asked},
};

pub(crate) async fn page(asked: Asked) -> Answer {
    let now = asked.site.harness.now();
    let mut sources = Vec::new();
    for work in asked.tenant.work().await? {
        let Ok(name) = work.instance.parse() else { continue };
        sources.push((asked.tenant.instance_report(&name).await?, work));
    }
    let tenant = asked.tenant.id().to_string();
    let main = html! {
        div.head {
            h1 { "Data sources" }
            span.sum { (parts::counted(sources.len() as u64, "instance")) }
            div.tools { a.button href=(Section::Sources.api(&tenant)) { "JSON" } }
        }
        @if sources.is_empty() {
            (parts::empty(&html! {
                "No source is set up yet. In a terminal: " span.mono { "harness onboard" } " adds one, "
                span.mono { "harness import" } " takes a report in."
            }))
        }
        div.grid {
            @for (instance, work) in &sources {
                section.card.c6 {
                    header {
                        h2 { (parts::text(&work.instance)) }
                        span.muted { (parts::text(&instance.connector)) " " (parts::text(&instance.connector_version)) }
                    }
                    p.states {
                        (parts::state(&instance.status))
                        @if let Some(why) = &instance.status_detail { span { (parts::text(why)) } }
                    }
                    dl.facts {
                        (parts::fact("Account", instance.connection.as_ref().map(|it| parts::text(it.deployment.name.as_deref().unwrap_or(&it.deployment.slug)))))
                        (parts::fact("Kinds", instance.connection.as_ref().map(|it| html! {
                            @for kind in &it.kinds {
                                @let readable = matches!(kind.access, appsec_model::Access::Readable);
                                span.tag.good[readable].warn[!readable] { (kind.kind.as_str()) @if !readable { ", refused" } } " "
                            }
                        })))
                        (parts::fact("Checked", instance.checked_at.map(|at| html! { (parts::ago(at, now)) })))
                        (parts::fact("Now", Some(running(work))))
                        (parts::fact("Last run", work.last_run.as_ref().map(|run| html! {
                            (parts::state(run.state.as_str())) " " (run.mode.as_str()) ", " (parts::ago(run.started_at, now))
                            @if let Some(message) = &run.message { span.second { (parts::text(message)) } }
                        })))
                        (parts::fact("Schedule", Some(html! { @match &work.schedule { Some(it) => (parts::text(it)), None => "none: somebody asks for each sync" } })))
                        (parts::fact("Next", work.next_at.map(|at| html! { (parts::moment(at)) @if work.next_full { ", everything" } })))
                        (parts::fact("Waiting", work.waiting.as_deref().map(parts::text)))
                    }
                }
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Sources, title: None }.page(&main)))
}

fn running(work: &InstanceWork) -> Markup {
    html! {
        @match &work.running {
            None => "idle",
            Some(it) if it.alive => {
                (it.holder.work) " is under way: " (parts::counted(it.pages, "page")) ", " (parts::counted(it.records, "record"))
            },
            Some(it) => { (it.holder.work) " was interrupted; the next one resumes it" },
        }
    }
}
