//! Addresses of lists and of what is beside them: the address is the filter.

use host_harness::query::{Query, QueryError};
use maud::{Markup, html};

use super::{Section, parts};

/// The address of the same query with other values of a field, from its first
/// page on.
pub(super) fn with(query: &Query, here: &str, name: &'static str, value: &str) -> String {
    let rest = query.pairs().into_iter().filter(|(other, _)| !matches!(*other, "cursor" | "offset") && *other != name);
    address(here, rest.chain([(name, value.to_owned())]))
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

/// The API's address of the same query.
pub(super) fn api(query: &Query, tenant: &str, resource: Section) -> String {
    address(&resource.api(tenant), query.pairs().into_iter())
}

/// The API's address of all that the same filter finds, in a format. Where the format
/// has an order of its own, none is asked for.
pub(super) fn export(query: &Query, tenant: &str, resource: Section, format: &str, is_ordered: bool) -> String {
    let is_page = |name: &str| matches!(name, "cursor" | "offset" | "limit");
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
