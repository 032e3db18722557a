//! Catalogues that the operator believes: where each of them is, the key that it is
//! signed with, and the edition that was seen last.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
};

use appsec_model::{CONTRACT_VERSION, Manifest, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    Harness,
    download::{self, Wanted},
    origin::{ComponentOrigin, hash, is_of_this_machine},
};
use crate::{
    catalogue::{CATALOGUE_BYTES, Catalogue, CatalogueEntry, PublicKey, SIGNATURE_SUFFIX},
    error::{CatalogueError, Error},
};
use appsec_grant::{
    Addresses, CatalogueName, Code, UnknownName,
    files::{Part, check_folder, create_private_dir, open_private, open_trusted, read_bounded, read_open},
    with_causes,
};
use appsec_sandbox::{Inspection, RuntimeError};

/// Where they are remembered, below the data folder.
const FOLDER: &str = "catalogues";

/// How the names of files begin that are not whole yet.
const PART: &str = ".part-";

/// Held while what is remembered changes.
const LOCK: &str = ".lock";

/// Bytes of what is remembered of a catalogue, and of a signature.
const RECORD_BYTES: u64 = 64 << 10;

/// A catalogue that was added.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct AddedCatalogue {
    /// The name that it was added under.
    pub name: String,
    /// Where it is: a file or an address.
    pub from: String,
    /// The key of minisign that it has to be signed with.
    pub public_key: String,
    /// When it was added.
    pub added_at: Timestamp,
    /// Number of the latest edition that was read: none before it is believed.
    pub number: u64,
    /// SHA-256 of that edition, in hex.
    pub sha256: String,
    /// When that edition expires.
    pub expires_at: Timestamp,
    /// When it was read first.
    pub read_at: Timestamp,
}

/// What `catalogue list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct CatalogueList {
    /// The catalogues, by name.
    pub catalogues: Vec<AddedCatalogue>,
    /// Those of which nobody can read what is remembered.
    pub unread: Vec<UnreadCatalogue>,
}

/// What `catalogue search` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct CatalogueSearch {
    /// The versions that match, by catalogue and id, the newest first.
    pub matches: Vec<CatalogueMatch>,
    /// The catalogues that could not be read.
    pub unread: Vec<UnreadCatalogue>,
}

/// A version that a search found.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct CatalogueMatch {
    /// Name of the catalogue that has it.
    pub catalogue: String,
    /// What the catalogue says.
    pub entry: CatalogueEntry,
    /// Whether this host runs connectors of its contract.
    pub fits: bool,
}

/// A catalogue that could not be read.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct UnreadCatalogue {
    /// Its name.
    pub name: String,
    /// A stable word for the reason.
    #[schemars(with = "String")]
    pub code: Code,
    /// What happened.
    pub message: String,
}

/// Catalogues that were read, by name, and those that could not be.
type Read = (Vec<(String, Catalogue)>, Vec<UnreadCatalogue>);

impl UnreadCatalogue {
    fn new(name: String, error: &Error) -> Self {
        Self { name, code: error.code(), message: with_causes(error) }
    }
}

/// A version that is to be installed.
pub(super) struct Found {
    /// Name of the catalogue.
    pub catalogue: String,
    /// What it says.
    pub entry: CatalogueEntry,
    /// Where the component is.
    pub origin: ComponentOrigin,
    /// Where that address may lead. What the operator typed may be of the own
    /// network; what a catalogue names elsewhere may not.
    pub addresses: Addresses,
}

impl Found {
    /// Whether the component is what the catalogue calls it.
    pub fn check(&self, manifest: &Manifest) -> Result<(), Error> {
        let catalogued = format!("{} {}", self.entry.id, self.entry.version);
        let found = format!("{} {}", manifest.id, manifest.version);
        match catalogued == found {
            true => Ok(()),
            false => Err(CatalogueError::Mismatch { catalogued, found }.of(&self.catalogue).into()),
        }
    }
}

impl Harness {
    /// Adds a catalogue, after it was read and found to be signed with this key.
    pub async fn add_catalogue(
        &self,
        name: &CatalogueName,
        from: &str,
        public_key: &str,
    ) -> Result<AddedCatalogue, Error> {
        let key = PublicKey::given(public_key)?;
        let folder = self.catalogues_folder()?;
        if record_file(&folder, name).exists() {
            return Err(CatalogueError::Exists(name.to_string()).into());
        }
        let from = match ComponentOrigin::of(from) {
            Some(ComponentOrigin::Url(url)) => url,
            _ => std::path::absolute(from).map_err(|error| Error::Folder(from.into(), error))?.display().to_string(),
        };
        let now = self.now();
        let added = AddedCatalogue {
            name: name.to_string(),
            from,
            public_key: key.to_string(),
            added_at: now,
            number: 0,
            sha256: String::new(),
            expires_at: now,
            read_at: now,
        };
        let (catalogue, sha256) = self.fetch(&added).await?;
        self.remember(&added, &catalogue, sha256)
    }

    /// The catalogues that were added.
    pub fn catalogues(&self) -> Result<CatalogueList, Error> {
        let folder = self.catalogues_folder()?;
        let failed = |error| Error::Folder(folder.clone(), error);
        let (mut catalogues, mut unread) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(CatalogueList { catalogues, unread });
            }
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            // What has another name is none of ours.
            let name = name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(|name| name.parse().ok());
            let Some(name): Option<CatalogueName> = name else { continue };
            match record(&folder, &name) {
                Ok(it) => catalogues.push(it),
                Err(error) => unread.push(UnreadCatalogue::new(name.to_string(), &error)),
            }
        }
        catalogues.sort_by(|one, other| one.name.cmp(&other.name));
        unread.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(CatalogueList { catalogues, unread })
    }

    /// Removes a catalogue, whatever is remembered of it. What was installed from it
    /// stays.
    pub fn remove_catalogue(&self, name: &CatalogueName) -> Result<AddedCatalogue, Error> {
        let folder = self.catalogues_folder()?;
        let file = record_file(&folder, name);
        if !file.exists() {
            return Err(self.unknown(name));
        }
        let _lock = locked(&folder).map_err(|error| Error::Folder(folder.clone(), error))?;
        let removed = record(&folder, name).unwrap_or_else(|_| unrecorded(name));
        fs::remove_file(&file).map_err(|error| Error::Folder(file, error))?;
        Ok(removed)
    }

    /// The versions whose id, name, vendor or kinds have this text in them; of one
    /// catalogue or of all.
    pub async fn search_catalogues(
        &self,
        text: Option<&str>,
        catalogue: Option<&CatalogueName>,
    ) -> Result<CatalogueSearch, Error> {
        let wanted = text.unwrap_or_default().to_lowercase();
        let has = |it: &CatalogueEntry| {
            let kinds = it.kinds.iter().map(|kind| kind.as_str());
            [it.id.as_str(), &it.name, &it.vendor]
                .into_iter()
                .chain(kinds)
                .any(|it| it.to_lowercase().contains(&wanted))
        };
        let (read, unread) = self.read_catalogues(catalogue).await?;
        let matches = read.into_iter().flat_map(|(name, it)| {
            let found = it.connectors.into_iter().filter(has);
            found.map(move |entry| CatalogueMatch {
                catalogue: name.clone(),
                fits: entry.contract_version == CONTRACT_VERSION,
                entry,
            })
        });
        Ok(CatalogueSearch { matches: matches.collect(), unread })
    }

    /// What a reference means in a catalogue, or in the only one that has it. Where
    /// one of them cannot be read, nobody knows what it would have said.
    pub(super) async fn catalogued(&self, reference: &str, name: Option<&CatalogueName>) -> Result<Found, Error> {
        let CatalogueList { catalogues: added, unread } = self.chosen(name)?;
        if let Some(it) = unread.into_iter().next() {
            return Err(CatalogueError::Unavailable { from: it.name, reason: it.message }.into());
        }
        let (id, version) = reference.split_once('@').map_or((reference, None), |(id, version)| (id, Some(version)));
        let mut catalogues = Vec::new();
        for it in added {
            let catalogue = self.read_catalogue(&it).await?;
            catalogues.push((it, catalogue));
        }
        let having = |(_, it): &&(AddedCatalogue, Catalogue)| it.versions(id).next().is_some();
        let having: Vec<_> = catalogues.iter().filter(having).collect();
        let (added, catalogue) = match having.as_slice() {
            [one] => one,
            [] => {
                let ids = catalogues.iter().flat_map(|(_, it)| it.ids());
                return Err(CatalogueError::NoConnector(UnknownName::among(id, ids)).into());
            }
            several => {
                let catalogues = several.iter().map(|(it, _)| it.name.clone()).collect();
                return Err(CatalogueError::Ambiguous { id: id.to_owned(), catalogues }.into());
            }
        };
        let entry = chosen_version(catalogue, id, version).map_err(|error| error.of(&added.name))?;
        // Before anything of it is fetched.
        let exports = vec![Inspection::source_export(&entry.contract_version)];
        let announced = Inspection::announced(entry.sha256.clone(), entry.size_bytes, entry.imports.clone(), exports);
        announced.check().map_err(RuntimeError::from)?;
        let (origin, addresses) = place(&added.from, &entry.location).map_err(|error| error.of(&added.name))?;
        Ok(Found { catalogue: added.name.clone(), entry: entry.clone(), origin, addresses })
    }

    /// Reads one catalogue or all of them. One that cannot be read keeps nobody from
    /// the others.
    pub(super) async fn read_catalogues(&self, name: Option<&CatalogueName>) -> Result<Read, Error> {
        let CatalogueList { catalogues, mut unread } = self.chosen(name)?;
        let mut read = Vec::new();
        for added in catalogues {
            match self.read_catalogue(&added).await {
                Ok(catalogue) => read.push((added.name, catalogue)),
                Err(error) if name.is_some() => return Err(error),
                Err(error) => unread.push(UnreadCatalogue::new(added.name, &error)),
            }
        }
        Ok((read, unread))
    }

    /// The catalogue of a name, or all of them; there is at least one.
    fn chosen(&self, name: Option<&CatalogueName>) -> Result<CatalogueList, Error> {
        let all = match name {
            Some(name) => CatalogueList { catalogues: vec![self.added(name)?], unread: Vec::new() },
            None => self.catalogues()?,
        };
        let is_empty = all.catalogues.is_empty() && all.unread.is_empty();
        if is_empty { Err(CatalogueError::None.into()) } else { Ok(all) }
    }

    fn added(&self, name: &CatalogueName) -> Result<AddedCatalogue, Error> {
        let folder = self.catalogues_folder()?;
        if record_file(&folder, name).exists() {
            return record(&folder, name);
        }
        Err(self.unknown(name))
    }

    fn unknown(&self, name: &CatalogueName) -> Error {
        let among = |CatalogueList { catalogues, .. }| {
            let known = catalogues.iter().map(|it: &AddedCatalogue| &it.name);
            CatalogueError::Unknown(UnknownName::among(name.as_str(), known)).into()
        };
        self.catalogues().map_or_else(|error| error, among)
    }

    /// Reads a catalogue as it is now, and remembers which edition it was.
    async fn read_catalogue(&self, added: &AddedCatalogue) -> Result<Catalogue, Error> {
        let (catalogue, sha256) = self.fetch(added).await?;
        self.remember(added, &catalogue, sha256)?;
        Ok(catalogue)
    }

    /// Reads a catalogue that is signed with its key and not too old.
    async fn fetch(&self, added: &AddedCatalogue) -> Result<(Catalogue, String), Error> {
        let bytes = self.fetch_file(&added.from, "", CATALOGUE_BYTES).await.map_err(|error| error.of(&added.name))?;
        let signature = self.fetch_file(&added.from, SIGNATURE_SUFFIX, RECORD_BYTES).await;
        let read = signature.and_then(|signature| {
            let key = PublicKey::read(&added.public_key)?;
            Catalogue::signed(&bytes, &signature, &key, self.now())
        });
        let catalogue = read.map_err(|error| error.of(&added.name))?;
        Ok((catalogue, hash(&bytes)))
    }

    /// The file of a catalogue, or the one beside it with more behind its name.
    async fn fetch_file(&self, from: &str, suffix: &str, most: u64) -> Result<Vec<u8>, CatalogueError> {
        let named = |shown: String, reason: String| CatalogueError::Unavailable { from: shown, reason };
        if !from.contains("://") {
            let path = format!("{from}{suffix}");
            return read_bounded(path.as_ref(), most).map_err(|error| named(path, error.to_string()));
        }
        let shown = format!("{}{suffix}", ComponentOrigin::Url(from.to_owned()));
        let invalid = |error: url::ParseError| named(shown.clone(), format!("the address is invalid: {error}"));
        let mut url = Url::parse(from).map_err(invalid)?;
        if url.query().is_some() {
            return Err(named(shown, "the address of a catalogue has no query".to_owned()));
        }
        url.set_path(&format!("{}{suffix}", url.path()));
        // Old editions are signed, too: whoever is between could show them until they expire.
        if url.scheme() != "https" && !is_of_this_machine(&url) {
            return Err(CatalogueError::WithoutTls(shown));
        }
        let wanted = Wanted {
            url: url.as_str(),
            accept: "application/json, application/octet-stream, text/plain",
            most,
            what: "a catalogue",
            addresses: Addresses::Private,
        };
        download::content(&self.host, &wanted).await.map_err(|reason| named(shown, reason))
    }

    /// Remembers an edition, which must not be older than the one before: that of a
    /// catalogue that is new, or of one that still is the one that was read.
    fn remember(&self, added: &AddedCatalogue, catalogue: &Catalogue, sha256: String) -> Result<AddedCatalogue, Error> {
        let folder = self.catalogues_folder()?;
        let failed = |error| Error::Folder(folder.clone(), error);
        create_private_dir(&folder).map_err(failed)?;
        let _lock = locked(&folder).map_err(failed)?;
        let name: CatalogueName = added.name.parse().map_err(|_| CatalogueError::Invalid("its name".to_owned()))?;
        let file = record_file(&folder, &name);
        // Another process may have read a later one meanwhile, or taken its place.
        let is_new = added.sha256.is_empty();
        let known = match file.exists() {
            true if is_new => return Err(CatalogueError::Exists(added.name.clone()).into()),
            true => Some(record(&folder, &name)?),
            false => is_new.then(|| added.clone()),
        };
        let is_same = |it: &AddedCatalogue| (&it.from, &it.public_key) == (&added.from, &added.public_key);
        let Some(known) = known.filter(is_same) else {
            let reason = "it was removed or replaced meanwhile".to_owned();
            return Err(CatalogueError::Unavailable { from: added.name.clone(), reason }.into());
        };
        let number = catalogue.number;
        if number < known.number || (number == known.number && known.sha256 != sha256 && !known.sha256.is_empty()) {
            return Err(CatalogueError::RolledBack { known: known.number, found: number }.of(&known.name).into());
        }
        if known.sha256 == sha256 {
            return Ok(known);
        }
        let now = AddedCatalogue { number, sha256, expires_at: catalogue.expires_at, read_at: self.now(), ..known };
        let write = || {
            let mut part = Part::beside(&file, PART)?;
            part.inner.write_all(&serde_json::to_vec_pretty(&now)?)?;
            part.put(&file)
        };
        write().map_err(|error| Error::Folder(file.clone(), error))?;
        Ok(now)
    }

    fn catalogues_folder(&self) -> Result<PathBuf, Error> {
        let folder = self.data_dir().join(FOLDER);
        check_folder(&folder).map_err(Error::exposed(&folder))?;
        Ok(folder)
    }
}

/// The version that is wanted: the newest that this host runs, or the one named.
fn chosen_version<'a>(
    catalogue: &'a Catalogue,
    id: &'a str,
    version: Option<&str>,
) -> Result<&'a CatalogueEntry, CatalogueError> {
    let of = |wanted: String| {
        let versions = catalogue.versions(id).map(|it| match &it.yanked {
            Some(_) => format!("{} (yanked)", it.version),
            None => format!("{} (contract {})", it.version, it.contract_version),
        });
        CatalogueError::NoVersion { id: id.to_owned(), wanted, versions: versions.collect() }
    };
    let Some(version) = version else {
        let newest = catalogue.versions(id).find(|it| it.is_for_all(CONTRACT_VERSION));
        return newest.ok_or_else(|| of(format!("for contract {CONTRACT_VERSION} that is not yanked")));
    };
    let entry = catalogue.versions(id).find(|it| it.version == version).ok_or_else(|| of(format!("`{version}`")))?;
    match &entry.yanked {
        Some(why) => Err(CatalogueError::Yanked { id: id.to_owned(), version: version.to_owned(), why: why.clone() }),
        None => Ok(entry),
    }
}

/// Where a component is that a catalogue has at a location.
fn place(catalogue: &str, location: &str) -> Result<(ComponentOrigin, Addresses), CatalogueError> {
    let invalid = || CatalogueError::Invalid(format!("the location `{location}` leads elsewhere"));
    if location.contains("://") {
        let addresses = match (Url::parse(catalogue), Url::parse(location)) {
            (Ok(catalogue), Ok(location)) if catalogue.origin() == location.origin() => Addresses::Private,
            _ => Addresses::Public,
        };
        return Ok((ComponentOrigin::Url(location.to_owned()), addresses));
    }
    if !catalogue.contains("://") {
        let begins = Path::new(location).components().next();
        if matches!(begins, Some(Component::Prefix(_) | Component::RootDir)) {
            return Err(invalid());
        }
        let folder = Path::new(catalogue).parent().ok_or_else(invalid)?;
        return Ok((ComponentOrigin::File(folder.join(location)), Addresses::Public));
    }
    let url = Url::parse(catalogue).and_then(|it| it.join(location)).map_err(|_| invalid())?;
    // A location may begin with the name of another host.
    match Url::parse(catalogue).is_ok_and(|it| it.origin() == url.origin()) {
        true => Ok((ComponentOrigin::Url(url.into()), Addresses::Private)),
        false => Err(invalid()),
    }
}

/// Holds what is remembered as it is, until the file is closed.
fn locked(folder: &Path) -> io::Result<File> {
    let lock = open_private(&folder.join(LOCK))?;
    lock.lock()?;
    Ok(lock)
}

fn record_file(folder: &Path, name: &CatalogueName) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// What is remembered of a catalogue. Whoever may write it decides what is believed.
fn record(folder: &Path, name: &CatalogueName) -> Result<AddedCatalogue, Error> {
    let file = record_file(folder, name);
    let read = || -> io::Result<AddedCatalogue> {
        let bytes = read_open(open_trusted(&file)?, RECORD_BYTES)?;
        Ok(serde_json::from_slice(&bytes)?)
    };
    match read() {
        Ok(it) if it.name == name.as_str() => Ok(it),
        Ok(_) => Err(Error::Folder(file, io::Error::new(io::ErrorKind::InvalidData, "it is of another catalogue"))),
        Err(error) => Err(Error::Folder(file, error)),
    }
}

/// A catalogue of which nobody can read what is remembered.
fn unrecorded(name: &CatalogueName) -> AddedCatalogue {
    let (unknown, never) = ("unknown".to_owned(), Timestamp::from_micros(0));
    AddedCatalogue {
        name: name.to_string(),
        from: unknown.clone(),
        public_key: unknown,
        added_at: never,
        number: 0,
        sha256: String::new(),
        expires_at: never,
        read_at: never,
    }
}

#[cfg(test)]
mod tests;
