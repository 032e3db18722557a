//! The vendor's JSON as it comes: every field may be absent, null, or of a type
//! that nobody promised.
//!
//! Records are read strictly first, borrowing from the text; only a record that
//! does not fit is repaired (see [`repair`]) and read again, so that tolerance
//! costs nothing where it is not needed.

mod cli;
mod envelope;
mod finding;
mod package;
mod remarks;
mod repair;
mod rule;
mod sarif;
mod scalar;
mod secret;
mod skim;

pub use self::{
    cli::{CliDependency, CliExtra, CliGist, CliMatch, CliMetadata, CliPosition, CliResult, CliSca, DependencyNode},
    envelope::Envelope,
    finding::{
        Assistant, Autotriage, Component, Dependency, Epss, Finding, FixRecommendation, Location, Policy, Repository,
        Ticket, Usage,
    },
    package::{Definition, FoundDependency, Step},
    remarks::{Remarks, shorten},
    repair::{Wire, read},
    rule::Rule,
    sarif::{SarifCodeFlow, SarifLocation, SarifPlace, SarifResult, SarifRule, SarifText},
    scalar::{Count, Id, Labels, List, Text, Texts, from_text},
    secret::{HistoricalInfo, Secret},
    skim::skim,
};
