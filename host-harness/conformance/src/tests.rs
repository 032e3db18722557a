//! Every check can fail: a connector that keeps all promises, and the same with
//! one flaw for each.

mod fake;
mod finding;
mod stage;

use std::sync::{Arc, atomic::AtomicBool};

use appsec_sandbox::{InspectionError, Interceptor, RuntimeError, Treatment};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;

use self::{
    fake::{Fake, ORIGIN},
    stage::FakeStage,
};
use crate::{
    CHECKS, Cassette, CassetteError, CheckOutcome, Head, Plan, Sample,
    checks::{Book, component, judge, judge_refused},
    lab::Lab,
    report::{CheckResult, ConformanceReport},
};

/// A file that the connector reads: a list of findings.
fn sample() -> Sample {
    let found = |id: &str| json!({"id": id, "project": "1", "rule": "injection", "path": "src/a.py", "line": 7});
    // Too large to be given one byte at a time all through.
    let content = format!("{}{}", " ".repeat(4_000), json!([found("a"), found("b")])).into_bytes();
    Sample { name: "list.json".to_owned(), content }
}

/// Everything there is to try.
fn plan() -> Plan {
    Plan { samples: vec![sample()], has_previous: true, ..Plan::default() }
}

async fn results(flaw: &'static str, plan: &Plan) -> Vec<CheckResult> {
    let lab = Arc::new(Lab::online());
    over(&lab, flaw, plan).await
}

async fn over(lab: &Arc<Lab>, flaw: &'static str, plan: &Plan) -> Vec<CheckResult> {
    let mut book = Book::over(plan, lab);
    component(&mut book, None);
    let previous = plan.has_previous.then(|| Fake::new(lab, ""));
    let stage = FakeStage { flaw, lab: lab.clone(), is_whole: AtomicBool::default() };
    judge(&Fake::new(lab, flaw), previous.as_ref(), lab, &stage, &mut book).await;
    book.results
}

fn head() -> Head {
    Head::new("fake".to_owned(), "1.0.0".to_owned(), Vec::new(), serde_json::Map::new())
}

/// The checks that failed, with what they say.
fn failed(results: &[CheckResult]) -> Vec<&'static str> {
    results.iter().filter(|it| it.outcome == CheckOutcome::Failed).map(|it| it.id).collect()
}

#[tokio::test]
async fn a_connector_that_keeps_all_promises_passes_every_check() {
    let results = results("", &plan()).await;
    let others: Vec<_> = results.iter().filter(|it| it.outcome != CheckOutcome::Passed).collect();
    assert!(others.is_empty(), "{others:#?}");
    let ids: Vec<_> = results.iter().map(|it| it.id).collect();
    assert_eq!(ids, CHECKS.iter().map(|it| it.id).collect::<Vec<_>>());
}

/// Flaws of checks that have more than one, and what is wrong with each.
const FURTHER: [&str; 22] = [
    "B4 fetch",
    "B6 full",
    "C2 fetch",
    "C2 own",
    "C3 waits",
    "C6 listed",
    "C6 scope",
    "C12 project",
    "D3 errors",
    "D5 line",
    "D5 severity",
    "D7 errors",
    "D8 end",
    "D8 small",
    "G2 memory",
    "D11 again",
    "D11 told",
    "E1 told",
    "E1 resumed",
    "F1 crash",
    "G1 secret",
    "G1 control",
];

#[tokio::test]
async fn each_check_fails_for_a_connector_with_its_flaw() {
    let mut wrong = Vec::new();
    // The first three are of the file.
    let each = CHECKS.iter().map(|it| it.id).filter(|id| !["A1", "A2", "A3"].contains(id));
    for flaw in each.chain(FURTHER) {
        let (results, id) = (results(flaw, &plan()).await, flaw.split(' ').next().unwrap());
        if !failed(&results).contains(&id) {
            wrong.push(format!("{flaw} does not fail, but {:?}", failed(&results)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_file_that_cannot_be_loaded_fails_at_what_is_wrong_with_it() {
    let plan = plan();
    for (error, id) in [
        (InspectionError::NotWasm, "A1"),
        (InspectionError::Imports(vec!["`acme:extra/thing`".to_owned()]), "A2"),
        (InspectionError::Size("99 memories".to_owned()), "A3"),
    ] {
        let report = judge_refused(&RuntimeError::Inspection(error), &plan).unwrap();
        assert_eq!(failed(&report.results), [id]);
        assert_eq!(report.results.len(), CHECKS.len());
    }
    let missing = RuntimeError::File("a.wasm".into(), std::io::ErrorKind::NotFound.into());
    assert!(judge_refused(&missing, &plan).is_none());
}

#[tokio::test]
async fn a_skipped_check_is_told_with_its_reason_and_strict_takes_none() {
    let all = plan();
    let plan = Plan { skip: vec![("B5".to_owned(), "one origin".to_owned())], ..all.clone() };
    let skipped = results("B5", &plan).await;
    let told = skipped.iter().find(|it| it.id == "B5").unwrap();
    assert_eq!((told.outcome, told.note.as_deref()), (CheckOutcome::Skipped, Some("one origin")));
    assert_eq!(
        ConformanceReport::new(None, None, skipped.clone(), Vec::new(), false).verdict,
        crate::Conformity::Conformant
    );
    assert_eq!(ConformanceReport::new(None, None, skipped, Vec::new(), true).verdict, crate::Conformity::Incomplete);
    let broken = results("B5", &all).await;
    assert_eq!(
        ConformanceReport::new(None, None, broken.clone(), Vec::new(), false).verdict,
        crate::Conformity::Conformant,
        "a `should`"
    );
    assert_eq!(ConformanceReport::new(None, None, broken, Vec::new(), true).verdict, crate::Conformity::Broken);
}

#[tokio::test]
async fn without_samples_and_another_version_nothing_is_said_of_them() {
    let results = results("", &Plan::default()).await;
    let of = |id: &str| results.iter().find(|it| it.id == id).map(|it| it.outcome);
    assert_eq!((of("D7"), of("D8")), (Some(CheckOutcome::NotRun), Some(CheckOutcome::NotRun)));
    assert_eq!(of("F2"), None);
}

/// A vendor that prepares a report: it is asked for, asked for again, and then there.
#[tokio::test]
async fn a_report_that_is_prepared_is_recorded_and_prepared_again_in_each_read() {
    let all = plan();
    let lab = Arc::new(Lab::online());
    let others = |results: Vec<CheckResult>| -> Vec<CheckResult> {
        results.into_iter().filter(|it| it.outcome != CheckOutcome::Passed).collect()
    };
    let live = others(over(&lab, "reports", &all).await);
    assert!(live.is_empty(), "{live:#?}");
    let text = lab.recording(head()).unwrap();
    assert!(text.contains(r#"{\"of\":false}"#) && text.contains(r#"{\"of\":true}"#), "{text}");
    // What was recorded is not waited for: the connector asks for an hour each time.
    let tape = Arc::new(Lab::replaying(Cassette::read(&text).unwrap()));
    // The host of these tests answers itself.
    let skip = ["E1", "E2"].map(|id| (id.to_owned(), "no host".to_owned())).into();
    let again = others(over(&tape, "reports", &Plan { skip, ..all }).await);
    assert_eq!(again.iter().map(|it| it.id).collect::<Vec<_>>(), ["E1", "E2"], "{again:#?}");
    assert!(tape.missing().is_none());
}

#[test]
fn recorded_answers_come_in_their_order_in_each_read_and_stay_after_it() {
    let lab = Lab::online();
    let request = Request::get(format!("{ORIGIN}/report")).body(Bytes::new()).unwrap();
    let answered = |lab: &Lab, body: &'static str| {
        lab.answered(&request, &Response::new(Bytes::from_static(body.as_bytes())));
    };
    // What calls by themselves get is no sequence, and what a read gets is better.
    lab.end_walk();
    ["before", "others"].into_iter().for_each(|body| answered(&lab, body));
    lab.begin_walk();
    ["queued", "queued", "running", "ready"].into_iter().for_each(|body| answered(&lab, body));
    lab.begin_walk();
    answered(&lab, "later");
    let text = lab.recording(head()).unwrap();
    let tape = Lab::replaying(Cassette::read(&text).unwrap());
    let ask = || match tape.treat(&request) {
        Treatment::Answer(answer) => String::from_utf8(answer.response.into_body().to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    for _ in 0..2 {
        tape.begin_walk();
        assert_eq!([ask(), ask(), ask(), ask()], ["queued", "running", "ready", "ready"]);
        tape.end_walk();
        assert_eq!([ask(), ask()], ["ready", "ready"]);
    }
}

#[test]
fn a_recording_tells_its_day_and_component() {
    let lab = Lab::online();
    lab.belongs_to("abc");
    let read = Cassette::read(&lab.recording(head()).unwrap()).unwrap();
    assert_eq!(read.head.sha256.as_deref(), Some("abc"));
    let day = read.head.recorded.clone().unwrap();
    assert!(day.parse::<jiff::civil::Date>().is_ok(), "{day}");
    assert_eq!(Lab::replaying(read).recorded(), Some(day.as_str()));
}

#[tokio::test]
async fn what_a_recording_lacks_is_no_fault_of_the_connector() {
    let only = |only: &[&str]| Plan { only: only.iter().map(|it| (*it).to_owned()).collect(), ..Plan::default() };
    let lab = Arc::new(Lab::online());
    over(&lab, "", &only(&["B1"])).await;
    let tape = Cassette::read(&lab.recording(head()).unwrap()).unwrap();
    let lab = Arc::new(Lab::replaying(tape));
    let results = over(&lab, "", &only(&["B1", "C1", "C10"])).await;
    let told: Vec<_> = results.iter().map(|it| (it.id, it.outcome, it.note.as_deref())).collect();
    let missing = "the cassette has no answer to GET /projects; the nearest that it has is GET /me (record it again, \
                   with the same connector and settings)";
    assert_eq!(
        told,
        [
            ("B1", CheckOutcome::Passed, None),
            ("C1", CheckOutcome::NotRun, Some(missing)),
            ("C10", CheckOutcome::Passed, None),
        ]
    );
}

#[tokio::test]
async fn a_part_of_the_checks_is_at_most_incomplete() {
    let plan = Plan { only: vec!["A4".to_owned()], ..Plan::default() };
    let report = ConformanceReport::new(None, None, results("", &plan).await, Vec::new(), false);
    assert_eq!(report.verdict, crate::Conformity::Conformant);
    let part = report.of_part(true);
    assert_eq!((part.verdict, part.is_partial, part.is_kept(false)), (crate::Conformity::Incomplete, true, true));
    let broken = ConformanceReport::new(None, None, results("A4", &plan).await, Vec::new(), false).of_part(true);
    assert_eq!((broken.verdict, broken.is_kept(false)), (crate::Conformity::Broken, false));
}

#[test]
fn what_is_to_be_kept_out_is_in_no_recording() {
    let lab = Lab::online();
    let ask = |path: &str, status: u16, body: &str| {
        let request = Request::get(format!("{ORIGIN}{path}")).body(Bytes::new()).unwrap();
        let response = Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap();
        lab.answered(&request, &response);
    };
    // What was refused at first is not what is recorded.
    ask("/a", 429, "later");
    ask("/a", 200, "the answer");
    ask("/a", 503, "away");
    let recording = lab.recording(head()).unwrap();
    assert!(recording.contains("the answer") && !recording.contains("later") && !recording.contains("away"));
    ask("/b", 200, "planted_0123456789");
    assert!(lab.recording(head()).is_ok());
    lab.keep_out("planted_0123456789");
    assert!(matches!(lab.recording(head()), Err(CassetteError::Secret(_))));
}

#[tokio::test]
async fn where_nothing_could_be_tried_nothing_is_conformant() {
    // It is a `should` that needs a vendor.
    let plan = Plan { only: vec!["G1".to_owned()], ..Plan::default() };
    let mut book = Book::new(&plan);
    let lab = Arc::new(Lab::offline());
    let fake = Fake::new(&lab, "");
    let stage = FakeStage { flaw: "", lab: lab.clone(), is_whole: AtomicBool::default() };
    judge(&fake, None, &lab, &stage, &mut book).await;
    assert_eq!(book.results.iter().map(|it| it.outcome).collect::<Vec<_>>(), [CheckOutcome::NotRun]);
    for results in [book.results, Vec::new()] {
        let report = ConformanceReport::new(None, None, results, Vec::new(), false);
        assert_eq!(report.verdict, crate::Conformity::Incomplete);
    }
}

#[test]
fn a_vendor_that_refuses_everything_gives_nothing_to_record() {
    let lab = Lab::online();
    let answered = |status: u16| {
        let request = Request::get(ORIGIN).body(Bytes::new()).unwrap();
        lab.answered(&request, &Response::builder().status(status).body(Bytes::new()).unwrap());
        lab.has_good_answers()
    };
    assert!(!answered(401) && !answered(503) && answered(200));
}

#[tokio::test]
async fn only_what_is_asked_for_is_run() {
    let plan = Plan { only: vec!["normalize.junk".to_owned(), "a5".to_owned()], ..Plan::default() };
    let ids: Vec<_> = results("", &plan).await.iter().map(|it| it.id).collect();
    assert_eq!(ids, ["A5", "D4"]);
}

#[tokio::test]
async fn the_report_is_junit_for_build_servers() {
    let plan = Plan {
        only: ["A4", "A6", "B5", "C1", "D9", "E2", "F3", "G1"].map(str::to_owned).into(),
        has_previous: true,
        skip: vec![("C1".to_owned(), "one project".to_owned())],
        ..Plan::default()
    };
    let report = ConformanceReport::new(
        None,
        Some(("fake".to_owned(), "1.0.0".to_owned())),
        results("B5", &plan).await,
        Vec::new(),
        false,
    );
    insta::assert_snapshot!(crate::junit(&report).unwrap());
}
