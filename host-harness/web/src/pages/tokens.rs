//! API tokens of a tenant, and what was done in it.

use std::time::Duration;

use appsec_model::Timestamp;
use axum::extract::Extension;
use host_harness::{
    AuditList, NewToken, Principal,
    query::When,
    store::{AuditFilter, Role, TokenRow},
};
use maud::{Markup, html};

use super::{Frame, Section, form, notice, parts};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked, Form},
};

/// Entries of the audit log that are shown.
const SHOWN: u32 = 50;

/// Times that a token may be for, in days.
const DAYS: [u64; 4] = [7, 30, 90, 365];

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) async fn page(asked: Asked) -> Answer {
    let done = notice::done(asked.field("done").as_deref());
    Ok(answer::html(show(&asked, &done).await?))
}

async fn show(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let tokens = asked.site.access.tokens(asked.tenant.id()).await?.tokens;
    let (tenant, now) = (asked.tenant.id().to_string(), asked.site.harness.now());
    let here = Section::Tokens.of(&tenant);
    let main = html! {
        div.head { h1 { "API tokens" } span.sum { "of the tenant " (tenant) } }
        (happened)
        div.grid {
            div.c8 {
                @if tokens.is_empty() { (parts::empty(&html! { "No program has a token yet." })) } @else {
                    div.sheet { div.wide { (table(&tokens, &here, now)) } }
                }
            }
            section.card.c4 {
                header { h2 { "Add a token" } }
                form.settings method="post" {
                    div.setting { label for="name" { "Name" } input id="name" type="text" name="name" required placeholder="pipeline"; }
                    div.setting {
                        label for="role" { "What it may do" }
                        select id="role" name="role" { @for role in Role::ALL { option value=(role.as_str()) { (role.as_str()) ": " (means(*role)) } } }
                    }
                    div.setting {
                        label for="days" { "For how long" }
                        select id="days" name="days" { @for days in DAYS { option value=(days) selected[days == 90] { (days) " days" } } }
                    }
                    div.actions { button.button.primary { "Add it" } }
                }
                p.muted { "A program sends it as " span.mono { "Authorization: Bearer TOKEN" } ". " a.link href="/api" { "What it can ask" } }
            }
        }
    };
    Ok(Frame { tenant: &tenant, section: Section::Tokens, title: None }.page(&main))
}

fn means(role: Role) -> &'static str {
    match role {
        Role::Viewer => "look and export",
        Role::Triager => "and decide on findings",
        Role::Manager => "and sync, import, map, schedule",
        Role::Admin => "and add, change and delete sources",
    }
}

fn table(tokens: &[TokenRow], here: &str, now: Timestamp) -> Markup {
    html! {
        table.list {
            caption.unseen { "API tokens, newest first" }
            thead { tr { th scope="col" { "Token" } th scope="col" { "Role" } th scope="col" { "State" } th scope="col" { "Created" } th scope="col" { "Expires" } th scope="col" { "Last used" } th scope="col" { span.unseen { "What can be done" } } } }
            tbody {
                @for it in tokens {
                    @let state = it.state(now);
                    tr {
                        td { span.title { (parts::text(&it.name)) } span.under { span.mono { "hrn_" (it.id) "…" } } }
                        td data-label="Role" { (it.role.as_str()) }
                        td { (parts::state(state)) }
                        td data-label="Created" { (parts::ago(it.created_at, now)) }
                        td data-label="Expires" { (parts::moment(it.expires_at)) }
                        td data-label="Last used" { @match it.used_at { Some(at) => (parts::ago(at, now)), None => "never" } }
                        td.num { @if state == "in force" { form.inline method="post" action={ (here) "/" (it.id) "/revoke" } { button.button { "Revoke" } } } }
                    }
                }
            }
        }
    }
}

pub(crate) async fn add(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let (name, role, days): (String, Role, u64) = (form.read("name")?, form.read("role")?, form.read("days")?);
        let time = DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
        Ok::<_, Fault>(asked.site.access.add_token(asked.tenant.id(), name, role, time).await?)
    };
    let happened = match outcome.await {
        Ok(made) => shown_once(&made),
        Err(fault) => {
            let page = show(&asked, &notice::failed(&fault)).await;
            return again(fault, page);
        }
    };
    Ok(answer::html(show(&asked, &happened).await?))
}

/// The token itself: now, and never again.
fn shown_once(made: &NewToken) -> Markup {
    html! {
        div.notice.good role="status" {
            div {
                b { "The token of " (parts::text(&made.row.name)) ". Keep it now: it is not shown again." }
                p { code.mono { (made.token) } }
            }
        }
    }
}

pub(crate) async fn revoke(asked: Asked) -> Answer {
    let id: String = asked.named("token")?;
    asked.site.access.revoke_token(asked.tenant.id(), &id).await?;
    Ok(see(&format!("{}?done=revoked", Section::Tokens.of(asked.tenant.id().as_str()))))
}

pub(crate) async fn audit(asked: Asked, Extension(principal): Extension<Principal>) -> Answer {
    let now = asked.site.harness.now();
    let text = |name: &str| asked.field(name);
    let filter = AuditFilter {
        tenant: Some(asked.tenant.id().clone()),
        action: text("action"),
        who: text("who"),
        since: asked.maybe::<When>("since")?.map(|it| it.moment(now)),
        before: asked.maybe("cursor")?,
        limit: SHOWN,
    };
    let AuditList { entries, next_cursor } = asked.site.access.audit_of(filter).await?;
    let tenant = asked.tenant.id().to_string();
    let given = || ["who", "action", "since"].into_iter().filter_map(|name| Some((name, text(name)?)));
    let here = Section::Audit.of(&tenant);
    let at = |cursor: Option<String>| form::address(&here, given().chain(cursor.map(|it| ("cursor", it))));
    let main = html! {
        div.head {
            h1 { "Audit log" }
            span.sum { "what was done in the tenant " (tenant) ", newest first; you are signed in as " (parts::text(&principal.who())) }
            div.tools { a.button href=(form::address(&Section::Audit.api(&tenant), given())) { "JSON" } }
        }
        form.filters role="search" action=(here) {
            @for (name, title, hint) in [("who", "Who", "browser, cli, token:ID"), ("action", "What", "sync"), ("since", "Since", "7d or a date")] {
                div.entry { label for=(name) { (title) } input id=(name) type="text" name=(name) value=(text(name).unwrap_or_default()) placeholder=(hint); }
            }
            button.button.primary { "Filter" }
        }
        @if entries.is_empty() {
            (parts::empty(&html! {
                @if given().next().is_some() { "Nothing is found. " a.link href=(here) { "Remove all filters" } } @else { "Nothing was done here yet." }
            }))
        } @else {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "What was done, newest first" }
                        thead { tr { th.num scope="col" { "No" } th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "Of" } th scope="col" { "Outcome" } } }
                        tbody {
                            @for it in &entries {
                                tr {
                                    td.num data-label="No" { (it.number) } td data-label="When" { (parts::ago(it.at, now)) } td data-label="Who" { (parts::text(&it.who)) } td data-label="What" { (parts::text(&it.action)) }
                                    td data-label="Of" { @if let Some(target) = &it.target { (parts::text(target)) } }
                                    td data-label="Outcome" { (parts::state(it.outcome.as_str())) @if let Some(code) = &it.code { span.second.mono { (parts::text(code)) } } }
                                }
                            }
                        }
                    }
                }
                div.foot {
                    (parts::counted(entries.len() as u64, "entry")) " on this page"
                    span.pages {
                        @if text("cursor").is_some() { a.button href=(at(None)) { "Newest" } }
                        @if next_cursor.is_some() { a.button href=(at(next_cursor)) rel="next" { "Next" } }
                    }
                }
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Audit, title: None }.page(&main)))
}
