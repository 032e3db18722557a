//! `harness rehearse`: what a sync would store, with nothing stored.

use std::{path::PathBuf, process::ExitCode};

use appsec_model::{Kind, Severity};
use host_harness::{
    Answers, FindingCount, FindingList, Rehearsal, RehearsalReport, View, grant::counted, ingest::Selection,
    store::ACTIVE,
};

use super::{
    Context,
    error::Failure,
    output::Output,
    runs,
    sync::Shown,
    table::cells,
    vendor::{VendorArgs, connector},
    views,
};

#[derive(clap::Args)]
pub struct Args {
    /// Component file to rehearse [default: the bundled connector]
    file: Option<PathBuf>,
    /// Fetch only this kind, such as sast or sca
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// Fetch only this project
    #[arg(long = "project", value_name = "NAME")]
    projects: Vec<String>,
    #[command(flatten)]
    vendor: VendorArgs,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let connector = connector(context, args.file.as_deref()).await?;
    let vendor = args.vendor.read()?;
    let name = "rehearsal".parse().map_err(|error| Failure::new("name", format!("{error}"), None))?;
    let asked = Rehearsal {
        path: (context.tenant.clone(), name),
        connector,
        // Without another word, the vendor is where the connector says.
        vendor: vendor.answers.clone().unwrap_or(Answers::Origins(Vec::new())),
        record: vendor.record.is_some(),
        secret: vendor.secret.clone(),
        secrets: vendor.secrets.clone(),
        settings: vendor.settings.clone(),
        selection: Selection { kinds: args.kinds, projects: args.projects, ..Selection::default() },
    };
    let shown = Shown::new(context.output, "rehearsal");
    let rehearsed = context.harness.rehearse(asked, shown.progress()).await;
    shown.end();
    let rehearsed = rehearsed?;
    vendor.keep(rehearsed.cassette.as_deref())?;
    let report = rehearsed.report;
    context.output.result(&report, |report| show(context.output, report))?;
    let is_whole = report.log.runs.iter().all(host_harness::store::Run::is_whole);
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// Findings by kind and severity, those that are open and all.
pub fn show_counts(output: Output, counts: &[FindingCount]) {
    let mut kinds: Vec<&str> = counts.iter().map(|it| it.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut table = output.table(&["KIND", "SEVERITY", "OPEN", "ALL"]);
    for kind in kinds {
        for level in Severity::ALL {
            let of = || counts.iter().filter(|it| it.kind == kind && it.severity == level);
            let all: u64 = of().map(|it| it.count).sum();
            if all > 0 {
                let open: u64 = of().filter(|it| ACTIVE.contains(&it.status.as_str())).map(|it| it.count).sum();
                table.add_row(cells![kind, level, open, all]);
            }
        }
    }
    output.print(&table);
}

fn show(output: Output, report: &RehearsalReport) {
    output.line("Findings that would be stored:");
    show_counts(output, &report.stored);
    if !report.findings.findings.is_empty() {
        output.line("");
        output.line("The most urgent open ones:");
        views::show_list(output, View::All, &FindingList { next_cursor: None, ..report.findings.clone() }, None);
    }
    output.line("");
    let (projects, packages) = (counted(report.projects, "project"), counted(report.packages, "package"));
    output.line(format!("{projects}, {packages} with {} {}", report.connector, report.version));
    for run in &report.log.runs {
        runs::show_summary(output, run, None);
    }
    for note in &report.log.diagnostics {
        let id = note.id.as_deref().unwrap_or("without id");
        output.line(format!("record {id}: {} ({})", note.message, note.code));
    }
    output.line("Nothing was stored.");
}
