//! The policies in force, ready to be evaluated.

use std::{cell::RefCell, sync::Arc};

use crate::error::{Result, StoreError};
use appsec_policy::Policies;
use rusqlite::{Connection, OptionalExtension};

/// The newest policies, compiled; by the row of their file.
#[derive(Default)]
pub(crate) struct Compiled(RefCell<Option<(i64, Arc<Policies>)>>);

impl Compiled {
    /// The policies in force, with the row of their file; none where there are
    /// none.
    pub fn newest(&self, connection: &Connection) -> Result<Option<(i64, Arc<Policies>)>> {
        let newest: Option<(i64, u64)> = connection
            .prepare_cached("SELECT id, policies FROM policy_files ORDER BY id DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((id, 1..)) = newest else { return Ok(None) };
        let mut compiled = self.0.borrow_mut();
        if let Some(known) = compiled.as_ref().filter(|(known, _)| *known == id) {
            return Ok(Some(known.clone()));
        }
        let content: String = connection
            .prepare_cached("SELECT content FROM policy_files WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        let policies = Policies::load(&content)
            .map_err(|problems| StoreError::Policies(problems.first().map(ToString::to_string).unwrap_or_default()))?;
        Ok(compiled.insert((id, Arc::new(policies))).clone().into())
    }
}
