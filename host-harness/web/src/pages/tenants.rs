//! The tenants.

use std::sync::Arc;

use axum::{
    extract::{Extension, State},
    response::{IntoResponse, Redirect},
};
use host_harness::{Permission, Principal, Verdict, grant::TenantId};
use maud::html;

use super::{document, mark};
use crate::{
    Site,
    answer::{self, Fault},
    asked::{Answer, Form},
};

fn seen(site: &Site, principal: &Principal) -> Result<Vec<TenantId>, Fault> {
    Ok(site.harness.tenants()?.into_iter().filter(|it| principal.sees(it)).collect())
}

/// The page that one begins with.
pub(crate) async fn first(State(site): State<Arc<Site>>, Extension(principal): Extension<Principal>) -> Answer {
    let tenants = seen(&site, &principal)?;
    let to = match tenants.as_slice() {
        [only] => format!("/t/{only}"),
        _ => "/tenants".to_owned(),
    };
    Ok(Redirect::to(&to).into_response())
}

pub(crate) async fn all(State(site): State<Arc<Site>>, Extension(principal): Extension<Principal>) -> Answer {
    let tenants = seen(&site, &principal)?;
    let main = html! {
        main.alone id="main" {
            div.brand { (mark()) "harness" }
            h1 { "Tenants" }
            @if tenants.is_empty() {
                p { "This data folder is empty. A tenant is a folder of findings of its own, such as a team or a customer." }
            }
            ul.tenants { @for tenant in &tenants { li { a.link href=(format!("/t/{tenant}")) { (tenant) } } } }
            @if principal.verdict(None, Permission::Operate) == Verdict::Granted {
                p { a.link href="/server" { "This server" } ": checks, vaults, backup" }
                form.settings method="post" action="/tenants" {
                    div.setting {
                        label for="name" { "Name of a new tenant" }
                        input id="name" type="text" name="name" value=[tenants.is_empty().then_some("default")] required spellcheck="false" aria-describedby="name-help";
                        p.help id="name-help" { "a-z, 0-9 and -." }
                    }
                    div.actions { button.button.primary { "Add the tenant" } }
                }
                @if tenants.is_empty() { p.muted { "To look at made-up data first, run " span.mono { "harness demo --keep DIR" } " in a terminal." } }
            }
        }
    };
    Ok(answer::html(document("Tenants", &main)))
}

/// Makes a tenant, and begins with its sources.
pub(crate) async fn add(State(site): State<Arc<Site>>, form: Form) -> Answer {
    let id: TenantId = form.read("name")?;
    site.harness.add_tenant(id.clone())?;
    Ok(answer::see(&format!("/t/{id}/sources")))
}
