//! Raw records at rest. Records of one kind look alike, so that a few of them
//! serve as the dictionary of all others: 2 KB shrink to a few hundred bytes.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use zstd::bulk::{Compressor, Decompressor};

use super::{Result, StoreError};

/// One of zstd's fast settings, which leave out the coding of single bytes:
/// nearly all of a record is found in the dictionary.
const LEVEL: i32 = -1;

/// Samples in a dictionary: more makes it slower to load into the cache of the
/// processor than it gains.
const DICTIONARY_BYTES: usize = 32 << 10;

/// Codecs of the dictionaries in use.
#[derive(Default)]
pub(super) struct Codecs {
    /// By instance and kind.
    current: HashMap<(i64, String), Encoder>,
}

/// Compresses records of one kind of one instance.
pub(super) struct Encoder {
    pub dictionary_id: i64,
    compressor: Compressor<'static>,
}

impl Encoder {
    pub fn compress(&mut self, body: &[u8]) -> Result<Vec<u8>> {
        self.compressor.compress(body).map_err(StoreError::Compression)
    }
}

impl Codecs {
    /// The encoder of a kind; makes its dictionary of the samples if the store
    /// has none yet.
    pub fn encoder<'a>(
        &mut self,
        connection: &Connection,
        instance_id: i64,
        kind: &str,
        samples: impl Iterator<Item = &'a [u8]>,
    ) -> Result<&mut Encoder> {
        let key = (instance_id, kind.to_owned());
        if !self.current.contains_key(&key) {
            let (dictionary_id, content) = match newest(connection, instance_id, kind)? {
                Some(found) => found,
                None => make(connection, instance_id, kind, samples)?,
            };
            let compressor = Compressor::with_dictionary(LEVEL, &content).map_err(StoreError::Compression)?;
            self.current.insert(key.clone(), Encoder { dictionary_id, compressor });
        }
        self.current.get_mut(&key).ok_or(StoreError::Busy)
    }
}

fn newest(connection: &Connection, instance_id: i64, kind: &str) -> Result<Option<(i64, Vec<u8>)>> {
    let sql = "SELECT id, content FROM dictionaries WHERE instance_id = ?1 AND kind = ?2 ORDER BY id DESC LIMIT 1";
    Ok(connection.query_row(sql, params![instance_id, kind], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn make<'a>(
    connection: &Connection,
    instance_id: i64,
    kind: &str,
    samples: impl Iterator<Item = &'a [u8]>,
) -> Result<(i64, Vec<u8>)> {
    let mut content = Vec::with_capacity(DICTIONARY_BYTES);
    for sample in samples {
        if content.len() + sample.len() > DICTIONARY_BYTES {
            break;
        }
        content.extend_from_slice(sample);
    }
    let sql = "INSERT INTO dictionaries (instance_id, kind, content) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![instance_id, kind, content])?;
    Ok((connection.last_insert_rowid(), content))
}

/// Reads a compressed body back.
pub(super) fn decompress(dictionary: &[u8], body: &[u8], length: usize) -> Result<Vec<u8>> {
    let mut decompressor = Decompressor::with_dictionary(dictionary).map_err(StoreError::Compression)?;
    decompressor.decompress(body, length).map_err(StoreError::Compression)
}
