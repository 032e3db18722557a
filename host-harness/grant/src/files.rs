//! Files and folders: read within bounds, trusted only where nobody else may
//! write them, and made so that only their owner may read them.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// What others than its owner may do with a file or folder, the worst first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum Exposure {
    /// It is neither this user's nor root's, by the number of its owner.
    #[error("it belongs to another user (uid {0})")]
    Foreign(u32),
    /// They may write it; its mode.
    #[error("other users may write it (mode {0:04o})")]
    Writable(u32),
    /// They may read it; its mode.
    #[error("other users may read it (mode {0:04o})")]
    Readable(u32),
}

impl Exposure {
    /// What others may do; nothing where the system has no owners and modes.
    pub fn of(metadata: &Metadata) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
            // Root may write everything anyhow. For root itself nobody else's file is good.
            if owner != 0 && owner != rustix::process::geteuid().as_raw() {
                return Some(Self::Foreign(owner));
            }
            match mode {
                _ if mode & 0o022 != 0 => Some(Self::Writable(mode)),
                _ if mode & 0o055 != 0 => Some(Self::Readable(mode)),
                _ => None,
            }
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            None
        }
    }

    /// Whether somebody else decides what is in it.
    pub fn is_writable(self) -> bool {
        matches!(self, Self::Foreign(_) | Self::Writable(_))
    }

    /// The exposure for which something was refused.
    pub fn behind(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// Refuses what somebody else may write.
fn own(metadata: &Metadata) -> io::Result<()> {
    match Exposure::of(metadata).filter(|exposure| exposure.is_writable()) {
        Some(exposure) => Err(io::Error::new(io::ErrorKind::PermissionDenied, exposure)),
        None => Ok(()),
    }
}

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

/// Holds a file to look at it, and not at its content. A process that opens and closes
/// a file lets go of all locks that it holds on it, those of SQLite among them; on Linux
/// this one does not.
pub fn hold(path: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        let mut options = OpenOptions::new();
        options.read(true);
        flags(&mut options, rustix::fs::OFlags::PATH | rustix::fs::OFlags::NOFOLLOW);
        regular(options.open(path)?)
    }
    #[cfg(not(target_os = "linux"))]
    open_regular(path)
}

/// [`open_regular`] of a file whose content is believed: one that somebody else
/// may write is refused. The look is at the open file, so that no other one can
/// take its place afterwards.
pub fn open_trusted(path: &Path) -> io::Result<File> {
    let file = open_regular(path)?;
    own(&file.metadata()?)?;
    Ok(file)
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
        return Err(too_large(limit));
    }
    Ok(bytes)
}

/// The error for more bytes than there may be.
pub fn too_large(limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes"))
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

/// A folder that nobody else may write, held open.
pub struct OwnFolder {
    #[cfg(unix)]
    handle: File,
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

impl OwnFolder {
    /// Opens a folder; where a link leads to it, the folder is what counts.
    pub fn open(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let mut options = OpenOptions::new();
            flags(options.read(true), rustix::fs::OFlags::DIRECTORY);
            let handle = options.open(path)?;
            own(&handle.metadata()?)?;
            Ok(Self { handle })
        }
        #[cfg(not(unix))]
        {
            own(&fs::metadata(path)?)?;
            Ok(Self { path: path.to_owned() })
        }
    }

    /// Opens a file of it that nobody else may write. Links are not followed.
    pub fn file(&self, name: &str) -> io::Result<File> {
        #[cfg(unix)]
        let file = {
            use rustix::fs::{Mode, OFlags};
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            regular(File::from(rustix::fs::openat(&self.handle, name, flags, Mode::empty())?))?
        };
        #[cfg(not(unix))]
        let file = open_regular(&self.path.join(name))?;
        own(&file.metadata()?)?;
        Ok(file)
    }
}

/// Refuses a folder that somebody else may write. One that is not there yet is
/// made by whoever needs it.
pub fn check_folder(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) => own(&metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// How files are opened that only their owner may read from when they are made.
pub fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Moves a file or folder to a place where nothing is, whoever may want to put
/// something there at the same time.
pub fn move_new(from: &Path, to: &Path) -> io::Result<()> {
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
pub fn create_new_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a folder and those above it, readable by the owner alone.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a file of this program's to write it; one that it makes is readable by
/// the owner alone from its first byte. Links are not followed.
pub fn open_private(path: &Path) -> io::Result<File> {
    let mut options = private_file();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    flags(&mut options, rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK);
    regular(options.open(path)?)
}

/// Writes a file of [`open_private`], in the place of what it held.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = open_private(path)?;
    file.set_len(0)?;
    file.write_all(content)
}

/// Brings the names in a folder to the disk: a file that was made or moved there is
/// kept only when its folder is.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// The folder that a path is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file or folder that is written beside its place until it is whole.
#[derive(Debug)]
pub struct Part<T> {
    /// What is written.
    pub inner: T,
    /// Keeps others from taking it for abandoned. Not every system locks folders.
    _held: Option<File>,
}

impl<T: AsRef<Path>> Part<T> {
    /// Makes one in a folder, with a name that begins so. What processes that were
    /// killed left under such names is removed first.
    pub fn make(
        folder: &Path,
        prefix: &str,
        make: impl Fn(&mut tempfile::Builder<'_, '_>) -> io::Result<T>,
    ) -> io::Result<Self> {
        remove_abandoned(folder, prefix);
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        loop {
            let inner = make(&mut builder)?;
            let held = File::open(&inner).ok().inspect(|held| _ = held.lock());
            // Else another process found it before it was held.
            if inner.as_ref().symlink_metadata().is_ok() {
                return Ok(Self { inner, _held: held });
            }
        }
    }
}

impl Part<NamedTempFile> {
    /// Makes a file that is to be at a path, beside it.
    pub fn beside(path: &Path, prefix: &str) -> io::Result<Self> {
        let folder = folder_of(path);
        Self::make(folder, prefix, |builder| builder.tempfile_in(folder))
    }

    /// Puts the file in its place: as a whole, and on the disk with its name.
    pub fn put(self, path: &Path) -> io::Result<()> {
        self.inner.as_file().sync_all()?;
        self.inner.persist(path).map_err(|error| error.error)?;
        sync_folder(folder_of(path))
    }
}

/// Removes the files and folders with names of this beginning that no process
/// holds. What cannot be removed stays.
fn remove_abandoned(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_part = entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix));
        let Some(kind) = entry.file_type().ok().filter(|kind| is_part && (kind.is_file() || kind.is_dir())) else {
            continue;
        };
        let held = File::open(entry.path());
        if held.as_ref().is_ok_and(|held| held.try_lock().is_ok()) {
            _ = if kind.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, move_new, open_regular, read_bounded};

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
    fn what_a_killed_process_left_is_removed_and_what_is_held_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let file = |prefix: &str| Part::make(folder.path(), prefix, |it| it.tempfile_in(folder.path())).unwrap();
        std::fs::write(path(".part-file"), "half").unwrap();
        std::fs::create_dir(path(".part-folder")).unwrap();
        std::fs::write(path(".part-folder/file"), "half").unwrap();
        std::fs::write(path("kept"), "").unwrap();
        std::os::unix::fs::symlink(path("kept"), path(".part-link")).unwrap();
        let held = file(".part-");
        let inside = Part::make(folder.path(), ".part-", |it| it.tempdir_in(folder.path())).unwrap();
        file(".part-");
        assert!(held.inner.path().exists() && inside.inner.path().exists());
        drop((held, inside));
        Part::beside(&path("put"), ".part-").unwrap().put(&path("put")).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".part-link", "kept", "put"]);
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

    #[cfg(unix)]
    #[test]
    fn what_others_may_write_is_not_trusted() {
        use super::{Exposure, OwnFolder, check_folder, open_private, open_trusted, write_private};
        use std::{fs, os::unix::fs::PermissionsExt};

        let folder = tempfile::tempdir().unwrap();
        let set = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let path = folder.path().join("file");
        write_private(&path, b"longer than what follows").unwrap();
        write_private(&path, b"content").unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().permissions().mode() & 0o777),
            (b"content".to_vec(), 0o600)
        );
        let opened = |mode| {
            set(&path, mode);
            let own = OwnFolder::open(folder.path()).unwrap().file("file");
            let (own, trusted) = (own.map(|_| ()), open_trusted(&path).map(|_| ()));
            let exposure = |result: &std::io::Result<()>| result.as_ref().err().and_then(Exposure::behind);
            assert_eq!(exposure(&own), exposure(&trusted));
            exposure(&own)
        };
        assert_eq!(opened(0o600), None);
        assert_eq!(opened(0o644), None, "to read it is another matter");
        assert_eq!(opened(0o620), Some(Exposure::Writable(0o620)));
        assert_eq!(opened(0o602), Some(Exposure::Writable(0o602)));

        // A link is not followed where this program makes the files.
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        set(&path, 0o600);
        OwnFolder::open(folder.path()).unwrap().file("link").unwrap_err();
        open_private(&folder.path().join("link")).unwrap_err();

        // That nobody else may remove what is there makes a folder no own one.
        for mode in [0o770, 0o707, 0o1777] {
            set(folder.path(), mode);
            let refused = check_folder(folder.path()).unwrap_err();
            assert_eq!(Exposure::behind(&refused), Some(Exposure::Writable(mode)));
            assert!(OwnFolder::open(folder.path()).is_err());
        }
        check_folder(&folder.path().join("nothing")).unwrap();
    }
}
