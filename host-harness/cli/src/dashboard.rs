//! `harness dashboard`: counts and trends.

use std::process::ExitCode;

use host_harness::{Listed, columns::DAYS_CSV, grant::counted, store::Dashboard};

use super::{
    Context,
    error::Failure,
    filters::{self, Filters},
    output::{Output, print_csv, short},
    table::{Cell, cells},
    views::{listed, none},
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    filters: Filters<filters::Dashboard>,
    /// Print days as CSV (RFC 4180)
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let Listed { list: dashboard, unread, .. } = listed(&tenant, tenant.dashboard(&args.filters.query).await)?;
    if args.csv {
        print_csv(DAYS_CSV, &dashboard.days)?;
        return Ok(ExitCode::SUCCESS);
    }
    let output = context.output;
    output.result(&dashboard, |dashboard| match dashboard.statuses.is_empty() {
        true => output.line(none("findings", unread.as_ref())),
        false => show(output, dashboard),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, dashboard: &Dashboard) {
    output.line(counted(dashboard.open, "open finding"));
    let mut table = output.table(&["SEVERITY", "OPEN", "FIXED", "MEAN DAYS TO FIX"]);
    let days = |of| dashboard.time_to_fix.iter().find(|it| it.severity == of);
    let fixes = |of| days(of).map_or(0, |it| it.fixed);
    let mean = |of| days(of).and_then(|it| it.mean_days).map(|days| Cell::number(format!("{days:.1}")));
    let mut severities: Vec<_> = dashboard.severities.iter().map(|it| (it.severity, it.open)).collect();
    for fixed in dashboard.time_to_fix.iter().filter_map(|it| it.severity) {
        if severities.iter().all(|(known, _)| *known != fixed) {
            severities.push((fixed, 0));
        }
    }
    severities.sort_by_key(|it| std::cmp::Reverse(it.0));
    for (of, open) in severities {
        table.add_row(cells![of, open, fixes(Some(of)), mean(Some(of))]);
    }
    table.add_row(cells!["all", dashboard.open, fixes(None), mean(None)]);
    output.print(&table);
    if let Some(first) = dashboard.days.first() {
        output.line(format!("FIXED counts fixes since {}; set another time with --since", first.day));
    }

    let counts = |header: &[&str; 2], rows: Vec<(String, u64)>| {
        if rows.is_empty() {
            return;
        }
        output.line("");
        let mut table = output.table(header);
        for (name, count) in rows {
            table.add_row(cells![name, count]);
        }
        output.print(&table);
    };
    counts(&["KIND", "OPEN"], dashboard.kinds.iter().map(|it| (it.name.clone(), it.findings)).collect());
    counts(&["STATUS", "FINDINGS"], dashboard.statuses.iter().map(|it| (it.name.clone(), it.findings)).collect());
    counts(&["FIRST SEEN", "OPEN"], dashboard.ages.iter().map(|it| (it.age.clone(), it.open)).collect());
    if !dashboard.repositories.is_empty() {
        output.line("");
        let mut table = output.table(&["REPOSITORY", "OPEN", "CRITICAL", "HIGH"]);
        for it in &dashboard.repositories {
            let name = it.repository.clone().unwrap_or_else(|| "(of no repository)".to_owned());
            table.add_row(cells![name, it.open, it.critical, it.high]);
        }
        output.print(&table);
    }
    let cwes = dashboard.cwes.iter().map(|it| {
        let name = it.name.as_deref().map(|name| format!(" {}", short(name, 120))).unwrap_or_default();
        (format!("CWE-{}{name}", it.cwe), it.open)
    });
    counts(&["WEAKNESS", "OPEN"], cwes.collect());
    let packages = dashboard.packages.iter().map(|it| (format!("{} ({})", it.name, it.ecosystem), it.open));
    counts(&["PACKAGE", "OPEN"], packages.collect());
    show_shares(output, dashboard);
    show_days(output, dashboard);
}

fn show_shares(output: Output, dashboard: &Dashboard) {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    output.line("");
    if let Some(share) = dashboard.top25.share {
        let it = &dashboard.top25;
        let (percent, listed, all) = (percent(share), it.listed, it.with_weakness);
        output.line(format!("CWE Top 25 of {}: {percent} ({listed} of {all} that name a weakness)", it.edition));
    }
    if let Some(share) = dashboard.reachability.share {
        let it = &dashboard.reachability;
        output.line(format!("Reachable: {} ({} of {} that were analyzed)", percent(share), it.reachable, it.analyzed));
    }
}

/// The days on which something happened.
fn show_days(output: Output, dashboard: &Dashboard) {
    let mut table = output.table(&["DAY (UTC)", "NEW", "REOPENED", "FIXED", "VANISHED", "DISMISSED", "OPEN"]);
    for it in &dashboard.days {
        let counts = [it.new, it.reopened, it.fixed, it.vanished, it.dismissed];
        if counts.iter().any(|count| *count > 0) {
            let counts = counts.into_iter().chain([it.open]).map(Cell::from);
            table.add_row([Cell::from(&it.day)].into_iter().chain(counts));
        }
    }
    if !table.is_empty() {
        output.line("");
        output.print(&table);
    }
}
