//! Search of files for texts, such as secrets of what was deleted.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use appsec_grant::files::open_regular;
use appsec_store::{contains, is_database};

/// How much of a file is searched at one time.
const PIECE_BYTES: usize = 1 << 20;

/// What was searched.
#[derive(Default)]
pub(crate) struct Searched {
    pub files: u64,
    pub bytes: u64,
    /// Names of files in which something was found.
    pub found: Vec<String>,
}

/// Searches every file of a folder for any of these texts. What a database holds is the
/// store's to search; its files are counted.
pub(crate) fn search_folder(folder: &Path, texts: &[&[u8]]) -> io::Result<Searched> {
    let mut searched = Searched::default();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
                continue;
            }
            // A pipe or a device keeps nothing.
            if !entry.path().is_file() {
                continue;
            }
            searched.files += 1;
            searched.bytes += entry.metadata()?.len();
            if !is_database(&entry.path()) && holds(&entry.path(), texts)? {
                searched.found.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    Ok(searched)
}

/// Whether a file holds any of these texts, read piece by piece.
fn holds(path: &Path, texts: &[&[u8]]) -> io::Result<bool> {
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    if longest == 0 {
        return Ok(false);
    }
    let mut file = open_regular(path)?;
    let mut held = Vec::new();
    loop {
        let before = held.len();
        file.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut held)?;
        if texts.iter().any(|text| contains(&held, text)) {
            return Ok(true);
        }
        if held.len() == before {
            return Ok(false);
        }
        // A text may lie on the border of two pieces.
        held.drain(..held.len().saturating_sub(longest - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, holds};

    #[test]
    fn a_text_on_the_border_of_two_pieces_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut content = vec![b'x'; PIECE_BYTES - 3];
        content.extend(b"t0ken");
        content.extend(vec![b'x'; PIECE_BYTES]);
        std::fs::write(&path, content).unwrap();
        assert!(holds(&path, &[b"t0ken"]).unwrap());
        assert!(!holds(&path, &[b"t0kem"]).unwrap());
        assert!(!holds(&path, &[]).unwrap());
    }
}
