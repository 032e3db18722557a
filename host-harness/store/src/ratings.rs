//! Ratings of advisories, as the operator gave them.

use crate::{columns::document, error::Result};
use appsec_analysis::Advisory;
use appsec_model::AdvisoryId;
use rusqlite::{Connection, OptionalExtension};

/// What is known of the first of these advisories that anything is known of.
pub(crate) fn find_any(connection: &Connection, ids: &[AdvisoryId]) -> Result<Option<Advisory>> {
    for id in ids {
        if let Some(advisory) = find(connection, &id.id)? {
            return Ok(Some(advisory));
        }
    }
    Ok(None)
}

/// What is known of an advisory by its number, in any spelling of case.
pub(crate) fn find(connection: &Connection, id: &str) -> Result<Option<Advisory>> {
    let found: Option<String> = connection
        .prepare_cached("SELECT document FROM advisories WHERE advisory_id = ?1")?
        .query_row([id.to_ascii_uppercase()], |row| row.get(0))
        .optional()?;
    found.map(|text| document("advisory", &text)).transpose()
}
