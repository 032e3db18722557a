//! `harness sync`: fetches findings from vendors.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use appsec_model::Kind;
use host_harness::{
    SyncReport,
    conformance::Lab,
    grant::{Code, InstanceName, counted},
    ingest::{Progress, Selection, SyncEvent, SyncOptions, Vanishing},
    store::{MappingCounts, Percent, Run, RunState},
};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    Context, daemon,
    error::{Failure, USAGE},
    outcomes::Outcomes,
    output::{Output, peak_memory, remark},
    runs,
    secret::SecretArgs,
    text, vanishing,
    vendor::{self, TapeArgs},
};

#[derive(clap::Args)]
pub struct Args {
    /// Select the instance [default: all of the tenant]
    instance: Option<InstanceName>,
    /// Fetch only this kind, such as sast or sca
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// Fetch only this project
    #[arg(long = "project", value_name = "NAME")]
    projects: Vec<String>,
    /// Fetch only what changed since the last complete sync; detects no removals
    #[arg(long)]
    incremental: bool,
    /// Fetch everything (the default), even if an incremental sync was interrupted
    #[arg(long, conflicts_with = "incremental")]
    full: bool,
    /// Mark all removed findings as vanished, however many
    #[arg(long, conflicts_with_all = ["incremental", "max_removal", "dry_run"])]
    allow_removal: bool,
    /// Limit the share of open findings that may be marked as vanished [default: as set for the instance]
    #[arg(long, value_name = "PERCENT", conflicts_with_all = ["incremental", "dry_run"])]
    max_removal: Option<Percent>,
    /// Fetch everything and list what would be marked as vanished, without marking it
    #[arg(long, conflicts_with = "incremental")]
    dry_run: bool,
    /// Start over, even if the last sync was interrupted
    #[arg(long)]
    restart: bool,
    /// Sync everything due now in all tenants, then exit; prints the same events as `daemon`
    #[arg(long, conflicts_with_all = [
        "instance", "kinds", "projects", "incremental", "full", "allow_removal", "max_removal", "dry_run", "restart", "token",
        "record", "cassette",
    ])]
    due: bool,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    tape: TapeArgs,
}

/// Exit code of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

impl Args {
    fn vanishing(&self) -> Vanishing {
        match self.max_removal {
            Some(limit) => Vanishing::UpTo(limit),
            None if self.allow_removal => Vanishing::Allow,
            None if self.dry_run => Vanishing::Show,
            None => Vanishing::AsSet,
        }
    }
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if args.due {
        return daemon::due(context).await;
    }
    let network = match (&args.tape.cassette, &args.tape.record) {
        (Some(path), _) => Some(Lab::replaying(vendor::read(path)?)),
        (None, Some(_)) => Some(Lab::online()),
        (None, None) => None,
    };
    if network.is_some() && args.instance.is_none() {
        let hint = "name the instance: harness sync NAME";
        return Err(Failure::new(USAGE, "a recording is of one instance", Some(hint)));
    }
    let over = network.map(|network| context.over(Arc::new(network))).transpose()?;
    let context = over.as_ref().unwrap_or(context);
    let tenant = context.tenant()?;
    let mut some = true;
    let names = match &args.instance {
        Some(name) => vec![name.clone()],
        None => {
            let instances = tenant.instances().await?;
            // Reports are imported, and have no connector.
            let instances: Vec<_> = instances.into_iter().filter(|instance| !instance.is_report_source()).collect();
            some = !instances.is_empty();
            let (paused, active): (Vec<_>, Vec<_>) = instances.into_iter().partition(|it| it.paused.is_some());
            for instance in paused {
                context.output.line(format!("{}/{}: paused", tenant.id(), instance.made.name));
            }
            active.into_iter().map(|instance| instance.made.name).collect::<Vec<_>>()
        }
    };
    if !some {
        let failure = Failure::coded(Code::InstanceNotFound, "the tenant has no instance to sync");
        return Err(failure.with_hint("add one with: harness instance add NAME").of(tenant.id(), None));
    }
    let mut report = SyncReport::default();
    let mut outcomes = Outcomes::default();
    let secret = args.secret.source()?;
    let on_gone = args.vanishing();
    for name in names {
        let options = SyncOptions {
            selection: Selection { kinds: args.kinds.clone(), projects: args.projects.clone(), ..Selection::default() },
            incremental: args.incremental,
            full: args.full || on_gone != Vanishing::AsSet,
            fresh: args.restart,
            vanishing: on_gone,
            ..SyncOptions::default()
        };
        let shown = Shown::new(context.output, &format!("{}/{name}", tenant.id()));
        let sync = tenant.sync(&name, secret.clone(), options, shown.progress());
        let outcome = tokio::select! {
            outcome = sync => outcome,
            Ok(()) = tokio::signal::ctrl_c() => {
                shown.end();
                remark(format!("Interrupted: what was fetched is kept. The next sync resumes it: harness sync {name}"));
                return Ok(ExitCode::from(INTERRUPTED));
            }
        };
        shown.end();
        let told = |error: Failure| error.of(tenant.id(), Some(&name));
        let is_whole = outcome.as_ref().is_ok_and(Run::is_whole);
        match tenant.unanswered() {
            Some(missing) if !is_whole => return Err(told(missing.into())),
            // Such as the commits of further findings.
            Some(missing) => remark(format!("{}/{name}: {missing}", tenant.id())),
            None => {}
        }
        let recording = tenant.recording(&name).await.map_err(Failure::from).map_err(told)?;
        vendor::keep(args.tape.record.as_deref(), &args.tape.scrub, recording.as_deref())?;
        let Some(run) = outcomes.note(outcome.map_err(Failure::from).map_err(told)) else { continue };
        outcomes.lacks(!run.is_whole());
        let kept = tenant.vanishing(run.id, None).await.map_err(Failure::from).map_err(told);
        report.vanishing.extend(outcomes.note(kept).flatten());
        report.runs.push(run);
    }
    let outcomes = outcomes.or_failed(context.output)?;
    report.host_peak_memory_bytes = peak_memory();
    context.output.result(&report, |report| {
        for run in &report.runs {
            runs::show_run(context.output, run);
        }
        report.vanishing.iter().for_each(|it| vanishing::show(context.output, it, vanishing::FIRST));
    })?;
    show_mapping(context.output, &tenant.mapping_counts(None).await?);
    let code = outcomes.end(context.output);
    // Where nothing came, nothing was done, whatever the run log has of it.
    let failed = !report.runs.is_empty() && report.runs.iter().all(|run| run.state == RunState::Failed);
    Ok(if failed { ExitCode::FAILURE } else { code })
}

/// What needs a person's word.
fn show_mapping(output: Output, counts: &MappingCounts) {
    let MappingCounts { unmapped, drifted, .. } = counts;
    if *unmapped > 0 {
        let unmapped = counted(*unmapped, "project");
        output.line(format!("{unmapped} without a repository, not synced: harness mapping suggest"));
    }
    if *drifted > 0 {
        let drifted = counted(*drifted, "project");
        output.line(format!("{drifted} of another repository than before: harness mapping list --state drifted"));
    }
}

/// Shows the progress of a sync on standard error: a line that moves on a
/// terminal, and plain lines elsewhere.
pub struct Shown {
    bar: Option<ProgressBar>,
    instance_path: String,
    sums: Arc<Mutex<Sums>>,
    quiet: bool,
}

#[derive(Default)]
struct Sums {
    records: u64,
    written: u64,
    reads: usize,
    ended: usize,
}

impl Shown {
    pub fn new(output: Output, instance_path: &str) -> Self {
        let bar = (!output.is_json() && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            // A template without variables of its own cannot fail.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.set_prefix(instance_path.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, instance_path: instance_path.to_owned(), sums: Arc::default(), quiet: output.is_json() }
    }

    pub fn progress(&self) -> Progress {
        let (bar, instance_path, sums, quiet) =
            (self.bar.clone(), self.instance_path.clone(), self.sums.clone(), self.quiet);
        Arc::new(move |event| {
            let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
            let line = match event {
                SyncEvent::Resumed { run } => Some(format!("resumes run {run}, which was interrupted")),
                SyncEvent::Projects { listed, chosen } if listed == chosen => Some(counted(listed as u64, "project")),
                SyncEvent::Projects { listed, chosen } => {
                    Some(format!("{chosen} of {}", counted(listed as u64, "project")))
                }
                SyncEvent::Planned(count) => {
                    sums.reads = count;
                    Some(format!("{} to make", counted(count as u64, "fetch")))
                }
                SyncEvent::Page { records, written, .. } => {
                    sums.records += records;
                    sums.written += written;
                    None
                }
                SyncEvent::FetchEnded { .. } => {
                    sums.ended += 1;
                    None
                }
                SyncEvent::Waiting { wait, why } => Some(format!("waits {:.1} s: {why}", wait.as_secs_f32())),
            };
            match (&bar, line) {
                (Some(bar), Some(line)) => bar.set_message(text::line(&line).into_owned()),
                (Some(bar), None) => bar.set_message(format!(
                    "{} of {}, {}, {} written",
                    sums.ended,
                    counted(sums.reads, "fetch"),
                    counted(sums.records, "record"),
                    sums.written
                )),
                (None, Some(line)) if !quiet => remark(format!("{instance_path}: {line}")),
                (None, _) => {}
            }
        })
    }

    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
