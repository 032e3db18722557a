use appsec_model::Kind;
use serde_json::{Value, json};

use super::{AT_LEAST, LookedAt, OnAbsence, Percent};
use crate::{
    error::Cause,
    fixture::{TestContext, at, project},
    runs::{Fetch, FetchState, RunExtent, RunMode},
};

/// Findings of one project, each one of its own.
fn findings(range: std::ops::Range<usize>, status: &str) -> Vec<Value> {
    range
        .map(|number| json!({ "id": format!("{status}-{number}"), "key": format!("{status}-{number}"), "status": status }))
        .collect()
}

fn limit(percent: u8) -> OnAbsence {
    OnAbsence::Guard(Percent::new(percent).unwrap())
}

/// A context whose reads do this with what they have not brought.
fn guarded(on_absence: OnAbsence) -> TestContext {
    let mut context = TestContext::with_project();
    context.on_absence = on_absence;
    context
}

/// A context with 100 open findings, and 50 fixed ones.
fn context(on_absence: OnAbsence) -> TestContext {
    let context = guarded(on_absence);
    context.findings(&[findings(0..100, "open"), findings(0..50, "fixed")].concat(), 1);
    context
}

fn last_read(context: &TestContext) -> Fetch {
    context.store.with(|store| store.runs(None, 1)).unwrap().remove(0).fetches.remove(0)
}

fn vanished(context: &TestContext) -> usize {
    context.store.with(|store| {
        store
            .connection
            .query_row("SELECT count(*) FROM findings WHERE status = 'vanished'", [], |row| row.get(0))
            .unwrap()
    })
}

#[test]
fn more_than_may_vanish_is_refused_and_nothing_is_marked_until_it_is_allowed() {
    let mut context = context(limit(30));
    let rest = findings(0..60, "open");
    context.findings(&rest, 2);
    let read = last_read(&context);
    assert_eq!((read.state, read.counts.vanished, vanished(&context)), (FetchState::Refused, 0, 0));
    insta::assert_snapshot!(read.message.unwrap(), @"nothing was marked as vanished: 40 of 100 open findings of the kind sast in acme/app would be, 40% with a limit of 30%; 90 findings and packages in all");
    assert_eq!(read.code, Some(appsec_grant::Code::RemovalRefused));
    let (listed, total) = context.store.with(|store| store.vanishing(2, 7)).unwrap();
    assert_eq!((listed.len(), total), (7, 90), "fixed ones are told as well");
    context.on_absence = OnAbsence::Mark;
    context.findings(&rest, 3);
    assert_eq!((last_read(&context).state, vanished(&context)), (FetchState::Complete, 90));
}

#[test]
fn as_much_as_may_vanish_is_marked() {
    let context = context(limit(30));
    context.findings(&findings(0..70, "open"), 2);
    assert_eq!((last_read(&context).state, vanished(&context)), (FetchState::Complete, 80));
    context.findings(&findings(0..48, "open"), 3);
    assert_eq!((last_read(&context).state, vanished(&context)), (FetchState::Refused, 80));
}

#[test]
fn a_few_findings_may_be_all_there_are() {
    let context = guarded(limit(0));
    let few = usize::try_from(AT_LEAST).unwrap() - 1;
    context.findings(&findings(0..few, "open"), 1);
    context.findings(&[], 2);
    assert_eq!((last_read(&context).state, vanished(&context)), (FetchState::Complete, few));
}

#[test]
fn fixed_findings_may_go_and_a_branch_that_goes_takes_no_finding_along() {
    let context = guarded(limit(10));
    let on_branch: Vec<Value> = (0..100)
        .map(|number| json!({ "id": format!("next-{number}"), "key": format!("open-{number}"), "ref": "next" }))
        .collect();
    context.findings(&[findings(0..100, "open"), findings(0..100, "fixed"), on_branch].concat(), 1);
    context.findings(&findings(0..100, "open"), 2);
    assert_eq!((last_read(&context).state, vanished(&context)), (FetchState::Complete, 100));
}

#[test]
fn what_is_only_to_be_shown_is_never_marked() {
    let context = context(OnAbsence::Show);
    context.findings(&findings(1..100, "open"), 2);
    let read = last_read(&context);
    assert_eq!((read.state, vanished(&context)), (FetchState::Refused, 0));
    insta::assert_snapshot!(read.message.unwrap(), @"nothing was marked, as asked: 51 findings would vanish, 1 of them open");
}

#[test]
fn an_inventory_that_is_empty_at_once_is_refused() {
    let context = guarded(limit(50));
    let package = |number: usize| {
        let body = json!({ "id": number.to_string(), "number": number });
        crate::fixture::record(Kind::Packages, &body)
    };
    let normalize = |record: &appsec_model::RawRecord| {
        json!({
            "project": { "name": "acme/app" }, "transitivity": "direct", "licenses": [], "introduced_by": [],
            "package": { "ecosystem": "npm", "name": format!("p{}", record.id.as_ref().unwrap()), "version": "1" },
        })
    };
    context.read(Kind::Packages, (0..30).map(package).collect(), normalize, 1);
    context.read(Kind::Packages, vec![], normalize, 2);
    let read = last_read(&context);
    assert_eq!(read.state, FetchState::Refused);
    assert!(read.message.unwrap().contains("30 of 30 packages of the kind packages in acme/app would be, 100%"));
}

#[test]
fn projects_that_are_no_longer_listed_are_guarded_too() {
    let context = TestContext::with_project();
    context.findings(&findings(0..100, "open"), 1);
    context.list(&[project("8", "acme/other", "main")], 2);
    let leave = |on_absence| {
        let run = context
            .store
            .with(|store| store.start_run(context.instance_id, RunMode::Full, RunExtent::Whole, 0, &[], at(3)))
            .unwrap();
        context.store.with(|store| store.settle_absences(run, on_absence, &LookedAt::All, true, at(3))).unwrap()
    };
    assert!(
        leave(limit(30)).unwrap().message.contains("100 of 100 open findings in the scope of the run would be, 100%")
    );
    assert_eq!(vanished(&context), 0);
    assert_eq!(leave(OnAbsence::Mark), None);
    assert_eq!(vanished(&context), 100);
}

/// A run with a read per project, each of which brings these findings.
fn run_of(context: &TestContext, projects: &[(&str, Vec<Value>)], on_absence: OnAbsence, now: i64) -> Option<Cause> {
    let reads: Vec<_> = projects.iter().map(|(name, bodies)| (*name, bodies.as_slice())).collect();
    context.run(&reads, on_absence, now)
}

/// Open findings of a project.
fn of_project(name: &str, range: std::ops::Range<usize>) -> Vec<Value> {
    range
        .map(|number| json!({ "id": format!("{name}-{number}"), "key": format!("{name}-{number}"), "in": name }))
        .collect()
}

#[test]
fn small_projects_keep_theirs_where_a_large_one_is_refused() {
    let context = TestContext::new();
    context.list(&[project("1", "large", "main"), project("2", "small", "main")], 1);
    let (large, small) = (|range| ("large", of_project("large", range)), |range| ("small", of_project("small", range)));
    assert_eq!(run_of(&context, &[large(0..100), small(0..10)], limit(30), 1), None);
    // The small one alone would be few enough to go.
    let refused = run_of(&context, &[large(0..50), small(0..0)], limit(30), 2).unwrap();
    insta::assert_snapshot!(refused.message, @"nothing was marked as vanished: 50 of 100 open findings of the kind sast in large would be, 50% with a limit of 30%; 60 findings and packages in all");
    assert_eq!(vanished(&context), 0);
    let states: Vec<_> = context.store.with(|store| store.runs(None, 1)).unwrap().remove(0).fetches;
    assert!(states.iter().all(|read| read.state == FetchState::Refused));
    assert_eq!(run_of(&context, &[large(0..100), small(0..0)], limit(30), 3), None);
    assert_eq!(vanished(&context), 10);
}

#[test]
fn a_record_that_moved_to_another_project_is_not_gone() {
    let context = TestContext::new();
    context.list(&[project("1", "one", "main"), project("2", "two", "main")], 1);
    run_of(&context, &[("one", of_project("one", 0..3)), ("two", vec![])], OnAbsence::Mark, 1);
    // The read of the first project ends without it before that of the second brings it.
    run_of(&context, &[("one", of_project("one", 0..2)), ("two", of_project("one", 2..3))], OnAbsence::Mark, 2);
    assert_eq!(vanished(&context), 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 48, ..Default::default() })]

    #[test]
    fn no_loss_marks_more_than_the_threshold_allows(
        projects in proptest::collection::vec((0_usize..40, 0_usize..=100, proptest::bool::ANY), 1..8),
        percent in 0_u8..=100,
    ) {
        let context = TestContext::new();
        let names: Vec<String> = (0..projects.len()).map(|number| format!("p{number}")).collect();
        let listed = |there: &dyn Fn(usize) -> bool| {
            let of = |(number, name): (usize, &String)| project(&number.to_string(), name, "main");
            names.iter().enumerate().filter(|(number, _)| there(*number)).map(of).collect::<Vec<_>>()
        };
        context.list(&listed(&|_| true), 1);
        let all: Vec<_> =
            names.iter().zip(&projects).map(|(name, (count, ..))| (name.as_str(), of_project(name, 0..*count))).collect();
        run_of(&context, &all, limit(percent), 1);
        // What the token still shows: some projects, and a part of their findings.
        let shown = |number: usize| projects.get(number).is_some_and(|(_, _, listed)| *listed);
        context.list(&listed(&shown), 2);
        let left: Vec<_> = all.iter().zip(&projects).enumerate().filter(|(number, _)| shown(*number)).map(
            |(_, ((name, bodies), (count, part, _)))| (*name, bodies[..count * part / 100].to_vec())).collect();
        let open: usize = projects.iter().map(|(count, ..)| count).sum();
        let lost = open - left.iter().map(|(_, bodies)| bodies.len()).sum::<usize>();
        let refused = run_of(&context, &left, limit(percent), 2);
        let marked = vanished(&context);
        let few = usize::try_from(AT_LEAST).unwrap() - 1;
        proptest::prop_assert!(marked <= few.max(open * usize::from(percent) / 100), "{marked} of {open}");
        proptest::prop_assert_eq!(marked, if refused.is_some() { 0 } else { lost });
    }
}

#[test]
fn a_percentage_is_read_with_and_without_its_sign() {
    for (text, percent) in [("30%", 30), ("0", 0), ("100 %", 100)] {
        assert_eq!(text.parse::<Percent>().unwrap().get(), percent);
    }
    for text in ["", "%", "101", "-1", "3.5", "256"] {
        assert!(text.parse::<Percent>().is_err(), "{text}");
    }
}

/// What a run with findings at these paths says, after one with findings at the others.
fn after(before: &[&str], looked_at: LookedAt, now: &[&str]) -> String {
    let at = |paths: &[&str]| -> Vec<Value> {
        let one = |path: &&str| json!({ "id": path, "key": path, "location": { "path": path, "start_line": 7 } });
        paths.iter().map(one).collect()
    };
    let mut context = guarded(limit(30));
    context.findings(&at(before), 1);
    context.looked_at = looked_at;
    context.findings(&at(now), 2);
    match last_read(&context).message {
        Some(refused) => {
            assert_eq!(vanished(&context), 0, "{refused}");
            refused.replace("nothing was marked as vanished: ", "")
        }
        None => format!("{} vanished", vanished(&context)),
    }
}

#[test]
fn files_that_a_scan_did_not_look_at_keep_their_findings() {
    let four = ["web/a.js", "web/b.js", "web/b/c.js", "app/d.py"];
    let scan = |before: &[&str], files: &[&str], now: &[&str]| {
        after(before, LookedAt::Files(files.iter().map(|&file| file.to_owned()).collect()), now)
    };
    let told = [
        // Mended, in files that were looked at.
        scan(&four, &four, &[]),
        // One folder.
        scan(&four, &["web/a.js", "web/b.js", "web/b/c.js"], &["web/a.js"]),
        scan(&["web/a.js", "d.py"], &["web/a.js"], &["web/a.js"]),
        // Deleted files, in folders that were looked at: one of four, and two of four.
        scan(&four, &["web/a.js", "web/b.js", "app/d.py"], &["web/a.js", "web/b.js", "app/d.py"]),
        scan(&four, &["web/a.js", "app/d.py"], &["web/a.js", "app/d.py"]),
        // A folder that is gone, where the one around it was looked at.
        scan(&four, &["README.md", "web/a.js", "web/b.js", "web/b/c.js"], &four[..3]),
        scan(&[], &["web/a.js"], &[]),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    4 vanished
    1 of 4 open findings would be, in files that the scan did not look at, such as `app/d.py`
    1 of 2 open findings would be, in files that the scan did not look at, such as `d.py`
    1 vanished
    2 of 4 open findings would be, in files that the scan did not look at, such as `web/b.js`
    1 vanished
    0 vanished
    ");
}

#[test]
fn a_report_of_one_folder_that_does_not_say_so_closes_few_others() {
    let four = ["web/a.js", "web/b.js", "web/b/c.js", "app/d.py"];
    let scan = |now: &[&str]| after(&four, LookedAt::Unsaid, now);
    let told = [
        scan(&["web/a.js", "app/d.py"]),
        scan(&["web/a.js"]),
        scan(&["app/d.py"]),
        scan(&["web/b/c.js", "web/a.js", "web/b.js"]),
        scan(&[]),
        after(&["web/a.js", "web/b.js"], LookedAt::All, &[]),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    2 vanished
    3 vanished
    3 of 4 open findings would be, such as `web/a.js`, and the report has results in `app` only
    1 vanished
    4 vanished
    2 vanished
    ");
}
