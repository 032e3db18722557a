//! `harness import`: ingests what files hold.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use appsec_model::{Completeness, Diagnostic, Kind};
use host_harness::{
    Error, ImportList, Setup, Tenant,
    grant::{Code, InstanceName, counted},
    ingest::{
        CompleteFile, ImportError, ImportEvent, ImportOptions, ImportProgress, ImportReport, Vanishing, open_input,
    },
    store::Percent,
};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    Context,
    error::Failure,
    hint::hint,
    outcomes::Outcomes,
    output::{Output, bytes, peak_memory, remark, short},
};

/// Name of the instance that is made for files where there is none.
const FILES: &str = "files";

/// Remarks shown per file; the run log has them all.
const REMARKS: u32 = 10;

#[derive(clap::Args)]
pub struct Args {
    /// Files to import, plain or compressed with gzip or zstd; `-` for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Import into this instance [default: the only one, else one named `files`]
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
    /// Import reports of another scanner (SARIF, CycloneDX, OSV-Scanner, GitLab) as this source; created if missing
    #[arg(long, value_name = "NAME", conflicts_with = "instance")]
    source: Option<InstanceName>,
    /// Set the project of records that do not name one
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Set the branch that was scanned
    #[arg(long, value_name = "BRANCH")]
    r#ref: Option<String>,
    /// Import only this kind, such as sast or sca; a file without it is rejected
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// Set the format instead of detecting it: one that `harness inspect` lists, or sarif, cyclonedx, osv-scanner or gitlab
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// Close findings missing from the file: it is of a complete scan (refused if the file says otherwise)
    #[arg(long)]
    complete: bool,
    /// Close all findings missing from a complete file, however many
    #[arg(long, requires = "complete", conflicts_with = "max_removal")]
    allow_removal: bool,
    /// Limit the share of open findings that a complete file may close [default: as set for the instance]
    #[arg(long, value_name = "PERCENT", requires = "complete")]
    max_removal: Option<Percent>,
    /// Set the project's root directory on the scanning machine, to make absolute paths in a report relative
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    readable(&args.files, context.output)?;
    let tenant = context.tenant_or_new()?;
    let (name, made) = match &args.source {
        Some(name) => (name.clone(), source(&tenant, name).await?),
        None => instance(context, &tenant, args.instance.clone()).await?,
    };
    let mut list = ImportList::default();
    let mut outcomes = Outcomes::default();
    let options = |complete, beside| ImportOptions {
        format: args.format.clone(),
        project: args.project.clone(),
        r#ref: args.r#ref.clone(),
        kinds: args.kinds.clone(),
        complete,
        vanishing: match args.max_removal {
            Some(limit) => Vanishing::UpTo(limit),
            None if args.allow_removal => Vanishing::Allow,
            None => Vanishing::AsSet,
        },
        root: args.root.clone(),
        beside,
    };
    let is_input = |file: &PathBuf| file.as_os_str() == "-";
    let mut complete: Vec<CompleteFile> = Vec::new();
    let mut closes = args.complete;
    if args.complete && args.files.len() > 1 {
        // Before the first file closes what is only in the next one. Standard input
        // is read once, and why another one cannot be read is told at its turn.
        for file in args.files.iter().filter(|file| !is_input(file)) {
            match tenant.survey(&name, file, options(true, Vec::new())).await {
                Ok(found) => complete.push(found),
                Err(error) if error.code() == Code::ScanIncomplete => {}
                Err(_) => closes = false,
            }
        }
        if !closes {
            context.output.message("--complete closes nothing, since not every file can be read");
        }
    }
    for file in &args.files {
        let shown = Shown::new(context.output);
        let outcome = tenant.import(&name, file, options(closes, complete.clone()), shown.progress()).await;
        shown.end();
        let told = |error| Failure::from(error).of(tenant.id(), Some(&name));
        let Some(report) = outcomes.note(outcome.map_err(told)) else { continue };
        if closes && is_input(file) {
            complete.push(CompleteFile::of(&report));
        }
        let run = report.run.id;
        let remarks = tenant.remarks(run, None, REMARKS).await;
        outcomes.lacks(!report.run.is_whole());
        list.imports.push(report);
        list.diagnostics.push(outcomes.note(remarks.map_err(Failure::from)).unwrap_or_default());
    }
    if made && list.imports.is_empty() {
        tenant.withdraw_unused(&name).await?;
    } else if made && !context.output.is_json() {
        let what = if args.source.is_some() { "source" } else { "instance" };
        let of = if args.source.is_some() { "reports" } else { "files" };
        remark(format!("{}: created the {what} `{name}` for {of}", tenant.id()));
    }
    let outcomes = outcomes.or_failed(context.output)?;
    list.host_peak_memory_bytes = peak_memory();
    let output = context.output;
    output.result(&list, |list| {
        for (report, remarks) in list.imports.iter().zip(&list.diagnostics) {
            show(output, report, remarks, closes);
        }
    })?;
    Ok(outcomes.end(output))
}

/// The source of reports of another scanner; made if it is not there.
/// Tells whether it was made.
async fn source(tenant: &Tenant, name: &InstanceName) -> Result<bool, Failure> {
    let found = tenant.source(name).await;
    let (_, made) = found.map_err(|error| Failure::from(error).of(tenant.id(), Some(name)))?;
    Ok(made)
}

/// For files none of which can be read, nothing is made.
fn readable(files: &[PathBuf], output: Output) -> Result<(), Failure> {
    let mut outcomes = Outcomes::default();
    for file in files.iter().filter(|file| file.as_os_str() != "-") {
        let opened = open_input(file).map_err(|source| {
            let file = file.display().to_string();
            Failure::from(Error::from(ImportError::File { file, source }))
        });
        outcomes.note(opened);
    }
    match outcomes.any() || files.iter().any(|file| file.as_os_str() == "-") {
        true => Ok(()),
        false => outcomes.or_failed(output).map(|_| ()),
    }
}

/// The instance to import into; made if the tenant has none at all. Tells
/// whether it was made.
async fn instance(
    context: &Context,
    tenant: &Tenant,
    given: Option<InstanceName>,
) -> Result<(InstanceName, bool), Failure> {
    if let Some(name) = given {
        return Ok((name, false));
    }
    let mut instances = tenant.instances().await?;
    // Reports of other scanners are asked for by name.
    instances.retain(|instance| !instance.is_report_source());
    match instances.as_slice() {
        [only] => return Ok((only.made.name.clone(), false)),
        [] => {}
        several => {
            let names: Vec<String> = several.iter().map(|instance| instance.made.name.to_string()).collect();
            let message = format!("the tenant has several instances: {}", names.join(", "));
            let failure = Failure::coded(Code::InstanceNotFound, message);
            return Err(failure.with_hint("select one with --instance NAME").of(tenant.id(), None));
        }
    }
    let name: InstanceName = FILES.parse().map_err(|_| Failure::new("name", "the instance cannot be named", None))?;
    let setup = Setup {
        name: name.clone(),
        connector: context.connector.clone(),
        settings: serde_json::Map::new(),
        allow_origins: Vec::new(),
        allow_private_origins: Vec::new(),
        secret: None,
        secrets: Default::default(),
        store_secret: false,
        proxy: None,
    };
    tenant.add_instance(setup, false).await.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)))?;
    Ok((name, true))
}

fn show(output: Output, report: &ImportReport, remarks: &[Diagnostic], closes: bool) {
    let (summary, outcome) = (&report.summary, &report.outcome);
    let tool = summary.tool.as_ref().map(|tool| format!(" of {tool}")).unwrap_or_default();
    let resumed = if report.run.resumed > 0 { ", resumed after an interruption" } else { "" };
    output.line(format!("Imported {}: {}{tool}{resumed}", report.file, summary.format));
    let parts = [
        (outcome.findings, "finding"),
        (outcome.packages, "package"),
        (outcome.rejected, "rejected"),
        (outcome.skipped, "skipped"),
        (outcome.unchanged, "unchanged"),
        (outcome.duplicate, "duplicate"),
        (outcome.filtered, "filtered"),
        (outcome.unmapped, "of unmapped projects"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .enumerate()
        .filter(|(at, (count, _))| *at == 0 || *count > 0)
        // The first two are nouns.
        .map(|(at, (count, what))| if at < 2 { counted(*count, what) } else { format!("{count} {what}") })
        .collect();
    output.line(format!("  {} = {}", counted(outcome.records, "record"), parts.join(" + ")));
    let counts = &report.run.counts;
    output.line(format!(
        "  run {}: {} new, {} changed, {} vanished",
        report.run.id, counts.new, counts.changed, counts.vanished
    ));
    if outcome.unmapped > 0 {
        output.line("  map these projects and import the file again: harness mapping list --state unmapped");
    }
    match &summary.completeness {
        Completeness::Complete => {}
        Completeness::Unknown { reason } if closes => {
            output.line(format!("  taken as a complete scan, as you said: {reason}"));
        }
        Completeness::Unknown { reason } => {
            output.line(format!("  nothing is closed without --complete: {reason}"));
        }
        Completeness::Incomplete { reason } => output.line(format!("  not a complete scan: {reason}")),
    }
    if let Some(message) = &report.run.message {
        output.message(&format!("{}: {message}", report.run.state.as_str()));
        report.run.code.and_then(hint).into_iter().for_each(|it| output.hint(it));
    }
    for (line, times) in told_once(remarks) {
        let times = if times > 1 { format!(", {times} times") } else { String::new() };
        output.line(format!("  {line}{times}"));
    }
    if remarks.iter().any(|it| it.code == "absolute-path") {
        output.hint("name the project's folder on the scanning machine: --root DIR");
    }
    let all = counts.warnings + counts.rejected + counts.skipped + summary.diagnostics.len() as u64;
    if all > remarks.len() as u64 {
        let notes = counted(all, "note");
        output.line(format!("  {notes} in total: harness runs {} --limit {all}", report.run.id));
    }
}

/// Remarks as lines, each once, with how often it was made: many records may give
/// cause for the same one.
fn told_once(remarks: &[Diagnostic]) -> Vec<(String, usize)> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for diagnostic in remarks {
        let record = diagnostic.id.as_ref().map(|id| format!("record {id}: ")).unwrap_or_default();
        let line = format!("{record}{} ({})", short(&diagnostic.message, 300), diagnostic.code);
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, times)) => *times += 1,
            None => lines.push((line, 1)),
        }
    }
    lines
}

/// Shows the progress of an import on standard error.
struct Shown {
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Shown {
    fn new(output: Output) -> Self {
        let bar = (!output.is_json() && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            // A template without variables of its own cannot fail.
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent}% {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, quiet: output.is_json() }
    }

    fn progress(&self) -> ImportProgress {
        let (bar, quiet) = (self.bar.clone(), self.quiet);
        Arc::new(move |event| match (&bar, event) {
            (Some(bar), ImportEvent::Progress { read_bytes, total_bytes, records, written }) => {
                bar.set_length(total_bytes);
                bar.set_position(read_bytes);
                bar.set_message(format!(
                    "{} of {}, {}, {written} written",
                    bytes(read_bytes),
                    bytes(total_bytes),
                    counted(records, "record")
                ));
            }
            (_, ImportEvent::Resumed { run }) if !quiet => remark(format!("resumes run {run}, which was interrupted")),
            _ => {}
        })
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
