//! The command line of the harness: what the commands do is in the library; here
//! they are parsed, and in the modules below shown.

#![deny(clippy::print_stdout, reason = "what is printed goes through `stdout`, where failures are noticed")]

mod advisories;
mod backup;
mod coverage;
mod csv;
mod daemon;
mod dashboard;
mod delete;
mod demo;
mod doctor;
mod error;
mod findings;
mod hint;
mod import;
mod inspect;
mod instance;
mod issues;
mod mapping;
mod normalize;
mod onboard;
mod output;
mod packages;
mod policy;
mod projects;
mod renormalize;
mod repositories;
mod runs;
mod schedule;
mod schema;
mod secret;
mod simulate;
mod stdout;
mod sync;
mod tenant;
mod text;
mod values;
mod vanishing;
mod vault;
mod views;
mod webhook;
mod when;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{CommandFactory, Parser, Subcommand};
use host_harness::{BUNDLED, ConnectorSource, Harness, HarnessError, Options, SecretSource, Tenant, TenantId};

use crate::{error::Failure, output::Output, views::View};

/// Findings are millions of small texts, made by one thread and dropped by
/// another: what the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The tenant where nobody says which one.
const USUAL_TENANT: &str = "default";

/// Exit codes, as the help tells them.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done in part (the run log tells what is \
                          missing), 4 a policy is violated (`policy check`).";

/// Brings the findings of security scanners into one place: runs connectors
/// in a sandbox, stores what they bring, and shows it.
#[derive(Parser)]
#[command(name = "harness", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// Folder where everything is kept [default: the user's data folder]
    #[arg(long, global = true, env = "HARNESS_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Whose data it is
    #[arg(long, global = true, default_value = USUAL_TENANT, value_name = "NAME")]
    tenant: TenantId,
    /// Read the key of the vault from this file [default: the key in HARNESS_VAULT_KEY]
    #[arg(long, global = true, env = "HARNESS_VAULT_KEY_FILE", value_name = "FILE")]
    vault_key_file: Option<PathBuf>,
    /// Another connector than the one inside of this program
    #[arg(long, global = true, value_name = "FILE.wasm")]
    connector: Option<PathBuf>,
    /// Print JSON; `harness schema COMMAND` shows its form
    #[arg(long, global = true)]
    json: bool,
    /// Longest time that one call waits for a vendor that is limited or does not answer, in seconds
    #[arg(long, global = true, default_value_t = 600, value_name = "SECONDS")]
    max_wait: u64,
    /// Print what happens on standard error; -vv for every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Show the whole way: a simulated vendor, a sync, and what came of it
    Demo(demo::Args),
    /// Show what a connector is, imports, needs and can bring
    Inspect(inspect::Args),
    /// Set up an instance step by step; can be left and gone on with
    Onboard(onboard::Args),
    /// Set up connectors for an account
    #[command(subcommand)]
    Instance(instance::Command),
    /// Whose data there is
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Stored tokens, and the key that they are sealed with
    #[command(subcommand)]
    Vault(vault::Command),
    /// List the vendor's projects
    Projects(projects::Args),
    /// The tenant's code repositories
    #[command(subcommand)]
    Repositories(repositories::Command),
    /// Which repository each project is of: only projects that are mapped are read
    #[command(subcommand)]
    Mapping(mapping::Command),
    /// Bring the findings of instances up to date
    Sync(sync::Args),
    /// Take in findings from files of the vendor's tools
    Import(import::Args),
    /// List findings of every kind
    Findings(views::FindingsArgs),
    /// List vulnerabilities of packages
    Vulnerabilities(views::ListArgs),
    /// List weaknesses of first-party code
    Weaknesses(views::ListArgs),
    /// List leaked credentials
    Secrets(views::ListArgs),
    /// Show one finding with all that is known of it
    Finding(findings::ShowArgs),
    /// List issues: what the findings of all sources say about the same thing
    Issues(issues::ListArgs),
    /// Show one issue with its sources and findings
    Issue(issues::ShowArgs),
    /// Ratings of advisories (CVSS, EPSS) from files
    #[command(subcommand)]
    Advisories(advisories::Command),
    /// What is not accepted: policies over findings and issues
    #[command(subcommand)]
    Policy(policy::Command),
    /// List packages in use and packages that findings are about
    Packages(packages::Args),
    /// Show counts and trends
    Dashboard(dashboard::Args),
    /// Show which repositories are looked after, and which are not
    Coverage(coverage::Args),
    /// Normalize stored records again, with the connector as it is now
    Renormalize(renormalize::Args),
    /// Show the run log
    Runs(runs::Args),
    /// Sync the instances of all tenants when they are due, until it is stopped
    Run(daemon::RunArgs),
    /// Show what is under way, how it went last, and what is next
    Status(daemon::StatusArgs),
    /// Tell others when a run ends, and take events of vendors
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Normalize a file and print the result; nothing is stored
    Normalize(normalize::Args),
    /// Run a simulated vendor on this machine, to try things out
    VendorSim(simulate::Args),
    /// Print the JSON Schema of a command's --json output
    Schema(schema::Args),
    /// Look for what is wrong, and say what to do; nothing is repaired
    Doctor(doctor::Args),
    /// Copy a tenant into a folder, while others work on it
    Backup(backup::BackupArgs),
    /// Bring a tenant back from a backup
    Restore(backup::RestoreArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What commands work with.
struct Context {
    harness: Harness,
    tenant: TenantId,
    connector: ConnectorSource,
    output: Output,
}

impl Context {
    /// The tenant that is meant. The usual one is made where it is not there;
    /// of another one the name may be mistyped.
    fn tenant(&self) -> Result<Tenant, Failure> {
        if self.tenant.as_str() != USUAL_TENANT && !self.harness.has_tenant(&self.tenant) {
            return Err(HarnessError::NoTenant(self.tenant.to_string()).into());
        }
        self.tenant_or_new()
    }

    /// The tenant, for commands that a tenant begins with.
    fn tenant_or_new(&self) -> Result<Tenant, Failure> {
        Ok(self.harness.tenant(self.tenant.clone())?)
    }
}

/// Parses the arguments, runs the command, and tells how it went.
/// Set to 1, it lets the system keep core dumps: for debugging.
const CORE_DUMPS_VARIABLE: &str = "HARNESS_CORE_DUMPS";

/// A core dump is this process's memory in a file, tokens included. Other
/// processes of this user cannot read its memory either, as a debugger does.
fn keep_no_core() {
    // What cannot be had is no reason to stop.
    #[cfg(unix)]
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Core,
        rustix::process::Rlimit { current: Some(0), maximum: Some(0) },
    );
    // A program of the system that takes dumps asks for no limit.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

fn main() -> ExitCode {
    if std::env::var_os(CORE_DUMPS_VARIABLE).is_none_or(|value| value != "1") {
        keep_no_core();
    }

    let (output, done) = match Cli::try_parse() {
        Ok(cli) => {
            let output = Output::new(cli.global.json);
            output::start_log(cli.global.verbose);
            (output, dispatch(cli, output))
        }
        Err(mut said) => (Output::new(false), Ok(usage(&mut said))),
    };
    match done.and_then(|code| stdout::finish().map(|()| code)) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

/// Prints the help or the version that was asked for, or why the arguments are
/// wrong.
fn usage(said: &mut clap::Error) -> ExitCode {
    if said.use_stderr() {
        Output::new(false).usage(said);
    } else {
        Output::new(false).help(&said.render());
    }
    u8::try_from(said.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn dispatch(cli: Cli, output: Output) -> Result<ExitCode, Failure> {
    // What needs neither a data folder nor an engine.
    match cli.command {
        Command::Completions { shell } => {
            // Made as a whole first: to a reader that went away it would panic.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "harness", &mut script);
            stdout::print(&String::from_utf8_lossy(&script));
            return Ok(ExitCode::SUCCESS);
        }
        Command::Schema(args) => return schema::exec(&args),
        _ => {}
    }
    let connector = match &cli.global.connector {
        Some(path) => ConnectorSource::File { path: std::path::absolute(path)? },
        None => ConnectorSource::Bundled { id: BUNDLED.first().map_or_else(String::new, |first| first.id.to_owned()) },
    };
    let data_dir = match cli.global.data_dir {
        Some(folder) => std::path::absolute(folder)?,
        None => output::default_data_dir()?,
    };
    let mut options = Options::new(data_dir);
    options.retry.budget = Duration::from_secs(cli.global.max_wait);
    if let Some(path) = cli.global.vault_key_file {
        options.vault_key = SecretSource::File { path: std::path::absolute(path)? };
    }
    let context = Context { harness: Harness::new(options), tenant: cli.global.tenant, connector, output };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match cli.command {
            Command::Demo(args) => demo::exec(&context, args).await,
            Command::Inspect(args) => inspect::exec(&context, args).await,
            Command::Instance(command) => instance::exec(&context, command).await,
            Command::Onboard(args) => onboard::exec(&context, args).await,
            Command::Tenant(command) => tenant::exec(&context, command).await,
            Command::Vault(command) => vault::exec(&context, command),
            Command::Projects(args) => projects::exec(&context, args).await,
            Command::Repositories(command) => repositories::exec(&context, command).await,
            Command::Mapping(command) => mapping::exec(&context, command).await,
            Command::Sync(args) => sync::exec(&context, args).await,
            Command::Import(args) => import::exec(&context, args).await,
            Command::Renormalize(args) => renormalize::exec(&context, args).await,
            Command::Findings(args) => views::findings(&context, args).await,
            Command::Vulnerabilities(args) => views::list(&context, View::Vulnerabilities, args).await,
            Command::Weaknesses(args) => views::list(&context, View::Weaknesses, args).await,
            Command::Secrets(args) => views::list(&context, View::Secrets, args).await,
            Command::Finding(args) => findings::show(&context, args).await,
            Command::Issues(args) => issues::list(&context, args).await,
            Command::Issue(args) => issues::show(&context, args).await,
            Command::Advisories(command) => advisories::exec(&context, command).await,
            Command::Policy(command) => policy::exec(&context, command).await,
            Command::Packages(args) => packages::exec(&context, args).await,
            Command::Dashboard(args) => dashboard::exec(&context, args).await,
            Command::Coverage(args) => coverage::exec(&context, args).await,
            Command::Runs(args) => runs::exec(&context, args).await,
            Command::Doctor(args) => doctor::exec(&context, args).await,
            Command::Backup(args) => backup::backup(&context, args).await,
            Command::Restore(args) => backup::restore(&context, args).await,
            Command::Run(args) => daemon::run(&context, args).await,
            Command::Status(args) => daemon::status(&context, args).await,
            Command::Normalize(args) => normalize::exec(&context, args).await,
            Command::Webhook(command) => webhook::exec(&context, command).await,
            Command::VendorSim(args) => simulate::exec(args).await,
            Command::Completions { .. } | Command::Schema(_) => Ok(ExitCode::SUCCESS),
        }
    });
    // A blocked write of a log must not keep the program from ending.
    runtime.shutdown_background();
    code
}
