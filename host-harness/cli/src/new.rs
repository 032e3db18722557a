//! `harness new`: a connector to begin one's own with.

use std::{path::PathBuf, process::ExitCode};

use clap::builder::PossibleValuesParser;
use host_harness::{ConnectorId, Language};

use super::{Context, error::Failure, output::quoted};

#[derive(clap::Args)]
pub struct Args {
    /// Language to write it in
    #[arg(value_parser = PossibleValuesParser::new(Language::ALL.map(Language::as_str)))]
    language: String,
    /// Id of the connector, such as `acme`
    name: ConnectorId,
    /// Write to this new directory [default: named after the connector]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let language = Language::ALL.into_iter().find(|it| it.as_str() == args.language).unwrap_or(Language::Rust);
    let folder = args.folder.unwrap_or_else(|| PathBuf::from(args.name.as_str()));
    let made = language.scaffold(&args.name, &folder).map_err(|error| {
        let message = format!("cannot make {}: {error}", folder.display());
        Failure::new("file-unwritable", message, Some("name a directory that is not there yet with --folder"))
    })?;
    context.output.result(&made, |made| {
        let output = context.output;
        output.line(format!(
            "Made {} with {} files. Build it and look at it:",
            made.folder.display(),
            made.files.len()
        ));
        output.command(&format!("cd {}", quoted(&made.folder.display().to_string())));
        output.command(&made.build);
        output.command(&format!("harness conformance {}.wasm --strict --cassette cassette.jsonl", args.name.as_str()));
    })?;
    Ok(ExitCode::SUCCESS)
}
