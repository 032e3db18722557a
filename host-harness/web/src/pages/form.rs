//! Addresses of lists and of what is beside them: the address is the filter.

use host_harness::query::{Query, QueryError, Takes};
use maud::{Markup, html};

use super::{Section, parts};

/// The address of the same query with other values of a field, from its first
/// page on.
pub(super) fn with(query: &Query, here: &str, name: &'static str, value: &str) -> String {
    let rest = query.pairs().into_iter().filter(|(other, _)| !matches!(*other, "cursor" | "offset") && *other != name);
    address(here, rest.chain([(name, value.to_owned())]))
}

/// The address of the same query without a field.
pub(super) fn without(query: &Query, here: &str, name: &str) -> String {
    address(here, query.pairs().into_iter().filter(|(other, _)| *other != name))
}

/// The same query at another page of its list.
pub(super) fn page_at(query: &Query, name: &str, value: &str) -> Result<Query, QueryError> {
    let mut pairs = query.pairs();
    pairs.retain(|(other, _)| !matches!(*other, "cursor" | "offset"));
    Query::parse(query.list(), pairs.iter().map(|(name, value)| (*name, value.as_str())).chain([(name, value)]))
}

/// An address with a query.
pub(super) fn address(here: &str, pairs: impl Iterator<Item = (&'static str, String)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    let query = query.finish();
    if query.is_empty() { here.to_owned() } else { format!("{here}?{query}") }
}

/// The foot of a list of pages that begin behind a number of rows.
pub(super) fn foot(query: &Query, here: &str, shown: u64, total: u64) -> Markup {
    let begin = u64::from(query.page_begin().unwrap_or_default());
    let end = begin + shown;
    let limit = u64::from(query.limit());
    html! {
        div.foot {
            @if shown == 0 { "Nothing is shown." } @else {
                (format!("{} to {} of {}", parts::number(begin + 1), parts::number(end), parts::number(total)))
            }
            span.pages {
                @if begin > 0 { a.button href=(with(query, here, "offset", &begin.saturating_sub(limit).to_string())) { "Previous" } }
                @if end < total { a.button href=(with(query, here, "offset", &end.to_string())) { "Next" } }
            }
        }
    }
}

/// The foot of a list that is no filter's, whose pages begin behind a number of rows.
pub(super) fn pages(at: impl Fn(u32) -> String, (begin, shown, limit): (u32, usize, u32), total: u64) -> Markup {
    let end = u64::from(begin) + shown as u64;
    html! {
        div.foot {
            @if shown == 0 { "Nothing is shown." } @else {
                (format!("{} to {} of {}", parts::number(u64::from(begin) + 1), parts::number(end), parts::number(total)))
            }
            span.pages {
                @if begin > 0 { a.button href=(at(begin.saturating_sub(limit))) rel="prev" { "Previous" } }
                @if end < total { a.button href=(at(begin.saturating_add(limit))) rel="next" { "Next" } }
            }
        }
    }
}

/// That filters mean no project.
pub(super) fn no_project(no: &host_harness::NoProject) -> Markup {
    html! {
        div.notice role="status" {
            @match no {
                host_harness::NoProject::Named(name) => {
                    "No project has “" (parts::text(&name.name)) "” in its name."
                    @if let Some(meant) = &name.meant { " Did you mean “" (parts::text(meant)) "”?" }
                },
                host_harness::NoProject::OfRepository(name) => {
                    "No project is of a repository named “" (parts::text(&name.name)) "”."
                    @if let Some(meant) = &name.meant { " Did you mean “" (parts::text(meant)) "”?" }
                },
                host_harness::NoProject::Matching => "No project matches all of these filters.",
            }
        }
    }
}

/// How a program asks the same: an address, a request, a command.
pub(super) fn calls(query: &Query, tenant: &str, section: Section) -> Markup {
    let address = api(query, tenant, section);
    let request = format!("curl -H \"Authorization: Bearer $TOKEN\" \"$SERVER{address}\"");
    let option = |(name, value): (&'static str, String)| match query.list().field(name).map(|it| it.takes) {
        Ok(Takes::Flag) => format!("--{name}"),
        _ => format!("--{name} {}", parts::quoted(&value)),
    };
    let options = query.pairs().into_iter().map(option).chain([format!("--tenant {tenant}")]);
    let words: Vec<String> = [format!("harness {}", section.command())].into_iter().chain(options).collect();
    html! {
        details.menu {
            summary.button { "API…" }
            div.calls {
                p.help { "The same list as JSON: " a.link href=(address) { "open it" } }
                (parts::copied(&request))
                (parts::copied(&words.join(" ")))
            }
        }
    }
}

/// The API's address of the same query.
fn api(query: &Query, tenant: &str, resource: Section) -> String {
    address(&resource.api(tenant), query.pairs().into_iter().filter(|(name, _)| *name != "columns"))
}

/// The API's address of all that the same filter finds, in a format. Where the format
/// has an order of its own, none is asked for.
pub(super) fn export(query: &Query, tenant: &str, resource: Section, format: &str, is_ordered: bool) -> String {
    let is_page = |name: &str| matches!(name, "cursor" | "offset" | "limit" | "columns");
    let is_order = |name: &str| is_ordered && matches!(name, "sort" | "reverse");
    let filter = query.pairs().into_iter().filter(|(name, _)| !is_page(name) && !is_order(name));
    address(&format!("{}/export/{format}", resource.api(tenant)), filter)
}

/// Files of all that the filter of a list finds: addresses, with what each is called
/// and holds.
pub(super) fn downloads(files: impl Iterator<Item = (String, String, String)>) -> Markup {
    html! {
        details.menu {
            summary.button { "Download…" }
            ul.formats { @for (address, name, what) in files { li { a href=(address) download { b { (name) } span.second { (what) } } } } }
        }
    }
}

/// The files of a list that has no formats of others.
pub(super) fn tables(query: &Query, tenant: &str, resource: Section) -> Markup {
    let of = |(format, name, what): (&str, &str, &str)| {
        (export(query, tenant, resource, format, false), name.to_owned(), what.to_owned())
    };
    let (csv, json) = ("A table, with the columns that the command prints", "All that is known of each row");
    downloads([("csv", "CSV", csv), ("json", "JSON", json)].into_iter().map(of))
}
