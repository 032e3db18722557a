//! `harness export`: findings in formats of others.

use std::{
    fs, io,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use host_harness::{
    Error, ExportError, ExportFormat, ExportOptions, ExportSummary, Filter, Part, Tenant, counted, query::When,
};

use super::{
    Context,
    error::{Failure, USAGE},
    filters::{self, Filters},
    output::remark,
    stdout::{stdout, written},
    views::remark_on,
};

#[derive(clap::Args)]
pub struct Args {
    /// Select the format
    #[arg(value_parser = formats())]
    format: ExportFormat,
    /// Write to this file instead of standard output; it is replaced when the export is complete
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Set the time of the export: a date, a timestamp, or an age [default: now]
    #[arg(long, value_name = "WHEN", help_heading = "Output")]
    at: Option<When>,
    /// Keep to the limits of a service: github, for SARIF
    #[arg(long = "for", value_name = "SERVICE", value_enum, hide_possible_values = true, help_heading = "Output")]
    limits: Option<Limits>,
    /// Mark open unreachable findings as not affected, in CycloneDX and OpenVEX
    #[arg(long, help_heading = "Output")]
    unreachable_not_affected: bool,
    #[command(flatten)]
    filters: Filters<filters::Export>,
}

/// Whose limits an export keeps to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Limits {
    Github,
}

fn formats() -> impl TypedValueParser<Value = ExportFormat> {
    let values = ExportFormat::all().map(|format| PossibleValue::new(format.as_str()).help(format.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<ExportFormat>())
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if args.limits.is_some() && args.format != ExportFormat::SARIF {
        let message = format!("--for github is for the format sarif, not for {}", args.format);
        return Err(Failure::new(USAGE, message, Some("leave it out, or export sarif")));
    }
    let tenant = context.tenant()?;
    let now = context.harness.now();
    let filter = tenant.finding_filter(&args.filters.query).await;
    let filter = filter.map_err(|error| Failure::from(error).of_instance(tenant.id()))?;
    remark_on(tenant.no_project(filter.project.as_ref(), &filter.scope).await?.as_ref());
    let options = ExportOptions {
        moment: args.at.map_or(now, |at| at.moment(now)),
        owner: tenant.id().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        for_github: args.limits == Some(Limits::Github),
        unreachable_is_unaffected: args.unreachable_not_affected,
    };
    let summary = match args.output {
        Some(path) => to_file(&tenant, args.format, filter, options, &path).await?,
        None => to_stdout(&tenant, args.format, filter, options).await?,
    };
    if let Some(summary) = summary {
        remark(format!("exported {}", counted(summary.findings, "finding")));
        for (why, count) in &summary.left_out {
            remark(format!("{count} left out: {why}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output; nothing is told where the reader went away.
async fn to_stdout(
    tenant: &Tenant,
    format: ExportFormat,
    filter: Filter,
    options: ExportOptions,
) -> Result<Option<ExportSummary>, Failure> {
    match tenant.export(format, filter, options, BufWriter::new(Unlocked)).await {
        Ok((summary, mut out)) => {
            written(out.flush())?;
            Ok(Some(summary))
        }
        Err(Error::Export(ExportError::Write(error))) => written(Err(error)).map(|()| None),
        Err(error) => Err(failure(error)),
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Export(ExportError::TooManyRuns) => {
            Failure::from(error).with_hint("export less at once, such as one repository: --repository NAME")
        }
        error => error.into(),
    }
}

/// Standard output for a writer that goes from thread to thread.
struct Unlocked;

impl Write for Unlocked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        stdout().flush()
    }
}

/// Writes to a file beside the one that is meant and puts it in its place when all
/// of it is on the disk: a half export is never there.
async fn to_file(
    tenant: &Tenant,
    format: ExportFormat,
    filter: Filter,
    options: ExportOptions,
    path: &Path,
) -> Result<Option<ExportSummary>, Failure> {
    let failed = |error: io::Error| Failure::from(Error::Folder(path.to_owned(), error));
    // A device or pipe is written to, and not replaced.
    if fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir()) {
        let file = fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
        let (summary, mut out) = tenant.export(format, filter, options, BufWriter::new(file)).await.map_err(failure)?;
        out.flush().map_err(failed)?;
        return Ok(Some(summary));
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by its owner alone: findings are nobody else's business.
    let part = Part::make(folder, ".harness-export-", |builder| builder.tempfile_in(folder)).map_err(failed)?;
    let file = part.inner.reopen().map_err(failed)?;
    let (summary, out) = tenant.export(format, filter, options, BufWriter::new(file)).await.map_err(failure)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    part.inner.persist(path).map_err(|error| failed(error.error))?;
    Ok(Some(summary))
}
