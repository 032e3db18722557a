//! Where the compiled components and the files of the workspace are.

use std::path::{Path, PathBuf};

/// The connector's component.
pub const SEMGREP_CONNECTOR: &str = env!("SEMGREP_CONNECTOR");

/// The component that misbehaves as it is told.
pub const HOSTILE_GUEST: &str = env!("HOSTILE_GUEST");

/// The component to begin one's own with.
pub const EXAMPLE_CONNECTOR: &str = env!("EXAMPLE_CONNECTOR");

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Answers of the live vendor and files of its tools, for those who have them
/// beside the workspace; they may not be passed on with it. None where they are
/// not, which is said.
pub fn samples_folder() -> Option<PathBuf> {
    let folder = workspace().join("../shared/samples");
    if !folder.is_dir() {
        println!("no vendor samples beside the workspace: nothing to compare with them");
        return None;
    }
    Some(folder)
}

/// Reports of other scanners, each after a fault that one like it showed.
pub fn cases_folder() -> Option<PathBuf> {
    let folder = workspace().join("../shared/cases");
    if !folder.is_dir() {
        println!("no cases beside the workspace: nothing to review");
        return None;
    }
    Some(folder)
}

/// The answers of the API among them.
pub fn vendor_samples() -> Option<Vec<PathBuf>> {
    let entries = samples_folder()?.join("api").read_dir().unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    Some(files)
}
