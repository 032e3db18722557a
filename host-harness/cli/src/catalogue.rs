//! `harness catalogue`: who publishes which connectors, and in which versions.

use std::{path::PathBuf, process::ExitCode};

use host_harness::{
    AddedCatalogue, Catalogue, CatalogueBuild, CatalogueList, CatalogueSearch, OutdatedList, UnreadCatalogue,
    grant::{CatalogueName, Code, counted},
    store::Interval,
};

use super::{
    Context,
    error::Failure,
    output::{Output, bytes, moment},
    table::{Cell, cells},
};

/// Some catalogues could not be read.
const PARTIAL: u8 = 3;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Add a catalogue; it is believed as long as it is signed with this key
    Add {
        /// Name to give it, such as `acme`
        name: CatalogueName,
        /// Its file or https address; the signature is beside it, as FILE.minisig
        #[arg(value_name = "FILE|URL")]
        from: String,
        /// Require signatures of this public key of minisign: the key, or its file
        #[arg(long, value_name = "KEY|FILE")]
        key: String,
    },
    /// List the catalogues that were added
    List,
    /// Remove a catalogue; what was installed from it stays
    Remove {
        /// Its name
        name: CatalogueName,
    },
    /// List connectors of the catalogues
    Search {
        /// Text in their id, name, vendor or kinds [default: all of them]
        text: Option<String>,
        /// Read only this catalogue
        #[arg(long, value_name = "NAME")]
        catalogue: Option<CatalogueName>,
    },
    /// List installed connectors that are outdated, deprecated or yanked
    Outdated,
    /// Write the next edition of a catalogue that you publish; sign it afterwards
    Build(BuildArgs),
    /// Validate and sign a catalogue that you publish; the tool minisign does it too
    Sign {
        /// The catalogue; the signature is written beside it, as FILE.minisig
        #[arg(value_name = "CATALOGUE")]
        file: PathBuf,
        /// Use the secret key of minisign in this file, one without a password
        #[arg(long, value_name = "FILE")]
        secret_key_file: PathBuf,
    },
    /// Generate a pair of keys to sign catalogues with
    GenerateKey {
        /// New file for the secret key, which has no password; the public key goes to FILE.pub
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(clap::Args)]
pub struct BuildArgs {
    /// The catalogue; if it exists, it is extended
    #[arg(value_name = "CATALOGUE")]
    file: PathBuf,
    /// Components to add
    #[arg(value_name = "FILE.wasm")]
    components: Vec<PathBuf>,
    /// Add this in front of the names of their files, with its last `/` [default: they lie beside
    /// the catalogue]
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    /// Include what `harness conformance --json` printed of one of them (repeatable)
    #[arg(long = "conformance", value_name = "FILE")]
    reports: Vec<PathBuf>,
    /// Mark a version that must not be installed any more; an ID alone means all versions
    /// (repeatable)
    #[arg(long, value_name = "ID[@VERSION]=WHY", value_parser = reasoned)]
    yank: Vec<(String, String)>,
    /// Mark a version that should be replaced by another one; an ID alone means all versions
    /// (repeatable)
    #[arg(long, value_name = "ID[@VERSION]=WHY", value_parser = reasoned)]
    deprecate: Vec<(String, String)>,
    /// Choose how long this edition is valid, at most 366d
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = validity)]
    expires_in: Interval,
}

/// What is marked, and why.
fn reasoned(text: &str) -> Result<(String, String), String> {
    let (what, why) = text.split_once('=').ok_or("give a reason behind a `=`")?;
    match (what.trim(), why.trim()) {
        ("", _) | (_, "") => Err("give an id and a reason, with a `=` between them".to_owned()),
        (what, why) => Ok((what.to_owned(), why.to_owned())),
    }
}

fn validity(text: &str) -> Result<Interval, String> {
    let time: Interval = text.parse().map_err(|error: host_harness::store::ScheduleError| error.to_string())?;
    let days = time.duration().as_secs() / 86_400;
    if time.duration().is_zero() || days > 366 { Err("give a time of at most 366d".to_owned()) } else { Ok(time) }
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let (harness, output) = (&context.harness, context.output);
    match command {
        Command::Add { name, from, key } => {
            let added = harness.add_catalogue(&name, &from, &key).await?;
            output.result(&added, |it| {
                show(output, it);
                output.line("");
                output.line(format!("Next: harness catalogue search --catalogue {}", it.name));
            })?;
        }
        Command::List => {
            let list = harness.catalogues()?;
            output.result(&list, |it| show_list(output, it))?;
            return Ok(exit_code(&list.unread));
        }
        Command::Remove { name } => {
            let removed = harness.remove_catalogue(&name)?;
            output.result(&removed, |it| output.line(format!("Removed the catalogue {}", it.name)))?;
        }
        Command::Search { text, catalogue } => {
            let found = harness.search_catalogues(text.as_deref(), catalogue.as_ref()).await?;
            output.result(&found, |it| show_search(output, it))?;
            return Ok(exit_code(&found.unread));
        }
        Command::Outdated => {
            let list = harness.outdated_connectors().await?;
            output.result(&list, |it| show_outdated(output, it))?;
            return Ok(exit_code(&list.unread));
        }
        Command::Build(args) => {
            let BuildArgs { file, components, base, reports, yank, deprecate, expires_in } = args;
            let valid_for = expires_in.duration();
            let build = CatalogueBuild { file, components, base, reports, yank, deprecate, valid_for };
            let file = build.file.display().to_string();
            let built = harness.build_catalogue(build).await.map_err(|error| own(error.into()))?;
            output.result(&built, |it| show_built(output, it, &file))?;
        }
        Command::Sign { file, secret_key_file } => {
            let signed = harness.sign_catalogue(&file, &secret_key_file)?;
            output.result(&signed, |it| {
                output.line(format!("Signed edition {} as {}", it.number, it.signature_file.display()));
                output.line(format!("Expires {}; sign another edition before", moment(it.expires_at)));
                output.line(format!("Publish both files, and this key: {}", it.public_key));
            })?;
        }
        Command::GenerateKey { file } => {
            let made = harness.generate_catalogue_key(&file)?;
            output.result(&made, |it| {
                output.line(format!("Wrote the secret key to {}", it.secret_key_file.display()));
                output.line(format!("Wrote the public key to {}: {}", it.public_key_file.display(), it.public_key));
                output.line("Keep the secret key where only whoever publishes can read it");
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A fault of one's own catalogue: its publisher is who reads this.
fn own(failure: Failure) -> Failure {
    match failure.report.code == Code::CatalogueInvalid.as_str() {
        true => failure.with_hint("correct what it names, and build it again; nothing was written"),
        false => failure,
    }
}

fn exit_code(unread: &[UnreadCatalogue]) -> ExitCode {
    if unread.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(PARTIAL) }
}

fn show(output: Output, it: &AddedCatalogue) {
    let mut facts = output.facts("catalogue", &it.name);
    facts.add("from", &it.from);
    facts.add("key", &it.public_key);
    facts.add("edition", it.number.to_string());
    facts.add("expires", it.expires_at);
    facts.add("added", it.added_at);
    output.print(&facts);
}

fn show_list(output: Output, CatalogueList { catalogues, unread }: &CatalogueList) {
    show_unread(output, unread);
    if catalogues.is_empty() && !unread.is_empty() {
        return;
    }
    if catalogues.is_empty() {
        output.line("No catalogue has been added.");
        output.line("Add one with: harness catalogue add NAME FILE|URL --key KEY");
        return;
    }
    let mut table = output.table(&["CATALOGUE", "FROM", "EDITION", "EXPIRES", "KEY"]);
    for it in catalogues {
        table.add_row(cells![&it.name, &it.from, Cell::number(it.number), it.expires_at, &it.public_key]);
    }
    output.print(&table);
    output.line(counted(catalogues.len(), "catalogue"));
}

fn show_search(output: Output, found: &CatalogueSearch) {
    if found.matches.is_empty() && found.unread.is_empty() {
        output.line("No connector matches.");
    }
    if !found.matches.is_empty() {
        let head = ["CONNECTOR", "VERSION", "VENDOR", "KINDS", "ASKS FOR", "CONFORMANCE", "SIZE", "STATE", "CATALOGUE"];
        let mut table = output.table(&head);
        for it in &found.matches {
            let entry = &it.entry;
            let asked = entry.origins.iter().chain(&entry.secrets);
            let conformance = entry.conformance.as_ref();
            table.add_row(cells![
                &entry.id,
                &entry.version,
                &entry.vendor,
                Cell::list(entry.kinds.iter().map(ToString::to_string)),
                Cell::list(asked),
                conformance.map_or_else(
                    || "not stated".to_owned(),
                    |it| format!("{} ({} of {})", it.verdict, it.passed, it.of)
                ),
                Cell::from(bytes(entry.size_bytes as u64)),
                state(it.fits, entry.yanked.as_deref(), entry.deprecated.as_deref(), &entry.contract_version),
                &it.catalogue
            ]);
        }
        output.print(&table);
        output.line(counted(found.matches.len(), "version"));
        output.line("Install one with: harness connector install CONNECTOR, or CONNECTOR@VERSION");
    }
    show_unread(output, &found.unread);
}

/// Whether a version can be installed, and should be.
fn state(fits: bool, yanked: Option<&str>, deprecated: Option<&str>, contract_version: &str) -> String {
    match (yanked, fits, deprecated) {
        (Some(why), ..) => format!("yanked: {why}"),
        (None, false, _) => format!("for contract {contract_version}"),
        (None, true, Some(why)) => format!("deprecated: {why}"),
        (None, true, None) => "available".to_owned(),
    }
}

fn show_outdated(output: Output, list: &OutdatedList) {
    if list.connectors.is_empty() {
        output.line("No connectors are installed; the bundled one comes with this program.");
    } else {
        let mut table =
            output.table(&["CONNECTOR", "VERSION", "STATE", "NEWEST", "ASKS FOR MORE", "CATALOGUE", "INSTANCES"]);
        for it in &list.connectors {
            let more = it.origins_added.iter().chain(&it.secrets_added).chain(&it.imports_added);
            let more = more.cloned().chain(it.kinds_added.iter().map(ToString::to_string));
            let state = match &it.why {
                Some(why) => format!("{}: {why}", it.state.as_str()),
                None => it.state.as_str().to_owned(),
            };
            table.add_row(cells![
                &it.id,
                &it.version,
                state,
                it.newest.as_deref().unwrap_or_default(),
                Cell::list(more),
                it.catalogue.as_deref().unwrap_or_default(),
                it.used_by.join(", ")
            ]);
        }
        output.print(&table);
        let mut newer = list.connectors.iter().filter(|it| it.newest.is_some());
        if let Some((id, catalogue)) = newer.find_map(|it| Some((&it.id, it.catalogue.as_ref()?))) {
            output.line(format!("Next: harness connector install {id} --catalogue {catalogue}"));
            output.line("      harness connector update INSTANCE --dry-run");
        }
    }
    show_unread(output, &list.unread);
}

fn show_unread(output: Output, unread: &[UnreadCatalogue]) {
    for it in unread {
        output.line(format!("Not read ({}): {}", it.code, it.message));
        if let Some(hint) = crate::hint::hint(it.code) {
            output.line(format!("  {hint}"));
        }
    }
}

fn show_built(output: Output, built: &Catalogue, file: &str) {
    output.line(format!("Wrote edition {} of {file}: {}", built.number, counted(built.connectors.len(), "version")));
    let mut table = output.table(&["CONNECTOR", "VERSION", "SHA256", "LOCATION", "STATE"]);
    for it in &built.connectors {
        let state = state(true, it.yanked.as_deref(), it.deprecated.as_deref(), &it.contract_version);
        table.add_row(cells![&it.id, &it.version, it.sha256.get(..12).unwrap_or(&it.sha256), &it.location, state]);
    }
    output.print(&table);
    output.line(format!("Next: harness catalogue sign {file} --secret-key-file FILE"));
}
