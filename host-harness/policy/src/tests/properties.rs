//! Nothing that a file or a subject holds makes this panic.

use appsec_model::Timestamp;
use proptest::prelude::*;

use super::{file, full};
use crate::{Policies, Subject, check::FUNCTIONS, fields::FIELDS, limits, parse};

/// Tokens of conditions, in any order.
fn tokens() -> impl Strategy<Value = String> {
    let names: Vec<String> =
        FIELDS.iter().map(|field| field.name).chain(FUNCTIONS.iter().map(|it| it.name)).map(str::to_owned).collect();
    let signs = [
        "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "&&", "||", "!", "-", "+", "*", "/", "%", "==", "!=", "<",
        "<=", ">", ">=", " in ", "null", "true", "1", "0", "2.5", "'x'", "\"high\"", "x", "\n", "'", "\\", "r'", "b'",
        "é", "1u",
    ];
    let token = prop_oneof![
        2 => proptest::sample::select(names),
        5 => proptest::sample::select(signs.map(str::to_owned).to_vec()),
    ];
    proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_loaded_or_refused(text in any::<String>()) {
        let _ = Policies::load(&text);
    }

    #[test]
    fn any_condition_is_refused_or_evaluated(when in prop_oneof![any::<String>(), tokens()]) {
        match Policies::load(&file(&when)) {
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert_eq!(problem.policy.as_deref(), Some("p"));
                    prop_assert_eq!(problem.key.as_deref(), Some("when"));
                }
            }
            Ok(policies) => for subject in [&full(), &Subject::default()] {
                prop_assert!(policies.evaluate(subject, Timestamp::default()).len() <= 1);
            },
        }
    }

    #[test]
    fn any_times_give_an_age(created in any::<Option<i64>>(), seen in any::<i64>(), now in any::<i64>()) {
        let subject = Subject {
            created_at: created.map(Timestamp::from_micros),
            first_seen_at: Timestamp::from_micros(seen),
            ..full()
        };
        let policies = Policies::load(&file("is_open && age_days >= 0 && first_seen_days >= 0")).unwrap();
        prop_assert_eq!(policies.evaluate(&subject, Timestamp::from_micros(now)).len(), 1);
    }
}

/// Repeats of what a parser may recurse at, as long as a condition may be.
#[test]
fn the_parser_has_enough_stack_for_whatever_is_let_through() {
    let brackets = limits::CONDITION_BRACKETS;
    for (repeated, most) in [
        ("(", brackets),
        ("[", brackets),
        ("{", brackets),
        ("a(", brackets),
        ("a[", brackets),
        ("a{", brackets),
        ("-(", brackets),
        ("!(", brackets),
        ("a?(", brackets),
        ("a?[", brackets),
        ("{a:", brackets),
        ("a{b:", brackets),
        ("!", 4096),
        ("-", 4096),
        ("- ", 4096),
        ("!-", 4096),
        ("a.", 4096),
        ("1+", 4096),
        ("a&&", 4096),
        ("a?b:", 4096),
        ("a?", 4096),
        ("a==", 4096),
        ("a==!", 4096),
        ("a in ", 4096),
        ("a||", 4096),
        ("a?b?", 4096),
        ("'", 4096),
        ("\\", 4096),
        ("\n", 4096),
        ("`", 4096),
    ] {
        let count = most.min((limits::CONDITION_BYTES - 200) / repeated.len());
        let open = repeated.repeat(count);
        let closed: String = open
            .chars()
            .rev()
            .filter_map(|sign| match sign {
                '(' => Some(')'),
                '[' => Some(']'),
                '{' => Some('}'),
                _ => None,
            })
            .collect();
        for text in [open.clone(), format!("{open}a"), format!("{open}a{closed}")] {
            let _ = parse::parse(&text);
            let _ = Policies::load(&file(&text));
        }
    }
}
