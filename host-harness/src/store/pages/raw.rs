//! Raw records of a page.

use rusqlite::{CachedStatement, Connection, params};

use super::{Classified, RecordState};
use crate::store::{Result, compress::Encoder};

/// Writes raw records.
pub(super) struct RawWriter<'a> {
    instance_id: i64,
    encoder: &'a mut Encoder,
    insert: CachedStatement<'a>,
    update: CachedStatement<'a>,
    forget: CachedStatement<'a>,
}

impl<'a> RawWriter<'a> {
    pub fn new(connection: &'a Connection, instance_id: i64, encoder: &'a mut Encoder) -> Result<Self> {
        Ok(Self {
            instance_id,
            encoder,
            insert: connection.prepare_cached(
                "INSERT INTO raw_records \
                 (instance_id, kind, record_key, project_id, sha256, length_bytes, dictionary_id, body) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
            update: connection.prepare_cached(
                "UPDATE raw_records SET project_id = ?2, vanished_at = NULL, sha256 = ?3, length_bytes = ?4, \
                 dictionary_id = ?5, body = ?6 WHERE id = ?1",
            )?,
            forget: connection.prepare_cached("DELETE FROM diagnostics WHERE raw_id = ?1")?,
        })
    }

    pub fn write(&mut self, it: &Classified) -> Result<i64> {
        let body = it.record.body.as_bytes();
        let packed = self.encoder.compress(body)?;
        let dictionary = self.encoder.dictionary_id;
        if let RecordState::Changed { id } = it.state {
            self.update.execute(params![id, it.project_id, &it.sha256[..], body.len(), dictionary, packed])?;
            self.forget.execute([id])?;
            return Ok(id);
        }
        let id = self.insert.insert(params![
            self.instance_id,
            it.record.kind.as_str(),
            it.key,
            it.project_id,
            &it.sha256[..],
            body.len(),
            dictionary,
            packed
        ])?;
        Ok(id)
    }
}
