//! Compiles guests of this workspace to WebAssembly components.
//!
//! Build scripts call [`build`], so that a component is as fresh as cargo says:
//! the binary that carries the connector and the tests that load hostile guests
//! use this one place. The guests have a target directory of their own, because
//! the outer cargo holds the lock of the usual one while build scripts run.

mod metadata;

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The target that guests are compiled for; rustc emits a component for it.
pub const TARGET: &str = "wasm32-wasip2";

/// The profile of the workspace's manifest that guests are compiled with.
pub const PROFILE: &str = "guest";

/// What guests are made of, from the folder of the workspace.
const INPUTS: [&str; 5] = ["Cargo.toml", "Cargo.lock", "wit", "plugin", "tests/guests"];

/// The number of a custom section.
const CUSTOM: u8 = 0;

/// What cargo itself sets for its children and a nested cargo must not inherit:
/// flags and wrappers meant for the host's code, such as those of clippy.
const NOT_FOR_GUESTS: &[&str] = &[
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
];

/// Compiles packages of the workspace and returns the component of each, in
/// the order asked for. Prints the `rerun-if-changed` lines of a build script.
///
/// # Errors
///
/// A text for people: what failed and the command that mends it.
pub fn build(workspace: &Path, packages: &[&str]) -> Result<Vec<PathBuf>, String> {
    for input in INPUTS {
        let path = workspace.join(input);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    ensure_target()?;

    let target_dir = workspace.join("target/guests");
    let mut command = cargo();
    command.current_dir(workspace).args(["build", "--locked", "--target", TARGET, "--profile", PROFILE]);
    command.arg("--target-dir").arg(&target_dir);
    for package in packages {
        command.args(["--package", package]);
    }
    // Cargo shows the standard error of a build script only when it fails, and
    // reads instructions from its standard output: keep the nested one apart.
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the guests {} do not compile:\n{}",
            packages.join(", "),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    packages
        .iter()
        .map(|package| {
            let file = format!("{}.wasm", package.replace('-', "_"));
            let made = target_dir.join(TARGET).join(PROFILE).join(&file);
            let component = fs::read(&made).map_err(|error| format!("cargo made no {}: {error}", made.display()))?;
            let mut small =
                without_custom_sections(&component).ok_or_else(|| format!("{} is not WebAssembly", made.display()))?;
            small.extend(metadata::sections(workspace, cargo(), package)?);
            let path = target_dir.join(&file);
            replace(&path, &small).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            Ok(path)
        })
        .collect()
}

/// A component without the names of its parts, which only a debugger reads: `strip`
/// leaves them where they are.
fn without_custom_sections(component: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = component.split_at_checked(8)?;
    let mut small = header.to_vec();
    while let Some((id, after)) = rest.split_first() {
        let (length, digits) = leb128(after)?;
        let section = rest.get(..1 + digits + length)?;
        rest = rest.get(section.len()..)?;
        if *id != CUSTOM {
            small.extend_from_slice(section);
        }
    }
    Some(small)
}

/// The number that bytes begin with, and how many of them it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, at + 1));
        }
    }
    None
}

/// Writes a file in one piece: several build scripts make the same guests.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&new, content)?;
    fs::rename(&new, path)
}

/// Makes sure that rustc has the standard library of the guests' target.
///
/// rustup fetches it by itself where `rust-toolchain.toml` is honoured and
/// automatic installs are on; elsewhere it is asked here.
fn ensure_target() -> Result<(), String> {
    if has_target()? {
        return Ok(());
    }
    let remedy = format!("rustup target add {TARGET}");
    let asked = Command::new("rustup").args(["target", "add", TARGET]).stdin(Stdio::null()).output();
    if has_target()? {
        return Ok(());
    }
    let why = match asked {
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => format!("rustup did not start: {error}"),
    };
    Err(format!(
        "rustc has no standard library for {TARGET}, which the connectors are compiled for.\n\
         Install it with\n\n    {remedy}\n\nor with the package of your system that brings it.\n({why})"
    ))
}

fn has_target() -> Result<bool, String> {
    let rustc = tool("RUSTC", "rustc");
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|error| format!("cannot start {}: {error}", rustc.display()))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success() && Path::new(&folder).is_dir())
}

/// A cargo of its own, for guests.
fn cargo() -> Command {
    let mut command = Command::new(tool("CARGO", "cargo"));
    for variable in NOT_FOR_GUESTS {
        command.env_remove(variable);
    }
    command
}

fn tool(variable: &str, default: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| default.into())
}

#[cfg(test)]
mod tests {
    use super::without_custom_sections;

    #[test]
    fn names_are_left_out_and_all_else_stays() {
        let header = b"\0asm\x0d\0\x01\0";
        let long = [&[1, 0x81, 0x01][..], &[7; 129]].concat();
        let with = [&header[..], &[0, 3, 1, b'n', 9], &long, &[0, 0], &[2, 1, 5]].concat();
        let without = [&header[..], &long, &[2, 1, 5]].concat();
        assert_eq!(without_custom_sections(&with), Some(without.clone()));
        assert_eq!(without_custom_sections(&without), Some(without.clone()));
        assert_eq!(without_custom_sections(&without[..without.len() - 1]), None);
        assert_eq!(without_custom_sections(b"\0asm"), None);
    }
}
