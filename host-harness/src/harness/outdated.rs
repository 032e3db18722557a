//! Installed connectors beside what catalogues say of them by now.

use appsec_model::{CONTRACT_VERSION, Kind};
use semver::Version;
use serde::Serialize;

use super::{Harness, catalogues::UnreadCatalogue, connectors::InstalledConnector};
use crate::{
    catalogue::{Catalogue, CatalogueEntry},
    error::Error,
};

/// What `catalogue outdated` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct OutdatedList {
    /// The installed connectors, by id.
    pub connectors: Vec<OutdatedConnector>,
    /// The catalogues that could not be read.
    pub unread: Vec<UnreadCatalogue>,
}

/// An installed connector beside what a catalogue says of it.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct OutdatedConnector {
    /// Its id.
    pub id: String,
    /// The version that is installed.
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub sha256: String,
    /// The instances that run it, as `tenant/instance`.
    pub used_by: Vec<String>,
    /// Name of the catalogue that knows it; none where none does.
    pub catalogue: Option<String>,
    /// How it is.
    pub state: InstalledState,
    /// Why it was yanked or is deprecated.
    pub why: Option<String>,
    /// The newest version for this host's contract, if it is newer.
    pub newest: Option<String>,
    /// Origins that the newest one asks for and this one does not.
    pub origins_added: Vec<String>,
    /// Secrets that the newest one asks for and this one does not.
    pub secrets_added: Vec<String>,
    /// Interfaces that the newest one imports and this one does not.
    pub imports_added: Vec<String>,
    /// Kinds that the newest one brings and this one does not.
    pub kinds_added: Vec<Kind>,
}

/// How an installed connector is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstalledState {
    /// There is no newer version.
    Current,
    /// There is a newer version.
    Outdated,
    /// Its publisher says that another one should be used.
    Deprecated,
    /// Its publisher has taken it back.
    Yanked,
    /// No catalogue knows it.
    Unlisted,
}

impl InstalledState {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Outdated => "outdated",
            Self::Deprecated => "deprecated",
            Self::Yanked => "yanked",
            Self::Unlisted => "unlisted",
        }
    }
}

impl Harness {
    /// The installed connectors, each beside what its catalogue says by now; where
    /// that one is gone, beside one that has these very bytes; where it came from
    /// none, beside any that knows it.
    pub async fn outdated_connectors(&self) -> Result<OutdatedList, Error> {
        let installed = self.connectors().await?.connectors;
        let (catalogues, unread) = self.read_catalogues(None).await?;
        let connectors = installed.into_iter().map(|it| compared(it, &catalogues)).collect();
        Ok(OutdatedList { connectors, unread })
    }
}

fn compared(installed: InstalledConnector, catalogues: &[(String, Catalogue)]) -> OutdatedConnector {
    let knows = |it: &Catalogue| it.versions(&installed.id).next().is_some();
    let has = |it: &Catalogue| it.versions(&installed.id).any(|it| it.sha256 == installed.sha256);
    let from = installed.catalogue.as_ref();
    let of_its_own = catalogues.iter().find(|(name, it)| from == Some(name) && knows(it));
    let known = of_its_own
        .or_else(|| catalogues.iter().find(|(_, it)| has(it)))
        .or_else(|| catalogues.iter().find(|(_, it)| from.is_none() && knows(it)));
    let versions = || known.iter().flat_map(|(_, it)| it.versions(&installed.id));
    let own = versions().find(|it| it.sha256 == installed.sha256);
    let version = Version::parse(&installed.version).ok();
    let newest = versions().find(|it| it.is_for_all(CONTRACT_VERSION)).filter(|it| it.parsed() > version);
    let (state, why) = match own {
        Some(CatalogueEntry { yanked: Some(why), .. }) => (InstalledState::Yanked, Some(why.clone())),
        Some(CatalogueEntry { deprecated: Some(why), .. }) => (InstalledState::Deprecated, Some(why.clone())),
        _ if newest.is_some() => (InstalledState::Outdated, None),
        Some(_) => (InstalledState::Current, None),
        None => (InstalledState::Unlisted, None),
    };
    let more = |of: fn(&CatalogueEntry) -> &Vec<String>| match (own, newest) {
        (Some(own), Some(newest)) => added(of(own), of(newest)),
        _ => Vec::new(),
    };
    OutdatedConnector {
        catalogue: known.map(|(name, _)| name.clone()),
        state,
        why,
        newest: newest.map(|it| it.version.clone()),
        origins_added: more(|it| &it.origins),
        secrets_added: more(|it| &it.secrets),
        imports_added: more(|it| &it.imports),
        kinds_added: newest.map(|it| added(&installed.kinds, &it.kinds)).unwrap_or_default(),
        id: installed.id,
        version: installed.version,
        sha256: installed.sha256,
        used_by: installed.used_by,
    }
}

/// What is in the second list only.
fn added<T: Clone + PartialEq>(before: &[T], now: &[T]) -> Vec<T> {
    now.iter().filter(|it| !before.contains(it)).cloned().collect()
}
