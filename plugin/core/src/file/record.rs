//! A record of a file, wrapped with what it needs to be normalized alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::from_text;

/// What every wrapped record begins with.
const START: &str = "{\"$file\":";

/// What stands before the rule.
const RULE: &str = ",\"rule\":";

/// What stands before the record.
const RECORD: &str = ",\"record\":";

/// Where a record comes from.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileHead<'a> {
    /// Name of the file's format.
    #[serde(borrow)]
    pub format: Cow<'a, str>,
    /// Version of the tool that wrote the file, where it says.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Cow<'a, str>>,
    /// The branch that was scanned, where the host said so.
    #[serde(borrow, default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub ref_: Option<Cow<'a, str>>,
    /// Which one it is of the file's records of the same sketch, from 0 in the
    /// order of their positions.
    #[serde(default)]
    pub ordinal: u32,
    /// The folder of the project on the machine of the scan, where paths are absolute.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Cow<'a, str>>,
    /// The group of a result that shows a credential: what it was made of is not kept.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Cow<'a, str>>,
    /// Whether other results of the file have the vendor's fingerprint of this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

impl FileHead<'_> {
    /// The group, where it is not made of the record.
    pub fn group(&self) -> Option<u128> {
        u128::from_str_radix(self.group.as_deref()?, 16).ok()
    }
}

/// A wrapped record.
#[derive(Debug)]
pub struct FileRecord<'a> {
    /// Where it comes from.
    pub head: FileHead<'a>,
    /// The rule, where the format keeps rules apart from records.
    pub rule: Option<&'a str>,
    /// The record, byte for byte.
    pub record: &'a str,
}

/// A wrapped record in any order of its parts.
#[derive(Deserialize)]
struct Loose<'a> {
    #[serde(borrow, rename = "$file")]
    head: FileHead<'a>,
    #[serde(borrow, default)]
    rule: Option<&'a RawValue>,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl<'a> FileRecord<'a> {
    /// The text of the wrapped record. Rule and record are JSON already.
    pub fn to_text(&self) -> String {
        // None of its parts can fail to be written.
        let head = serde_json::to_string(&self.head).unwrap_or_default();
        let rule = self.rule.map_or(0, |rule| RULE.len() + rule.len());
        let mut text = String::with_capacity(START.len() + head.len() + rule + RECORD.len() + self.record.len() + 1);
        text.push_str(START);
        text.push_str(&head);
        if let Some(rule) = self.rule {
            text.push_str(RULE);
            text.push_str(rule);
        }
        text.push_str(RECORD);
        text.push_str(self.record);
        text.push('}');
        text
    }

    /// Reads a wrapped record; none where the text is not one.
    pub fn read(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(START)?;
        Self::read_written(rest).or_else(|| {
            let Loose { head, rule, record } = from_text(text).ok()?;
            Some(Self { head, rule: rule.map(RawValue::get), record: record.get() })
        })
    }

    /// Reads what stands behind the start of a record that [`Self::to_text`]
    /// wrote: the record itself, most of it, is not looked into here.
    fn read_written(rest: &'a str) -> Option<Self> {
        let (head, rest) = first(rest)?;
        let (rule, rest) = match rest.strip_prefix(RULE) {
            Some(rest) => first::<&RawValue>(rest).map(|(rule, rest)| (Some(rule.get()), rest))?,
            None => (None, rest),
        };
        let record = rest.strip_prefix(RECORD)?.strip_suffix('}')?;
        Some(Self { head, rule, record })
    }
}

/// The JSON value that a text begins with, and the rest of it.
fn first<'a, T: Deserialize<'a>>(text: &'a str) -> Option<(T, &'a str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..)?))
}

#[cfg(test)]
mod tests {
    use super::{FileHead, FileRecord};

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        for rule in [None, Some("{\"id\":\"a } b\"}")] {
            let head = FileHead {
                format: "any".into(),
                tool: Some("x \"1\"".into()),
                ref_: None,
                ordinal: 3,
                root: None,
                group: None,
                shared: true,
            };
            let written = FileRecord { head: head.clone(), rule, record: "{\"a\":[1, 2]}" };
            let text = written.to_text();
            let read = FileRecord::read(&text).unwrap();
            assert_eq!((read.head, read.rule, read.record), (head, rule, "{\"a\":[1, 2]}"));
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }

    #[test]
    fn a_record_is_read_in_any_order_of_its_parts() {
        let read = FileRecord::read(r#"{"$file":{"format":"any"}, "record": [1], "rule": {"id":1}}"#).unwrap();
        assert_eq!((read.rule, read.record), (Some("{\"id\":1}"), "[1]"));
    }
}
