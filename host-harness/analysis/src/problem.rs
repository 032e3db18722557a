//! What a source says that could not be used.

use std::fmt;

use serde::Serialize;

/// Something in a source that could not be used.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// The name of the source: of a file as in what was read from it.
    pub source: String,
    /// The line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}: {}", self.source, self.what),
            None => write!(out, "{}: {}", self.source, self.what),
        }
    }
}

/// At most that many problems of a source are told: a file in a wrong format
/// has one in each of its lines, and the first few tell why.
pub(crate) const MAX_PROBLEMS: usize = 100;

/// Gathers the problems of one source.
pub(crate) struct Problems<'a> {
    pub(crate) source: &'a str,
    told: Vec<Problem>,
    untold: u64,
}

impl<'a> Problems<'a> {
    pub(crate) const fn of(source: &'a str) -> Self {
        Self { source, told: Vec::new(), untold: 0 }
    }

    pub(crate) fn add(&mut self, line: Option<u64>, what: impl Into<String>) {
        if self.told.len() < MAX_PROBLEMS {
            self.told.push(Problem { source: self.source.to_owned(), line, what: what.into() });
        } else {
            self.untold += 1;
        }
    }

    pub(crate) fn into_vec(mut self) -> Vec<Problem> {
        if self.untold > 0 {
            let what = format!("{} further problems", self.untold);
            self.told.push(Problem { source: self.source.to_owned(), line: None, what });
        }
        self.told
    }
}

/// A text from a file, fit to be told: quoted, on one line, not too long.
pub(crate) fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(MAX_CHARS).collect();
    format!("{start:?}{}", if chars.next().is_some() { "…" } else { "" })
}
