//! Why a text cannot be read, in the words of `serde_json`.

use std::fmt;

use serde_json::Value;

use crate::{Reader, syntax};

/// What went wrong, as far as the reader remembers it.
#[derive(Clone, Copy, Debug)]
pub enum Problem {
    /// The text is not JSON.
    Syntax,
    /// The value at a place is of another type than what is expected.
    Type { at: usize, expected: &'static str },
    /// The value at a place is not one of what is expected.
    Value { at: usize, expected: &'static str },
    /// A field is there twice.
    Duplicate(&'static str),
    /// A field is not there.
    Missing(&'static str),
}

/// Why a text cannot be read, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    what: String,
    line: usize,
    column: usize,
    is_eof: bool,
}

impl Error {
    /// What is wrong, without the place.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The bytes of the line that were read.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Whether the text is the beginning of one that could be read.
    pub fn is_eof(&self) -> bool {
        self.is_eof
    }

    #[inline(never)]
    pub(crate) fn new(text: &str, end: usize, problem: &Problem) -> Self {
        let (what, end) = match *problem {
            Problem::Syntax => return Self::syntax(text),
            Problem::Duplicate(name) => (format!("duplicate field `{name}`"), end),
            Problem::Missing(name) => (format!("missing field `{name}`"), end),
            Problem::Type { at, expected } | Problem::Value { at, expected } => {
                let is_type = matches!(problem, Problem::Type { .. });
                let rest = text.get(at..).unwrap_or_default();
                let (found, end) = match rest.bytes().next() {
                    // What is in it was not looked at.
                    Some(b'[') => ("sequence".to_owned(), at),
                    Some(b'{') => ("map".to_owned(), at),
                    _ => {
                        let Ok(value) = Reader::new(rest).raw() else { return Self::syntax(text) };
                        let Ok(parsed) = crate::from_str::<Value>(value) else { return Self::syntax(text) };
                        (shown(&parsed, !is_type), at + value.len())
                    }
                };
                let sort = if is_type { "type" } else { "value" };
                (format!("invalid {sort}: {found}, expected {expected}"), end)
            }
        };
        Self::at(text, end, what)
    }

    fn syntax(text: &str) -> Self {
        let (what, end) = syntax::fault(text).unwrap_or(("not JSON", 0));
        Self { is_eof: what.starts_with("EOF"), ..Self::at(text, end, what.to_owned()) }
    }

    fn at(text: &str, end: usize, what: String) -> Self {
        // A fault may lie in the middle of a letter.
        let before = text.as_bytes().get(..end).unwrap_or_default();
        let last = before.rsplit(|byte| *byte == b'\n').next();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Self { what, line, column: last.map_or(0, <[u8]>::len), is_eof: false }
    }
}

/// A value, as an error shows it. Numbers in texts are numbers where those are
/// expected.
fn shown(value: &Value, takes_texts: bool) -> String {
    match value {
        Value::Bool(value) => format!("boolean `{value}`"),
        Value::Number(number) if number.is_f64() => format!("floating point `{number}`"),
        Value::Number(number) => format!("integer `{number}`"),
        Value::String(text) => match text.parse::<u64>() {
            Ok(number) if takes_texts => format!("integer `{number}`"),
            _ => format!("string {text:?}"),
        },
        _ => "null".to_owned(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at line {} column {}", self.what, self.line, self.column)
    }
}

impl std::error::Error for Error {}
