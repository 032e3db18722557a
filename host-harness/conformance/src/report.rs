//! What became of the checks.

use appsec_sandbox::Inspection;
use serde::Serialize;

use crate::check::{Check, Requirement};

/// A judged connector.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ConformanceReport {
    /// What its bytes say; none where they are no component.
    pub component: Option<Inspection>,
    /// Its id; none where it could not be asked.
    pub id: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What all of it comes to.
    pub verdict: Conformity,
    /// Whether only some checks were asked for: then it is at most incomplete.
    pub is_partial: bool,
    /// The day on which the answers were recorded that it was judged with; none
    /// where a vendor answered, or nobody.
    pub recorded: Option<String>,
    /// What became of each check, in their order.
    pub results: Vec<CheckResult>,
    /// What `normalize` took for a page of each kind.
    pub budget: Vec<Budget>,
}

/// What `normalize` took for a page.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Budget {
    /// Kind of its records.
    pub kind: String,
    /// How many they were.
    pub records: usize,
    /// Time around the call.
    pub took_ms: u64,
    /// Largest size of the guest's memory.
    pub peak_memory_bytes: usize,
}

/// What all of it comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conformity {
    /// Every promise that matters was checked and holds.
    Conformant,
    /// Nothing is broken, but some promises could not be checked.
    Incomplete,
    /// A promise is broken.
    Broken,
}

/// What became of a check.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct CheckResult {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// How much it matters.
    pub requirement: Requirement,
    /// What became of it.
    pub outcome: CheckOutcome,
    /// How many cases were tried.
    pub cases: u32,
    /// The cases that failed.
    pub failures: Vec<FailedCase>,
    /// Why it was not run or skipped, or how many more cases failed.
    pub note: Option<String>,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// All of its cases are as promised.
    Passed,
    /// One of them is not.
    Failed,
    /// Whoever asked wants it left out, and says why.
    Skipped,
    /// It could not be provoked.
    NotRun,
}

/// A case that failed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct FailedCase {
    /// What was done.
    pub case: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl CheckOutcome {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::NotRun => "not-run",
        }
    }
}

impl ConformanceReport {
    /// How many of its checks came to this.
    pub fn count(&self, outcome: CheckOutcome) -> usize {
        self.results.iter().filter(|it| it.outcome == outcome).count()
    }

    /// A report over results; strict where a `should` counts like a `must`, and
    /// nothing may be skipped.
    pub(crate) fn new(
        component: Option<Inspection>,
        described: Option<(String, String)>,
        results: Vec<CheckResult>,
        budget: Vec<Budget>,
        is_strict: bool,
    ) -> Self {
        let (id, version) = described.unzip();
        let verdict = verdict(&results, is_strict);
        Self { component, id, version, verdict, is_partial: false, recorded: None, results, budget }
    }

    /// The same where only some checks were asked for: a part of them is no badge.
    pub(crate) fn of_part(mut self, is_partial: bool) -> Self {
        self.is_partial = is_partial;
        if is_partial && self.verdict == Conformity::Conformant {
            self.verdict = Conformity::Incomplete;
        }
        self
    }

    /// Whether every promise holds that was asked for and matters, be they all or some.
    pub fn is_kept(&self, is_strict: bool) -> bool {
        verdict(&self.results, is_strict) == Conformity::Conformant
    }
}

fn verdict(results: &[CheckResult], is_strict: bool) -> Conformity {
    let counts = |it: &&CheckResult| is_strict || it.requirement == Requirement::Must;
    let any = |outcome| results.iter().filter(counts).any(|it| it.outcome == outcome);
    if any(CheckOutcome::Failed) {
        Conformity::Broken
    } else if any(CheckOutcome::NotRun)
        || (is_strict && any(CheckOutcome::Skipped))
        // Nothing was tried.
        || results.iter().all(|it| it.outcome != CheckOutcome::Passed)
    {
        Conformity::Incomplete
    } else {
        Conformity::Conformant
    }
}

impl CheckResult {
    pub(crate) fn of(check: &'static Check, outcome: CheckOutcome, note: Option<String>) -> Self {
        let Check { id, name, promise, requirement, .. } = *check;
        Self { id, name, promise, requirement, outcome, cases: 0, failures: Vec::new(), note }
    }
}
