//! Compiles the connectors that the binary carries inside.

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    let manifest_dir = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let workspace = Path::new(&manifest_dir).join("..");
    match guest_build::build(&workspace, &["semgrep-connector"]) {
        Ok(components) => match components.iter().try_for_each(|component| carry(component)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => failed(&problem),
        },
        Err(problem) => failed(&problem),
    }
}

fn failed(problem: &str) -> ExitCode {
    println!("cargo::error={}", problem.replace('\n', "\ncargo::error="));
    ExitCode::FAILURE
}

fn carry(component: &Path) -> Result<(), String> {
    println!("cargo::rustc-env=BUNDLED_SEMGREP={}", component.display());
    #[cfg(feature = "precompiled")]
    {
        let variable = |name| env::var(name).map_err(|_| format!("cargo sets no {name}"));
        let code = std::fs::read(component).map_err(|error| format!("{}: {error}", component.display()))?;
        let compiled = appsec_sandbox::precompile(&code, &variable("TARGET")?).map_err(|error| error.to_string())?;
        let path = Path::new(&variable("OUT_DIR")?).join("semgrep.cwasm");
        std::fs::write(&path, compiled).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("cargo::rustc-env=BUNDLED_SEMGREP_COMPILED={}", path.display());
    }
    Ok(())
}
