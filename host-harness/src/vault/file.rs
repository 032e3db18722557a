//! The file of a vault: one line of JSON, and one with its hash.
//!
//! A new content replaces the old one in one step, so that whoever reads sees
//! one of the two, whole, whenever the writer was stopped.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    path::Path,
};

use appsec_grant::files::{open_trusted, sync_folder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{VaultError, key::NONCE_BYTES, key::Sealed};

/// Version of the form.
const VERSION: u32 = 1;
/// Far more than the secrets of any tenant take.
const MAX_BYTES: u64 = 16 << 20;
/// The file that is written before it takes the vault's name.
const PART: (&str, &str) = ("vault-", ".part");

/// Whose secret an entry is, and where it may go: instance, variable and
/// audience. While the audience changes, one secret has two entries.
pub(super) type EntryName = (String, String, String);

/// What a vault's file says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Content {
    /// Whose vault it is.
    pub tenant: String,
    /// Which key its entries are sealed with.
    pub key_id: String,
    /// The entries.
    pub entries: BTreeMap<EntryName, Sealed>,
}

/// The part of the form that is the same in all versions.
#[derive(Deserialize)]
struct Version {
    vault: u32,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    vault: u32,
    tenant: String,
    key: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    instance: String,
    variable: String,
    audience: String,
    nonce: String,
    sealed: String,
}

/// Reads a vault; none where there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Content>, VaultError> {
    let failed = |error| VaultError::Read(path.to_owned(), error);
    let file = match open_trusted(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    parse(&bytes, path).map(Some)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Content, VaultError> {
    let damaged = || VaultError::Damaged(path.to_owned());
    let lines = bytes.strip_suffix(b"\n").ok_or_else(damaged)?;
    let end = lines.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let (line, hash) = (lines.get(..end).ok_or_else(damaged)?, lines.get(end + 1..).ok_or_else(damaged)?);
    if hash != data_encoding::HEXLOWER.encode(&Sha256::digest(line)).as_bytes() {
        return Err(damaged());
    }
    let version: Version = serde_json::from_slice(line).map_err(|_| damaged())?;
    if version.vault != VERSION {
        return Err(VaultError::Version { found: version.vault, known: VERSION });
    }
    let document: Document = serde_json::from_slice(line).map_err(|_| damaged())?;
    let mut entries = BTreeMap::new();
    for entry in document.entries {
        let nonce: [u8; NONCE_BYTES] = data_encoding::HEXLOWER
            .decode(entry.nonce.as_bytes())
            .ok()
            .and_then(|nonce| nonce.try_into().ok())
            .ok_or_else(damaged)?;
        let sealed = data_encoding::HEXLOWER.decode(entry.sealed.as_bytes()).ok().ok_or_else(damaged)?;
        if entries.insert((entry.instance, entry.variable, entry.audience), (nonce, sealed)).is_some() {
            return Err(damaged());
        }
    }
    Ok(Content { tenant: document.tenant, key_id: document.key, entries })
}

fn render(content: &Content) -> Result<Vec<u8>, serde_json::Error> {
    let entries = content.entries.iter().map(|((instance, variable, audience), (nonce, sealed))| Entry {
        instance: instance.clone(),
        variable: variable.clone(),
        audience: audience.clone(),
        nonce: data_encoding::HEXLOWER.encode(nonce),
        sealed: data_encoding::HEXLOWER.encode(sealed),
    });
    let (tenant, key) = (content.tenant.clone(), content.key_id.clone());
    let document = Document { vault: VERSION, tenant, key, entries: entries.collect() };
    let mut bytes = serde_json::to_vec(&document)?;
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
    bytes.push(b'\n');
    bytes.extend_from_slice(hash.as_bytes());
    bytes.push(b'\n');
    Ok(bytes)
}

/// Puts a content in the place of the one before. When it returns, the new one
/// is on the disk; if it fails or is stopped, the old one is there untouched.
/// One writer at a time.
pub(super) fn replace(path: &Path, content: &Content) -> Result<(), VaultError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        remove_parts(folder)?;
        // Readable by its owner alone from the beginning.
        let mut part = tempfile::Builder::new().prefix(PART.0).suffix(PART.1).tempfile_in(folder)?;
        part.write_all(&render(content)?)?;
        part.as_file().sync_all()?;
        part.persist(path).map_err(|error| error.error)?;
        sync_folder(folder)
    };
    write().map_err(|error| VaultError::Write(path.to_owned(), error))
}

/// Removes what a writer that was stopped left behind.
fn remove_parts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(PART.0) && name.ends_with(PART.1)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) fn reseal(path: &Path, change: impl FnOnce(&mut Content)) {
    let mut content = read(path).unwrap().unwrap();
    change(&mut content);
    replace(path, &content).unwrap();
}
