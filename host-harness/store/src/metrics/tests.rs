use appsec_model::{Kind, RawRecord};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DAY, rebuild};
use crate::{
    Filter, Period,
    fixture::{TestContext, at, finding, project, record},
    metrics::{Dashboard, DashboardFilter},
};

fn context() -> TestContext {
    let context = TestContext::new();
    context.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 1);
    context
}

/// A complete read of these findings, each with a key, a status and more, on a
/// day and some hours.
fn read(context: &TestContext, bodies: &[Value], day: i64) {
    let shown = |it: &RawRecord| {
        let body: Value = serde_json::from_str(&it.body).unwrap();
        let mut finding = finding(&body);
        if let Some(name) = body.get("in") {
            finding["project"]["name"] = name.clone();
        }
        finding
    };
    let records = bodies.iter().map(|body| record(Kind::Sast, body)).collect();
    context.read(Kind::Sast, records, shown, day * DAY + DAY / 4);
}

fn refresh(context: &TestContext) {
    context.store.with(|store| store.refresh(at(0))).unwrap();
}

fn dashboard(context: &TestContext, filter: &DashboardFilter, today: i64) -> Dashboard {
    context.store.with(|store| store.dashboard(filter, at(today * DAY))).unwrap()
}

fn all() -> DashboardFilter {
    DashboardFilter { top: 9, ..DashboardFilter::default() }
}

/// The days on which something happened.
fn happened(dashboard: &Dashboard) -> Vec<String> {
    dashboard
        .days
        .iter()
        .filter(|it| it.new + it.reopened + it.fixed + it.vanished + it.dismissed > 0)
        .map(|it| {
            let counts = [it.new, it.reopened, it.fixed, it.vanished, it.dismissed];
            format!("{} {counts:?} {}", it.day, it.open)
        })
        .collect()
}

fn body(key: &str, status: &str) -> Value {
    json!({ "id": key, "key": key, "title": key, "status": status })
}

#[test]
fn a_finding_is_new_fixed_reopened_vanished_and_dismissed_each_on_its_day() {
    let context = context();
    let days: [(i64, &[(&str, &str)]); 6] = [
        (10, &[("a", "open"), ("b", "open"), ("c", "fixed"), ("d", "reviewing")]),
        (12, &[("a", "fixed"), ("b", "open"), ("c", "fixed"), ("d", "ignored")]),
        (15, &[("a", "open"), ("c", "fixed"), ("d", "fixed")]),
        (16, &[("a", "fixed"), ("c", "open"), ("d", "fixed")]),
        (17, &[("a", "fixed"), ("b", "open"), ("c", "open")]),
        (18, &[("a", "fixed"), ("b", "open"), ("c", "open")]),
    ];
    for (day, findings) in days {
        let bodies: Vec<Value> = findings.iter().map(|(key, status)| body(key, status)).collect();
        read(&context, &bodies, day);
        refresh(&context);
    }
    let shown = dashboard(&context, &all(), 20);
    insta::assert_debug_snapshot!(happened(&shown), @r#"
    [
        "1970-01-11 [3, 0, 0, 0, 0] 3",
        "1970-01-13 [0, 0, 1, 0, 1] 1",
        "1970-01-16 [0, 1, 0, 1, 0] 1",
        "1970-01-17 [0, 1, 1, 0, 0] 1",
        "1970-01-18 [0, 1, 0, 0, 0] 2",
    ]
    "#);
    assert_eq!(shown.open, 2);
    assert_eq!(shown.days.last().unwrap().open, 2);
    assert_eq!(shown.days.len(), 11);
    // Two days after it was first seen, one day after it was reopened.
    assert_eq!((shown.time_to_fix[0].fixed, shown.time_to_fix[0].mean_days), (2, Some(1.5)));
    let late = DashboardFilter { since: at(16 * DAY), ..all() };
    let late = dashboard(&context, &late, 20);
    assert_eq!((late.time_to_fix[0].fixed, late.time_to_fix[0].mean_days), (1, Some(1.0)));
    assert_eq!((late.days.len(), late.days[0].open), (5, 1), "what was open before counts on");
    let statuses: Vec<_> = shown.statuses.iter().map(|it| (it.name.as_str(), it.findings)).collect();
    assert_eq!(statuses, [("open", 2), ("fixed", 1), ("vanished", 1)]);
    let ages: Vec<u64> = shown.ages.iter().map(|it| it.open).collect();
    assert_eq!(ages, [0, 2, 0, 0, 0, 0]);
    assert_eq!(dashboard(&context, &all(), 17).ages[0].open, 2);
}

/// A moment on a day, as sources write it.
fn moment(day: i64) -> String {
    at(day * DAY + DAY / 2).to_string()
}

#[test]
fn on_the_first_day_the_dashboard_shows_what_happened_before() {
    let context = context();
    let dated = |key: &str, status: &str, created: i64, changed: i64| {
        json!({ "id": key, "key": key, "title": key, "status": status,
                "created_at": moment(created), "state_changed_at": moment(changed) })
    };
    let bodies =
        [dated("a", "open", 10, 10), dated("b", "fixed", 12, 16), dated("c", "fixed", 14, 15), body("d", "fixed")];
    read(&context, &bodies, 100);
    refresh(&context);
    let shown = dashboard(&context, &all(), 100);
    insta::assert_debug_snapshot!(happened(&shown), @r#"
    [
        "1970-01-11 [1, 0, 0, 0, 0] 1",
        "1970-01-13 [1, 0, 0, 0, 0] 2",
        "1970-01-15 [1, 0, 0, 0, 0] 3",
        "1970-01-16 [0, 0, 1, 0, 0] 2",
        "1970-01-17 [0, 0, 1, 0, 0] 1",
    ]
    "#);
    assert_eq!((shown.open, shown.time_to_fix[0].fixed, shown.time_to_fix[0].mean_days), (1, 2, Some(2.5)));
    assert_eq!(shown.ages.iter().map(|it| it.open).collect::<Vec<_>>(), [0, 0, 1, 0, 0, 0]);
    // A fix that a run notices late happened when the source says.
    read(&context, &[dated("a", "fixed", 10, 20)], 101);
    refresh(&context);
    let shown = dashboard(&context, &all(), 101);
    let fixed: Vec<&str> = shown.days.iter().filter(|it| it.fixed > 0).map(|it| it.day.as_str()).collect();
    assert_eq!(fixed, ["1970-01-16", "1970-01-17", "1970-01-21"]);
}

#[test]
fn views_dashboard_issues_and_policies_agree_on_the_age() {
    let context = context();
    let old = "[[policy]]\nid = 'old'\ntitle = 'T'\non = 'finding'\nseverity = 'high'\nwhen = 'age_days > 30'\n\
               [[policy]]\nid = 'issue'\ntitle = 'T'\non = 'issue'\nseverity = 'high'\nwhen = 'age_days > 30'\n";
    let dated = |key: &str, created: i64| json!({ "id": key, "key": key, "title": key, "status": "open", "created_at": moment(created), "line": created });
    // Old, young, without a date, and with dates that cannot be.
    let bodies = [
        dated("old", 10),
        dated("young", 95),
        body("none", "open"),
        dated("future", 300),
        json!({ "id": "never", "key": "never", "title": "never", "created_at": "0001-01-01T00:00:00Z", "line": 3 }),
    ];
    read(&context, &bodies, 100);
    let now = at(100 * DAY + DAY / 2);
    let policies = appsec_policy::Policies::load(old).unwrap();
    context.store.with(|store| {
        store.put_policies(&policies, old, now).unwrap();
        store.refresh(now).unwrap();
        let before = at(70 * DAY);
        let until = |first_seen| Filter { first_seen, limit: 9, ..Filter::default() };
        let old = store.view(&until(Period { since: None, until: Some(before) })).unwrap();
        let titles = |rows: &[crate::FindingRow]| rows.iter().map(|it| it.title.clone()).collect::<Vec<_>>();
        assert_eq!(titles(&old.rows), ["old"]);
        assert_eq!(old.rows[0].ingested_at, at(100 * DAY + DAY / 4));
        let by_age = store.view(&Filter { sort: crate::Sort::Age, limit: 2, ..Filter::default() }).unwrap();
        assert_eq!(titles(&by_age.rows), ["old", "young"]);
        let issues = crate::IssueFilter {
            first_seen: Period { since: None, until: Some(before) },
            limit: 9,
            ..crate::IssueFilter::default()
        };
        assert_eq!(store.issues(&issues).unwrap().1, 1);
        let ages: Vec<u64> = store.dashboard(&all(), now).unwrap().ages.iter().map(|it| it.open).collect();
        assert_eq!(ages, [4, 0, 1, 0, 0, 0]);
        let (results, _) = store.policy_results(&crate::PolicyFilter::default(), 9).unwrap();
        let mut told: Vec<_> = results.iter().map(|it| (it.policy_id.as_str(), it.title.as_str())).collect();
        told.sort_unstable();
        assert_eq!(told, [("issue", "old"), ("old", "old")]);
    });
}

#[test]
fn what_findings_are_about_is_counted_while_they_are_open() {
    let context = context();
    let vulnerable = |key: &str, verdict: &str, status: &str| {
        json!({ "id": key, "key": key, "status": status, "rule_id": "r", "in": "acme/two", "dependency": {
            "package": { "name": "lodash", "version": "1", "ecosystem": "npm" }, "transitivity": "direct",
            "introduced_by": [], "advisories": [], "reachability": { "verdict": verdict },
            "fix": { "availability": "upgrades", "upgrades": [{ "package": "lodash", "version": "2" }] },
        }})
    };
    context.store.with(|store| {
        let rule = json!({
            "id": "r", "subcategories": [], "vulnerability_classes": [], "technologies": [], "references": [],
            "owasp": [], "cwes": [{ "number": 89, "text": "CWE-89" }, { "number": 999, "text": "CWE-999" }],
        });
        store.connection.execute("INSERT INTO rules VALUES (1, 'r', ?1, '')", [rule.to_string()]).unwrap();
        store
            .connection
            .execute_batch(
                "UPDATE projects SET repository_id = NULL; DELETE FROM repositories;
                 INSERT INTO repositories (id, provider, full_name, listed, added_at) VALUES (1, 'x', 'acme/two', 1, 0);
                 UPDATE projects SET repository_id = 1, environment = 'production' WHERE name = 'acme/two';",
            )
            .unwrap();
    });
    let bodies = [
        vulnerable("a", "reachable", "open"),
        vulnerable("b", "unreachable", "open"),
        vulnerable("c", "not-analyzed", "open"),
        vulnerable("d", "always-reachable", "fixed"),
        body("e", "open"),
    ];
    read(&context, &bodies, 1);
    refresh(&context);
    let shown = dashboard(&context, &all(), 2);
    let cwes: Vec<_> = shown.cwes.iter().map(|it| (it.cwe, it.name.is_some(), it.open)).collect();
    assert_eq!(cwes, [(89, true, 3), (999, false, 3)]);
    assert_eq!((shown.top25.with_weakness, shown.top25.listed, shown.top25.share), (3, 3, Some(1.0)));
    assert_eq!((shown.packages[0].ecosystem.as_str(), shown.packages[0].name.as_str()), ("npm", "lodash"));
    assert_eq!((shown.packages.len(), shown.packages[0].open), (1, 3));
    let reach = &shown.reachability;
    assert_eq!((reach.analyzed, reach.reachable, reach.share), (2, 1, Some(0.5)));
    let repositories: Vec<_> = shown.repositories.iter().map(|it| (it.repository.as_deref(), it.open)).collect();
    assert_eq!(repositories, [(Some("acme/two"), 3), (None, 1)]);
    for environment in [Some("production"), Some("test"), None] {
        let mut filter = all();
        filter.scope.environments = environment.into_iter().map(str::to_owned).collect();
        let expected = match environment {
            Some("production") => 3,
            Some(_) => 0,
            None => 4,
        };
        assert_eq!(dashboard(&context, &filter, 2).open, expected);
    }
    let fixable = Filter { fix_available: true, limit: 9, ..Default::default() };
    assert_eq!(context.store.with(|store| store.view(&fixable)).unwrap().total.total, 4);
    // Closed ones are about nothing any more.
    read(&context, &[], 3);
    refresh(&context);
    let shown = dashboard(&context, &all(), 3);
    assert!(shown.cwes.is_empty() && shown.packages.is_empty() && shown.reachability.verdicts.is_empty());
    assert_eq!((shown.open, shown.top25.share, shown.reachability.share), (0, None, None));
}

#[test]
fn what_is_deleted_leaves_no_trace() {
    let context = context();
    read(&context, &[body("a", "open"), body("b", "open")], 1);
    refresh(&context);
    read(&context, &[body("a", "fixed"), body("b", "open")], 2);
    refresh(&context);
    context.store.with(|store| store.connection.execute("DELETE FROM findings", [])).unwrap();
    refresh(&context);
    let left = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        context.store.with(|store| store.connection.query_row(&sql, [], |row| row.get::<_, i64>(0))).unwrap()
    };
    for table in ["metric_findings", "metric_counts", "metric_labels", "metric_days", "metric_totals"] {
        assert_eq!(left(table), 0, "{table}");
    }
}

/// Everything that a table holds.
fn rows(context: &TestContext, table: &str) -> Vec<String> {
    context.store.with(|store| {
        let mut statement = store.connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5")).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let cells = (0..columns).map(|it| format!("{:?}", row.get_ref(it).unwrap()));
            Ok(cells.collect::<Vec<_>>().join(" "))
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    })
}

const SUMS: [&str; 4] = ["metric_counts", "metric_labels", "metric_days", "metric_totals"];

/// What happens between two refreshes.
#[derive(Clone, Debug)]
enum Step {
    /// A complete read: per finding, whether it is brought, and its status,
    /// severity and project.
    Read(Vec<Option<(usize, usize, bool)>>),
    /// A finding goes.
    Delete(usize),
    Refresh,
}

fn step() -> impl Strategy<Value = Step> {
    let one = prop::option::weighted(0.8, (0..5_usize, 0..3_usize, any::<bool>()));
    prop_oneof![
        4 => prop::collection::vec(one, 4).prop_map(Step::Read),
        1 => (0..4_usize).prop_map(Step::Delete),
        3 => Just(Step::Refresh),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever happens, the sums that are kept are those of all contributions,
    /// and the contributions are those of the findings as they are.
    #[test]
    fn sums_that_are_kept_are_sums_of_everything(steps in prop::collection::vec(step(), 1..14)) {
        let context = context();
        let mut today = 1;
        for step in steps.into_iter().chain([Step::Refresh]) {
            match step {
                Step::Read(findings) => {
                    today += 1;
                    let bodies = findings.iter().enumerate().filter_map(|(number, it)| {
                        let (status, severity, second) = (*it)?;
                        let status = ["open", "reviewing", "ignored", "fixed", "odd"][status];
                        let severity = ["high", "low", "critical"][severity];
                        Some(json!({
                            "id": number.to_string(), "key": number.to_string(), "status": status,
                            "severity": severity,
                            "in": if second { "acme/two" } else { "acme/app" },
                        }))
                    });
                    read(&context, &bodies.collect::<Vec<_>>(), today);
                }
                Step::Delete(number) => {
                    let sql = "DELETE FROM findings WHERE id = (SELECT id FROM findings ORDER BY id LIMIT 1 OFFSET ?1)";
                    context.store.with(|store| store.connection.execute(sql, [number as i64])).unwrap();
                }
                Step::Refresh => {
                    refresh(&context);
                    let kept: Vec<_> = SUMS.iter().map(|table| rows(&context, table)).collect();
                    context.store.with(|store| rebuild(&store.connection)).unwrap();
                    let rebuilt: Vec<_> = SUMS.iter().map(|table| rows(&context, table)).collect();
                    prop_assert_eq!(&kept, &rebuilt);
                    let as_they_are = "(SELECT project_id, kind, security, severity, status, count(*) FROM findings \
                                       GROUP BY 1, 2, 3, 4, 5)";
                    prop_assert_eq!(&kept[0], &rows(&context, as_they_are));
                    let open = "(SELECT project_id, kind, security, severity, day, still_open FROM metric_days \
                                WHERE still_open <> 0)";
                    let as_they_are = "(SELECT project_id, kind, security, severity, first_seen_at / 86400000000, \
                                       count(*) FROM findings WHERE status IN ('open', 'reviewing', 'fixing', 'unknown') \
                                       GROUP BY 1, 2, 3, 4, 5)";
                    prop_assert_eq!(rows(&context, open), rows(&context, as_they_are));
                    let shown = dashboard(&context, &all(), today + 1);
                    let of_instance = DashboardFilter { instance_id: Some(context.instance_id), ..all() };
                    prop_assert_eq!(&dashboard(&context, &of_instance, today + 1), &shown, "totals and each project");
                    prop_assert_eq!(shown.open, shown.days.last().unwrap().open, "open by status and by days");
                }
            }
        }
    }
}
