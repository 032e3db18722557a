//! The vendor's JSON as it comes: every field may be absent, null, or of a type
//! that nobody promised.
//!
//! Records are read strictly first, borrowing from the text; only a record that
//! does not fit is repaired (see [`repair`]) and read again, so that tolerance
//! costs nothing where it is not needed.

mod envelope;
mod finding;
mod remarks;
mod repair;
mod rule;
mod scalar;
mod skim;

pub use self::{
    envelope::Envelope,
    finding::{
        Assistant, Autotriage, Component, Dependency, Epss, Finding, FixRecommendation, Location, Policy, Repository,
        Ticket, Usage,
    },
    remarks::{Remarks, shorten},
    repair::{Wire, read},
    rule::Rule,
    scalar::{Count, Id, Text, Texts},
    skim::skim,
};
