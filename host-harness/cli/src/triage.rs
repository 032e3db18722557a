//! `harness triage`: what people decide about findings.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use appsec_model::Timestamp;
use host_harness::{
    DecidedList, Error, FindingList, Tenant, TriageChoice, TriageEntryRef, TriageFile, TriageImport, TriageReport,
    TriageTargets, View, WriteBackLog, WriteBackReport,
    analysis::{TriageDecision, TriageError},
    grant::{InstanceName, counted, read_bounded},
    query::{Ahead, Query},
    seconds,
    store::{DecidedFinding, DecisionRow, IssueDecision, Total, TotalIs, WriteBackMode, WriteBackState},
};

use super::{
    Context,
    error::{Failure, USAGE},
    filters::{self, Filters},
    output::{Output, moment, remark, short},
    stdout,
    sync::Shown,
    table::{Cell, cells},
    views::{remark_on, show_list},
};

/// Entries of a file that are told one by one.
const ENTRIES: usize = 20;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Decide on findings or issues, by id or by filter
    Set(Box<SetArgs>),
    /// Clear decisions, by id or by filter
    Clear(Box<ClearArgs>),
    /// List decisions
    List(ListArgs),
    /// Import decisions from a file, in TOML or CSV
    Import(ImportArgs),
    /// Print the decisions in force as a TOML file for `triage import`
    Export,
    /// Write decisions back to the vendor; shows the plan first
    Push(PushArgs),
}

#[derive(clap::Args)]
pub struct PushArgs {
    /// Name of the instance
    name: InstanceName,
    /// Write them; without it, only the plan is shown
    #[arg(long)]
    apply: bool,
    /// Show what became of decisions before, newest first
    #[arg(long, conflicts_with = "apply")]
    log: bool,
    /// Show at most that many entries of the log
    #[arg(long, value_name = "NUMBER", default_value_t = 50, requires = "log")]
    limit: u32,
}

#[derive(clap::Args)]
pub struct SetArgs {
    /// Findings: an id or the beginning of it, the vendor's id, or a fingerprint
    #[arg(value_name = "ID")]
    findings: Vec<String>,
    /// Decide on an issue: all of its findings, and what joins them later (repeatable)
    #[arg(long = "issue", value_name = "ID")]
    issues: Vec<String>,
    /// Set the decision: reviewing, fixing, accepted-risk, false-positive, wont-fix or duplicate
    #[arg(long, value_name = "DECISION", hide_possible_values = true, value_parser = decision())]
    decision: TriageDecision,
    /// Set the reason; required where the decision closes findings
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Add a comment
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Set the end: a date, a moment, or a time from now such as 90d
    #[arg(long, value_name = "WHEN")]
    until: Option<Ahead>,
    /// Set the assignee
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// Add a label (repeatable)
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    filters: Filters<filters::Triage>,
}

#[derive(clap::Args)]
pub struct ClearArgs {
    /// Findings: an id or the beginning of it, the vendor's id, or a fingerprint
    #[arg(value_name = "ID")]
    findings: Vec<String>,
    /// Clear an issue: the decisions on all of its findings (repeatable)
    #[arg(long = "issue", value_name = "ID")]
    issues: Vec<String>,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    filters: Filters<filters::Decided>,
}

#[derive(clap::Args)]
struct HowArgs {
    /// Set who decides [default: the user of the operating system]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Show what would change: the number, and the most urgent findings
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    filters: Filters<filters::Decisions>,
}

#[derive(clap::Args)]
pub struct ImportArgs {
    /// A file in TOML, or in CSV if its name ends with .csv
    file: PathBuf,
    #[command(flatten)]
    how: HowArgs,
}

fn decision() -> impl clap::builder::TypedValueParser<Value = TriageDecision> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(TriageDecision::WORDS).try_map(|word| word.parse::<TriageDecision>())
}

impl HowArgs {
    /// Who decides.
    fn author(&self) -> Result<String, Failure> {
        match &self.author {
            Some(author) => Ok(author.clone()),
            None => whoami::username().map_err(|error| {
                let message = format!("the operating system does not tell who you are: {error}");
                Failure::new(USAGE, message, Some("name yourself with --author NAME"))
            }),
        }
    }
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let (output, tenant) = (context.output, context.tenant()?);
    match command {
        Command::Set(args) => {
            let SetArgs { findings, issues, decision, reason, comment, until, assignee, labels, how, filters } = *args;
            let on = targets(&tenant, findings, issues, filters.query).await?;
            let choice = TriageChoice { decision, reason, comment, until, assignee, labels };
            let report = tenant.decide(on, choice, &how.author()?, how.dry_run).await;
            let report = report.map_err(|error| failure(error, &tenant))?;
            output.result(&report, |report| show_report(output, report, "decided on"))?;
        }
        Command::Clear(args) => {
            let ClearArgs { findings, issues, how, filters } = *args;
            let on = targets(&tenant, findings, issues, filters.query).await?;
            let report = tenant.clear_decisions(on, &how.author()?, how.dry_run).await;
            let report = report.map_err(|error| failure(error, &tenant))?;
            output.result(&report, |report| show_report(output, report, "cleared"))?;
        }
        Command::List(args) => {
            let query = &args.filters.query;
            let list = tenant.decisions(query).await.map_err(|error| Failure::from(error).of_instance(tenant.id()))?;
            output.result(&list, |list| show_decisions(output, list, query.page_begin()))?;
        }
        Command::Import(args) => {
            let report = tenant.import_triage(read(&args.file)?, &args.how.author()?, args.how.dry_run).await;
            let report = report.map_err(|error| failure(error, &tenant))?;
            output.result(&report, |report| show_import(output, report))?;
        }
        // A file of decisions is TOML, whatever was asked for.
        Command::Export => stdout::print(&tenant.export_triage().await?),
        Command::Push(args) => return push(context, &tenant, args).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// What is decided on. Remarks that filters mean no project.
async fn targets(
    tenant: &Tenant,
    findings: Vec<String>,
    issues: Vec<String>,
    query: Query,
) -> Result<TriageTargets, Failure> {
    let filter = tenant.finding_filter(&query).await.map_err(|error| failure(error, tenant))?;
    remark_on(tenant.no_project(filter.project.as_ref(), &filter.scope).await?.as_ref());
    Ok(TriageTargets { findings, issues, query: Some(query) })
}

fn failure(error: Error, tenant: &Tenant) -> Failure {
    match error {
        Error::MixedTriageTargets => Failure::from(error).with_hint("leave out the ids or the filters"),
        Error::NoTriageTargets => {
            Failure::from(error).with_hint("name findings, --issue ID, or filters such as --rule")
        }
        Error::Triage(wrong) => {
            let hint = advice(&wrong);
            Failure::from(Error::Triage(wrong)).with_hint(hint)
        }
        error => Failure::from(error).of_instance(tenant.id()),
    }
}

/// What to do about a decision that is refused.
const fn advice(wrong: &TriageError) -> &'static str {
    match wrong {
        TriageError::Decision(_) => "give one of these decisions",
        TriageError::NoReason(_) => "say why with --reason",
        TriageError::NoAuthor => "name yourself with --author NAME",
        TriageError::Ended(_) => "give --until a time to come, or leave it out",
        TriageError::TooLate => "leave --until out: without an end it holds until somebody clears it",
        TriageError::TooLong { .. } => {
            "shorten it: a reason has up to 500 characters, a comment up to 3,000, and all else up to 100"
        }
        TriageError::TooManyLabels => "give fewer labels",
    }
}

fn read(path: &Path) -> Result<TriageFile, Failure> {
    let unreadable = |error: std::io::Error| {
        let message = format!("cannot read {}: {error}", path.display());
        Failure::new("file-unreadable", message, Some("check the path and its permissions"))
    };
    let bytes = read_bounded(path, TriageFile::MOST_BYTES).map_err(unreadable)?;
    let invalid = |error| unreadable(std::io::Error::new(std::io::ErrorKind::InvalidData, error));
    let text = String::from_utf8(bytes).map_err(invalid)?;
    let is_csv = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("csv"));
    let file = if is_csv { TriageFile::of_csv(&text) } else { TriageFile::of_toml(&text) };
    Ok(file.map_err(Error::TriageFile)?)
}

fn show_report(output: Output, report: &TriageReport, done: &str) {
    let findings = counted(report.findings, "finding");
    output.line(match (report.changed, report.dry_run) {
        (0, _) => format!("{findings}, nothing to change"),
        (changed, true) => format!("{findings}, {changed} would be {done}:"),
        (changed, false) => format!("{findings}, {changed} {done}"),
    });
    if !report.dry_run || report.sample.is_empty() {
        return;
    }
    let total = Total { total: report.changed, total_is: TotalIs::Exact };
    let list = FindingList { total, next_cursor: None, findings: report.sample.clone() };
    show_list(output, View::All, &list, None);
    output.line("Nothing was changed: leave out --dry-run to do it.");
}

async fn push(context: &Context, tenant: &Tenant, args: PushArgs) -> Result<ExitCode, Failure> {
    let (output, PushArgs { name, apply, log, limit }) = (context.output, args);
    let told = |error: Error| Failure::from(error).of(tenant.id(), Some(&name));
    if log {
        let log = tenant.write_back_log(&name, limit).await.map_err(told)?;
        output.result(&log, |log| show_log(output, log))?;
        return Ok(ExitCode::SUCCESS);
    }
    let shown = Shown::new(output, &format!("{}/{name}", tenant.id()));
    let report = tenant.push_decisions(&name, !apply, shown.progress()).await;
    shown.end();
    let report = report.map_err(told)?;
    output.result(&report, |report| show_push(output, report))?;
    let is_whole = report.dry_run || report.refused == 0;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(PARTIAL) })
}

/// Exit code where the vendor did not take all.
const PARTIAL: u8 = 3;

/// Decisions that need no look that are shown at most.
const WELL: usize = 20;

fn show_push(output: Output, report: &WriteBackReport) {
    let all = report.written + report.already_there + report.refused + report.overruled + report.held;
    if all == 0 {
        output.line(format!("{}: no decision is waiting to be written back", report.instance));
        return;
    }
    let would = if report.dry_run { " would be" } else { "" };
    let mut line = format!("{}: {}{would} written", counted(all, "decision"), report.written);
    for (count, what) in [
        (report.already_there, "already there at the vendor"),
        (report.refused, "not taken by the vendor"),
        (report.overruled, "overruled by a later decision there"),
        (report.held, "waiting for a person, since the vendor has a later decision"),
    ] {
        if count > 0 {
            line += &format!(", {count} {what}");
        }
    }
    output.line(line);
    if report.on_other_branches > 0 {
        let records = counted(report.on_other_branches, "record");
        let would = if report.dry_run { "would be " } else { "" };
        output.line(format!("{records} on other branches {would}changed with them, as of the last sync"));
    }
    if report.also_changed > 0 {
        let changed = counted(report.also_changed, "further record");
        output.line(format!("{changed} changed with them: {}", report.effect));
    } else if !report.effect.is_empty() && report.written > 0 {
        output.line(format!("Note: {}", report.effect));
    }
    let mut table = output.table(&["FINDING", "DECISION", "RECORDS", "STATE", "DETAIL"]);
    // What somebody has to look at comes first.
    let (well, others): (Vec<_>, Vec<_>) = report.decisions.iter().partition(|it| it.state.is_well());
    let more = all.saturating_sub((others.len() + well.len().min(WELL)) as u64);
    for it in others.into_iter().chain(well.into_iter().take(WELL)) {
        let state = if report.dry_run && it.state == WriteBackState::Written { "to write" } else { it.state.as_str() };
        let detail = it.detail.as_deref().unwrap_or_default();
        table.add_row(cells![it.finding.to_string(), it.decision.as_str(), it.records, state, detail]);
    }
    output.print(&table);
    if more > 0 {
        output.line(format!("and {more} more"));
    }
    if report.dry_run {
        output.line(match report.mode {
            WriteBackMode::Off => format!(
                "Nothing was written. Write-back is off: harness instance set {} --write-back on",
                report.instance
            ),
            WriteBackMode::On | WriteBackMode::Hold if report.written == 0 && report.overruled == 0 => {
                "Nothing was written, and nothing is to be.".to_owned()
            }
            WriteBackMode::On | WriteBackMode::Hold if report.written == 0 => {
                format!("Nothing was changed. Take them back with: harness triage push {} --apply", report.instance)
            }
            WriteBackMode::On | WriteBackMode::Hold => {
                format!("Nothing was written. Write them with: harness triage push {} --apply", report.instance)
            }
        });
    }
}

fn show_log(output: Output, log: &WriteBackLog) {
    if log.entries.is_empty() {
        output.line(format!("{}: nothing was written back yet", log.instance));
        return;
    }
    let mut table = output.table(&["AT", "FINDING", "DECISION", "STATE", "DETAIL"]);
    for it in &log.entries {
        let detail = it.detail.as_deref().unwrap_or_default();
        table.add_row(cells![it.at, it.finding.to_string(), &it.decision, it.state.as_str(), detail]);
    }
    output.print(&table);
}

fn show_import(output: Output, report: &TriageImport) {
    let would = if report.dry_run { "would be " } else { "" };
    output.line(format!(
        "{} for {}, {} {would}decided on",
        counted(report.entries, "entry"),
        counted(report.findings, "finding"),
        report.changed,
    ));
    for (what, entries) in [("matches nothing", &report.unmatched), ("has ended", &report.ended)] {
        for TriageEntryRef { entry, matches } in entries.iter().take(ENTRIES) {
            remark(format!("entry {entry} {what}: {matches}"));
        }
        if entries.len() > ENTRIES {
            remark(format!("{} in all; --json shows them", counted(entries.len() as u64, "such entry")));
        }
    }
}

fn show_decisions(output: Output, list: &DecidedList, offset: Option<u32>) {
    if list.decisions.is_empty() {
        output.line(if list.total == 0 { "No decisions." } else { "No decisions on this page." });
        return;
    }
    let with_ended = list.decisions.iter().any(|it| it.row.ended.is_some());
    let mut header = vec!["FINDING", "DECISION", "STATUS", "UNTIL", "ASSIGNEE", "AUTHOR", "REASON", "PROJECT", "TITLE"];
    if with_ended {
        header.insert(3, "ENDED");
    }
    let mut table = output.table(&header).spare(&["STATUS", "AUTHOR"]);
    for it in &list.decisions {
        let DecidedFinding { finding, row, .. } = it;
        let mut cells = cells![
            finding.to_string(),
            row.entry.decision.as_str(),
            Cell::state(&it.status),
            row.entry.until.map(day),
            row.entry.assignee.as_deref(),
            &row.author,
            short(row.entry.reason.as_deref().unwrap_or_default(), 60),
            &it.project,
            short(&it.title, 60),
        ]
        .to_vec();
        if with_ended {
            cells.insert(3, row.ended.map(|it| it.as_str()).unwrap_or_default().into());
        }
        table.add_row(cells);
    }
    output.print(&table);
    output.line(format!("{} of {}", list.decisions.len(), list.total));
    let shown = offset.unwrap_or_default() as usize + list.decisions.len();
    if (shown as u64) < list.total {
        output.line(format!("Next page: --offset {shown}"));
    }
}

/// The day of a moment, and the time where it is not the beginning of one.
fn day(at: Timestamp) -> String {
    let text = moment(at);
    text.strip_suffix(" 00:00:00 UTC").map(str::to_owned).unwrap_or(text)
}

/// A decision in words, for the facts of a finding.
pub fn decided(it: &DecisionRow) -> Cell {
    let entry = &it.entry;
    let mut words = entry.decision.to_string();
    if let Some(until) = entry.until {
        words += &format!(" until {}", day(until));
    }
    let facts = [
        entry.reason.clone(),
        entry.comment.clone(),
        entry.assignee.as_ref().map(|it| format!("assigned to {it}")),
        (!entry.labels.is_empty()).then(|| format!("labels {}", entry.labels.join(", "))),
        it.issue.map(|issue| format!("on issue {issue}")),
    ];
    Cell::list([words].into_iter().chain(facts.into_iter().flatten()))
}

/// A status, with the decision where that says more.
pub fn status(status: &str, decision: Option<&DecisionRow>) -> Cell {
    decision.and_then(|it| it.status_shown(status)).map_or_else(|| Cell::state(status), Cell::from)
}

/// All that was decided about a finding, newest first.
pub fn show_history(output: Output, decisions: &[DecisionRow]) {
    show_rows(output, decisions.iter().map(|row| (None, row)));
}

/// The same of the findings of an issue.
pub fn show_issue_history(output: Output, decisions: &[IssueDecision]) {
    show_rows(output, decisions.iter().map(|it| (Some(it.finding.to_string()), &it.row)));
}

fn show_rows<'a>(output: Output, rows: impl Iterator<Item = (Option<String>, &'a DecisionRow)>) {
    let rows: Vec<_> = rows.collect();
    let Some((of, _)) = rows.first() else { return };
    let header = ["FINDING", "DECIDED", "DECISION", "AUTHOR", "UNTIL", "REASON", "ENDED", "BY"];
    let skipped = usize::from(of.is_none());
    output.line("");
    let mut table = output.table(header.get(skipped..).unwrap_or_default()).spare(&["BY"]);
    for (finding, it) in rows {
        let ended = it.ended.zip(it.ended_at).map(|(how, at)| format!("{} {}", how.as_str(), seconds(at)));
        let row = cells![
            finding,
            it.decided_at,
            it.entry.decision.as_str(),
            &it.author,
            it.entry.until.map(day),
            short(it.entry.reason.as_deref().unwrap_or_default(), 60),
            ended,
            it.ended_by.as_deref(),
        ];
        table.add_row(row.into_iter().skip(skipped));
    }
    output.print(&table);
}
