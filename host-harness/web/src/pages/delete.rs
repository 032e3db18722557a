//! Deletion of a source: what goes and what stays, the confirmation by name, and
//! the proof that nothing is left.

use host_harness::{DeletionReport, grant::InstanceName, store::DeletionPlan};
use maud::{Markup, html};

use super::{Frame, Section, notice, parts, source};
use crate::{
    answer::{self, Fault, again},
    asked::{Answer, Asked, Form},
};

/// The tables, by what a person knows of them.
const GROUPS: [(&str, &str, &[&str]); 6] = [
    (
        "Integration",
        "its settings, projects and mapping, schedule and webhooks",
        &[
            "instances",
            "projects",
            "repositories",
            "schedules",
            "webhooks",
            "deliveries",
            "events",
            "inboxes",
            "leases",
            "bucket",
            "onboarding",
        ],
    ),
    (
        "Findings",
        "with their raw records, rules, packages, changes and runs",
        &[
            "findings",
            "records",
            "changes",
            "rules",
            "packages",
            "diagnostics",
            "dictionaries",
            "runs",
            "fetches",
            "imports",
            "run_projects",
            "run_waits",
            "fetch_pages",
            "vanishing",
            "absences",
        ],
    ),
    (
        "Issues",
        "that no other source sees; others stay, without its part",
        &["issues", "issue_members", "issue_aliases"],
    ),
    ("Coverage", "its scans: what only it covers is covered by nobody", &["scans"]),
    ("Policies", "what they say of its findings; the policies stay", &["policy_results", "policy_due"]),
    (
        "Dashboard",
        "its part in every number and trend",
        &["metric_findings", "metric_counts", "metric_labels", "metric_days", "metric_totals"],
    ),
];

pub(crate) async fn page(asked: Asked) -> Answer {
    Ok(answer::html(show(&asked, &html! {}).await?))
}

async fn show(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let name = asked.instance()?;
    let plan = asked.tenant.deletion_plan(&name).await?;
    let tenant = asked.tenant.id().to_string();
    let here = source::address(&tenant, name.as_str());
    let title = format!("Delete {name}");
    let main = html! {
        (path(&tenant, &name))
        div.head { h1 { (title) } span.sum { "This cannot be undone." } }
        (happened)
        section.sheet {
            table.list {
                caption.unseen { "What the deletion takes away" }
                thead { tr { th scope="col" { "What" } th scope="col" { span.unseen { "What it is" } } th.num scope="col" { "Goes" } th.num scope="col" { "Stays" } } }
                tbody {
                    @for (group, what, tables) in GROUPS {
                        @let (goes, stays) = sum(&plan, tables);
                        tr { td { b { (group) } } td { (what) } td.num data-label="Goes" { b { (parts::counted(goes, "row")) } } td.num data-label="Stays" { (parts::number(stays)) } }
                    }
                    @for secret in &plan.secrets { tr { td { b { "Token" } } td { (parts::text(secret)) } td.num { "goes, where it is in the vault" } td.num {} } }
                    tr { td { b { "Audit log" } } td { "who did what with it" } td.num data-label="Goes" { "nothing" } td.num data-label="Stays" { "all" } }
                }
            }
        }
        details.behind {
            summary { "Table by table" }
            div.wide {
                table.plain {
                    thead { tr { th scope="col" { "Table" } th.num scope="col" { "Goes" } th.num scope="col" { "Stays" } } }
                    tbody { @for it in plan.tables.iter().filter(|it| it.goes > 0) { tr { td.mono { (it.table) } td.num { (parts::number(it.goes)) } td.num { (parts::number(it.stays)) } } } }
                }
            }
        }
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

fn sum(plan: &DeletionPlan, tables: &[&str]) -> (u64, u64) {
    let of = plan.tables.iter().filter(|it| tables.contains(&it.table.as_str()));
    of.fold((0, 0), |(goes, stays), it| (goes + it.goes, stays + it.stays))
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
            @if !report.searched_for_secret { p.muted { "The token could not be read any more, so that it was not searched for." } }
        }
        section.sheet.beside {
            table.list {
                caption.unseen { "What went" }
                thead { tr { th scope="col" { "What" } th scope="col" { span.unseen { "What it is" } } th.num scope="col" { "Gone" } th.num scope="col" { "Stays" } } }
                tbody {
                    @for (group, what, tables) in GROUPS {
                        @let (goes, stays) = sum(&report.plan, tables);
                        tr { td { b { (group) } } td { (what) } td.num data-label="Goes" { (parts::counted(goes, "row")) } td.num data-label="Stays" { (parts::number(stays)) } }
                    }
                }
            }
        }
        p.beside { a.button href=(Section::Sources.of(tenant)) { "To the data sources" } }
    };
    Frame { tenant, section: Section::Sources, title: Some(&title) }.page(&main)
}
