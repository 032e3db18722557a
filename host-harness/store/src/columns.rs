//! Columns that hold JSON.

use crate::error::{Result, StoreError};

/// Reads a JSON column.
pub(crate) fn document<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| StoreError::Document { what, source })
}

/// Writes a JSON column.
pub(crate) fn json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|source| StoreError::Document { what, source })
}
