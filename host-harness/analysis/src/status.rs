//! The statuses of findings: which of them are open, and which of several counts.
//!
//! Everything that asks reads this table: filters, indexes, counts of runs, the
//! guard against mass removal, dashboard, coverage, policies and issues. A status
//! that the contract does not name is kept in the finding's document and counts
//! as `unknown`, which is open: what is not known to be closed is open.

use appsec_model::Status;

/// What a finding is called that a complete sync no longer found.
pub const VANISHED: &str = "vanished";

/// A status that no source tells, or that the contract does not name.
const UNKNOWN: &str = "unknown";

/// A status: its word, whether it is open, and its rank. Of several the one with
/// the smallest rank counts.
pub struct Row {
    /// The word.
    pub word: &'static str,
    /// Whether a finding of it is open.
    pub open: bool,
    /// Its rank among those of one thing.
    pub rank: u8,
}

const fn row(word: &'static str, open: bool, rank: u8) -> Row {
    Row { word, open, rank }
}

/// Every status that a finding can be kept with.
pub const TABLE: [Row; 8] = [
    row("open", true, 0),
    row("reviewing", true, 1),
    row("fixing", true, 2),
    row(UNKNOWN, true, 3),
    row("provisionally-ignored", false, 5),
    row("ignored", false, 6),
    row("fixed", false, 7),
    row(VANISHED, false, 8),
];

/// The open ones.
pub const ACTIVE: [&str; 4] = ["open", "reviewing", "fixing", UNKNOWN];

/// The word that is kept for a status.
pub fn word(status: &Status) -> &'static str {
    let word = status.as_str();
    TABLE.iter().find(|row| row.word == word).map_or(UNKNOWN, |row| row.word)
}

/// Whether a finding of that status is open.
pub fn is_open(status: &str) -> bool {
    TABLE.iter().find(|row| row.word == status).is_none_or(|row| row.open)
}

/// How open a status is: the smaller, the more.
pub fn rank(status: &str) -> u8 {
    TABLE.iter().find(|row| row.word == status).map_or(3, |row| row.rank)
}

#[cfg(test)]
mod tests {
    use appsec_model::Status;

    use super::{ACTIVE, TABLE, is_open, rank, word};

    #[test]
    fn the_active_statuses_are_the_open_ones() {
        let open: Vec<_> = TABLE.iter().filter(|row| row.open).map(|row| row.word).collect();
        assert_eq!(open, ACTIVE);
    }

    #[test]
    fn a_status_that_the_contract_does_not_name_counts_as_unknown() {
        assert_eq!(word(&Status::from("suspicious".to_owned())), "unknown");
        for named in Status::NAMED {
            assert_eq!(word(named), named.as_str());
        }
        assert!(is_open("suspicious"));
        assert_eq!(rank("suspicious"), rank("unknown"));
    }
}
