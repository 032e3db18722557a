//! The pages: HTML that needs no script.

mod chart;
mod coverage;
mod dashboard;
mod finding;
mod findings;
mod form;
mod issues;
mod packages;
mod parts;
mod policies;
mod runs;
mod sources;
pub(crate) mod tenants;

use std::sync::Arc;

use axum::{Router, routing::get};
use host_harness::query::View;
use maud::{DOCTYPE, Markup, html};

use crate::{Site, answer::Fault};

/// The stylesheet of all pages.
pub(crate) const STYLE: &str = include_str!("../assets/app.css");

/// The stylesheet's address: another one for each content, so that browsers may
/// keep it.
fn style_address() -> String {
    format!("/assets/app.css?v={}", &blake3::hash(STYLE.as_bytes()).to_hex()[..12])
}

/// The pages of a tenant.
pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(dashboard::page))
        .route("/findings", get(async |asked| findings::page(asked, View::All).await))
        .route("/vulnerabilities", get(async |asked| findings::page(asked, View::Vulnerabilities).await))
        .route("/weaknesses", get(async |asked| findings::page(asked, View::Weaknesses).await))
        .route("/secrets", get(async |asked| findings::page(asked, View::Secrets).await))
        .route("/findings/{id}", get(finding::page))
        .route("/issues", get(issues::page))
        .route("/issues/{id}", get(issues::one))
        .route("/packages", get(packages::page))
        .route("/coverage", get(coverage::page))
        .route("/policies", get(policies::page))
        .route("/sources", get(sources::page))
        .route("/runs", get(runs::page))
}

/// The places that the navigation leads to, in its order.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Section {
    Dashboard,
    Issues,
    Findings,
    Vulnerabilities,
    Weaknesses,
    Secrets,
    Packages,
    Coverage,
    Policies,
    Sources,
    Runs,
}

impl Section {
    const ALL: [Self; 11] = [
        Self::Dashboard,
        Self::Issues,
        Self::Findings,
        Self::Vulnerabilities,
        Self::Weaknesses,
        Self::Secrets,
        Self::Packages,
        Self::Coverage,
        Self::Policies,
        Self::Sources,
        Self::Runs,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::Dashboard => "Dashboard",
            Self::Issues => "Issues",
            Self::Findings => "Findings",
            Self::Vulnerabilities => "Vulnerabilities",
            Self::Weaknesses => "Code weaknesses",
            Self::Secrets => "Secrets",
            Self::Packages => "Packages",
            Self::Coverage => "Coverage",
            Self::Policies => "Policies",
            Self::Sources => "Data sources",
            Self::Runs => "Runs",
        }
    }

    /// Behind the address of the tenant.
    const fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "",
            Self::Issues => "issues",
            Self::Findings => "findings",
            Self::Vulnerabilities => "vulnerabilities",
            Self::Weaknesses => "weaknesses",
            Self::Secrets => "secrets",
            Self::Packages => "packages",
            Self::Coverage => "coverage",
            Self::Policies => "policies",
            Self::Sources => "sources",
            Self::Runs => "runs",
        }
    }

    const fn icon(self) -> &'static str {
        match self {
            Self::Dashboard => "M2.5 9.5a5.5 5.5 0 0 1 11 0M8 9.5l2.6-3M2.5 12.5h11",
            Self::Issues => {
                "M6 2.7a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6zM10 5.7a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6z"
            }
            Self::Findings => "M2.5 4h11M2.5 8h11M2.5 12h7",
            Self::Packages => "M8 2l5.5 3v6L8 14l-5.5-3V5zM2.5 5L8 8l5.5-3M8 8v6",
            Self::Coverage => "M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5h-4.5zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5h-4.5z",
            Self::Policies => "M8 2l5 2v4c0 3-2 5-5 6-3-1-5-3-5-6V4zM5.8 8l1.6 1.6L10.4 6.5",
            Self::Sources => "M5.5 2v4M10.5 2v4M3.5 6h9v2a4.5 4.5 0 0 1-9 0zM8 12.5V14",
            Self::Runs => "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
            Self::Vulnerabilities | Self::Weaknesses | Self::Secrets => "",
        }
    }

    /// The address of what the API answers of the same.
    fn api(self, tenant: &str) -> String {
        let resource = match self {
            Self::Dashboard => "dashboard",
            Self::Sources => "status",
            section => section.path(),
        };
        format!("/api/v1/tenants/{tenant}/{resource}")
    }

    /// The address of a tenant's page.
    fn of(self, tenant: &str) -> String {
        match self.path() {
            "" => format!("/t/{tenant}"),
            path => format!("/t/{tenant}/{path}"),
        }
    }
}

/// A page of a tenant.
struct Frame<'a> {
    tenant: &'a str,
    section: Section,
    /// What the page is about, where it is about one thing of its section.
    title: Option<&'a str>,
}

impl Frame<'_> {
    /// The whole page, around what it shows.
    fn page(&self, main: &Markup) -> Markup {
        let title = self.title.unwrap_or(self.section.title());
        document(
            &format!("{title} – {}", self.tenant),
            &html! {
                div.frame {
                    aside.side {
                        a.brand href="/" { (mark()) "harness" }
                        a.tenant-button href="/tenants" { span { (self.tenant) small { "tenant" } } }
                        nav.nav aria-label="Main" {
                            @for section in Section::ALL {
                                @if section == Section::Coverage { h2 { "How it stands" } }
                                @if section == Section::Sources { h2 { "Where it comes from" } }
                                @let is_sub = section.icon().is_empty();
                                a href=(section.of(self.tenant)) .sub[is_sub] aria-current=[(section == self.section).then_some("page")] {
                                    @if !is_sub { (icon(section.icon())) }
                                    (section.title())
                                }
                            }
                        }
                        div.side-foot { span { "This page shows the store and changes nothing." } }
                    }
                    main.main id="main" { (main) }
                }
            },
        )
    }
}

/// A fault, as a page.
pub(crate) fn fault(fault: &Fault) -> Markup {
    let title = fault.status.canonical_reason().unwrap_or("Error");
    document(
        title,
        &html! {
            main.alone id="main" {
                div.brand { (mark()) "harness" }
                h1 { (title) }
                p { (parts::sentence(&fault.detail)) }
                @if let Some(what) = advice(fault.code) { p { (what) } }
                p.muted { "Code: " span.mono { (fault.code) } }
                @if fault.code != "not-let-in" && fault.code != "link-invalid" { p { a.link href="/" { "To the first page" } } }
            }
        },
    )
}

/// What to do about a fault of this server itself.
fn advice(code: &str) -> Option<&'static str> {
    match code {
        "not-let-in" | "link-invalid" => {
            Some("Open the newest link that `harness serve` has printed in its terminal: it lets one browser in.")
        }
        "wrong-host" => Some("Use the address that `harness serve` has printed."),
        "proxied" => Some("Open the address on this machine, without a proxy. From elsewhere, use a tunnel: ssh -L."),
        _ => None,
    }
}

fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – harness" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(style_address());
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (body)
            }
        }
    }
}

fn mark() -> Markup {
    html! {
        svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true" {
            path d="M5 4v16M19 4v16M5 12h14" {}
        }
    }
}

fn icon(path: &str) -> Markup {
    html! { svg.icon viewBox="0 0 16 16" aria-hidden="true" { path d=(path) {} } }
}
