//! Results of `semgrep --sarif`.

use appsec_model::Finding;

use super::{record::FileRecord, sketch::Sketch};
use crate::normalize::Batch;

/// What tells a result apart from others. None where it is no result.
pub fn sketch(_result: &str, _rule: Option<&str>) -> Option<Sketch> {
    None
}

/// The finding of a result, or its id if it has one.
pub fn finding(
    _batch: &mut Batch,
    _index: usize,
    _project: Option<&appsec_model::ProjectRef>,
    _record: &FileRecord<'_>,
) -> Result<Finding, Option<String>> {
    Err(None)
}
