use proptest::{option, prelude::*, sample::select};

use super::*;

/// From the least to the most urgent; what stands together weighs the same.
const VERDICTS: [ReachabilityVerdict; 5] = [
    ReachabilityVerdict::Unreachable,
    ReachabilityVerdict::NotAnalyzed,
    ReachabilityVerdict::ConditionallyReachable,
    ReachabilityVerdict::Reachable,
    ReachabilityVerdict::AlwaysReachable,
];

const SEVERITIES: [Severity; 6] =
    [Severity::Info, Severity::Low, Severity::Unknown, Severity::Medium, Severity::High, Severity::Critical];

fn score(facts: &Facts) -> u8 {
    Priority::of(facts).score
}

fn with(severity: Severity, reachability: Option<ReachabilityVerdict>) -> Facts {
    Facts { severity, reachability, status: Status::Open, ..Facts::default() }
}

/// The least and the most urgent facts of a severity and a verdict, without
/// malware and credentials.
fn extremes(severity: Severity, verdict: &ReachabilityVerdict) -> (u8, u8) {
    let least = Facts { ai_verdict: Some(Conclusion::FalsePositive), ..with(severity, Some(verdict.clone())) };
    let most = Facts {
        epss: Some(Epss { score: 1.0, percentile: Some(1.0) }),
        cvss: Some(10.0),
        top25: Some(1),
        fix_available: Some(true),
        ai_verdict: Some(Conclusion::TruePositive),
        ..with(severity, Some(verdict.clone()))
    };
    (score(&least), score(&most))
}

#[test]
fn of_one_severity_reachability_decides_whatever_else_is_known() {
    for severity in Severity::ALL {
        let tiers = [
            vec![ReachabilityVerdict::Unreachable],
            vec![ReachabilityVerdict::NotAnalyzed, "dependency-of-a-test".into()],
            vec![ReachabilityVerdict::ConditionallyReachable],
            vec![ReachabilityVerdict::Reachable, ReachabilityVerdict::AlwaysReachable],
        ];
        let mut before = 0;
        for tier in tiers {
            let (least, most): (Vec<u8>, Vec<u8>) = tier.iter().map(|verdict| extremes(severity, verdict)).unzip();
            assert!(least.iter().all(|it| *it > before), "{severity:?} {tier:?}: {least:?} after {before}");
            before = most.into_iter().max().unwrap();
        }
    }
}

#[test]
fn a_reachable_high_comes_before_any_unreachable_critical() {
    let (_, unreachable_critical) = extremes(Severity::Critical, &ReachabilityVerdict::Unreachable);
    let (reachable_high, _) = extremes(Severity::High, &ReachabilityVerdict::Reachable);
    assert_eq!((unreachable_critical, reachable_high), (56, 74));
}

#[test]
fn a_sum_stays_between_what_is_over_and_what_always_comes_first() {
    let (least, _) = extremes(Severity::Info, &ReachabilityVerdict::Unreachable);
    let (_, most) = extremes(Severity::Critical, &ReachabilityVerdict::AlwaysReachable);
    assert_eq!((least, most), (2, 98));
    assert_eq!(i16::from(most) + 1, LEAST_FOR_VALID);
}

#[test]
fn severity_and_reachability_give_the_band() {
    let columns = [
        Some(ReachabilityVerdict::Reachable),
        Some(ReachabilityVerdict::ConditionallyReachable),
        None,
        Some(ReachabilityVerdict::NotAnalyzed),
        Some(ReachabilityVerdict::Unreachable),
    ];
    let rows: Vec<String> = Severity::ALL
        .iter()
        .map(|severity| {
            let cells: Vec<String> = columns
                .iter()
                .map(|verdict| Priority::of(&with(*severity, verdict.clone())))
                .map(|it| format!("{:>3} {:<6}", it.score, it.band))
                .collect();
            format!("{:<8} {}", severity.as_str(), cells.join(" ").trim_end())
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r#"
    critical  88 urgent  74 high    74 high    60 high    46 medium
    high      77 high    63 high    63 high    49 medium  35 low
    medium    65 high    51 medium  51 medium  37 low     23 low
    low       53 medium  39 low     39 low     25 low     11 low
    info      47 medium  33 low     33 low     19 low      5 low
    unknown   53 medium  39 low     39 low     25 low     11 low
    "#);
}

#[test]
fn what_is_over_has_no_priority_and_says_why() {
    let worst = Facts {
        malicious: Some(true),
        validation: Some(Validation::ConfirmedValid),
        ..with(Severity::Critical, Some(ReachabilityVerdict::Reachable))
    };
    for status in ["fixed", "ignored", "provisionally-ignored", "vanished", "removed", "Muted"] {
        let priority = Priority::of(&Facts { status: status.into(), ..worst.clone() });
        assert_eq!((priority.score, priority.band), (0, Band::None), "{status}");
        assert_eq!(priority.inputs, [Input { name: "status", value: status.into(), points: 0 }]);
    }
    for status in ["open", "reviewing", "fixing", "unknown", "a-new-word"] {
        assert_eq!(score(&Facts { status: status.into(), ..worst.clone() }), 100, "{status}");
    }
}

#[test]
fn malware_and_working_credentials_come_first_and_dead_credentials_last() {
    let check = |facts: Facts, expected: u8| assert_eq!(score(&facts), expected, "{facts:?}");
    let unreachable = with(Severity::Info, Some(ReachabilityVerdict::Unreachable));
    check(Facts { malicious: Some(true), ..unreachable.clone() }, 100);
    check(Facts { malicious: Some(false), ..unreachable }, 5);
    for severity in Severity::ALL {
        let plain = with(severity, None);
        let tried = |validation| Facts { validation: Some(validation), ..plain.clone() };
        check(tried(Validation::ConfirmedValid), 99);
        check(tried(Validation::ConfirmedInvalid), 10);
        check(tried(Validation::ValidationError), score(&plain));
        check(tried(Validation::NoValidator), score(&plain));
    }
}

#[test]
fn further_inputs_move_the_score_a_little() {
    let plain = with(Severity::High, Some(ReachabilityVerdict::NotAnalyzed));
    let from = i16::from(score(&plain));
    let check = |facts: &Facts, expected: i16| assert_eq!(i16::from(score(facts)) - from, expected, "{facts:?}");
    let epss = [
        (0.5, None, 5),
        (0.499, None, 4),
        (0.1, Some(0.5), 4),
        (0.05, None, 2),
        (0.01, None, 1),
        (0.0, None, 0),
        (0.0, Some(0.99), 4),
        (0.01, Some(0.95), 2),
        (0.0, Some(0.9), 1),
        (0.0, Some(0.89), 0),
        (f64::NAN, Some(f64::INFINITY), 0),
        (97.0, None, 0),
        (-0.5, Some(-1.0), 0),
    ];
    for (score, percentile, points) in epss {
        check(&Facts { epss: Some(Epss { score, percentile }), ..plain.clone() }, points);
    }
    for (cvss, points) in [(10.0, 2), (9.0, 2), (8.9, 1), (7.0, 1), (6.9, 0), (0.0, 0), (11.0, 0), (f64::NAN, 0)] {
        check(&Facts { cvss: Some(cvss), ..plain.clone() }, points);
    }
    for (rank, points) in [(1, 2), (10, 2), (11, 1), (25, 1), (26, 0), (0, 0)] {
        check(&Facts { top25: Some(rank), ..plain.clone() }, points);
    }
    check(&Facts { fix_available: Some(true), ..plain.clone() }, 1);
    check(&Facts { fix_available: Some(false), ..plain.clone() }, 0);
    check(&Facts { ai_verdict: Some(Conclusion::TruePositive), ..plain.clone() }, 0);
    check(&Facts { ai_verdict: Some(Conclusion::FalsePositive), ..plain }, -3);
    let own = with(Severity::High, None);
    let doubted = Facts { ai_verdict: Some(Conclusion::FalsePositive), ..own.clone() };
    assert_eq!(score(&own) - score(&doubted), 15);
}

#[test]
fn what_is_exploited_is_urgent_unless_nothing_reaches_it() {
    for severity in Severity::ALL {
        for verdict in VERDICTS {
            let plain = with(severity, Some(verdict.clone()));
            let exploited = score(&Facts { kev: true, ..plain.clone() });
            // A known exploitation takes the place of a likely one.
            let likely = Facts { epss: Some(Epss { score: 1.0, percentile: None }), ..plain.clone() };
            assert_eq!(score(&Facts { kev: true, ..likely.clone() }), exploited);
            let least = if verdict == ReachabilityVerdict::Unreachable { 0 } else { 80 };
            assert_eq!(exploited, score(&likely).max(least), "{severity:?} {verdict:?}");
        }
    }
    let (_, most) = extremes(Severity::Critical, &ReachabilityVerdict::AlwaysReachable);
    let malware = Facts { malicious: Some(true), kev: true, ..with(Severity::Info, None) };
    assert!(score(&malware) > most);
    let over = Facts { kev: true, ..Facts { status: Status::Fixed, ..with(Severity::Critical, None) } };
    assert_eq!(score(&over), 0);
}

#[test]
fn a_priority_shows_its_inputs() {
    let facts = Facts {
        epss: Some(Epss { score: 0.97565, percentile: Some(0.99996) }),
        malicious: Some(false),
        cvss: Some(10.0),
        ai_verdict: Some(Conclusion::TruePositive),
        top25: Some(15),
        fix_available: Some(true),
        ..with(Severity::Critical, Some(ReachabilityVerdict::Reachable))
    };
    insta::assert_json_snapshot!(Priority::of(&facts), @r#"
    {
      "score": 97,
      "band": "urgent",
      "inputs": [
        {
          "name": "severity",
          "value": "critical",
          "points": 46
        },
        {
          "name": "status",
          "value": "open",
          "points": 0
        },
        {
          "name": "reachability",
          "value": "reachable",
          "points": 42
        },
        {
          "name": "epss",
          "value": "0.97565, percentile 0.99996",
          "points": 5
        },
        {
          "name": "cvss",
          "value": "10.0",
          "points": 2
        },
        {
          "name": "cwe-top-25",
          "value": "rank 15",
          "points": 1
        },
        {
          "name": "fix",
          "value": "available",
          "points": 1
        },
        {
          "name": "ai-verdict",
          "value": "true-positive",
          "points": 0
        },
        {
          "name": "malicious",
          "value": "no",
          "points": 0
        }
      ]
    }
    "#);
}

/// Each row of the first table that gives points, as text.
#[test]
fn the_formula_is_written_down_as_it_is_computed() {
    let rows = |input: &str| {
        let mut within = false;
        FORMULA
            .lines()
            .filter_map(|line| {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                let &[name, value, points] = cells.as_slice() else {
                    within = false;
                    return None;
                };
                within = name == input || (within && name.is_empty());
                within.then(|| (value.to_owned(), points.parse::<i16>().ok()))
            })
            .collect::<Vec<_>>()
    };
    let words = |input: &str| {
        rows(input).into_iter().flat_map(|(value, points)| {
            value.split(", ").map(|word| (word.to_owned(), points.unwrap())).collect::<Vec<_>>()
        })
    };
    let severities: Vec<_> = words("severity").collect();
    assert_eq!(severities.len(), SEVERITIES.len());
    for (word, points) in severities {
        let found = Severity::ALL.into_iter().find(|it| it.as_str() == word).unwrap();
        assert_eq!(severity(found), points, "{word}");
    }
    let verdicts: Vec<_> = words("reachability").collect();
    assert_eq!(verdicts.len(), VERDICTS.len() + 2);
    for (word, points) in verdicts {
        let verdict = (!word.starts_with("none")).then(|| ReachabilityVerdict::from(word.as_str()));
        assert_eq!(reachability(verdict.as_ref()), points, "{word}");
    }
    for (word, points) in words("EPSS") {
        let (what, from) = word.split_once(" from ").unwrap();
        let from = from.parse().unwrap();
        let rating = match what {
            "score" => Epss { score: from, percentile: None },
            _ => Epss { score: 0.0, percentile: Some(from) },
        };
        assert_eq!(epss(&rating), points, "{word}");
    }
    for (word, points) in words("CVSS") {
        assert_eq!(cvss(word.trim_start_matches("score from ").parse().unwrap()), points, "{word}");
    }
    for (word, _) in words("status").map(|(word, score)| (word, assert_eq!(score, 0))) {
        assert!(is_over(&word.as_str().into()), "{word}");
    }
    let [urgent, high, medium, low, none] = Band::ALL.map(Band::least_score);
    let bands = format!(
        "A score of {urgent} and more is urgent, of {high} and more high, of {medium} and more medium, \
         of {low} and more low, and of {none} none."
    );
    assert!(FORMULA.contains(&bands), "{bands}");
}

#[test]
fn a_band_is_a_range_of_scores() {
    for band in Band::ALL {
        assert_eq!(Band::of(band.least_score()), band);
        assert_eq!(band.to_string().parse(), Ok(band));
        assert_eq!(serde_json::to_string(&band).unwrap(), format!("\"{band}\""));
    }
    assert_eq!(Band::of(79), Band::High);
    assert_eq!(Band::of(u8::MAX), Band::Urgent);
    assert_eq!("Urgent".parse::<Band>(), Err(ParseBandError));
    assert!(Band::Urgent > Band::High && Band::Low > Band::None);
}

#[test]
fn a_validation_has_a_word() {
    for validation in Validation::ALL {
        assert_eq!(Validation::named(validation.as_str()), Some(validation));
        assert_eq!(serde_json::to_string(&validation).unwrap(), format!("\"{}\"", validation.as_str()));
    }
    assert_eq!(Validation::named("valid"), None);
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let verdicts = option::of(prop_oneof![select(&VERDICTS[..]), "[a-z]{0,8}".prop_map(|word| word.as_str().into())]);
    let statuses = prop_oneof![4 => Just(Status::Open), 1 => select(Status::NAMED), 1 => Just("vanished".into())];
    let epss =
        option::of((0.0..=1.0, option::of(0.0..=1.0)).prop_map(|(score, percentile)| Epss { score, percentile }));
    let conclusions = option::of(prop_oneof![select(Conclusion::NAMED), Just("not-sure".into())]);
    (
        (select(&SEVERITIES[..]), statuses, verdicts, epss, option::weighted(0.2, any::<bool>()), any::<bool>()),
        (
            option::of(0.0..=10.0),
            option::weighted(0.3, select(&Validation::ALL[..])),
            conclusions,
            option::of(1_u8..=25),
            option::of(any::<bool>()),
        ),
    )
        .prop_map(
            |(
                (severity, status, reachability, epss, malicious, kev),
                (cvss, validation, ai_verdict, top25, fix_available),
            )| {
                Facts {
                    severity,
                    status,
                    reachability,
                    epss,
                    kev,
                    malicious,
                    cvss,
                    validation,
                    ai_verdict,
                    top25,
                    fix_available,
                }
            },
        )
}

/// Where facts stand in the order of one input.
type Level = fn(&Facts) -> (i64, f64);

/// Puts one input of the other facts into these.
type Change = fn(&mut Facts, &Facts);

/// Every input, with its order from least to most urgent.
const INPUTS: [(&str, Change, Level); 12] = [
    (
        "severity",
        |to, from| to.severity = from.severity,
        |it| (SEVERITIES.iter().position(|severity| *severity == it.severity).map_or(0, |at| at as i64), 0.0),
    ),
    ("status", |to, from| to.status = from.status.clone(), |it| (i64::from(!is_over(&it.status)), 0.0)),
    (
        "reachability",
        |to, from| to.reachability = from.reachability.clone(),
        |it| match &it.reachability {
            Some(ReachabilityVerdict::Unreachable) => (0, 0.0),
            Some(ReachabilityVerdict::NotAnalyzed | ReachabilityVerdict::Other(_)) => (1, 0.0),
            None => (2, 0.0),
            Some(ReachabilityVerdict::ConditionallyReachable) => (3, 0.0),
            Some(ReachabilityVerdict::Reachable | ReachabilityVerdict::AlwaysReachable) => (4, 0.0),
        },
    ),
    (
        "epss score",
        |to, from| {
            let percentile = to.epss.as_ref().and_then(|it| it.percentile);
            to.epss = from.epss.as_ref().map(|it| Epss { score: it.score, percentile });
        },
        |it| it.epss.as_ref().map_or((0, 0.0), |epss| (1, epss.score)),
    ),
    (
        "epss percentile",
        |to, from| {
            if let (Some(to), Some(from)) = (&mut to.epss, &from.epss) {
                to.percentile = from.percentile;
            }
        },
        |it| it.epss.as_ref().and_then(|epss| epss.percentile).map_or((0, 0.0), |it| (1, it)),
    ),
    ("kev", |to, from| to.kev = from.kev, |it| (i64::from(it.kev), 0.0)),
    ("malicious", |to, from| to.malicious = from.malicious, |it| (i64::from(it.malicious == Some(true)), 0.0)),
    ("cvss", |to, from| to.cvss = from.cvss, |it| it.cvss.map_or((0, 0.0), |it| (1, it))),
    (
        "validation",
        |to, from| to.validation = from.validation,
        |it| match it.validation {
            Some(Validation::ConfirmedInvalid) => (0, 0.0),
            Some(Validation::ValidationError | Validation::NoValidator) | None => (1, 0.0),
            Some(Validation::ConfirmedValid) => (2, 0.0),
        },
    ),
    (
        "ai verdict",
        |to, from| to.ai_verdict = from.ai_verdict.clone(),
        |it| (i64::from(it.ai_verdict != Some(Conclusion::FalsePositive)), 0.0),
    ),
    ("top25", |to, from| to.top25 = from.top25, |it| (it.top25.map_or(-26, |rank| -i64::from(rank)), 0.0)),
    ("fix", |to, from| to.fix_available = from.fix_available, |it| (i64::from(it.fix_available == Some(true)), 0.0)),
];

proptest! {
    #[test]
    fn raising_one_input_never_lowers_the_score(facts in any_facts(), other in any_facts()) {
        for (input, change, level) in INPUTS {
            let mut changed = facts.clone();
            change(&mut changed, &other);
            let (low, high) = if level(&facts) <= level(&changed) { (&facts, &changed) } else { (&changed, &facts) };
            prop_assert!(score(low) <= score(high), "{input}: {low:?} and {high:?}");
            if level(low) == level(high) {
                prop_assert_eq!(score(low), score(high), "{}", input);
            }
        }
    }

    #[test]
    fn the_points_of_the_inputs_add_up_to_the_score(facts in any_facts()) {
        let priority = Priority::of(&facts);
        let sum: i16 = priority.inputs.iter().map(|input| input.points).sum();
        prop_assert_eq!(sum, i16::from(priority.score));
        prop_assert_eq!(Band::of(priority.score), priority.band);
        prop_assert_eq!(priority.score == 0, is_over(&facts.status));
        prop_assert!(priority.score <= 100);
    }

    #[test]
    fn no_number_breaks_the_score(score in any::<f64>(), percentile in any::<f64>(), cvss in any::<f64>()) {
        let plain = with(Severity::High, Some(ReachabilityVerdict::Reachable));
        let facts = Facts { epss: Some(Epss { score, percentile: Some(percentile) }), cvss: Some(cvss), ..plain };
        prop_assert!((77..=84).contains(&Priority::of(&facts).score));
    }
}
