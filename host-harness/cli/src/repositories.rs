//! `harness repositories`: the tenant's code repositories.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use appsec_analysis::repository::{Provider, Repository, RepositoryList};
use host_harness::{
    RepositoryDetail, RepositoryImport, Tenant,
    columns::REPOSITORIES_CSV,
    grant::{counted, read_bounded},
    store::{RepositoryChanges, RepositoryRow},
};

use super::{
    Context,
    error::Failure,
    mapping,
    output::{CsvArg, Output},
    table::cells,
};

/// Problems of a list that are shown.
const PROBLEMS: usize = 20;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Import a list from a file: CSV with a header, a JSON array, or JSON lines
    Import {
        /// File with the list; a provider's API response can be used as is
        file: PathBuf,
        /// Remove repositories missing from the list, unless projects are mapped to them
        #[arg(long)]
        replace: bool,
    },
    /// Add or update a repository
    Add(AddArgs),
    /// List repositories
    List {
        /// Filter by text in name, URL or groups
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        csv: CsvArg,
    },
    /// Show a repository and its projects
    Show {
        /// Full name or URL of the repository
        repository: String,
    },
    /// Remove a repository that no project is mapped to
    Remove {
        /// Full name or URL of the repository
        repository: String,
    },
}

#[derive(clap::Args)]
pub struct AddArgs {
    /// Full name of the repository, such as org/repo
    full_name: String,
    /// Set its URL
    #[arg(long)]
    url: Option<String>,
    /// Set the provider: github, gitlab, bitbucket, azure-devops, gitea or another name [default: from the URL]
    #[arg(long)]
    provider: Option<Provider>,
    /// Set the default branch
    #[arg(long, value_name = "BRANCH")]
    default_branch: Option<String>,
    /// Add it to a group, such as a team
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let tenant = match command {
        Command::Import { .. } | Command::Add(_) => context.tenant_or_new()?,
        _ => context.tenant()?,
    };
    let output = context.output;
    let told = |error| Failure::from(error).of(tenant.id(), None);
    match command {
        Command::Import { file, replace } => {
            let list = read(&file)?;
            return put(&tenant, output, list, replace).await;
        }
        Command::Add(args) => {
            let repository = Repository::new(Some(&args.full_name), args.url.as_deref(), args.provider);
            let mut repository = repository
                .map_err(|error| Failure::new("invalid-repository", error.to_string(), None).of(tenant.id(), None))?;
            repository.default_branch = args.default_branch;
            repository.groups = args.groups;
            let list = RepositoryList { repositories: vec![repository], problems: Vec::new() };
            return put(&tenant, output, list, false).await;
        }
        Command::List { search, csv } => {
            let list = tenant.repository_list(search).await.map_err(told)?;
            let rows = (REPOSITORIES_CSV, list.repositories.as_slice());
            output.listed(csv, rows, &list, |list| show_list(output, &list.repositories))?;
        }
        Command::Show { repository } => {
            let detail = tenant.repository_detail(&repository).await.map_err(told)?;
            output.result(&detail, |detail| show(output, detail))?;
        }
        Command::Remove { repository } => {
            let removed = tenant.remove_repository(&repository).await.map_err(told)?;
            output.result(&removed, |row| output.line(format!("Removed {}", row.repository.full_name())))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Bytes of a list of repositories: a million of them.
const MAX_LIST_BYTES: u64 = 256 << 20;

/// Reads a list.
fn read(file: &Path) -> Result<RepositoryList, Failure> {
    let told = |error: std::io::Error| {
        let message = format!("cannot read {}: {error}", file.display());
        Failure::new("file-unreadable", message, Some("check the path, the permissions, and that it is UTF-8"))
    };
    let bytes = read_bounded(file, MAX_LIST_BYTES).map_err(told)?;
    let name = file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned());
    RepositoryList::read(&bytes, &name).map_err(told)
}

async fn put(tenant: &Tenant, output: Output, list: RepositoryList, replace: bool) -> Result<ExitCode, Failure> {
    let report = tenant.import_repositories(list, replace).await;
    let report = report.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
    output.result(&report, |report| show_import(output, report))?;
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn show_import(output: Output, report: &RepositoryImport) {
    let RepositoryChanges { added, updated, unchanged, removed, kept, settled } = &report.changes;
    output.line(format!(
        "{} read: {added} added, {updated} updated, {unchanged} unchanged, {removed} removed",
        counted(report.repositories, "repository")
    ));
    for name in kept {
        output.line(format!("  {name} is no longer listed, but kept: projects are mapped to it"));
    }
    for problem in report.problems.iter().take(PROBLEMS) {
        output.line(format!("  {problem}"));
    }
    if report.problems.len() > PROBLEMS {
        output.line(format!("  {} in all; --json shows them", counted(report.problems.len(), "problem")));
    }
    mapping::show_settled(output, settled);
}

fn show_list(output: Output, repositories: &[RepositoryRow]) {
    if repositories.is_empty() {
        output.line("No repositories. List them with: harness repositories import FILE");
        return;
    }
    let mut table = output
        .table(&["REPOSITORY", "PROVIDER", "BRANCH", "GROUPS", "LISTED", "PROJECTS", "OPEN", "ALL"])
        .spare(&["PROVIDER", "BRANCH", "ALL"]);
    for it in repositories {
        let repository = &it.repository;
        table.add_row(cells![
            repository.full_name(),
            repository.provider().map(ToString::to_string),
            repository.default_branch.as_ref(),
            repository.groups.join(", "),
            if it.listed { "yes" } else { "no" },
            it.projects,
            it.findings.open,
            it.findings.total,
        ]);
    }
    output.print(&table);
    let listed = repositories.iter().filter(|it| it.listed).count();
    output.line(format!("{}, {listed} of them listed", counted(repositories.len(), "repository")));
}

fn show(output: Output, detail: &RepositoryDetail) {
    let RepositoryRow { repository, listed, findings, .. } = &detail.repository;
    let mut facts = output.facts("repository", repository.full_name());
    facts.add("url", repository.address().map(ToString::to_string));
    facts.add("provider", repository.provider().map(Provider::as_str));
    facts.add("default branch", repository.default_branch.as_ref());
    facts.add("groups", repository.groups.join(", "));
    facts.add("listed", if *listed { "yes" } else { "no, created from a project" });
    facts.add("findings", format!("{} open, {} in all", findings.open, findings.total));
    output.print(&facts);
    output.line("");
    mapping::show_rows(output, &detail.projects);
}
