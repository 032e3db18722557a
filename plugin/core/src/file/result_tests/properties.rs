//! What holds for any input.

use std::sync::LazyLock;

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::{cut, files, fixtures, keys, read, read_cut};
use crate::file::{cli, sarif};

/// The fixtures of both formats.
static FILES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folders = ["cli", "sarif"].into_iter();
    let files = folders.flat_map(|folder| files(&fixtures().join(folder)));
    files.map(|(_, text)| serde_json::from_str(&text).unwrap()).collect()
});

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "(CVE-|GHSA-|CWE-|OWASP-A|%|\\./|é|[0-9]{1,6}|-|:){1,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The pointers of all parts of a value.
fn pointers(value: &Value, pointer: &str, all: &mut Vec<String>) {
    let mut part = |key: &str, part: &Value| {
        let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers(part, &pointer, all);
        all.push(pointer);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, field)| part(key, field)),
        Value::Array(elements) => elements.iter().enumerate().for_each(|(at, it)| part(&at.to_string(), it)),
        _ => {}
    }
}

/// Moves every line down.
fn shift(value: &mut Value, by: u64) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                match field.as_u64() {
                    Some(line) if matches!(key.as_str(), "line" | "startLine" | "endLine") && line > 0 => {
                        *field = json!(line + by);
                    }
                    _ => shift(field, by),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| shift(element, by)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_part_may_be_anything(which: Index, part: Index, with in any_json()) {
        let mut file = which.get(&FILES).clone();
        let mut parts = Vec::new();
        for list in ["/results", "/runs/0/results", "/runs/0/tool/driver/rules"] {
            pointers(file.pointer(list).unwrap_or(&Value::Null), list, &mut parts);
        }
        let pointer: &String = part.get(&parts);
        *file.pointer_mut(pointer).unwrap() = with;
        let normalized = read(&file, Some("main"));
        let unused = normalized.diagnostics.iter().filter(|it| it.level == appsec_model::DiagnosticLevel::Error);
        prop_assert_eq!(normalized.findings.len() + unused.count(), cut(&file).len());
        prop_assert_eq!(read(&file, Some("main")), normalized);
    }

    #[test]
    fn any_result_is_answered(result in any_json(), rule in any_json(), is_cli: bool) {
        let cut = [(result.to_string(), Some(rule.to_string()))];
        let normalized = read_cut(is_cli, &cut, Some("1.98.0"), None);
        prop_assert_eq!(normalized.findings.len() + normalized.diagnostics.len().min(1), 1);
    }

    #[test]
    fn inserted_lines_change_no_key(which: Index, by in 1u64..100_000) {
        let file = which.get(&FILES);
        let mut moved = file.clone();
        shift(&mut moved, by);
        prop_assert_eq!(keys(&moved), keys(file));
    }

    #[test]
    fn a_result_has_one_sketch_in_both_formats(
        rule in "[a-z.-]{1,20}", path in "[a-zA-Z0-9_./ é\\\\-]{1,30}", message: String,
        place: [u32; 4], suppressed: bool,
    ) {
        let [line, column, end_line, end_column] = place;
        let json = json!({
            "check_id": rule, "path": path, "start": {"line": line, "col": column, "offset": -1},
            "end": {"line": end_line, "col": end_column}, "extra": {"message": message, "is_ignored": suppressed},
        });
        let region = json!({
            "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column,
        });
        let sarif = json!({
            "ruleId": rule, "message": {"text": message},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": path}, "region": region}}],
            "suppressions": if suppressed { json!([{"kind": "inSource"}]) } else { Value::Null },
        });
        let of_json = cli::sketch(&json.to_string(), None, &mut cli::Credentials::default());
        let of_sarif = sarif::sketch(&sarif.to_string(), None, None);
        prop_assert_eq!(of_json.map(|it| (it.group, it.position)), of_sarif.map(|it| (it.group, it.position)));
    }
}
