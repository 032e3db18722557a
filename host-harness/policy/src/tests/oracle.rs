//! Conditions mean what the Common Expression Language says: where every fact is
//! there, another evaluator of it agrees.

use std::sync::Arc;

use cel::{Context, Env, Value};
use proptest::prelude::*;

use super::{NOW, file, full};
use crate::{FIELDS, OutcomeResult, Policies, value};

/// What the other evaluator finds; none where it has no answer.
fn reference(when: &str) -> Option<bool> {
    let mut env = Env::stdlib();
    env.add_extension(cel::extensions::strings).unwrap();
    let env = Arc::new(env);
    let program = env.compile(when).unwrap();
    let mut context = Context::with_env(env);
    let subject = full();
    for field in &FIELDS {
        if let Some(value) = convert(&(field.read)(&subject, NOW)) {
            context.add_variable_from_value(field.name, value);
        }
    }
    match program.execute(&context) {
        Ok(Value::Bool(holds)) => Some(holds),
        Ok(other) => panic!("{when} gives {other:?}"),
        Err(_) => None,
    }
}

fn convert(value: &value::Value<'_>) -> Option<Value> {
    Some(match value {
        value::Value::Bool(it) => Value::from(*it),
        value::Value::Int(it) => Value::from(*it),
        value::Value::Double(it) => Value::from(*it),
        value::Value::Text(it) => Value::from(it.to_string()),
        value::Value::List(list) => {
            Value::from((0..list.len()).filter_map(|at| convert(&list.at(at))).collect::<Vec<_>>())
        }
        value::Value::Null | value::Value::Map(_) => return None,
    })
}

fn ours(when: &str) -> Option<bool> {
    let policies = Policies::load(&file(when)).unwrap_or_else(|problems| panic!("{when}: {}", super::lines(&problems)));
    match policies.evaluate(&full(), NOW).pop().map(|outcome| outcome.result) {
        None => Some(false),
        Some(OutcomeResult::Violated) => Some(true),
        Some(OutcomeResult::Error { .. }) => None,
    }
}

fn one_of(all: &[&str]) -> impl Strategy<Value = String> + use<> {
    proptest::sample::select(all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
}

fn int() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        one_of(&[
            "priority",
            "age_days",
            "findings",
            "severity_rank",
            "size(title)",
            "cwe.size()",
            "0",
            "1",
            "79",
            "-3"
        ]),
        (-5_i64..5).prop_map(|it| it.to_string()),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), one_of(&["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            inner.prop_map(|it| format!("-({it})")),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let leaf = one_of(&["title", "project", "kind", "status", "'lodash'", "'a'", "''", "'HIGH'", "'é'"]);
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            inner.prop_map(|it| format!("{it}.lowerAscii()")),
        ]
    })
}

fn list() -> impl Strategy<Value = String> {
    prop_oneof![
        one_of(&["cwe", "[1, 79]", "[] + cwe", "cwe + [3]", "cwe.filter(x, x > 100)", "cwe.map(x, x % 10)"]),
        int().prop_map(|it| format!("[{it}, 2]")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let order = || one_of(&["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        one_of(&["is_open", "security", "true", "false"]),
        (int(), order(), int()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (int(), order(), one_of(&["2.5", "79.0", "-0.0", "1e30"])).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (text(), one_of(&["contains", "startsWith", "endsWith"]), text()).prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
        (text(), one_of(&["==", "!="]), text()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (int(), list()).prop_map(|(a, b)| format!("{a} in {b}")),
        (list(), one_of(&["==", "!="]), list()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (list(), one_of(&["exists", "all", "exists_one"]), int())
            .prop_map(|(a, f, b)| format!("({a}).{f}(x, x > {b})")),
        (list(), one_of(&["exists", "all"]), int()).prop_map(|(a, f, b)| format!("({a}).{f}(x, {b} / (x - 79) > 0)")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), one_of(&["&&", "||"]), inner.clone()).prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
            inner.prop_map(|it| format!("!({it})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn another_evaluator_agrees(when in condition()) {
        prop_assume!(when.len() < crate::limits::CONDITION_BYTES);
        prop_assume!(when.matches(['(', '[']).count() <= crate::limits::CONDITION_BRACKETS);
        // The other one parses on this stack.
        let (theirs, ours) = std::thread::scope(|scope| {
            let big = std::thread::Builder::new().stack_size(64 << 20);
            big.spawn_scoped(scope, || (reference(&when), ours(&when))).unwrap().join().unwrap()
        });
        prop_assert_eq!(ours, theirs, "{}", when);
    }
}
