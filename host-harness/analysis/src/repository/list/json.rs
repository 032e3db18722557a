//! Repositories as JSON: an array, or one a line.

use std::fmt;

use serde::{
    Deserializer as _,
    de::{SeqAccess, Visitor},
};
use serde_json::{Deserializer, Map, Value, value::RawValue};

use super::{Collector, Entry, Field, RepositoryList, field};

/// Bytes of one entry. Providers answer with some kilobytes for each repository;
/// parsed, JSON takes up to a hundred times its size.
const MAX_ENTRY_BYTES: usize = 256 << 10;

impl RepositoryList {
    /// Reads an array of objects, or one object a line, with the fields of this
    /// crate's tables or those that providers' interfaces answer with.
    /// `source` names it in problems.
    pub fn read_json(bytes: &[u8], source: &str) -> Self {
        let mut list = Collector::of(source);
        let Ok(text) = std::str::from_utf8(bytes) else {
            let valid = bytes.iter().take(valid_length(bytes));
            list.problems.add(Some(lines_in(valid) + 1), "not UTF-8");
            return list.into_list();
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim_start().starts_with('[') {
            list.add_array(text);
        } else {
            for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
                list.add_object(line, text);
            }
        }
        list.into_list()
    }
}

impl Collector<'_> {
    /// Keeps what is before the place where an array cannot be read on.
    fn add_array(&mut self, text: &str) {
        let mut elements = Vec::new();
        let mut reader = Deserializer::from_str(text);
        let read = reader.deserialize_seq(Elements(&mut elements)).and_then(|()| reader.end());
        let (mut line, mut counted) = (1, 0);
        for element in elements {
            // The element is a part of the text: how far it is from its start tells the line.
            let at = (element.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            line += lines_in(text.as_bytes().get(counted..at).unwrap_or_default());
            counted = at;
            self.add_object(line, element.get());
        }
        if let Err(error) = read {
            let line = u64::try_from(error.line()).ok().filter(|line| *line > 0);
            self.problems.add(line, "the JSON ends or breaks here: what follows was not read");
        }
    }

    fn add_object(&mut self, line: u64, text: &str) {
        if text.len() > MAX_ENTRY_BYTES {
            self.problems.add(Some(line), format!("an entry of more than {} KiB", MAX_ENTRY_BYTES >> 10));
            return;
        }
        match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(object) => self.add(Some(line), entry(&object)),
            // What a parser says may repeat a value.
            Err(_) => self.problems.add(Some(line), "not a JSON object"),
        }
    }
}

fn lines_in<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    u64::try_from(bytes.into_iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX)
}

fn valid_length(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).err().map_or(bytes.len(), |error| error.valid_up_to())
}

fn entry(object: &Map<String, Value>) -> Entry {
    let mut entry = Entry::default();
    for (name, value) in object {
        let Some((rank, field)) = field(name) else { continue };
        if field == Field::Groups {
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for text in values.iter().filter_map(text_of) {
                entry.add(rank, field, &text);
            }
        } else if let Some(text) = text_of(value) {
            entry.add(rank, field, &text);
        }
    }
    entry
}

/// A value as text; of an object, its name.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(object) => object.get("name").and_then(Value::as_str).map(str::to_owned),
        Value::Null | Value::Array(_) => None,
    }
}

/// Puts the elements of an array into a list as they come.
struct Elements<'a, 'de>(&'a mut Vec<&'de RawValue>);

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(element) = sequence.next_element()? {
            self.0.push(element);
        }
        Ok(())
    }
}
