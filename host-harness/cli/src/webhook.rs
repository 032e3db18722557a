//! `harness webhook`: who is told when a run ends, and whose events are taken.

use std::{path::PathBuf, process::ExitCode};

use appsec_model::{EventType, Timestamp, WebhookScheme};
use host_harness::{
    Addresses, Delivery, DeliveryState, EventRow, HarnessError, InstanceName, Origin, SecretSource, Tenant,
    WebhookSetup,
};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    output::{Output, moment, short},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Tell an address when a run of an instance ends
    Set(SetArgs),
    /// Show who is told of an instance's runs
    Show {
        /// Name of the instance
        instance: InstanceName,
    },
    /// List the webhooks
    List,
    /// Tell nobody any more; what still waits is given up
    Remove {
        /// Name of the instance
        instance: InstanceName,
    },
    /// Send a test, once, and show what the receiver answered
    Test {
        /// Name of the instance
        instance: InstanceName,
    },
    /// Show what was told, and how that went
    Deliveries {
        /// Only those of this instance
        instance: Option<InstanceName>,
        /// At most so many, newest first
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
    },
    /// Let an instance take events of its vendor, signed with this secret, at `harness run --listen`
    Secret(SecretArgs),
    /// Show the events that came in, and what came of them
    Events {
        /// Only those of this instance
        instance: Option<InstanceName>,
        /// At most so many, newest first
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
    },
    /// Try a delivery again, whatever became of it
    Retry {
        /// Its number, as `webhook deliveries` shows it
        id: i64,
    },
}

#[derive(clap::Args)]
pub struct SetArgs {
    /// Name of the instance
    instance: InstanceName,
    /// The address to tell; put no secret into it
    #[arg(long)]
    url: String,
    /// The origin of that address, where it is in your own network
    #[arg(long, value_name = "ORIGIN")]
    allow_private_origin: Option<Origin>,
    #[command(flatten)]
    secret: SigningSecret,
}

/// Where a secret that signs is read from.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("signing").required(true))]
pub struct SigningSecret {
    /// Read the secret that signs from this file
    #[arg(long, value_name = "FILE", group = "signing")]
    secret_file: Option<PathBuf>,
    /// Read it from this environment variable
    #[arg(long, value_name = "VARIABLE", group = "signing")]
    secret_env: Option<String>,
    /// Read it from standard input; it must be stored
    #[arg(long, group = "signing", requires = "store_secret")]
    secret_stdin: bool,
    /// Put it into the vault, sealed with the vault's key, and read it from there from now on
    #[arg(long)]
    store_secret: bool,
}

/// The source that was given; standard input where none was.
fn source(file: Option<PathBuf>, variable: Option<String>) -> Result<SecretSource, Failure> {
    Ok(match (file, variable) {
        (Some(path), _) => SecretSource::File { path: std::path::absolute(path)? },
        (None, Some(name)) => SecretSource::Variable { name },
        (None, None) => SecretSource::Input,
    })
}

#[derive(clap::Args)]
pub struct SecretArgs {
    /// Name of the instance
    instance: InstanceName,
    /// Read the secret that the vendor signs with from this file
    #[arg(long, value_name = "FILE", group = "inbox")]
    from_file: Option<PathBuf>,
    /// Read it from this environment variable
    #[arg(long, value_name = "VARIABLE", group = "inbox")]
    from_env: Option<String>,
    /// Read it from standard input; it must be stored
    #[arg(long, group = "inbox", requires = "store_secret")]
    from_stdin: bool,
    /// Put it into the vault, sealed with the vault's key, and read it from there from now on
    #[arg(long, requires = "inbox", conflicts_with = "remove")]
    store_secret: bool,
    /// Take no events any more
    #[arg(long, group = "inbox")]
    remove: bool,
}

/// What `webhook secret` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct InboxReport {
    /// Name of the instance.
    instance: String,
    /// Whether it takes events.
    takes_events: bool,
    /// The path of the address to give to the vendor.
    path: Option<String>,
    /// Where the secret that the vendor signs with is read from.
    secret: Option<String>,
    /// How the vendor signs, and where a person sets address and secret there.
    scheme: Option<WebhookScheme>,
}

/// What `webhook events` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct EventList {
    /// The events, newest first.
    events: Vec<EventRow>,
}

/// A webhook, as commands print it.
#[derive(Serialize, schemars::JsonSchema)]
pub struct WebhookReport {
    /// Name of the instance.
    instance: String,
    /// The address that is told.
    url: String,
    /// Whether the address may be at an address of this machine or network.
    private: bool,
    /// Where the secret that signs is read from.
    secret: String,
    /// When it was set.
    set_at: Timestamp,
}

/// What `webhook list` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct WebhookList {
    /// The webhooks, by name of the instance.
    webhooks: Vec<WebhookReport>,
}

/// What `webhook remove` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct WebhookRemoved {
    /// Name of the instance whose runs are told no more.
    removed: String,
}

/// What `webhook deliveries` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct DeliveryList {
    /// The deliveries, newest first.
    deliveries: Vec<Delivery>,
}

impl WebhookReport {
    fn of(instance: &InstanceName, webhook: host_harness::Webhook) -> Self {
        Self {
            instance: instance.to_string(),
            private: webhook.egress.origins().any(|(_, addresses)| addresses == Addresses::Private),
            url: webhook.url,
            secret: webhook.secret.to_string(),
            set_at: webhook.set_at,
        }
    }
}

/// A secret that signs is given by other options than a token.
fn of_secret(error: HarnessError, remedy: &str) -> Failure {
    match error {
        error @ HarnessError::Secret(_) => Failure::from(error).with_remedy(remedy),
        error => error.into(),
    }
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let output = context.output;
    match command {
        Command::Set(SetArgs { instance, url, allow_private_origin, secret }) => {
            let setup = WebhookSetup {
                url,
                private_origin: allow_private_origin,
                secret: source(secret.secret_file, secret.secret_env)?,
                store_secret: secret.store_secret,
            };
            let webhook = tenant.set_webhook(&instance, setup).await;
            let remedy = "give the secret that signs with --secret-file FILE or --secret-env VARIABLE, or with \
                          --secret-stdin and --store-secret";
            let webhook = webhook.map_err(|error| of_secret(error, remedy).of(tenant.id(), Some(&instance)))?;
            output.result(&WebhookReport::of(&instance, webhook), |report| {
                show_list(output, std::slice::from_ref(report));
                output.line(format!("Next: harness webhook test {instance}"));
            })?;
        }
        Command::Show { instance } => {
            let webhook = tenant.webhook(&instance).await;
            let webhook = webhook.map_err(|error| Failure::from(error).of(tenant.id(), Some(&instance)))?;
            output.result(&WebhookReport::of(&instance, webhook), |report| {
                show_list(output, std::slice::from_ref(report));
            })?;
        }
        Command::List => {
            let list = WebhookList { webhooks: all(&tenant).await? };
            output.result(&list, |list| match list.webhooks.as_slice() {
                [] => {
                    output
                        .line("No webhook is set. Set one: harness webhook set INSTANCE --url URL --secret-file FILE");
                }
                webhooks => show_list(output, webhooks),
            })?;
        }
        Command::Remove { instance } => {
            let removed = tenant.remove_webhook(&instance).await;
            removed.map_err(|error| Failure::from(error).of(tenant.id(), Some(&instance)))?;
            output.result(&WebhookRemoved { removed: instance.to_string() }, |_| {
                output.line(format!("Nobody is told of the runs of {instance} any more."));
            })?;
        }
        Command::Test { instance } => {
            let delivery = tenant.test_webhook(&instance).await;
            let delivery = delivery.map_err(|error| Failure::from(error).of(tenant.id(), Some(&instance)))?;
            return told(output, delivery);
        }
        Command::Retry { id } => {
            let delivery = tenant.retry_delivery(id).await;
            let delivery = delivery.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
            return told(output, delivery);
        }
        Command::Secret(args) => return secret(context, &tenant, args).await,
        Command::Events { instance, limit } => {
            let of = row_id(&tenant, instance.as_ref()).await?;
            let events = tenant.store().read(move |store| store.events(of, limit)).await?;
            output.result(&EventList { events }, |list| show_events(output, &list.events))?;
        }
        Command::Deliveries { instance, limit } => {
            let of = row_id(&tenant, instance.as_ref()).await?;
            let deliveries = tenant.store().read(move |store| store.deliveries(of, limit)).await?;
            output.result(&DeliveryList { deliveries }, |list| show_deliveries(output, &list.deliveries))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn row_id(tenant: &Tenant, instance: Option<&InstanceName>) -> Result<Option<i64>, Failure> {
    Ok(match instance {
        Some(name) => Some(tenant.instance(name).await?.id),
        None => None,
    })
}

async fn secret(context: &Context, tenant: &Tenant, args: SecretArgs) -> Result<ExitCode, Failure> {
    let SecretArgs { instance, from_file, from_env, from_stdin, store_secret, remove } = args;
    let told = |error| Failure::from(error).of(tenant.id(), Some(&instance));
    let given = from_file.is_some() || from_env.is_some() || from_stdin;
    let inbox = if remove {
        tenant.remove_inbox(&instance).await.map_err(told)?;
        None
    } else if given {
        let from = source(from_file, from_env)?;
        let remedy = "give the secret that the vendor signs with with --from-file FILE or --from-env VARIABLE, or with \
                      --from-stdin and --store-secret";
        let set = tenant.set_inbox(&instance, from, store_secret).await;
        Some(set.map_err(|error| of_secret(error, remedy).of(tenant.id(), Some(&instance)))?)
    } else {
        Some(tenant.inbox(&instance).await.map_err(told)?)
    };
    let report = InboxReport {
        instance: instance.to_string(),
        takes_events: inbox.is_some(),
        path: inbox.as_ref().map(|inbox| inbox.path.clone()),
        secret: inbox.as_ref().map(|inbox| inbox.secret.to_string()),
        scheme: inbox.map(|inbox| inbox.scheme),
    };
    let output = context.output;
    output.result(&report, |report| match (&report.path, &report.secret, &report.scheme) {
        (Some(path), Some(secret), Some(scheme)) => {
            output.line(format!("{instance} takes events at {path}, signed with the secret from {secret}."));
            output.line(format!("At the vendor: {}", scheme.description));
            output.line("Next: harness run --listen 127.0.0.1:8787");
        }
        _ => output.line(format!("{instance} takes no events any more.")),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn all(tenant: &Tenant) -> Result<Vec<WebhookReport>, Failure> {
    let found = tenant
        .store()
        .read(|store| {
            let mut found = Vec::new();
            for instance in store.instances()? {
                found.extend(store.webhook(instance.id)?.map(|webhook| (instance.made.name, webhook)));
            }
            Ok(found)
        })
        .await?;
    Ok(found.into_iter().map(|(instance, webhook)| WebhookReport::of(&instance, webhook)).collect())
}

/// Shows a delivery that was just tried; a failure where it was not taken.
fn told(output: Output, delivery: Delivery) -> Result<ExitCode, Failure> {
    let taken = delivery.state == DeliveryState::Delivered;
    output.result(&DeliveryList { deliveries: vec![delivery] }, |list| show_deliveries(output, &list.deliveries))?;
    Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show_list(output: Output, webhooks: &[WebhookReport]) {
    let mut table = output.table(&["INSTANCE", "URL", "ADDRESSES", "SECRET", "SET"]);
    for it in webhooks {
        let addresses = if it.private { "private allowed" } else { "public" };
        table.add_row([&it.instance, &it.url, addresses, &it.secret, &moment(it.set_at)]);
    }
    output.print(&table);
}

fn show_events(output: Output, events: &[EventRow]) {
    let mut table = output.table(&["ID", "INSTANCE", "RECEIVED", "EVENT", "ABOUT", "STATE", "RUN"]);
    for it in events {
        let (what, why) = match &it.event.what {
            EventType::FindingsChanged => ("findings-changed", None),
            EventType::ScanFinished => ("scan-finished", None),
            EventType::Ignored { reason } => ("ignored", Some(reason)),
        };
        let projects = it.event.projects.iter().filter_map(|it| it.name.clone().or(it.id.clone()));
        let about = why.or(it.problem.as_ref()).cloned().unwrap_or_else(|| projects.collect::<Vec<_>>().join(", "));
        table.add_row([
            it.id.to_string(),
            it.instance.clone(),
            moment(it.received_at),
            what.to_owned(),
            short(&about, 80),
            it.state.as_str().to_owned(),
            it.run.map(|run| run.to_string()).unwrap_or_default(),
        ]);
    }
    output.print(&table);
}

fn show_deliveries(output: Output, deliveries: &[Delivery]) {
    let mut table = output.table(&["ID", "INSTANCE", "ABOUT", "STATE", "TRIES", "LAST", "NEXT", "ANSWER"]);
    for it in deliveries {
        let shown = |moment: Option<Timestamp>| moment.map(super::output::moment).unwrap_or_default();
        let answer = match (it.status, &it.problem, &it.answer) {
            (None, Some(problem), _) => problem.clone(),
            (Some(status), _, Some(answer)) => format!("{status}: {answer}"),
            (Some(status), _, None) => status.to_string(),
            (None, None, _) => String::new(),
        };
        table.add_row([
            it.id.to_string(),
            it.instance.clone(),
            it.run.map_or_else(|| "test".to_owned(), |run| format!("run {run}")),
            it.state.as_str().to_owned(),
            it.tries.to_string(),
            shown(it.tried_at),
            shown(it.next_at),
            short(&answer, 80),
        ]);
    }
    output.print(&table);
}
