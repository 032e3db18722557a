//! What tells records of a file apart that have no identity of their own.

use std::hash::{DefaultHasher, Hash, Hasher};

use appsec_model::{Kind, Severity};

/// The little of a record that its identity is made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sketch {
    /// Its kind.
    pub kind: Kind,
    /// Hash of all that stays when lines move: rule, path and message; see
    /// [`identity`](super::identity). Records of one group are numbered together,
    /// whatever their kinds, since the number is part of their ids.
    pub group: u128,
    /// Where it stands in its file, to number records of one group: those that
    /// are suppressed in the code come last, the others by line and column.
    pub position: Position,
    /// Its path as it is in the file, if that is absolute.
    pub absolute: Option<String>,
    /// Whether it shows a credential, as far as the result itself tells.
    pub shows_credentials: bool,
    /// Hash of the vendor's fingerprint, where it could be the key.
    pub fingerprint: Option<u64>,
    /// Hash of its path as it is in the file.
    pub file: u64,
    /// Hash of the id of its rule.
    pub rule: u64,
}

/// A hash of 64 bits, of this run only.
pub fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Where a record stands among those of its group.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Suppressed in the code.
    pub suppressed: bool,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Last column.
    pub end_column: u32,
}

impl Position {
    /// What all formats tell of a result beside its group: where it is, whether
    /// it is suppressed, and how bad it is on the scale of the fewest steps. Of a
    /// supply chain result they tell different places.
    pub fn gist(&self, kind: &Kind, severity: Severity) -> String {
        let Self { suppressed, line, column, end_line, end_column } = self;
        let level = severity.min(Severity::High).as_str();
        let state = if *suppressed { "suppressed" } else { "open" };
        match kind {
            Kind::Sca => format!("{level} {state}"),
            _ => format!("{line}:{column}-{end_line}:{end_column} {level} {state}"),
        }
    }
}
