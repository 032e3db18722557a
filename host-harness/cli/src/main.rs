//! The command line of the harness: what the commands do is in the library; here
//! they are parsed, and in the modules below shown.

#![deny(clippy::print_stdout, reason = "what is printed goes through `stdout`, where failures are noticed")]

mod advisories;
mod audit;
mod backup;
mod call;
mod catalogue;
mod conformance;
mod connector;
mod coverage;
mod daemon;
mod dashboard;
mod delete;
mod demo;
mod doctor;
mod error;
mod export;
mod filters;
mod findings;
mod groups;
mod hint;
mod import;
mod inspect;
mod instance;
mod issues;
mod mapping;
mod new;
mod normalize;
mod notify;
mod onboard;
mod outcomes;
mod output;
mod packages;
mod policy;
mod projects;
mod proxy;
mod recorded;
mod rehearse;
mod renormalize;
mod repositories;
mod runs;
mod schedule;
mod schema;
mod screen;
mod secret;
mod serve;
mod simulate;
mod stdout;
mod style;
mod sync;
mod table;
mod tenant;
mod text;
mod token;
mod triage;
mod vanishing;
mod vault;
mod vendor;
mod views;
mod wait;
mod webhook;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{
    ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::StyledStr,
    error::{ContextKind, ContextValue, ErrorKind},
};
use host_harness::{
    BUNDLED, Harness, Options, Tenant,
    conformance::Lab,
    grant::{Proxies, SecretSource, TenantId},
    store::ConnectorSource,
};

use terminal_size::terminal_size_of;

use crate::{error::Failure, groups::GROUPS, output::Output, recorded::Recorded, style::Colours};

/// Findings are millions of small texts, made by one thread and dropped by
/// another: what the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Names a file with the key of a vault.
const VAULT_KEY_FILE: &str = "vault-key-file";

/// Files with keys of vaults, as a list of paths is written on the system.
const VAULT_KEY_FILES: &str = "HARNESS_VAULT_KEY_FILE";

/// The tenant where nobody says which one.
const USUAL_TENANT: &str = "default";

/// Exit codes, as the help tells them.
const EXIT_CODES: &str = "Exit codes: 0 success, 1 error, 2 usage error, 3 partial success, 4 policy violation";

/// The column at which the help says what commands do.
const ABOUT_AT: usize = 19;

/// The longest lines of the help.
const HELP_WIDTH: usize = 100;

/// How long its lines are here.
fn help_width() -> usize {
    screen::columns(terminal_size_of(std::io::stdout())).map_or(HELP_WIDTH, |width| width.min(HELP_WIDTH))
}

/// The help of the program: clap knows no headings for commands.
fn help_template() -> String {
    let commands = Command::augment_subcommands(clap::Command::new("harness"));
    let styles = clap::builder::Styles::styled();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let heading = |name: &str| format!("\n{header}{name}:{header:#}\n");
    let indent = format!("\n{}", " ".repeat(ABOUT_AT));
    let mut groups = String::new();
    for (name, members) in GROUPS {
        groups += &heading(name);
        for command in members.iter().filter_map(|name| commands.find_subcommand(name)) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let about = table::fill(&about, help_width().saturating_sub(ABOUT_AT)).replace('\n', &indent);
            groups += &format!("  {literal}{:<15}{literal:#}  {about}\n", command.get_name());
        }
    }
    let options = heading(GLOBAL_OPTIONS);
    format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}{options}{{options}}{{after-help}}")
}

/// Heading of the options of every command.
const GLOBAL_OPTIONS: &str = "Global options";

/// Collect findings from any security scanner in one store; every connector runs sandboxed
#[derive(Parser)]
#[command(name = "harness", version, after_help = EXIT_CODES, max_term_width = HELP_WIDTH)]
#[command(help_template = help_template())]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
#[command(next_help_heading = GLOBAL_OPTIONS)]
struct Global {
    /// Set the data directory [default: the platform's per-user data directory]
    #[arg(long, global = true, env = "HARNESS_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Select the tenant to operate on
    #[arg(long, global = true, default_value = USUAL_TENANT, value_name = "NAME")]
    tenant: TenantId,
    /// Read a vault key from this file (repeatable; each vault takes the key with its id)
    /// [default: the key in HARNESS_VAULT_KEY, else the file `vault.key` of the configuration directory]
    #[arg(long = VAULT_KEY_FILE, global = true, env = VAULT_KEY_FILES, value_name = "FILE")]
    vault_key_files: Vec<PathBuf>,
    /// Use this connector instead of the bundled one: a file, or ID or ID@VERSION of an installed one
    #[arg(long, global = true, value_name = "CONNECTOR")]
    connector: Option<PathBuf>,
    /// Print JSON; `harness schema COMMAND` prints its schema
    #[arg(long, global = true)]
    json: bool,
    /// Limit the total retry time per call, in seconds
    #[arg(long, global = true, default_value_t = 600, value_name = "SECONDS")]
    max_wait: u64,
    /// Choose when to color the output: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: Colours,
    /// Increase log verbosity (repeatable)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Run an end-to-end demo against a mock vendor
    Demo(demo::Args),
    /// Install, update, list and remove connectors
    #[command(subcommand)]
    Connector(connector::Command),
    /// Find connectors in signed catalogues, and publish one
    #[command(subcommand)]
    Catalogue(catalogue::Command),
    /// Inspect a connector: manifest, imports, required secrets and origins
    Inspect(inspect::Args),
    /// Set up an instance step by step; can be continued later
    Onboard(onboard::Args),
    /// Manage instances: connectors set up for an account
    #[command(subcommand)]
    Instance(instance::Command),
    /// Manage tenants
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Manage the vault of stored tokens, and its key
    #[command(subcommand)]
    Vault(vault::Command),
    /// List the vendor's projects
    Projects(projects::Args),
    /// Manage code repositories
    #[command(subcommand)]
    Repositories(repositories::Command),
    /// Map projects to repositories; only mapped projects are synced
    #[command(subcommand)]
    Mapping(mapping::Command),
    /// Sync findings
    Sync(sync::Args),
    /// Import findings from files
    Import(import::Args),
    /// List findings of every kind
    Findings(views::ListArgs<filters::Findings>),
    /// List vulnerabilities of packages
    Vulnerabilities(views::ListArgs<filters::Vulnerabilities>),
    /// List weaknesses of first-party code
    Weaknesses(views::ListArgs<filters::Weaknesses>),
    /// List leaked credentials
    Secrets(views::ListArgs<filters::Secrets>),
    /// Show a finding in detail
    Finding(findings::ShowArgs),
    /// List issues: findings from all sources, grouped by problem
    Issues(issues::ListArgs),
    /// Show an issue with its sources and findings
    Issue(issues::ShowArgs),
    /// Decide on findings: accept risks, dismiss, assign, with a reason and an end
    #[command(subcommand)]
    Triage(triage::Command),
    /// Manage advisory scores (CVSS, EPSS) and known exploitation (KEV)
    #[command(subcommand)]
    Advisories(advisories::Command),
    /// Manage and check policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// List packages in use and packages with findings
    Packages(packages::Args),
    /// Show counts and trends
    Dashboard(dashboard::Args),
    /// Show scan coverage by repository
    Coverage(coverage::Args),
    /// Write findings in public formats: SARIF, CycloneDX, OpenVEX, GitLab, OCSF, HTML and more
    Export(export::Args),
    /// Normalize stored records again with the current connector
    Renormalize(renormalize::Args),
    /// Show the run log
    Runs(runs::Args),
    /// Serve pages and an HTTP API on this machine
    Serve(serve::Args),
    /// Print a link that lets one more browser in to a running server
    Link(serve::LinkArgs),
    /// Manage API tokens, with which programs use the HTTP API
    #[command(subcommand)]
    Token(token::Command),
    /// Show what was done on pages, over the HTTP API and by commands
    #[command(subcommand)]
    Audit(audit::Command),
    /// Sync scheduled instances of all tenants until stopped
    Daemon(daemon::DaemonArgs),
    /// Show running, last and next syncs, of all tenants unless --tenant names one
    Status,
    /// Manage outgoing webhooks (run notifications)
    #[command(subcommand)]
    Notify(notify::Command),
    /// Manage incoming webhooks (vendor events)
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Generate a connector to begin with, in a new directory that builds by itself
    New(new::Args),
    /// Fetch what a connector would store, and show it; store nothing
    Rehearse(rehearse::Args),
    /// Run one function of a connector with JSON from standard input; store nothing
    Call(call::Args),
    /// Check whether a connector keeps the contract; store nothing
    Conformance(conformance::Args),
    /// Normalize a file and print the result; store nothing
    Normalize(normalize::Args),
    /// Run a mock vendor on this machine
    MockVendor(simulate::Args),
    /// Print the JSON Schema of a command's --json output
    Schema(schema::Args),
    /// Diagnose problems and suggest fixes; change nothing
    Doctor(doctor::Args),
    /// Back up a tenant to a new directory, even while it is in use
    Backup(backup::BackupArgs),
    /// Restore a tenant from a backup
    Restore(backup::RestoreArgs),
    /// Print shell completions
    Completions {
        /// Select the shell
        shell: clap_complete::Shell,
    },
}

/// What commands work with.
struct Context {
    harness: Harness,
    /// The data folder, if it was typed.
    given_data_dir: Option<PathBuf>,
    tenant: TenantId,
    connector: ConnectorSource,
    output: Output,
}

impl Context {
    /// The same, with vendors behind another network.
    fn over(&self, network: Arc<Lab>) -> Result<Self, Failure> {
        Ok(Self {
            harness: self.harness.over(network)?,
            given_data_dir: self.given_data_dir.clone(),
            tenant: self.tenant.clone(),
            connector: self.connector.clone(),
            output: self.output,
        })
    }

    /// The tenant that is meant. Where there is none yet, the usual one holds nothing, and
    /// is not made; where there are others, one of them is meant.
    fn tenant(&self) -> Result<Tenant, Failure> {
        if self.tenant.as_str() == USUAL_TENANT && self.harness.tenants()?.is_empty() {
            return Ok(self.harness.empty_tenant(&self.tenant)?);
        }
        Ok(self.harness.existing_tenant(&self.tenant)?)
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

    let matches = Cli::command().try_get_matches();
    let parsed = matches.and_then(|matches| match repeated(Cli::command(), &clap_lex::RawArgs::from_args()) {
        Some(said) => Err(said),
        None => Ok((Cli::from_arg_matches(&matches)?, matches)),
    });
    let (output, done) = match parsed {
        Ok((mut cli, matches)) => {
            cli.global.vault_key_files = match is_typed(&matches, "vault_key_files") {
                true => typed_paths(VAULT_KEY_FILE),
                false => paths_of_variable(VAULT_KEY_FILES),
            };
            let output = Output::new(cli.global.json, cli.global.color);
            output::start_log(cli.global.verbose, cli.global.color);
            (output, dispatch(cli, output, &matches))
        }
        Err(mut said) => {
            let output = Output::new(false, colours_asked_for());
            (output, Ok(usage(output, &mut said)))
        }
    };
    match done.and_then(|code| stdout::finish().map(|()| code)) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

/// What `--color` says in arguments that are not all right, or ask for help.
fn colours_asked_for() -> Colours {
    let mut arguments = std::env::args().skip(1).skip_while(|it| it != "--color" && !it.starts_with("--color="));
    let first = arguments.next().unwrap_or_default();
    let word = first.strip_prefix("--color=").map(str::to_owned).or_else(|| arguments.next()).unwrap_or_default();
    Colours::from_str(&word, true).unwrap_or_default()
}

/// What the command that arguments name says of itself.
fn said_of(
    command: &mut clap::Command,
    mut arguments: std::iter::Skip<std::env::Args>,
    say: fn(&mut clap::Command) -> StyledStr,
) -> StyledStr {
    let below = arguments.by_ref().find(|argument| command.find_subcommand(argument).is_some());
    match below.and_then(|name| command.find_subcommand_mut(name)) {
        Some(below) => said_of(below, arguments, say),
        None => say(command),
    }
}

/// Prints the help or the version that was asked for, or why the arguments are
/// wrong.
fn usage(output: Output, said: &mut clap::Error) -> ExitCode {
    if said.kind() == ErrorKind::MissingSubcommand {
        // Options in the environment keep clap from doing so.
        let mut program = Cli::command();
        program.build();
        output.missing(&said_of(&mut program, std::env::args().skip(1), clap::Command::render_help));
    } else if said.use_stderr() {
        // Its own one takes up what the environment says, and hides what may be given instead.
        if said.get(ContextKind::Usage).is_some() {
            let mut program = Cli::command();
            program.build();
            let line = said_of(&mut program, std::env::args().skip(1), clap::Command::render_usage);
            said.insert(ContextKind::Usage, ContextValue::StyledStr(line));
        }
        output.usage(said);
    } else {
        output.help(&said.render());
    }
    u8::try_from(said.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Why arguments are wrong in which an option of every command stands twice, before
/// and after the command: clap would take the later one without a word.
fn repeated(mut command: clap::Command, arguments: &clap_lex::RawArgs) -> Option<clap::Error> {
    let mut cursor = arguments.cursor();
    let mut given: Vec<String> = Vec::new();
    while let Some(argument) = arguments.next(&mut cursor).filter(|it| !it.is_escape()) {
        given.extend(argument.to_long().and_then(|(name, _)| name.ok().map(str::to_owned)));
    }
    let is_single = |it: &&clap::Arg| matches!(it.get_action(), ArgAction::Set | ArgAction::SetTrue);
    let twice = |it: &&clap::Arg| given.iter().filter(|name| it.get_long() == Some(name.as_str())).count() > 1;
    let is_of_all = |it: &&clap::Arg| it.is_global_set();
    let id = command.get_arguments().filter(is_of_all).filter(is_single).find(twice)?.get_id().clone();
    // Only then an option can be printed.
    command.build();
    let option = command.get_arguments().find(|it| *it.get_id() == id)?.to_string();
    let option = ContextValue::String(option);
    let mut said = clap::Error::new(ErrorKind::ArgumentConflict).with_cmd(&command);
    said.insert(ContextKind::InvalidArg, option.clone());
    said.insert(ContextKind::PriorArg, option);
    said.insert(ContextKind::Usage, ContextValue::StyledStr(StyledStr::new()));
    Some(said)
}

/// Whether an option stands among the arguments, and not in the environment.
fn is_typed(matches: &clap::ArgMatches, option: &str) -> bool {
    matches.value_source(option) == Some(clap::parser::ValueSource::CommandLine)
        || matches.subcommand().is_some_and(|(_, matches)| is_typed(matches, option))
}

/// The paths that an option names in arguments that are all right. Of an option
/// that stands before and after the command, clap keeps what stands after it.
fn typed_paths(option: &str) -> Vec<PathBuf> {
    let arguments = clap_lex::RawArgs::from_args();
    let mut cursor = arguments.cursor();
    let mut paths = Vec::new();
    while let Some(argument) = arguments.next(&mut cursor).filter(|it| !it.is_escape()) {
        if let Some((Ok(name), value)) = argument.to_long()
            && name == option
        {
            paths.extend(value.or_else(|| arguments.next_os(&mut cursor)).map(PathBuf::from));
        }
    }
    paths
}

/// The paths in a variable that holds a list of them.
fn paths_of_variable(name: &str) -> Vec<PathBuf> {
    let value = std::env::var_os(name).unwrap_or_default();
    std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
}

fn dispatch(cli: Cli, output: Output, matches: &clap::ArgMatches) -> Result<ExitCode, Failure> {
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
    let data_dir = match cli.global.data_dir {
        Some(folder) => std::path::absolute(folder)?,
        None => output::default_data_dir()?,
    };
    let given_data_dir = is_typed(matches, "data_dir").then(|| data_dir.clone());
    let mut options = Options::new(data_dir);
    options.retry.budget = Duration::from_secs(cli.global.max_wait);
    for path in cli.global.vault_key_files {
        options.vault_keys.push(SecretSource::File { path: std::path::absolute(path)? });
    }
    options.proxies = Arc::new(Proxies::of_variables(|name| std::env::var(name).ok()));
    let harness = vault::with_usual_key(Harness::new(options));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        let connector = match &cli.global.connector {
            Some(reference) => harness.connector_source(reference).await?,
            None => {
                ConnectorSource::Bundled { id: BUNDLED.first().map_or_else(String::new, |first| first.id.to_owned()) }
            }
        };
        let context = Context { harness, given_data_dir, tenant: cli.global.tenant, connector, output };
        let done = run(&context, cli.command);
        match Recorded::of(matches) {
            Some(recorded) => recorded.around(&context, done).await,
            None => done.await,
        }
    });
    // A blocked write of a log must not keep the program from ending.
    runtime.shutdown_background();
    code
}

async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(args) => demo::exec(context, args).await,
        Command::Inspect(args) => inspect::exec(context, args).await,
        Command::Instance(command) => instance::exec(context, command).await,
        Command::Connector(command) => connector::exec(context, command).await,
        Command::Catalogue(command) => catalogue::exec(context, command).await,
        Command::Onboard(args) => onboard::exec(context, args).await,
        Command::Tenant(command) => tenant::exec(context, command).await,
        Command::Vault(command) => vault::exec(context, command),
        Command::Projects(args) => projects::exec(context, args).await,
        Command::Repositories(command) => repositories::exec(context, command).await,
        Command::Mapping(command) => mapping::exec(context, command).await,
        Command::Sync(args) => sync::exec(context, args).await,
        Command::Import(args) => import::exec(context, args).await,
        Command::Renormalize(args) => renormalize::exec(context, args).await,
        Command::Findings(args) => views::list(context, args).await,
        Command::Vulnerabilities(args) => views::list(context, args).await,
        Command::Weaknesses(args) => views::list(context, args).await,
        Command::Secrets(args) => views::list(context, args).await,
        Command::Finding(args) => findings::show(context, args).await,
        Command::Issues(args) => issues::list(context, args).await,
        Command::Issue(args) => issues::show(context, args).await,
        Command::Advisories(command) => advisories::exec(context, command).await,
        Command::Triage(command) => triage::exec(context, command).await,
        Command::Policy(command) => policy::exec(context, command).await,
        Command::Packages(args) => packages::exec(context, args).await,
        Command::Dashboard(args) => dashboard::exec(context, args).await,
        Command::Coverage(args) => coverage::exec(context, args).await,
        Command::Export(args) => export::exec(context, args).await,
        Command::Runs(args) => runs::exec(context, args).await,
        Command::Doctor(args) => doctor::exec(context, args).await,
        Command::Backup(args) => backup::backup(context, args).await,
        Command::Restore(args) => backup::restore(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Link(args) => serve::link(context, &args).await,
        Command::Token(command) => token::exec(context, command).await,
        Command::Audit(command) => audit::exec(context, command).await,
        Command::Daemon(args) => daemon::run(context, args).await,
        Command::Status => daemon::status(context).await,
        Command::New(args) => new::exec(context, args),
        Command::Rehearse(args) => rehearse::exec(context, args).await,
        Command::Call(args) => call::exec(context, args).await,
        Command::Conformance(args) => conformance::exec(context, args).await,
        Command::Normalize(args) => normalize::exec(context, args).await,
        Command::Notify(command) => notify::exec(context, command).await,
        Command::Webhook(command) => webhook::exec(context, command).await,
        Command::MockVendor(args) => simulate::exec(args).await,
        Command::Completions { .. } | Command::Schema(_) => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests;
