//! `harness instance`: connectors set up for an account.

mod change;
mod report;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use appsec_model::{Access, Connection};
use host_harness::{
    Setup,
    columns::INSTANCES_CSV,
    grant::{InstanceName, Origin, SecretSource, read_bounded},
};
use serde_json::{Map, Value};

pub use self::report::connected;
use self::report::{show, show_list};
use super::{
    Context,
    error::Failure,
    output::{CsvArg, Output},
    proxy::ProxyArgs,
    secret::{SecretArgs, StoreArgs},
    wait::wait,
};

/// Bytes of a file with settings: a few keys.
const MAX_SETTINGS_BYTES: u64 = 1 << 20;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Add an instance and test its connection
    Add(AddArgs),
    /// List instances
    List(CsvArg),
    /// Test the connection of an instance
    Test {
        /// Name of the instance
        name: InstanceName,
        #[command(flatten)]
        secret: SecretArgs,
    },
    /// Replace the token of an instance, once the vendor accepts the new one
    RotateToken(change::RotateArgs),
    /// Change settings of an instance, once connector and vendor accept them
    Set(change::SetArgs),
    /// Pause an instance
    Pause {
        /// Name of the instance
        name: InstanceName,
        /// Record the reason
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Resume a paused instance; for a restored one, this also accepts its origins, secrets and webhooks
    Resume {
        /// Name of the instance
        name: InstanceName,
    },
    /// Set or show the schedule of an instance
    Schedule(super::schedule::Args),
    /// Show an instance
    Show {
        /// Name of the instance
        name: InstanceName,
    },
    /// Delete an instance with all its data; shows the plan first
    Delete(super::delete::InstanceArgs),
}

#[derive(clap::Args)]
pub struct AddArgs {
    /// Name of the new instance: a-z, 0-9 and `-`
    name: InstanceName,
    #[command(flatten)]
    connect: ConnectArgs,
    /// Skip the connection test
    #[arg(long)]
    skip_verify: bool,
}

/// Options of commands that take settings of a connector.
#[derive(clap::Args)]
pub struct SettingsArgs {
    /// Set a setting listed by `harness inspect`; VALUE is JSON, or plain text if it is not valid JSON
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, Value)>,
    /// Read settings from this JSON file
    #[arg(long, value_name = "FILE")]
    settings_file: Option<PathBuf>,
}

/// Options of commands that set up an instance.
#[derive(clap::Args)]
pub struct ConnectArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Allow the connector to reach this origin
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Allow this origin, even on loopback and private addresses
    #[arg(long, value_name = "ORIGIN")]
    allow_private_origin: Vec<Origin>,
    #[command(flatten)]
    proxy: ProxyArgs,
    #[command(flatten)]
    token: StoreArgs,
}

fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

/// Whether a token reads no kind of findings at all.
fn reads_nothing(connection: &Connection) -> bool {
    connection.kinds.iter().all(|kind| kind.access != Access::Readable)
}

fn advise_to_let_read(output: Output, name: &InstanceName) {
    output.line(format!(
        "No kind can be read: let the token read findings, then run: harness instance test {name}; \
         or give another one: harness instance rotate-token {name}"
    ));
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let tenant = match command {
        Command::Add(_) => context.tenant_or_new()?,
        _ => context.tenant()?,
    };
    let output = context.output;
    match command {
        Command::Add(args) => {
            let name = args.name.clone();
            let check = !args.skip_verify;
            let setup = args.connect.setup(context, args.name)?;
            if setup.secret == Some(SecretSource::Input) && !check && !setup.store_secret {
                return Err(Failure::new(
                    "secret",
                    "a token from stdin is not stored, and --skip-verify does not use it",
                    Some("store it with --store-token, or leave out one of the two"),
                ));
            }
            let begun = Instant::now();
            let added = wait(output, "Connecting to the vendor", tenant.add_instance(setup, check)).await;
            let instance = added.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)))?;
            let connection = instance.connection.clone();
            let reads_nothing = check && connection.as_ref().is_some_and(reads_nothing);
            output.result(&tenant.report_of(instance).await?, |report| {
                show(output, report);
                if let Some(connection) = connection.filter(|_| check) {
                    connected(output, &connection.deployment, &connection.kinds, Some(begun.elapsed()));
                }
                match reads_nothing {
                    true => advise_to_let_read(output, &name),
                    false => output.line(format!("Next: harness sync {name}")),
                }
            })?;
            return Ok(if reads_nothing { ExitCode::from(3) } else { ExitCode::SUCCESS });
        }
        Command::List(csv) => {
            let list = tenant.instance_list().await?;
            output.listed(csv, (INSTANCES_CSV, &list.instances), &list, |list| show_list(output, list))?;
        }
        Command::Test { name, secret } => {
            let begun = Instant::now();
            let test = tenant.check_instance(&name, secret.source()?);
            let tested = wait(output, "Connecting to the vendor", test).await;
            let connection = tested.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)))?;
            let instance = tenant.instance(&name).await?;
            output.result(&tenant.report_of(instance).await?, |_| {
                connected(output, &connection.deployment, &connection.kinds, Some(begun.elapsed()));
                if reads_nothing(&connection) {
                    advise_to_let_read(output, &name);
                }
            })?;
            return Ok(if reads_nothing(&connection) { ExitCode::from(3) } else { ExitCode::SUCCESS });
        }
        Command::RotateToken(args) => {
            let (name, rotation) = args.rotation()?;
            let rotated = wait(output, "Connecting to the vendor", tenant.rotate_secret(&name, rotation)).await;
            let instance = rotated.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)))?;
            output.result(&tenant.report_of(instance).await?, |report| show(output, report))?;
        }
        Command::Set(args) => {
            let write_back = args.write_back;
            let (name, change) = args.change()?;
            let told = |error| Failure::from(error).of(tenant.id(), Some(&name));
            if let Some(change) = change {
                wait(output, "Connecting to the vendor", tenant.change_settings(&name, change)).await.map_err(told)?;
            }
            if let Some(mode) = write_back {
                tenant.set_write_back(&name, mode).await.map_err(told)?;
            }
            let instance = tenant.instance(&name).await.map_err(told)?;
            output.result(&tenant.report_of(instance).await?, |report| show(output, report))?;
        }
        Command::Pause { name, reason } => {
            let paused = tenant.pause_instance(&name, reason).await;
            let instance = paused.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
            output.result(&tenant.report_of(instance).await?, |_| {
                output.line(format!("Paused. Resume it with: harness instance resume {name}"));
            })?;
        }
        Command::Resume { name } => {
            let resumed = tenant.resume_instance(&name).await;
            let instance = resumed.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
            output.result(&tenant.report_of(instance).await?, |_| {
                output.line(format!("Resumed. Next: harness sync {name}"));
            })?;
        }
        Command::Delete(args) => return super::delete::instance(context, &tenant, args).await,
        Command::Schedule(args) => return super::schedule::exec(context, args).await,
        Command::Show { name } => {
            let instance = tenant.instance(&name).await.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
            output.result(&tenant.full_report_of(instance).await?, |report| show(output, report))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl SettingsArgs {
    fn is_given(&self) -> bool {
        !self.settings.is_empty() || self.settings_file.is_some()
    }

    /// The settings: those of the file, and over them the others.
    pub fn read(self) -> Result<Map<String, Value>, Failure> {
        let mut settings = Map::new();
        if let Some(path) = &self.settings_file {
            let told = |problem: String| {
                Failure::new(
                    "settings-file",
                    format!("{}: {problem}", path.display()),
                    Some("give a file with one JSON object"),
                )
            };
            let text = read_bounded(path, MAX_SETTINGS_BYTES).map_err(|error| told(error.to_string()))?;
            settings = serde_json::from_slice(&text).map_err(|error| told(error.to_string()))?;
        }
        settings.extend(self.settings);
        Ok(settings)
    }
}

impl ConnectArgs {
    /// Whether anything is given.
    pub fn is_given(&self) -> bool {
        let settings = self.settings.is_given();
        let origins = !self.allow_origin.is_empty() || !self.allow_private_origin.is_empty();
        settings || origins || self.proxy.is_given() || self.token.store_token || self.token.is_given()
    }

    /// What an instance is set up with.
    pub fn setup(self, context: &Context, name: InstanceName) -> Result<Setup, Failure> {
        Ok(Setup {
            name,
            connector: context.connector.clone(),
            settings: self.settings.read()?,
            allow_origins: self.allow_origin,
            allow_private_origins: self.allow_private_origin,
            secret: self.token.secret.source()?,
            secrets: self.token.each.sources()?,
            store_secret: self.token.store_token,
            proxy: self.proxy.change()?,
        })
    }
}
