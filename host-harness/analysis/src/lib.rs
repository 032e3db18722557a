//! What a host concludes from findings: how urgent they are, which of the
//! most dangerous weaknesses they show, what public ratings say of them, which
//! code repositories they belong to, and which of them are one issue.
//!
//! Everything is computed from values. The one exception is
//! [`advisories::read_path`], which reads files that the operator names.
//!
//! ```
//! use appsec_analysis::{Band, Edition, Facts, Priority};
//! use appsec_model::{ReachabilityVerdict, Severity};
//!
//! let facts = Facts {
//!     severity: Severity::High,
//!     reachability: Some(ReachabilityVerdict::Reachable),
//!     top25: Edition::default().rank(89),
//!     ..Facts::default()
//! };
//! let priority = Priority::of(&facts);
//! assert_eq!((priority.score, priority.band), (79, Band::High));
//! ```

#![warn(missing_docs)]

pub mod advisories;
pub mod correlation;
pub mod cwe;
pub mod dates;
pub mod fix;
mod hash;
pub mod priority;
mod problem;
pub mod repository;
pub mod status;
mod table;
pub mod top25;
pub mod triage;

pub use crate::{
    advisories::{Advisories, Advisory},
    hash::hash63,
    priority::{Band, Facts, Input, Priority, Validation},
    problem::Problem,
    repository::{Match, Provider, Repository, RepositoryAddress, RepositoryIndex},
    top25::Edition,
    triage::{TriageDecision, TriageEntry, TriageError},
};
