//! The report as JUnit XML, which build servers show.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use crate::report::{CheckOutcome, CheckResult, ConformanceReport, FailedCase};

/// The report as JUnit XML: a suite for each group of checks.
pub fn junit(report: &ConformanceReport) -> Result<String, quick_junit::SerializeError> {
    let mut document = Document::new(report.id.as_deref().unwrap_or("connector"));
    let mut suite: Option<TestSuite> = None;
    for result in &report.results {
        let group = group(result.id);
        if suite.as_ref().is_none_or(|suite| suite.name.as_str() != group) {
            document.add_test_suites(suite.take());
            suite = Some(TestSuite::new(group));
        }
        if let Some(suite) = &mut suite {
            suite.add_test_case(TestCase::new(format!("{} {}", result.id, result.name), status(result)));
        }
    }
    document.add_test_suites(suite);
    document.to_string()
}

/// What the letter of an id stands for.
pub(crate) fn group(id: &str) -> &'static str {
    match id.as_bytes().first() {
        Some(b'A') => "describe and settings",
        Some(b'B') => "configure",
        Some(b'C') => "read",
        Some(b'D') => "normalize and files",
        Some(b'E') => "sync",
        Some(b'F') => "version before",
        _ => "log and budget",
    }
}

fn status(result: &CheckResult) -> TestCaseStatus {
    match result.outcome {
        CheckOutcome::Passed => TestCaseStatus::success(),
        CheckOutcome::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(result.promise);
            let line = |it: &FailedCase| format!("{}: expected {}, got {}", it.case, it.expected, it.got);
            status.set_description(result.failures.iter().map(line).collect::<Vec<_>>().join("\n"));
            status
        }
        CheckOutcome::Skipped | CheckOutcome::NotRun => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(result.note.as_deref().unwrap_or_default());
            status
        }
    }
}
