//! In which order findings are shown, and where a page of them goes on.

use std::{fmt, str::FromStr};

use rusqlite::types::Value;
use serde::Serialize;

words! {
    /// In which order findings are shown.
    #[derive(Default)]
    Sort {
        /// Most urgent first.
        #[default]
        Priority = "priority",
        /// Most severe first.
        Severity = "severity",
        /// Newest first: first seen last.
        FirstSeen = "first-seen",
        /// Oldest first: first seen first.
        Age = "age",
        /// Highest CVSS score first; those without one last.
        Cvss = "cvss",
        /// Most likely to be exploited first; those without an EPSS score last.
        Epss = "epss",
        /// Last changed first.
        Changed = "changed",
        /// By the project's name, most urgent first within one.
        Project = "project",
        /// By file and line; those without a file last.
        Path = "path",
    }
}

impl Sort {
    /// What rows are compared by, and whether the largest comes first. The
    /// last one tells any two apart, and is the same in every store.
    pub(crate) const fn keys(self) -> &'static [(&'static str, bool)] {
        match self {
            // The index `findings_by_urgency`.
            Self::Priority => &[
                ("priority", true),
                ("severity", true),
                ("findings.project_id", false),
                ("findings.kind", false),
                ("findings.public_id", false),
            ],
            Self::Severity => &[
                ("severity", true),
                ("priority", true),
                ("findings.project_id", false),
                ("findings.kind", false),
                ("findings.public_id", false),
            ],
            Self::FirstSeen => &[("findings.first_seen_at", true), ("findings.public_id", true)],
            Self::Age => &[("findings.first_seen_at", false), ("findings.public_id", false)],
            // Whole numbers, which a cursor can hold.
            Self::Cvss => &[
                ("CAST(round(coalesce(cvss, -1) * 10) AS INTEGER)", true),
                ("priority", true),
                ("findings.public_id", false),
            ],
            Self::Epss => &[
                ("CAST(round(coalesce(epss, -1) * 1000000) AS INTEGER)", true),
                ("priority", true),
                ("findings.public_id", false),
            ],
            Self::Changed => &[("changed_at", true), ("findings.public_id", true)],
            Self::Project => &[
                ("projects.name", false),
                ("findings.project_id", false),
                ("priority", true),
                ("severity", true),
                ("findings.kind", false),
                ("findings.public_id", false),
            ],
            Self::Path => &[
                ("(path IS NULL)", false),
                ("coalesce(path, '')", false),
                ("coalesce(start_line, 0)", false),
                ("findings.public_id", false),
            ],
        }
    }

    /// Whether the index `findings_by_urgency` holds all of its keys.
    pub(crate) const fn is_covered(self) -> bool {
        !matches!(self, Self::Project | Self::Path | Self::Cvss | Self::Epss)
    }
}

/// Behind which row a page begins. Stays where it is when rows before it come
/// or go.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    pub(crate) sort: Sort,
    pub(crate) reverse: bool,
    /// What tells the filter of its list from others; nothing where nobody says.
    of: u32,
    pub(crate) keys: Vec<Value>,
}

impl Cursor {
    pub(crate) const fn behind(sort: Sort, reverse: bool, keys: Vec<Value>) -> Self {
        Self { sort, reverse, of: 0, keys }
    }

    /// The same place, in the list of this filter and no other.
    #[must_use]
    pub fn within(self, filter: u32) -> Self {
        Self { of: filter, ..self }
    }

    /// Whether it is a place in the list of this filter.
    pub const fn is_of(&self, filter: u32) -> bool {
        self.of == filter
    }
}

/// A text is no cursor.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid cursor: give the `next_cursor` of the previous page")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.iter().map(|key| match key {
            Value::Integer(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            _ => serde_json::Value::Null,
        });
        let parts = [self.sort.as_str().into(), self.reverse.into(), self.of.into()].into_iter().chain(keys);
        out.write_str(&data_encoding::HEXLOWER.encode(serde_json::Value::from_iter(parts).to_string().as_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok().ok_or(CursorError)?;
        let parts: Vec<serde_json::Value> = serde_json::from_slice(&bytes).map_err(|_| CursorError)?;
        let [sort, reverse, of, keys @ ..] = parts.as_slice() else { return Err(CursorError) };
        let sort: Sort = sort.as_str().and_then(|word| word.parse().ok()).ok_or(CursorError)?;
        let keys = keys.iter().map(|key| match key {
            serde_json::Value::String(text) => Some(Value::Text(text.clone())),
            other => other.as_i64().map(Value::Integer),
        });
        let keys = keys.collect::<Option<Vec<Value>>>().ok_or(CursorError)?;
        if keys.len() != sort.keys().len() {
            return Err(CursorError);
        }
        let of = of.as_u64().and_then(|of| u32::try_from(of).ok()).ok_or(CursorError)?;
        Ok(Self { sort, reverse: reverse.as_bool().ok_or(CursorError)?, of, keys })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Cursor {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "Opaque: pass it back unchanged." })
    }
}
