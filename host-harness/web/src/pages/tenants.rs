//! The tenants.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect},
};
use maud::html;

use super::{document, mark};
use crate::{Site, answer, asked::Answer};

/// The page that one begins with.
pub(crate) async fn first(State(site): State<Arc<Site>>) -> Answer {
    let tenants = site.harness.tenants()?;
    let to = match tenants.as_slice() {
        [only] => format!("/t/{only}"),
        _ => "/tenants".to_owned(),
    };
    Ok(Redirect::to(&to).into_response())
}

pub(crate) async fn all(State(site): State<Arc<Site>>) -> Answer {
    let tenants = site.harness.tenants()?;
    let main = html! {
        main.alone id="main" {
            div.brand { (mark()) "harness" }
            h1 { "Tenants" }
            @if tenants.is_empty() {
                p { "This data folder is empty. In a terminal, set up a source with " span.mono { "harness onboard" }
                    ", or look at made-up data with " span.mono { "harness demo --keep DIR" } "." }
            }
            ul.tenants { @for tenant in &tenants { li { a.link href=(format!("/t/{tenant}")) { (tenant) } } } }
        }
    };
    Ok(answer::html(document("Tenants", &main)))
}
