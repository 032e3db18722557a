//! What the store keeps of a page's records, made ready before the store is
//! locked: other pages wait for it.

use std::collections::HashMap;

use appsec_model::{Kind, Normalized};

use super::Classified;
use crate::{
    compress::{Codec, CodecKey, codec},
    database::SharedStore,
    error::{Result, StoreError},
};

/// The contents of a page's records that are new or changed, compressed.
#[derive(Default)]
pub struct Contents {
    pub(super) codec: Option<Codec>,
    /// One per record that is new or changed.
    pub(crate) packed: Vec<Packed>,
}

/// The content of one record.
pub(crate) struct Packed {
    /// Position of its finding among the normalized ones.
    pub finding: Option<usize>,
    /// Position of its package among the normalized ones.
    pub package: Option<usize>,
    pub body_bytes: usize,
    pub document_bytes: usize,
    pub content: Vec<u8>,
}

impl SharedStore {
    /// Makes the contents of a page ready. `kind` is that of the read. The
    /// store itself is used only for the first page of a kind and origin, whose
    /// records become the samples of the compression.
    pub(crate) fn contents(
        &self,
        instance_id: i64,
        origin: &str,
        kind: &Kind,
        records: &[Classified],
        normalized: &Normalized,
    ) -> Result<Contents> {
        let fresh = (0..).zip(records.iter().filter(|it| it.is_fresh()));
        self.contents_of(instance_id, origin, kind, fresh, normalized)
    }

    /// The same for records that are given with the `index` that their
    /// normalized form has.
    pub(crate) fn contents_of<'a>(
        &self,
        instance_id: i64,
        origin: &str,
        kind: &Kind,
        records: impl Iterator<Item = (u32, &'a Classified)>,
        normalized: &Normalized,
    ) -> Result<Contents> {
        let drafts = drafts(records, normalized)?;
        if drafts.is_empty() {
            return Ok(Contents::default());
        }
        let key: CodecKey = (instance_id, origin.to_owned(), kind.as_str().to_owned());
        let codec = match self.known_codec(&key) {
            Some(codec) => codec,
            None => {
                let codec =
                    self.with(|store| codec(&store.connection, &key, drafts.iter().map(|it| it.content.as_slice())))?;
                self.know_codec(key, &codec);
                codec
            }
        };
        let mut encoder = codec.encoder()?;
        let packed = drafts.into_iter().map(|mut packed| {
            packed.content = encoder.compress(&packed.content)?;
            Ok(packed)
        });
        let packed = packed.collect::<Result<_>>()?;
        drop(encoder);
        Ok(Contents { codec: Some(codec), packed })
    }
}

/// Contents that are not compressed yet.
fn drafts<'a>(records: impl Iterator<Item = (u32, &'a Classified)>, normalized: &Normalized) -> Result<Vec<Packed>> {
    // `index` is the guest's word: an impossible one is ignored, and the first
    // result of a record counts.
    let mut findings = HashMap::with_capacity(normalized.findings.len());
    for (position, finding) in normalized.findings.iter().enumerate() {
        findings.entry(finding.index).or_insert((position, finding));
    }
    let mut packages = HashMap::new();
    for (position, package) in normalized.packages.iter().enumerate() {
        if let Some(index) = package.index {
            packages.entry(index).or_insert(position);
        }
    }
    let draft = |(index, it): (u32, &Classified)| {
        let found = findings.get(&index);
        let mut content = Vec::with_capacity(it.record.body.len() * 2);
        content.extend_from_slice(it.record.body.as_bytes());
        if let Some((_, finding)) = found {
            serde_json::to_writer(&mut content, finding)
                .map_err(|source| StoreError::Document { what: "finding", source })?;
        }
        let body_bytes = it.record.body.len();
        Ok(Packed {
            finding: found.map(|(position, _)| *position),
            package: packages.get(&index).copied(),
            body_bytes,
            document_bytes: content.len() - body_bytes,
            content,
        })
    };
    records.map(draft).collect()
}
