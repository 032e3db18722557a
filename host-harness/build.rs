//! Compiles the connectors that the binary carries inside.

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    let manifest_dir = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let workspace = Path::new(&manifest_dir).join("..");
    match guest_build::build(&workspace, &["semgrep-connector"]) {
        Ok(components) => {
            for component in components {
                println!("cargo::rustc-env=BUNDLED_SEMGREP={}", component.display());
            }
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("cargo::error={}", problem.replace('\n', "\ncargo::error="));
            ExitCode::FAILURE
        }
    }
}
