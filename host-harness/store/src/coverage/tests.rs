use appsec_model::{Project, Timestamp};
use serde_json::json;

use super::{Coverage, CoverageOptions, DAY};
use crate::{filter::ProjectFilter, fixture::Desk, instances::InstanceStatus, runs::RunMode};

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
fn desk() -> Desk {
    let desk = Desk::new();
    let projects = [
        scanned("1", "acme/app", Some(NOW - DAY)),
        scanned("2", "acme/never", None),
        scanned("3", "acme/old", Some(NOW - 40 * DAY)),
        scanned("4", "acme/lost", Some(NOW - DAY)),
    ];
    desk.list(&projects, 1);
    desk.store.with(|store| {
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
    desk
}

fn coverage(desk: &Desk, options: &CoverageOptions) -> Coverage {
    desk.store.with(|store| store.coverage(options, Timestamp::from_micros(NOW))).unwrap()
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
    let desk = desk();
    desk.findings(&[json!({ "id": "1" })], NOW - DAY);
    let run = desk.store.with(|store| store.runs(None, 1)).unwrap().remove(0);
    let complete = crate::RunState::Complete;
    desk.store.with(|store| store.finish_run(run.id, complete, None, Timestamp::from_micros(NOW - DAY))).unwrap();
    let shown = coverage(&desk, &CoverageOptions::default());
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
    assert_eq!(coverage(&desk, &patient).summary.weaknesses, 2);
    let scope = ProjectFilter { group: Some("shop".to_owned()), ..ProjectFilter::default() };
    let shop = coverage(&desk, &CoverageOptions { scope, ..CoverageOptions::default() });
    assert_eq!((shop.repositories.len(), shop.unmapped.len()), (1, 0));

    let outcomes = desk.store.with(|store| store.projects(None, None)).unwrap();
    let outcomes: Vec<_> = outcomes.iter().map(|it| (it.project.name.as_str(), it.outcome.as_str())).collect();
    assert_eq!(
        outcomes,
        [("acme/app", "findings"), ("acme/lost", "not-read"), ("acme/never", "never-scanned"), ("acme/old", "clean")]
    );
}

#[test]
fn an_instance_that_fails_or_has_not_run_for_long_covers_nothing() {
    let desk = desk();
    let state = |desk: &Desk| {
        let shown = coverage(desk, &CoverageOptions::default());
        let cell = &shown.repositories[0].instances["code"];
        format!("{}: {}", cell.state.as_str(), cell.why.as_deref().unwrap_or("-"))
    };
    insta::assert_snapshot!(state(&desk), @"never-read: no run has read it yet");
    let failed = |store: &mut crate::FindingStore| {
        store.log_failed_run(
            1,
            RunMode::Full,
            &crate::Cause::new(appsec_grant::Code::Unavailable, "no network"),
            Timestamp::from_micros(NOW),
        )
    };
    desk.store.with(failed).unwrap();
    insta::assert_snapshot!(state(&desk), @"failing: the last run failed: no network");
    desk.store.with(|store| {
        let sql = "INSERT INTO runs (instance_id, mode, state, started_at, finished_at) VALUES (1, 'full', 'complete', ?1, ?1)";
        store.connection.execute(sql, [NOW - 31 * DAY]).unwrap();
    });
    insta::assert_snapshot!(state(&desk), @"stale: no complete run in the last 30 days");
    desk.store.with(|store| {
        let refused = InstanceStatus::Unauthorized;
        store.set_instance_status(1, refused, Some("token refused"), None, Timestamp::from_micros(NOW)).unwrap();
    });
    insta::assert_snapshot!(state(&desk), @"failing: unauthorized: token refused");
}
