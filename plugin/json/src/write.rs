//! Writes JSON.

use serde_json::Value;

/// A text as JSON.
pub fn quote(text: &str) -> String {
    // A text can always be written.
    serde_json::to_string(text).unwrap_or_default()
}

/// An object as JSON, without the fields that are none. The names need no escapes,
/// and the values are JSON.
pub fn write(fields: &[(&str, Option<String>)]) -> String {
    let mut text = String::from("{");
    for (name, value) in fields {
        let Some(value) = value else { continue };
        if text.len() > 1 {
            text.push(',');
        }
        for part in ["\"", name, "\":", value] {
            text.push_str(part);
        }
    }
    text.push('}');
    text
}

/// A value as JSON.
pub fn text(value: &Value) -> String {
    // It can always be written. Not by `Display`, which has a form for people, too.
    serde_json::to_string(value).unwrap_or_default()
}
