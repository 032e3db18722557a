//! `harness runs`: the run log.

use std::process::ExitCode;

use appsec_model::{DiagnosticLevel, Scope};
use host_harness::{
    Retention, Tenant,
    columns::RUNS_CSV,
    grant::{InstanceName, counted},
    store::{FetchState, Interval, Run, RunMode, RunProject, RunWait},
};

use super::{
    Context,
    error::Failure,
    filters::{self, Filters},
    hint::hint,
    output::{CsvArg, Output, bytes, joined, short},
    style,
    table::{Cell, cells},
    vanishing,
    views::none,
};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Show this run with its projects, fetches and notes
    #[arg(conflicts_with = "csv")]
    run: Option<i64>,
    /// Show only notes of this level; with a run
    #[arg(long, value_name = "LEVEL", requires = "run")]
    level: Option<LevelArg>,
    #[command(flatten)]
    filters: Filters<filters::Runs>,
    #[command(flatten)]
    csv: CsvArg,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LevelArg {
    Error,
    Warning,
    Skipped,
}

impl From<LevelArg> for DiagnosticLevel {
    fn from(arg: LevelArg) -> Self {
        match arg {
            LevelArg::Error => Self::Error,
            LevelArg::Warning => Self::Warning,
            LevelArg::Skipped => Self::Skipped,
        }
    }
}

#[derive(clap::Subcommand)]
enum Command {
    /// Delete old runs; keeps findings and their history
    Prune {
        /// Keep runs up to this age (90d), or this many of each instance (100)
        #[arg(long, value_name = "AGE|N")]
        keep: String,
        /// Delete only runs of this instance
        #[arg(long, value_name = "NAME")]
        instance: Option<InstanceName>,
    },
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let output = context.output;
    if let Some(Command::Prune { keep, instance }) = args.command {
        return prune(context, &tenant, &keep, instance.as_ref()).await;
    }
    if let Some(id) = args.run {
        let limit = args.filters.query.limit();
        let mut list = tenant.run(id, limit).await.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
        if let Some(level) = args.level {
            list.diagnostics = tenant.remarks(id, Some(level.into()), limit).await?;
        }
        output.result(&list, |list| {
            for run in &list.runs {
                show_summary(output, run, None);
                list.waits.iter().for_each(|it| show_wait(output, it));
                show_projects(output, &list.projects, limit);
                show_reads(output, run);
            }
            for diagnostic in &list.diagnostics {
                let id = diagnostic.id.as_deref().unwrap_or("without id");
                output.line(format!("record {id}: {} ({})", diagnostic.message, diagnostic.code));
            }
            list.vanishing.iter().for_each(|it| vanishing::show(output, it, usize::MAX));
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let query = args.filters.query;
    let is_filtered = query.pairs().iter().any(|(name, _)| matches!(*name, "state" | "since" | "project"));
    let list = tenant.run_list(&query).await.map_err(|error| Failure::from(error).of_instance(tenant.id()))?;
    let unread = if list.total == 0 { tenant.unread_of(query.instance("instance").as_ref()).await? } else { None };
    output.listed(args.csv, (RUNS_CSV, &list.runs), &list, |list| match (list.total, is_filtered) {
        (0, true) => output.line("No runs match the filters."),
        (0, false) => output.line(none("runs", unread.as_ref())),
        (total, _) => {
            show_list(output, &list.runs);
            if total > list.runs.len() as u64 {
                output.line(format!("{} of {total}", list.runs.len()));
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn prune(
    context: &Context,
    tenant: &Tenant,
    keep: &str,
    instance: Option<&InstanceName>,
) -> Result<ExitCode, Failure> {
    let keep = match (keep.parse::<u32>(), keep.parse::<Interval>()) {
        (Ok(newest), _) => Retention::Newest(newest),
        (_, Ok(age)) => Retention::Younger(age),
        (_, Err(error)) => return Err(host_harness::Error::from(error).into()),
    };
    let pruned = tenant.prune_runs(keep, instance).await;
    let pruned = pruned.map_err(|error| Failure::from(error).of_instance(tenant.id()))?;
    context.output.result(&pruned, |it| context.output.line(format!("{} deleted", counted(it.runs, "run"))))?;
    Ok(ExitCode::SUCCESS)
}

fn show_wait(output: Output, it: &RunWait) {
    output.line(format!("  {}, {:.1} s: {}", counted(it.waits, "time"), it.waited_ms as f64 / 1e3, it.reason));
}

/// What a run brought by project, those with news.
fn show_projects(output: Output, projects: &[RunProject], limit: u32) {
    let news = |it: &&RunProject| {
        [it.new, it.changed, it.fixed, it.reopened, it.vanished, it.warnings, it.rejected].iter().any(|it| *it > 0)
    };
    let mut table = output
        .table(&[
            "PROJECT", "PAGES", "RECORDS", "NEW", "CHANGED", "FIXED", "REOPENED", "VANISHED", "NOTES", "REQUESTS",
            "TOOK",
        ])
        .spare(&["PAGES", "REQUESTS", "TOOK", "NOTES", "REOPENED"]);
    let (mut shown, limit) = (0, usize::try_from(limit).unwrap_or(usize::MAX));
    for it in projects.iter().filter(news).take(limit) {
        let took = (it.last_at.as_micros() - it.first_at.as_micros()) as f64 / 1e6;
        table.add_row(cells![
            &it.project,
            it.pages,
            it.records,
            it.new,
            it.changed,
            it.fixed,
            it.reopened,
            it.vanished,
            it.warnings + it.rejected,
            it.usage.map(|usage| usage.requests),
            Cell::number(format!("{took:.1} s")),
        ]);
        shown += 1;
    }
    if shown > 0 {
        output.print(&table);
    }
    if shown < projects.len() {
        output.line(format!("{}; shown are the {shown} with news", counted(projects.len(), "project")));
    }
}

fn show_list(output: Output, runs: &[Run]) {
    let mut table = output
        .table(&[
            "RUN",
            "INSTANCE",
            "STARTED",
            "MODE",
            "STATE",
            "PAGES",
            "NEW",
            "CHANGED",
            "UNCHANGED",
            "VANISHED",
            "WHY",
        ])
        .spare(&["PAGES", "UNCHANGED", "MODE"]);
    for run in runs {
        let counts = &run.counts;
        table.add_row(cells![
            run.id,
            &run.instance,
            run.started_at,
            run.mode.as_str(),
            Cell::state(run.state.as_str()),
            counts.pages,
            counts.new,
            counts.changed,
            counts.unchanged,
            counts.vanished,
            run.message.as_deref().map(|message| short(&joined(message), 120)),
        ]);
    }
    output.print(&table);
}

/// A run in some lines.
pub fn show_run(output: Output, run: &Run) {
    show_summary(output, run, Some(&format!("harness runs {}", run.id)));
}

/// A run in some lines, and the command that shows more of it.
pub fn show_summary(output: Output, run: &Run, command: Option<&str>) {
    let counts = &run.counts;
    let resumed = if run.resumed > 0 { ", resumed after an interruption" } else { "" };
    let state = run.state.as_str();
    output.verdict(&format!("Run {} of {}: ", run.id, run.instance), (state, style::state(state)), resumed);
    if let Some(message) = &run.message {
        output.message(message);
        run.code.and_then(hint).into_iter().for_each(|it| output.hint(it));
    }
    let took =
        run.finished_at.map(|end| (end.as_micros() - run.started_at.as_micros()) as f64 / 1e6).unwrap_or_default();
    // A file has neither projects of its own nor requests.
    let is_file = run.mode == RunMode::Import;
    let projects = if is_file { String::new() } else { format!("{}, ", counted(run.projects, "project")) };
    output.line(format!(
        "  {projects}{}: {} new, {} changed, {} unchanged, {} vanished",
        counted(counts.records, "record"),
        counts.new,
        counts.changed,
        counts.unchanged,
        counts.vanished
    ));
    let aside = [
        (counts.duplicate, "duplicate"),
        (counts.unmapped, "of other projects"),
        (counts.skipped, "skipped"),
        (counts.rejected, "rejected"),
    ];
    let mut aside: Vec<String> =
        aside.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if counts.warnings > 0 {
        aside.push(counted(counts.warnings, "note"));
    }
    if !aside.is_empty() {
        let told = counts.skipped + counts.rejected + counts.warnings;
        let more = command.filter(|_| told > 0).map(|it| format!(" ({it} shows more)")).unwrap_or_default();
        output.line(format!("  also {}{more}", aside.join(", ")));
    }
    let received = format!("{}, {} received, ", counted(counts.requests, "request"), bytes(counts.received_bytes));
    output.line(format!(
        "  {}, {}{took:.2} s{}",
        counted(counts.pages, "page"),
        if is_file { "" } else { &received },
        match counts.peak_memory_bytes {
            0 => String::new(),
            peak => format!(", {} guest memory at most", bytes(peak)),
        }
    ));
    if counts.waits > 0 {
        let waits = counted(counts.waits, "time");
        output.line(format!("  waited {waits}, {:.1} s in all", counts.waited_ms as f64 / 1e3));
    }
}

fn show_reads(output: Output, run: &Run) {
    let mut table = output
        .table(&["KIND", "SCOPE", "STATE", "PAGES", "RECORDS", "NEW", "CHANGED", "VANISHED", "WHY"])
        .spare(&["PAGES"]);
    for read in &run.fetches {
        let scope = match &read.scope {
            Scope::Deployment => "the whole deployment".to_owned(),
            Scope::Projects(projects) => match projects.as_slice() {
                [project] => project.name.clone(),
                [first, rest @ ..] => format!("{} and {}", first.name, counted(rest.len(), "other")),
                [] => String::new(),
            },
        };
        let state = if read.state == FetchState::Pending { "incomplete" } else { read.state.as_str() };
        let counts = &read.counts;
        table.add_row(cells![
            read.kind.to_string(),
            scope,
            Cell::state(state),
            counts.pages,
            counts.records,
            counts.new,
            counts.changed,
            counts.vanished,
            // That of the run stands above.
            read.message.as_deref().filter(|it| run.message.as_deref() != Some(it)).map(|it| short(&joined(it), 120)),
        ]);
    }
    output.print(&table);
}
