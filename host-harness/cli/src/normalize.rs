//! `harness normalize`: a file in, the normalized result out.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use appsec_model::{DiagnosticLevel, Document, DocumentHead, RawInput};
use host_harness::{grant::counted, ingest::read_file};

use super::{
    Context,
    error::Failure,
    output::{print_json, remark},
};

#[derive(clap::Args)]
pub struct Args {
    /// File to normalize, plain or compressed with gzip or zstd; `-` for standard input
    file: PathBuf,
    /// Set the format instead of detecting it; `harness inspect` lists the formats
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let limit = host_harness::sandbox::Limits::default().document_bytes;
    let content = read(&args.file, limit)?;
    let name = args.file.file_name().map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
    let document = Document { head: DocumentHead { format: args.format, name, ..DocumentHead::default() }, content };
    let called = context.harness.normalize(&context.connector, RawInput::Document(document)).await?;
    // The result is JSON with or without --json: there is no shorter form of it.
    print_json(&called.value)?;
    let unusable = called.value.diagnostics.iter().filter(|it| it.level == DiagnosticLevel::Error).count();
    let kept = &called.value;
    remark(format!(
        "{}, {}, {}, {}, {} not usable",
        counted(kept.findings.len(), "finding"),
        counted(kept.rules.len(), "rule"),
        counted(kept.packages.len(), "package"),
        counted(kept.diagnostics.len() - unusable, "note"),
        counted(unusable, "record"),
    ));
    Ok(if unusable > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// Reads a file up to the limit of what a sandbox takes whole.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let told = |error: io::Error| {
        Failure::new(
            "file-unreadable",
            format!("cannot read {}: {error}", path.display()),
            Some("check the path and its permissions"),
        )
    };
    match read_file(path, limit) {
        Ok(content) if content.len() as u64 <= limit => Ok(content),
        Err(error) if error.kind() != io::ErrorKind::FileTooLarge => Err(told(error)),
        Ok(_) | Err(_) => {
            let message = format!("{} is larger than {} MiB", path.display(), limit >> 20);
            Err(Failure::new("limit", message, Some("`harness import` reads files of any size")))
        }
    }
}
