//! The run log.

use host_harness::{query::List, store::Run};
use maud::{Markup, html};

use super::{Frame, Section, filters, form, parts};
use crate::{
    answer,
    asked::{Answer, Asked},
};

pub(crate) async fn page(asked: Asked) -> Answer {
    let shown = show(&asked).await;
    filters::answered(&asked, Section::Runs, List::Runs, shown).await
}

async fn show(asked: &Asked) -> Answer {
    let query = asked.query(List::Runs)?;
    let (runs, total) = asked.tenant.runs(&query).await?;
    let (tenant, now) = (asked.tenant.id().to_string(), asked.site.harness.now());
    let here = Section::Runs.of(&tenant);
    let filters = filters::of(asked, &query, &here).await?;
    let main = html! {
        div.head {
            h1 { "Runs" }
            span.sum { (parts::counted(total, "run")) ", newest first" }
            div.tools { (form::calls(&query, &tenant, Section::Runs)) }
        }
        (filters)
        @if total == 0 { (parts::empty(&html! { "No run is in the log, or the filters leave out all of them." })) } @else {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Runs, newest first" }
                        thead {
                            tr {
                                th.num scope="col" { "Run" } th scope="col" { "Source" } th scope="col" { "State" } th.num scope="col" { "Records" }
                                th.num scope="col" { "New" } th.num scope="col" { "Changed" } th.num scope="col" { "Vanished" }
                                th.num.late scope="col" { "Not usable" } th.num.late scope="col" { "Took" } th.num scope="col" { "Began" }
                            }
                        }
                        tbody {
                            @for run in &runs {
                                tr {
                                    td.num data-label="Run" { a.title href=(format!("{here}/{}", run.id)) { (run.id) } }
                                    td { a.link href=(super::source::address(&tenant, &run.instance)) { (parts::text(&run.instance)) } span.second { (run.mode.as_str()) } }
                                    td { (parts::state(run.state.as_str())) @if let Some(message) = &run.message { span.second { (parts::joined(message)) } } }
                                    @for (name, count) in [
                                        ("Records", run.counts.records), ("New", run.counts.new),
                                        ("Changed", run.counts.changed), ("Vanished", run.counts.vanished),
                                    ] { td.num data-label=(name) { (parts::number(count)) } }
                                    td.num.late { (parts::number(run.counts.rejected)) }
                                    td.num.late { (took(run)) }
                                    td.num data-label="Began" { (parts::ago(run.started_at, now)) }
                                }
                            }
                        }
                    }
                }
                (form::foot(&query, &here, runs.len() as u64, total))
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Runs, title: None }.page(&main)))
}

fn took(run: &Run) -> Markup {
    html! {
        @match run.finished_at {
            None => "under way, or cut off",
            Some(end) => (format!("{:.1} s", end.as_micros().saturating_sub(run.started_at.as_micros()) as f64 / 1e6)),
        }
    }
}
