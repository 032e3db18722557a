//! What holds for any input.

use std::sync::LazyLock;

use appsec_model::{Kind, Normalized, RawInput, RawRecord};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::{endpoints, files, normalize_file};
use crate::{normalize, settings::KINDS};

/// The records of the fixtures, with their kinds.
static FIXTURES: LazyLock<Vec<RawRecord>> = LazyLock::new(|| {
    let mut records = Vec::new();
    for (name, content) in files("fixtures/api/findings").unwrap_or_default() {
        let (Ok(normalized), Ok(page)) = (normalize_file(&name, &content), serde_json::from_slice::<Value>(&content))
        else {
            continue;
        };
        let bodies = page["findings"].as_array().cloned().unwrap_or_default();
        records.extend(normalized.findings.iter().filter_map(|finding| {
            let body = bodies.get(finding.index as usize)?.to_string();
            Some(RawRecord {
                kind: finding.kind.clone(),
                id: Some(finding.id.clone()),
                project: None,
                body,
                gist: None,
            })
        }));
    }
    for (_, mut others) in endpoints::records("secrets").into_iter().chain(endpoints::records("dependencies")) {
        others.retain(|record| outputs(&run(vec![record.clone()])) == 1);
        records.extend(others);
    }
    records
});

/// How many records became something.
fn outputs(normalized: &Normalized) -> usize {
    normalized.findings.len() + normalized.packages.iter().filter(|package| package.index.is_some()).count()
}

fn run(records: Vec<RawRecord>) -> Normalized {
    normalize(&RawInput::Records(records)).unwrap()
}

/// The pointers of all parts of a value.
fn pointers(value: &Value, pointer: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                all.push(format!("{pointer}/{key}"));
                pointers(field, &format!("{pointer}/{key}"), all);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                all.push(format!("{pointer}/{index}"));
                pointers(element, &format!("{pointer}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("never heard of it")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_part_may_be_anything(which: Index, part: Index, with in proptest::option::of(any_json())) {
        let record = which.get(&FIXTURES);
        let mut body: Value = serde_json::from_str(&record.body).unwrap();
        let mut parts = Vec::new();
        pointers(&body, "", &mut parts);
        let pointer = part.get(&parts);
        prop_assume!(!match record.kind {
            Kind::Packages => matches!(pointer.as_str(), "/package" | "/package/name"),
            _ => pointer == "/id",
        });
        match with {
            Some(value) => *body.pointer_mut(pointer).unwrap() = value,
            None => {
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                match body.pointer_mut(parent).unwrap() {
                    Value::Object(fields) => drop(fields.remove(key)),
                    Value::Array(elements) => drop(elements.remove(key.parse().unwrap())),
                    _ => unreachable!(),
                }
            }
        }
        let changed = RawRecord { body: body.to_string(), ..record.clone() };
        let normalized = run(vec![changed.clone()]);
        prop_assert_eq!(outputs(&normalized), 1, "{:?}", normalized.diagnostics);
        prop_assert_eq!(run(vec![changed]), normalized);
    }

    #[test]
    fn any_record_is_answered(body in any_json(), kind in proptest::sample::select(KINDS.to_vec())) {
        let normalized = run(vec![RawRecord { kind, id: None, project: None, body: body.to_string(), gist: None }]);
        prop_assert!(outputs(&normalized) + normalized.diagnostics.len() > 0);
    }

    #[test]
    fn any_file_is_answered(content: Vec<u8>, text: String) {
        let _ = normalize_file("file", &content);
        let _ = normalize_file("file", text.as_bytes());
        let _ = normalize_file("file", format!("{{\"findings\":[{text}]}}").as_bytes());
    }

    #[test]
    fn the_order_of_records_does_not_matter(order in Just(FIXTURES.clone()).prop_shuffle()) {
        let findings = |records: Vec<RawRecord>| {
            let mut findings: Vec<String> = run(records)
                .findings
                .into_iter()
                .map(|finding| serde_json::to_string(&appsec_model::Finding { index: 0, ..finding }).unwrap())
                .collect();
            findings.sort();
            findings
        };
        prop_assert_eq!(findings(order), findings(FIXTURES.clone()));
    }

    #[test]
    fn each_rule_and_each_package_is_listed_once(picks in proptest::collection::vec(any::<Index>(), 0..40)) {
        let normalized = run(picks.iter().map(|pick| pick.get(&FIXTURES).clone()).collect());
        let mut rules: Vec<&str> = normalized.rules.iter().map(|rule| rule.id.as_str()).collect();
        for finding in &normalized.findings {
            prop_assert!(finding.rule_id.as_deref().is_none_or(|id| rules.contains(&id)));
        }
        let count = rules.len();
        rules.sort();
        rules.dedup();
        prop_assert_eq!(rules.len(), count);
        let mut packages: Vec<String> = normalized
            .packages
            .iter()
            .filter(|package| package.index.is_none())
            .map(|it| format!("{:?} {:?} {:?} {:?}", it.project, it.package.ecosystem, it.package.name, it.package.version))
            .collect();
        let count = packages.len();
        packages.sort();
        packages.dedup();
        prop_assert_eq!(packages.len(), count);
    }
}
