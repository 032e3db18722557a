//! Remarks beside the results.

use serde::{Deserialize, Serialize};

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum DiagnosticLevel {
    /// The record was used; something in it deserves attention.
    Warning,
    /// The record was left out on purpose.
    Skipped,
    /// The record could not be used.
    Error,
}

/// A remark about one record or one call.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diagnostic {
    /// How much it matters.
    pub level: DiagnosticLevel,
    /// A stable word for the reason, in kebab case.
    pub code: String,
    /// Position of the record in the input, from 0.
    pub index: Option<u32>,
    /// The vendor's id of the record.
    pub id: Option<String>,
    /// Where in the record: a JSON Pointer (RFC 6901).
    pub pointer: Option<String>,
    /// The reason in words.
    pub message: String,
}
