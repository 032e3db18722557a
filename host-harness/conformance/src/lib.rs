//! Judges connectors: calls one the way a host does, with faults made in the
//! network, and tells which promise of the contract it breaks, and how.
//!
//! ```text
//! Subject ── what is judged: a component in its sandbox, or a stand-in in tests
//!   └─ Lab ── its network: passes requests on, answers them in the vendor's place
//! checks ── a promise each: cases, with what was expected and what came
//!   └─ Report ── what became of every check; for people, JSON and JUnit
//! ```
//!
//! Nothing is stored: buckets are scratch, and what is fetched is forgotten. What
//! takes a store, the `Stage` has: a host's, which is gone afterwards.

#![warn(missing_docs)]

mod cassette;
mod check;
mod checks;
mod fault;
mod junit;
mod lab;
mod report;
mod stage;
mod subject;
#[cfg(test)]
mod tests;

pub use self::{
    cassette::{Cassette, CassetteError, Head},
    check::{CHECKS, Check, Needs, Requirement},
    checks::{Plan, Sample, judge_component, judge_refused},
    junit::junit,
    lab::Lab,
    report::{Budget, CheckOutcome, CheckResult, ConformanceReport, Conformity, FailedCase},
    stage::{Stage, Synced},
    subject::Scratch,
};
