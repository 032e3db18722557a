//! Why a catalogue is not believed, or names no connector.

use appsec_grant::{Code, UnknownName};
use appsec_model::Timestamp;

use crate::moment::moment;

/// Why a catalogue is not believed, or names no connector.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// There is none of this name.
    #[error("catalogue `{}` not found{}", .0.name, .0.question())]
    Unknown(UnknownName),
    /// There is none at all.
    #[error("no catalogue has been added")]
    None,
    /// There is one of this name.
    #[error("catalogue `{0}` already exists")]
    Exists(String),
    /// A key cannot be used.
    #[error("{0}")]
    Key(String),
    /// It cannot be had.
    #[error("cannot read the catalogue {from}: {reason}")]
    Unavailable {
        /// Where it is.
        from: String,
        /// What happened.
        reason: String,
    },
    /// Whoever is between could show an old one.
    #[error("refusing to read the catalogue {0}: without TLS anybody on the way can show an old edition of it")]
    WithoutTls(String),
    /// It is not of who it should be of.
    #[error("the catalogue is not believed: {0}")]
    Signature(String),
    /// It is signed, and no catalogue.
    #[error("the catalogue cannot be used: {0}")]
    Invalid(String),
    /// It is too old.
    #[error("edition {number} of the catalogue expired at {}", moment(*expired_at))]
    Expired {
        /// Its number.
        number: u64,
        /// When it did.
        expired_at: Timestamp,
    },
    /// It is older than one that was seen.
    #[error(
        "the catalogue was rolled back: edition {known} was seen, and now it is edition {found}{}",
        same(known, found)
    )]
    RolledBack {
        /// Number of the one that was seen.
        known: u64,
        /// Number of this one.
        found: u64,
    },
    /// Which of the catalogues it is.
    #[error("catalogue `{name}`: {source}")]
    Of {
        /// Name of the catalogue.
        name: String,
        /// What is wrong with it.
        source: Box<CatalogueError>,
    },
    /// No catalogue has a connector of this id.
    #[error("no catalogue has a connector `{}`{}", .0.name, .0.question())]
    NoConnector(UnknownName),
    /// Several have one.
    #[error("several catalogues have a connector `{id}`: {}", .catalogues.join(", "))]
    Ambiguous {
        /// Its id.
        id: String,
        /// Which ones.
        catalogues: Vec<String>,
    },
    /// It is not there in this version, or in none that fits.
    #[error("the catalogue has no version of `{id}` {wanted}; there are: {}", .versions.join(", "))]
    NoVersion {
        /// Its id.
        id: String,
        /// Which one is wanted, as the rest of a sentence.
        wanted: String,
        /// Those that are there.
        versions: Vec<String>,
    },
    /// The publisher has taken it back.
    #[error("{id} {version} was yanked by its publisher: {why}; nothing was installed")]
    Yanked {
        /// Its id.
        id: String,
        /// The version.
        version: String,
        /// Why.
        why: String,
    },
    /// The component is not what the catalogue calls it.
    #[error("the catalogue says {catalogued}, and the component says that it is {found}; nothing was installed")]
    Mismatch {
        /// What the catalogue says.
        catalogued: String,
        /// What it says itself.
        found: String,
    },
}

/// What is strange about a number that is the same.
fn same(known: &u64, found: &u64) -> &'static str {
    if known == found { " with other content" } else { "" }
}

impl CatalogueError {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Unknown(_) | Self::None => Code::CatalogueNotFound,
            Self::Exists(_) => Code::CatalogueExists,
            Self::Key(_) => Code::CatalogueKey,
            Self::WithoutTls(_) => Code::DownloadWithoutTls,
            Self::Unavailable { .. } => Code::CatalogueUnavailable,
            Self::Signature(_) => Code::CatalogueSignature,
            Self::Invalid(_) | Self::Mismatch { .. } => Code::CatalogueInvalid,
            Self::Expired { .. } => Code::CatalogueExpired,
            Self::RolledBack { .. } => Code::CatalogueRolledBack,
            Self::Of { source, .. } => source.code(),
            Self::NoConnector(_) | Self::Ambiguous { .. } | Self::NoVersion { .. } => Code::ConnectorNotCatalogued,
            Self::Yanked { .. } => Code::ConnectorYanked,
        }
    }

    /// The same, with the name of the catalogue.
    pub(crate) fn of(self, name: &impl ToString) -> Self {
        match self {
            it @ Self::Of { .. } => it,
            it => Self::Of { name: name.to_string(), source: Box::new(it) },
        }
    }
}
