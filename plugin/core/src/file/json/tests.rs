use proptest::prelude::*;

use super::{Item, Scanner, is_scalar};

/// What the scanner meets in a file that comes in pieces of this length.
fn scan(text: &[u8], length: usize) -> Result<Vec<String>, String> {
    let mut scanner = Scanner::default();
    let mut items = Vec::new();
    let mut sink = |item: Item<'_>| {
        items.push(format!("{item:?}"));
        Ok(())
    };
    for piece in text.chunks(length.max(1)) {
        scanner.feed(piece, &mut sink).map_err(|fault| format!("{fault:?}"))?;
    }
    scanner.finish().map_err(|fault| format!("{fault:?}"))?;
    Ok(items)
}

#[test]
fn values_of_the_outline_are_cut_out_byte_for_byte() {
    let text = br#" {"a":{"results":[1]}, "res\u0075lts" : [ { "b" : "}\"\\]" , "c":[ ] } ,7, "\u00e9", null,{}],"version":"1"}"#;
    insta::assert_snapshot!(scan(text, text.len()).unwrap().join("\n"), @r#"
    Open(Answer)
    Key("a")
    Key("results")
    Open(CliResults)
    Value(CliResults, "{ \"b\" : \"}\\\"\\\\]\" , \"c\":[ ] }")
    Value(CliResults, "7")
    Value(CliResults, "\"\\u00e9\"")
    Value(CliResults, "null")
    Value(CliResults, "{}")
    Close(CliResults)
    Key("version")
    Value(Version, "\"1\"")
    Close(Answer)
    "#);
}

#[test]
fn what_is_no_json_is_refused_wherever_it_stands() {
    for text in [
        r#"{"a":1"#,
        r#"{"a":1]"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{a:1}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":1e}"#,
        r#"{"a":+1}"#,
        r#"{"a":nul}"#,
        r#"{"a":True}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        "{\"a\":\"\n\"}",
        r#"{,}"#,
        r#"{} ]"#,
        r#"{"a":1}}"#,
        r#"{"results":[}"#,
        r#"{"results":[{"a":1}"#,
        r#"[{]}"#,
        "[[]]",
        "[1]",
        "{\"a\":'b'}",
    ] {
        for length in [1, 2, 3, 100] {
            assert!(scan(text.as_bytes(), length).is_err(), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err() || text.starts_with('['), "{text}");
        }
    }
}

#[test]
fn numbers_are_those_of_the_standard() {
    for text in ["0", "-0", "10", "-12.50", "1e5", "1E+05", "2.5e-3", "true", "false", "null"] {
        assert!(is_scalar(text.as_bytes()), "{text}");
    }
    for text in ["", "-", "00", "01", "1.", ".1", "1e", "1e+", "0x1", "1-", "tru", "nulll", "NaN", "--1", "1.e1"] {
        assert!(!is_scalar(text.as_bytes()), "{text}");
    }
}

#[test]
fn values_are_not_nested_without_end() {
    let text = format!("{{\"a\":{}{}}}", "[".repeat(300), "]".repeat(300));
    assert!(scan(text.as_bytes(), 1000).unwrap_err().contains("nested"));
}

/// JSON of any form, with the outline's keys among others.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof![
        Just("results".to_owned()),
        Just("findings".to_owned()),
        Just("runs".to_owned()),
        Just("tool".to_owned()),
        Just("paths".to_owned()),
        Just("scanned".to_owned()),
        "[a-zé\"\\\\\n]{0,9}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f32>().prop_map(Into::into),
        ".{0,40}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_file_is_the_same_in_pieces_of_any_size(value in json(), length in 1usize..40) {
        let text = serde_json::json!({ "results": [value.clone()], "x": value.clone(), "findings": value }).to_string();
        let whole = scan(text.as_bytes(), text.len());
        prop_assert!(whole.is_ok(), "{:?}", whole);
        prop_assert_eq!(whole, scan(text.as_bytes(), length));
    }

    #[test]
    fn whatever_a_library_reads_is_read_and_nothing_else(
        value in json(), at in 0usize..400, byte in prop_oneof![Just(b'"'), Just(b'{'), Just(b','), Just(b'1'), any::<u8>()],
    ) {
        let mut text = serde_json::json!({ "a": value }).to_string().into_bytes();
        let length = text.len();
        text[at % length] = byte;
        prop_assume!(std::str::from_utf8(&text).is_ok());
        // One document: the library reads one, the scanner any number.
        let expected = serde_json::from_slice::<&serde_json::value::RawValue>(&text)
            .is_ok_and(|raw| raw.get().starts_with('{'));
        let scanned = scan(&text, 7);
        if expected {
            prop_assert!(scanned.is_ok(), "{:?} {:?}", scanned, String::from_utf8(text));
        } else if scanned.is_ok() {
            let documents = serde_json::Deserializer::from_slice(&text).into_iter::<&serde_json::value::RawValue>();
            prop_assert!(documents.into_iter().all(|document| document.is_ok()), "{:?}", String::from_utf8(text));
        }
    }
}
