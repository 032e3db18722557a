//! The checks in their order, each with what the ones before have learnt.

mod configure;
mod cursors;
mod decisions;
mod describe;
mod files;
mod mutations;
mod normalize;
mod pages;
mod previous;
mod read;
mod records;
mod settings;
mod sync;
mod walk;

use std::{fmt::Display, sync::Arc};

use appsec_model::{Connection, ErrorCode, Manifest};
use appsec_sandbox::{CallFailure, Connector, HttpGrant, InspectionError, RuntimeError, Still};
use serde_json::Value;

pub use self::files::Sample;
use crate::{
    check::{CHECKS, Check, Needs},
    lab::Lab,
    report::{Budget, CheckOutcome, CheckResult, ConformanceReport, FailedCase},
    stage::Stage,
    subject::{Call, Called, Sandboxed, Scratch, Subject},
};

/// Most failures that a check tells: more of them say no more.
const MOST_FAILURES: usize = 8;

/// How a connector is to be judged.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Settings that it works with, beside the secret.
    pub settings: serde_json::Map<String, Value>,
    /// Files of the formats that it reads.
    pub samples: Vec<Sample>,
    /// Whether there is a version before to compare it with.
    pub has_previous: bool,
    /// The checks to run, by id or name; all if empty.
    pub only: Vec<String>,
    /// Checks to leave out, each with the reason.
    pub skip: Vec<(String, String)>,
    /// Whether a `should` counts like a `must`, and nothing may be left out.
    pub is_strict: bool,
}

impl Plan {
    fn is_partial(&self) -> bool {
        !self.only.is_empty()
    }

    /// Whether a check is asked for.
    fn names(&self, check: &Check) -> bool {
        let is_meant = !self.is_partial() || self.only.iter().any(|name| is_called(check, name));
        is_meant && (self.has_previous || check.needs != Needs::Previous)
    }
}

fn is_called(check: &Check, name: &str) -> bool {
    name.eq_ignore_ascii_case(check.id) || name == check.name
}

/// A check under way.
struct Trial {
    check: &'static Check,
    cases: u32,
    failures: Vec<FailedCase>,
    dropped: usize,
    note: Option<String>,
    /// How many requests had no recorded answer before it.
    missed: usize,
}

impl Trial {
    /// A case: what was done, whether it came as promised, what that is and what
    /// came instead.
    fn case(&mut self, is_kept: bool, case: impl Display, expected: impl Display, got: impl FnOnce() -> String) {
        self.cases += 1;
        if is_kept {
            return;
        }
        if self.failures.len() == MOST_FAILURES {
            self.dropped += 1;
            return;
        }
        self.failures.push(FailedCase { case: case.to_string(), expected: expected.to_string(), got: got() });
    }

    fn result(mut self) -> CheckResult {
        if self.dropped > 0 {
            self.note = Some(format!("{} further cases failed", self.dropped));
        }
        let outcome = match (self.cases, self.failures.is_empty()) {
            (0, _) => CheckOutcome::NotRun,
            (_, true) => CheckOutcome::Passed,
            (_, false) => CheckOutcome::Failed,
        };
        CheckResult { cases: self.cases, failures: self.failures, ..CheckResult::of(self.check, outcome, self.note) }
    }
}

/// What became of the checks so far.
pub(crate) struct Book<'a> {
    plan: &'a Plan,
    lab: Option<&'a Lab>,
    pub(crate) results: Vec<CheckResult>,
    /// What `normalize` took.
    budget: Vec<Budget>,
}

impl<'a> Book<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self { plan, lab: None, results: Vec::new(), budget: Vec::new() }
    }

    /// One that looks at a network, for what recorded answers lack.
    pub(crate) fn over(plan: &'a Plan, lab: &'a Lab) -> Self {
        Self { lab: Some(lab), ..Self::new(plan) }
    }

    /// Begins a check, unless it is left out.
    fn open(&mut self, id: &str) -> Option<Trial> {
        let check = Check::of(id)?;
        if !self.plan.names(check) {
            return None;
        }
        if let Some((_, reason)) = self.plan.skip.iter().find(|(name, _)| is_called(check, name)) {
            self.results.push(CheckResult::of(check, CheckOutcome::Skipped, Some(reason.clone())));
            return None;
        }
        let missed = self.lab.map_or(0, Lab::missed);
        Some(Trial { check, cases: 0, failures: Vec::new(), dropped: 0, note: None, missed })
    }

    /// Whether a check of these groups that a vendor is needed for is asked for.
    fn wants(&self, groups: &[&str]) -> bool {
        let has_vendor = |check: &Check| matches!(check.needs, Needs::Vendor | Needs::Previous);
        let of_them = |check: &&Check| has_vendor(check) && groups.iter().any(|it| check.id.starts_with(it));
        CHECKS.iter().filter(of_them).any(|check| self.plan.names(check))
    }

    /// Ends a check. What failed where a recorded answer is missing says nothing of
    /// the connector.
    fn close(&mut self, trial: Trial) {
        let missing = self.lab.and_then(|lab| lab.missed_after(trial.missed)).filter(|_| !trial.failures.is_empty());
        self.results.push(match missing {
            Some(missing) => {
                let why = format!("{missing} (record it again, with the same connector and settings)");
                CheckResult::of(trial.check, CheckOutcome::NotRun, Some(why))
            }
            None => trial.result(),
        });
    }

    /// The checks that were not reached, with the reason.
    fn leave_out(&mut self, why: &str) {
        self.leave(CHECKS.iter(), why);
        let place = |id: &str| CHECKS.iter().position(|check| check.id == id);
        self.results.sort_by_key(|result| place(result.id));
    }

    /// The same of those that take something.
    fn leave_out_of(&mut self, needs: Needs, why: &str) {
        self.leave(CHECKS.iter().filter(|check| check.needs == needs), why);
    }

    fn leave(&mut self, checks: impl Iterator<Item = &'static Check>, why: &str) {
        for check in checks {
            if self.results.iter().all(|it| it.id != check.id)
                && let Some(trial) = self.open(check.id)
            {
                self.results.push(CheckResult::of(trial.check, CheckOutcome::NotRun, Some(why.to_owned())));
            }
        }
    }
}

/// Judges a component that a host cannot load; none where that says nothing of it.
pub fn judge_refused(error: &RuntimeError, plan: &Plan) -> Option<ConformanceReport> {
    let (id, promise) = match error {
        RuntimeError::Inspection(InspectionError::Imports(_)) => ("A2", "imports that the host provides"),
        RuntimeError::Inspection(InspectionError::Size(_)) | RuntimeError::Component { .. } => {
            ("A3", "a component that fits")
        }
        RuntimeError::Inspection(_) => ("A1", "a component that exports the contract"),
        RuntimeError::Engine(_) | RuntimeError::File(..) => return None,
    };
    let mut book = Book::new(plan);
    component(&mut book, Some((id, promise, error)));
    book.leave_out("the component cannot be loaded");
    Some(ConformanceReport::new(None, None, book.results, Vec::new(), plan.is_strict).of_part(plan.is_partial()))
}

/// Judges a component, beside the version before where there is one.
pub async fn judge_component(
    connector: Connector,
    previous: Option<Connector>,
    http: HttpGrant,
    lab: &Lab,
    stage: &impl Stage,
    plan: &Plan,
) -> ConformanceReport {
    let inspection = connector.inspection().clone();
    let previous = previous.map(|previous| Sandboxed::new(previous, http.clone()));
    let subject = Sandboxed::new(connector, http);
    let mut book = Book::over(plan, lab);
    lab.belongs_to(&inspection.sha256);
    component(&mut book, None);
    let manifest = judge(&subject, previous.as_ref(), lab, stage, &mut book).await;
    let described = manifest.map(|it| (it.id, it.version));
    // The report tells it.
    lab.missing();
    let report = ConformanceReport::new(Some(inspection), described, book.results, book.budget, plan.is_strict);
    ConformanceReport { recorded: lab.recorded().map(str::to_owned), ..report.of_part(plan.is_partial()) }
}

/// A1 to A3: what is wrong with the file, if anything is. They are in the order
/// in which a host looks: nothing is known of those after the one that fails.
pub(crate) fn component(book: &mut Book<'_>, fault: Option<(&str, &str, &RuntimeError)>) {
    for id in ["A1", "A2", "A3"] {
        let fault = fault.filter(|(failed, ..)| *failed == id);
        if let Some(mut trial) = book.open(id) {
            let (promise, error) =
                fault.map_or(("", String::new()), |(_, promise, error)| (promise, error.to_string()));
            trial.case(fault.is_none(), "the file", promise, || error);
            book.close(trial);
        }
        if fault.is_some() {
            return;
        }
    }
}

/// Judges a connector, its file aside; gives its manifest.
pub(crate) async fn judge<S: Subject>(
    subject: &S,
    previous: Option<&S>,
    lab: &Lab,
    stage: &impl Stage,
    book: &mut Book<'_>,
) -> Option<Manifest> {
    lab.end_walk();
    let manifest = match describe::check(book, subject).await {
        Ok(manifest) => manifest,
        Err(failure) => {
            book.leave_out(&format!("`describe` failed: {}", shown(&failure)));
            return None;
        }
    };
    let settings = settings::Settings::new(&manifest, &book.plan.settings);
    settings::check(book, subject, lab, &settings).await;
    settings::check_unconfigured(book, subject, lab).await;
    normalize::check_junk(book, subject, &[]).await;
    normalize::check_event(book, subject).await;
    files::check(book, subject, &manifest).await;
    if !manifest.formats.is_empty() && book.plan.samples.is_empty() {
        book.leave_out_of(Needs::Sample, "it needs a sample of each format");
    }
    if !lab.has_vendor() {
        book.leave_out("it needs a vendor");
        return Some(manifest);
    }
    if !book.wants(&["B", "C", "D", "E", "F", "G"]) {
        return Some(manifest);
    }
    match configure::check(book, subject, lab, &manifest, &settings.text()).await {
        Ok(ready) if !book.wants(&["C", "D", "E", "F", "G"]) => {
            configure::check_requests(book, subject, lab, &manifest, &ready);
        }
        Ok(ready) => {
            if book.wants(&["C", "D", "F", "G"]) {
                let read = read::check(book, subject, lab, &manifest, &ready).await;
                normalize::check(book, subject, &read).await;
                decisions::check(book, subject, lab, &manifest, (&ready, &read)).await;
                if let Some(previous) = previous
                    && let Ok(before) = previous.describe(Still::default()).await
                {
                    let (now, then) = ((subject, &manifest), (previous, &before.value));
                    previous::check(book, now, then, lab, &read).await;
                }
                check_log(book, subject);
            }
            configure::check_requests(book, subject, lab, &manifest, &ready);
            sync::check(book, stage, lab).await;
            book.leave_out("the vendor gave nothing to try it with");
        }
        Err(failure) => book.leave_out(&format!("`configure` failed: {}", shown(&failure))),
    }
    Some(manifest)
}

/// Most bytes of the log of a call: half of what this host keeps.
const LOG_BYTES: u64 = 32 << 10;

/// G1: what was written to the log by all calls before.
fn check_log(book: &mut Book<'_>, subject: &impl Subject) {
    let Some(mut trial) = book.open("G1") else { return };
    for (function, log) in subject.log() {
        let (case, bytes) = (format!("`{function}`"), log.bytes);
        trial.case(bytes <= LOG_BYTES, &case, "at most 32 KiB of log", || format!("{bytes} bytes"));
        trial.case(!log.has_secret, &case, "no secret in the log", || "the secret".to_owned());
        trial.case(!log.has_control, &case, "no control characters in the log", || "some".to_owned());
    }
    book.close(trial);
}

/// A connector that is configured.
struct Ready {
    connection: Connection,
    bucket: appsec_grant::Values,
    /// What it asked for.
    requests: Vec<http::Request<bytes::Bytes>>,
}

impl Ready {
    /// A call with the bucket as `configure` left it: no call sees what another
    /// one wrote.
    fn call(&self) -> Call {
        Call { bucket: Arc::new(Scratch::of(self.bucket.clone())), is_granted: true }
    }
}

/// What came instead of an error.
fn told<T>(called: &Called<T>) -> String {
    match called {
        Ok(_) => "success".to_owned(),
        Err(failure) => shown(failure),
    }
}

fn shown(failure: &CallFailure) -> String {
    match failure {
        CallFailure::Contract(error) => format!("`{}` ({error})", error.code.as_str()),
        CallFailure::Refused(refused) => format!("a refused request ({})", refused.why),
        CallFailure::Encoded(coding) => format!("an answer encoded as {coding}"),
        CallFailure::Proxy(failure) => format!("a proxy that failed ({failure})"),
        CallFailure::Token(failure) => format!("a token endpoint that failed ({failure})"),
        CallFailure::Limit(limit) => format!("a stop by the sandbox: {limit}"),
        CallFailure::Trap(what) => format!("a crash: {what}"),
        CallFailure::Manifest(what) => format!("an unusable manifest: {what}"),
        CallFailure::Host(what) => format!("a failure of the host: {what}"),
    }
}

/// Whether the connector said one of these.
fn failed_with<T>(called: &Called<T>, codes: &[ErrorCode]) -> bool {
    matches!(called, Err(CallFailure::Contract(error)) if codes.contains(&error.code))
}

/// Begins of long texts, for messages.
fn short(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
