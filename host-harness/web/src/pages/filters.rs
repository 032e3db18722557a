//! The filters of a list: its fields as a form, and what is asked as chips. What
//! cannot be asked is told beside its field, and stays in it.

use appsec_model::Severity;
use host_harness::{
    Facet,
    grant::Code,
    query::{Field, Group, List, Query, QueryError, Takes},
};
use maud::{Markup, html};

use super::{Frame, Section, form::address, notice, parts};
use crate::{
    answer::{Answer, Fault, again},
    asked::Asked,
};

/// Fields that most people ask for, in this order, if the list has them. The others
/// are in the fold.
const COMMON: [&str; 11] = [
    "text",
    "search",
    "severity",
    "status",
    "kind",
    "state",
    "repository",
    "instance",
    "source",
    "since",
    "vulnerable",
];

/// What was typed into the fields, and what of it cannot be.
struct Typed {
    list: List,
    given: Vec<(String, String)>,
    wrong: Vec<(String, String)>,
    /// Names of the sources.
    sources: Vec<String>,
    /// How many rows there are for each word of some fields.
    facets: Vec<Facet>,
}

impl Typed {
    async fn of(asked: &Asked, list: List, given: Vec<(String, String)>) -> Result<Self, Fault> {
        let has_source = list.fields().iter().any(|field| matches!(field.takes, Takes::Instance));
        let sources = if has_source { asked.tenant.instances().await? } else { Vec::new() };
        let sources = sources.iter().map(|it| it.made.name.to_string()).collect();
        Ok(Self { list, given, wrong: Vec::new(), sources, facets: Vec::new() })
    }

    fn values(&self, name: &str) -> Vec<&str> {
        self.given.iter().filter(|(it, _)| it == name).map(|(_, value)| value.as_str()).collect()
    }

    fn why(&self, name: &str) -> Option<&str> {
        self.wrong.iter().find(|(it, _)| it == name).map(|(_, why)| why.as_str())
    }
}

/// The form and the chips of a query. `here` is the page without its query.
pub(super) async fn of(asked: &Asked, query: &Query, here: &str) -> Result<Markup, Fault> {
    counted(asked, query, here, Vec::new()).await
}

/// The same, with how many rows there are for each word of some fields.
pub(super) async fn counted(asked: &Asked, query: &Query, here: &str, facets: Vec<Facet>) -> Result<Markup, Fault> {
    let given = query.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let typed = Typed { facets, ..Typed::of(asked, query.list(), given).await? };
    Ok(html! { (fields(&typed, here)) (chips(query, here)) })
}

/// The answer of a list; the form with what was typed where that cannot be asked.
pub(super) async fn answered(asked: &Asked, section: Section, list: List, answer: Answer) -> Answer {
    let fault = match answer {
        Err(fault) if [Code::Usage, Code::InstanceNotFound].map(Into::into).contains(&fault.code) => fault,
        answer => return answer,
    };
    let given: Vec<_> = asked.all_fields().filter(|(_, value)| !value.is_empty()).collect();
    if given.is_empty() {
        return Err(fault);
    }
    let mut typed = Typed::of(asked, list, given).await?;
    typed.wrong = wrong(&typed, &fault);
    let tenant = asked.tenant.id().as_str();
    let here = section.of(tenant);
    let main = html! {
        div.head { h1 { (section.title()) } span.sum { "the filters cannot be read" } }
        (notice::failed(&fault))
        (fields(&typed, &here))
        p { a.link href=(here) { "Remove all filters" } }
    };
    again(fault, Ok(Frame { tenant, section, title: None }.page(&main)))
}

/// What is wrong, by field.
fn wrong(typed: &Typed, fault: &Fault) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for (name, value) in &typed.given {
        match Query::parse(typed.list, [(name.as_str(), value.as_str())]) {
            // There is no field beside which it could stand.
            Ok(_) | Err(QueryError::Unknown(_)) => {}
            Err(error) => wrong.push((name.clone(), parts::sentence(&error.to_string()))),
        }
    }
    if !wrong.is_empty() {
        return wrong;
    }
    // Words that stay open, and names, are known by the store alone.
    let is_meant = |name: &str, value: &str| match typed.list.field(name).map(|field| field.takes) {
        Ok(Takes::Words(open)) if fault.code == Code::Usage.into() => {
            !value.split(',').all(|word| open.named().iter().any(|it| it.eq_ignore_ascii_case(word)))
        }
        Ok(Takes::Instance) => fault.code == Code::InstanceNotFound.into(),
        _ => false,
    };
    let meant = typed.given.iter().find(|(name, value)| is_meant(name, value));
    meant.map(|(name, _)| (name.clone(), parts::sentence(&fault.detail))).into_iter().collect()
}

fn fields(typed: &Typed, here: &str) -> Markup {
    let all = typed.list.fields();
    let shown = |field: &&Field| !matches!(field.takes, Takes::Cursor | Takes::Columns(_)) && field.name != "offset";
    let is_common = |field: &&Field| COMMON.contains(&field.name) && field.group != Group::OneFinding;
    let (mut common, rest): (Vec<&Field>, Vec<&Field>) = all.iter().filter(shown).partition(is_common);
    common.sort_by_key(|field| COMMON.iter().position(|it| *it == field.name));
    let is_wrong = rest.iter().any(|field| typed.why(field.name).is_some());
    html! {
        form.filters role="search" action=(here) {
            // They have a form of their own, and stay what they are.
            @for name in typed.values("columns") { input type="hidden" name="columns" value=(name); }
            @for field in &common { (input(field, typed)) }
            @if !common.is_empty() { button.button.primary { "Filter" } }
            details.more open[is_wrong] {
                summary.button { (if common.is_empty() { "Filters" } else { "More filters" }) }
                div.fields {
                    @for (group, title) in GROUPS {
                        @let of: Vec<&&Field> = rest.iter().filter(|field| field.group == group).collect();
                        @if !of.is_empty() {
                            fieldset {
                                legend { (title) }
                                @for field in of { (input(field, typed)) }
                            }
                        }
                    }
                    button.button.primary { "Filter" }
                }
            }
        }
    }
}

const GROUPS: [(Group, &str); 4] = [
    (Group::Filter, "What it is"),
    (Group::OneFinding, "What one of its findings is"),
    (Group::Scope, "Where it is"),
    (Group::Output, "Order and page"),
];

/// The words that a field takes, if they can be told.
fn words(takes: Takes) -> Option<Vec<&'static str>> {
    match takes {
        Takes::Words(open) => Some(open.named()),
        Takes::OneOf(words) => Some(words.to_vec()),
        Takes::Severities => Some(Severity::ALL.map(Severity::as_str).to_vec()),
        _ => None,
    }
}

fn input(field: &Field, typed: &Typed) -> Markup {
    let (name, values) = (field.name, typed.values(field.name));
    let joined = values.join(",");
    let (label, id) = (label(name), format!("f-{name}"));
    let why = typed.why(name);
    let told = why.map(|_| format!("{id}-wrong"));
    let text = |kind: &str, holder: &str| {
        html! {
            label for=(id) { (label) }
            input id=(id) type=(kind) name=(name) value=(joined) placeholder=(holder) aria-invalid=[why.map(|_| "true")] aria-describedby=[told.as_ref()];
        }
    };
    html! {
        div.entry title=(field.help) {
            @match (field.takes, words(field.takes)) {
                // What is no word has no box, and is still what was typed.
                (_, Some(words)) if why.is_none() => (boxes(name, &label, &words, typed, field.help)),
                (Takes::Flag, _) => label.check for=(id) {
                    input id=(id) type="checkbox" name=(name) value="true" checked[!values.is_empty()];
                    (label)
                },
                (Takes::Choice(words), _) => (choice(field, &id, &label, words, &joined)),
                (Takes::Severity, _) => (choice(field, &id, &label, &Severity::ALL.map(Severity::as_str), &joined)),
                (Takes::Instance, _) => (choice(field, &id, &label, &typed.sources.iter().map(String::as_str).collect::<Vec<_>>(), &joined)),
                _ if matches!(name, "text" | "search") => (text("search", field.help)),
                (takes, _) if takes.is_many() && !takes.is_list() => {
                    // Each of its values is a field of its own.
                    @for value in values.iter().skip(1) { input type="text" name=(name) value=(value) aria-label=(label); }
                    label for=(id) { (label) }
                    input id=(id) type="text" name=(name) value=(values.first().copied().unwrap_or_default()) placeholder=(field.value)
                        aria-invalid=[why.map(|_| "true")] aria-describedby=[told.as_ref()];
                },
                _ if COMMON.contains(&name) => (text("text", field.default.unwrap_or("any"))),
                _ => (text("text", field.value)),
            }
            @if let (Some(why), Some(id)) = (why, &told) { p.wrong id=(id) { (notice::prose(why)) } }
        }
    }
}

/// Words to tick; of those that are not the model's only what was asked for.
fn boxes(name: &str, label: &str, words: &[&str], typed: &Typed, help: &str) -> Markup {
    let (values, facet) = (typed.values(name), typed.facets.iter().find(|it| it.field == name));
    let count = |word: &str| facet?.values.iter().find(|it| it.value == word).map(|it| it.total);
    let asked: Vec<&str> = values.iter().flat_map(|it| it.split(',')).collect();
    let others = asked.iter().copied().filter(|it| !words.iter().any(|word| word.eq_ignore_ascii_case(it)));
    let all: Vec<&str> = words.iter().copied().chain(others).collect();
    html! {
        details.menu.pick {
            summary.button.on[!asked.is_empty()] {
                (label)
                @if !asked.is_empty() { b { (parts::text(&asked.join(", "))) } }
            }
            div {
                fieldset.boxes {
                    legend { (help) }
                    @for word in &all {
                        label.check { input type="checkbox" name=(name) value=(word) checked[asked.iter().any(|it| it.eq_ignore_ascii_case(word))]; (parts::text(word)) @if let Some(count) = count(word) { span.count { (parts::total(count)) } } }
                    }
                }
                button.button.primary { "Filter" }
            }
        }
    }
}

fn choice(field: &Field, id: &str, label: &str, words: &[&str], value: &str) -> Markup {
    // What there is no more of is still what is asked.
    let is_other = !value.is_empty() && !words.contains(&value);
    html! {
        label for=(id) { (label) }
        select id=(id) name=(field.name) {
            option value="" { (field.default.unwrap_or("any")) }
            @if is_other { option value=(value) selected { (parts::text(value)) } }
            @for word in words { option value=(word) selected[*word == value] { (word) } }
        }
    }
}

/// A field's name, for people.
pub(super) fn label(name: &str) -> String {
    // Pages call an instance what it is.
    let name = if name == "instance" { "source" } else { name };
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
    let said = |name: &str| !matches!(name, "cursor" | "offset" | "limit" | "columns");
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
