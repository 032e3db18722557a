//! JSON documents that are written element by element.

use std::io::{self, Write};

use serde_json::Value;

use crate::text;

/// Takes members without a value off objects, however deep: what is not known is
/// not there. In texts, U+FFFD stands for U+0000: databases that readers keep them in
/// refuse that, and with it the whole file.
pub fn pruned(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, pruned(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(pruned).collect()),
        Value::String(text) if text.contains('\0') => Value::String(text.replace('\0', "\u{fffd}")),
        other => other,
    }
}

/// A list; none where it is empty.
pub fn list(values: impl IntoIterator<Item = Value>) -> Option<Value> {
    let values: Vec<Value> = values.into_iter().collect();
    (!values.is_empty()).then_some(Value::Array(values))
}

/// The elements of a list under way, one a line.
#[derive(Default)]
pub struct Elements {
    begun: bool,
}

impl Elements {
    /// Writes the next element.
    pub fn push(&mut self, out: &mut impl Write, value: Value) -> io::Result<()> {
        self.separate(out)?;
        text::json_line(out, &pruned(value))
    }

    /// Begins the next element.
    pub fn separate(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(if self.begun { b",\n" } else { b"\n" })?;
        self.begun = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::pruned;

    #[test]
    fn what_is_not_known_is_not_there_and_no_text_holds_what_databases_refuse() {
        let value = json!({ "a": null, "b": [{ "c": null, "d": "x\u{0}y" }], "e": "" });
        assert_eq!(pruned(value), json!({ "b": [{ "d": "x\u{fffd}y" }], "e": "" }));
    }
}
