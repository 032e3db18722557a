//! `harness conformance`: whether a connector keeps the contract.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use host_harness::{
    Answers, Budget, Cassette, CheckOutcome, CheckResult, Conformance, ConformanceCheck, ConformancePlan,
    ConformanceReport, Conformity, ConnectorSource, Origin, Requirement, counted, junit, read_bounded, write_private,
};

use super::{
    Context,
    error::Failure,
    instance::SettingsArgs,
    output::{Output, bytes},
    secret::SecretArgs,
    style,
    table::{Cell, cells},
    wait::wait,
};

#[derive(clap::Args)]
pub struct Args {
    /// Component file to check [default: the bundled connector]
    file: Option<PathBuf>,
    /// Check against the vendor at this origin, with faults injected; repeat for further origins
    #[arg(long, value_name = "ORIGIN")]
    against: Vec<Origin>,
    /// Record the vendor's answers in this file, without the token and without people's mail addresses
    #[arg(long, value_name = "FILE", requires = "against")]
    record: Option<PathBuf>,
    /// Check against recorded answers instead of a vendor; no token is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["against", "token"])]
    cassette: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    secret: SecretArgs,
    /// Run only these checks, by id or name
    #[arg(long, value_name = "CHECK", value_delimiter = ',', value_parser = check)]
    only: Vec<&'static ConformanceCheck>,
    /// Skip a check and record the reason
    #[arg(long, value_name = "CHECK=REASON", value_parser = skipped)]
    skip: Vec<(&'static ConformanceCheck, String)>,
    /// Require `should` checks too, and allow no skipped ones
    #[arg(long)]
    strict: bool,
    /// Write the report as JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

fn check(text: &str) -> Result<&'static ConformanceCheck, String> {
    ConformanceCheck::of(text)
        .ok_or_else(|| "no check has this id or name; see docs/reference/conformance.md".to_owned())
}

fn skipped(text: &str) -> Result<(&'static ConformanceCheck, String), String> {
    let (name, reason) = text.split_once('=').ok_or("write it as CHECK=REASON")?;
    if reason.trim().is_empty() {
        return Err("give the reason after `=`".to_owned());
    }
    Ok((check(name)?, reason.trim().to_owned()))
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let connector = match args.file {
        Some(path) => ConnectorSource::File { path: std::path::absolute(path)? },
        None => context.connector.clone(),
    };
    let plan = ConformancePlan {
        settings: args.settings.read()?,
        only: args.only.iter().map(|check| check.id.to_owned()).collect(),
        skip: args.skip.iter().map(|(check, reason)| (check.id.to_owned(), reason.clone())).collect(),
        is_strict: args.strict,
    };
    let vendor = match args.cassette {
        Some(path) => Answers::Cassette(cassette(&path)?),
        None if args.against.is_empty() => Answers::Nobody,
        None => Answers::Origins(args.against),
    };
    let has_vendor = !matches!(vendor, Answers::Nobody);
    let (secret, record) = (args.secret.source()?, args.record.is_some());
    let asked = Conformance { connector, vendor, record, secret, plan };
    let judged = wait(context.output, "Running checks", context.harness.conformance(asked)).await?;
    let report = judged.report;
    if let (Some(path), Some(text)) = (&args.record, judged.cassette) {
        // It holds what the vendor says of an account.
        write_private(path, text.as_bytes()).map_err(|error| unwritten(path, &error))?;
    }
    if let Some(path) = &args.junit {
        let document = junit(&report).map_err(|error| unwritten(path, &error))?;
        std::fs::write(path, document).map_err(|error| unwritten(path, &error))?;
    }
    context.output.result(&report, |report| show(context.output, report, has_vendor))?;
    Ok(match report.verdict {
        Conformity::Conformant => ExitCode::SUCCESS,
        Conformity::Broken => ExitCode::from(1),
        Conformity::Incomplete => ExitCode::from(3),
    })
}

fn unwritten(path: &Path, error: &dyn std::error::Error) -> Failure {
    let message = format!("cannot write {}: {error}", path.display());
    Failure::new("file-unwritable", message, Some("check the path and its permissions"))
}

/// Bytes of a recording: what a sandbox takes of answers, many times over.
const MAX_CASSETTE_BYTES: u64 = 1 << 30;

fn cassette(path: &Path) -> Result<Cassette, Failure> {
    let told = |error: String| {
        let message = format!("cannot read {}: {error}", path.display());
        Failure::new("file-unreadable", message, Some("check the path and its permissions"))
    };
    let bytes = read_bounded(path, MAX_CASSETTE_BYTES).map_err(|error| told(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| told("it is no text".to_owned()))?;
    Cassette::read(&text).map_err(|error| host_harness::Error::from(error).into())
}

fn show(output: Output, report: &ConformanceReport, has_vendor: bool) {
    if let (Some(component), Some(id)) = (&report.component, &report.id) {
        let version = report.version.as_deref().unwrap_or_default();
        let mut facts = output.facts("connector", &format!("{id} {version}"));
        facts.add("size", bytes(component.size_bytes as u64));
        facts.add("sha256", &component.sha256);
        facts.add("contract", component.contract_version.as_deref().unwrap_or("none"));
        let took = |it: &Budget| {
            let (records, memory) = (counted(it.records, "record"), bytes(it.peak_memory_bytes as u64));
            format!("{}: {records} in {} ms, {memory} of guest memory", it.kind, it.took_ms)
        };
        facts.add("normalize", Cell::list(report.budget.iter().map(took)));
        output.print(&facts);
    }
    let mut table = output.table(&["RESULT", "ID", "CHECK", "CASES", "DETAIL"]);
    let (left, run): (Vec<_>, Vec<_>) = report.results.iter().partition(|it| it.outcome == CheckOutcome::NotRun);
    for result in run {
        table.add_row(cells![
            Cell::state(result.outcome.as_str()),
            result.id,
            result.name,
            Cell::number(result.cases),
            result.note.as_deref().unwrap_or(result.promise),
        ]);
    }
    output.print(&table);
    let reason = |it: &CheckResult| it.note.clone().unwrap_or_default();
    for same in left.chunk_by(|one, other| one.note == other.note) {
        let ids: Vec<&str> = same.iter().map(|it| it.id).collect();
        let why = same.first().map(|it| reason(it)).unwrap_or_default();
        output.line(format!("{} not run, {why}: {}", counted(same.len(), "check"), ids.join(" ")));
    }
    for result in report.results.iter().filter(|it| !it.failures.is_empty()) {
        output.line("");
        output.line(format!("{} {}: {}", result.id, result.name, result.promise));
        for failure in &result.failures {
            output.line(format!("  {}: expected {}, got {}", failure.case, failure.expected, failure.got));
        }
    }
    let broken =
        report.results.iter().filter(|it| it.outcome == CheckOutcome::Failed && it.requirement == Requirement::Must);
    let passed = counted(report.count(CheckOutcome::Passed), "check");
    output.line("");
    match report.verdict {
        Conformity::Conformant => output.verdict("", ("Conformant", style::GOOD), &format!(": {passed} passed.")),
        Conformity::Incomplete => {
            let open = report.count(CheckOutcome::NotRun) + report.count(CheckOutcome::Skipped);
            let hint = if has_vendor { "" } else { " Run the others with --against or --cassette." };
            output.verdict("", ("Incomplete", style::ATTENTION), &format!(": {passed} passed, {open} not run.{hint}"));
        }
        Conformity::Broken => {
            let after = format!(": {} broken, {passed} passed.", counted(broken.count(), "promise"));
            output.verdict("", ("Not conformant", style::state("failed")), &after);
        }
    }
}
