//! `normalize`: raw records in, the unified model out. Pure, total, and in the
//! order of the input.

mod batch;
pub mod dependency;
mod packages;
mod purl;
pub mod record;
pub mod rules;
mod secrets;
mod texts;
pub mod weakness;
pub mod words;

#[cfg(test)]
mod tests;

use appsec_model::{Error, Kind, Normalized, RawInput};

pub use self::batch::Batch;
use crate::file::DocumentReader;
pub use appsec_model::scan::branch_name;

/// How many records one call takes; the contract names the number. A host that
/// has more calls again: records do not depend on each other.
pub const MAX_RECORDS: usize = 10_000;

/// Turns raw records, or a file, into findings, rules, packages and diagnostics.
///
/// A record that cannot be read becomes a diagnostic and never fails the
/// others; the call fails only where there are no records to look at.
pub fn normalize(input: &RawInput) -> Result<Normalized, Error> {
    match input {
        RawInput::Records(records) => {
            within_limit(records.len())?;
            let mut batch = Batch::with_capacity(records.len());
            for (index, record) in records.iter().enumerate() {
                batch.add(index, &record.kind, record.project.as_ref(), record.id.as_deref(), &record.body);
            }
            Ok(batch.finish())
        }
        RawInput::Document(document) => {
            let mut reader = DocumentReader::new(document.head.clone());
            reader.survey(&document.content)?;
            let summary = reader.summarize()?;
            within_limit(usize::try_from(summary.records).unwrap_or(usize::MAX))?;
            let mut records = reader.read(&document.content)?;
            records.extend(reader.finish()?);
            let mut normalized = normalize(&RawInput::Records(records))?;
            normalized.diagnostics.extend(summary.diagnostics);
            Ok(normalized)
        }
    }
}

fn within_limit(count: usize) -> Result<(), Error> {
    if count <= MAX_RECORDS {
        return Ok(());
    }
    Err(Error::limit(format!("{count} records in one call; the connector takes {MAX_RECORDS}")))
}

/// Whether records of a kind have a unified form here.
fn is_readable(kind: &Kind) -> bool {
    !matches!(kind, Kind::Other(_))
}
