//! The pages: HTML that needs no script.

mod advisories;
mod beside;
mod chart;
mod coverage;
mod dashboard;
mod delete;
mod fields;
mod filters;
mod finding;
mod findings;
mod form;
mod import;
mod inbox;
mod issues;
mod mapping;
mod markdown;
mod notice;
pub(crate) mod notifications;
mod packages;
mod parts;
mod policies;
pub(crate) mod problems;
pub(crate) mod reference;
mod repositories;
mod run;
mod runs;
pub(crate) mod server;
mod source;
mod sources;
pub(crate) mod tenants;
mod tokens;
mod triage;
pub(crate) mod views;
mod wizard;

use axum::{body::Body, routing::MethodFilter};
use host_harness::{Permission, exports::text::line, query::View};
use http::Response;
use maud::{DOCTYPE, Markup, html};

use crate::{
    FILE_BYTES,
    answer::{self, Fault},
    asked::{apart, apart_with},
    backup::backup,
    problems::Own,
    table::Routes,
};

/// The stylesheet of all pages.
pub(crate) const STYLE: &str = include_str!("../assets/app.css");

/// The script of all pages: live runs, keys and selection. They work without it.
pub(crate) const SCRIPT: &str = include_str!("../assets/app.js");

/// The script that sets the look before anything is drawn.
pub(crate) const THEME: &str = include_str!("../assets/theme.js");

/// The font of all pages.
pub(crate) const FONT: &[u8] = include_bytes!("../assets/inter.woff2");

/// The address of an asset: another one for each content, so that browsers may
/// keep it.
fn asset(name: &str, content: &str) -> String {
    format!("/assets/{name}?v={}", &blake3::hash(content.as_bytes()).to_hex()[..12])
}

/// The pages of a tenant.
pub(crate) fn routes(routes: Routes) -> Routes {
    use Permission::{Administer, Manage, Read, Triage};
    const POST: MethodFilter = MethodFilter::POST;
    routes
        .read("/t/{tenant}", Read, dashboard::page)
        .read("/t/{tenant}/findings", Read, async |asked| findings::page(asked, View::All).await)
        .read("/t/{tenant}/vulnerabilities", Read, async |asked| findings::page(asked, View::Vulnerabilities).await)
        .read("/t/{tenant}/weaknesses", Read, async |asked| findings::page(asked, View::Weaknesses).await)
        .read("/t/{tenant}/secrets", Read, async |asked| findings::page(asked, View::Secrets).await)
        .read("/t/{tenant}/findings/{id}", Read, finding::page)
        .read("/t/{tenant}/triage", Triage, apart(triage::page))
        .change(POST, "/t/{tenant}/triage", (Triage, "triage"), apart_with(triage::decide))
        .look("/t/{tenant}/triage/preview", Triage, apart_with(triage::preview))
        .read("/t/{tenant}/issues", Read, issues::page)
        .read("/t/{tenant}/issues/{id}", Read, issues::one)
        .read("/t/{tenant}/issue-rules", Read, issues::rules)
        .read("/t/{tenant}/packages", Read, packages::page)
        .read("/t/{tenant}/packages/{ecosystem}/{package}", Read, packages::one)
        .read("/t/{tenant}/coverage", Read, coverage::page)
        .change(POST, "/t/{tenant}/views", (Triage, "save view"), apart_with(views::save))
        .change(POST, "/t/{tenant}/views/{view}/remove", (Triage, "remove view"), apart(views::remove))
        .read("/t/{tenant}/policies", Read, policies::page)
        .read("/t/{tenant}/policies/{policy}", Read, policies::one)
        .read("/t/{tenant}/policy-file", Manage, policies::edit)
        .change(POST, "/t/{tenant}/policy-file", (Manage, "import policies"), apart_with(policies::import))
        .look("/t/{tenant}/policy-file/check", Manage, apart_with(policies::check))
        .change(POST, "/t/{tenant}/policy-file/remove", (Manage, "remove policies"), apart_with(policies::remove))
        .read("/t/{tenant}/advisories", Read, advisories::page)
        .upload("/t/{tenant}/advisories", (Manage, "import advisories"), FILE_BYTES, apart_with(advisories::import))
        .change(POST, "/t/{tenant}/advisories/clear", (Manage, "remove advisories"), apart(advisories::clear))
        .read("/t/{tenant}/repositories", Read, repositories::page)
        .change(POST, "/t/{tenant}/repositories", (Manage, "import repositories"), apart_with(repositories::add))
        .read("/t/{tenant}/repositories/{repository}", Read, repositories::one)
        .change(
            POST,
            "/t/{tenant}/repositories/{repository}/scanner",
            (Manage, "change mapping"),
            apart_with(repositories::scanner),
        )
        .change(
            POST,
            "/t/{tenant}/repositories/{repository}/fields",
            (Manage, "change scan fields"),
            apart_with(repositories::fields),
        )
        .change(
            POST,
            "/t/{tenant}/repositories/{repository}/remove",
            (Manage, "remove repository"),
            apart(repositories::remove),
        )
        .read("/t/{tenant}/sources", Read, sources::page)
        .read("/t/{tenant}/sources/add/{connector}", Administer, apart(wizard::add))
        .change(POST, "/t/{tenant}/sources/add/{connector}", (Administer, "authorize"), apart_with(wizard::authorize))
        .read("/t/{tenant}/onboarding/{instance}", Administer, apart(wizard::resume))
        .read("/t/{tenant}/onboarding/{instance}/kinds", Administer, apart(wizard::kinds))
        .change(
            POST,
            "/t/{tenant}/onboarding/{instance}/kinds",
            (Administer, "choose kinds"),
            apart_with(wizard::choose_kinds),
        )
        .read("/t/{tenant}/onboarding/{instance}/projects", Administer, apart(wizard::projects))
        .change(
            POST,
            "/t/{tenant}/onboarding/{instance}/projects",
            (Administer, "choose projects"),
            apart_with(wizard::choose_projects),
        )
        .read("/t/{tenant}/onboarding/{instance}/save", Administer, apart(wizard::save))
        .change(POST, "/t/{tenant}/onboarding/{instance}/save", (Administer, "add source"), apart(wizard::finish))
        .change(
            POST,
            "/t/{tenant}/onboarding/{instance}/discard",
            (Administer, "discard setup"),
            apart(wizard::drop_it),
        )
        .read("/t/{tenant}/sources/{instance}", Read, apart(source::page))
        .change(POST, "/t/{tenant}/sources/{instance}/sync", (Manage, "sync"), apart_with(source::sync))
        .change(POST, "/t/{tenant}/sources/{instance}/test", (Manage, "test source"), apart(source::test))
        .change(POST, "/t/{tenant}/sources/{instance}/pause", (Manage, "pause source"), apart_with(source::pause))
        .change(POST, "/t/{tenant}/sources/{instance}/resume", (Manage, "resume source"), apart(source::resume))
        .read("/t/{tenant}/sources/{instance}/settings", Manage, apart(source::settings))
        .change(
            POST,
            "/t/{tenant}/sources/{instance}/settings",
            (Administer, "change settings"),
            apart_with(source::set),
        )
        .change(POST, "/t/{tenant}/sources/{instance}/schedule", (Manage, "set schedule"), apart_with(source::schedule))
        .change(POST, "/t/{tenant}/sources/{instance}/guard", (Manage, "set removal guard"), apart_with(source::guard))
        .change(POST, "/t/{tenant}/sources/{instance}/token", (Administer, "rotate token"), apart_with(source::token))
        .change(
            POST,
            "/t/{tenant}/sources/{instance}/events",
            (Administer, "set webhook secret"),
            apart_with(source::events),
        )
        .read("/t/{tenant}/sources/{instance}/delete", Administer, apart(delete::page))
        .change(
            POST,
            "/t/{tenant}/sources/{instance}/delete",
            (Administer, "delete source"),
            apart_with(delete::delete),
        )
        .read("/t/{tenant}/mapping", Read, apart(mapping::page))
        .change(POST, "/t/{tenant}/backup", (Administer, "back up"), backup)
        .change(POST, "/t/{tenant}/mapping/accept", (Manage, "accept mapping"), apart_with(mapping::accept))
        .change(POST, "/t/{tenant}/mapping/mode", (Manage, "set mapping mode"), apart_with(mapping::set_mode))
        .change(POST, "/t/{tenant}/mapping/set", (Manage, "change mapping"), apart_with(mapping::set))
        .read("/t/{tenant}/runs", Read, runs::page)
        .read("/t/{tenant}/runs/{run}", Read, run::page)
        .read("/t/{tenant}/runs/{run}/events", Read, run::events)
        .change(POST, "/t/{tenant}/runs/{run}/stop", (Manage, "stop sync"), run::stop)
        .read("/t/{tenant}/notifications", Manage, notifications::page)
        .change(POST, "/t/{tenant}/notifications", (Administer, "set notification"), apart_with(notifications::set))
        .change(
            POST,
            "/t/{tenant}/notifications/{instance}/test",
            (Manage, "test notification"),
            apart(notifications::test),
        )
        .change(
            POST,
            "/t/{tenant}/notifications/{instance}/remove",
            (Administer, "remove notification"),
            apart(notifications::remove),
        )
        .change(
            POST,
            "/t/{tenant}/notifications/alerts",
            (Administer, "set alert"),
            apart_with(notifications::set_alert),
        )
        .change(
            POST,
            "/t/{tenant}/notifications/alerts/{instance}/{format}/test",
            (Manage, "test alert"),
            apart(notifications::test_alert),
        )
        .change(
            POST,
            "/t/{tenant}/notifications/alerts/{instance}/{format}/remove",
            (Administer, "remove alert"),
            apart(notifications::remove_alert),
        )
        .change(
            POST,
            "/t/{tenant}/notifications/deliveries/{delivery}/resend",
            (Manage, "resend notification"),
            apart(notifications::resend),
        )
        .read("/t/{tenant}/import", Manage, import::page)
        .upload("/t/{tenant}/import", (Manage, "import"), FILE_BYTES, apart_with(import::import))
        .read("/t/{tenant}/tokens", Administer, tokens::page)
        .change(POST, "/t/{tenant}/tokens", (Administer, "add token"), tokens::add)
        .change(POST, "/t/{tenant}/tokens/{token}/revoke", (Administer, "revoke token"), tokens::revoke)
        .read("/t/{tenant}/audit", Administer, tokens::audit)
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
    Repositories,
    Policies,
    Advisories,
    Sources,
    Mapping,
    Import,
    Runs,
    Notifications,
    Tokens,
    Audit,
}

impl Section {
    const ALL: [Self; 18] = [
        Self::Dashboard,
        Self::Issues,
        Self::Findings,
        Self::Vulnerabilities,
        Self::Weaknesses,
        Self::Secrets,
        Self::Packages,
        Self::Coverage,
        Self::Repositories,
        Self::Policies,
        Self::Advisories,
        Self::Sources,
        Self::Mapping,
        Self::Import,
        Self::Runs,
        Self::Notifications,
        Self::Tokens,
        Self::Audit,
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
            Self::Repositories => "Repositories",
            Self::Policies => "Policies",
            Self::Advisories => "Advisories",
            Self::Sources => "Data sources",
            Self::Mapping => "Mapping",
            Self::Import => "Import",
            Self::Runs => "Runs",
            Self::Notifications => "Notifications",
            Self::Tokens => "API tokens",
            Self::Audit => "Audit log",
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
            Self::Repositories => "repositories",
            Self::Policies => "policies",
            Self::Advisories => "advisories",
            Self::Sources => "sources",
            Self::Mapping => "mapping",
            Self::Import => "import",
            Self::Runs => "runs",
            Self::Notifications => "notifications",
            Self::Tokens => "tokens",
            Self::Audit => "audit",
        }
    }

    /// The command that prints the same list.
    const fn command(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            section => section.path(),
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
            Self::Repositories => "M4 2.5h8.5v9H5a1.5 1.5 0 0 0 0 3h7.5M4 2.5A1.5 1.5 0 0 0 3.5 4v9M6.5 5h3.5",
            Self::Policies => "M8 2l5 2v4c0 3-2 5-5 6-3-1-5-3-5-6V4zM5.8 8l1.6 1.6L10.4 6.5",
            Self::Advisories => "M2.5 3.5h4.2L8 4.8l1.3-1.3h4.2v9H9.3L8 13.8l-1.3-1.3H2.5zM8 4.8v9",
            Self::Sources => "M5.5 2v4M10.5 2v4M3.5 6h9v2a4.5 4.5 0 0 1-9 0zM8 12.5V14",
            Self::Mapping => "M2.5 4.5h4l3 7h4M2.5 11.5h4l1-2.3M9.5 4.5h4M11.5 2.5l2 2-2 2M11.5 9.5l2 2-2 2",
            Self::Import => "M8 2v8M5 7l3 3 3-3M2.5 11v2.5h11V11",
            Self::Tokens => "M5.5 7.5a3 3 0 1 1 2.6 3l-1 1.5H5.5v1.5H3v-2.6l2.7-2.6M10.6 5.4h.1",
            Self::Audit => "M4 2h8v12H4zM6 5h4M6 8h4M6 11h2",
            Self::Notifications => "M4 11V7.5a4 4 0 0 1 8 0V11l1.5 1.5h-11zM6.5 14h3",
            Self::Runs => "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
            Self::Vulnerabilities | Self::Weaknesses | Self::Secrets => "",
        }
    }

    /// The address of what the API answers of the same.
    fn api(self, tenant: &str) -> String {
        let resource = match self {
            Self::Dashboard => "dashboard",
            Self::Sources => "status",
            Self::Mapping => "mappings",
            Self::Import => "imports",
            section => section.path(),
        };
        format!("/api/v1/tenants/{tenant}/{resource}")
    }

    /// The address of the page of one thing.
    fn at(self, tenant: &str, name: &str) -> String {
        format!("{}/{}", self.of(tenant), parts::segment(name))
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
        self.with(main, &html! {})
    }

    /// The same, for what changes while it is looked at.
    fn live(&self, main: &Markup) -> Markup {
        let head = html! {
            noscript { meta http-equiv="refresh" content="5"; }
        };
        self.with(main, &head)
    }

    /// The places that there are, and where this is.
    fn places(&self, with_icons: bool) -> Markup {
        html! {
            @for section in Section::ALL {
                @if section == Section::Coverage { h2 { "How it stands" } }
                @if section == Section::Sources { h2 { "Where it comes from" } }
                @if section == Section::Tokens { h2 { "Access" } }
                @let is_sub = section.icon().is_empty();
                a href=(section.of(self.tenant)) .sub[is_sub] aria-current=[(section == self.section).then_some("page")] {
                    @if with_icons && !is_sub { (icon(section.icon())) }
                    (section.title())
                }
            }
        }
    }

    fn with(&self, main: &Markup, head: &Markup) -> Markup {
        let title = self.title.unwrap_or(self.section.title());
        document_with(
            &format!("{title} – {}", self.tenant),
            &html! { script src=(asset("app.js", SCRIPT)) defer {} (head) },
            &html! {
                div.frame {
                    aside.side {
                        a.brand href="/" { (mark()) "harness" }
                        a.tenant-button href="/tenants" { span { (self.tenant) small { "tenant" } } }
                        nav.nav aria-label="Main" { (self.places(true)) }
                        // Where there is no room for them, they are opened: no script can.
                        details.places {
                            summary.button { "Menu" }
                            nav.nav aria-label="Menu" { (self.places(false)) a href="/server" { "This server" } }
                        }
                        div.side-foot { (choices()) a href="/server" { "This server" } form method="post" action="/leave" { button.quiet { "Leave this server" } } }
                    }
                    main.main id="main" { (main) }
                }
                (keys())
            },
        )
    }
}

/// What the script lets somebody choose of the look.
fn choices() -> Markup {
    let choice = |name: &str, title: &str, words: &[(&str, &str)]| {
        html! { label.choose data-choose=(name) hidden { (title) select { @for (word, text) in words { option value=(word) { (text) } } } } }
    };
    html! {
        (choice("theme", "Theme", &[("", "As the system"), ("light", "Light"), ("dark", "Dark")]))
        (choice("density", "Rows", &[("", "Comfortable"), ("compact", "Compact")]))
    }
}

/// The keys of the script.
const KEYS: [(&str, &str); 7] = [
    ("j, k", "next and previous row of a list"),
    ("x", "select the row"),
    ("Enter", "open it"),
    ("n, p", "next and previous page, or finding of the list"),
    ("u", "back to the list"),
    ("/", "search"),
    ("?", "this list"),
];

fn keys() -> Markup {
    html! {
        dialog.keys id="keys" aria-label="Keys" {
            h2 { "Keys" }
            dl.facts { @for (key, what) in KEYS { dt { kbd { (key) } } dd { (what) } } }
            form method="dialog" { button.button { "Close" } }
        }
    }
}

/// A fault, as a page.
pub(crate) fn fault(fault: &Fault) -> Markup {
    told(fault, &html! {})
}

/// The page of whoever has no session yet and runs under the user of this server.
/// `to` is the page that was asked for.
pub(crate) fn closed(fault: &Fault, to: &str) -> Response<Body> {
    let page = told(
        fault,
        &html! {
            form.actions method="post" action="/enter" {
                input type="hidden" name="to" value=(to);
                button.button.primary { "Let me in" }
            }
            p.help { "This browser runs under your own user, which this server runs under, too." }
        },
    );
    let mut response = answer::html(page);
    *response.status_mut() = fault.status;
    response
}

fn told(fault: &Fault, more: &Markup) -> Markup {
    let title = fault.status.canonical_reason().unwrap_or("Error");
    document(
        title,
        &html! {
            main.alone id="main" {
                div.brand { (mark()) "harness" }
                h1 { (title) }
                p { (notice::prose(&parts::sentence(&fault.detail))) }
                p { (notice::prose(fault.code.about().advice)) }
                (more)
                p.muted { "Code: " a.link.mono href=(fault.code.address()) { (fault.code.as_str()) } }
                @if fault.code != Own::NotLetIn.into() && fault.code != Own::LinkInvalid.into() { p { a.link href="/" { "To the first page" } } }
            }
        },
    )
}

fn document(title: &str, body: &Markup) -> Markup {
    document_with(title, &html! {}, body)
}

fn document_with(title: &str, more: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (line(title)) " – harness" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(asset("app.css", STYLE));
                script src=(asset("theme.js", THEME)) {}
                (more)
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
