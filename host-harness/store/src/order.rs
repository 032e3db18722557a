//! In which order findings are shown, and where a page of them goes on.

use std::{fmt, str::FromStr};

use rusqlite::types::Value;
use serde::Serialize;

/// In which order findings are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// Most urgent first.
    #[default]
    Priority,
    /// Most severe first.
    Severity,
    /// Newest first: first seen last.
    FirstSeen,
    /// Oldest first: first seen first.
    Age,
    /// Highest CVSS score first; those without one last.
    Cvss,
    /// Most likely to be exploited first; those without an EPSS score last.
    Epss,
    /// Last changed first.
    Changed,
    /// By the project's name, most urgent first within one.
    Project,
    /// By file and line; those without a file last.
    Path,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Priority,
        Self::Severity,
        Self::FirstSeen,
        Self::Age,
        Self::Cvss,
        Self::Epss,
        Self::Changed,
        Self::Project,
        Self::Path,
    ];

    /// The word of the case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Severity => "severity",
            Self::FirstSeen => "first-seen",
            Self::Age => "age",
            Self::Cvss => "cvss",
            Self::Epss => "epss",
            Self::Changed => "changed",
            Self::Project => "project",
            Self::Path => "path",
        }
    }

    /// What rows are compared by, and whether the largest comes first. The
    /// last one tells any two apart.
    pub(crate) const fn keys(self) -> &'static [(&'static str, bool)] {
        match self {
            // The index `findings_by_urgency`.
            Self::Priority => &[
                ("priority", true),
                ("severity", true),
                ("findings.project_id", false),
                ("findings.kind", false),
                ("findings.id", false),
            ],
            Self::Severity => &[
                ("severity", true),
                ("priority", true),
                ("findings.project_id", false),
                ("findings.kind", false),
                ("findings.id", false),
            ],
            Self::FirstSeen => &[("findings.first_seen_at", true), ("findings.id", true)],
            Self::Age => &[("findings.first_seen_at", false), ("findings.id", false)],
            // Whole numbers, which a cursor can hold.
            Self::Cvss => {
                &[("CAST(round(coalesce(cvss, -1) * 10) AS INTEGER)", true), ("priority", true), ("findings.id", false)]
            }
            Self::Epss => &[
                ("CAST(round(coalesce(epss, -1) * 1000000) AS INTEGER)", true),
                ("priority", true),
                ("findings.id", false),
            ],
            Self::Changed => &[("changed_at", true), ("findings.id", true)],
            Self::Project => &[
                ("projects.name", false),
                ("findings.project_id", false),
                ("priority", true),
                ("severity", true),
                ("findings.kind", false),
                ("findings.id", false),
            ],
            Self::Path => &[
                ("(path IS NULL)", false),
                ("coalesce(path, '')", false),
                ("coalesce(start_line, 0)", false),
                ("findings.id", false),
            ],
        }
    }

    /// Whether the index `findings_by_urgency` holds all of its keys.
    pub(crate) const fn is_covered(self) -> bool {
        !matches!(self, Self::Project | Self::Path | Self::Cvss | Self::Epss)
    }
}

impl FromStr for Sort {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|sort| sort.as_str() == word);
        found.ok_or_else(|| format!("one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// Behind which row a page begins. Stays where it is when rows before it come
/// or go.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    pub(crate) sort: Sort,
    pub(crate) reverse: bool,
    pub(crate) keys: Vec<Value>,
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
        let parts = [self.sort.as_str().into(), self.reverse.into()].into_iter().chain(keys);
        out.write_str(&data_encoding::HEXLOWER.encode(serde_json::Value::from_iter(parts).to_string().as_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok().ok_or(CursorError)?;
        let parts: Vec<serde_json::Value> = serde_json::from_slice(&bytes).map_err(|_| CursorError)?;
        let [sort, reverse, keys @ ..] = parts.as_slice() else { return Err(CursorError) };
        let sort: Sort = sort.as_str().and_then(|word| word.parse().ok()).ok_or(CursorError)?;
        let keys = keys.iter().map(|key| match key {
            serde_json::Value::String(text) => Some(Value::Text(text.clone())),
            other => other.as_i64().map(Value::Integer),
        });
        let keys = keys.collect::<Option<Vec<Value>>>().ok_or(CursorError)?;
        if keys.len() != sort.keys().len() {
            return Err(CursorError);
        }
        Ok(Self { sort, reverse: reverse.as_bool().ok_or(CursorError)?, keys })
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
