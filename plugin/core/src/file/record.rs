//! A record of a file, wrapped with what it needs to be normalized alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What every wrapped record begins with.
const START: &str = "{\"$file\":";

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
}

/// A wrapped record.
#[derive(Debug, Deserialize, Serialize)]
pub struct FileRecord<'a> {
    /// Where it comes from.
    #[serde(borrow, rename = "$file")]
    pub head: FileHead<'a>,
    /// The rule, where the format keeps rules apart from records.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'a RawValue>,
    /// The record, byte for byte.
    #[serde(borrow)]
    pub record: &'a RawValue,
}

impl<'a> FileRecord<'a> {
    /// The text of the wrapped record.
    pub fn to_text(&self) -> String {
        // None of its parts can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a wrapped record; none where the text is not one.
    pub fn read(text: &'a str) -> Option<Self> {
        if !text.starts_with(START) {
            return None;
        }
        serde_json::from_str(text).ok()
    }
}
