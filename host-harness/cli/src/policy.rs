//! `harness policy`: what an organisation does not accept.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use appsec_model::Severity;
use appsec_policy::limits;
use host_harness::{
    Error, PoliciesImported, PoliciesRemoved, PolicyCheck, PolicyImported, PolicyRow, PolicyRows,
    columns::{POLICIES_CSV, POLICY_RESULTS_CSV},
    exports::GateFormat,
    grant::{counted, open_regular},
    store::{PolicyResult, PolicyResultWord},
};

use super::{
    Context,
    error::Failure,
    filters::{self, Filters},
    output::{CsvArg, Output, moment, print_csv, print_json, remark, short},
    stdout, style,
    table::{Cell, cells},
    views::{none, remark_on_base},
};

/// The exit code of a check that fails.
const VIOLATED: u8 = 4;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Import policies from a file, replacing all others
    Import {
        /// A policy file in TOML, or - for standard input
        file: PathBuf,
        /// Validate the file without storing it
        #[arg(long)]
        check: bool,
    },
    /// List policies with their violation counts
    List(CsvArg),
    /// Show a policy
    Show {
        /// Id of the policy
        id: String,
    },
    /// Print a starter policy file
    Init,
    /// Remove the policies and their results
    Remove {
        /// Remove all policies
        #[arg(long, required = true)]
        all: bool,
    },
    /// Check open findings against the policies; exits with 4 on violations
    Check(CheckArgs),
    /// List results, including those of closed findings
    Results(ResultArgs),
}

#[derive(clap::Args)]
pub struct CheckArgs {
    /// Fail only on policies of at least this severity, or never
    #[arg(long, value_name = "SEVERITY", default_value = "info", value_parser = parse_fail_on)]
    fail_on: FailOn,
    /// Select the format: table, json, csv, sarif, junit, github or gitlab-codequality
    #[arg(
        long,
        value_enum,
        default_value = "table",
        value_name = "FORMAT",
        hide_possible_values = true,
        help_heading = "Output"
    )]
    format: CheckFormat,
    #[command(flatten)]
    filters: Filters<filters::PolicyCheck>,
}

#[derive(clap::Args)]
pub struct ResultArgs {
    /// Filter by finding
    #[arg(long, value_name = "ID")]
    finding: Option<String>,
    /// Filter by issue
    #[arg(long, value_name = "ID", conflicts_with = "finding")]
    issue: Option<String>,
    /// Filter by policy
    #[arg(long = "policy", value_name = "ID")]
    policies: Vec<String>,
    /// Limit the number of results
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Skip this many results
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: u32,
    #[command(flatten)]
    csv: CsvArg,
}

/// In what form a check is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum CheckFormat {
    Table,
    Json,
    Csv,
    Sarif,
    Junit,
    Github,
    #[value(name = "gitlab-codequality")]
    GitlabCodeQuality,
}

impl CheckFormat {
    /// The format of others; none for our own.
    const fn public(self) -> Option<GateFormat> {
        match self {
            Self::Table | Self::Json | Self::Csv => None,
            Self::Sarif => Some(GateFormat::Sarif),
            Self::Junit => Some(GateFormat::Junit),
            Self::Github => Some(GateFormat::Github),
            Self::GitlabCodeQuality => Some(GateFormat::GitlabCodeQuality),
        }
    }
}

/// What makes a check fail.
#[derive(Clone, Copy, Debug)]
enum FailOn {
    Severity(Severity),
    Never,
}

fn parse_fail_on(word: &str) -> Result<FailOn, String> {
    let severities = Severity::ALL.into_iter().filter(|it| *it != Severity::Unknown);
    if word == "never" {
        return Ok(FailOn::Never);
    }
    let found = severities.clone().find(|it| it.as_str() == word).map(FailOn::Severity);
    let words = || severities.map(Severity::as_str).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("one of {}, never", words()))
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let output = context.output;
    match command {
        Command::Import { file, check } => return import(context, &file, check).await,
        Command::List(csv) => {
            let rows = context.tenant()?.policies().await?.ok_or(Error::NoPolicies)?;
            output.listed(csv, (POLICIES_CSV, &rows.policies), &rows, |rows| show_list(output, rows))?;
        }
        Command::Show { id } => {
            let row = context.tenant()?.policy(id).await?;
            output.result(&row, |row| show(output, row))?;
        }
        // A policy file is TOML, whatever was asked for.
        Command::Init => {
            stdout::print(host_harness::policy::STARTER);
        }
        Command::Remove { .. } => {
            let removed = context.tenant()?.clear_policies().await?;
            output.result(&PoliciesRemoved { removed }, |it| {
                output.line(if it.removed {
                    "Removed all policies and their results."
                } else {
                    "There were no policies."
                });
            })?;
        }
        Command::Check(args) => return check(context, args).await,
        Command::Results(args) => {
            let ResultArgs { finding, issue, policies, limit, offset, csv } = args;
            let list = context.tenant()?.policy_result_list(policies, finding, issue, (limit, offset)).await?;
            output.listed(csv, (POLICY_RESULTS_CSV, &list.results), &list, |list| {
                show_results(output, &list.results);
                output.line(format!("{} of {}", list.results.len(), list.total));
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a file, and a byte more than a policy file may have: then it is refused.
fn read(file: &Path) -> std::io::Result<String> {
    let most = limits::FILE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().take(most).read_to_end(&mut bytes)?;
    } else {
        open_regular(file)?.take(most).read_to_end(&mut bytes)?;
    }
    // What is cut off within a letter is too long anyway.
    String::from_utf8(bytes).or_else(|error| match error.utf8_error().error_len() {
        None => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        Some(_) => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the file is not UTF-8 text")),
    })
}

async fn import(context: &Context, file: &Path, check: bool) -> Result<ExitCode, Failure> {
    let output = context.output;
    let text = read(file).map_err(|error| {
        let message = format!("cannot read {}: {error}", file.display());
        Failure::new("file-unreadable", message, Some("check the path and its permissions"))
    })?;
    let imported =
        if check { PoliciesImported::of_text(&text) } else { context.tenant_or_new()?.import_policies(&text).await };
    match imported {
        Ok(imported) => {
            let report = PolicyImported { stored: !check, imported: Some(imported), problems: Vec::new() };
            output.result(&report, |report| report.imported.iter().for_each(|it| show_imported(output, it, check)))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Error::Policies(problems)) => {
            if output.is_json() {
                let report = PolicyImported { stored: false, imported: None, problems: problems.clone() };
                output.result(&report, |_| ())?;
            }
            Err(Error::Policies(problems).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn show_imported(output: Output, imported: &PoliciesImported, check: bool) {
    for remark in &imported.remarks {
        output.line(format!("note: {remark}"));
    }
    let PoliciesImported { policies, changed, version, .. } = imported;
    let (version, policies) = (version_of(version), counted(*policies, "policy"));
    if check {
        output.line(format!("The file is good: {policies}, version {version}. Nothing was stored."));
    } else if *changed {
        output.line(format!("In force: {policies}, version {version}."));
        output.line("Next: harness policy check");
    } else {
        output.line(format!("In force: {policies}, version {version}, the same as before."));
    }
}

/// The beginning of a version, as people compare it.
fn version_of(version: &str) -> String {
    version.chars().take(12).collect()
}

fn show_list(output: Output, rows: &PolicyRows) {
    let mut table = output.table(&["POLICY", "ON", "SEVERITY", "VIOLATED", "ERRORS", "TITLE"]).spare(&["ON", "ERRORS"]);
    for PolicyRow { definition, violated, errors, .. } in &rows.policies {
        let violated = match (definition.enabled, *violated) {
            (false, _) => Cell::from("disabled"),
            (true, 0) => 0_u64.into(),
            (true, violated) => Cell::from(violated).styled(style::BAD),
        };
        let errors = Cell::from(*errors).styled(if *errors > 0 { style::BAD } else { style::Style::new() });
        table.add_row(cells![
            &definition.id,
            definition.on.as_str(),
            definition.severity,
            violated,
            errors,
            short(&definition.title, 100),
        ]);
    }
    output.print(&table);
    for remark in &rows.remarks {
        output.line(format!("note: {remark}"));
    }
    output.line(format!(
        "{}, version {}, since {}",
        counted(rows.policies.len(), "policy"),
        version_of(&rows.version),
        moment(rows.imported_at)
    ));
    for before in &rows.history {
        let what = match before.policies {
            0 => "none".to_owned(),
            count => format!("{}, version {}", counted(count, "policy"), version_of(&before.version)),
        };
        output.line(format!("  before: {what}, since {}", moment(before.imported_at)));
    }
}

fn show(output: Output, row: &PolicyRow) {
    let definition = &row.definition;
    let mut facts = output.facts("policy", &definition.id);
    facts.add("title", Some(&definition.title));
    facts.add("description", definition.description.as_deref().map(Cell::text));
    facts.add("on", Some(definition.on.as_str()));
    facts.add("when", Some(Cell::text(definition.when.trim())));
    facts.add("severity", definition.severity);
    let scope = &definition.scope;
    for (name, list) in [
        ("kinds", &scope.kinds),
        ("projects", &scope.projects),
        ("repositories", &scope.repositories),
        ("repository groups", &scope.repository_groups),
        ("environments", &scope.environments),
        ("branches", &scope.branches),
        ("tags", &scope.tags),
    ] {
        facts.add(name, Some(list.join(", ")));
    }
    facts.add("enabled", Some(if definition.enabled { "yes" } else { "no" }));
    facts.add("version", Some(&row.version));
    facts.add("violated by", Some(row.violated));
    facts.add("errors", Some(row.errors));
    output.print(&facts);
    if row.violated + row.errors > 0 {
        output.line(format!("Next: harness policy check --policy {}", definition.id));
    }
}

async fn check(context: &Context, args: CheckArgs) -> Result<ExitCode, Failure> {
    let output = context.output;
    let worst = match args.fail_on {
        FailOn::Severity(severity) => Some(severity),
        FailOn::Never => None,
    };
    let (tenant, format) = (context.tenant()?, args.format.public());
    // A table is for people, who look at the first ones.
    let whole = args.format != CheckFormat::Table;
    remark_on_base(tenant.unseen_base_of(&args.filters.query).await?);
    let check = tenant.check_policies(&args.filters.query, worst, whole).await?;
    match (format, args.format) {
        // It has the form that its format says.
        (Some(format), _) => stdout::print(&tenant.format_check(&check, format).await?),
        (None, CheckFormat::Json) => print_json(&check)?,
        (None, CheckFormat::Csv) => {
            let results = check.violations.iter().flat_map(|it| &it.results);
            print_csv(POLICY_RESULTS_CSV, &results.cloned().collect::<Vec<_>>())?;
        }
        (None, _) => output.result(&check, |check| show_check(output, check))?,
    }
    // What nobody has looked at violates nothing, and passes.
    if check.violated + check.errors + check.excepted == 0
        && let Some(unread) = tenant.unread(&args.filters.query).await?
    {
        remark(none("violations", Some(&unread)));
    }
    Ok(if check.failed { ExitCode::from(VIOLATED) } else { ExitCode::SUCCESS })
}

fn show_check(output: Output, check: &PolicyCheck) {
    for it in &check.violations {
        let errors = if it.errors > 0 { format!(", {}", counted(it.errors, "error")) } else { String::new() };
        let severity = it.severity.as_str();
        output.verdict("", (severity, style::severity(it.severity)), &format!(" {}: {}", it.policy_id, it.title));
        output.line(format!("  {}{errors}", counted(it.violated, it.on.as_str())));
        for result in &it.results {
            output.line(format!("  {}", violation(result)));
        }
        let more = (it.violated + it.errors).saturating_sub(it.results.len() as u64);
        if more > 0 {
            output.line(format!("  and {more} more: --policy {} --limit N shows them", it.policy_id));
        }
        output.line("");
    }
    let (verdict, style) = if check.failed { ("FAILED", style::BAD) } else { ("passed", style::GOOD) };
    let violated = check.violations.iter().filter(|it| it.violated > 0).count();
    let counts = format!(
        ": {violated} of {} violated, {}, {}",
        counted(check.policies, "policy"),
        counted(check.violated, "violation"),
        counted(check.errors, "error")
    );
    let counts = match check.excepted {
        0 => counts,
        excepted => format!("{counts}, {} by triage", counted(excepted, "exception")),
    };
    output.verdict("", (verdict, style), &counts);
}

/// A violation on one line, as compilers print them: where, how bad, what, and what
/// to do.
fn violation(it: &PolicyResult) -> String {
    let place = it.place().or_else(|| it.package.clone()).unwrap_or_else(|| it.project.clone());
    format!("{place}: {} [{}]", it.line(), it.id)
}

/// What a column shows of a result.
type CellOf = fn(&PolicyResult) -> Cell;

/// Results as a table. What is the same in each row is left out.
fn show_results(output: Output, results: &[PolicyResult]) {
    let Some(first) = results.first() else { return };
    let differs = |differs: fn(&PolicyResult, &PolicyResult) -> bool| results.iter().any(|it| differs(it, first));
    let columns: [(&str, bool, CellOf); 10] = [
        ("ID", true, |it| it.id.as_str().into()),
        ("ON", differs(|a, b| a.on != b.on), |it| it.on.as_str().into()),
        ("POLICY", true, |it| it.policy_id.as_str().into()),
        ("SEVERITY", true, |it| it.severity.into()),
        ("PRIORITY", true, |it| it.priority.into()),
        ("STATUS", differs(|a, b| a.status != b.status), |it| Cell::state(&it.status)),
        ("RESULT", true, result),
        ("PROJECT", true, |it| it.project.as_str().into()),
        ("TITLE", true, |it| short(&it.title, 100).into()),
        ("WHERE", true, |it| it.place().into()),
    ];
    let shown = || columns.iter().filter(|(_, is_shown, _)| *is_shown);
    let mut table = output.table(&shown().map(|(name, ..)| *name).collect::<Vec<_>>()).spare(&["PRIORITY"]);
    for it in results {
        table.add_row(shown().map(|(.., cell)| cell(it)));
    }
    output.print(&table);
}

/// What policies say of one finding or issue.
pub fn show_verdicts(output: Output, results: &[PolicyResult]) {
    if results.is_empty() {
        return;
    }
    output.line("");
    let mut table = output.table(&["POLICY", "SEVERITY", "RESULT", "SINCE"]);
    for it in results {
        table.add_row(cells![&it.policy_id, it.severity, result(it), it.since]);
    }
    output.print(&table);
}

fn result(it: &PolicyResult) -> Cell {
    let text = match (&it.reason, it.result) {
        (Some(reason), PolicyResultWord::Error) => format!("error: {}", short(reason, 100)),
        (_, word) => word.as_str().to_owned(),
    };
    Cell::from(text).styled(style::state(it.result.as_str()))
}
