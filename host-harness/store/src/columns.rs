//! Columns that hold JSON, or what is read from its text.

use std::str::FromStr;

use rusqlite::{
    Row, RowIndex,
    types::{FromSql, ValueRef},
};

use crate::error::{Result, StoreError};

/// Reads a column by what its text says, such as the word of a case.
pub(crate) fn parsed<T: FromStr>(row: &Row<'_>, column: impl RowIndex) -> Result<T> {
    let text = row.get_ref(column)?;
    text.as_str().unwrap_or_default().parse().map_err(|_| StoreError::Corrupt)
}

/// The columns of a row, one after another: to find one by its name takes longer than to
/// read it.
pub(crate) struct InOrder<'a, 's> {
    row: &'a Row<'s>,
    at: usize,
}

impl<'a, 's> From<&'a Row<'s>> for InOrder<'a, 's> {
    fn from(row: &'a Row<'s>) -> Self {
        Self { row, at: 0 }
    }
}

impl<'a> InOrder<'a, '_> {
    /// The next column.
    pub fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.at += 1;
        self.row.get(self.at - 1)
    }

    /// The next column, as it lies there.
    pub fn take_ref(&mut self) -> rusqlite::Result<ValueRef<'a>> {
        self.at += 1;
        self.row.get_ref(self.at - 1)
    }
}

/// Reads a JSON column.
pub(crate) fn document<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| StoreError::Document { what, source })
}

/// Writes a JSON column.
pub(crate) fn json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|source| StoreError::Document { what, source })
}
