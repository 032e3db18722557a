//! `harness vault`: stored tokens, and the key that they are sealed with.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use host_harness::{
    GeneratedKey, Harness, Rekeyed, VaultKey, VaultReport,
    grant::{SecretSource, counted},
};

use super::{
    Context,
    error::Failure,
    output::{Output, print_json},
    table::{Cell, cells},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Generate a key, and print it or write it to a file
    GenerateKey {
        /// Write the key to this new file, readable only by its owner, and print only the key's id
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show the tenant's vault, and whether the given key opens it
    Show,
    /// Re-encrypt the tenant's vault with another key
    Rekey(RekeyArgs),
}

#[derive(clap::Args)]
#[group(id = "new-key", required = true, multiple = false)]
pub struct RekeyArgs {
    /// Read the new key from this file
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    /// Read the new key from this environment variable
    #[arg(long, value_name = "VARIABLE")]
    new_key_env: Option<String>,
}

pub fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let output = context.output;
    match command {
        Command::GenerateKey { output: to } => generate_key(output, to, context.harness.data_dir())?,
        Command::Show => {
            let tenant = context.tenant()?;
            let report = tenant.vault_report().map_err(|error| Failure::from(error).of(tenant.id(), None))?;
            output.result(&report, |report| show(output, report))?;
        }
        Command::Rekey(args) => {
            let source = match (args.new_key_file, args.new_key_env) {
                (Some(path), _) => SecretSource::File { path: std::path::absolute(path)? },
                (None, name) => SecretSource::Variable { name: name.unwrap_or_default() },
            };
            let tenant = context.tenant()?;
            let told = |error: host_harness::Error| Failure::from(error).of(tenant.id(), None);
            let key = VaultKey::read(&source).map_err(|error| {
                told(error.into()).with_hint(
                    "give the new key with --new-key-file FILE or --new-key-env VARIABLE; \
                     `harness vault generate-key --output FILE` creates one",
                )
            })?;
            let (entries, previous_key) = tenant.rekey_vault(&key).map_err(told)?;
            let rekeyed = Rekeyed { entries, key: key.id(), previous_key };
            output.result(&rekeyed, |it| {
                let before = it.previous_key.iter().map(|id| format!(", before with {id}")).collect::<String>();
                output.line(format!("Sealed with the key {}{before}: {}", it.key, counted(it.entries, "secret")));
                output.line(
                    "From now on give the new key, in HARNESS_VAULT_KEY or with --vault-key-file FILE; other tenants keep \
                     their keys: repeat the option for each",
                );
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a file of this path lies in a folder, by whatever links.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    matches!((real(parent), real(folder)), (Ok(parent), Ok(folder)) if parent.starts_with(&folder))
}

/// Where a key is kept where nobody says another place: apart from the usual data
/// folder.
pub fn usual_key_file() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "appsec-harness")?;
    Some(folders.config_dir().join("vault.key"))
}

/// With the key of the usual place where no other one is given: `serve` and the guide
/// write it there, and what they have sealed is for all commands.
pub fn with_usual_key(harness: Harness) -> Harness {
    match usual_key_file().filter(|path| !harness.has_vault_keys() && path.is_file()) {
        Some(path) => harness.with_vault_key(SecretSource::File { path }),
        None => harness,
    }
}

/// Makes a key and writes it to a file that is not there yet, in a folder that is
/// made if need be.
pub fn write_key(path: &Path, data_dir: &Path) -> Result<VaultKey, Failure> {
    if is_inside(path, data_dir) {
        return Err(Failure::new(
            "io",
            format!("{} is inside the data directory: whoever gets the vault would get its key too", path.display()),
            Some("write the key to a place that is not backed up together with the data directory"),
        ));
    }
    let key = VaultKey::generate().map_err(host_harness::Error::from)?;
    let mut folder = DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folder.create(parent)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(key.text().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    written.map_err(|error| {
        Failure::new(
            "io",
            format!("cannot write the key to {}: {error}", path.display()),
            Some("give a file that does not exist yet, in a directory that does"),
        )
    })?;
    Ok(key)
}

fn generate_key(output: Output, to: Option<PathBuf>, data_dir: &Path) -> Result<(), Failure> {
    let Some(path) = to else {
        let key = VaultKey::generate().map_err(host_harness::Error::from)?;
        return match output.is_json() {
            true => print_json(&GeneratedKey { key: Some(key.text().to_string()), id: key.id(), file: None }),
            false => {
                output.line(key.text().as_str());
                Ok(())
            }
        };
    };
    let key = write_key(&path, data_dir)?;
    let made = GeneratedKey { key: None, id: key.id(), file: Some(path.display().to_string()) };
    output.result(&made, |made| {
        output.line(format!("Wrote the key {} to {}", made.id, path.display()));
        output.line("Keep a copy of it apart from the data directory: without it, no stored token can be read");
    })
}

fn show(output: Output, report: &VaultReport) {
    let Some(file) = &report.file else {
        output.line("No vault yet. Tokens go into it with: harness instance add NAME --store-token");
        return;
    };
    output.line(format!("Vault {file}"));
    output.line(format!("Sealed with the key {}", report.wanted_key.as_deref().unwrap_or_default()));
    output.line(match report.given_keys.as_slice() {
        [] => "No key is given: HARNESS_VAULT_KEY or --vault-key-file FILE".to_owned(),
        [id] => format!("Given is the key {id}"),
        ids => format!("Given are the keys {}", ids.join(", ")),
    });
    let mut table = output.table(&["INSTANCE", "VARIABLE", "STATE"]);
    for entry in &report.entries {
        table.add_row(cells![&entry.instance, &entry.variable, Cell::state(entry.state.as_str())]);
    }
    output.print(&table);
}
