//! `harness export`: findings in formats of others.

mod cursor;

use std::{
    fs, io,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use host_harness::{
    Error, ExportFormat, ExportRequest, Share, Tenant,
    exports::{CycloneDxVersion, Error as ExportError, Options as ExportOptions, Summary as ExportSummary},
    grant::{Part, counted},
    query::{Query, When},
    store::Filter,
};

use self::cursor::CursorFile;
use super::{
    Context, USUAL_TENANT,
    error::{Failure, USAGE},
    filters::{self, Filters},
    output::remark,
    recorded::{EXPORT, EXPORT_ALL_TENANTS, Recorded, TARGET_BYTES},
    stdout::{stdout, written},
    views::{remark_on, remark_on_base},
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
    /// Mark each result as new or known to a base, in SARIF: a run, a date or a time ago such as 7d, or a branch
    #[arg(long, value_name = "BASE", help_heading = "Output")]
    baseline: Option<String>,
    /// Set the version of CycloneDX [default: 1.6]
    #[arg(long, value_name = "VERSION", value_parser = ["1.6", "1.7"], hide_possible_values = true, help_heading = "Output")]
    spec_version: Option<String>,
    /// Export only what changed since the last export with this file, and note this one when it is complete
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    cursor_file: Option<PathBuf>,
    /// Export the findings of all tenants, each with its tenant: ndjson, csv and ocsf
    #[arg(long)]
    all_tenants: bool,
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

/// Options that go with one format alone, or with some.
fn check(args: &Args, tenant: &str) -> Result<(), Failure> {
    let is_cyclonedx = args.format.as_str() == "cyclonedx";
    let refused = |option: &str, of: &str, hint: &str| {
        let message = format!("{option} is for the format {of}, not for {}", args.format);
        Err(Failure::new(USAGE, message, Some(hint)))
    };
    if args.limits.is_some() && args.format != ExportFormat::SARIF {
        return refused("--for github", "sarif", "leave it out, or export sarif");
    }
    if args.baseline.is_some() && args.format != ExportFormat::SARIF {
        return refused("--baseline", "sarif", "--new-since leaves out what the base has, in every format");
    }
    if args.spec_version.is_some() && !is_cyclonedx {
        return refused("--spec-version", "cyclonedx", "leave it out, or export cyclonedx");
    }
    if args.all_tenants && !args.format.names_tenants() {
        let names: Vec<&str> = ExportFormat::all().filter(|it| it.names_tenants()).map(ExportFormat::as_str).collect();
        let message = format!("the format {} cannot name the tenant of a finding", args.format);
        let hint = format!("export {}, or each tenant by itself with --tenant", names.join(", "));
        return Err(Failure::new(USAGE, message, Some(&hint)));
    }
    if args.all_tenants && tenant != USUAL_TENANT {
        return Err(Failure::new(USAGE, "--all-tenants and --tenant exclude each other", None));
    }
    if args.cursor_file.is_some() && says(&args.filters.query, "changed-since") {
        let message = "--cursor-file and --changed-since exclude each other";
        return Err(Failure::new(USAGE, message, Some("the file says since when")));
    }
    Ok(())
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    check(&args, context.tenant.as_str())?;
    let now = context.harness.now();
    let query = &args.filters.query;
    let cursor = args.cursor_file.as_deref().map(|path| CursorFile::read(path, now)).transpose()?;
    if cursor.is_some() && !says(query, "include-closed") && !says(query, "status") {
        remark("what was closed is left out, and its reader takes it for open: --include-closed hands it over, too");
    }
    let tenants = match args.all_tenants {
        true => {
            context.harness.tenants()?.into_iter().map(|id| context.harness.tenant(id)).collect::<Result<_, _>>()?
        }
        false => vec![context.tenant()?],
    };
    let mut requests = Vec::new();
    for tenant in tenants {
        let filter = tenant.finding_filter(query).await;
        let mut filter: Filter = filter.map_err(|error| Failure::from(error).of_instance(tenant.id()))?;
        if let Some(cursor) = &cursor {
            filter.changed.since = cursor.since;
        }
        remark_on(tenant.no_project(filter.project.as_ref(), &filter.scope).await?.as_ref());
        let options = ExportOptions {
            moment: args.at.map_or(now, |at| at.moment(now)),
            owner: tenant.id().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            for_github: args.limits == Some(Limits::Github),
            single_run: None,
            unreachable_is_unaffected: args.unreachable_not_affected,
            cyclonedx: match args.spec_version.as_deref() {
                Some("1.7") => CycloneDxVersion::V1_7,
                _ => CycloneDxVersion::V1_6,
            },
        };
        remark_on_base(tenant.unseen_base_of(query).await?);
        remark_on_base(tenant.unseen_base(args.baseline.as_deref()).await?);
        let base = tenant.base(args.baseline.as_deref()).await?;
        let share = match (args.all_tenants, requests.is_empty()) {
            (false, _) => Share::Whole,
            (true, true) => Share::First,
            (true, false) => Share::Next,
        };
        requests.push((tenant, ExportRequest { format: args.format, filter, options, base, share }));
    }
    let action = if args.all_tenants { EXPORT_ALL_TENANTS } else { EXPORT };
    let written = async {
        match args.output {
            Some(path) => to_file(requests, &path).await.map(Some),
            None => to_stdout(requests).await,
        }
    };
    let summary = Recorded::confirmed(context, action, &told(args.format, query), written).await?;
    if let Some(summary) = summary {
        // Not before: an export that failed is made again since then.
        if let Some(cursor) = cursor {
            cursor.write()?;
        }
        remark(format!("exported {}", counted(summary.findings, "finding")));
        for (why, count) in &summary.left_out {
            remark(format!("{count} left out: {why}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the audit log says of an export: its format, with a filter that is not long.
fn told(format: ExportFormat, query: &Query) -> String {
    let filter = query.pairs().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let with = format!("{format}?{filter}");
    if filter.is_empty() || with.len() > TARGET_BYTES { format.to_string() } else { with }
}

/// Whether a filter is given.
fn says(query: &Query, name: &str) -> bool {
    query.pairs().iter().any(|(given, _)| *given == name)
}

type Requests = Vec<(Tenant, ExportRequest)>;

/// What to do about a file that cannot be written.
const UNWRITABLE: &str = "check that its folder is there and that you may write to it";

/// Bytes that are written at a time.
const BUFFER: usize = 64 << 10;

/// Writes one export behind the other.
async fn write<W: Write + Send + 'static>(requests: Requests, out: W) -> Result<(ExportSummary, W), Error> {
    let mut total = ExportSummary::default();
    let mut out = out;
    for (tenant, request) in requests {
        let (summary, back) = tenant.export(request, out).await?;
        out = back;
        total.findings += summary.findings;
        for (why, count) in summary.left_out {
            *total.left_out.entry(why).or_default() += count;
        }
    }
    Ok((total, out))
}

/// Writes to standard output; nothing is told where the reader went away.
async fn to_stdout(requests: Requests) -> Result<Option<ExportSummary>, Failure> {
    match write(requests, BufWriter::with_capacity(BUFFER, Unlocked)).await {
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
async fn to_file(requests: Requests, path: &Path) -> Result<ExportSummary, Failure> {
    let failed = |error: io::Error| Failure::from(Error::Folder(path.to_owned(), error)).with_hint(UNWRITABLE);
    // A device or pipe is written to, and not replaced.
    if fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir()) {
        let file = fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
        let (summary, mut out) = write(requests, BufWriter::with_capacity(BUFFER, file)).await.map_err(failure)?;
        out.flush().map_err(failed)?;
        return Ok(summary);
    }
    // Readable by its owner alone: findings are nobody else's business.
    let part = Part::beside(path, ".harness-export-").map_err(failed)?;
    let file = part.inner.reopen().map_err(failed)?;
    let (summary, out) = write(requests, BufWriter::with_capacity(BUFFER, file)).await.map_err(failure)?;
    out.into_inner().map_err(|error| failed(error.into_error()))?;
    part.put(path).map_err(failed)?;
    Ok(summary)
}
