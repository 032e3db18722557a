//! Ratings of advisories: their files are imported, and one is looked up.

use axum::extract::Multipart;
use host_harness::AdvisoryImport;
use maud::{Markup, html};

use super::{Frame, Section, finding, import, notice, parts};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked},
    uploads::rated,
};

/// Problems of a file that are shown.
const PROBLEMS: usize = 20;

pub(crate) async fn page(asked: Asked) -> Answer {
    let done = notice::done(asked.field("done").as_deref());
    Ok(answer::html(show(&asked, &done).await?))
}

async fn show(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let wanted = asked.field("id").map(|it| it.trim().to_owned());
    let found = match &wanted {
        Some(id) => Some(asked.tenant.advisory(id).await.map_err(Fault::from)),
        None => None,
    };
    let tenant = asked.tenant.id().to_string();
    let here = Section::Advisories.of(&tenant);
    let main = html! {
        div.head { h1 { "Advisories" } span.sum { "CVSS and EPSS scores, and what is known to be exploited" } }
        (happened)
        form.filters method="get" role="search" {
            div.entry { label for="id" { "Advisory" } input id="id" type="search" name="id" value=(wanted.as_deref().unwrap_or_default()) placeholder="CVE-2021-44228"; }
            button.button { "Look up" }
        }
        @match &found {
            None => {},
            Some(Err(fault)) => (parts::empty(&notice::prose(&parts::sentence(&fault.detail)))),
            Some(Ok(it)) => div.grid {
                div.c6.stack {
                    (finding::ratings(it))
                    @if let Some(summary) = &it.summary { section.card { p { (parts::text(summary)) } } }
                    p { a.link href={ (Section::Findings.of(&tenant)) "?advisory=" (parts::segment(wanted.as_deref().unwrap_or_default())) } { "Findings of it" } }
                }
            },
        }
        h2.part { "Import ratings" }
        section.card.narrow {
            form.settings method="post" action=(here) enctype="multipart/form-data" {
                div.setting {
                    label for="file" { "File" }
                    input id="file" type="file" name="file" required aria-describedby="file-help";
                    p.help id="file-help" { "OSV records or the KEV catalogue as " code { ".json" } ", EPSS scores as " code { ".csv" } ". Findings get their scores and priority from it at once." }
                }
                div.actions { button.button.primary { "Import" } }
            }
        }
        form.beside method="post" action={ (here) "/clear" } { button.quiet { "Forget all ratings" } }
    };
    Ok(Frame { tenant: &tenant, section: Section::Advisories, title: None }.page(&main))
}

pub(crate) async fn import(asked: Asked, parts: Multipart) -> Answer {
    let outcome = async {
        let mut typed = import::Typed::default();
        import::receive(&asked, parts, &mut typed).await?;
        let Some((_folder, file)) = typed.file else { return Err(Fault::field("file", "it is empty")) };
        rated(&asked, file).await
    };
    match outcome.await {
        Ok(report) => Ok(answer::html(show(&asked, &imported(&report)).await?)),
        Err(fault) => {
            let page = show(&asked, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

/// What came of an import.
fn imported(it: &AdvisoryImport) -> Markup {
    let is_good = it.problems.is_empty();
    html! {
        div.notice.good[is_good].bad[!is_good] role="status" { div {
            b { (parts::counted(it.advisories, "advisory")) " read, " (parts::counted(it.known, "number")) " known, " (parts::counted(it.findings_changed, "finding")) " rated anew." }
            @for problem in it.problems.iter().take(PROBLEMS) { p { (parts::text(problem)) } }
            @if it.problems.len() > PROBLEMS { p { "And " (it.problems.len() - PROBLEMS) " more." } }
        } }
    }
}

pub(crate) async fn clear(asked: Asked) -> Answer {
    asked.tenant.clear_advisories().await?;
    Ok(see(&format!("{}?done=unrated", Section::Advisories.of(asked.tenant.id().as_str()))))
}
