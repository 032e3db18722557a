//! Deletion of a source: what goes and what stays, the confirmation by name, and
//! the proof that nothing is left.

use host_harness::{
    DeletionReport,
    grant::InstanceName,
    query::{List, Query},
    store::{CoverageState, DeletionPlan},
};
use maud::{Markup, html};

use super::{Frame, Section, notice, parts, source};
use crate::{
    answer::{self, Fault, again},
    asked::{Answer, Asked, Form},
};

/// What a person knows of a source: a name, and what becomes of it.
struct Part {
    name: &'static str,
    goes: String,
    stays: Markup,
}

/// What a deletion changes beside the rows that go.
struct Effect {
    /// Issues that other sources see as well.
    shared: u64,
    /// Repositories that nothing else looks after.
    left_alone: u64,
    /// Findings that are open on the dashboard, and those of them that go.
    open: (u64, u64),
}

impl Effect {
    async fn of(asked: &Asked, name: &InstanceName) -> Result<Self, Fault> {
        let shared = [
            ("source", name.as_str()),
            ("sources-min", "2"),
            ("include-closed", "true"),
            ("include-non-security", "true"),
            ("limit", "1"),
        ];
        let shared = asked.tenant.issue_list(&Query::parse(List::Issues, shared)?).await?.list.total;
        let coverage = asked.tenant.coverage(&Query::new(List::Coverage)).await?;
        let alone = coverage.repositories.iter().filter(|row| {
            let by = row.instances.iter().filter(|(_, cell)| cell.state != CoverageState::Disabled);
            let by: Vec<&str> = by.map(|(other, _)| other.as_str()).collect();
            by == [name.as_str()]
        });
        let left_alone = alone.count() as u64;
        let all = asked.tenant.dashboard(&Query::new(List::Dashboard)).await?.list.open;
        let of_it = Query::parse(List::Dashboard, [("instance", name.as_str())])?;
        let goes = asked.tenant.dashboard(&of_it).await?.list.open;
        Ok(Self { shared, left_alone, open: (all, goes) })
    }
}

/// What becomes of everything, in the words of the pages.
fn parts_of(plan: &DeletionPlan, effect: Option<&Effect>) -> Vec<Part> {
    let of = |table: &str| plan.tables.iter().find(|it| it.table == table).map_or((0, 0), |it| (it.goes, it.stays));
    let (findings, other_findings) = of("findings");
    let (issues, _) = of("issues");
    let (results, _) = of("policy_results");
    let plain = |text: &str| html! { (text) };
    let others = match other_findings {
        0 => "nothing: there are no others".to_owned(),
        count => format!("{} of other sources", parts::counted(count, "finding")),
    };
    let mut all = vec![
        Part {
            name: "Source",
            goes: format!(
                "its settings and schedule, and the mapping of {}",
                parts::counted(of("projects").0, "project")
            ),
            stays: plain("repositories of the list"),
        },
        Part {
            name: "Findings",
            goes: format!("{}, with history and raw records", parts::counted(findings, "finding")),
            stays: plain(&others),
        },
        Part {
            name: "Decisions",
            goes: parts::counted(of("decisions").0, "decision"),
            stays: plain("those on findings of other sources"),
        },
        Part {
            name: "Issues",
            goes: format!("{} that no other source sees", parts::counted(issues, "issue")),
            stays: match effect {
                Some(it) if it.shared == 0 => plain("those of other sources: none of them is of both"),
                Some(it) => plain(&format!(
                    "{} that other sources see as well, without its part",
                    parts::counted(it.shared, "issue")
                )),
                None => plain("those that other sources see, without its part"),
            },
        },
    ];
    if let Some(it) = effect {
        all.push(Part {
            name: "Coverage",
            goes: match it.left_alone {
                0 => "its column".to_owned(),
                count => format!("its column; nobody looks after {} any more", parts::counted(count, "repository")),
            },
            stays: plain("the columns of other sources"),
        });
        all.push(Part {
            name: "Dashboard",
            goes: format!("{} and its part of every trend", parts::counted(it.open.1, "open finding")),
            stays: plain(&parts::counted(it.open.0.saturating_sub(it.open.1), "open finding")),
        });
    }
    all.push(Part { name: "Policies", goes: parts::counted(results, "result"), stays: plain("the policies") });
    all.push(Part { name: "Runs", goes: parts::counted(of("runs").0, "run"), stays: plain("runs of other sources") });
    for secret in &plan.secrets {
        all.push(Part { name: "Token", goes: "it, where it is in the vault".to_owned(), stays: parts::text(secret) });
    }
    all.push(Part { name: "Audit log", goes: "nothing".to_owned(), stays: plain("who did what with it") });
    all
}

fn table(parts: &[Part], caption: &str, goes: &str) -> Markup {
    html! {
        section.sheet {
            table.list {
                caption.unseen { (caption) }
                thead { tr { th scope="col" { "What" } th scope="col" { (goes) } th scope="col" { "Stays" } } }
                tbody { @for it in parts { tr { td { b { (it.name) } } td data-label=(goes) { (it.goes) } td.muted data-label="Stays" { (it.stays) } } } }
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
    let effect = Effect::of(asked, &name).await?;
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
