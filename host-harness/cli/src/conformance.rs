//! `harness conformance`: whether a connector keeps the contract.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use host_harness::{
    Answers, Conformance, ConformanceFile,
    conformance::{
        Budget, Check as ConformanceCheck, CheckOutcome, CheckResult, ConformanceReport, Conformity,
        Plan as ConformancePlan, Requirement, Sample as ConformanceSample, junit,
    },
    grant::counted,
    ingest::read_file,
    sandbox::Limits,
    store::ConnectorSource,
};

use super::{
    Context,
    error::{Failure, USAGE},
    output::{Output, bytes, remark},
    style,
    table::{Cell, cells},
    vendor::{Vendor, VendorArgs, connector, read, unwritten},
    wait::wait,
};

#[derive(clap::Args)]
pub struct Args {
    /// Component file to check [default: the bundled connector]
    file: Option<PathBuf>,
    #[command(flatten)]
    vendor: VendorArgs,
    /// Judge it beside the version before, in this component file
    #[arg(long, value_name = "OLD.wasm")]
    previous: Option<PathBuf>,
    /// Use this file as a sample of a format that the connector reads (repeatable)
    #[arg(long = "sample", value_name = "FILE")]
    samples: Vec<PathBuf>,
    /// Read settings, samples and skipped checks from this file
    /// [default: conformance.toml beside the component, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run again each time that the component or its files change, until stopped
    #[arg(long)]
    watch: bool,
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
    let connector = connector(context, args.file.as_deref()).await?;
    let vendor = args.vendor.read()?;
    if vendor.record.is_some() && vendor.answers.is_none() {
        let hint = "name the vendor with --against ORIGIN";
        return Err(Failure::new(USAGE, "there is no vendor to record", Some(hint)));
    }
    let config = args.config.or_else(|| {
        let beside = args.file.as_deref()?.with_file_name("conformance.toml");
        beside.is_file().then_some(beside)
    });
    let asked = Asked {
        connector,
        previous: args
            .previous
            .map(|path| std::path::absolute(&path).map(|path| ConnectorSource::File { path }))
            .transpose()?,
        vendor,
        samples: args.samples,
        only: args.only,
        skip: args.skip,
        is_strict: args.strict,
        junit: args.junit,
        config,
    };
    if !args.watch {
        return asked.judge(context).await;
    }
    loop {
        let seen = asked.stamps();
        if let Err(failure) = asked.judge(context).await {
            // A component that is being written may be half there.
            context.output.failure(&failure);
        }
        remark("Waiting for a change. Ctrl-C ends it.");
        while asked.stamps() == seen {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// How often files are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// What is to be judged, and how.
struct Asked {
    connector: ConnectorSource,
    previous: Option<ConnectorSource>,
    vendor: Vendor,
    samples: Vec<PathBuf>,
    only: Vec<&'static ConformanceCheck>,
    skip: Vec<(&'static ConformanceCheck, String)>,
    is_strict: bool,
    junit: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl Asked {
    /// When the files that it reads changed, and how large they are.
    fn stamps(&self) -> Vec<Option<(SystemTime, u64)>> {
        let file = |source: &ConnectorSource| match source {
            ConnectorSource::File { path } => Some(path.clone()),
            _ => None,
        };
        let components = [Some(&self.connector), self.previous.as_ref()].into_iter().flatten().filter_map(file);
        // Those that the file names as well, as far as it can be read at present.
        let named = self.file().map(|file| file.samples).unwrap_or_default();
        let stamp = |path: &PathBuf| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        let given = [&self.config, &self.vendor.cassette].into_iter().flatten().chain(&self.samples).cloned();
        components.chain(given).chain(named).map(|path| stamp(&path)).collect()
    }

    /// What stands in the file beside the component, its paths from here.
    fn file(&self) -> Result<ConformanceFile, Failure> {
        let Some(path) = &self.config else { return Ok(ConformanceFile::default()) };
        let told = |problem: String| {
            let hint = "see docs/reference/conformance.md for what it may hold";
            Failure::new("conformance-file", format!("{}: {problem}", path.display()), Some(hint))
        };
        let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        let mut file = ConformanceFile::read(&text).map_err(told)?;
        file.samples.iter_mut().for_each(|sample| *sample = path.with_file_name("").join(&*sample));
        Ok(file)
    }

    /// Who answers: recorded answers as they are now.
    fn answers(&self) -> Result<Answers, Failure> {
        match &self.vendor.cassette {
            Some(path) => Ok(Answers::Cassette(read(path)?)),
            None => Ok(self.vendor.answers.clone().unwrap_or_default()),
        }
    }

    fn plan(&self) -> Result<ConformancePlan, Failure> {
        let mut file = self.file()?;
        let samples: Vec<PathBuf> = self.samples.iter().chain(&file.samples).cloned().collect();
        file.settings.extend(self.vendor.settings.clone());
        let skip = self.skip.iter().map(|(check, reason)| (check.id.to_owned(), reason.clone()));
        Ok(ConformancePlan {
            settings: file.settings,
            samples: samples.iter().map(|path| sample(path)).collect::<Result<_, _>>()?,
            only: self.only.iter().map(|check| check.id.to_owned()).collect(),
            skip: skip.chain(file.skip).collect(),
            is_strict: self.is_strict,
            ..ConformancePlan::default()
        })
    }

    /// Judges it once.
    async fn judge(&self, context: &Context) -> Result<ExitCode, Failure> {
        let asked = Conformance {
            connector: self.connector.clone(),
            vendor: self.answers()?,
            record: self.vendor.record.is_some(),
            secret: self.vendor.secret.clone(),
            secrets: self.vendor.secrets.clone(),
            previous: self.previous.clone(),
            plan: self.plan()?,
        };
        let judged = wait(context.output, "Running checks", context.harness.conformance(asked)).await?;
        let report = judged.report;
        self.vendor.keep(judged.cassette.as_deref())?;
        if let (Some(path), None) = (&self.vendor.record, &judged.cassette) {
            remark(format!("{} is not written: the vendor gave no good answer", path.display()));
        }
        if let Some(path) = &self.junit {
            let document = junit(&report).map_err(|error| unwritten(path, &error))?;
            std::fs::write(path, document).map_err(|error| unwritten(path, &error))?;
        }
        context.output.result(&report, |report| show(context.output, report, self.vendor.answers.is_some()))?;
        Ok(match report.verdict {
            Conformity::Conformant => ExitCode::SUCCESS,
            Conformity::Broken => ExitCode::from(1),
            // What was asked for is there.
            Conformity::Incomplete if report.is_partial && report.is_kept(self.is_strict) => ExitCode::SUCCESS,
            Conformity::Incomplete => ExitCode::from(3),
        })
    }
}

fn sample(path: &Path) -> Result<ConformanceSample, Failure> {
    let content = read_file(path, Limits::default().document_bytes).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        Failure::new("file-unreadable", message, Some("check the path and its permissions"))
    })?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok(ConformanceSample { name, content })
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
    if left.len() < report.results.len() {
        output.print(&table);
    }
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
        Conformity::Conformant => {
            let day = report.recorded.as_ref().map(|day| format!(", with answers of {day}")).unwrap_or_default();
            output.verdict("", ("Conformant", style::GOOD), &format!(": {passed} passed{day}."));
        }
        Conformity::Incomplete => {
            let open = report.count(CheckOutcome::NotRun) + report.count(CheckOutcome::Skipped);
            if report.is_partial && open == 0 {
                let after = format!(": {passed} passed, the others were not asked for.");
                return output.verdict("", ("Incomplete", style::ATTENTION), &after);
            }
            let hint = if has_vendor { "" } else { " Run the others with --against or --cassette." };
            output.verdict("", ("Incomplete", style::ATTENTION), &format!(": {passed} passed, {open} not run.{hint}"));
        }
        Conformity::Broken => {
            let after = format!(": {} broken, {passed} passed.", counted(broken.count(), "promise"));
            output.verdict("", ("Not conformant", style::state("failed")), &after);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use host_harness::store::ConnectorSource;
    use serde_json::Map;

    use super::{Asked, Vendor};

    #[test]
    fn whatever_is_judged_with_is_looked_at_for_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let source = |name: &str| ConnectorSource::File { path: path(name) };
        let files = ["new.wasm", "old.wasm", "tape.jsonl", "given.json", "named.json", "conformance.toml"];
        files.iter().for_each(|name| fs::write(path(name), "samples = [\"named.json\"]\n").unwrap());
        let asked = Asked {
            connector: source("new.wasm"),
            previous: Some(source("old.wasm")),
            vendor: Vendor {
                answers: None,
                cassette: Some(path("tape.jsonl")),
                record: None,
                scrub: Vec::new(),
                settings: Map::new(),
                secret: None,
                secrets: Default::default(),
            },
            samples: vec![path("given.json")],
            only: Vec::new(),
            skip: Vec::new(),
            is_strict: false,
            junit: None,
            config: Some(path("conformance.toml")),
        };
        for name in files {
            let before = asked.stamps();
            assert_eq!(before, asked.stamps());
            let longer = fs::read_to_string(path(name)).unwrap() + "\n";
            fs::write(path(name), longer).unwrap();
            assert_ne!(before, asked.stamps(), "{name}");
        }
        assert_eq!(asked.file().unwrap().samples, [path("named.json")]);
    }
}
