//! What the query of an operation may hold, as parameters.

use host_harness::query::{Field, Takes};
use serde_json::{Value, json};

use crate::table::MOST;

/// A field of a query, as a parameter.
pub(super) fn of(field: &Field, required: bool) -> Value {
    let text = json!({ "type": "string" });
    let schema = match field.takes {
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Choice(words) => json!({ "type": "string", "enum": words }),
        Takes::OneOf(words) => {
            json!({ "type": "array", "items": { "type": "string", "enum": words } })
        }
        Takes::Whole(most) => {
            let most = if field.name == "limit" { most.min(MOST) } else { most };
            json!({ "type": "integer", "minimum": 0, "maximum": most })
        }
        Takes::Number(most) => json!({ "type": "number", "minimum": 0, "maximum": most }),
        _ if field.takes.is_list() => json!({ "type": "array", "items": text }),
        _ => text,
    };
    let is_list = schema["type"] == "array";
    let mut parameter =
        json!({ "name": field.name, "in": "query", "description": field.help, "required": required, "schema": schema });
    if let (true, Some(parameter)) = (is_list, parameter.as_object_mut()) {
        // With commas between them, or given once more for each.
        let explode = !field.takes.is_list();
        parameter.extend([("style".to_owned(), "form".into()), ("explode".to_owned(), explode.into())]);
    }
    parameter
}

/// What a name in an address is; `formats` are those that an export has.
pub(super) fn in_path(name: &str, formats: &[&str]) -> Value {
    match name {
        "delivery" | "run" | "view" => json!({ "type": "integer" }),
        "format" if !formats.is_empty() => json!({ "type": "string", "enum": formats }),
        _ => json!({ "type": "string" }),
    }
}
