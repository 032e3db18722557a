//! What a publisher does: the next edition of a catalogue, its signature, and the
//! keys for it.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use appsec_model::Timestamp;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::Harness;
use crate::{
    catalogue::{
        CATALOGUE_BYTES, Catalogue, Component, Edition, NewKey, PublicKey, SIGNATURE_SUFFIX, SigningKey, report_of,
    },
    error::{CatalogueError, Error},
};
use appsec_grant::files::{Part, folder_of, private_file, read_bounded};
use appsec_store::ConnectorSource;

/// How the names of files begin that are not whole yet.
const PART: &str = ".harness-catalogue-";

/// Bytes of a report of the checks.
const REPORT_BYTES: u64 = 16 << 20;

/// What the next edition of a catalogue is made of.
#[derive(Clone, Debug)]
pub struct CatalogueBuild {
    /// Its file, and that of the edition before, if there was one.
    pub file: PathBuf,
    /// Components that are added, or described anew.
    pub components: Vec<PathBuf>,
    /// What comes before the names of their files in their locations; without it
    /// they lie beside the catalogue.
    pub base: Option<String>,
    /// Reports of the checks, as `conformance` prints them in JSON.
    pub reports: Vec<PathBuf>,
    /// Versions that are taken back, and why: an id alone means all of them.
    pub yank: Vec<(String, String)>,
    /// Versions in whose place others should be used, and why.
    pub deprecate: Vec<(String, String)>,
    /// How long the edition is to be believed.
    pub valid_for: Duration,
}

/// What `catalogue sign` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct SignedCatalogue {
    /// The catalogue.
    pub file: PathBuf,
    /// Its signature.
    pub signature_file: PathBuf,
    /// The key that others pin.
    pub public_key: String,
    /// Number of the edition.
    pub number: u64,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// What `catalogue generate-key` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct CatalogueKeyFiles {
    /// File with the key that signs.
    pub secret_key_file: PathBuf,
    /// File with the key that others pin.
    pub public_key_file: PathBuf,
    /// That key.
    pub public_key: String,
}

impl Harness {
    /// Writes the next edition of a catalogue. Its signature is another step.
    pub async fn build_catalogue(&self, build: CatalogueBuild) -> Result<Catalogue, Error> {
        let CatalogueBuild { file, components, base, reports, yank, deprecate, valid_for } = build;
        let before = match read_bounded(&file, CATALOGUE_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(Catalogue::read(&read.map_err(|error| Error::Folder(file.clone(), error))?)?),
        };
        let mut judged = Vec::new();
        for path in reports {
            let bytes = read_bounded(&path, REPORT_BYTES).map_err(|error| Error::Folder(path.clone(), error))?;
            let (of, conformance) = report_of(&bytes).map_err(|error| Error::Folder(path.clone(), error.into()))?;
            judged.push((path, of, conformance));
        }
        let mut edition = Edition::after(before, self.now(), valid_for);
        let mut described = Vec::new();
        for path in components {
            let loaded = self.connector(&ConnectorSource::File { path: path.clone() }).await?;
            let inspection = loaded.connector.inspection();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let location = format!("{}{name}", base.as_deref().unwrap_or_default());
            let conformance = judged.iter().find(|(_, of, _)| *of == inspection.sha256).map(|(.., it)| it.clone());
            edition.add(Component { inspection, manifest: &loaded.manifest, location }, conformance)?;
            described.push(inspection.sha256.clone());
        }
        if let Some((path, ..)) = judged.iter().find(|(_, of, _)| !described.contains(of)) {
            let what = format!("the report {} is about none of the components that are named", path.display());
            return Err(CatalogueError::Invalid(what).into());
        }
        for (reference, why) in &yank {
            edition.yank(reference, why)?;
        }
        for (reference, why) in &deprecate {
            edition.deprecate(reference, why)?;
        }
        let catalogue = edition.finished();
        let mut text =
            serde_json::to_string_pretty(&catalogue).map_err(|error| CatalogueError::Invalid(error.to_string()))?;
        text.push('\n');
        let write = || {
            let part = written(&file, text.as_bytes())?;
            // Of the edition before; a signature that does not match would only look like damage.
            match fs::remove_file(signature_of(&file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => part.put(&file),
            }
        };
        write().map_err(|error| Error::Folder(file.clone(), error))?;
        Ok(catalogue)
    }

    /// Signs a catalogue, beside it.
    pub fn sign_catalogue(&self, file: &Path, key: &Path) -> Result<SignedCatalogue, Error> {
        let bytes = read_bounded(file, CATALOGUE_BYTES).map_err(|error| Error::Folder(file.to_owned(), error))?;
        let Catalogue { number, expires_at, .. } = Catalogue::read(&bytes)?;
        if expires_at <= self.now() {
            return Err(CatalogueError::Expired { number, expired_at: expires_at }.into());
        }
        let key = SigningKey::of_file(key)?;
        let public_key = key.public()?;
        let signature = key.sign(&bytes, &format!("catalogue of connectors, edition {number}"));
        public_key.verify(&bytes, signature.as_bytes())?;
        let signature_file = signature_of(file);
        written(&signature_file, signature.as_bytes())
            .and_then(|part| part.put(&signature_file))
            .map_err(|error| Error::Folder(signature_file.clone(), error))?;
        Ok(SignedCatalogue {
            file: file.to_owned(),
            signature_file,
            public_key: public_key.to_string(),
            number,
            expires_at,
        })
    }

    /// Makes a pair of keys in two new files.
    pub fn generate_catalogue_key(&self, file: &Path) -> Result<CatalogueKeyFiles, Error> {
        let NewKey { secret, public } = NewKey::generate()?;
        let public_key_file = with_suffix(file, ".pub");
        // The secret one first: beside one that is there already stays its own public key.
        write_new(file, secret.as_bytes()).map_err(|error| Error::Folder(file.to_owned(), error))?;
        if let Err(error) = write_new(&public_key_file, public.as_bytes()) {
            let _ = fs::remove_file(file);
            return Err(Error::Folder(public_key_file, error));
        }
        let public_key = PublicKey::given(&public_key_file.to_string_lossy())?.to_string();
        Ok(CatalogueKeyFiles { secret_key_file: file.to_owned(), public_key_file, public_key })
    }
}

/// Where the signature of a catalogue is.
fn signature_of(file: &Path) -> PathBuf {
    with_suffix(file, SIGNATURE_SUFFIX)
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// What is to be at a path, beside it; others may read it as the system says of new
/// files, since it is made to be published.
fn written(path: &Path, content: &[u8]) -> io::Result<Part<NamedTempFile>> {
    let folder = folder_of(path);
    let mut part = Part::make(folder, PART, |builder| {
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        builder.tempfile_in(folder)
    })?;
    part.inner.write_all(content)?;
    Ok(part)
}

/// Writes a file that is not there yet, for its owner only.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private_file().write(true).create_new(true).open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}
