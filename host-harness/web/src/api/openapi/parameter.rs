//! What the query of an operation may hold.

use host_harness::query::{Field, Takes};
use serde_json::{Value, json};

/// What an operation that is no list takes.
pub(super) fn of_query(id: &str) -> impl Iterator<Item = Value> {
    let names: &[&str] = match id {
        "listMappings" => &["instance", "state"],
        "suggestMappings" => &["instance"],
        "listPolicyResults" => &["policy", "finding", "issue", "limit"],
        "listRepositories" => &["search"],
        "importRepositories" => &["replace"],
        "listAudit" => &["limit"],
        "listDeliveries" => &["instance", "limit"],
        "importFile" => &["source", "project", "ref", "complete"],
        "importAdvisories" => &["name"],
        _ => &[],
    };
    names.iter().map(|name| {
        let required = matches!(*name, "source" | "name");
        let schema = match *name {
            "complete" | "replace" => json!({ "type": "boolean" }),
            "limit" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            _ => json!({ "type": "string" }),
        };
        json!({ "name": name, "in": "query", "required": required, "schema": schema })
    })
}

/// A field of a list, as a parameter.
pub(super) fn of(field: &Field) -> Value {
    let text = json!({ "type": "string" });
    let schema = match field.takes {
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Choice(words) => json!({ "type": "string", "enum": words }),
        Takes::OneOf(words) => {
            json!({ "type": "array", "items": { "type": "string", "enum": words } })
        }
        Takes::Whole(most) => json!({ "type": "integer", "minimum": 0, "maximum": most }),
        Takes::Number(most) => json!({ "type": "number", "minimum": 0, "maximum": most }),
        _ if field.takes.is_list() => json!({ "type": "array", "items": text }),
        _ => text,
    };
    let is_list = schema["type"] == "array";
    let mut parameter =
        json!({ "name": field.name, "in": "query", "description": field.help, "required": false, "schema": schema });
    if let (true, Some(parameter)) = (is_list, parameter.as_object_mut()) {
        // With commas between them, or given once more for each.
        let explode = !field.takes.is_list();
        parameter.extend([("style".to_owned(), "form".into()), ("explode".to_owned(), explode.into())]);
    }
    parameter
}
