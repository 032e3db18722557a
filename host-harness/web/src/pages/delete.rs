//! Deletion of a source: what goes and what stays, the confirmation by name, and
//! the proof that nothing is left.

use host_harness::{DeletionEffect, DeletionPart, DeletionReport, grant::InstanceName, store::DeletionPlan};
use maud::{Markup, html};

use super::{Frame, Section, notice, parts, source};
use crate::{
    answer::{self, Fault, again},
    asked::{Answer, Asked, Form},
};

/// What becomes of everything, in the words of the pages.
fn parts_of(plan: &DeletionPlan, effect: Option<&DeletionEffect>) -> Vec<DeletionPart> {
    host_harness::deletion_parts(plan, effect, parts::counted)
}

fn table(all: &[DeletionPart], caption: &str, goes: &str) -> Markup {
    html! {
        section.sheet {
            table.list {
                caption.unseen { (caption) }
                thead { tr { th scope="col" { "What" } th scope="col" { (goes) } th scope="col" { "Stays" } } }
                tbody { @for it in all { tr { td { b { (it.name) } } td data-label=(goes) { (it.goes) } td.muted data-label="Stays" { (parts::text(&it.stays)) } } } }
            }
        }
    }
}

/// The rows of the store, for who wants to know.
fn tables(plan: &DeletionPlan, goes: &str) -> Markup {
    html! {
        details.behind {
            summary { "Rows by table" }
            div.wide tabindex="0" role="region" aria-label="Rows by table" {
                table.plain {
                    thead { tr { th scope="col" { "Table" } th.num scope="col" { (goes) } th.num scope="col" { "Stays" } } }
                    tbody { @for it in plan.tables.iter().filter(|it| it.goes > 0) { tr { td.mono { (it.table) } td.num { (parts::number(it.goes)) } td.num { (parts::number(it.stays)) } } } }
                }
            }
        }
    }
}

pub(crate) async fn page(asked: Asked) -> Answer {
    Ok(answer::html(show(&asked, &html! {}).await?))
}

async fn show(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let name = asked.instance()?;
    let plan = asked.tenant.deletion_plan(&name).await?;
    let effect = asked.tenant.deletion_effect(&name).await?;
    let tenant = asked.tenant.id().to_string();
    let here = source::address(&tenant, name.as_str());
    let title = format!("Delete {name}");
    let main = html! {
        (path(&tenant, &name))
        div.head { h1 { (title) } span.sum { "This cannot be undone." } }
        (happened)
        (table(&parts_of(&plan, Some(&effect)), "What the deletion takes away", "Goes"))
        (tables(&plan, "Goes"))
        section.card.beside {
            header { h2 { "Delete it for good" } }
            form.settings method="post" action={ (here) "/delete" } {
                div.setting {
                    label for="confirm" { "Type " b { (name) } " to delete it" }
                    input id="confirm" type="text" name="confirm" autocomplete="off" spellcheck="false" required;
                    p.help { "Added again under the same name, its next sync brings the same findings." }
                }
                div.actions { button.button.danger { "Delete " (name) " for good" } a.button href=(here) { "Keep it" } }
            }
        }
    };
    Ok(Frame { tenant: &tenant, section: Section::Sources, title: Some(&title) }.page(&main))
}

fn path(tenant: &str, name: &InstanceName) -> Markup {
    html! {
        p.path {
            a.link href=(Section::Sources.of(tenant)) { "Data sources" } " / "
            a.link href=(source::address(tenant, name.as_str())) { (name) } " / Delete"
        }
    }
}

pub(crate) async fn delete(asked: Asked, form: Form) -> Answer {
    let name = asked.instance()?;
    let deleted = async {
        let typed = form.text("confirm").unwrap_or_default();
        // What is no name is not this one.
        let confirmed: InstanceName = typed
            .parse()
            .map_err(|_| host_harness::Error::NotConfirmed { name: name.to_string(), confirmed: typed.to_owned() })?;
        asked.tenant.delete_instance(&name, &confirmed).await
    };
    match deleted.await {
        Ok(report) => Ok(answer::html(proof(asked.tenant.id().as_str(), &name, &report))),
        Err(error) => {
            let fault = Fault::from(error);
            let page = show(&asked, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

/// What was done, and that nothing is left.
fn proof(tenant: &str, name: &InstanceName, report: &DeletionReport) -> Markup {
    let (title, proof) = (format!("{name} is deleted"), &report.proof);
    let main = html! {
        p.path { a.link href=(Section::Sources.of(tenant)) { "Data sources" } " / " (name) }
        div.head { h1 { (title) } }
        @if report.is_proven() {
            div.notice.good role="status" { b { "Nothing of it is left." } }
        } @else {
            div.notice.bad role="alert" { div { b { "Something is left behind:" } ul { @for left in &proof.left { li { (parts::text(left)) } } } } }
        }
        section.card {
            header { h2 { "Proof" } span.muted { "searched after the deletion" } }
            div.figures {
                @for (count, what) in [(proof.tables, "tables"), (proof.rows, "rows"), (proof.free_pages, "free pages"), (report.files, "files")] {
                    div { b { (parts::number(count)) } span { (what) } }
                }
            }
            // A source of reports has none.
            @if !report.searched_for_secret && !report.plan.secrets.is_empty() { p.muted { "The token could not be read any more, so that it was not searched for." } }
        }
        div.beside { (table(&parts_of(&report.plan, None), "What went", "Gone")) }
        (tables(&report.plan, "Gone"))
        p.beside { a.button href=(Section::Sources.of(tenant)) { "To the data sources" } }
    };
    Frame { tenant, section: Section::Sources, title: Some(&title) }.page(&main)
}
