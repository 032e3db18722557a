use std::collections::BTreeMap;

use appsec_policy::{On, OutcomeResult, Policies};
use proptest::{collection, prelude::*, sample};
use serde_json::{Value, json};

use super::{over, subject::Reader};
use crate::{
    baseline::Baseline,
    filter::ProjectFilter,
    fixture::{TestContext, at},
    policies::{PolicyFilter, PolicyResult},
};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn policy(id: &str, on: &str, when: &str) -> String {
    format!("[[policy]]\nid = '{id}'\ntitle = 'T'\non = '{on}'\nseverity = 'high'\nwhen = '''{when}'''\n")
}

fn high() -> String {
    policy("high", "finding", "is_open && severity_rank >= rank('high')")
}

fn import(context: &TestContext, content: &str, now: i64) -> bool {
    let policies = Policies::load(content).unwrap();
    let changed = context.store.with(|store| store.put_policies(&policies, content, at(now))).unwrap();
    refresh(context, now);
    changed
}

fn refresh(context: &TestContext, now: i64) {
    context.store.with(|store| {
        store.refresh(at(now)).unwrap();
        assert!(!store.is_stale(at(now)).unwrap() && !store.policies_wait(at(now)).unwrap());
    });
}

fn results(context: &TestContext) -> Vec<PolicyResult> {
    context.store.with(|store| store.policy_results(&PolicyFilter::default(), 9999)).unwrap().0
}

/// Results as `policy title result since`.
fn told(context: &TestContext) -> Vec<String> {
    let line = |it: &PolicyResult| {
        let result = it.reason.as_deref().unwrap_or(it.result.as_str());
        format!("{} {} {result} {}", it.policy_id, it.title, it.since.as_micros())
    };
    let mut lines: Vec<String> = results(context).iter().map(line).collect();
    lines.sort();
    lines
}

fn body(key: u32, severity: &str, status: &str) -> Value {
    json!({ "id": key.to_string(), "key": key.to_string(), "title": format!("f{key}"), "severity": severity,
            "status": status, "line": key })
}

#[test]
fn a_result_stays_with_when_it_began_until_the_finding_or_the_policy_goes() {
    let context = TestContext::with_project();
    assert!(import(&context, &high(), 2));
    context.findings(&[body(1, "high", "open"), body(2, "low", "open")], 5);
    refresh(&context, 5);
    assert_eq!(told(&context), ["high f1 violated 5"]);
    context.findings(&[body(1, "critical", "open"), body(2, "high", "open")], 6);
    refresh(&context, 6);
    assert_eq!(told(&context), ["high f1 violated 5", "high f2 violated 6"]);
    let first = results(&context).into_iter().find(|it| it.title == "f1").unwrap();
    assert_eq!((first.since, first.evaluated_at), (at(5), at(6)));
    // Another version of the policy is still the policy of that name.
    assert!(import(&context, &policy("high", "finding", "is_open && severity == 'critical'"), 7));
    assert_eq!(told(&context), ["high f1 violated 5"]);
    assert!(results(&context)[0].policy_version != first.policy_version);
    assert!(!import(
        &context,
        &format!("# better\n{}", policy("high", "finding", "is_open && (severity == \"critical\")")),
        8
    ));
    let set = context.store.with(|store| store.policies()).unwrap().unwrap();
    assert_eq!((set.imported_at, set.history.len()), (at(7), 1));
    assert!(set.content.starts_with("# better"));
    // An end and a new beginning.
    context.findings(&[body(1, "critical", "fixed"), body(2, "high", "open")], 9);
    refresh(&context, 9);
    assert_eq!(told(&context), [""; 0]);
    context.findings(&[body(1, "critical", "open"), body(2, "high", "open")], 10);
    refresh(&context, 10);
    assert_eq!(told(&context), ["high f1 violated 10"]);
    context.store.with(|store| store.delete_rows(context.instance_id, at(11))).unwrap();
    assert_eq!(told(&context), [""; 0]);
    let proof = context.store.with(|store| store.prove_deletion(context.instance_id, &[])).unwrap();
    assert!(proof.left.iter().all(|it| it.ends_with("free pages of the file")), "{:?}", proof.left);
}

#[test]
fn an_evaluation_that_was_cut_off_is_finished() {
    let context = TestContext::with_project();
    let bodies: Vec<Value> = (1..=1300).map(|key| body(key, "high", "open")).collect();
    context.findings(&bodies, 5);
    refresh(&context, 5);
    let (content, policies) = (high(), Policies::load(&high()).unwrap());
    context.store.with(|store| store.put_policies(&policies, &content, at(6))).unwrap();
    context.store.with(|store| {
        assert!(store.policies_wait(at(6)).unwrap());
        // What a crash leaves after the first batch.
        store.connection.execute("UPDATE policy_files SET finding_cursor = 500", []).unwrap();
    });
    refresh(&context, 7);
    assert_eq!(results(&context).len(), 800);
    // Nothing waits: a refresh evaluates nothing.
    refresh(&context, 9 * DAY);
    assert!(results(&context).iter().all(|it| it.evaluated_at == at(7)));
}

#[test]
fn a_count_of_days_is_looked_at_when_it_reaches_its_number() {
    let context = TestContext::with_project();
    import(&context, &policy("old", "finding", "is_open && age_days > 3"), 2);
    context.findings(&[body(1, "high", "open"), body(2, "high", "fixed")], 5);
    refresh(&context, 5);
    assert_eq!(told(&context), [""; 0]);
    let due = |context: &TestContext| -> Vec<i64> {
        let sql = "SELECT due_at FROM policy_due";
        context.store.with(|store| {
            let mut statement = store.connection.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
        })
    };
    assert_eq!(due(&context), [5 + 4 * DAY], "none for what is closed");
    assert!(!context.store.with(|store| store.policies_wait(at(4 * DAY))).unwrap());
    refresh(&context, 4 * DAY);
    assert_eq!(told(&context), [""; 0]);
    assert!(context.store.with(|store| store.policies_wait(at(5 + 4 * DAY))).unwrap());
    refresh(&context, 6 * DAY);
    assert_eq!(told(&context), [format!("old f1 violated {}", 6 * DAY)]);
    assert_eq!(due(&context), [0; 0], "it only grows older");
}

#[test]
fn policies_over_issues_see_what_their_findings_say_together() {
    let context = TestContext::with_project();
    context.findings(&[body(1, "high", "open")], 5);
    let content = policy("agreed", "issue", "size(sources) > 1 && is_open && severity == 'critical'")
        + &policy("one", "issue", "findings == 1 && changed_days >= 0");
    import(&context, &content, 6);
    assert_eq!(told(&context), ["one f1 violated 6"]);
    let issue = results(&context).remove(0);
    assert_eq!((issue.on, issue.project.as_str()), (On::Issue, "acme/app"));
    // Another source sees the same line; the rule is the same.
    let other = context.beside("reports");
    other.list(&[crate::fixture::project("7", "acme/app", "main")], 7);
    context.store
        .with(|store| {
            let sql = "INSERT INTO repositories (id, provider, full_name, listed, added_at) VALUES (70, 'g', 'acme/app', 1, 0);
                       UPDATE projects SET repository_id = 70";
            store.connection.execute_batch(sql)
        })
        .unwrap();
    let mut same = body(1, "critical", "open");
    same["rule_id"] = json!("r");
    let mut first = body(1, "high", "open");
    first["rule_id"] = json!("r");
    context.findings(&[first], 8);
    other.findings(&[same], 8);
    refresh(&context, 8);
    assert_eq!(told(&context), ["agreed f1 violated 8"]);
    other.findings(&[], 9);
    refresh(&context, 9);
    assert_eq!(told(&context), [""; 0]);
}

#[test]
fn an_issue_is_excepted_if_what_is_left_of_it_violates_nothing() {
    let context = TestContext::with_project();
    let rule = |mut body: Value| {
        body["rule_id"] = json!("r");
        body
    };
    let other = context.beside("reports");
    other.list(&[crate::fixture::project("7", "acme/app", "main")], 5);
    context.store
        .with(|store| {
            let sql = "INSERT INTO repositories (id, provider, full_name, listed, added_at) VALUES (70, 'g', 'acme/app', 1, 0);
                       UPDATE projects SET repository_id = 70";
            store.connection.execute_batch(sql)
        })
        .unwrap();
    context.findings(&[rule(body(1, "high", "open"))], 6);
    other.findings(&[rule(body(1, "critical", "open"))], 6);
    let content = policy("critical", "issue", "is_open && severity == 'critical'")
        + &policy("any", "issue", "is_open")
        + &policy("finding", "finding", "is_open && severity == 'critical'");
    import(&context, &content, 7);
    let excepted = |filter: &PolicyFilter| {
        let counts = context.store.with(|store| store.policy_exceptions(filter, at(9))).unwrap();
        counts.into_iter().map(|(policy, count)| format!("{policy} {count}")).collect::<Vec<_>>()
    };
    let all = PolicyFilter::default();
    assert_eq!(excepted(&all), [""; 0]);
    let decide = |severity: &str, decision, now| {
        let found = context.all().into_iter().find(|it| it.row.severity.as_str() == severity).unwrap();
        let on = [crate::decisions::DecidedOn { finding: found.row.id, issue: None }];
        let entry = appsec_analysis::triage::TriageEntry::new(decision);
        context.store.with(|store| store.decide(&on, &entry, "ada", at(now))).unwrap();
        refresh(&context, now);
    };
    use appsec_analysis::triage::TriageDecision::{AcceptedRisk, Reviewing};
    decide("high", Reviewing, 8);
    assert_eq!(excepted(&all), [""; 0]);
    // The high one is left: it is still an issue, but none that is critical.
    decide("critical", AcceptedRisk, 8);
    assert_eq!(excepted(&all), ["critical 1", "finding 1"]);
    decide("high", AcceptedRisk, 9);
    assert_eq!(excepted(&all), ["any 1", "critical 1", "finding 1"]);
    let elsewhere = PolicyFilter { project: Some("elsewhere".to_owned()), ..PolicyFilter::default() };
    assert_eq!(excepted(&elsewhere), [""; 0]);
}

#[test]
fn what_the_operator_says_of_a_project_counts_and_filters() {
    let context = TestContext::with_project();
    let content = high() + &policy("team", "finding", "metadata.team == 'a' && 'web' in repository.groups");
    import(&context, &content, 2);
    context.findings(&[body(1, "high", "open")], 5);
    refresh(&context, 5);
    let run = |sql: &str| context.store.with(|store| store.connection.execute_batch(sql)).unwrap();
    run(
        "INSERT INTO repositories (id, provider, full_name, listed, added_at) VALUES (70, 'g', 'acme/app', 1, 0);
         UPDATE projects SET repository_id = 70, environment = 'prod', branch = 'main', metadata = '{\"team\": \"a\"}'",
    );
    refresh(&context, 6);
    assert_eq!(told(&context), ["high f1 violated 5"]);
    run("UPDATE repositories SET groups = '[\"web\"]'");
    refresh(&context, 7);
    assert_eq!(told(&context), ["high f1 violated 5", "team f1 violated 7"]);
    let count = |filter: PolicyFilter| {
        context.store.with(|store| {
            let set = store.policies().unwrap().unwrap();
            let found = store.policy_violations(set.policies.get("high").unwrap(), &filter, 9).unwrap();
            assert_eq!(found.results.len() as u64, found.violated);
            found.violated
        })
    };
    let word = |word: &str| vec!["other".to_owned(), word.to_owned()];
    assert_eq!(count(PolicyFilter::default()), 1);
    let scope = |scope: ProjectFilter| PolicyFilter { scope, ..PolicyFilter::default() };
    let prod = ProjectFilter { environments: word("prod"), ..ProjectFilter::default() };
    assert_eq!(count(PolicyFilter { branches: word("main"), ..scope(prod) }), 1);
    assert_eq!(count(PolicyFilter { branches: word("next"), ..PolicyFilter::default() }), 0);
    assert_eq!(count(scope(ProjectFilter { environments: word("test"), ..ProjectFilter::default() })), 0);
    assert_eq!(count(scope(ProjectFilter { tags: word("v1"), ..ProjectFilter::default() })), 0);
    assert_eq!(count(scope(ProjectFilter { group: Some("web".to_owned()), ..ProjectFilter::default() })), 1);
    assert_eq!(count(PolicyFilter { instance_id: Some(context.instance_id), ..PolicyFilter::default() }), 1);
    assert_eq!(count(PolicyFilter { instance_id: Some(context.instance_id + 1), ..PolicyFilter::default() }), 0);
    assert_eq!(count(PolicyFilter { project: Some("ACME".to_owned()), ..PolicyFilter::default() }), 1);
    assert_eq!(count(scope(ProjectFilter { repository: Some("lib".to_owned()), ..ProjectFilter::default() })), 0);
    assert_eq!(count(PolicyFilter { kinds: word("sca"), ..PolicyFilter::default() }), 0);
}

#[test]
fn what_was_fixed_on_the_base_is_new_where_it_is_back() {
    let context = TestContext::with_project();
    import(&context, &high(), 2);
    let of = |id: &str, branch: &str, key: u32, status: &str| {
        let mut body = body(key, "high", status);
        body["id"] = id.into();
        body["ref"] = branch.into();
        body
    };
    // The first is on both branches, the second was fixed on the base.
    let bodies = [
        of("1", "release", 1, "open"),
        of("2", "feature", 1, "open"),
        of("3", "release", 2, "fixed"),
        of("4", "feature", 2, "open"),
    ];
    context.findings(&bodies, 5);
    refresh(&context, 5);
    let titles = |new_since: Option<Baseline>| {
        let filter = PolicyFilter { new_since, open: true, ..PolicyFilter::default() };
        let found = context.store.with(|store| store.policy_results(&filter, 9)).unwrap().0;
        let mut titles: Vec<String> = found.into_iter().map(|it| it.title).collect();
        titles.sort();
        titles
    };
    assert_eq!(titles(None), ["f1", "f2"]);
    assert_eq!(titles(Some(Baseline::Branch("release".to_owned()))), ["f2"]);
}

#[test]
fn policies_that_cannot_be_read_stop_nothing_but_checks() {
    let context = TestContext::with_project();
    import(&context, &high(), 2);
    context.findings(&[body(1, "high", "open")], 5);
    refresh(&context, 5);
    context.store.with(|store| {
        store.connection.execute("UPDATE policy_files SET content = 'no'", []).unwrap();
        store.compiled = crate::compiled::Compiled::default();
    });
    context.findings(&[], 6);
    refresh(&context, 6);
    let error = context.store.with(|store| store.policies()).err().unwrap();
    assert!(error.to_string().starts_with("the stored policies cannot be read by this program"), "{error}");
    assert!(import(&context, &high(), 7));
    assert_eq!(told(&context), [""; 0]);
}

/// Policy files to change between: the same id in several versions, over
/// issues, with times, and without an answer.
fn files() -> [String; 4] {
    [
        high(),
        policy("high", "finding", "is_open && severity_rank >= rank('medium')")
            + &policy("old", "finding", "is_open && age_days > 3")
            + &policy("issue", "issue", "is_open && severity_rank >= rank('high') && ingested_days >= 2"),
        policy("odd", "finding", "is_open && 7 / (severity_rank - 3) > 2")
            + &policy("issue", "issue", "status != 'fixed' && changed_days * 2 > 4"),
        policy("high", "issue", "!is_open") + &policy("old", "finding", "security && changed_days in [1, 2]"),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Import(usize),
    Clear,
    Findings(Vec<(u32, &'static str, &'static str)>),
    Days(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let finding = (
        1..5_u32,
        sample::select(vec!["low", "medium", "high", "critical"]),
        sample::select(vec!["open", "fixing", "fixed"]),
    );
    prop_oneof![
        4 => (0..files().len()).prop_map(Step::Import),
        1 => Just(Step::Clear),
        6 => collection::btree_map(1..5_u32, finding, 0..4).prop_map(|findings| {
            Step::Findings(findings.into_iter().map(|(key, (_, severity, status))| (key, severity, status)).collect())
        }),
        3 => (1..4_i64).prop_map(Step::Days),
    ]
}

/// What makes a result: what it is over, whose it is, of which policy, and
/// whether it is an error.
type Key = (u8, i64, String, bool);

/// All results that the policies have now, from scratch.
fn scratch(context: &TestContext, now: i64) -> BTreeMap<Key, (String, Option<String>, bool)> {
    context.store.with(|store| {
        let mut found = BTreeMap::new();
        let Some(set) = store.policies().unwrap() else { return found };
        let mut reader = Reader::new(&store.connection, &store.decoder);
        for (on, table) in [(On::Finding, "findings"), (On::Issue, "issues")] {
            let mut statement = store.connection.prepare(&format!("SELECT id FROM {table}")).unwrap();
            let ids: Vec<i64> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            for id in ids {
                let subject = if on == On::Finding { reader.finding(id) } else { reader.issue(id) }.unwrap().unwrap();
                assert_eq!(subject.on, on);
                for outcome in set.policies.evaluate(&subject, at(now)) {
                    let reason = match outcome.result {
                        OutcomeResult::Violated => None,
                        OutcomeResult::Error { reason } => Some(reason),
                    };
                    let key = (over(on), id, outcome.policy_id, reason.is_some());
                    found.insert(key, (outcome.version, reason, subject.is_open));
                }
            }
        }
        found
    })
}

type Kept = BTreeMap<Key, (String, Option<String>, bool, i64)>;

fn stored(context: &TestContext) -> Kept {
    context.store.with(|store| {
        let sql = "SELECT over, subject_id, policy_id, result, version, reason, open, since FROM policy_results \
                   JOIN policies ON policies.id = policy";
        let mut statement = store.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let key = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((key, (row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?)))
        });
        rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn results_are_those_from_scratch_whatever_came_before(steps in collection::vec(step(), 1..14)) {
        let context = TestContext::with_project();
        let mut now = 5;
        let mut before = Kept::new();
        for step in steps {
            now += 1;
            match &step {
                Step::Import(file) => _ = import(&context, &files()[*file], now),
                Step::Clear => _ = context.store.with(|store| store.clear_policies(at(now))).unwrap(),
                Step::Findings(findings) => {
                    let bodies = findings.iter().map(|(key, severity, status)| body(*key, severity, status));
                    _ = context.findings(&bodies.collect::<Vec<_>>(), now);
                }
                Step::Days(days) => now += days * DAY,
            }
            refresh(&context, now);
            let after = stored(&context);
            let told: BTreeMap<_, _> = after.iter().map(|(key, (version, reason, open, _))| {
                (key.clone(), (version.clone(), reason.clone(), *open))
            }).collect();
            prop_assert_eq!(told, scratch(&context, now), "after {:?}", step);
            for (key, (.., since)) in &after {
                let expect = before.get(key).map_or(now, |(.., since)| *since);
                prop_assert_eq!(*since, expect, "{:?} after {:?}", key, step);
            }
            before = after;
        }
    }
}
