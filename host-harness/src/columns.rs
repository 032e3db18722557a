//! The columns of lists as data: for tables that people read, whatever they are
//! shown on, and for CSV.

mod coverage;
mod csv;
mod dashboard;
mod findings;
mod issues;
mod packages;

use appsec_model::Severity;

pub use self::{
    coverage::{CoverageLine, coverage_csv},
    csv::CsvWriter,
    dashboard::DAYS_CSV,
    issues::{ISSUES, ISSUES_CSV},
    packages::{PACKAGES, PACKAGES_CSV},
};

/// A column: its name, and what it says of a row.
#[derive(Debug)]
pub struct Column<R, T = String> {
    /// The name.
    pub name: &'static str,
    /// What it says.
    pub of: fn(&R) -> T,
}

const fn column<R, T>(name: &'static str, of: fn(&R) -> T) -> Column<R, T> {
    Column { name, of }
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

impl Value {
    fn text(text: Option<String>) -> Self {
        Self::Text(text.unwrap_or_default())
    }
}
