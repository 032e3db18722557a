//! Compiles guests of this workspace to WebAssembly components.
//!
//! Build scripts call [`build`], so that a component is as fresh as cargo says:
//! the binary that carries the connector and the tests that load hostile guests
//! use this one place. The guests have a target directory of their own, because
//! the outer cargo holds the lock of the usual one while build scripts run.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The target that guests are compiled for; rustc emits a component for it.
pub const TARGET: &str = "wasm32-wasip2";

/// The profile of the workspace's manifest that guests are compiled with.
pub const PROFILE: &str = "guest";

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
    for input in ["Cargo.toml", "Cargo.lock", "wit", "plugin", "tests/guests"] {
        let path = workspace.join(input);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    ensure_target()?;

    let target_dir = workspace.join("target/guests");
    let mut command = Command::new(tool("CARGO", "cargo"));
    command.current_dir(workspace).args(["build", "--locked", "--target", TARGET, "--profile", PROFILE]);
    command.arg("--target-dir").arg(&target_dir);
    for package in packages {
        command.args(["--package", package]);
    }
    for variable in NOT_FOR_GUESTS {
        command.env_remove(variable);
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
            let path = target_dir.join(TARGET).join(PROFILE).join(file);
            if path.is_file() { Ok(path) } else { Err(format!("cargo made no {}", path.display())) }
        })
        .collect()
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

fn tool(variable: &str, default: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| default.into())
}
