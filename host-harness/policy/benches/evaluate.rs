//! How fast policies are evaluated, and how fast a file is loaded.

use appsec_model::{Severity, Timestamp};
use appsec_policy::{Policies, STARTER, Subject, limits};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn load(text: &str) -> Policies {
    match Policies::load(text) {
        Ok(policies) => policies,
        Err(problems) => unreachable!("the file is well-formed: {problems:?}"),
    }
}

fn subject() -> Subject {
    Subject {
        kind: "sast".to_owned(),
        severity: Severity::High,
        status: "open".to_owned(),
        is_open: true,
        security: true,
        path: Some("src/app/handlers/login.py".to_owned()),
        cwe: vec![89, 79],
        top25: Some(2),
        priority: 79,
        project: "acme/web".to_owned(),
        branch: Some("main".to_owned()),
        ..Subject::default()
    }
}

/// The starter set over one finding: items are evaluations of one policy.
#[divan::bench]
fn starter(bencher: Bencher<'_, '_>) {
    let (policies, subject) = (load(STARTER), subject());
    let count = policies.iter().count();
    bencher.counter(ItemsCount::new(count)).bench(|| policies.evaluate(divan::black_box(&subject), NOW));
}

const KINDS: [(&str, &str); 4] = [
    ("comparison", "is_open && severity_rank >= rank('high') && priority > 90"),
    ("list", "is_open && cwe.exists(x, x in [77, 78, 94])"),
    ("regex", "is_open && path.matches('^src/.*[.]rb$')"),
    ("glob", "is_open && path.glob('**/tests/**')"),
];

/// One condition of a sort that is not violated.
#[divan::bench(args = KINDS.map(|(name, _)| name))]
fn condition(bencher: Bencher<'_, '_>, name: &str) {
    let when = KINDS.iter().find(|(kind, _)| *kind == name).map_or("", |(_, when)| when);
    let policies = load(&format!("[[policy]]\nid = 'p'\ntitle = 'P'\nseverity = 'low'\nwhen = \"{when}\""));
    let subject = subject();
    bencher.counter(ItemsCount::new(1_usize)).bench(|| policies.evaluate(divan::black_box(&subject), NOW));
}

/// The most expensive condition that is let through, over the longest lists.
#[divan::bench]
fn most_expensive(bencher: Bencher<'_, '_>) {
    let when = "cwe.exists(x, cwe.exists(y, x + y < 2 && x * y < 0))";
    let policies = load(&format!("[[policy]]\nid = 'p'\ntitle = 'P'\nseverity = 'low'\nwhen = \"{when}\""));
    let subject = Subject { cwe: vec![79; limits::LIST], ..subject() };
    bencher.bench(|| policies.evaluate(divan::black_box(&subject), NOW));
}

/// Loads the starter set.
#[divan::bench]
fn load_starter() -> Policies {
    load(divan::black_box(STARTER))
}
