//! The columns of lists as data: for tables that people read, whatever they are
//! shown on, and for CSV.

mod coverage;
mod csv;
mod dashboard;
mod findings;
mod issues;
mod packages;
mod policies;
mod projects;
mod sources;

use appsec_model::Severity;

pub use self::{
    coverage::{CoverageLine, coverage_csv},
    csv::CsvWriter,
    dashboard::DAYS_CSV,
    findings::chosen_value,
    issues::{ISSUES, ISSUES_CSV},
    packages::{PACKAGES, PACKAGES_CSV},
    policies::{POLICIES_CSV, POLICY_RESULTS_CSV},
    projects::{MAPPINGS_CSV, PROJECTS_CSV, REPOSITORIES_CSV},
    sources::{INSTANCES_CSV, RUNS_CSV},
};

/// A column: its name, and what it says of a row.
#[derive(Debug)]
pub struct Column<R, T = String> {
    /// The name.
    pub name: &'static str,
    /// What it says.
    pub of: fn(&R) -> T,
}

impl<R, T> Clone for Column<R, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, T> Copy for Column<R, T> {}

const fn column<R, T>(name: &'static str, of: fn(&R) -> T) -> Column<R, T> {
    Column { name, of }
}

/// A cell of CSV: what there is, or nothing.
fn optional(value: Option<impl ToString>) -> String {
    value.map(|it| it.to_string()).unwrap_or_default()
}

/// What a column for people says of a row. Its texts are others' and not cleaned.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text that is shown as a whole.
    Text(String),
    /// A line for people, which is cut where it is long.
    Title(String),
    /// Several texts.
    List(Vec<String>),
    /// A state, by its word.
    State(String),
    /// A severity, if there is one.
    Severity(Option<Severity>),
    /// A number.
    Number(u64),
}

/// A CVSS score, if there is one.
fn cvss(score: Option<f64>) -> Value {
    Value::text(score.map(|score| format!("{score:.1}")))
}

/// A probability of exploitation, if there is one.
fn epss(score: Option<f64>) -> Value {
    Value::text(score.map(|score| format!("{score:.3}")))
}

/// What a state says to people, whatever it is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tone {
    /// It is as it should be.
    Good,
    /// Somebody should look at it.
    Attention,
    /// Something went wrong.
    Bad,
    /// None of these.
    Neutral,
}

impl Tone {
    /// That of a state, by its word: of instances, runs, fetches, mappings,
    /// checks, deliveries and results.
    pub fn of(word: &str) -> Self {
        match word {
            "clean" | "complete" | "connected" | "covered" | "delivered" | "enabled" | "equal" | "fixed" | "good"
            | "mapped" | "passed" | "ready" => Self::Good,
            "degraded" | "drifted" | "incomplete" | "interrupted" | "never-checked" | "notice" | "partial"
            | "paused" | "pending" | "refused" | "stale" | "unmapped" => Self::Attention,
            "DIFFERENT" | "FAILED" | "error" | "failed" | "failing" | "problem" | "unauthorized" | "violated" => {
                Self::Bad
            }
            _ => Self::Neutral,
        }
    }
}

impl Value {
    fn text(text: Option<String>) -> Self {
        Self::Text(text.unwrap_or_default())
    }
}
