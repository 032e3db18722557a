//! The server: whether its data folder is as it should be, the vaults, the browsers
//! that are let in, and how it is backed up.

use std::sync::Arc;

use appsec_model::Timestamp;
use axum::extract::{Path, State};
use host_harness::{
    Check, Condition, Error, VaultReport,
    store::{SessionRow, Sessions},
};
use http::HeaderMap;
use maud::{Markup, html};
use tokio::sync::Semaphore;

use super::{SCRIPT, asset, document_with, mark, parts};
use crate::{
    Site,
    access::Refusal,
    answer::{self, Fault},
    asked::{Answer, on_a_thread},
};

/// Where sessions are listed.
const SESSIONS: &str = "/server#sessions";

/// Every page of every store is read: for one who looks at a time.
static LOOK: Semaphore = Semaphore::const_new(1);

pub(crate) async fn page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Answer {
    let own = site.gate.session(&headers).await?;
    let place = LOOK.acquire().await.map_err(|_| Fault::from(Error::Stopped))?;
    on_a_thread(move |runtime| {
        // Until it is over, though nobody waits for it any more.
        let _place = place;
        runtime.block_on(show(&site, own.as_deref()))
    })
    .await
}

/// Ends the session of a browser.
pub(crate) async fn end_session(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Answer {
    match site.access.end_sessions(Sessions::One(id)).await? {
        0 => Err(Fault::not_found("such session")),
        _ => Ok(answer::see(SESSIONS)),
    }
}

/// Ends the sessions of all browsers but this one.
pub(crate) async fn end_other_sessions(State(site): State<Arc<Site>>, headers: HeaderMap) -> Answer {
    let own = site.gate.session(&headers).await?.ok_or_else(|| Fault::from(Refusal::Session))?;
    site.access.end_sessions(Sessions::Others(own)).await?;
    Ok(answer::see(SESSIONS))
}

async fn show(site: &Site, own: Option<&str>) -> Answer {
    let (sessions, now) = (site.access.sessions().await?, site.harness.now());
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
            section.card id="sessions" {
                header { h2 { "Browsers" } span.muted { "let in by a link of " code { "harness link" } } }
                (browsers(&sessions, own, now))
                @if sessions.len() > 1 {
                    form.actions method="post" action="/server/sessions/end-others" { button.button { "End all others" } }
                }
            }
            section.card {
                header { h2 { "Backup" } }
                p.help { "A backup holds the store of a tenant as of one moment, and its vault, sealed as it is. The file unpacks to a folder, which " code { "harness restore" } " brings back." }
                div.actions {
                    @for (id, _) in &vaults {
                        form.inline method="post" action=(format!("/t/{id}/backup")) { button.button { "Download a backup of " (id) } }
                    }
                }
                p.help { "The same on the command line, such as for a job of every night" }
                (parts::copied("harness backup DIR"))
                (parts::copied("harness restore DIR"))
            }
        }
    };
    let script = html! { script src=(asset("app.js", SCRIPT)) defer {} };
    Ok(answer::html(document_with("This server", &script, &main)))
}

fn browsers(sessions: &[SessionRow], own: Option<&str>, now: Timestamp) -> Markup {
    html! {
        table.list {
            caption.unseen { "Sessions of browsers, newest first" }
            thead { tr { th scope="col" { "Session" } th scope="col" { "Let in" } th scope="col" { "Last used" } th scope="col" { "Until" } th scope="col" { span.unseen { "What can be done" } } } }
            tbody {
                @for it in sessions {
                    @let is_own = own == Some(it.id.as_str());
                    tr {
                        td { span.mono { (it.id) } @if is_own { " " span.tag.good { "this browser" } } }
                        td data-label="Let in" { (parts::ago(it.created_at, now)) }
                        td data-label="Last used" { @match it.used_at { Some(at) => (parts::ago(at, now)), None => "never" } }
                        td data-label="Until" { (parts::moment(it.expires_at)) }
                        td.num { @if !is_own { form.inline method="post" action=(format!("/server/sessions/{}/end", it.id)) { button.button { "End" } } } }
                    }
                }
            }
        }
    }
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
