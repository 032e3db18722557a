//! Folders that only their owner may read.

use std::{fs, io, path::Path};

/// Makes a folder and those above it, readable by the owner alone.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
