use proptest::prelude::*;

use super::Table;

/// The rows of a file that comes in pieces of this length, and whether the last
/// one has no end.
fn rows(text: &str, length: usize) -> Result<(Vec<String>, bool), String> {
    let mut table = Table::default();
    let mut rows = Vec::new();
    let mut sink = |row: &str| {
        rows.push(row.to_owned());
        Ok(())
    };
    for piece in text.as_bytes().chunks(length.max(1)) {
        table.feed(piece, &mut sink).map_err(|fault| format!("{fault:?}"))?;
    }
    match table.finish(&mut sink) {
        Ok(true) => Ok((rows, table.is_open())),
        Ok(false) => Err("no header".to_owned()),
        Err(fault) => Err(format!("{fault:?}")),
    }
}

#[test]
fn rows_become_objects_of_the_headers_words() {
    let check = |text: &str, expect: &[&str]| {
        for length in [1, 2, 5, 1000] {
            let (rows, is_open) = rows(text, length).unwrap();
            assert_eq!(rows, expect, "{text}");
            assert_eq!(is_open, !text.ends_with('\n'), "{text}");
        }
    };
    check(
        "Id,Rule Name\n1,a\n2,\"b, \"\"c\"\"\r\nd\"\n",
        &[r#"{"Id":"1","Rule Name":"a"}"#, r#"{"Id":"2","Rule Name":"b, \"c\"\r\nd"}"#],
    );
    check(
        "Findings of acme\r\n\r\n\"Id\",\"Name\"\r\n1,\"a\"\r\n\r\n2,",
        &[r#"{"Id":"1","Name":"a"}"#, r#"{"Id":"2","Name":""}"#],
    );
    check("ID;A;a\n1;x,y;z\n", &[r#"{"ID":"1","A":"x,y"}"#]);
    check("id\tA\n", &[]);
    check("Id,A\n1,x\"y\n", &[r#"{"Id":"1","A":"x\"y"}"#]);
}

#[test]
fn a_damaged_table_is_refused() {
    let check = |text: &str, expect: &str| {
        for length in [1, 3, 1000] {
            assert!(rows(text, length).unwrap_err().contains(expect), "{text}");
        }
    };
    check("hello\nworld\n", "no header");
    check("Identifier,A\n", "no header");
    check("Id\n1\n", "no header");
    check("Id,A\n1,\"a", "in the middle");
    check("Id,A\n1", "in the middle");
    check("Id,A\n1,2,3\n", "row 1 has 3 values");
    check("Id,A\n1,2\n3\n", "row 2 has 1 values");
    check("Id,A\n1,\"2\"3\n", "behind a quote");
    check(&"x\n".repeat(40_000), "neither JSON");
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        cells in proptest::collection::vec(proptest::collection::vec("[a,;\"\r\n é]{0,6}", 3), 0..6), length in 1usize..30,
    ) {
        let mut text = "Id,A,B\n".to_owned();
        let mut expected = Vec::new();
        for row in &cells {
            let quoted: Vec<_> = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            text.push_str(&(quoted.join(",") + "\r\n"));
            expected.push(serde_json::json!({ "Id": row[0], "A": row[1], "B": row[2] }));
        }
        let (rows, _) = rows(&text, length).unwrap();
        let rows: Vec<serde_json::Value> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        prop_assert_eq!(rows, expected);
    }
}
