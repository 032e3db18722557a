//! `harness instance`: connectors set up for an account.

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode};

use appsec_model::{Access, Connection, Timestamp};
use host_harness::{ConnectorSource, EgressPolicy, Instance, InstanceName, Origin, SecretSource, Setup, Tenant};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Context,
    error::Failure,
    output::{Output, moment, short},
    secret::SecretArgs,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Set up an instance and connect it
    Add(AddArgs),
    /// List the instances of the tenant
    List,
    /// Connect an instance again and tell how it is
    Check {
        /// Its name
        name: InstanceName,
        #[command(flatten)]
        secret: SecretArgs,
    },
    /// Set or show when an instance is synced
    Schedule(super::schedule::Args),
    /// Show an instance
    Show {
        /// Its name
        name: InstanceName,
    },
    /// Delete an instance and everything that it brought; shows the plan first
    Delete(super::delete::InstanceArgs),
}

#[derive(clap::Args)]
pub struct AddArgs {
    /// A name of your choice: letters, digits and `-`
    name: InstanceName,
    /// A setting; `harness inspect` lists them. VALUE is JSON, or else a text
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, Value)>,
    /// A JSON file with settings
    #[arg(long, value_name = "FILE")]
    settings_file: Option<PathBuf>,
    /// Let the connector reach this origin as well
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Let the connector reach this origin at an address of this machine or network
    #[arg(long, value_name = "ORIGIN")]
    allow_private_origin: Vec<Origin>,
    /// Set up only; connect later
    #[arg(long)]
    no_check: bool,
    #[command(flatten)]
    secret: SecretArgs,
}

fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

/// An instance, as commands print it.
#[derive(Serialize, schemars::JsonSchema)]
pub struct InstanceReport {
    /// Its name.
    name: String,
    /// Id of its connector.
    connector: String,
    /// Version of its connector when it was set up.
    connector_version: String,
    /// Where the connector comes from.
    connector_source: ConnectorSource,
    /// How it is: `connected`, `unauthorized`, `degraded` or `never-checked`.
    status: String,
    /// Why, where it is not well.
    status_detail: Option<String>,
    /// Its settings.
    settings: Map<String, Value>,
    /// Origins that it may reach: `public`, or `private` where addresses of
    /// this machine and network are allowed too.
    origins: BTreeMap<String, String>,
    /// Where its secrets are read from, by variable.
    secrets: BTreeMap<String, String>,
    /// What the last good check learnt.
    connection: Option<Connection>,
    /// When it was set up.
    created_at: Timestamp,
    /// When it was last checked.
    checked_at: Option<Timestamp>,
    /// When it is synced, in words; none where only somebody asks for it.
    schedule: Option<String>,
    /// When the next sync is due.
    next_at: Option<Timestamp>,
}

/// What `instance list` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct InstanceList {
    /// The instances, by name.
    instances: Vec<InstanceReport>,
}

impl From<Instance> for InstanceReport {
    fn from(instance: Instance) -> Self {
        let made = instance.made;
        Self {
            name: made.name.to_string(),
            connector: made.connector_id,
            connector_version: made.connector_version,
            connector_source: made.connector_source,
            status: instance.status.as_str().to_owned(),
            status_detail: instance.status_detail,
            settings: made.settings,
            origins: origins(&made.egress),
            secrets: made.secrets.into_iter().map(|(variable, source)| (variable, source.to_string())).collect(),
            connection: instance.connection,
            created_at: instance.created_at,
            checked_at: instance.checked_at,
            schedule: None,
            next_at: None,
        }
    }
}

/// The report of an instance with its schedule.
async fn scheduled(tenant: &Tenant, instance: Instance) -> Result<InstanceReport, Failure> {
    let work = tenant.work_of(&instance).await?;
    Ok(InstanceReport { schedule: work.schedule, next_at: work.next_at, ..InstanceReport::from(instance) })
}

fn origins(policy: &EgressPolicy) -> BTreeMap<String, String> {
    let word = |addresses| match addresses {
        host_harness::Addresses::Public => "public".to_owned(),
        host_harness::Addresses::Private => "private".to_owned(),
    };
    policy.origins().map(|(origin, addresses)| (origin.to_string(), word(addresses))).collect()
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let output = context.output;
    match command {
        Command::Add(args) => {
            let name = args.name.clone();
            let check = !args.no_check;
            let setup = setup(context, args)?;
            let added = tenant.add_instance(setup, check).await;
            let instance = added.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)))?;
            output.result(&InstanceReport::from(instance), |report| {
                show(output, report);
                output.line(format!("Next: harness sync {name}"));
            })?;
        }
        Command::List => {
            let instances = tenant.store().run(|store| store.instances()).await?;
            let mut list = InstanceList { instances: Vec::with_capacity(instances.len()) };
            for instance in instances {
                list.instances.push(scheduled(&tenant, instance).await?);
            }
            output.result(&list, |list| show_list(output, list))?;
        }
        Command::Check { name, secret } => {
            let checked = tenant.check_instance(&name, secret.source()?).await;
            checked.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)))?;
            let instance = tenant.instance(&name).await?;
            output.result(&InstanceReport::from(instance), |report| show(output, report))?;
        }
        Command::Delete(args) => return super::delete::instance(context, &tenant, args).await,
        Command::Schedule(args) => return super::schedule::exec(context, args).await,
        Command::Show { name } => {
            let instance = tenant.instance(&name).await.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
            output.result(&scheduled(&tenant, instance).await?, |report| show(output, report))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn setup(context: &Context, args: AddArgs) -> Result<Setup, Failure> {
    let mut settings = Map::new();
    if let Some(path) = &args.settings_file {
        let told = |problem: String| {
            Failure::new(
                "settings-file",
                format!("{}: {problem}", path.display()),
                Some("give a file with one JSON object"),
            )
        };
        let text = fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        settings = serde_json::from_str(&text).map_err(|error| told(error.to_string()))?;
    }
    settings.extend(args.settings);
    let secret = args.secret.source()?;
    if matches!(secret, Some(SecretSource::Input)) && args.no_check {
        return Err(Failure::new(
            "secret",
            "a token from standard input is for one command only, and --no-check does not use it",
            Some("leave out one of the two"),
        ));
    }
    Ok(Setup {
        name: args.name,
        connector: context.connector.clone(),
        settings,
        allow_origins: args.allow_origin,
        allow_private_origins: args.allow_private_origin,
        secret,
    })
}

fn show_list(output: Output, list: &InstanceList) {
    if list.instances.is_empty() {
        output.line("No instances yet. Set one up with: harness instance add NAME");
        return;
    }
    let mut table = output.table(&["NAME", "CONNECTOR", "STATUS", "DEPLOYMENT", "CHECKED", "NEXT SYNC"]);
    for instance in &list.instances {
        let deployment = instance.connection.as_ref().map(|it| it.deployment.slug.clone());
        table.add_row([
            instance.name.clone(),
            format!("{} {}", instance.connector, instance.connector_version),
            instance.status.clone(),
            deployment.unwrap_or_default(),
            instance.checked_at.map(moment).unwrap_or_else(|| "never".to_owned()),
            instance.next_at.map(moment).unwrap_or_else(|| "when asked".to_owned()),
        ]);
    }
    output.print(&table);
}

fn show(output: Output, report: &InstanceReport) {
    let mut table = output.table(&["instance", &report.name]);
    let detail = report.status_detail.as_ref().map(|detail| format!(": {}", short(detail, 300))).unwrap_or_default();
    table.add_row(["status", &format!("{}{detail}", report.status)]);
    table.add_row([
        "connector",
        &format!("{} {}, {}", report.connector, report.connector_version, report.connector_source),
    ]);
    if let Some(connection) = &report.connection {
        let deployment = &connection.deployment;
        table.add_row(["deployment", &format!("{} (id {})", deployment.slug, deployment.id)]);
        let kinds = connection.kinds.iter().map(|it| match &it.access {
            Access::Readable => format!("{}: readable", it.kind),
            Access::Denied { reason } => format!("{}: {reason}", it.kind),
        });
        table.add_row(["kinds", &kinds.collect::<Vec<_>>().join("\n")]);
        for diagnostic in &connection.diagnostics {
            table.add_row(["note", &diagnostic.message]);
        }
    }
    let settings = report.settings.iter().map(|(key, value)| format!("{key} = {value}"));
    table.add_row(["settings", &settings.collect::<Vec<_>>().join("\n")]);
    let origins = report.origins.iter().map(|(origin, addresses)| format!("{origin} ({addresses} addresses)"));
    table.add_row(["origins", &origins.collect::<Vec<_>>().join("\n")]);
    let secrets = report.secrets.iter().map(|(variable, source)| format!("{variable} from {source}"));
    table.add_row(["secrets", &secrets.collect::<Vec<_>>().join("\n")]);
    if let Some(schedule) = &report.schedule {
        table.add_row(["schedule", schedule]);
        table.add_row(["next sync", &report.next_at.map(moment).unwrap_or_else(|| "paused".to_owned())]);
    }
    table.add_row(["checked", &report.checked_at.map(moment).unwrap_or_else(|| "never".to_owned())]);
    output.print(&table);
}
