//! Every check can fail: a connector that keeps all promises, and the same with
//! one flaw for each.

mod fake;
mod finding;
mod stage;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize},
};

use appsec_sandbox::{InspectionError, Interceptor, RuntimeError};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;

use self::{
    fake::{Fake, ORIGIN},
    stage::FakeStage,
};
use crate::{
    CHECKS, CassetteError, CheckOutcome, Head, Plan, Sample,
    checks::{Book, component, judge, judge_refused},
    lab::Lab,
    report::{CheckResult, ConformanceReport},
};

/// A file that the connector reads: a list of findings.
fn sample() -> Sample {
    let found = |id: &str| json!({"id": id, "project": "1", "rule": "injection", "path": "src/a.py", "line": 7});
    Sample { name: "list.json".to_owned(), content: json!([found("a"), found("b")]).to_string().into_bytes() }
}

/// Everything there is to try.
fn plan() -> Plan {
    Plan { samples: vec![sample()], has_previous: true, ..Plan::default() }
}

async fn results(flaw: &'static str, plan: &Plan) -> Vec<CheckResult> {
    let lab = Arc::new(Lab::online());
    let mut book = Book::new(plan);
    component(&mut book, None);
    let fake = |flaw| Fake { lab: lab.clone(), flaw, pages: AtomicUsize::default() };
    let previous = plan.has_previous.then(|| fake(""));
    let stage = FakeStage { flaw, lab: lab.clone(), is_whole: AtomicBool::default() };
    judge(&fake(flaw), previous.as_ref(), &lab, &stage, &mut book).await;
    book.results
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
const FURTHER: [&str; 11] = [
    "C6 scope",
    "D3 errors",
    "D7 errors",
    "D8 end",
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

#[test]
fn what_is_to_be_kept_out_is_in_no_recording() {
    let lab = Lab::online();
    let head = || Head::new("fake".to_owned(), "1.0.0".to_owned(), Vec::new(), serde_json::Map::new());
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
    let fake = Fake { lab: lab.clone(), flaw: "", pages: AtomicUsize::default() };
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
        only: ["A4", "A6", "B5", "C1"].map(str::to_owned).into(),
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
