use appsec_model::{Kind, RawRecord, Severity};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Cursor, Sort, TotalIs, Way, count_sql, page_sql};
use crate::{
    ACTIVE,
    database::FindingStore,
    filter::{Filter, Period, ProjectFilter},
    fixture::{TestContext, at, finding, project, record},
};

/// What a view asks for when nothing is said.
fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn usual() -> Filter {
    Filter { statuses: ACTIVE.map(str::to_owned).to_vec(), security: Some(true), limit: 50, ..Filter::default() }
}

fn titles(context: &TestContext, filter: &Filter) -> Vec<String> {
    context.store.with(|store| store.view(filter)).unwrap().rows.into_iter().map(|row| row.title).collect()
}

/// Findings in two projects of two repositories.
fn world() -> TestContext {
    let context = TestContext::new();
    context.list(&[project("1", "acme/app", "main"), project("2", "acme/app-two", "main")], 1);
    context.store.with(|store| {
        store
            .connection
            .execute_batch(
                "UPDATE projects SET repository_id = NULL; DELETE FROM repositories;
                 INSERT INTO repositories (id, provider, full_name, groups, listed, added_at) VALUES
                 (1, 'github', 'acme/app', '[\"shop\"]', 1, 0), (2, 'github', 'Acme/App-Two', '[]', 1, 0);
                 UPDATE projects SET repository_id = 1, environment = 'production', branch = 'release', tag = 'web',
                     metadata = '{\"team\":\"blue\"}' WHERE name = 'acme/app';
                 UPDATE projects SET repository_id = 2 WHERE name = 'acme/app-two';",
            )
            .unwrap();
    });
    let bodies = [
        json!({ "id": "v1", "key": "k1", "title": "a", "severity": "critical" }),
        json!({ "id": "v2", "key": "k2", "title": "b", "severity": "low", "ref": "next", "line": 3 }),
        json!({ "id": "v3", "key": "k3", "title": "c", "in": "acme/app-two", "location": { "path": "z/b.py" } }),
        json!({ "id": "v4", "key": "k4", "title": "d", "status": "fixed" }),
        json!({ "id": "v5", "key": "k5", "title": "e", "security": false }),
    ];
    let with_project = |body: &RawRecord| {
        let body: Value = serde_json::from_str(&body.body).unwrap();
        let mut found = finding(&body);
        if let Some(name) = body.get("in") {
            found["project"]["name"] = name.clone();
        }
        found
    };
    context.read(Kind::Sast, bodies.iter().map(|body| record(Kind::Sast, body)).collect(), with_project, 10);
    context
}

#[test]
fn filters_keep_to_what_they_say() {
    let context = world();
    let public_id = context.all()[0].row.id.to_string();
    let scope = |scope: ProjectFilter| Filter { scope, ..usual() };
    let text = |text: &str| Some(text.to_owned());
    let cases: Vec<(&str, Filter, &[&str])> = vec![
        ("usual", usual(), &["a", "c", "b"]),
        ("all", Filter { limit: 9, sort: Sort::Path, ..Filter::default() }, &["b", "a", "e", "d", "c"]),
        ("severity", Filter { min_severity: Some(Severity::High), ..usual() }, &["a", "c"]),
        ("priority", Filter { min_priority: Some(100), ..usual() }, &[]),
        ("full name", scope(ProjectFilter { repository: text("ACME/app"), ..Default::default() }), &["a", "b"]),
        ("part of a name", scope(ProjectFilter { repository: text("app"), ..Default::default() }), &["a", "c", "b"]),
        ("group", scope(ProjectFilter { group: text("shop"), ..Default::default() }), &["a", "b"]),
        (
            "environment",
            scope(ProjectFilter { environments: texts(&["test", "production"]), ..Default::default() }),
            &["a", "b"],
        ),
        ("tag", scope(ProjectFilter { tags: texts(&["web"]), ..Default::default() }), &["a", "b"]),
        (
            "metadata",
            scope(ProjectFilter { metadata: vec![("team".to_owned(), "blue".to_owned())], ..Default::default() }),
            &["a", "b"],
        ),
        (
            "other metadata",
            scope(ProjectFilter { metadata: vec![("team".to_owned(), "red".to_owned())], ..Default::default() }),
            &[],
        ),
        ("branch of scans", Filter { branches: texts(&["release"]), ..usual() }, &["a", "b"]),
        ("ref", Filter { branches: texts(&["next", "none"]), ..usual() }, &["b"]),
        ("text in a path", Filter { text: text("Z/B"), ..usual() }, &["c"]),
        ("fingerprint", Filter { identifier: text("k2"), ..usual() }, &["b"]),
        ("vendor's id", Filter { identifier: text("v3"), ..usual() }, &["c"]),
        ("id", Filter { identifier: text(&public_id), ..usual() }, &["a"]),
        ("no such id", Filter { identifier: text("k9"), ..usual() }, &[]),
        ("since", Filter { first_seen: Period { since: Some(at(11)), until: None }, ..usual() }, &[]),
        ("until", Filter { changed: Period { since: None, until: Some(at(11)) }, ..usual() }, &["a", "c", "b"]),
        (
            "seen",
            Filter { last_seen: Period { since: Some(at(10)), until: Some(at(11)) }, ..usual() },
            &["a", "c", "b"],
        ),
        ("seen later", Filter { last_seen: Period { since: Some(at(11)), until: None }, ..usual() }, &[]),
        ("project", Filter { sort: Sort::Project, reverse: true, ..usual() }, &["c", "b", "a"]),
        ("severity, turned around", Filter { sort: Sort::Severity, reverse: true, ..usual() }, &["b", "c", "a"]),
    ];
    for (name, filter, expected) in cases {
        assert_eq!(titles(&context, &filter), expected, "{name}");
        let counted = context.store.with(|store| store.findings(&Filter { limit: 0, ..filter })).unwrap().1;
        assert_eq!(counted, expected.len() as u64, "{name}");
    }
}

#[test]
fn rules_are_found_by_weakness_category_and_name() {
    let context = TestContext::with_project();
    context.findings(&[json!({ "id": "1", "key": "1", "rule_id": "r1" }), json!({ "id": "2", "key": "2" })], 1);
    let rule = json!({
        "id": "r1", "subcategories": [], "vulnerability_classes": [], "technologies": [], "references": [],
        "cwes": [{ "number": 89, "text": "CWE-89" }], "owasp": [{ "code": "A03", "edition": 2021, "text": "A03:2021" }],
    });
    context.store.with(|store| {
        let sql = "INSERT INTO rules VALUES (1, 'r1', ?1, '')";
        store.connection.execute(sql, [rule.to_string()]).unwrap();
    });
    let found = |filter: Filter| titles(&context, &filter).len();
    assert_eq!(found(Filter { cwes: vec![89], ..usual() }), 1);
    assert_eq!(found(Filter { cwes: vec![8], ..usual() }), 0);
    assert_eq!(found(Filter { top25: Some(Default::default()), ..usual() }), 1);
    for (code, expected) in [("a03", 1), ("A03:2021", 1), ("A03:2017", 0), ("A01", 0)] {
        assert_eq!(found(Filter { owasp: vec![code.to_owned()], ..usual() }), expected, "{code}");
    }
    assert_eq!(found(Filter { identifier: Some("r1".to_owned()), ..usual() }), 1);
    let row = context.store.with(|store| store.view(&Filter { cwes: vec![89], ..usual() })).unwrap().rows.remove(0);
    assert_eq!((row.cwes, row.cwe_rank), (vec![89], Some(2)));
}

/// The plan of the queries that a view runs.
fn plan(store: &FindingStore, filter: &Filter) -> String {
    let resolved = store.resolved(filter).unwrap();
    let first = if !resolved.rest.sql.is_empty() && !resolved.named && filter.sort == Sort::Priority {
        Way::Candidates
    } else {
        resolved.best(filter)
    };
    let explain = |sql: &str| {
        let mut statement = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        // Without parameters: the plan does not depend on them.
        statement.raw_query().mapped(|row| row.get::<_, String>(3)).map(Result::unwrap).collect::<Vec<_>>().join("\n")
    };
    let page = explain(&page_sql(&resolved, filter, first).unwrap().0);
    let count =
        if resolved.rest.sql.is_empty() { explain(&count_sql(&resolved, filter, false)) } else { String::new() };
    format!("{page}\n{count}")
}

#[test]
fn first_pages_are_answered_from_an_index_and_in_its_order() {
    let context = world();
    let text = |text: &str| Some(text.to_owned());
    let views: [&[&str]; 4] = [&[], &["sca"], &["sast", "ai-sast"], &["secrets"]];
    let scope = ProjectFilter {
        repository: text("acme/app"),
        group: text("shop"),
        environments: texts(&["production"]),
        tags: texts(&["web"]),
        metadata: vec![("team".to_owned(), "blue".to_owned())],
    };
    let cursor = context.store.with(|store| store.view(&Filter { limit: 1, ..usual() })).unwrap().next;
    assert!(cursor.is_some());
    context.store.with(|store| {
        for kinds in views {
            let usual = || Filter { kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(), ..usual() };
            let typical = [
                ("nothing", usual()),
                ("instance", Filter { instance_id: Some(1), ..usual() }),
                ("repository and more", Filter { scope: scope.clone(), ..usual() }),
                ("project", Filter { project: text("acme"), ..usual() }),
                ("severity", Filter { severities: vec![Severity::High], ..usual() }),
                ("at least", Filter { min_severity: Some(Severity::High), min_priority: Some(60), ..usual() }),
                ("status", Filter { statuses: vec!["open".to_owned()], ..usual() }),
                ("reachability", Filter { reachability: vec!["reachable".to_owned()], ..usual() }),
                ("weakness", Filter { cwes: vec![89], ..usual() }),
                ("top 25", Filter { top25: Some(Default::default()), ..usual() }),
                ("package", Filter { package: text("lodash"), ..usual() }),
                ("upgrade", Filter { fix_available: true, ..usual() }),
                ("text", Filter { text: text("x"), ..usual() }),
                ("seen", Filter { first_seen: Period { since: Some(at(1)), until: None }, ..usual() }),
                ("last seen", Filter { last_seen: Period { since: Some(at(1)), until: None }, ..usual() }),
                ("changed", Filter { changed: Period { since: Some(at(1)), until: None }, ..usual() }),
                ("second page", Filter { after: cursor.clone(), ..usual() }),
                ("turned around", Filter { reverse: true, ..usual() }),
                ("closed", Filter { statuses: vec!["fixed".to_owned()], ..usual() }),
                ("everything", Filter { statuses: Vec::new(), security: None, ..usual() }),
                ("the rest, by text", Filter { security: Some(false), text: text("x"), ..usual() }),
            ];
            for (name, filter) in typical {
                let plan = plan(store, &filter);
                let of_findings = |line: &&str| line.starts_with("SCAN findings") || line.contains("findings_by_");
                let covers = |line: &str| line.contains("USING COVERING INDEX");
                assert!(plan.lines().filter(of_findings).all(covers), "{kinds:?} {name}:\n{plan}");
                let named_first = plan.contains("SCAN candidate") || plan.contains("CO-ROUTINE");
                assert!(named_first || !plan.contains("TEMP B-TREE FOR ORDER BY"), "{kinds:?} {name}:\n{plan}");
            }
            for name in ["CVE-2024-1", "0123456789abcdef"] {
                let plan = plan(store, &Filter { identifier: text(name), ..usual() });
                assert!(plan.contains("SEARCH findings USING INTEGER PRIMARY KEY"), "{plan}");
            }
        }
    });
}

#[test]
fn counts_end_where_they_would_take_long() {
    let context = TestContext::with_project();
    let bodies: Vec<Value> = (0..4).map(|n| json!({ "id": n.to_string(), "key": n.to_string() })).collect();
    context.findings(&bodies, 1);
    context.store.with(|store| {
        store
            .connection
            .execute(
                "INSERT INTO findings (public_id, instance_id, project_id, kind, occurrence_id, severity, status, \
                 security, title, priority, first_run_id, ingested_at, first_seen_at, changed_at) \
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1100) \
                 SELECT n, 1, (SELECT id FROM projects), 'sast', 1, 4, 'open', 1, 'many', 10, 1, 1, 1, 1 FROM n",
                [],
            )
            .unwrap();
        let total = |filter: &Filter| store.view(filter).unwrap().total;
        let counted = total(&usual());
        assert_eq!((counted.total, counted.total_is), (1_104, TotalIs::Exact), "an index tells");
        let text = Filter { text: Some("m".to_owned()), ..usual() };
        let bounded = total(&text);
        assert_eq!((bounded.total, bounded.total_is), (1_000, TotalIs::AtLeast));
        assert_eq!(store.findings(&text).unwrap().1, 1_100);
        let few = Filter { text: Some("t".to_owned()), min_priority: Some(11), ..usual() };
        assert_eq!((total(&few).total, total(&few).total_is), (4, TotalIs::Exact));
    });
}

#[test]
fn a_cursor_survives_as_text_and_belongs_to_its_order() {
    let context = world();
    let page = |filter: &Filter| context.store.with(|store| store.view(filter));
    let next = page(&Filter { limit: 1, ..usual() }).unwrap().next.unwrap();
    assert_eq!(next.to_string().parse::<Cursor>().unwrap(), next);
    let other = Filter { sort: Sort::Path, after: Some(next), ..usual() };
    insta::assert_snapshot!(
        page(&other).unwrap_err(),
        @"cursor does not match the sort order"
    );
    for wrong in ["", "zz", "5b", "5b5d", "5b22736576657269747922"] {
        assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
    }
}

/// Ids in each order, from a store that got instances, projects and findings in
/// one order or in the other.
fn in_every_order(turned: bool) -> Vec<Vec<String>> {
    let ordered = |count: usize| (0..count).map(move |at| if turned { count - 1 - at } else { at });
    let bare = TestContext::new();
    let contexts = ["one", "two"];
    let contexts: Vec<TestContext> = ordered(contexts.len()).map(|at| bare.beside(contexts[at])).collect();
    for context in &contexts {
        let names = ["acme/a", "acme/b", "acme/c"];
        let projects: Vec<_> = ordered(3).map(|at| project(&at.to_string(), names[at], "main")).collect();
        context.list(&projects, 1);
        let bodies: Vec<_> = ordered(12).map(|at| json!({ "id": at.to_string(), "in": names[at % 3] })).collect();
        let normalize = |it: &RawRecord| {
            let body: Value = serde_json::from_str(&it.body).unwrap();
            let mut found = finding(&json!({ "id": body["id"], "key": body["id"] }));
            found["project"]["name"] = body["in"].clone();
            found
        };
        context.read(Kind::Sast, bodies.iter().map(|body| record(Kind::Sast, body)).collect(), normalize, 10);
    }
    let ids = |sort: Sort| {
        let rows = bare.store.with(|store| store.view(&Filter { sort, limit: 99, ..Filter::default() })).unwrap().rows;
        rows.iter().map(|row| row.id.to_string()).collect()
    };
    Sort::ALL.iter().map(|sort| ids(*sort)).collect()
}

#[test]
fn what_is_equally_urgent_is_in_the_same_order_in_every_store() {
    let here = in_every_order(false);
    assert!(here.iter().all(|ids| ids.len() == 24));
    assert_eq!(here, in_every_order(true));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Pages of any size, in any order and direction, behind cursors or by
    /// offset, hold every row once and in the order of one large page.
    #[test]
    fn pages_add_up(
        found in prop::collection::vec((0..3_usize, 0..3_usize, 0..3_u32, any::<bool>()), 0..20),
        limit in 1..6_u32,
        sort in prop::sample::select(Sort::ALL.to_vec()),
        reverse: bool,
        urgent: bool,
        text: bool,
    ) {
        let context = TestContext::new();
        context.list(&[project("1", "acme/b", "main"), project("2", "acme/a", "main")], 1);
        let mut shown = Vec::new();
        for (number, (severity, place, line, second)) in found.iter().enumerate() {
            let name = if *second { "acme/a" } else { "acme/b" };
            let severity = ["high", "low", "info"][*severity];
            let body = json!({ "id": number.to_string(), "key": number.to_string(), "in": name, "severity": severity });
            let mut finding = finding(&body);
            finding["project"]["name"] = name.into();
            let places = [json!(null), json!({ "path": "a" }), json!({ "path": "b", "start_line": line })];
            finding["location"] = places[*place].clone();
            shown.push((body, finding));
        }
        let records = shown.iter().map(|(body, _)| record(Kind::Sast, body)).collect();
        let normalize = |it: &RawRecord| shown[it.id.as_ref().unwrap().parse::<usize>().unwrap()].1.clone();
        context.read(Kind::Sast, records, normalize, 10);
        context.store.with(|store| {
            let sql = "UPDATE findings SET first_seen_at = start_line, changed_at = severity WHERE start_line NOT NULL";
            store.connection.execute(sql, []).unwrap();
        });
        let base = if urgent { usual() } else { Filter::default() };
        let text = text.then(|| "t".to_owned());
        let base = Filter { sort, reverse, text, statuses: base.statuses, security: base.security, ..Filter::default() };
        let page = |filter: Filter| context.store.with(|store| store.view(&filter)).unwrap();
        let ids = |filter: Filter| page(filter).rows.iter().map(|row| row.id).collect::<Vec<_>>();
        let whole = ids(Filter { limit: 99, ..base.clone() });
        prop_assert_eq!(whole.len(), found.len());
        let (mut by_cursor, mut by_offset) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let found = page(Filter { limit, after: after.clone(), ..base.clone() });
            prop_assert_eq!(found.total.total, whole.len() as u64);
            by_cursor.extend(found.rows.iter().map(|row| row.id));
            after = found.next;
            if after.is_none() { break; }
        }
        while by_offset.len() < whole.len() {
            by_offset.extend(ids(Filter { limit, offset: by_offset.len() as u32, ..base.clone() }));
        }
        prop_assert_eq!(&by_cursor, &whole);
        prop_assert_eq!(&by_offset, &whole);
    }
}
