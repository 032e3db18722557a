//! The examples of `LANGUAGE.md`: each is loaded and gives what it says.

use super::NOW;
use crate::{OutcomeResult, Policies, Subject};

/// A policy, and what comes of it over some subjects.
pub struct Example {
    /// What it is good for.
    pub title: &'static str,
    /// The policy.
    pub policy: &'static str,
    /// What is known of subjects, as JSON, and what comes of the policy.
    pub cases: &'static [(&'static str, &'static str)],
}

/// All of them, in the order of the document.
pub const EXAMPLES: [Example; 10] = [
    Example {
        title: "Critical vulnerabilities in code that is used",
        policy: r#"
[[policy]]
id = "critical-reachable"
title = "No critical vulnerability in reachable code"
when = '''
is_open && severity == "critical" && reachability in ["always-reachable", "reachable"]
'''
severity = "critical"
"#,
        cases: &[
            (r#"{"is_open": true, "severity": "critical", "reachability": "reachable"}"#, "violated"),
            (r#"{"is_open": true, "severity": "critical", "reachability": "unreachable"}"#, "not violated"),
            (r#"{"is_open": true, "severity": "critical"}"#, "not violated"),
        ],
    },
    Example {
        title: "At least this severity, for longer than agreed",
        policy: r#"
[[policy]]
id = "high-30-days"
title = "High and worse is fixed within 30 days"
when = 'is_open && severity_rank >= rank("high") && age_days > 30'
severity = "high"
"#,
        cases: &[
            (r#"{"is_open": true, "severity": "critical", "first_seen_at": "1970-02-01T00:00:00Z"}"#, "violated"),
            (r#"{"is_open": true, "severity": "high", "first_seen_at": "1970-04-01T00:00:00Z"}"#, "not violated"),
            (r#"{"is_open": true, "severity": "medium", "first_seen_at": "1970-02-01T00:00:00Z"}"#, "not violated"),
        ],
    },
    Example {
        title: "What is absent is neither more nor less",
        policy: r#"
[[policy]]
id = "epss"
title = "Nothing that is likely to be exploited"
when = "is_open && epss >= 0.1"
severity = "high"
"#,
        cases: &[
            (r#"{"is_open": true, "epss": 0.4}"#, "violated"),
            (r#"{"is_open": true, "epss": 0.01}"#, "not violated"),
            (r#"{"is_open": true}"#, "not violated"),
        ],
    },
    Example {
        title: "The careful way: a score that is not known counts as the worst",
        policy: r#"
[[policy]]
id = "cvss-careful"
title = "No vulnerability of CVSS 9 and more, or of a score that nobody knows"
when = 'is_open && kind == "sca" && cvss.orValue(10.0) >= 9.0'
severity = "medium"
"#,
        cases: &[
            (r#"{"is_open": true, "kind": "sca"}"#, "violated"),
            (r#"{"is_open": true, "kind": "sca", "cvss": 9.8}"#, "violated"),
            (r#"{"is_open": true, "kind": "sca", "cvss": 5.0}"#, "not violated"),
        ],
    },
    Example {
        title: "Credentials that work, or of which nobody knows",
        policy: r#"
[[policy]]
id = "secrets"
title = "No credential that may work"
when = 'is_open && has(secret) && secret.validation != "confirmed-invalid"'
severity = "critical"
"#,
        cases: &[
            (r#"{"is_open": true, "secret": {"validation": "confirmed-valid"}}"#, "violated"),
            (r#"{"is_open": true, "secret": {"validation": "no-validator"}}"#, "violated"),
            (r#"{"is_open": true, "secret": {"validation": "confirmed-invalid"}}"#, "not violated"),
            (r#"{"is_open": true}"#, "not violated"),
        ],
    },
    Example {
        title: "Some weaknesses, in some paths",
        policy: r#"
[[policy]]
id = "injection"
title = "No injection outside of tests"
when = '''
is_open
    && cwe.exists(number, number in [77, 78, 79, 89, 94])
    && !path.glob("**/tests/**")
'''
severity = "high"
"#,
        cases: &[
            (r#"{"is_open": true, "cwe": [20, 89], "path": "src/db.py"}"#, "violated"),
            (r#"{"is_open": true, "cwe": [89], "path": "src/tests/db.py"}"#, "not violated"),
            (r#"{"is_open": true, "cwe": [327], "path": "src/db.py"}"#, "not violated"),
            (r#"{"is_open": true, "cwe": [89]}"#, "violated"),
        ],
    },
    Example {
        title: "Only in production, and not in what is experimental",
        policy: r#"
[[policy]]
id = "production"
title = "Nothing urgent in production"
when = "is_open && priority >= 70"
severity = "high"

[policy.scope]
environments = ["prod*"]
branches = ["main", "release/**"]
projects = ["**", "!lab/**"]
"#,
        cases: &[
            (
                r#"{"is_open": true, "priority": 80, "project": "shop/web", "environment": "production", "branch": "release/2/1"}"#,
                "violated",
            ),
            (
                r#"{"is_open": true, "priority": 80, "project": "lab/toy", "environment": "production", "branch": "main"}"#,
                "not violated",
            ),
            (r#"{"is_open": true, "priority": 80, "project": "shop/web", "branch": "main"}"#, "not violated"),
        ],
    },
    Example {
        title: "Facts of the organisation's own",
        policy: r#"
[[policy]]
id = "public-facing"
title = "Medium and worse is not accepted where everybody can reach it"
when = 'is_open && metadata.exposure == "internet" && severity_rank >= rank("medium")'
severity = "medium"
"#,
        cases: &[
            (r#"{"is_open": true, "severity": "medium", "metadata": {"exposure": "internet"}}"#, "violated"),
            (r#"{"is_open": true, "severity": "medium", "metadata": {"exposure": "inside"}}"#, "not violated"),
            (r#"{"is_open": true, "severity": "medium"}"#, "not violated"),
        ],
    },
    Example {
        title: "Issues that several sources agree on",
        policy: r#"
[[policy]]
id = "agreed"
title = "What two sources found is looked at within a week"
on = "issue"
when = 'size(sources) >= 2 && status == "open" && ingested_days > 7'
severity = "medium"
"#,
        cases: &[
            (r#"{"on": "issue", "status": "open", "sources": ["scanner", "review"]}"#, "violated"),
            (r#"{"on": "issue", "status": "reviewing", "sources": ["scanner", "review"]}"#, "not violated"),
            (r#"{"on": "issue", "status": "open", "sources": ["scanner"]}"#, "not violated"),
            (r#"{"status": "open", "sources": ["scanner", "review"]}"#, "not violated"),
        ],
    },
    Example {
        title: "What nobody can tell is an error, not a pass",
        policy: r#"
[[policy]]
id = "share"
title = "No issue with more than ten findings for each point of priority"
on = "issue"
when = "is_open && findings / priority > 10"
severity = "low"
"#,
        cases: &[
            (r#"{"on": "issue", "is_open": true, "findings": 90, "priority": 5}"#, "violated"),
            (r#"{"on": "issue", "is_open": true, "findings": 90, "priority": 0}"#, "error: division by zero"),
            (r#"{"on": "issue", "is_open": false, "findings": 90, "priority": 0}"#, "not violated"),
        ],
    },
];

#[test]
fn every_example_gives_what_it_says() {
    for example in &EXAMPLES {
        let policies = Policies::load(example.policy)
            .unwrap_or_else(|problems| panic!("{}: {}", example.title, super::lines(&problems)));
        for (facts, expected) in example.cases {
            let subject: Subject = serde_json::from_str(facts).unwrap();
            let result = match policies.evaluate(&subject, NOW).pop().map(|outcome| outcome.result) {
                None => "not violated".to_owned(),
                Some(OutcomeResult::Violated) => "violated".to_owned(),
                Some(OutcomeResult::Error { reason }) => format!("error: {reason}"),
            };
            assert_eq!(result, *expected, "{}: {facts}", example.title);
        }
    }
}
