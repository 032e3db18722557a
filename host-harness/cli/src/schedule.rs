//! `harness instance schedule`: when an instance is synced.

use std::process::ExitCode;

use host_harness::{InstanceName, InstanceWork, Percent, Plan, Rhythm, Span, Zone};
use serde::Serialize;

use super::{
    Context,
    daemon::next,
    error::Failure,
    output::{Cell, moment},
};

/// Without an option it is shown.
#[derive(clap::Args)]
pub struct Args {
    /// Name of the instance
    name: InstanceName,
    /// Sync at this interval, such as 1h or 30m
    #[arg(long, value_name = "TIME", conflicts_with = "cron")]
    every: Option<Span>,
    /// Sync when this cron expression says so: minute, hour, day, month, day of the week
    #[arg(long, value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Read everything at this interval, and mark what is gone
    #[arg(long, value_name = "TIME", conflicts_with = "reconcile_cron")]
    reconcile_every: Option<Span>,
    /// Read everything when this cron expression says so, and mark what is gone
    #[arg(long, alias = "reconcile", value_name = "EXPRESSION")]
    reconcile_cron: Option<String>,
    /// Time zone of the cron expressions [default: UTC]
    #[arg(long, value_name = "NAME")]
    zone: Option<Zone>,
    /// Come up to so much later than others of the same schedule
    #[arg(long, value_name = "TIME")]
    jitter: Option<Span>,
    /// Share of the open findings that one sync may find gone without a question [default: 30%]
    #[arg(long, value_name = "PERCENT")]
    max_vanish: Option<Percent>,
    /// Leave the instance alone until --resume
    #[arg(long, conflicts_with = "resume")]
    pause: bool,
    /// Go on after --pause
    #[arg(long)]
    resume: bool,
    /// Forget the schedule
    #[arg(long, conflicts_with_all = ["every", "cron", "reconcile_every", "reconcile_cron", "zone", "jitter", "pause", "resume"])]
    off: bool,
}

/// What `instance schedule` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct ScheduleReport {
    /// When the instance is synced, and how it went so far.
    #[serde(flatten)]
    work: InstanceWork,
    /// Share of the open findings, in percent, that one sync may find gone
    /// without a question.
    max_vanish: u8,
}

impl Args {
    /// What of a plan is given anew, over what there is.
    fn plan(&self, known: Option<Plan>) -> Result<Option<Plan>, Failure> {
        let rhythm = |every: Option<Span>, cron: Option<&String>| -> Result<Option<Rhythm>, Failure> {
            let rhythm = match (every, cron) {
                (Some(every), _) => Rhythm::every(every).map(Some),
                (None, Some(cron)) => Rhythm::cron(cron).map(Some),
                (None, None) => Ok(None),
            };
            rhythm.map_err(|error| host_harness::HarnessError::from(error).into())
        };
        let sync = rhythm(self.every, self.cron.as_ref())?;
        let reconcile = rhythm(self.reconcile_every, self.reconcile_cron.as_ref())?;
        if sync.is_none() && reconcile.is_none() && self.zone.is_none() && self.jitter.is_none() {
            return Ok(None);
        }
        let mut plan = known.unwrap_or_default();
        plan.sync = sync.or(plan.sync);
        plan.reconcile = reconcile.or(plan.reconcile);
        plan.zone = self.zone.clone().unwrap_or(plan.zone);
        plan.jitter = self.jitter.unwrap_or(plan.jitter);
        if plan.sync.is_none() && plan.reconcile.is_none() {
            let remedy = "give --every TIME, --cron EXPRESSION, --reconcile-every TIME or --reconcile-cron EXPRESSION";
            return Err(Failure::new("invalid-schedule", "a schedule says when to sync", Some(remedy)));
        }
        Ok(Some(plan))
    }
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let (tenant, output) = (context.tenant()?, context.output);
    let told = |error: host_harness::HarnessError| Failure::from(error).of(tenant.id(), Some(&args.name));
    let instance = tenant.instance(&args.name).await.map_err(told)?;
    let id = instance.id;
    if args.off {
        tenant.store().run(move |store| store.clear_schedule(id)).await?;
    }
    let known = tenant.store().read(move |store| store.schedule(id)).await?;
    if let Some(plan) = args.plan(known.map(|it| it.plan))? {
        tenant.schedule(&instance, plan).await.map_err(told)?;
    }
    if let Some(limit) = args.max_vanish {
        tenant.store().run(move |store| store.set_max_vanish(id, Some(limit))).await?;
    }
    if args.pause || args.resume {
        let paused = args.pause;
        if !tenant.store().run(move |store| store.pause_schedule(id, paused)).await? {
            let remedy = format!("set one with: harness instance schedule {} --every 1h", args.name);
            return Err(Failure::new("no-schedule", "the instance has no schedule", Some(&remedy)));
        }
    }
    let instance = tenant.instance(&args.name).await.map_err(told)?;
    let work = tenant.work_of(&instance).await.map_err(told)?;
    let report = ScheduleReport { work, max_vanish: instance.max_vanish.get() };
    output.result(&report, |report| {
        let work = &report.work;
        let mut table = output.table(&["instance", &work.instance]);
        table.add_row(["schedule", work.schedule.as_deref().unwrap_or("none: it is synced when somebody asks")]);
        table.add_row(["next", &next(work)]);
        if let Some(at) = work.next_reconcile_at {
            table.add_row(["everything", &moment(at)]);
        }
        table.add_row(["may vanish", &format!("{}% of the open findings without a question", report.max_vanish)]);
        if work.failures > 0 {
            table.add_row(["failures", &format!("{} in a row", work.failures)]);
        }
        if let Some(why) = &work.waiting {
            table.add_row(["remark".into(), Cell::text(why)]);
        }
        output.print(&table);
        if work.schedule.is_some() {
            output.line("Schedules are kept by: harness run");
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
