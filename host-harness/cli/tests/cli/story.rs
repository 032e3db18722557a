//! The whole way, from a token to dashboards and away again.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vendor_sim::{Changes, Kind, PerKind, WorldShape};

use crate::support::{SECOND_TOKEN, TOKEN, TestContext};

/// The first moment of the vendor's first day, which no clock of this machine
/// moves.
const FIRST_DAY: i64 = 1_793_491_200_000_000;
const DAY: i64 = 86_400_000_000;

/// The next moment of the schedule has come, as the store has it: `reconcile`
/// is the one for reading everything. Earlier runs were on the vendor's last day.
fn time_has_come(context: &TestContext, reconcile: bool) {
    let last = FIRST_DAY + DAY * i64::from(context.simulator.world().step().saturating_sub(1));
    let store = rusqlite::Connection::open(context.data_dir().join("tenants/default/store.sqlite3")).unwrap();
    let changed =
        store.execute("UPDATE schedules SET next_sync_at = 0, next_full_at = iif(?1, 0, next_full_at)", [reconcile]);
    assert_eq!(changed.unwrap(), 1);
    store.execute("UPDATE runs SET started_at = ?1", [last]).unwrap();
}

/// The run that came of it.
fn scheduled(context: &TestContext, reconcile: bool) -> Value {
    time_has_come(context, reconcile);
    context.ok(&["sync", "--due"]);
    context.json(&["runs", "--limit", "1"])["runs"][0].clone()
}

/// Findings by status, as they are listed.
fn listed(context: &TestContext) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let found = context.json(&["findings", "--include-closed", "--include-non-security", "--limit", "100000"]);
    for finding in found["findings"].as_array().unwrap() {
        *counts.entry(finding["status"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// Findings by status, as they are counted.
fn counted(context: &TestContext) -> BTreeMap<String, u64> {
    let statuses = context.json(&["dashboard", "--include-non-security"])["statuses"].clone();
    let statuses = statuses.as_array().unwrap().iter();
    statuses.map(|it| (it["name"].as_str().unwrap().to_owned(), it["findings"].as_u64().unwrap())).collect()
}

fn sum(changes: &PerKind<Changes>, of: fn(&Changes) -> u32) -> u64 {
    [Kind::Sast, Kind::Sca].iter().map(|kind| u64::from(of(changes.of(*kind)))).sum()
}

#[test]
fn a_team_comes_lives_with_it_and_goes() {
    let shape = WorldShape { projects: 5, sast: 400, sca: 200, ..WorldShape::default() }.without_oddities();
    let shape = WorldShape { ai_sast: 0, secrets: 0, dependencies: 60, ..shape };
    let context = TestContext::new(shape, vec![]);
    let (url, token) = (context.simulator.url().to_owned(), context.token_file());
    let origin = format!("origin={url}");
    let come = || {
        let place = ["onboard", "code", "--set", &origin, "--allow-private-origin", &url, "--token-file", &token];
        let choices = ["--set", "branches=all", "--set", "duplicates=merged", "--kinds", "sast,sca"];
        let rest = ["--projects", "all", "--auto-map", "create"];
        context.ok(&[&place[..], &choices, &rest].concat());
        context.ok(&["instance", "schedule", "code", "--every", "1h", "--full-every", "7d"]);
    };
    come();

    // The first sync brings everything, and what is counted is what is listed.
    let first = scheduled(&context, false);
    assert_eq!((&first["state"], &first["mode"]), (&json!("complete"), &json!("full")), "{first:#}");
    let begun = context.content();
    assert_eq!(counted(&context), listed(&context));
    let coverage = context.json(&["coverage"]);
    assert_eq!(coverage["repositories"].as_array().unwrap().len(), 5, "{coverage:#}");

    // What is not accepted fails a pipeline.
    let policy = "[[policy]]\nid = 'high'\ntitle = 'Nothing high'\nseverity = 'high'\n\
                  when = 'is_open && severity_rank >= rank(\"high\")'\n";
    context.ok(&["policy", "import", &context.file("policies.toml", policy)]);
    let violated = |more: &[&str]| {
        let arguments = [&["policy", "check", "--fail-on", "high", "--json"], more].concat();
        let done = context.run(&arguments);
        let check: Value = serde_json::from_str(&done.stdout).unwrap();
        let count = check["violations"][0]["violated"].as_u64().unwrap_or_default();
        assert_eq!(done.code, if count > 0 { 4 } else { 0 }, "{}", done.stderr);
        count
    };
    let high =
        || context.json(&["findings", "--min-severity", "high", "--include-non-security"])["total"].as_u64().unwrap();
    assert!(high() > 0);
    assert_eq!(violated(&[]), high());

    // Three days of the vendor's.
    let mut vanished = 0;
    for day in 1..=3 {
        let changes = context.simulator.advance();
        let run = scheduled(&context, false);
        assert_eq!((&run["state"], &run["mode"]), (&json!("complete"), &json!("incremental")), "day {day}: {run:#}");
        assert_eq!(run["new"].as_u64().unwrap(), sum(&changes, |it| it.new), "day {day}: {run:#}");
        assert_eq!(run["vanished"], 0, "what is new says nothing of what is gone");
        vanished += sum(&changes, |it| it.vanished);
        assert_eq!(counted(&context), listed(&context), "day {day}");
        assert_eq!(violated(&[]), high(), "day {day}");
    }
    let run = scheduled(&context, true);
    assert_eq!((&run["state"], &run["mode"]), (&json!("complete"), &json!("full")), "{run:#}");
    assert_eq!(run["vanished"].as_u64().unwrap(), vanished, "{run:#}");
    assert_eq!(listed(&context).get("vanished"), Some(&vanished));
    assert_eq!(counted(&context), listed(&context));

    // Away, and with it everything that it said.
    context.ok(&["instance", "delete", "code", "--confirm", "code"]);
    context.in_no_file(&[TOKEN, SECOND_TOKEN, context.simulator.url(), "demo-corp"]);
    assert_eq!((listed(&context), counted(&context)), (BTreeMap::new(), BTreeMap::new()));
    assert_eq!(context.json(&["issues", "--include-closed"])["total"], 0);
    assert_eq!(violated(&[]), 0);

    // Back at the same vendor, as it was on the first day, everything is the same.
    context.simulator.set_world(vendor_sim::World::new(context.simulator.world().shape().clone()));
    come();
    scheduled(&context, false);
    assert_eq!(context.content(), begun);
}
