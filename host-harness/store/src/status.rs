//! The statuses of findings: which of them are open, and which of several counts.
//!
//! Everything that asks reads this table: filters, indexes, counts of runs, the
//! guard against mass removal, dashboard, coverage, policies and issues. A status
//! that the contract does not name is kept in the finding's document and counts
//! as `unknown`, which is open: what is not known to be closed is open.

use appsec_model::Status;

/// What the store calls a finding that a complete sync no longer found.
pub const VANISHED: &str = "vanished";

/// A status that no source tells, or that the contract does not name.
const UNKNOWN: &str = "unknown";

/// A status: its word, whether it is open, and its rank. Of several the one with
/// the smallest rank counts.
struct Row {
    word: &'static str,
    open: bool,
    rank: u8,
}

const fn row(word: &'static str, open: bool, rank: u8) -> Row {
    Row { word, open, rank }
}

const TABLE: [Row; 8] = [
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

/// Whether a finding is open, in SQL over a column `status`. As alternatives and
/// not as a list, so that it is the condition of an index word by word.
pub(crate) const OPEN: &str = "(status = 'open' OR status = 'reviewing' OR status = 'fixing' OR status = 'unknown')";

/// The word that the store keeps for a status.
pub(crate) fn word(status: &Status) -> &'static str {
    let word = status.as_str();
    TABLE.iter().find(|row| row.word == word).map_or(UNKNOWN, |row| row.word)
}

/// Whether a finding of that status is open.
pub(crate) fn is_open(status: &str) -> bool {
    TABLE.iter().find(|row| row.word == status).is_none_or(|row| row.open)
}

/// How open a status is: the smaller, the more.
pub(crate) fn rank(status: &str) -> u8 {
    TABLE.iter().find(|row| row.word == status).map_or(3, |row| row.rank)
}

/// [`rank`] in SQL, over a column.
pub(crate) fn rank_of(column: &str) -> String {
    let cases = TABLE.iter().map(|row| format!(" WHEN '{}' THEN {}", row.word, row.rank));
    format!("CASE {column}{} ELSE 3 END", cases.collect::<String>())
}

#[cfg(test)]
mod tests {
    use appsec_model::Status;
    use rusqlite::Connection;

    use super::{ACTIVE, OPEN, TABLE, is_open, rank, rank_of, word};

    #[test]
    fn every_place_that_asks_what_is_open_gets_one_answer() {
        let open: Vec<_> = TABLE.iter().filter(|row| row.open).map(|row| row.word).collect();
        assert_eq!(open, ACTIVE);
        let sql = Connection::open_in_memory().unwrap();
        for row in &TABLE {
            let ask = format!("SELECT {OPEN}, {} FROM (SELECT ?1 AS status)", rank_of("status"));
            let (by_sql, ranked): (bool, u8) =
                sql.query_row(&ask, [row.word], |it| Ok((it.get(0)?, it.get(1)?))).unwrap();
            assert_eq!((by_sql, ranked), (row.open, row.rank), "{}", row.word);
            assert_eq!((is_open(row.word), rank(row.word)), (row.open, row.rank), "{}", row.word);
        }
        // The conditions of indexes are the same text.
        let views = include_str!("schema/views.sql");
        assert_eq!(views.matches("status = 'open'").count(), views.matches(OPEN).count());
        assert_eq!(views.matches(OPEN).count(), 3);
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
