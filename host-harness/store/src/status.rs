//! Statuses and severities of findings in SQL. What statuses mean, and which of
//! them are open, is one table for everybody who asks: that of the analysis.

use appsec_analysis::status::TABLE;
use appsec_model::Severity;

/// Whether a finding is open, in SQL over a column `status`. As alternatives and
/// not as a list, so that it is the condition of an index word by word.
pub(crate) const OPEN: &str = "(status = 'open' OR status = 'reviewing' OR status = 'fixing' OR status = 'unknown')";

/// [`rank`](appsec_analysis::status::rank) in SQL, over a column.
pub(crate) fn rank_of(column: &str) -> String {
    let cases = TABLE.iter().map(|row| format!(" WHEN '{}' THEN {}", row.word, row.rank));
    format!("CASE {column}{} ELSE 3 END", cases.collect::<String>())
}

/// The severity of a column.
pub(crate) fn severity(rank: i64) -> Severity {
    Severity::ALL.into_iter().find(|severity| *severity as i64 == rank).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use appsec_analysis::status::{TABLE, is_open, rank};
    use rusqlite::Connection;

    use super::{OPEN, rank_of};

    #[test]
    fn every_place_that_asks_what_is_open_gets_one_answer() {
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
}
