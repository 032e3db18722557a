//! Nothing that a file or a subject holds makes this panic.

use appsec_model::Timestamp;
use proptest::prelude::*;

use super::{DAY, file, full};
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

/// Patterns of any signs, and signs repeated as often as a file holds them, with
/// what closes them.
fn patterns() -> impl Strategy<Value = String> {
    let signs =
        ["{", "[", "[!", "{a,", "?", "*", "**", "**/", "\\", "a", "é", "/", "[a-z]", "{a,b}", "!", ",", "-", "]", "}"];
    let sign = || proptest::sample::select(signs.to_vec());
    let open = || prop_oneof![proptest::sample::select(vec!["{", "[", "[!", "{a,"]), sign()];
    let count = prop_oneof![2 => 1_usize..64, 3 => 64_usize..512, 1 => 512_usize..100_000];
    let repeated = (open(), sign(), count, proptest::bool::weighted(0.75)).prop_map(|(sign, inside, count, closed)| {
        let closing: String = sign.chars().rev().filter_map(closes).collect();
        let closing = if closed { closing.repeat(count) } else { String::new() };
        format!("{}{inside}{closing}", sign.repeat(count))
    });
    let mixed = proptest::collection::vec(sign(), 0..80).prop_map(|it| it.concat());
    prop_oneof![1 => any::<String>(), 1 => mixed, 3 => repeated]
}

fn closes(sign: char) -> Option<char> {
    match sign {
        '{' => Some('}'),
        '[' => Some(']'),
        _ => None,
    }
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
    fn a_pattern_of_any_form_is_taken_or_refused(pattern in patterns()) {
        let scoped = format!("{}\n[policy.scope]\nprojects = [{}]\n", file("true"), toml::Value::from(pattern.as_str()));
        match Policies::load(&scoped) {
            Err(problems) => for problem in problems {
                prop_assert_eq!(problem.key.as_deref(), Some("scope.projects"));
            },
            Ok(policies) => prop_assert!(policies.evaluate(&full(), Timestamp::default()).len() <= 1),
        }
    }

    #[test]
    fn any_times_give_an_age(created in any::<i64>(), seen in any::<i64>(), now in any::<i64>()) {
        let subject = Subject {
            first_seen_at: Timestamp::from_micros(created),
            ingested_at: Timestamp::from_micros(seen),
            ..full()
        };
        let policies = Policies::load(&file("is_open && age_days >= 0 && ingested_days >= 0")).unwrap();
        prop_assert_eq!(policies.evaluate(&subject, Timestamp::from_micros(now)).len(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_evaluation_holds_as_long_as_it_says_and_then_may_not(
        when in timed(),
        created in 0..60 * DAY,
        (seen, changed, now) in (0..60 * DAY, 0..60 * DAY, 0..60 * DAY),
        later in 1..=60 * DAY,
    ) {
        let at = Timestamp::from_micros;
        let subject = Subject {
            first_seen_at: at(created),
            ingested_at: at(seen),
            changed_at: at(changed),
            ..full()
        };
        let policies = Policies::load(&file(&when)).unwrap();
        let found = policies.evaluate_until(&subject, at(now));
        let until = found.until.map_or(i64::MAX, Timestamp::as_micros);
        prop_assert!(until > now);
        for then in [(now + later).min(until - 1), until - 1] {
            prop_assert_eq!(&policies.evaluate(&subject, at(then)), &found.outcomes, "{} at {}", when, then);
        }
    }
}

/// Conditions that look at the time, in ways that need no luck to be met.
fn timed() -> impl Strategy<Value = String> {
    let count = || proptest::sample::select(vec!["age_days", "ingested_days", "changed_days"]);
    let order = || proptest::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let leaf = prop_oneof![
        4 => (count(), order(), -2_i64..70).prop_map(|(count, order, days)| format!("{count} {order} {days}")),
        2 => (order(), count(), -2_i64..70).prop_map(|(order, count, days)| format!("{days} {order} {count}")),
        1 => (count(), order(), count()).prop_map(|(one, order, other)| format!("{one} {order} {other}")),
        1 => (count(), 2_i64..9).prop_map(|(count, days)| format!("{count} % {days} == 1")),
        1 => count().prop_map(|count| format!("10 / {count} > 2")),
        1 => count().prop_map(|count| format!("cwe.exists(number, number / 100 == {count})")),
        1 => Just("is_open".to_owned()),
        1 => Just("!is_open".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), proptest::sample::select(vec!["&&", "||"]), inner)
            .prop_map(|(left, order, right)| format!("({left} {order} {right})"))
    })
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
