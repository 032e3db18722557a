//! What tells records of a file apart that have no identity of their own.

use appsec_model::Kind;

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
