//! Compiles the components that the tests run.

use std::{env, path::Path, process::ExitCode};

/// Each package and the variable that names its component.
const GUESTS: [(&str, &str); 3] = [
    ("semgrep-connector", "SEMGREP_CONNECTOR"),
    ("hostile-guest", "HOSTILE_GUEST"),
    ("example-connector", "EXAMPLE_CONNECTOR"),
];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=PLATFORM={}", env::var("TARGET").unwrap_or_default());
    let manifest_dir = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let workspace = Path::new(&manifest_dir).join("..");
    match guest_build::build(&workspace, &GUESTS.map(|(package, _)| package)) {
        Ok(components) => {
            for ((_, variable), component) in GUESTS.iter().zip(components) {
                println!("cargo::rustc-env={variable}={}", component.display());
            }
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("cargo::error={}", problem.replace('\n', "\ncargo::error="));
            ExitCode::FAILURE
        }
    }
}
