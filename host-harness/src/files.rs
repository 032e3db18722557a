//! Files and folders: read within bounds, and made so that only their owner may
//! read them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::Path,
};

/// Opens a file to read it. What is no regular file is refused: a pipe or a
/// device may have no end, or let its reader wait for ever.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // A pipe that nobody writes to is opened at once, and then refused.
    #[cfg(unix)]
    flags(&mut options, rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY);
    regular(options.open(path)?)
}

/// All of a regular file, which may hold so many bytes.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_open(open_regular(path)?, limit)
}

/// All of a file or stream that is open, which may hold so many bytes.
pub fn read_open(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}

fn regular(file: File) -> io::Result<File> {
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let (error, what) = match kind.is_dir() {
        true => (io::ErrorKind::IsADirectory, "it is a folder"),
        false => (io::ErrorKind::InvalidInput, "it is a pipe or a device, and no regular file"),
    };
    Err(io::Error::new(error, what))
}

#[cfg(unix)]
fn flags(options: &mut OpenOptions, flags: rustix::fs::OFlags) {
    // The bits of a few flags fit any integer.
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, i32::try_from(flags.bits()).unwrap_or_default());
}

/// How files are opened that only their owner may read from when they are made.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Moves a file or folder to a place where nothing is, whoever may want to put
/// something there at the same time.
pub(crate) fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::{fs, io::Errno};
        match fs::renameat_with(fs::CWD, from, fs::CWD, to, fs::RenameFlags::NOREPLACE) {
            // An old kernel, or a file system that cannot.
            Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => {}
            moved => return Ok(moved?),
        }
    }
    match to.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
        Err(error) => Err(error),
    }
}

/// Makes a folder that is not there yet, readable by the owner alone.
pub(crate) fn create_new_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a folder and those above it, readable by the owner alone.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::{move_new, open_regular, read_bounded};

    #[test]
    fn a_file_is_read_whole_or_refused_as_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_bounded(&path, 4).unwrap(), b"four");
        assert_eq!(read_bounded(&path, 3).unwrap_err().to_string(), "it is larger than 3 bytes");
        assert_eq!(open_regular(folder.path()).unwrap_err().to_string(), "it is a folder");
    }

    #[test]
    fn nothing_is_moved_over_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["from", "empty"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::fs::write(path("from/file"), "kept").unwrap();
        // An empty folder is what a plain rename replaces.
        assert_eq!(move_new(&path("from"), &path("empty")).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        move_new(&path("from"), &path("to")).unwrap();
        assert_eq!(std::fs::read(path("to/file")).unwrap(), b"kept");
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [&pipe, &link] {
            let error = read_bounded(path, 4).unwrap_err().to_string();
            assert_eq!(error, "it is a pipe or a device, and no regular file");
        }
    }
}
