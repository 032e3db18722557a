//! Records at rest. Records of one kind look alike, so that a few of them
//! serve as the dictionary of all others: 4 KB, the finding's document
//! included, shrink to a few hundred bytes.

use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use crate::{
    columns::{InOrder, document},
    error::{Result, StoreError},
};
use appsec_model::Finding;
use rusqlite::{Connection, OptionalExtension, params};
use zstd::{
    bulk::{Compressor, Decompressor},
    dict::EncoderDictionary,
};

/// One of zstd's fast settings, which leave out the coding of single bytes:
/// nearly all of a record is found in the dictionary.
const LEVEL: i32 = -1;

/// Samples in a dictionary: more makes it slower to load into the cache of the
/// processor than it gains.
const DICTIONARY_BYTES: usize = 32 << 10;

/// What a dictionary is for: instance, origin and kind.
pub(super) type CodecKey = (i64, String, String);

/// Compresses the records of one kind and origin of an instance. It works
/// without the store.
#[derive(Clone)]
pub struct Codec {
    pub(super) dictionary_id: i64,
    dictionary: Arc<EncoderDictionary<'static>>,
}

impl Codec {
    /// Something to compress many contents with.
    pub(super) fn encoder(&self) -> Result<Encoder<'_>> {
        let compressor = Compressor::with_prepared_dictionary(&self.dictionary).map_err(StoreError::Compression)?;
        Ok(Encoder(compressor))
    }
}

/// Compresses contents.
pub(super) struct Encoder<'a>(Compressor<'a>);

impl Encoder<'_> {
    pub fn compress(&mut self, content: &[u8]) -> Result<Vec<u8>> {
        self.0.compress(content).map_err(StoreError::Compression)
    }
}

/// The codec of a kind and origin; makes its dictionary of the samples if the
/// store has none yet.
pub(crate) fn codec<'a>(
    connection: &Connection,
    key: &CodecKey,
    samples: impl Iterator<Item = &'a [u8]>,
) -> Result<Codec> {
    let (dictionary_id, content) = match newest(connection, key)? {
        Some(found) => found,
        None => make(connection, key, samples)?,
    };
    let dictionary = EncoderDictionary::try_copy(&content, LEVEL).map_err(StoreError::Compression)?;
    Ok(Codec { dictionary_id, dictionary: Arc::new(dictionary) })
}

fn newest(connection: &Connection, key: &CodecKey) -> Result<Option<(i64, Vec<u8>)>> {
    let sql = "SELECT id, content FROM dictionaries WHERE instance_id = ?1 AND origin = ?2 AND kind = ?3 \
               ORDER BY id DESC LIMIT 1";
    Ok(connection.query_row(sql, params![key.0, key.1, key.2], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn make<'a>(
    connection: &Connection,
    key: &CodecKey,
    samples: impl Iterator<Item = &'a [u8]>,
) -> Result<(i64, Vec<u8>)> {
    let mut content = Vec::with_capacity(DICTIONARY_BYTES);
    for sample in samples {
        if content.len() + sample.len() > DICTIONARY_BYTES {
            break;
        }
        content.extend_from_slice(sample);
    }
    let sql = "INSERT INTO dictionaries (instance_id, origin, kind, content) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(sql, params![key.0, key.1, key.2, content])?;
    Ok((connection.last_insert_rowid(), content))
}

/// A record's content: the vendor's body and the JSON of the finding.
pub(super) struct Content {
    bytes: Vec<u8>,
    body_bytes: usize,
}

impl Content {
    /// The record as the vendor sent it.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(..self.body_bytes).unwrap_or_default()
    }

    /// The finding as normalized.
    pub fn finding(&self) -> Result<Finding> {
        // The letters are checked once for all, and not in each text.
        document("finding", std::str::from_utf8(self.document()).unwrap_or_default())
    }

    /// The finding as normalized; empty where there is none.
    pub fn document(&self) -> &[u8] {
        self.bytes.get(self.body_bytes..).unwrap_or_default()
    }
}

/// Dictionaries that are kept ready at one time: a tenant has one for each kind
/// and origin of an instance.
const DICTIONARIES_READY: usize = 32;

/// What [`Decoder::content_of`] reads of a record.
pub(super) const CONTENT_COLUMNS: &str = "dictionary_id, body_bytes, document_bytes, content";

/// Reads contents back. Dictionaries never change, so that what they make is
/// kept: to load one takes longer than to read a record.
#[derive(Default)]
pub(super) struct Decoder(RefCell<HashMap<i64, Decompressor<'static>>>);

impl Decoder {
    /// The content of a record.
    pub fn content(&self, connection: &Connection, record_id: i64) -> Result<Option<Content>> {
        let sql = format!("SELECT {CONTENT_COLUMNS} FROM records WHERE id = ?1");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([record_id])?;
        rows.next()?.map(|row| self.content_of(connection, &mut row.into())).transpose()
    }

    /// The content of a record from a row of which [`CONTENT_COLUMNS`] are next.
    pub fn content_of(&self, connection: &Connection, columns: &mut InOrder<'_, '_>) -> Result<Content> {
        let (dictionary_id, body_bytes): (i64, usize) = (columns.take()?, columns.take()?);
        let document_bytes: usize = columns.take()?;
        let packed = columns.take_ref()?.as_blob().map_err(rusqlite::Error::from)?;
        let mut ready = self.0.borrow_mut();
        if !ready.contains_key(&dictionary_id) && ready.len() >= DICTIONARIES_READY {
            ready.clear();
        }
        let decompressor = match ready.entry(dictionary_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let sql = "SELECT content FROM dictionaries WHERE id = ?1";
                let dictionary: Vec<u8> = connection.query_row(sql, [dictionary_id], |row| row.get(0))?;
                free.insert(Decompressor::with_dictionary(&dictionary).map_err(StoreError::Compression)?)
            }
        };
        let length = body_bytes.saturating_add(document_bytes);
        let bytes = decompressor.decompress(packed, length).map_err(StoreError::Compression)?;
        Ok(Content { bytes, body_bytes })
    }
}
