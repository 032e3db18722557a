//! `harness mapping`: which repository each project is of.

use std::{
    io::{self, BufRead, IsTerminal},
    process::ExitCode,
};

use clap::{ValueEnum, builder::BoolishValueParser};
use host_harness::{
    Acceptance, Error, MappingError, MappingList, ProjectName, ReleaseReport, ScanFieldChanges, Tenant,
    columns::MAPPINGS_CSV,
    grant::{InstanceName, counted},
    store::{
        AUTO_CONFIDENCE, AutoMap, KeptFindings, MappingCounts, MappingRow, MappingState, Released, ResolvedMappings,
        ScanFields,
    },
};

use super::{
    Context,
    error::{Failure, USAGE},
    output::{CsvArg, Output, short},
    table::{Cell, cells},
    views::none,
};

/// Candidates of a project that are shown.
const CANDIDATES: usize = 3;

#[derive(clap::Subcommand)]
pub enum Command {
    /// List projects with their repositories and suggestions
    List {
        /// Select the instance [default: all of the tenant]
        instance: Option<InstanceName>,
        /// Filter by state
        #[arg(long = "state", value_name = "STATE")]
        states: Vec<StateArg>,
        #[command(flatten)]
        csv: CsvArg,
    },
    /// Show suggested mappings; changes nothing
    Suggest {
        /// Select the instance [default: all of the tenant]
        instance: Option<InstanceName>,
        #[command(flatten)]
        csv: CsvArg,
    },
    /// Accept suggested mappings, except ambiguous ones
    Accept(AcceptArgs),
    /// Map a project to a repository; its findings move with it
    Set {
        #[command(flatten)]
        project: ProjectArg,
        /// Full name or URL of the repository
        repository: String,
    },
    /// Unmap a project and stop syncing it
    Unset(ReleaseArgs),
    /// Ignore a project: stop syncing it and suggesting repositories
    Ignore(ReleaseArgs),
    /// Restore a project that was ignored or unmapped
    Restore {
        #[command(flatten)]
        project: ProjectArg,
    },
    /// Set or show how new projects of an instance are mapped
    Mode {
        /// Select the instance
        instance: InstanceName,
        /// Choose the mode
        mode: Option<AutoMapArg>,
    },
    /// Set metadata of a project's scans
    Metadata(MetadataArgs),
}

#[derive(clap::Args)]
pub struct ProjectArg {
    /// Name of the project, or the vendor's id
    project: String,
    /// Select the instance, if several have a project of that name
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
}

impl From<ProjectArg> for ProjectName {
    fn from(arg: ProjectArg) -> Self {
        Self { instance: arg.instance, name: arg.project }
    }
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("accepted").required(true).args(["projects", "all"]))]
pub struct AcceptArgs {
    /// Accept only these projects
    projects: Vec<String>,
    /// Accept all suggestions that are confident enough
    #[arg(long)]
    all: bool,
    /// Set the minimum confidence, from 0 to 1
    #[arg(long, value_name = "NUMBER", default_value_t = AUTO_CONFIDENCE)]
    min_confidence: f64,
    /// Accept only projects of this instance
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
}

#[derive(clap::Args)]
pub struct ReleaseArgs {
    #[command(flatten)]
    project: ProjectArg,
    /// Keep its findings as history, none of them open
    #[arg(long, conflicts_with = "delete")]
    keep: bool,
    /// Delete its findings and all its other data
    #[arg(long)]
    delete: bool,
}

#[derive(clap::Args)]
pub struct MetadataArgs {
    #[command(flatten)]
    project: ProjectArg,
    /// Set the environment, such as production
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Set the scanned branch
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Set a tag
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Set any other key
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// Include the project in scheduled syncs, or leave it out [default: include]
    #[arg(long, value_name = "true|false", value_parser = BoolishValueParser::new())]
    scheduled: Option<bool>,
    /// Include runs that sync nothing else in notifications, or leave them out [default: include]
    #[arg(long, value_name = "true|false", value_parser = BoolishValueParser::new())]
    notify: Option<bool>,
    /// Remove a field, or a key of the metadata
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Clone, Copy, ValueEnum)]
pub enum AutoMapArg {
    /// Map to the matching repository, else to a new one
    Create,
    /// Map to the matching repository, else leave unmapped
    Match,
    /// Leave unmapped
    Manual,
}

impl From<AutoMapArg> for AutoMap {
    fn from(arg: AutoMapArg) -> Self {
        match arg {
            AutoMapArg::Create => Self::Create,
            AutoMapArg::Match => Self::Match,
            AutoMapArg::Manual => Self::Manual,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum StateArg {
    Mapped,
    Unmapped,
    Drifted,
    Ignored,
    Stale,
}

impl From<StateArg> for MappingState {
    fn from(arg: StateArg) -> Self {
        match arg {
            StateArg::Mapped => Self::Mapped,
            StateArg::Unmapped => Self::Unmapped,
            StateArg::Drifted => Self::Drifted,
            StateArg::Ignored => Self::Ignored,
            StateArg::Stale => Self::Stale,
        }
    }
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let output = context.output;
    let told = |error| Failure::from(error).of(tenant.id(), None);
    match command {
        Command::List { instance, states, csv } => {
            let is_filtered = !states.is_empty();
            let list =
                tenant.mapping_list(instance.as_ref(), states.into_iter().map(MappingState::from).collect()).await?;
            let unread = if list.projects.is_empty() { tenant.unread_of(instance.as_ref()).await? } else { None };
            let rows = (MAPPINGS_CSV, list.projects.as_slice());
            output.listed(csv, rows, &list, |list| match (list.projects.is_empty(), is_filtered) {
                (true, true) => output.line("No projects match."),
                (true, false) => output.line(none("projects", unread.as_ref())),
                (false, _) => show_list(output, list),
            })?;
        }
        Command::Suggest { instance, csv } => {
            let list = tenant.suggested_mappings(instance.as_ref()).await?;
            output.listed(csv, (MAPPINGS_CSV, &list.projects), &list, |list| show_proposals(output, list))?;
        }
        Command::Accept(args) => {
            if !(0.0..=1.0).contains(&args.min_confidence) {
                let hint = Some("give a number from 0 to 1");
                return Err(Failure::new(USAGE, "invalid confidence", hint));
            }
            let projects = args.projects.into_iter();
            let projects = projects.map(|name| ProjectName { instance: args.instance.clone(), name }).collect();
            let (instance, min_confidence) = (args.instance, args.min_confidence);
            let acceptance = Acceptance { instance, projects, min_confidence };
            let list = tenant.accepted_mappings(&acceptance).await.map_err(told)?;
            output.result(&list, |list| show_accepted(output, list))?;
        }
        Command::Set { project, repository } => {
            let row = tenant.set_mapping(&project.into(), &repository).await.map_err(told)?;
            output.result(&row, |row| show_row(output, row))?;
        }
        Command::Unset(args) => return release(&tenant, output, args, false).await,
        Command::Ignore(args) => return release(&tenant, output, args, true).await,
        Command::Restore { project } => {
            let row = tenant.restore_project(&project.into()).await.map_err(told)?;
            output.result(&row, |row| show_row(output, row))?;
        }
        Command::Mode { instance, mode } => {
            let report = tenant.mapping_mode(&instance, mode.map(AutoMap::from)).await.map_err(told)?;
            output.result(&report, |report| {
                output.line(format!("{}: {}", report.instance, words(report.auto_map)));
                show_settled(output, &report.settled);
            })?;
        }
        Command::Metadata(args) => {
            let MetadataArgs { project, environment, branch, tag, metadata, scheduled, notify, clear } = args;
            let metadata = metadata.into_iter().collect();
            let changes = ScanFieldChanges { clear, environment, branch, tag, metadata, scheduled, notify };
            let changed = tenant.set_scan_fields(&project.into(), changes).await;
            output.result(&changed.map_err(told)?, |row| show_row(output, row))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub const fn words(mode: AutoMap) -> &'static str {
    match mode {
        AutoMap::Create => "create: new projects are mapped to the matching repository, else to a new one",
        AutoMap::Match => "match: new projects are mapped to the matching repository, else left unmapped",
        AutoMap::Manual => "manual: new projects are left unmapped",
    }
}

async fn release(tenant: &Tenant, output: Output, args: ReleaseArgs, ignored: bool) -> Result<ExitCode, Failure> {
    let project = ProjectName::from(args.project);
    let mut findings = match (args.keep, args.delete) {
        (true, _) => Some(KeptFindings::Keep),
        (_, true) => Some(KeptFindings::Delete),
        _ => None,
    };
    let released = loop {
        let released = match ignored {
            true => tenant.ignore_project(&project, findings).await,
            false => tenant.unset_mapping(&project, findings).await,
        };
        match released {
            Err(Error::Mapping(MappingError::Undecided { project, findings: count }))
                if !output.is_json() && io::stdin().is_terminal() && io::stdout().is_terminal() =>
            {
                findings = asked(output, &project, count)?;
                if findings.is_none() {
                    output.line("Nothing was changed.");
                    return Ok(ExitCode::SUCCESS);
                }
            }
            other => break other.map_err(|error| Failure::from(error).of(tenant.id(), None))?,
        }
    };
    output.result(&ReleaseReport { released }, |report| {
        let Released { kept, deleted } = report.released;
        let what = if ignored { "is ignored" } else { "is no longer mapped" };
        let became = match (kept, deleted) {
            (0, 0) => "it had no findings".to_owned(),
            (kept, 0) => format!("kept as history: {}", counted(kept, "finding or package")),
            (_, deleted) => format!("deleted: {}", counted(deleted, "finding")),
        };
        output.line(format!("Project {} {what}: {became}. To undo: harness mapping restore", project.name));
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What a person at a terminal wants to become of findings.
fn asked(output: Output, project: &str, findings: u64) -> Result<Option<KeptFindings>, Failure> {
    output.question(&format!(
        "Project {project} has {}. Keep or delete what there is? [keep/delete] ",
        counted(findings, "finding")
    ));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(match line.trim() {
        "keep" | "k" => Some(KeptFindings::Keep),
        "delete" => Some(KeptFindings::Delete),
        _ => None,
    })
}

fn show_list(output: Output, list: &MappingList) {
    show_rows(output, &list.projects);
    output.line(states(&list.counts));
}

/// What was mapped without a person.
pub fn show_settled(output: Output, settled: &ResolvedMappings) {
    let ResolvedMappings { projects_matched, projects_created, projects_drifted } = settled;
    if projects_matched + projects_created > 0 {
        output.line(format!(
            "{} mapped, {projects_matched} to listed repositories. Next: harness sync",
            counted(projects_matched + projects_created, "project")
        ));
    }
    if *projects_drifted > 0 {
        let drifted = counted(*projects_drifted, "project");
        output.line(format!("{drifted} drifted: harness mapping list --state drifted"));
    }
}

/// How projects stand to repositories, in words; what there is none of is left out.
pub fn states(counts: &MappingCounts) -> String {
    let MappingCounts { mapped, unmapped, drifted, ignored, stale } = *counts;
    let words =
        [(mapped, "mapped"), (unmapped, "unmapped"), (drifted, "drifted"), (ignored, "ignored"), (stale, "stale")];
    let there = words.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let there = there.collect::<Vec<_>>().join(", ");
    if there.is_empty() { "none".to_owned() } else { there }
}

/// Shows projects with their repositories.
pub fn show_rows(output: Output, rows: &[MappingRow]) {
    if rows.is_empty() {
        return;
    }
    let mut table = output
        .table(&["PROJECT", "INSTANCE", "STATE", "REPOSITORY", "WHY", "SUGGESTED", "METADATA"])
        .spare(&["INSTANCE"]);
    for row in rows {
        table.add_row(cells![
            &row.project,
            &row.instance,
            Cell::state(row.state.as_str()),
            row.repository.as_ref(),
            why(row),
            proposed(row),
            fields(&row.scan_fields),
        ]);
    }
    output.print(&table);
}

/// Shows what matching found, the doubtful first: so many rows, and how many
/// stand how.
pub fn show_found(output: Output, rows: &[MappingRow], limit: usize) {
    let doubt = |row: &&MappingRow| row.repository.is_some() && row.candidates.is_empty();
    let mut sorted: Vec<&MappingRow> = rows.iter().collect();
    sorted.sort_by_key(doubt);
    let mut table = output.table(&["PROJECT", "STATE", "REPOSITORY", "REASON", "CONFIDENCE", "SUGGESTED"]);
    for row in sorted.iter().take(limit) {
        table.add_row(cells![
            &row.project,
            Cell::state(row.state.as_str()),
            row.repository.as_ref(),
            row.reason.as_ref(),
            row.confidence.map(|it| Cell::number(format!("{it:.2}"))),
            proposed(row),
        ]);
    }
    output.print(&table);
    let mapped = rows.iter().filter(|it| it.repository.is_some()).count();
    let more = rows.len().saturating_sub(limit);
    let more = if more > 0 { format!("; {more} more are not shown") } else { String::new() };
    output.line(format!("{}, {mapped} mapped{more}", counted(rows.len(), "project")));
}

/// Who decided, and what that rests on.
fn why(row: &MappingRow) -> String {
    let confidence = row.confidence.map(|it| format!("{it:.2}"));
    let parts = [row.by.map(|by| by.as_str().to_owned()), row.reason.clone(), confidence];
    short(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "), 60)
}

/// What matching proposes, or could mean.
fn proposed(row: &MappingRow) -> String {
    if let Some(it) = &row.proposal {
        return format!("{} ({} {:.2})", it.repository, it.reason, it.confidence);
    }
    let names: Vec<&str> = row.candidates.iter().take(CANDIDATES).map(|it| it.repository.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("{}?", names.join(" or ")) }
}

fn fields(fields: &ScanFields) -> String {
    let named = [("environment", &fields.environment), ("branch", &fields.branch), ("tag", &fields.tag)];
    let named = named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    let metadata = fields.metadata.iter().map(|(key, value)| format!("{key}={value}"));
    let left_out = [(fields.scheduled, "not scheduled"), (fields.notify, "not notified")];
    let left_out = left_out.into_iter().filter(|(is_in, _)| !is_in).map(|(_, what)| what.to_owned());
    named.chain(metadata).chain(left_out).collect::<Vec<_>>().join(", ")
}

fn show_proposals(output: Output, list: &MappingList) {
    if list.projects.is_empty() {
        output.line("No suggestions: every project is mapped, or no repository is similar.");
        output.line("To map one by hand: harness repositories add NAME, and harness mapping set PROJECT NAME");
        return;
    }
    show_rows(output, &list.projects);
    let proposed = list.projects.iter().filter(|it| it.proposal.is_some()).count();
    output.line(format!("{}. To accept: harness mapping accept --all", counted(proposed, "suggestion")));
    if proposed < list.projects.len() {
        output.line("The others are ambiguous or too unlike: harness mapping set PROJECT REPOSITORY");
    }
}

fn show_accepted(output: Output, list: &MappingList) {
    show_rows(output, &list.projects);
    match list.projects.len() {
        0 => output.line("Nothing was accepted: no suggestion is confident enough. See: harness mapping suggest"),
        accepted => output.line(format!("{} mapped. Next: harness sync", counted(accepted, "project"))),
    }
}

fn show_row(output: Output, row: &MappingRow) {
    let repository = row.repository.as_ref().map(|name| format!(" to {name}")).unwrap_or_default();
    output.line(format!("Project {} is {}{repository}", row.project, row.state.as_str()));
    let fields = fields(&row.scan_fields);
    if !fields.is_empty() {
        output.line(format!("  {fields}"));
    }
    if row.read {
        output.line("Next: harness sync");
    }
}
