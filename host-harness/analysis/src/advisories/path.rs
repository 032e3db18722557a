//! Advisories from files and folders: the one place here that reads files.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{Advisories, Problem, kev};

/// The longest JSON file that is read. Records of packages with many versions
/// have a few MiB, the KEV catalogue has less; more is something else.
pub const MAX_RECORD_BYTES: u64 = 16 * 1024 * 1024;

/// The largest table that is read: some fifty times all of the EPSS feed.
pub const MAX_TABLE_BYTES: u64 = 1 << 30;

/// What a file holds, by its name.
#[derive(Clone, Copy)]
enum Format {
    Csv,
    /// An OSV record, or the KEV catalogue.
    Json,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads a table (`.csv`), an OSV record or the KEV catalogue (`.json`), or all of them in a folder
/// and those below it, in the order of their paths; other files there are left
/// alone. Ratings name the file, in a folder by its path from there.
///
/// A file in a folder that cannot be read is a problem; the path itself that
/// cannot be read is the error.
pub fn read_path(path: &Path) -> io::Result<(Advisories, Vec<Problem>)> {
    let mut advisories = Advisories::default();
    let problems = advisories.read_path(path)?;
    Ok((advisories, problems))
}

impl Advisories {
    /// Takes in what [`read_path`] reads.
    pub fn read_path(&mut self, path: &Path) -> io::Result<Vec<Problem>> {
        let kind = fs::metadata(path)?.file_type();
        if !kind.is_dir() {
            // A pipe or device may have no end, or let its reader wait for ever.
            if !kind.is_file() {
                let what = "it is a pipe or a device, and no regular file";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
            let Some(format) = Format::of(path) else {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a .csv nor a .json file"));
            };
            let name = path.file_name().map_or_else(|| path.display().to_string(), |it| it.to_string_lossy().into());
            return self.read_file(path, &name, format);
        }
        let mut problems = Vec::new();
        for (file, format) in files(path)? {
            let name = name_within(path, &file);
            match self.read_file(&file, &name, format) {
                Ok(found) => problems.extend(found),
                Err(error) => problems.push(Problem { source: name, line: None, what: error.to_string() }),
            }
        }
        Ok(problems)
    }

    fn read_file(&mut self, path: &Path, name: &str, format: Format) -> io::Result<Vec<Problem>> {
        let file = File::open(path)?;
        match format {
            Format::Csv if file.metadata()?.len() > MAX_TABLE_BYTES => {
                let what = format!("it is larger than {MAX_TABLE_BYTES} bytes");
                Err(io::Error::new(io::ErrorKind::FileTooLarge, what))
            }
            Format::Csv => self.read_csv(BufReader::new(file.take(MAX_TABLE_BYTES)), name),
            Format::Json => {
                let mut bytes = Vec::new();
                file.take(MAX_RECORD_BYTES + 1).read_to_end(&mut bytes)?;
                if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_RECORD_BYTES) {
                    let is_catalogue = kev::is_catalogue(&bytes);
                    return Ok(if is_catalogue { self.read_kev(&bytes, name) } else { self.read_osv(&bytes, name) });
                }
                let what = format!("a JSON file of more than {MAX_RECORD_BYTES} bytes");
                Ok(vec![Problem { source: name.to_owned(), line: None, what }])
            }
        }
    }
}

/// The files in and below a folder that can be read, in the order of their
/// paths. Links to folders are not followed, so that there is an end.
fn files(root: &Path) -> io::Result<Vec<(PathBuf, Format)>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if let Some(format) = Format::of(&path).filter(|_| path.is_file()) {
                found.push((path, format));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// A path from a folder on, the same on every system.
fn name_within(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).iter();
    parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
