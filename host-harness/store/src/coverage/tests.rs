use appsec_model::{Project, Timestamp};
use serde_json::json;

use super::{Coverage, CoverageOptions, DAY};
use crate::{filter::ProjectFilter, fixture::TestContext, instances::InstanceStatus, runs::RunMode};

const NOW: i64 = 100 * DAY;

fn scanned(id: &str, name: &str, at: Option<i64>) -> Project {
    Project {
        id: id.to_owned(),
        name: name.to_owned(),
        last_scan_at: at.map(Timestamp::from_micros),
        primary_branch: Some("main".to_owned()),
        ..Project::default()
    }
}

/// Four repositories, one of them without a project, and a project of none.
fn context() -> TestContext {
    let context = TestContext::new();
    let projects = [
        scanned("1", "acme/app", Some(NOW - DAY)),
        scanned("2", "acme/never", None),
        scanned("3", "acme/old", Some(NOW - 40 * DAY)),
        scanned("4", "acme/lost", Some(NOW - DAY)),
    ];
    context.list(&projects, 1);
    context.store.with(|store| {
        let connection = json!({
            "deployment": { "id": "1", "slug": "acme" }, "deployment_wide": true, "diagnostics": [],
            "kinds": [{ "kind": "sast", "access": "readable" }, { "kind": "sca", "access": "denied", "reason": "no" }],
        });
        let connection = serde_json::from_value(connection).unwrap();
        let connected = InstanceStatus::Connected;
        store.set_instance_status(1, connected, None, Some(&connection), Timestamp::from_micros(NOW)).unwrap();
        store
            .connection
            .execute_batch(
                "UPDATE projects SET repository_id = NULL, mapping = 'unmapped'; DELETE FROM repositories;
                 INSERT INTO repositories (id, provider, full_name, groups, listed, added_at) VALUES
                 (1, 'github', 'acme/app', '[\"shop\"]', 1, 0), (2, 'github', 'acme/never', '[]', 1, 0),
                 (3, 'github', 'acme/old', '[]', 1, 0), (4, 'github', 'acme/nobody', '[]', 1, 0);
                 UPDATE projects SET repository_id = r.id, mapping = 'mapped'
                     FROM repositories AS r WHERE r.full_name = name;",
            )
            .unwrap();
    });
    context
}

fn coverage(context: &TestContext, options: &CoverageOptions) -> Coverage {
    context.store.with(|store| store.coverage(options, Timestamp::from_micros(NOW))).unwrap()
}

/// Each repository in a line.
fn told(coverage: &Coverage) -> Vec<String> {
    let row = |it: &super::RepositoryCoverage| {
        let cell = &it.instances["code"];
        let class = |it: super::ClassCoverage| format!("{}, {}, {}", it.state.as_str(), it.open, it.outcome.as_str());
        format!(
            "{}: {} ({}); code {}; packages {}",
            it.repository,
            cell.state.as_str(),
            cell.why.as_deref().unwrap_or("-"),
            class(it.weaknesses),
            class(it.vulnerabilities)
        )
    };
    coverage.repositories.iter().map(row).collect()
}

#[test]
fn a_repository_that_nobody_scanned_is_told_from_one_that_is_clean() {
    let context = context();
    context.findings(&[json!({ "id": "1" })], NOW - DAY);
    let run = context.store.with(|store| store.runs(None, 1)).unwrap().remove(0);
    let complete = crate::RunState::Complete;
    context.store.with(|store| store.finish_run(run.id, complete, None, Timestamp::from_micros(NOW - DAY))).unwrap();
    let shown = coverage(&context, &CoverageOptions::default());
    insta::assert_snapshot!(told(&shown).join("\n"), @r"
    acme/app: enabled (-); code enabled, 1, findings; packages disabled, 0, never-scanned
    acme/never: never-scanned (the vendor never scanned it); code never-scanned, 0, never-scanned; packages disabled, 0, never-scanned
    acme/nobody: disabled (no project is mapped to it); code disabled, 0, never-scanned; packages disabled, 0, never-scanned
    acme/old: stale (not scanned in the last 30 days); code stale, 0, clean; packages disabled, 0, never-scanned
    ");
    let lost: Vec<_> = shown.unmapped.iter().map(|it| (it.project.as_str(), it.mapping.as_str())).collect();
    assert_eq!(lost, [("acme/lost", "unmapped")]);
    let summary = shown.summary;
    assert_eq!((summary.repositories, summary.weaknesses, summary.vulnerabilities, summary.uncovered), (4, 1, 0, 3));

    let patient = CoverageOptions { stale_after_days: 50, ..CoverageOptions::default() };
    assert_eq!(coverage(&context, &patient).summary.weaknesses, 2);
    let scope = ProjectFilter { group: Some("shop".to_owned()), ..ProjectFilter::default() };
    let shop = coverage(&context, &CoverageOptions { scope, ..CoverageOptions::default() });
    assert_eq!((shop.repositories.len(), shop.unmapped.len()), (1, 0));

    let outcomes = context.store.with(|store| store.projects(None, None)).unwrap();
    let outcomes: Vec<_> = outcomes.iter().map(|it| (it.project.name.as_str(), it.outcome.as_str())).collect();
    assert_eq!(
        outcomes,
        [("acme/app", "findings"), ("acme/lost", "not-read"), ("acme/never", "never-scanned"), ("acme/old", "clean")]
    );
}

#[test]
fn an_instance_that_fails_or_has_not_run_for_long_covers_nothing() {
    let context = context();
    let state = |context: &TestContext| {
        let shown = coverage(context, &CoverageOptions::default());
        let cell = &shown.repositories[0].instances["code"];
        format!("{}: {}", cell.state.as_str(), cell.why.as_deref().unwrap_or("-"))
    };
    insta::assert_snapshot!(state(&context), @"never-read: no run has read it yet");
    let failed = |store: &mut crate::FindingStore| {
        store.log_failed_run(
            1,
            RunMode::Full,
            &crate::Cause::new(appsec_grant::Code::Unavailable, "no network"),
            Timestamp::from_micros(NOW),
        )
    };
    context.store.with(failed).unwrap();
    insta::assert_snapshot!(state(&context), @"failing: the last run failed: no network");
    context.store.with(|store| {
        let sql = "INSERT INTO runs (instance_id, mode, state, started_at, finished_at) VALUES (1, 'full', 'complete', ?1, ?1)";
        store.connection.execute(sql, [NOW - 31 * DAY]).unwrap();
    });
    insta::assert_snapshot!(state(&context), @"stale: no complete run in the last 30 days");
    context.store.with(|store| {
        let refused = InstanceStatus::Unauthorized;
        store.set_instance_status(1, refused, Some("token refused"), None, Timestamp::from_micros(NOW)).unwrap();
    });
    insta::assert_snapshot!(state(&context), @"failing: unauthorized: token refused");
}

#[test]
fn a_run_that_marks_nothing_as_vanished_has_fetched_everything_all_the_same() {
    let context = context();
    context.findings(&[json!({ "id": "1" })], NOW - DAY);
    let state = |code: &str| {
        context.store.with(|store| {
            let sql = "UPDATE runs SET state = 'complete', finished_at = ?1;";
            store.connection.execute(sql, [NOW - 40 * DAY]).unwrap();
            let sql = "INSERT INTO runs (instance_id, mode, state, started_at, finished_at, message, code) \
                       VALUES (1, 'full', 'partial', ?1, ?1, 'half of it', ?2)";
            store.connection.execute(sql, rusqlite::params![NOW, code]).unwrap();
            let sql = "INSERT INTO fetches (run_id, kind, scope, state) \
                       SELECT (SELECT max(id) FROM runs), kind, scope, 'refused' FROM fetches LIMIT 1";
            store.connection.execute(sql, []).unwrap();
            let degraded = InstanceStatus::Degraded;
            store.set_instance_status(1, degraded, Some("half of it"), None, Timestamp::from_micros(NOW)).unwrap();
        });
        let shown = coverage(&context, &CoverageOptions::default());
        let cell = &shown.repositories[0].instances["code"];
        format!("{}: {}", cell.state.as_str(), cell.why.as_deref().unwrap_or("-"))
    };
    // It was mapped after the run before.
    let mapped = |store: &mut crate::FindingStore| {
        store.connection.execute("UPDATE projects SET mapped_at = ?1 WHERE mapping = 'mapped'", [NOW - 1])
    };
    context.store.with(mapped).unwrap();
    let old = |context: &TestContext| told(&coverage(context, &CoverageOptions::default())).remove(3);
    assert!(old(&context).contains("code never-read, 0, not-read"), "{}", old(&context));
    insta::assert_snapshot!(state("removal-refused"), @"enabled: half of it");
    assert!(old(&context).contains("code stale, 0, clean"), "{}", old(&context));
    insta::assert_snapshot!(state("unavailable"), @"failing: the last run is partial: half of it");
}

#[test]
fn a_kind_that_no_file_and_no_run_brought_is_not_clean() {
    let context = context();
    context.findings(&[json!({ "id": "1" })], NOW - DAY);
    context.store.with(|store| {
        // As after an import alone, of an instance that could bring packages too.
        store
            .connection
            .execute_batch(
                "UPDATE runs SET mode = 'import', state = 'complete', finished_at = started_at;
                 UPDATE instances SET connection = replace(connection, '\"denied\",\"reason\":\"no\"', '\"readable\"');",
            )
            .unwrap();
    });
    let line = |context: &TestContext| told(&coverage(context, &CoverageOptions::default())).remove(0);
    insta::assert_snapshot!(line(&context), @"acme/app: enabled (-); code enabled, 1, findings; packages never-read, 0, not-read");
    context.store.with(|store| store.connection.execute("UPDATE runs SET mode = 'full', whole = 1", []).unwrap());
    insta::assert_snapshot!(line(&context), @"acme/app: enabled (-); code enabled, 1, findings; packages never-read, 0, not-read");
    let sql = "INSERT INTO fetches (run_id, kind, scope, state) SELECT run_id, 'sca', scope, 'complete' FROM fetches";
    context.store.with(|store| store.connection.execute(sql, [])).unwrap();
    insta::assert_snapshot!(line(&context), @"acme/app: enabled (-); code enabled, 1, findings; packages enabled, 0, clean");
}
