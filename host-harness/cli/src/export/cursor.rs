//! The file that says up to when a reader was handed findings.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use appsec_model::Timestamp;
use host_harness::{
    Error,
    grant::{Part, read_bounded},
};

use super::UNWRITABLE;
use crate::error::{Failure, USAGE};

/// What is stored while an export reads says an earlier time than it is seen: so
/// much of the time before is exported once more.
const OVERLAP: i64 = 5 * 60 * 1_000_000;

/// A timestamp is shorter.
const MOST_BYTES: u64 = 64;

/// The file, with since when changes are exported, and since when next time.
pub struct CursorFile {
    path: PathBuf,
    /// None the first time: everything is exported.
    pub since: Option<Timestamp>,
    next: Timestamp,
}

impl CursorFile {
    /// Reads it, if it is there.
    pub fn read(path: &Path, now: Timestamp) -> Result<Self, Failure> {
        let since = match read_bounded(path, MOST_BYTES) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).trim().to_owned();
                let since: Timestamp = text.parse().map_err(|_| {
                    let message = format!("{} is not a cursor file: it holds no timestamp alone", path.display());
                    Failure::new(USAGE, message, Some("remove it to export everything once more"))
                })?;
                if since > now {
                    let message = format!("{} says {since}, which is still to come", path.display());
                    let hint = "remove it to export everything once more, or set this machine's clock";
                    return Err(Failure::new(USAGE, message, Some(hint)));
                }
                Some(since)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::Folder(path.to_owned(), error).into()),
        };
        // Before the work, and not after it.
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        if let Some(missing) = folder.filter(|it| !it.is_dir()) {
            let message = format!("the folder {} of the cursor file is not there", missing.display());
            return Err(Failure::new(USAGE, message, Some("create it, or name another file")));
        }
        let next = Timestamp::from_micros(now.as_micros().saturating_sub(OVERLAP));
        Ok(Self { path: path.to_owned(), since, next: since.map_or(next, |since| next.max(since)) })
    }

    /// Notes that everything up to then was handed over, in one piece.
    pub fn write(self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::from(Error::Folder(self.path.clone(), error)).with_hint(UNWRITABLE);
        let mut part = Part::beside(&self.path, ".harness-cursor-").map_err(failed)?;
        writeln!(part.inner, "{}", self.next).and_then(|()| part.put(&self.path)).map_err(failed)
    }
}
