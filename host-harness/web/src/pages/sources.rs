//! Where findings come from: the connectors that there are, and the instances.

use host_harness::{BUNDLED, ConnectorSource, InstanceReport, InstanceWork, Onboarding};
use maud::{Markup, html};

use super::{Frame, Section, notice, parts, source};
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
    let onboardings = asked.tenant.onboardings().await?;
    let mut catalogue = Vec::new();
    for bundled in BUNDLED {
        let source = ConnectorSource::Bundled { id: bundled.id.to_owned() };
        catalogue.push((bundled.id, asked.site.harness.connector(&source).await?.manifest));
    }
    let tenant = asked.tenant.id().to_string();
    let here = Section::Sources.of(&tenant);
    let main = html! {
        div.head {
            h1 { "Data sources" }
            span.sum { (parts::counted(sources.len() as u64, "instance")) }
            div.tools { a.button href=(Section::Sources.api(&tenant)) { "JSON" } }
        }
        (notice::done(asked.field("done").as_deref()))
        @for it in &onboardings { (under_way(it, &tenant)) }
        @if !sources.is_empty() {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Instances" }
                        thead {
                            tr {
                                th scope="col" { "Source" } th scope="col" { "State" } th.late scope="col" { "Kinds" }
                                th scope="col" { "Projects" } th.late scope="col" { "Last run" } th.late scope="col" { "Next" }
                            }
                        }
                        tbody {
                            @for (report, work) in &sources {
                                tr {
                                    td { a.title href=(source::address(&tenant, &report.name)) { (parts::text(&report.name)) } span.under { (parts::text(&report.connector)) } }
                                    td { (source::state(report)) @if let Some(why) = &report.status_detail { span.second { (parts::text(why)) } } @else { span.second { (running(work)) } } }
                                    td.late { @if let Some(it) = &report.connection { (parts::kinds(&it.kinds)) } }
                                    td { (projects(report)) }
                                    td.late { @if let Some(run) = &work.last_run { (parts::state(run.state.as_str())) span.second { (run.mode.as_str()) ", " (parts::ago(run.started_at, now)) } } @else { "never" } }
                                    td.late { @if let Some(at) = work.next_at { (parts::moment(at)) } @else { span.muted { "on request" } } }
                                }
                            }
                        }
                    }
                }
            }
        }
        h2.part { "Add a source" }
        div.grid {
            @for (id, manifest) in &catalogue {
                @let of: Vec<&InstanceReport> = sources.iter().map(|(it, _)| it).filter(|it| it.connector == manifest.id).collect();
                section.card.c6 {
                    header { h2 { (parts::text(&manifest.name)) } span.muted { (parts::text(&manifest.version)) } }
                    p.states { @for it in &manifest.kinds { span.tag { (it.kind) } } }
                    p.muted {
                        "Sync, Schedule, Command line"
                        @if !manifest.formats.is_empty() { ", File upload" }
                        @if manifest.webhook.is_some() { ", Webhook" }
                    }
                    div.actions {
                        a.button.primary href={ (here) "/add/" (id) } { @if of.is_empty() { "Add" } @else { "Add another instance" } }
                        @if !manifest.formats.is_empty() { a.button href=(Section::Import.of(&tenant)) { "Import a file" } }
                    }
                }
            }
            section.card.c6 {
                header { h2 { "Reports of other scanners" } }
                p.states { @for format in ["SARIF", "CycloneDX", "OSV-Scanner", "GitLab"] { span.tag { (format) } } }
                p.muted { "Command line, File upload" }
                div.actions { a.button.primary href=(Section::Import.of(&tenant)) { "Import a report" } }
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Sources, title: None }.page(&main)))
}

fn under_way(it: &Onboarding, tenant: &str) -> Markup {
    html! {
        div.notice {
            span { "The setup of " b { (parts::text(&it.name)) } " is not finished: it waits for " (super::wizard::waits_for(it.step)) "." }
            a.link href=(super::wizard::address(tenant, &it.name)) { "Go on with it" }
        }
    }
}

fn projects(report: &InstanceReport) -> Markup {
    let counts = &report.projects;
    html! {
        (parts::number(counts.mapped)) " mapped"
        @if counts.unmapped > 0 { span.second { (parts::number(counts.unmapped)) " waiting" } }
    }
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
