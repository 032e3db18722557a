//! `harness runs`: the run log.

use std::process::ExitCode;

use appsec_model::{Diagnostic, Scope};
use host_harness::{InstanceName, ReadState, Run};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    output::{Output, bytes, moment, short},
    vanishing::{self, Vanishing},
};

#[derive(clap::Args)]
pub struct Args {
    /// Show this run with its reads and remarks
    run: Option<i64>,
    /// Only those of this instance
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
    /// At most so many, newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

/// What `runs` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct RunList {
    /// The runs, newest first.
    runs: Vec<Run>,
    /// For a single run: its remarks, up to the limit.
    diagnostics: Vec<Diagnostic>,
    /// For a single run: what it did not mark as vanished, up to the limit.
    vanishing: Option<Vanishing>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let output = context.output;
    if let Some(id) = args.run {
        let limit = args.limit;
        let (run, diagnostics) =
            tenant.store().run(move |store| Ok((store.run(id)?, store.diagnostics(id, limit)?))).await?;
        let run = run.ok_or_else(|| Failure::from(host_harness::HarnessError::NoRun(id)).of(tenant.id(), None))?;
        let vanishing = Vanishing::of(&tenant, &run, Some(limit)).await?;
        output.result(&RunList { runs: vec![run], diagnostics, vanishing }, |list| {
            for run in &list.runs {
                show_run(output, run);
                show_reads(output, run);
            }
            for diagnostic in &list.diagnostics {
                let id = diagnostic.id.as_deref().unwrap_or("without id");
                output.line(format!("record {id}: {} ({})", diagnostic.message, diagnostic.code));
            }
            list.vanishing.iter().for_each(|it| vanishing::show(output, it));
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let instance_id = super::findings::instance_id(&tenant, args.instance.as_ref()).await?;
    let runs = tenant.store().run(move |store| store.runs(instance_id, args.limit)).await?;
    output.result(&RunList { runs, diagnostics: Vec::new(), vanishing: None }, |list| show_list(output, &list.runs))?;
    Ok(ExitCode::SUCCESS)
}

fn show_list(output: Output, runs: &[Run]) {
    if runs.is_empty() {
        output.line("No runs yet. Start one with: harness sync");
        return;
    }
    let mut table = output.table(&[
        "RUN",
        "INSTANCE",
        "STARTED",
        "MODE",
        "STATE",
        "PAGES",
        "NEW",
        "CHANGED",
        "UNCHANGED",
        "GONE",
        "WHY",
    ]);
    for run in runs {
        let counts = &run.counts;
        table.add_row([
            run.id.to_string(),
            run.instance.clone(),
            moment(run.started_at),
            run.mode.as_str().to_owned(),
            run.state.as_str().to_owned(),
            counts.pages.to_string(),
            counts.new.to_string(),
            counts.changed.to_string(),
            counts.unchanged.to_string(),
            counts.vanished.to_string(),
            run.message.as_deref().map(|message| short(message, 120)).unwrap_or_default(),
        ]);
    }
    output.print(&table);
}

/// A run in some lines.
pub fn show_run(output: Output, run: &Run) {
    let counts = &run.counts;
    let resumed = if run.resumed > 0 { ", went on after having been cut off" } else { "" };
    output.line(format!("Run {} of {}: {}{resumed}", run.id, run.instance, run.state.as_str()));
    if let Some(message) = &run.message {
        output.line(format!("  {message}"));
    }
    let took =
        run.finished_at.map(|end| (end.as_micros() - run.started_at.as_micros()) as f64 / 1e6).unwrap_or_default();
    output.line(format!(
        "  {} projects, {} records: {} new, {} changed, {} unchanged, {} vanished",
        run.projects, counts.records, counts.new, counts.changed, counts.unchanged, counts.vanished
    ));
    let aside = [
        (counts.repeated, "repeated"),
        (counts.unmapped, "of other projects"),
        (counts.skipped, "skipped"),
        (counts.unusable, "not usable"),
        (counts.warnings, "remarks"),
    ];
    let aside: Vec<String> =
        aside.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if !aside.is_empty() {
        output.line(format!("  beside them {} (harness runs {} shows more)", aside.join(", "), run.id));
    }
    output.line(format!(
        "  {} pages, {} requests, {} received, {took:.2} s, {} guest memory at most",
        counts.pages,
        counts.requests,
        bytes(counts.received_bytes),
        bytes(counts.peak_memory_bytes)
    ));
    if counts.waits > 0 {
        output.line(format!("  waited {} times, {:.1} s in all", counts.waits, counts.waited_ms as f64 / 1e3));
    }
}

fn show_reads(output: Output, run: &Run) {
    let mut table = output.table(&["KIND", "SCOPE", "STATE", "PAGES", "RECORDS", "NEW", "CHANGED", "GONE", "WHY"]);
    for read in &run.reads {
        let scope = match &read.scope {
            Scope::Deployment => "the whole deployment".to_owned(),
            Scope::Projects(projects) => match projects.as_slice() {
                [project] => project.name.clone(),
                [first, ..] => format!("{} and {} others", first.name, projects.len() - 1),
                [] => String::new(),
            },
        };
        let state = if read.state == ReadState::Pending { "not at its end" } else { read.state.as_str() };
        let counts = &read.counts;
        table.add_row([
            read.kind.to_string(),
            scope,
            state.to_owned(),
            counts.pages.to_string(),
            counts.records.to_string(),
            counts.new.to_string(),
            counts.changed.to_string(),
            counts.vanished.to_string(),
            read.message.as_deref().map(|message| short(message, 120)).unwrap_or_default(),
        ]);
    }
    output.print(&table);
}
