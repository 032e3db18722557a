//! How issues are listed.

use appsec_model::Kind;
use serde_json::json;

use super::{contexts, sca};
use crate::issues::{IssueFilter, page};

#[test]
fn a_package_is_shown_at_the_file_of_its_most_urgent_finding() {
    let [one, other] = contexts();
    let at_file = |title: &str, severity: &str, path: &str| {
        let mut finding = sca(title, "lodash", "1", &["CVE-1"]);
        finding["severity"] = json!(severity);
        finding["location"] = json!({ "path": path });
        finding
    };
    let place = || {
        let (rows, _) =
            one.store.with(|store| store.issues(&IssueFilter { limit: 9, ..IssueFilter::default() })).unwrap();
        (rows[0].place(), rows[0].package_and_versions())
    };
    let package = Some("lodash".to_owned());
    one.bring(Kind::Sca, &[sca("no file", "lodash", "1", &["CVE-1"])], 10);
    assert_eq!(place(), ("lodash".to_owned(), package.clone()));
    other.bring(Kind::Sca, &[at_file("a", "low", "a.lock"), at_file("b", "high", "b.lock")], 20);
    assert_eq!(place(), ("b.lock".to_owned(), package.clone()));
    let found = |path: &str| {
        let filter = IssueFilter { path: Some(path.to_owned()), limit: 9, ..IssueFilter::default() };
        one.store.with(|store| store.issues(&filter)).unwrap().1
    };
    assert_eq!(["A.lock", "b.lock", "lodash"].map(found), [1, 1, 0]);
    other.bring(Kind::Sca, &[at_file("a", "low", "a.lock")], 30);
    assert_eq!(place(), ("a.lock".to_owned(), package));
}

#[test]
fn the_first_page_is_read_off_an_index() {
    let [one, _] = contexts();
    let plan = |filter: &IssueFilter| -> Vec<String> {
        let conditions = filter.conditions();
        let sql = page(filter, &conditions);
        one.store.with(|store| {
            let mut statement = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut parameters: Vec<&dyn rusqlite::ToSql> = conditions.parameters.iter().map(AsRef::as_ref).collect();
            parameters.extend([&filter.limit as &dyn rusqlite::ToSql, &filter.offset]);
            let rows = statement.query_map(parameters.as_slice(), |row| row.get("detail")).unwrap();
            rows.map(Result::unwrap).collect()
        })
    };
    let usual = IssueFilter { open: Some(true), security: Some(true), limit: 50, ..IssueFilter::default() };
    insta::assert_snapshot!(plan(&usual).join("\n"), @r"
    CO-ROUTINE (subquery-1)
    SEARCH issues USING COVERING INDEX issues_open (open=? AND security=?)
    USE TEMP B-TREE FOR LAST TERM OF ORDER BY
    SCAN (subquery-1)
    SEARCH issues USING INTEGER PRIMARY KEY (rowid=?)
    SEARCH repositories USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    SEARCH projects USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    USE TEMP B-TREE FOR ORDER BY
    ");
    insta::assert_snapshot!(plan(&IssueFilter { limit: 50, ..IssueFilter::default() }).join("\n"), @r"
    CO-ROUTINE (subquery-1)
    SCAN issues USING COVERING INDEX issues_by_priority
    USE TEMP B-TREE FOR LAST TERM OF ORDER BY
    SCAN (subquery-1)
    SEARCH issues USING INTEGER PRIMARY KEY (rowid=?)
    SEARCH repositories USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    SEARCH projects USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    USE TEMP B-TREE FOR ORDER BY
    ");
}
