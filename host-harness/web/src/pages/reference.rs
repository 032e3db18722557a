//! The HTTP API for people: the OpenAPI document as a page, with what each operation
//! asks, takes and answers, and the forms of all of it.

use std::{collections::BTreeMap, sync::LazyLock};

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{document, mark, notice::prose};
use crate::answer::{self, Answer};

/// The OpenAPI document, as a test has made it of the routes.
pub(crate) const OPENAPI: &str = include_str!("../../openapi.json");

/// The same, read.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap_or_default());

/// Where the schemas of the document are.
const SCHEMAS: &str = "#/components/schemas/";

pub(crate) async fn page() -> Answer {
    Ok(answer::html(show(&DOCUMENT)))
}

fn show(api: &Value) -> Markup {
    let mut groups: BTreeMap<&str, Vec<(&str, &str, &Value)>> = BTreeMap::new();
    for (path, verbs) in members(api.get("paths")) {
        for (verb, operation) in members(Some(verbs)) {
            groups.entry(group(path)).or_default().push((verb, path, operation));
        }
    }
    let base = text(api.pointer("/servers/0"), "url");
    let schemas = api.pointer("/components/schemas");
    document(
        "HTTP API",
        &html! {
            main.alone.broad id="main" {
                div.brand { (mark()) "harness" }
                div.head {
                    h1 { "HTTP API" }
                    span.sum { "all addresses are below " code { (base) } }
                    div.tools { a.button href={ (base) "/openapi.json" } { "OpenAPI document" } a.button href="/problems" { "Codes of errors" } a.button href="/" { "To the pages" } }
                }
                p { "A program sends a token of one tenant, as " code { "Authorization: Bearer TOKEN" } ". Tokens are made on the page API tokens of a tenant." }
                @for (group, operations) in &groups {
                    section.card {
                        header { h2 { (group) } }
                        @for (verb, path, it) in operations { (operation(verb, path, it)) }
                    }
                }
                section.card {
                    header { h2 { "Forms" } span.muted { "of what is sent and answered" } }
                    @for (name, schema) in members(schemas) { (form(name, schema)) }
                }
            }
        },
    )
}

/// What a path is about: what stands behind the tenant.
fn group(path: &str) -> &str {
    let behind = path.strip_prefix("/tenants/{tenant}/").and_then(|rest| rest.split('/').next());
    behind.unwrap_or("server")
}

fn operation(verb: &str, path: &str, it: &Value) -> Markup {
    let asked = it.get("parameters").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    let sent = content(it.get("requestBody"));
    let answers = members(it.get("responses")).filter(|(status, _)| *status != "default");
    html! {
        details.operation id=(text(Some(it), "operationId")) {
            summary { span.tag.verb { (verb.to_uppercase()) } " " code { (path) } " " span.muted { (text(Some(it), "summary")) } }
            p.muted { (text(Some(it), "description")) }
            @if !asked.is_empty() {
                table.plain {
                    caption.unseen { "What is asked" }
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Where" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
                    tbody { @for it in asked { (parameter(it)) } }
                }
            }
            @for (media, schema) in &sent { p { "Body: " code { (media) } " " (maybe(*schema)) } }
            @for (status, answer) in answers {
                @let answered = content(Some(answer));
                p {
                    "Answer: " code { (status) }
                    @for (media, schema) in &answered { " " code { (media) } " " (maybe(*schema)) }
                    @for (name, _) in members(answer.get("headers")) { ", with " code { (name) } }
                }
            }
        }
    }
}

fn parameter(it: &Value) -> Markup {
    let needed = it.get("required").and_then(Value::as_bool).unwrap_or_default();
    html! {
        tr {
            td { code { (text(Some(it), "name")) } @if needed { span.second { "required" } } }
            td { (text(Some(it), "in")) }
            td { (maybe(it.get("schema"))) }
            td { (prose(text(Some(it), "description"))) }
        }
    }
}

/// A form that has a name, and its members or cases.
fn form(name: &str, schema: &Value) -> Markup {
    html! {
        details.operation id=(name) {
            summary { code { (name) } " " span.muted { (prose(text(Some(schema), "description"))) } }
            @match schema.get("oneOf").and_then(Value::as_array) {
                Some(cases) => @for case in cases {
                    p { (kind(case)) " " span.muted { (prose(text(Some(case), "description"))) } }
                    (rows(case))
                },
                None => {
                    @if schema.get("properties").is_none() { p { (kind(schema)) } }
                    (rows(schema))
                },
            }
        }
    }
}

/// The members of an object, where it has any.
fn rows(schema: &Value) -> Markup {
    let needed: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let rows: Vec<(&str, &Value)> = members(schema.get("properties")).collect();
    html! {
        @if !rows.is_empty() {
            table.plain {
                caption.unseen { "Members" }
                thead { tr { th scope="col" { "Member" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
                tbody {
                    @for (name, it) in rows {
                        tr {
                            td { code { (name) } @if !needed.contains(&name) { span.second { "may be absent" } } }
                            td { (kind(it)) }
                            td { (prose(text(Some(it), "description"))) }
                        }
                    }
                }
            }
        }
    }
}

/// The same, where there may be no schema.
fn maybe(schema: Option<&Value>) -> Markup {
    schema.map(kind).unwrap_or_default()
}

/// What a schema allows, in short.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix(SCHEMAS)) {
        return html! { a.link href={ "#" (name) } { (name) } };
    }
    if let Some(word) = schema.get("const") {
        return html! { code { (word.to_string()) } };
    }
    let words = schema.get("enum").and_then(Value::as_array);
    let ways = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)).and_then(Value::as_array);
    let items = schema.get("items");
    let values = schema.get("additionalProperties").filter(|it| it.is_object());
    html! {
        @if let Some(words) = words {
            @for (at, word) in words.iter().enumerate() { @if at > 0 { ", " } code { (word.as_str().unwrap_or("null")) } }
        } @else if let Some(ways) = ways {
            @for (at, way) in ways.iter().enumerate() { @if at > 0 { " or " } (kind(way)) }
        } @else if let Some(items) = items {
            "list of " (kind(items)) @if types(schema).contains(&"null") { " or null" }
        } @else if let Some(values) = values {
            "map to " (kind(values))
        } @else if types(schema).is_empty() {
            "anything"
        } @else {
            (types(schema).join(" or "))
        }
    }
}

/// The types that a schema names.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The media types of a body or an answer, with their schemas.
fn content(of: Option<&Value>) -> Vec<(&str, Option<&Value>)> {
    members(of.and_then(|it| it.get("content"))).map(|(media, it)| (media, it.get("schema"))).collect()
}

fn members(of: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    of.and_then(Value::as_object).into_iter().flat_map(Map::iter).map(|(name, it)| (name.as_str(), it))
}

fn text<'a>(of: Option<&'a Value>, key: &str) -> &'a str {
    of.and_then(|it| it.get(key)).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{DOCUMENT, kind, members, show};

    #[test]
    fn every_operation_and_every_form_is_on_the_page_and_every_link_leads_somewhere() {
        let page = show(&DOCUMENT).into_string();
        let mut operations = 0;
        for (_, verbs) in members(DOCUMENT.get("paths")) {
            for (_, operation) in members(Some(verbs)) {
                operations += 1;
                assert!(page.contains(&format!("id={}", operation["operationId"])), "{operation}");
            }
        }
        assert!(operations > 50, "{operations}");
        for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
        }
    }

    #[test]
    fn types_are_told_in_short() {
        let told = |schema| {
            let shown = kind(&schema).into_string();
            shown.split('<').map(|part| part.rsplit('>').next().unwrap_or_default()).collect::<String>()
        };
        let nullable = json!({ "anyOf": [{ "$ref": "#/components/schemas/Timestamp" }, { "type": "null" }] });
        assert_eq!(told(nullable), "Timestamp or null");
        assert_eq!(told(json!({ "type": ["array", "null"], "items": { "type": "string" } })), "list of string or null");
        assert_eq!(told(json!({ "type": "object", "additionalProperties": { "type": "integer" } })), "map to integer");
        assert_eq!(told(json!({ "type": "string", "enum": ["open", "closed"] })), "open, closed");
        assert_eq!(told(json!(true)), "anything");
    }
}
