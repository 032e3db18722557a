//! `harness instance schedule`: when an instance is synced.

use std::process::ExitCode;

use host_harness::{
    grant::InstanceName,
    store::{Cadence, Interval, Percent, Plan, Zone},
};

use super::{Context, daemon::next, error::Failure, style, table::Cell};

/// Without an option it is shown.
#[derive(clap::Args)]
pub struct Args {
    /// Select the instance
    name: InstanceName,
    /// Sync at this interval, such as 1h or 30m
    #[arg(long, value_name = "TIME", conflicts_with = "cron")]
    every: Option<Interval>,
    /// Sync by this cron expression: minute, hour, day, month, day of the week
    #[arg(long, value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Run a full sync at this interval, which detects removals
    #[arg(long, value_name = "TIME", conflicts_with = "full_cron")]
    full_every: Option<Interval>,
    /// Run a full sync by this cron expression
    #[arg(long, value_name = "EXPRESSION")]
    full_cron: Option<String>,
    /// Set the time zone of the cron expressions [default: UTC]
    #[arg(long, value_name = "NAME")]
    zone: Option<Zone>,
    /// Set the maximum jitter
    #[arg(long, value_name = "TIME")]
    jitter: Option<Interval>,
    /// Limit the share of open findings that one sync may mark as vanished [default: 30%]
    #[arg(long, value_name = "PERCENT")]
    max_removal: Option<Percent>,
    /// Remove the schedule
    #[arg(long, conflicts_with_all = ["every", "cron", "full_every", "full_cron", "zone", "jitter"])]
    remove: bool,
}

impl Args {
    /// What of a plan is given anew, over what there is.
    fn plan(&self, known: Option<Plan>) -> Result<Option<Plan>, Failure> {
        let cadence = |every: Option<Interval>, cron: Option<&String>| -> Result<Option<Cadence>, Failure> {
            let cadence = match (every, cron) {
                (Some(every), _) => Cadence::every(every).map(Some),
                (None, Some(cron)) => Cadence::cron(cron).map(Some),
                (None, None) => Ok(None),
            };
            cadence.map_err(|error| host_harness::Error::from(error).into())
        };
        let sync = cadence(self.every, self.cron.as_ref())?;
        let full = cadence(self.full_every, self.full_cron.as_ref())?;
        if sync.is_none() && full.is_none() && self.zone.is_none() && self.jitter.is_none() {
            return Ok(None);
        }
        let mut plan = known.unwrap_or_default();
        plan.sync = sync.or(plan.sync);
        plan.full = full.or(plan.full);
        plan.zone = self.zone.clone().unwrap_or(plan.zone);
        plan.jitter = self.jitter.unwrap_or(plan.jitter);
        if plan.sync.is_none() && plan.full.is_none() {
            let hint = "give --every TIME, --cron EXPRESSION, --full-every TIME or --full-cron EXPRESSION";
            return Err(Failure::new(
                "invalid-schedule",
                "the schedule has no interval and no cron expression",
                Some(hint),
            ));
        }
        Ok(Some(plan))
    }
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let (tenant, output) = (context.tenant()?, context.output);
    let told = |error: host_harness::Error| Failure::from(error).of(tenant.id(), Some(&args.name));
    if args.remove {
        tenant.clear_schedule(&args.name).await.map_err(told)?;
    }
    let known = tenant.schedule_plan(&args.name).await.map_err(told)?;
    if let Some(plan) = args.plan(known)? {
        let instance = tenant.instance(&args.name).await.map_err(told)?;
        tenant.schedule(&instance, plan).await.map_err(told)?;
    }
    if let Some(limit) = args.max_removal {
        tenant.set_max_removal(&args.name, limit).await.map_err(told)?;
    }
    let report = tenant.schedule_report(&args.name).await.map_err(told)?;
    output.result(&report, |report| {
        let work = &report.work;
        let mut facts = output.facts("instance", &work.instance);
        facts.add("schedule", work.schedule.as_deref().unwrap_or("none: synced on request only"));
        facts.add("next", next(work));
        facts.add("next full", work.next_full_at);
        facts.add("max removal", format!("{}% of the open findings", report.max_removal));
        if work.failures > 0 {
            facts.add("failures", Cell::from(format!("{} in a row", work.failures)).styled(style::BAD));
        }
        facts.add("note", work.waiting.as_deref().map(Cell::text));
        output.print(&facts);
        if work.schedule.is_some() {
            output.line("Schedules are run by: harness daemon");
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
