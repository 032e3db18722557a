//! Writes findings in public formats, one after the other as they come.
//!
//! The crate knows the model and nothing of stores, files, clocks or command
//! lines: findings are pushed, bytes go out, and the same findings at the same
//! moment give the same bytes. What a format has no place for is listed in
//! `docs/exports.md`.
//!
//! ```
//! use appsec_exports::{Exporter, Format, Options};
//!
//! let options = Options { owner: "acme".to_owned(), ..Options::default() };
//! let mut out = Vec::new();
//! let mut exporter = Exporter::begin(Format::OpenVex, &options, &mut out).unwrap();
//! // exporter.finding(exported)?; for each of them, in the order of `Exported::key`
//! exporter.end().unwrap();
//! assert!(out.starts_with(b"{\"@context\":\"https://openvex.dev/ns/v0.2.0\""));
//! ```

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly"))]

mod cyclonedx;
mod defectdojo;
mod document;
mod exported;
mod exporter;
mod format;
mod gate;
mod gitlab;
mod html;
mod json;
mod ocsf;
mod openvex;
mod overview;
#[cfg(test)]
mod sample;
mod sarif;
#[cfg(test)]
mod tests;
pub mod text;
mod vex;
mod words;

use self::document::{Document, Outcome};
pub use self::{
    document::{CycloneDxVersion, Error, Options, Summary},
    exported::{Decided, Exported, Issue, ListedPackage, redact},
    exporter::Exporter,
    format::Format,
    gate::{Gate, GateFormat, Violation},
    overview::{CoveredRepository, Day, Overview},
};
