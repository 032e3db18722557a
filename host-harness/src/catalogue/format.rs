//! The form of a catalogue.

use std::cmp::Reverse;

use appsec_model::{Kind, Timestamp};
use semver::Version;
use serde::{Deserialize, Serialize};

use super::signature::PublicKey;
use crate::error::CatalogueError;

/// The form of the file.
pub(crate) const FORMAT: u32 = 1;

/// Bytes of a catalogue: thousands of versions.
pub(crate) const CATALOGUE_BYTES: u64 = 16 << 20;

/// A list of connectors by one publisher.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Catalogue {
    /// The form of this file: 1.
    pub format: u32,
    /// Greater in each edition: an older one is not taken for a newer one.
    pub number: u64,
    /// When this edition was made.
    pub issued_at: Timestamp,
    /// When it is no longer to be believed.
    pub expires_at: Timestamp,
    /// The versions of all its connectors, by id, the newest first.
    pub connectors: Vec<CatalogueEntry>,
}

/// One version of a connector, as its publisher describes it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CatalogueEntry {
    /// Id of the connector.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its vendor.
    pub vendor: String,
    /// This version of it.
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub sha256: String,
    /// Size of the component.
    pub size_bytes: usize,
    /// Where it is: an address, or a path from the catalogue.
    pub location: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// Version of the contract that it speaks.
    pub contract_version: String,
    /// The kinds that it brings.
    pub kinds: Vec<Kind>,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// Origins that it asks for.
    pub origins: Vec<String>,
    /// Variables of the secrets that it asks for.
    pub secrets: Vec<String>,
    /// Its licenses, as the component states them.
    #[serde(default)]
    pub licenses: Option<String>,
    /// Where its source is, as the component states it.
    #[serde(default)]
    pub source: Option<String>,
    /// The revision of that source, as the component states it.
    #[serde(default)]
    pub revision: Option<String>,
    /// What the checks of the contract came to; none where they were not run.
    #[serde(default)]
    pub conformance: Option<CatalogueConformance>,
    /// Why it must not be installed any more; none where it may be.
    #[serde(default)]
    pub yanked: Option<String>,
    /// Why another one should be used; none where it need not be.
    #[serde(default)]
    pub deprecated: Option<String>,
}

/// What the checks of the contract came to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CatalogueConformance {
    /// `conformant`, `incomplete` or `broken`.
    pub verdict: String,
    /// How many checks passed.
    pub passed: usize,
    /// How many were run or could have been.
    pub of: usize,
}

impl Catalogue {
    /// Reads a catalogue that is signed with a key, and not too old.
    pub(crate) fn signed(
        bytes: &[u8],
        signature: &[u8],
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<Self, CatalogueError> {
        key.verify(bytes, signature)?;
        let catalogue = Self::read(bytes)?;
        if catalogue.expires_at <= now {
            return Err(CatalogueError::Expired { number: catalogue.number, expired_at: catalogue.expires_at });
        }
        Ok(catalogue)
    }

    /// Reads a catalogue of which nobody says who made it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, CatalogueError> {
        /// What every form has.
        #[derive(Deserialize)]
        struct Any {
            format: u32,
        }
        let invalid = |error: serde_json::Error| CatalogueError::Invalid(error.to_string());
        let Any { format } = serde_json::from_slice(bytes).map_err(invalid)?;
        if format != FORMAT {
            let what = format!("its format is {format}, and this program reads {FORMAT}");
            return Err(CatalogueError::Invalid(what));
        }
        let mut catalogue: Self = serde_json::from_slice(bytes).map_err(invalid)?;
        for it in &catalogue.connectors {
            let version = it.parsed().ok_or_else(|| format!("`{}` is no version of `{}`", it.version, it.id));
            version.map_err(CatalogueError::Invalid)?;
        }
        catalogue.sort();
        let twice = catalogue.connectors.windows(2).find_map(|pair| match pair {
            [one, other] if (&one.id, &one.version) == (&other.id, &other.version) => Some(one),
            _ => None,
        });
        match twice {
            Some(it) => Err(CatalogueError::Invalid(format!("{} {} is in it twice", it.id, it.version))),
            None => Ok(catalogue),
        }
    }

    /// By id, the newest first.
    pub(crate) fn sort(&mut self) {
        self.connectors.sort_by_cached_key(|it| (it.id.clone(), Reverse(it.parsed())));
    }

    /// The versions of a connector, the newest first.
    pub(crate) fn versions<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a CatalogueEntry> {
        self.connectors.iter().filter(move |it| it.id == id)
    }

    /// The ids that it has, each once.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.connectors
            .chunk_by(|one, other| one.id == other.id)
            .filter_map(|versions| Some(versions.first()?.id.as_str()))
    }
}

impl CatalogueEntry {
    pub(crate) fn parsed(&self) -> Option<Version> {
        Version::parse(&self.version).ok()
    }

    /// Whether it is what somebody gets who names no version.
    pub(crate) fn is_for_all(&self, contract_version: &str) -> bool {
        let is_release = self.parsed().is_some_and(|it| it.pre.is_empty());
        is_release && self.yanked.is_none() && self.contract_version == contract_version
    }
}
