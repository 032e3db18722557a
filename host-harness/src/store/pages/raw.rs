//! Raw records of a page.

use rusqlite::{CachedStatement, Connection, params};

use super::{Classified, RecordState};
use crate::store::{Result, compress::Encoder};

/// Writes raw records.
pub(super) struct RawWriter<'a> {
    connection: &'a Connection,
    instance_id: i64,
    encoder: &'a mut Encoder,
    insert: CachedStatement<'a>,
    update: CachedStatement<'a>,
    forget: CachedStatement<'a>,
    known: CachedStatement<'a>,
}

impl<'a> RawWriter<'a> {
    pub fn new(connection: &'a Connection, instance_id: i64, encoder: &'a mut Encoder) -> Result<Self> {
        Ok(Self {
            connection,
            instance_id,
            encoder,
            insert: connection.prepare_cached(
                "INSERT INTO raw_records \
                 (instance_id, kind, record_key, project_id, sha256, length_bytes, dictionary_id, body) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?,
            update: connection.prepare_cached(
                "UPDATE raw_records SET project_id = ?2, vanished_at = NULL, sha256 = ?3, length_bytes = ?4, \
                 dictionary_id = ?5, body = ?6 WHERE id = ?1",
            )?,
            forget: connection.prepare_cached("DELETE FROM diagnostics WHERE raw_id = ?1")?,
            known: connection.prepare_cached(
                "SELECT id FROM raw_records WHERE instance_id = ?1 AND kind = ?2 AND record_key = ?3",
            )?,
        })
    }

    pub fn write(&mut self, it: &Classified) -> Result<i64> {
        let body = it.record.body.as_bytes();
        let packed = self.encoder.compress(body)?;
        let dictionary = self.encoder.dictionary_id;
        let (kind, length) = (it.record.kind.as_str(), body.len());
        let known = match it.state {
            RecordState::Changed { id } => id,
            _ => {
                let sha256 = &it.sha256[..];
                let inserted = self.insert.execute(params![
                    self.instance_id,
                    kind,
                    it.key,
                    it.project_id,
                    sha256,
                    length,
                    dictionary,
                    packed
                ])?;
                if inserted == 1 {
                    return Ok(self.connection.last_insert_rowid());
                }
                // Another read brought the same record after this page was
                // compared with the store.
                self.known.query_row(params![self.instance_id, kind, it.key], |row| row.get(0))?
            }
        };
        self.update.execute(params![known, it.project_id, &it.sha256[..], length, dictionary, packed])?;
        self.forget.execute([known])?;
        Ok(known)
    }
}
