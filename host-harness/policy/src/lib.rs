//! Policies over findings and issues: what an organisation does not accept.
//!
//! A file in TOML has policies; each has a condition, which is checked and
//! compiled when the file is loaded. `LANGUAGE.md` describes file and language.
//! Everything is computed from values: there is no clock, file or network.
//!
//! ```
//! use appsec_model::{Severity, Timestamp};
//! use appsec_policy::{OutcomeResult, Policies, Subject};
//!
//! let policies = Policies::load(
//!     r#"
//!         [[policy]]
//!         id = "no-critical"
//!         title = "Nothing critical stays open"
//!         when = "is_open && severity_rank >= rank('critical')"
//!         severity = "high"
//!     "#,
//! )
//! .unwrap();
//! let subject = Subject { is_open: true, severity: Severity::Critical, ..Subject::default() };
//! let outcomes = policies.evaluate(&subject, Timestamp::default());
//! assert_eq!(outcomes[0].result, OutcomeResult::Violated);
//! assert_eq!(outcomes[0].version, policies.get("no-critical").unwrap().version());
//! ```

#![warn(missing_docs)]

mod check;
mod fields;
mod file;
pub mod limits;
mod node;
mod parse;
mod policies;
mod policy;
mod problem;
mod scope;
mod subject;
mod types;
mod value;

#[cfg(test)]
mod tests;

pub use crate::{
    check::{FUNCTIONS, Function},
    fields::{FIELDS, Field, FieldType, Words},
    policies::{Evaluation, Policies},
    policy::{Definition, Outcome, OutcomeResult, Policy},
    problem::Problem,
    scope::Scope,
    subject::{FixAvailable, On, Subject, SubjectDependency, SubjectRepository, SubjectSecret},
};

/// Policies to begin with, as the text of a policy file.
pub const STARTER: &str = include_str!("../starter.toml");
