//! The OpenAPI document: made of the table of routes with what their
//! queries hold, and the types that are sent and answered, and held against both by a
//! test.

mod operations;
mod parameter;

use host_harness::ExportFormat;
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use self::operations::{
    Answers::{self, Json, Tagged},
    OPERATIONS, Operation, Sends, of,
};
use crate::{
    answer::Problem,
    table::{API, Route},
};

/// Where the document says that the addresses begin.
const BASE: &str = "/api/v1";

/// The document over a table of routes; what one of them lacks in the other is told.
pub(crate) fn document(table: &[Route], method: impl Fn(&Route) -> String) -> Result<Value, String> {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let problem = of::<Problem<'static>>(&mut generator);
    let mut paths: Map<String, Value> = Map::new();
    let below: Vec<&Route> = table.iter().filter(|route| route.path.starts_with(API)).collect();
    for route in &below {
        let (verb, path) = (method(route).to_lowercase(), route.path.trim_start_matches(BASE));
        let known = OPERATIONS.iter().find(|it| it.verb == verb && it.path == path);
        let operation = known.ok_or_else(|| format!("no operation tells of {verb} {path}"))?;
        let described = describe(operation, route, &mut generator, &problem);
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods.as_object_mut().ok_or("no object")?.insert(verb, described);
    }
    if below.len() != OPERATIONS.len() {
        return Err(format!("{} routes and {} operations", below.len(), OPERATIONS.len()));
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": { "title": "harness", "version": "1", "description": "Findings of security scanners in one store." },
        "servers": [{ "url": BASE }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "An API token of one tenant" } },
            "schemas": generator.take_definitions(true),
        },
    }))
}

fn describe(operation: &Operation, route: &Route, generator: &mut SchemaGenerator, problem: &Schema) -> Value {
    let formats = match operation.answers {
        Answers::Whole(_) => vec!["csv", "json"],
        Answers::Export => ExportFormat::all().map(ExportFormat::as_str).collect(),
        _ => Vec::new(),
    };
    let mut parameters: Vec<Value> = route
        .path
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| {
            let schema = parameter::in_path(name, &formats);
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    parameters.extend(route.query().map(|field| parameter::of(field, route.fields.requires(field))));
    if route.begins {
        let about = "A request with the same key is answered as the first one for a day, and begins nothing";
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "description": about, "required": false, "schema": { "type": "string" } }));
    }
    let changes_tagged = matches!(operation.id, "changeInstance" | "deleteInstance" | "setSchedule" | "removeSchedule");
    // Where no policy is in force, there is nothing to name, and nothing is named.
    let may_be_tagged = matches!(operation.id, "importPolicies" | "removePolicies");
    if changes_tagged || may_be_tagged {
        let schema = json!({ "type": "string" });
        parameters.push(json!({ "name": "If-Match", "in": "header", "required": changes_tagged, "schema": schema }));
    }
    let mut answer = json!({ "description": operation.about });
    let content = match operation.answers {
        Answers::Nothing => None,
        Json(make) | Tagged(make) => Some(json!({ "application/json": { "schema": make(generator) } })),
        Answers::Check(make) => {
            // That of GitLab is a list.
            let either = json!({ "anyOf": [make(generator), { "type": "array" }] });
            let of = |schema: Value| json!({ "schema": schema });
            Some(json!({
                "application/json": of(either),
                "application/sarif+json": of(json!({ "type": "object" })),
                "application/xml": {},
                "text/csv": of(json!({ "type": "string" })),
                "text/plain": of(json!({ "type": "string" })),
            }))
        }
        Answers::Export => Some(json!({ "*/*": {} })),
        Answers::Whole(make) => Some(json!({
            "application/json": { "schema": make(generator) },
            "text/csv": { "schema": { "type": "string" } },
        })),
        Answers::Events => {
            // The schema is that of one event.
            let (event, data) = (json!({ "enum": ["run", "end"] }), json!({ "type": "string" }));
            let one = json!({ "type": "object", "properties": { "event": event, "data": data } });
            Some(json!({ "text/event-stream": { "schema": one } }))
        }
        Answers::Toml => Some(json!({ "text/plain": { "schema": { "type": "string" } } })),
        Answers::Archive => Some(json!({ "application/x-tar": {} })),
        Answers::Document => Some(json!({ "application/json": { "schema": { "type": "object" } } })),
    };
    if let (Some(content), Some(answer)) = (content, answer.as_object_mut()) {
        answer.insert("content".to_owned(), content);
        if matches!(operation.answers, Tagged(_)) {
            answer.insert("headers".to_owned(), json!({ "ETag": { "schema": { "type": "string" } } }));
        }
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.about,
        "description": format!("Needs the permission to {}.", route.needs.as_str()),
        "parameters": parameters,
        "responses": {
            (operation.status.to_string()): answer,
            "default": {
                "description": "A problem (RFC 9457)",
                "content": { "application/problem+json": { "schema": problem } },
            },
        },
    });
    let body = match operation.sends {
        Sends::Nothing => None,
        Sends::Json(make) => Some(json!({ "application/json": { "schema": make(generator) } })),
        Sends::File => Some(json!({ "application/octet-stream": {} })),
        Sends::Toml => Some(json!({ "text/plain": { "schema": { "type": "string" } } })),
    };
    if let (Some(content), Some(described)) = (body, described.as_object_mut()) {
        described.insert("requestBody".to_owned(), json!({ "content": content }));
    }
    described
}
