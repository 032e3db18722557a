//! `harness coverage`: which repositories are looked after.

use std::{collections::BTreeSet, process::ExitCode};

use host_harness::{
    columns::{CoverageLine, coverage_csv},
    grant::counted,
    store::{ClassCoverage, Coverage, CoverageCell, CoverageState, Outcome},
};

use super::{
    Context,
    error::Failure,
    filters::{self, Filters},
    output::{Output, print_csv},
    style,
    table::{Cell, cells},
    views::none,
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    filters: Filters<filters::Coverage>,
    /// Print CSV (RFC 4180), one row per repository and instance
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    csv: bool,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let coverage = tenant.coverage(&args.filters.query).await?;
    if args.csv {
        print_csv(&coverage_csv(), &CoverageLine::all(&coverage).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_unknown = coverage.summary.repositories == 0 && coverage.unmapped.is_empty();
    let unread = if is_unknown { tenant.unread(&args.filters.query).await? } else { None };
    let output = context.output;
    output.result(&coverage, |coverage| match unread {
        Some(_) => output.line(none("repositories", unread.as_ref())),
        None => show(output, coverage),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, coverage: &Coverage) {
    if coverage.repositories.is_empty() {
        let none = "No repositories. They are created when projects are mapped, or imported";
        output.line(if coverage.summary.repositories == 0 { none } else { "Every repository is covered." });
    } else {
        let instances = coverage.instances.iter().map(|name| name.to_uppercase());
        let header: Vec<String> = ["REPOSITORY".to_owned()]
            .into_iter()
            .chain(instances)
            .chain(["VULNERABILITIES".to_owned(), "WEAKNESSES".to_owned()])
            .collect();
        let mut table = output.table(&header.iter().map(String::as_str).collect::<Vec<_>>());
        for it in &coverage.repositories {
            let mut cells = Vec::from(cells![&it.repository]);
            cells.extend(coverage.instances.iter().filter_map(|name| it.instances.get(name)).map(cell));
            cells.extend([class(it.vulnerabilities), class(it.weaknesses)]);
            table.add_row(cells);
        }
        output.print(&table);
        show_reasons(output, coverage);
    }
    let it = coverage.summary;
    output.line(format!(
        "{}: {} covered for vulnerabilities, {} for weaknesses, {} not at all",
        counted(it.repositories, "repository"),
        it.vulnerabilities,
        it.weaknesses,
        it.uncovered
    ));
    if coverage.unmapped.is_empty() {
        return;
    }
    output.line("");
    let mut table = output.table(&["PROJECT OF NO REPOSITORY", "INSTANCE", "MAPPING", "LAST SCAN", "RESULT"]);
    for it in &coverage.unmapped {
        table.add_row(cells![
            &it.project,
            &it.instance,
            Cell::state(&it.mapping),
            it.last_scan_at.map_or_else(|| "never".into(), Cell::from),
            outcome(it.open, it.outcome),
        ]);
    }
    output.print(&table);
}

/// Why instances do not look after repositories, and what their last runs left
/// undecided, each reason once.
fn show_reasons(output: Output, coverage: &Coverage) {
    let mut reasons = BTreeSet::new();
    for (instance, cell) in coverage.repositories.iter().flat_map(|it| &it.instances) {
        match (cell.state, &cell.why) {
            (CoverageState::Failing | CoverageState::Stale, Some(why)) => {
                reasons.insert(format!("{instance} is {}: {why}", cell.state.as_str()));
            }
            (CoverageState::Enabled, Some(why)) => _ = reasons.insert(format!("{instance}: {why}")),
            _ => {}
        }
    }
    for reason in reasons {
        output.line(reason);
    }
}

fn word(state: CoverageState) -> String {
    state.as_str().replace('-', " ")
}

fn cell(it: &CoverageCell) -> Cell {
    cell_of(it.state, word(it.state))
}

fn result(open: u64, outcome: Outcome) -> String {
    match outcome {
        Outcome::Findings => format!("{open} open"),
        Outcome::Clean => "clean".to_owned(),
        Outcome::Incomplete => "incomplete".to_owned(),
        Outcome::NotRead => "not read".to_owned(),
        Outcome::NeverScanned => "never scanned".to_owned(),
    }
}

/// What a scan has brought. Open findings are never good, however well they are
/// looked after.
fn outcome(open: u64, outcome: Outcome) -> Cell {
    let style = match outcome {
        Outcome::Clean => style::GOOD,
        Outcome::Findings | Outcome::Incomplete | Outcome::NotRead => style::ATTENTION,
        Outcome::NeverScanned => style::Style::new(),
    };
    Cell::from(result(open, outcome)).styled(style)
}

fn class(it: ClassCoverage) -> Cell {
    match it.state {
        CoverageState::Enabled => outcome(it.open, it.outcome),
        CoverageState::Disabled if it.open == 0 => "not covered".into(),
        CoverageState::NeverRead | CoverageState::NeverScanned if it.open == 0 => cell_of(it.state, word(it.state)),
        state => cell_of(state, format!("{}, {}", result(it.open, it.outcome), word(state))),
    }
}

fn cell_of(state: CoverageState, text: String) -> Cell {
    Cell::from(text).styled(style::state(state.as_str()))
}
