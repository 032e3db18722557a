//! Views over a tenant's findings, as a person at a terminal asks for them.

use crate::support::{Desk, shape};

fn synced() -> Desk {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.ok(&["sync"]);
    desk
}

#[test]
fn each_view_has_the_columns_of_its_kind() {
    let desk = synced();
    let shown = |arguments: &[&str]| desk.shown(arguments);
    insta::assert_snapshot!(shown(&["vulnerabilities", "--limit", "4", "--fix-available", "--sort", "project"]));
    insta::assert_snapshot!(shown(&["weaknesses", "--limit", "4", "--top25", "--sort", "path"]));
    insta::assert_snapshot!(shown(&["secrets"]), @"No secrets.");
    let coverage = shown(&["coverage"]);
    let never = coverage.lines().find(|line| line.contains("Acme-Labs/shop-console")).unwrap();
    assert!(never.contains("never scanned"), "{coverage}");
}

#[test]
fn pages_csv_and_counts_agree() {
    let desk = synced();
    let whole = desk.json(&["vulnerabilities", "--limit", "100000"]);
    let ids = |list: &serde_json::Value| {
        let rows = list["findings"].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = ids(&whole);
    assert_eq!((whole["total"].as_u64(), whole["total_is"].as_str()), (Some(all.len() as u64), Some("exact")));
    let first = desk.json(&["vulnerabilities", "--limit", "20"]);
    let cursor = first["next"].as_str().unwrap();
    let second = desk.json(&["vulnerabilities", "--limit", "20", "--after", cursor]);
    assert_eq!([ids(&first), ids(&second)].concat(), all[..40]);

    let csv = desk.ok(&["vulnerabilities", "--limit", "100000", "--csv"]);
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert!(lines[0].starts_with("id,priority,severity,"), "{}", lines[0]);
    assert!(lines[1].starts_with(&all[0]), "{}", lines[1]);

    let dashboard = desk.json(&["dashboard", "--kind", "sca"]);
    assert_eq!(dashboard["open"], whole["total"]);
    assert_eq!(dashboard["days"].as_array().unwrap().last().unwrap()["open"], whole["total"]);
    let shown = desk.ok(&["dashboard"]);
    assert!(shown.contains("Reachable: ") && shown.contains("CWE Top 25 of "), "{shown}");

    let wrong = desk.run(&["findings", "--sort", "path", "--after", cursor]);
    assert_eq!((wrong.code, wrong.stderr.contains("another order")), (1, true), "{}", wrong.stderr);
}
