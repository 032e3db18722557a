//! Any report at the reader.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::{assert_accounted, files, identities, options};
use crate::read;

/// A value of any type.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop_oneof![
            Just("pkg:npm/%40a/b@1"),
            Just("CVE-2020-12345"),
            Just("file:///%zz/../.."),
            Just("CVSS:3.1/AV:N"),
            Just("2.1.0"),
            Just("[x](1){0}"),
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Counts the values in a value.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum(),
        _ => 0,
    }
}

/// Puts something else at the n-th place.
fn put(value: &mut Value, n: &mut usize, other: &Value) {
    if *n == 0 {
        *value = other.clone();
    }
    *n = n.wrapping_sub(1);
    if *n == usize::MAX {
        return;
    }
    match value {
        Value::Array(list) => {
            for value in list {
                put(value, n, other);
                if *n == usize::MAX {
                    return;
                }
            }
        }
        Value::Object(map) => {
            for value in map.values_mut() {
                put(value, n, other);
                if *n == usize::MAX {
                    return;
                }
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_with_anything_anywhere_is_read_or_refused(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..6),
    ) {
        let files = files();
        let (name, bytes) = &files[file.index(files.len())];
        let mut value: Value = serde_json::from_slice(bytes).unwrap();
        for (at, other) in changes {
            let mut n = at.index(size(&value));
            put(&mut value, &mut n, &other);
        }
        let text = value.to_string().into_bytes();
        let options = options();
        let one = read(&text, &options);
        prop_assert_eq!(&one, &read(&text, &options));
        if let Ok(report) = one {
            assert_accounted(&report, name);
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_refused(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let files = files();
        let (_, bytes) = &files[file.index(files.len())];
        let end = bytes.iter().rposition(|byte| *byte == b'}').unwrap();
        prop_assert!(read(&bytes[..at.index(end)], &options()).is_err());
    }

    #[test]
    fn bytes_of_any_sort_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = read(&bytes, &options());
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn results_in_any_order_are_the_same_findings(seed in any::<u64>()) {
        for (name, bytes) in files().iter().filter(|(name, _)| name.starts_with("sarif")) {
            let mut value: Value = serde_json::from_slice(bytes).unwrap();
            for run in value["runs"].as_array_mut().unwrap().iter_mut().filter(|it| it.is_object()) {
                let Some(results) = run["results"].as_array_mut() else { continue };
                results.sort_by_key(|result| crate::identity::hash([seed.to_string().as_str(), &result.to_string()]));
            }
            let turned = value.to_string().into_bytes();
            let options = options();
            prop_assert_eq!(
                identities(&read(&turned, &options).unwrap()),
                identities(&read(bytes, &options).unwrap()),
                "{}", name
            );
        }
    }
}
