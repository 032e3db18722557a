//! The filters of a list: its fields as a form, and what is asked as chips. The
//! address is the filter.

use appsec_model::Severity;
use host_harness::query::{Field, Group, Query, QueryError, Takes};
use maud::{Markup, html};

use super::{Section, parts};

/// Fields that stand outside of the fold, if the list has them.
const FIRST: [&str; 3] = ["text", "search", "min-severity"];

/// The form and the chips of a query. `here` is the page without its query.
pub(super) fn filters(query: &Query, here: &str) -> Markup {
    let fields = query.list().fields();
    let shown = |field: &&Field| !matches!(field.takes, Takes::Cursor) && field.name != "offset";
    let (first, rest): (Vec<&Field>, Vec<&Field>) =
        fields.iter().filter(shown).partition(|field| FIRST.contains(&field.name));
    let given = query.pairs();
    html! {
        form.filters role="search" action=(here) {
            @for field in &first { (input(field, &given)) }
            @if !first.is_empty() { button.button.primary { "Filter" } }
            details.more {
                summary.button { (if first.is_empty() { "Filters" } else { "More filters" }) }
                div.fields {
                    @for (group, title) in GROUPS {
                        @let of: Vec<&&Field> = rest.iter().filter(|field| field.group == group).collect();
                        @if !of.is_empty() {
                            fieldset {
                                legend { (title) }
                                @for field in of { (input(field, &given)) }
                            }
                        }
                    }
                    button.button.primary { "Filter" }
                }
            }
        }
        (chips(query, here))
    }
}

const GROUPS: [(Group, &str); 4] = [
    (Group::Filter, "What it is"),
    (Group::OneFinding, "What one of its findings is"),
    (Group::Scope, "Where it is"),
    (Group::Output, "Order and page"),
];

fn input(field: &Field, given: &[(&'static str, String)]) -> Markup {
    let values: Vec<&str> = given.iter().filter(|(name, _)| *name == field.name).map(|(_, it)| it.as_str()).collect();
    let joined = values.join(",");
    let label = label(field.name);
    let id = format!("f-{}", field.name);
    html! {
        div.entry title=(field.help) {
            @match field.takes {
                Takes::Flag => label.check for=(id) {
                    input id=(id) type="checkbox" name=(field.name) value="true" checked[!values.is_empty()];
                    (label)
                },
                Takes::Choice(words) => (choice(field, &id, &label, words, &joined)),
                Takes::Severity => (choice(field, &id, &label, &Severity::ALL.map(Severity::as_str), &joined)),
                _ => {
                    label for=(id) { (label) }
                    @if FIRST.contains(&field.name) {
                        input id=(id) type="search" name=(field.name) value=(joined) placeholder=(field.help);
                    } @else if field.takes.is_many() && !field.takes.is_list() {
                        // Each of its values is a field of its own.
                        @for value in values.iter().skip(1) { input type="text" name=(field.name) value=(value) aria-label=(label); }
                        input id=(id) type="text" name=(field.name) value=(values.first().copied().unwrap_or_default()) placeholder=(field.value);
                    } @else {
                        input id=(id) type="text" name=(field.name) value=(joined) placeholder=(field.value);
                    }
                },
            }
        }
    }
}

fn choice(field: &Field, id: &str, label: &str, words: &[&str], value: &str) -> Markup {
    html! {
        label for=(id) { (label) }
        select id=(id) name=(field.name) {
            option value="" { (field.default.unwrap_or("any")) }
            @for word in words { option value=(word) selected[*word == value] { (word) } }
        }
    }
}

/// A field's name, for people.
fn label(name: &str) -> String {
    let words = name.replace('-', " ").replace("min ", "at least ");
    let words = words
        .replace("cvss", "CVSS")
        .replace("epss", "EPSS")
        .replace("kev", "KEV")
        .replace("cwe", "CWE")
        .replace("owasp", "OWASP");
    let mut signs = words.chars();
    signs.next().map(|first| first.to_uppercase().chain(signs).collect()).unwrap_or_default()
}

/// What is asked, each with a link to the same without it.
fn chips(query: &Query, here: &str) -> Markup {
    let given: Vec<(&'static str, String)> = query.pairs();
    let said = |name: &str| !matches!(name, "cursor" | "offset" | "limit");
    html! {
        @if given.iter().any(|(name, _)| said(name)) {
            div.chips {
                @for (place, (name, value)) in given.iter().enumerate().filter(|(_, (name, _))| said(name)) {
                    span.chip {
                        span { (label(name)) }
                        b { (parts::text(value)) }
                        a href=(without(query, here, place)) aria-label=(format!("Remove {}", label(name))) { "×" }
                    }
                }
                a.clear href=(here) { "Remove all" }
            }
        }
    }
}

/// The address of the same query with one value less, from its first page on.
fn without(query: &Query, here: &str, place: usize) -> String {
    let rest = query.pairs().into_iter().enumerate().filter(|(other, _)| *other != place).map(|(_, pair)| pair);
    address(here, rest.filter(|(name, _)| !matches!(*name, "cursor" | "offset")))
}

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
