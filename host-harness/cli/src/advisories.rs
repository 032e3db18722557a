//! `harness advisories`: ratings of advisories, from files of the operator.

use std::{path::PathBuf, process::ExitCode};

use appsec_analysis::{Advisories, Advisory, advisories::KevEntry};
use host_harness::{AdvisoryImport, grant::counted};

use super::{
    Context,
    error::Failure,
    outcomes::Outcomes,
    output::{Output, short},
};

/// Problems of a file that are shown.
const PROBLEMS: usize = 20;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Import CVSS and EPSS scores and known exploitation from OSV records and the KEV catalogue (JSON) and CSV files, and
    /// apply them to findings
    Import {
        /// Files, or directories of files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Show an advisory
    Show {
        /// Id of the advisory, such as CVE-2021-44228
        id: String,
    },
    /// Remove all scores and the KEV catalogue
    Clear,
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let tenant = match command {
        Command::Import { .. } => context.tenant_or_new()?,
        Command::Show { .. } | Command::Clear => context.tenant()?,
    };
    let output = context.output;
    match command {
        Command::Import { paths } => {
            let mut advisories = Advisories::default();
            let mut problems = Vec::new();
            let mut outcomes = Outcomes::default();
            for path in &paths {
                let read = advisories.read_path(path).map_err(|error| {
                    let message = format!("cannot read {}: {error}", path.display());
                    Failure::new("file-unreadable", message, Some("check the path and its permissions"))
                });
                problems.extend(outcomes.note(read).unwrap_or_default().iter().map(ToString::to_string));
            }
            let mut outcomes = outcomes.or_failed(output)?;
            let report = tenant.import_advisories(advisories, problems).await?;
            output.result(&report, |report| show_import(output, report))?;
            outcomes.lacks(!report.problems.is_empty());
            Ok(outcomes.end(output))
        }
        Command::Show { id } => {
            let advisory = tenant.advisory(&id).await?;
            output.result(&advisory, |advisory| show(output, advisory))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Clear => {
            let report = tenant.clear_advisories().await?;
            output.result(&report, |report| show_import(output, report))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show_import(output: Output, report: &AdvisoryImport) {
    output.line(format!(
        "{} read, {} known, {} rated anew",
        counted(report.advisories, "advisory"),
        counted(report.known, "number"),
        counted(report.findings_changed, "finding")
    ));
    for problem in report.problems.iter().take(PROBLEMS) {
        output.line(format!("  {problem}"));
    }
    if report.problems.len() > PROBLEMS {
        output.line(format!("  {} in all; --json shows them", counted(report.problems.len(), "problem")));
    }
}

/// What the KEV catalogue says of a vulnerability.
pub fn listed(kev: &KevEntry) -> String {
    let due = kev.due.as_ref().map(|due| format!(", due {due}")).unwrap_or_default();
    format!("exploited, listed since {}{due}{}", kev.added, if kev.ransomware { ", used for ransomware" } else { "" })
}

fn show(output: Output, advisory: &Advisory) {
    output.line(format!("Advisory {}", advisory.ids.join(", ")));
    if let Some(summary) = &advisory.summary {
        output.line(format!("  {}", short(summary, 500)));
    }
    for rating in &advisory.cvss {
        let (version, severity) = (rating.version.as_str(), rating.severity.as_str());
        output.line(format!(
            "  CVSS {version} {:.1} ({severity}), {}, from {}",
            rating.score, rating.vector, rating.source
        ));
    }
    if let Some(epss) = &advisory.epss {
        let date = epss.date.as_ref().map(|date| format!(" of {date}")).unwrap_or_default();
        let percentile = epss.percentile.map(|it| format!(", percentile {it:.4}")).unwrap_or_default();
        output.line(format!("  EPSS {:.4}{percentile}{date}, from {}", epss.score, epss.source));
    }
    if let Some(kev) = &advisory.kev {
        output.line(format!("  KEV: {}, from {}", listed(kev), kev.source));
    }
}
