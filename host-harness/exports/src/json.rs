//! JSON documents that are written element by element.

use std::io::{self, Write};

use serde_json::Value;

use crate::text;

/// Takes members without a value off objects, however deep: what is not known is
/// not there.
pub fn pruned(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, pruned(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(pruned).collect()),
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
