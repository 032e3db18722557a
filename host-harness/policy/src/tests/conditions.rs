//! What conditions mean, and which are refused.

use appsec_model::Timestamp;
use insta::assert_snapshot;

use super::{DAY, NOW, file, full, holds, problems};
use crate::{FIELDS, Policies, STARTER, Subject, check::FUNCTIONS, limits};

#[test]
fn functions_do_what_their_examples_say() {
    for function in &FUNCTIONS {
        assert!(function.example.contains(function.name), "{}", function.name);
        for subject in [&full(), &Subject::default()] {
            assert_eq!(holds(function.example, subject), "holds", "{}", function.example);
        }
    }
}

#[test]
fn every_variable_has_a_value_or_is_absent_as_it_says() {
    let empty = Subject { id: "1".to_owned(), ..Subject::default() };
    for field in &FIELDS {
        let absent = format!("{} == null", field.name);
        if field.absent.is_some() {
            assert_eq!(holds(&absent, &full()), "does not", "{}", field.name);
            assert_eq!(holds(&absent, &empty), "holds", "{}", field.name);
        } else {
            assert!(problems(&file(&absent)).contains("never absent"), "{}", field.name);
        }
    }
}

#[test]
fn variables_are_read_from_their_facts() {
    let conditions = [
        r#"id == "00000000000000a1" && kind == "sca" && severity == "high" && severity_rank == 4"#,
        r#"status == "open" && is_open && security && title.startsWith("Prototype") && rule_id == "rule-1""#,
        r#"path.endsWith("lock.json") && priority == 79 && confidence == "high" && cvss == 7.4 && epss == 0.25 && kev"#,
        r#"cwe == [1321, 79] && top25 == 1 && owasp == ["A03:2021"] && categories == ["security", "injection"]"#,
        r#"reachability == "reachable" && "CVE-2020-8203" in advisories && ai_verdict == "true-positive""#,
        r#"dependency != null && dependency.ecosystem == "npm" && dependency.name == "lodash" && dependency.version == "4.17.15""#,
        r#"dependency.transitivity == "direct" && dependency.fix_available == "known" && dependency.malicious == false"#,
        r#"secret != null && secret.kind == "AWS" && secret.validation == "confirmed-valid" && project == "acme/web""#,
        r#"repository != null && repository.full_name == "acme/web" && repository.provider == "github""#,
        r#"repository.groups == ["payments", "public"] && environment == "production" && branch == "main""#,
        r#"tag == "v1.2.0" && metadata.team == "checkout" && metadata["team"] == "checkout" && "team" in metadata"#,
        r#"age_days == 90 && ingested_days == 40 && changed_days == 1 && sources == ["scanner", "cli"] && findings == 2"#,
    ];
    for condition in conditions {
        assert_eq!(holds(condition, &full()), "holds", "{condition}");
    }
    let all = conditions.join(" ");
    for field in &FIELDS {
        assert!(all.contains(field.name), "no test reads `{}`", field.name);
    }
}

#[test]
fn what_is_absent_is_neither_more_nor_less_nor_part_of_anything() {
    for condition in [
        "cvss >= 0.0",
        "cvss < 11",
        "0 <= epss",
        "top25 <= 25",
        r#"path.contains("")"#,
        r#"path.startsWith("")"#,
        r#"title.endsWith(path)"#,
        r#"path.matches(".*")"#,
        r#"path.glob("**")"#,
        r#"dependency.name == "lodash""#,
        r#"reachability in ["reachable", "unreachable"]"#,
        r#"metadata.team == "checkout""#,
        "cwe[0] == 79",
        "cwe[-1] == 79",
        "metadata[path] != null",
        "path in metadata",
        "dependency.malicious == true",
        r#"path.lowerAscii() == """#,
    ] {
        assert_eq!(holds(condition, &Subject::default()), "does not", "{condition}");
        assert_eq!(holds(&format!("!({condition})"), &Subject::default()), "holds", "{condition}");
    }
    for condition in [
        r#"reachability != "unreachable""#,
        "cvss.orValue(10.0) >= 9.0",
        "!has(dependency.version)",
        "cwe[3] == null",
        r#"path.orValue("none") == "none""#,
        "cvss == null && !(cvss < 7.0) && !(cvss >= 7.0)",
        "path == branch",
    ] {
        assert_eq!(holds(condition, &Subject::default()), "holds", "{condition}");
    }
    // What is no number is as good as absent.
    let odd = Subject { cvss: Some(f64::NAN), epss: Some(f64::INFINITY), ..Subject::default() };
    assert_eq!(holds("cvss == null && epss == null", &odd), "holds");
}

#[test]
fn what_nobody_can_tell_is_an_error_unless_the_rest_decides() {
    let long = Subject { cwe: vec![1; limits::LIST + 1], ..full() };
    assert_snapshot!(holds("79 in cwe", &long), @"`cwe` has 257 elements; a condition reads at most 256");
    assert_eq!(holds("79 in cwe", &Subject { cwe: vec![79; limits::LIST], ..full() }), "holds");
    assert_eq!(holds("is_open", &long), "holds");
    let wordy = |length: usize| Subject {
        title: "x".repeat(length),
        owasp: vec!["x".repeat(length)],
        metadata: [("key".to_owned(), "x".repeat(length))].into(),
        ..full()
    };
    assert_snapshot!(holds(r#"title == """#, &wordy(4097)), @"`title` has 4097 bytes of text; a condition reads at most 4096");
    assert_snapshot!(holds(r#""A03" in owasp"#, &wordy(4097)), @"`owasp` has 4097 bytes of text; a condition reads at most 4096");
    assert_snapshot!(holds("has(metadata.key)", &wordy(4097)), @"`metadata` has 4097 bytes of text; a condition reads at most 4096");
    let condition = r#"title.endsWith("x") && owasp.all(x, x.endsWith("x")) && metadata.key.endsWith("x")"#;
    assert_eq!(holds(condition, &wordy(4096)), "holds");
    assert_snapshot!(holds("100 / (priority - 79) > 1", &full()), @"division by zero");
    assert_snapshot!(holds("1.0 / (cvss.orValue(0.0) - 7.4) > 1.0", &full()), @"division by zero");
    assert_snapshot!(holds("9223372036854775807 + priority > 1", &full()), @"arithmetic overflow");
    assert_eq!(holds("1 / (priority - 79) > 1 || is_open", &full()), "holds");
    assert_eq!(holds("1 / (priority - 79) > 1 && !is_open", &full()), "does not");
    assert_snapshot!(holds("1 / (priority - 79) > 1 && is_open", &full()), @"division by zero");
    assert_eq!(holds("[0, 1].exists(x, 1 / x == 1)", &full()), "holds");
    assert_eq!(holds("[0, 1].all(x, 1 / x == 2)", &full()), "does not");
    assert_snapshot!(holds("[0, 1].exists_one(x, 1 / x == 1)", &full()), @"division by zero");
    assert_snapshot!(holds("[0, 1].all(x, 1 / x == 1)", &full()), @"division by zero");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_do() {
    let conditions = [
        "severty == \"high\"",
        "version == \"1\"",
        "package.name == \"x\"",
        "dependency.nmae == \"x\"",
        "secret.validation.x == 1",
        "title.x",
        "severity > \"high\"",
        "title < \"b\"",
        "cvss >= \"9\"",
        "severity == 4",
        "severity == \"hihg\"",
        "severity in [\"high\", \"severe\"]",
        "dependency.fix_available == true",
        "cvss + 1.0 > 9.0",
        "priority + 0.5 > 1.0",
        "-path == 1",
        "priority",
        "dependency.malicious",
        "dependency.malicious && is_open",
        "is_open == null",
        "has(title)",
        "title.orValue(\"\") == \"\"",
        "cvss.orValue(\"none\") == \"\"",
        "size(path) > 3",
        "cwe.exist(x, x == 1)",
        "cwe.exists(x == 1)",
        "cwe.exists(cwe, true)",
        "title.exists(x, true)",
        "path.matches(title)",
        "path.matches(\"(\")",
        "path.glob(\"[\")",
        "rank(\"hgih\") == 4",
        "79 in title",
        "\"79\" in cwe",
        "[1, \"a\"] == cwe",
        "[path] == categories",
        "is_open ? 1 : \"a\"",
        "is_open = true",
        "is_open &&",
        "{\"a\": 1} == metadata",
        "Foo{a: 1} == 1",
        "priority == 1u",
        "title == b\"a\"",
        "dependency == secret",
        "1 == null",
        "5 % 2.0 == 1.0",
        "cwe.exists(x, cwe.exists(y, owasp.exists(z, true)))",
        "metadata[0] == \"\"",
        "unknown(1)",
        "",
        "a.b.c",
        ".is_open",
        "dependency.malicious == 1",
        "is_open\n  && sevrity == \"high\"",
        "cwe.map(x, cwe[x]) == cwe",
        "true && 1 && foo",
    ];
    let all: Vec<String> = conditions
        .iter()
        .map(|condition| {
            let found = problems(&file(condition));
            assert!(!found.is_empty(), "{condition} is not refused");
            found
                .lines()
                .map(|line| format!("{condition:?}: {}\n", line.trim_start_matches("policy `p`, key `when`: ")))
                .collect()
        })
        .collect();
    assert_snapshot!(all.concat());
}

#[test]
fn what_is_too_large_is_refused() {
    let nested = format!("{}is_open{}", "(".repeat(65), ")".repeat(65));
    let long = format!("is_open{}", " || is_open".repeat(200));
    let deep = format!("0{} > 1", " + 1".repeat(80));
    for (condition, message) in [
        (nested, "opens 65 brackets, of which 64 are allowed"),
        (long, "has 2207 bytes, of which 2048 are allowed"),
        (deep, "is nested deeper than 64"),
        ("cwe.exists(x, cwe.exists(y, x + y > 1 && x - y < 2 && y - x < 3 && x != y))".to_owned(), "may take"),
        (r#"title.matches("(a{500}){500}")"#.to_owned(), "does not compile"),
    ] {
        let found = problems(&file(&condition));
        assert!(found.contains(message), "{condition}: {found}");
    }
    for allowed in [
        format!("{}is_open{}", "(".repeat(64), ")".repeat(64)),
        format!("is_open{}", " || is_open".repeat(180)),
        format!("0{} > 1", " + 1".repeat(60)),
        "cwe.exists(x, cwe.exists(y, x != y))".to_owned(),
    ] {
        assert_eq!(problems(&file(&allowed)), "", "{allowed}");
    }
}

#[test]
fn words_that_look_mistyped_are_remarked() {
    let remarks = |when: &str| super::lines(Policies::load(&file(when)).unwrap().remarks());
    assert_snapshot!(remarks(r#"is_open && reachability == "reachabel""#), @"policy `p`, key `when`: line 1, column 25: `reachabel` is no known word for a reachability; did you mean `reachable`?");
    assert_snapshot!(remarks(r#"kind in ["sats", "container"] && is_open"#), @"policy `p`, key `when`: line 1, column 6: `sats` is no known word for a kind; did you mean `sast`?");
    assert_snapshot!(remarks("priority > 80"), @"policy `p`, key `when`: also holds for what is fixed or ignored: begin it with `is_open &&` if that is not meant");
    assert_eq!(remarks(r#"status == "vanished" && kind == "container""#), "");
}

#[test]
fn the_policies_to_begin_with_have_no_problems_and_no_remarks() {
    let policies = Policies::load(STARTER).unwrap_or_else(|problems| panic!("{}", super::lines(&problems)));
    assert_eq!(super::lines(policies.remarks()), "");
    assert!(policies.iter().count() >= 8);
    let violated: Vec<String> = policies.evaluate(&full(), NOW).into_iter().map(|it| it.policy_id).collect();
    assert_eq!(violated, ["verified-secret", "likely-exploited", "high-overdue"]);
    assert_eq!(policies.evaluate(&Subject { is_open: false, ..full() }, NOW), []);
}

#[test]
fn a_result_holds_until_a_count_of_days_reaches_its_number() {
    let seen = NOW.as_micros() - 3 * DAY - 5;
    let check = |when: &str| {
        let subject = Subject { first_seen_at: Timestamp::from_micros(seen), ..full() };
        let until = Policies::load(&file(when)).unwrap().evaluate_until(&subject, NOW).until;
        until.map(|until| (until.as_micros() - seen) as f64 / DAY as f64)
    };
    assert_eq!(check("is_open && age_days > 30"), Some(31.0));
    assert_eq!(check("is_open && 30 <= age_days"), Some(30.0));
    assert_eq!(check("is_open && age_days == 3"), Some(4.0));
    assert_eq!(check("is_open && age_days > 2"), None, "it only grows older");
    assert_eq!(check("!is_open && age_days > 30"), None, "it does not matter");
    assert_eq!(check("age_days > 30 && !is_open"), None);
    assert_eq!(check("is_open && age_days > 30 || age_days >= 7 && is_open"), Some(7.0));
    assert_eq!(check("is_open && age_days + 1 > 30"), Some(4.0), "the next day");
    assert_eq!(check("is_open && severity == 'high'"), None);
}
