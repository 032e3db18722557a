//! The server: whether its data folder is as it should be, the vaults, and how it
//! is backed up.

use std::sync::Arc;

use axum::extract::State;
use host_harness::{Check, Condition, Error, VaultReport};
use maud::{Markup, html};
use tokio::sync::Semaphore;

use super::{SCRIPT, asset, document_with, mark, parts};
use crate::{
    Site,
    answer::{self, Fault},
    asked::{Answer, on_a_thread},
};

/// Every page of every store is read: for one who looks at a time.
static LOOK: Semaphore = Semaphore::const_new(1);

pub(crate) async fn page(State(site): State<Arc<Site>>) -> Answer {
    let place = LOOK.acquire().await.map_err(|_| Fault::from(Error::Stopped))?;
    on_a_thread(move |runtime| {
        // Until it is over, though nobody waits for it any more.
        let _place = place;
        runtime.block_on(show(&site))
    })
    .await
}

async fn show(site: &Site) -> Answer {
    let checks = site.harness.doctor(false).await;
    let mut vaults = Vec::new();
    for id in site.harness.tenants()? {
        // A store that does not open is told here and by the checks.
        let report = site.harness.existing_tenant(&id).and_then(|tenant| tenant.vault_report());
        vaults.push((id, report.map_err(Fault::from)));
    }
    let worst = checks.iter().map(|it| it.condition).max().unwrap_or(Condition::Good);
    let main = html! {
        main.alone.broad id="main" {
            div.brand { (mark()) "harness" }
            div.head {
                h1 { "This server" }
                span.sum { (match worst {
                    Condition::Good => "No problems found.",
                    Condition::Notice => "No problems found; see the notices.",
                    Condition::Problem => "Problems found.",
                }) }
                div.tools { a.button href="/tenants" { "Tenants" } a.button href="/metrics" { "Metrics" } }
            }
            section.card {
                header { h2 { "Checks" } span.muted { "nothing is repaired here; " code { "harness doctor --online" } " asks the vendors, too" } }
                table.plain {
                    caption.unseen { "Checks, as the doctor makes them" }
                    tbody { @for it in &checks { (check(it)) } }
                }
            }
            section.card {
                header { h2 { "Vaults" } span.muted { "where tokens are sealed" } }
                table.plain {
                    caption.unseen { "Vaults, by tenant" }
                    thead { tr { th scope="col" { "Tenant" } th scope="col" { "Key" } th scope="col" { "Sealed" } } }
                    tbody { @for (tenant, report) in &vaults { tr { td { a.link href=(format!("/t/{tenant}")) { (tenant) } } (vault(report)) } } }
                }
                p.help.beside { "The key is no part of the data folder: keep a copy of it in another place, or its tokens have to be given anew." }
            }
            section.card {
                header { h2 { "Backup" } }
                p.help { "A backup of a tenant, while the server runs, and how it is brought back" }
                (parts::copied("harness backup DIR"))
                (parts::copied("harness restore DIR"))
            }
        }
    };
    let script = html! { script src=(asset("app.js", SCRIPT)) defer {} };
    Ok(answer::html(document_with("This server", &script, &main)))
}

fn check(it: &Check) -> Markup {
    html! {
        tr {
            td { (parts::state(it.condition.as_str())) }
            td { b { (parts::text(&it.what)) } @for line in it.detail.lines() { span.second { (parts::text(line)) } } }
        }
    }
}

fn vault(report: &Result<VaultReport, Fault>) -> Markup {
    html! {
        @match report {
            Err(fault) => { td colspan="2" { (parts::sentence(&fault.detail)) } },
            Ok(it) if it.file.is_none() => { td colspan="2" { span.muted { "no secret is sealed" } } },
            Ok(it) => {
                td {
                    @match &it.wanted_key { Some(key) => span.mono { (parts::text(key)) }, None => span.muted { "none" } }
                    @let is_given = it.wanted_key.as_ref().is_none_or(|key| it.given_keys.contains(key));
                    " " @if is_given { span.tag.good { "given" } } @else { span.tag.bad { "not given" } }
                }
                td { @for entry in &it.entries { span.second { (parts::text(&entry.instance)) " " span.mono { (parts::text(&entry.variable)) } } } }
            },
        }
    }
}
