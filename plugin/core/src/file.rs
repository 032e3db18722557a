//! Files: what they are, the records in them, and what those mean.
//!
//! A file is cut into records by a [`DocumentReader`], whatever its size. A
//! record that is no answer of the API's findings endpoint is wrapped in a
//! [`FileRecord`](record::FileRecord), with what it needs of the rest of the
//! file, so that it can be kept and normalized alone.

pub mod format;
pub mod reader;

mod input;
mod json;
mod outline;
mod table;

mod alien;
mod bases;
mod exposed;
mod fingerprints;
mod kept;
mod label;
mod numbering;
mod order;
mod output;
mod report;
mod shelf;
mod survey;

pub mod identity;
pub mod record;
pub mod sketch;

mod finding;
mod place;

pub mod cli;
pub mod csv;
pub mod sarif;
pub mod ssc;
pub mod webhook;

use appsec_model::{Finding, Kind, ProjectRef};

pub use self::reader::DocumentReader;
use self::{format::Format, record::FileRecord};
use crate::{normalize::Batch, wire::shorten};

/// Why a file cannot be read.
#[derive(Debug)]
enum Fault {
    /// It is something else, or damaged: what the connector cannot read.
    Alien(String),
    /// It is something else; its beginning tells what.
    Unknown,
    /// A part of it is larger than the connector takes.
    Large(String),
    /// The host called in a wrong order.
    Misused(&'static str),
}

/// The finding of a wrapped record, or its id if it has one.
pub fn finding(
    batch: &mut Batch,
    index: usize,
    kind: &Kind,
    project: Option<&ProjectRef>,
    record: &FileRecord<'_>,
) -> Result<Finding, Option<String>> {
    match Format::named(&record.head.format) {
        Some(Format::CliJson) => cli::finding(batch, index, project, record),
        Some(Format::Sarif) => sarif::finding(batch, index, project, record),
        Some(Format::SscVulns) => ssc::finding(batch, index, project, record),
        Some(Format::Csv) => csv::finding(batch, index, project, record),
        Some(Format::Webhook) if *kind == webhook::scan_kind() => {
            batch.remarks.skip("not-a-finding", "a webhook's event on a scan; it holds no findings".to_owned());
            Err(None)
        }
        Some(Format::Webhook) => webhook::finding(batch, index, project, record),
        Some(Format::Findings | Format::Secrets | Format::Dependencies) | None => {
            let message =
                format!("this version does not read records of the format `{}`", shorten(&record.head.format));
            batch.remarks.error("unknown-format", message);
            Err(None)
        }
    }
}

#[cfg(test)]
mod result_tests;
