//! Installed connectors: components kept under their SHA-256, so that what an
//! instance was given is what it runs, whatever becomes of the file that it came
//! from.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use appsec_model::{Kind, Timestamp};
use semver::Version;
use serde::{Deserialize, Serialize};

use super::{
    Harness,
    catalogues::Found,
    download::{self, Wanted},
    oci,
    origin::{ComponentOrigin, hash, is_encrypted, is_hash, looks_like_path},
};
use crate::{
    error::{ConnectorError, Error},
    host::Host,
};
use appsec_grant::{
    Addresses, CatalogueName, UnknownName,
    files::{Part, check_folder, create_private_dir, read_bounded},
};
use appsec_store::ConnectorSource;

/// Where installed connectors are, below the data folder.
const FOLDER: &str = "connectors";

/// How the names of files begin that are not whole yet.
const PART: &str = ".part-";

/// Bytes of the record beside a component: what it says of itself in a few words.
const RECORD_BYTES: u64 = 1 << 20;

/// What is shown where the record of a component is lost.
const UNKNOWN: &str = "unknown";

/// What a reference to a connector by its hash begins with.
const BY_HASH: &str = "sha256:";

/// A connector that is installed: the record beside its component, which is read
/// without loading it.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct InstalledConnector {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its vendor.
    pub vendor: String,
    /// Version of the contract that it speaks.
    pub contract_version: String,
    /// The kinds that it brings.
    pub kinds: Vec<Kind>,
    /// SHA-256 of the component, in hex.
    pub sha256: String,
    /// Size of the component.
    pub size_bytes: usize,
    /// The file or address that it was installed from, without credentials.
    pub installed_from: String,
    /// The catalogue that it was found in; none where it was named by its place.
    #[serde(default)]
    pub catalogue: Option<String>,
    /// Why the catalogue called it deprecated then; none where it did not.
    #[serde(default)]
    pub deprecated: Option<String>,
    /// When it was installed.
    pub installed_at: Timestamp,
    /// The instances that run it, and those that are being set up with it, as
    /// `tenant/instance`.
    pub used_by: Vec<String>,
    /// Why it does not run: its component or its record is damaged. Installing it
    /// again mends it.
    pub damage: Option<String>,
}

/// What `connector list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ConnectorList {
    /// The installed connectors, by id; of one id the newest version first.
    pub connectors: Vec<InstalledConnector>,
}

impl Harness {
    /// Installs a component, after it was found to be a connector for this host.
    /// With `sha256` it must be that very one. One that is installed already
    /// stays as it is.
    pub async fn install_connector(
        &self,
        from: &ComponentOrigin,
        sha256: Option<&str>,
    ) -> Result<InstalledConnector, Error> {
        self.install(from, Addresses::Private, sha256, None).await
    }

    /// Installs the connector that a catalogue names: by its id the newest version
    /// for this host's contract, or with `@` and a version that one.
    pub async fn install_catalogued(
        &self,
        reference: &str,
        catalogue: Option<&CatalogueName>,
        sha256: Option<&str>,
    ) -> Result<InstalledConnector, Error> {
        let found = self.catalogued(reference, catalogue).await?;
        let stated = &found.entry.sha256;
        if let Some(expected) = sha256.filter(|expected| expected != stated) {
            return Err(ConnectorError::OtherHash { expected: expected.to_owned(), found: stated.clone() }.into());
        }
        self.install(&found.origin, found.addresses, Some(stated), Some(&found)).await
    }

    async fn install(
        &self,
        from: &ComponentOrigin,
        addresses: Addresses,
        sha256: Option<&str>,
        catalogued: Option<&Found>,
    ) -> Result<InstalledConnector, Error> {
        if let Some(sha256) = sha256.filter(|it| !is_hash(it)) {
            return Err(ConnectorError::Hash(sha256.to_owned()).into());
        }
        let code = match from {
            ComponentOrigin::File(path) => self.runtime()?.read_file(path)?,
            // Its digest says which bytes the registry has to give.
            ComponentOrigin::Url(url) if url.starts_with(oci::SCHEME) => {
                let expected = sha256.map(str::to_owned);
                oci::component(&self.host, url, expected.as_deref(), addresses).await?
            }
            ComponentOrigin::Url(url) => {
                // Over a connection that anybody may have changed only one whose hash is known.
                if !is_encrypted(url) && sha256.is_none() {
                    return Err(ConnectorError::WithoutTls(from.to_string()).into());
                }
                let wanted = Wanted {
                    url,
                    accept: "application/wasm, application/octet-stream",
                    most: self.options().limits.component_bytes,
                    what: "a connector",
                    addresses,
                };
                let got = download::content(&self.host, &wanted).await;
                got.map_err(|reason| ConnectorError::Download { url: from.to_string(), reason })?
            }
        };
        let found = hash(&code);
        if let Some(expected) = sha256.filter(|&expected| expected != found) {
            return Err(ConnectorError::OtherHash { expected: expected.to_owned(), found }.into());
        }
        let connector = self.runtime()?.load(&code)?;
        let manifest = connector.describe(&from.to_string()).await?.value;
        if let Some(it) = catalogued {
            it.check(&manifest)?;
        }

        let folder = self.host.connectors_folder();
        let failed = |error| Error::Folder(folder.clone(), error);
        check_folder(&folder).map_err(Error::exposed(&folder))?;
        create_private_dir(&folder).map_err(failed)?;
        let is_intact = self.host.installed_component(&found).is_ok();
        let mut installed = match record(&folder, &found).ok().filter(|_| is_intact) {
            Some(installed) => installed,
            None => {
                let installed = InstalledConnector {
                    id: manifest.id,
                    name: manifest.name,
                    version: manifest.version,
                    vendor: manifest.vendor,
                    contract_version: manifest.contract_version,
                    kinds: manifest.kinds.into_iter().map(|it| it.kind).collect(),
                    sha256: found,
                    size_bytes: code.len(),
                    installed_from: from.to_string(),
                    catalogue: catalogued.map(|it| it.catalogue.clone()),
                    deprecated: catalogued.and_then(|it| it.entry.deprecated.clone()),
                    installed_at: self.now(),
                    used_by: Vec::new(),
                    damage: None,
                };
                keep(&folder, &installed, &code).map_err(failed)?;
                installed
            }
        };
        // What is told now, of one that is there already too.
        if let Some(it) = catalogued {
            installed.deprecated.clone_from(&it.entry.deprecated);
        }
        let mut installed = [installed];
        self.add_users(&mut installed).await?;
        let [installed] = installed;
        Ok(installed)
    }

    /// What the records of the installed connectors say, without a look at their
    /// components and at who runs them.
    pub fn installed_connectors(&self) -> Result<Vec<InstalledConnector>, Error> {
        self.host.all_installed()
    }

    /// The installed connectors.
    pub async fn connectors(&self) -> Result<ConnectorList, Error> {
        let mut connectors = self.host.all_installed()?;
        for it in &mut connectors {
            let component = self.host.installed_component(&it.sha256);
            it.damage = it.damage.take().or(component.err().map(|error| error.to_string()));
        }
        self.add_users(&mut connectors).await?;
        Ok(ConnectorList { connectors })
    }

    /// Removes an installed connector that no instance runs.
    pub async fn remove_connector(&self, reference: &str) -> Result<InstalledConnector, Error> {
        let known = self.connectors().await?.connectors;
        let found = named(&known, reference)?.clone();
        if !found.used_by.is_empty() {
            let connector = format!("{} {}", found.id, found.version);
            return Err(ConnectorError::InUse { connector, instances: found.used_by }.into());
        }
        let folder = self.host.connectors_folder();
        // The component first: without it nothing is installed.
        for file in [component_file(&folder, &found.sha256), record_file(&folder, &found.sha256)] {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::Folder(file, error)),
                _ => {}
            }
        }
        Ok(found)
    }

    /// What a person means by a connector: a path, `sha256:` with the beginning
    /// of a hash, or the id of an installed one, alone for its newest version or
    /// with `@` and a version.
    pub async fn connector_source(&self, reference: &Path) -> Result<ConnectorSource, Error> {
        let absolute = || std::path::absolute(reference).map_err(|error| Error::Folder(reference.to_owned(), error));
        let text = reference.to_str().filter(|text| !looks_like_path(text));
        match text {
            // A folder of that name is no component.
            Some(text) if !reference.is_file() => self.host.installed_connector(text),
            _ => Ok(ConnectorSource::File { path: absolute()? }),
        }
    }

    /// Adds who runs each of them, or is being set up to.
    async fn add_users(&self, installed: &mut [InstalledConnector]) -> Result<(), Error> {
        for id in self.tenants()? {
            let tenant = self.existing_tenant(&id)?;
            let (instances, drafts) = tenant.store.read(|store| Ok((store.instances()?, store.drafts()?))).await?;
            let instances = instances.iter().map(|it| (&it.made.connector_source, &it.made.name));
            let users: Vec<_> = instances.chain(drafts.iter().map(|it| (&it.draft.connector, &it.name))).collect();
            for it in installed.iter_mut() {
                let own = ConnectorSource::Installed { sha256: it.sha256.clone() };
                let of = users.iter().filter(|(source, _)| **source == own);
                let names: BTreeSet<String> = of.map(|(_, name)| format!("{id}/{name}")).collect();
                it.used_by.extend(names);
            }
        }
        Ok(())
    }
}

impl Host {
    /// The installed connector that a reference names.
    pub fn installed_connector(&self, reference: &str) -> Result<ConnectorSource, Error> {
        let sha256 = named(&self.all_installed()?, reference)?.sha256.clone();
        Ok(ConnectorSource::Installed { sha256 })
    }

    /// What the records say, by id; of one id the newest version first.
    fn all_installed(&self) -> Result<Vec<InstalledConnector>, Error> {
        let folder = self.connectors_folder();
        check_folder(&folder).map_err(Error::exposed(&folder))?;
        let hashes = hashes(&folder).map_err(|error| Error::Folder(folder.clone(), error))?;
        let of = |hash: String| record(&folder, &hash).unwrap_or_else(|error| unrecorded(hash, &error));
        let mut installed: Vec<InstalledConnector> = hashes.into_iter().map(of).collect();
        installed.sort_by_cached_key(|it| {
            let version = Version::parse(&it.version).ok();
            (it.id.clone(), std::cmp::Reverse((version, it.installed_at)), it.sha256.clone())
        });
        Ok(installed)
    }

    fn connectors_folder(&self) -> PathBuf {
        self.data_dir().join(FOLDER)
    }

    /// The bytes of an installed connector: those of this hash, or none.
    pub fn installed_component(&self, sha256: &str) -> Result<Vec<u8>, Error> {
        // It may be of a backup that somebody else wrote, and is a part of a path.
        let missing = || ConnectorError::NotInstalled(sha256.to_owned());
        if !is_hash(sha256) {
            return Err(missing().into());
        }
        let folder = self.connectors_folder();
        check_folder(&folder).map_err(Error::exposed(&folder))?;
        let file = component_file(&folder, sha256);
        if !file.exists() {
            return Err(missing().into());
        }
        let code = self.runtime()?.read_file(&file)?;
        if hash(&code) != sha256 {
            return Err(ConnectorError::Damaged(file).into());
        }
        Ok(code)
    }
}

/// The one that is meant; of an id alone the newest, as the list is sorted.
fn named<'a>(known: &'a [InstalledConnector], reference: &str) -> Result<&'a InstalledConnector, Error> {
    if let Some(beginning) = reference.strip_prefix(BY_HASH) {
        let mut found = known.iter().filter(|it| !beginning.is_empty() && it.sha256.starts_with(beginning));
        return match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(ConnectorError::Ambiguous(reference.to_owned()).into()),
            (None, _) => Err(ConnectorError::NotInstalled(beginning.to_owned()).into()),
        };
    }
    let (id, version) = match reference.split_once('@') {
        Some((id, version)) => (id, Some(version)),
        None => (reference, None),
    };
    let mut of_id = known.iter().filter(|it| it.id == id).peekable();
    if of_id.peek().is_none() {
        return Err(ConnectorError::Unknown(UnknownName::among(id, known.iter().map(|it| &it.id))).into());
    }
    let Some(version) = version else {
        return of_id.next().ok_or_else(|| ConnectorError::NotInstalled(id.to_owned()).into());
    };
    let mut found = of_id.clone().filter(|it| it.version == version);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(ConnectorError::Ambiguous(reference.to_owned()).into()),
        (None, _) => {
            let mut versions: Vec<String> = of_id.map(|it| it.version.clone()).collect();
            versions.dedup();
            Err(ConnectorError::NoVersion { id: id.to_owned(), version: version.to_owned(), versions }.into())
        }
    }
}

/// Writes a component under its hash: as a whole, or not at all.
fn keep(folder: &Path, installed: &InstalledConnector, code: &[u8]) -> io::Result<()> {
    let put = |file: PathBuf, bytes: &[u8]| {
        let mut part = Part::beside(&file, PART)?;
        part.inner.write_all(bytes)?;
        part.put(&file)
    };
    // The component last: with it the connector is installed.
    put(record_file(folder, &installed.sha256), &serde_json::to_vec(installed)?)?;
    put(component_file(folder, &installed.sha256), code)
}

/// What was recorded beside a component.
fn record(folder: &Path, sha256: &str) -> io::Result<InstalledConnector> {
    let bytes = read_bounded(&record_file(folder, sha256), RECORD_BYTES)?;
    let recorded: InstalledConnector = serde_json::from_slice(&bytes)?;
    match recorded.sha256 == sha256 {
        true => Ok(recorded),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "it is of another component")),
    }
}

/// A component whose record cannot be read: nothing but its hash is known.
fn unrecorded(sha256: String, error: &io::Error) -> InstalledConnector {
    let nothing = || UNKNOWN.to_owned();
    InstalledConnector {
        id: nothing(),
        name: nothing(),
        version: nothing(),
        vendor: nothing(),
        contract_version: nothing(),
        kinds: Vec::new(),
        sha256,
        size_bytes: 0,
        installed_from: nothing(),
        catalogue: None,
        deprecated: None,
        installed_at: Timestamp::from_micros(0),
        used_by: Vec::new(),
        damage: Some(format!("its record cannot be read: {error}")),
    }
}

/// The hashes of the components in the folder.
fn hashes(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut hashes = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        // What has another name is none of ours.
        let hash = name.to_str().and_then(|name| name.strip_suffix(".wasm")).filter(|hash| is_hash(hash));
        hashes.extend(hash.map(str::to_owned));
    }
    Ok(hashes)
}

fn component_file(folder: &Path, sha256: &str) -> PathBuf {
    folder.join(format!("{sha256}.wasm"))
}

fn record_file(folder: &Path, sha256: &str) -> PathBuf {
    folder.join(format!("{sha256}.json"))
}

#[cfg(test)]
mod tests;
