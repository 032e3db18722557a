//! Tests of what the modules do together.

mod conditions;
mod document;
mod examples;
mod files;
mod oracle;
mod properties;
mod versions;

use appsec_model::{Severity, Timestamp};

use crate::{FixAvailable, OutcomeResult, Policies, Subject, SubjectDependency, SubjectRepository, SubjectSecret};

/// A moment 100 days after the epoch.
const NOW: Timestamp = Timestamp::from_micros(100 * DAY);
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// A file with one policy.
fn file(when: &str) -> String {
    format!("[[policy]]\nid = \"p\"\ntitle = \"P\"\nseverity = \"high\"\nwhen = {}\n", toml::Value::from(when))
}

/// What comes of a condition over a subject: `holds`, `does not`, or why nobody can tell.
fn holds(when: &str, subject: &Subject) -> String {
    let policies = Policies::load(&file(when)).unwrap_or_else(|problems| panic!("{when}: {}", lines(&problems)));
    match policies.evaluate(subject, NOW).pop().map(|outcome| outcome.result) {
        None => "does not".to_owned(),
        Some(OutcomeResult::Violated) => "holds".to_owned(),
        Some(OutcomeResult::Error { reason }) => reason,
    }
}

/// All that is wrong with a file, a line each.
fn problems(text: &str) -> String {
    lines(&Policies::load(text).err().unwrap_or_default())
}

fn lines(all: &[crate::Problem]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A subject of which every fact is known.
fn full() -> Subject {
    Subject {
        id: "00000000000000a1".to_owned(),
        kind: "sca".to_owned(),
        severity: Severity::High,
        status: "open".to_owned(),
        is_open: true,
        security: true,
        title: "Prototype pollution in lodash".to_owned(),
        rule_id: Some("rule-1".to_owned()),
        path: Some("web/package-lock.json".to_owned()),
        priority: 79,
        confidence: Some("high".to_owned()),
        cvss: Some(7.4),
        epss: Some(0.25),
        kev: true,
        cwe: vec![1321, 79],
        top25: Some(1),
        owasp: vec!["A03:2021".to_owned()],
        categories: vec!["security".to_owned(), "injection".to_owned()],
        reachability: Some("reachable".to_owned()),
        advisories: vec!["CVE-2020-8203".to_owned()],
        ai_verdict: Some("true-positive".to_owned()),
        dependency: Some(SubjectDependency {
            ecosystem: "npm".to_owned(),
            name: "lodash".to_owned(),
            version: Some("4.17.15".to_owned()),
            transitivity: "direct".to_owned(),
            fix_available: FixAvailable::Known,
            malicious: Some(false),
        }),
        secret: Some(SubjectSecret { kind: Some("AWS".to_owned()), validation: "confirmed-valid".to_owned() }),
        project: "acme/web".to_owned(),
        repository: Some(SubjectRepository {
            full_name: "acme/web".to_owned(),
            provider: Some("github".to_owned()),
            groups: vec!["payments".to_owned(), "public".to_owned()],
        }),
        environment: Some("production".to_owned()),
        branch: Some("main".to_owned()),
        tag: Some("v1.2.0".to_owned()),
        metadata: [("team".to_owned(), "checkout".to_owned())].into(),
        first_seen_at: Timestamp::from_micros(10 * DAY),
        ingested_at: Timestamp::from_micros(60 * DAY),
        changed_at: Timestamp::from_micros(99 * DAY),
        sources: vec!["scanner".to_owned(), "cli".to_owned()],
        findings: 2,
        ..Subject::default()
    }
}
