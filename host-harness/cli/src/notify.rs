//! `harness notify`: outgoing webhooks, which receive an event when a run ends,
//! and alerts, which report what newly violates policies.

mod alert;

use std::{path::PathBuf, process::ExitCode};

use host_harness::{
    DeliveryList, GivenSecret, NotifyRemoved, NotifyReport, WebhookSetup,
    grant::{InstanceName, Origin},
    store::{Delivery, DeliveryState},
};

use super::{
    Context,
    error::Failure,
    output::{Output, short},
    table::{Cell, cells},
    webhook::{of_secret, source},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Set the webhook that is notified when a run of an instance ends
    Set(SetArgs),
    /// Show the webhook of an instance
    Show {
        /// Name of the instance
        instance: InstanceName,
    },
    /// List webhooks
    List,
    /// Remove the webhook and discard pending deliveries
    Remove {
        /// Name of the instance
        instance: InstanceName,
    },
    /// Send a test event once, and show the response
    Test {
        /// Name of the instance
        instance: InstanceName,
    },
    /// Manage alerts about new violations of policies
    #[command(subcommand)]
    Alert(alert::Command),
    /// Show deliveries and their results
    Deliveries {
        /// Name of the instance [default: all of the tenant]
        instance: Option<InstanceName>,
        /// Limit the number of results, newest first
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
        /// Skip this many results
        #[arg(long, default_value_t = 0, value_name = "N")]
        offset: u32,
    },
    /// Resend a delivery, whatever its result
    Resend {
        /// Id of the delivery, as shown by `harness notify deliveries`
        id: i64,
    },
}

#[derive(clap::Args)]
pub struct SetArgs {
    /// Name of the instance
    instance: InstanceName,
    /// Set the URL to notify; it must not contain a secret
    #[arg(long, requires = "signing")]
    url: String,
    /// Allow the origin of the URL at loopback and private addresses
    #[arg(long, value_name = "ORIGIN")]
    allow_private_origin: Option<Origin>,
    #[command(flatten)]
    secret: SigningSecret,
}

/// Where a secret that signs, or that is an address, is read from.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("signing"))]
pub struct SigningSecret {
    /// Read the signing secret from this file
    #[arg(long, value_name = "FILE", group = "signing")]
    secret_file: Option<PathBuf>,
    /// Read the signing secret from this environment variable
    #[arg(long, value_name = "VARIABLE", group = "signing")]
    secret_env: Option<String>,
    /// Read the signing secret from standard input; requires --store-secret
    #[arg(long, group = "signing", requires = "store_secret")]
    secret_stdin: bool,
    /// Store the signing secret in the vault, and read it from there from now on
    #[arg(long)]
    store_secret: bool,
}

impl SigningSecret {
    fn given(self) -> Result<GivenSecret, Failure> {
        source(self.secret_file, self.secret_env, self.store_secret)
    }

    /// Whether there is one.
    const fn is_given(&self) -> bool {
        self.secret_file.is_some() || self.secret_env.is_some() || self.secret_stdin
    }
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let output = context.output;
    match command {
        Command::Set(SetArgs { instance, url, allow_private_origin, secret }) => {
            let setup = WebhookSetup { url, private_origin: allow_private_origin, secret: secret.given()? };
            let webhook = tenant.set_webhook(&instance, setup).await;
            let hint = "give the signing secret with --secret-file FILE or --secret-env VARIABLE, or with \
                          --secret-stdin and --store-secret";
            let webhook = webhook.map_err(|error| of_secret(error, hint).of(tenant.id(), Some(&instance)))?;
            output.result(&NotifyReport::of(&instance, webhook), |report| {
                show_list(output, std::slice::from_ref(report));
                output.line(format!("Next: harness notify test {instance}"));
            })?;
        }
        Command::Show { instance } => {
            let report = tenant.notify_report(&instance).await;
            let report = report.map_err(|error| Failure::from(error).of(tenant.id(), Some(&instance)))?;
            output.result(&report, |report| {
                show_list(output, std::slice::from_ref(report));
            })?;
        }
        Command::List => {
            let list = tenant.notify_list().await?;
            output.result(&list, |list| match list.webhooks.as_slice() {
                [] => {
                    output.line(
                        "No webhook is set. Set one with: harness notify set INSTANCE --url URL --secret-file FILE",
                    );
                }
                webhooks => show_list(output, webhooks),
            })?;
        }
        Command::Remove { instance } => {
            let removed = tenant.remove_webhook(&instance).await;
            removed.map_err(|error| Failure::from(error).of(tenant.id(), Some(&instance)))?;
            output.result(&NotifyRemoved { removed: instance.to_string() }, |_| {
                output.line(format!("Removed the webhook of {instance}."));
            })?;
        }
        Command::Test { instance } => {
            let delivery = tenant.test_webhook(&instance).await;
            let delivery = delivery.map_err(|error| Failure::from(error).of(tenant.id(), Some(&instance)))?;
            return told(output, delivery);
        }
        Command::Alert(command) => return alert::exec(context, &tenant, command).await,
        Command::Resend { id } => {
            let delivery = tenant.retry_delivery(id).await;
            let delivery = delivery.map_err(|error| Failure::from(error).of(tenant.id(), None))?;
            return told(output, delivery);
        }
        Command::Deliveries { instance, limit, offset } => {
            let list = tenant.delivery_list(instance.as_ref(), limit, offset).await?;
            output.result(&list, |list| {
                show_deliveries(output, &list.deliveries);
                output.line(format!("{} of {}", list.deliveries.len(), list.total));
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a delivery that was just tried; a failure where it was not accepted.
fn told(output: Output, delivery: Delivery) -> Result<ExitCode, Failure> {
    let taken = delivery.state == DeliveryState::Delivered;
    output.result(&DeliveryList { total: 1, deliveries: vec![delivery] }, |list| {
        show_deliveries(output, &list.deliveries);
    })?;
    Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show_list(output: Output, webhooks: &[NotifyReport]) {
    let mut table = output.table(&["INSTANCE", "URL", "ADDRESSES", "SECRET", "SET"]);
    for it in webhooks {
        let addresses = if it.private { "private allowed" } else { "public" };
        table.add_row(cells![&it.instance, &it.url, addresses, &it.secret, it.set_at]);
    }
    output.print(&table);
}

/// What a delivery is about.
fn about(delivery: &Delivery) -> String {
    let alert = delivery.alert.map(|format| format!("{} alert, ", format.as_str())).unwrap_or_default();
    alert + &delivery.run.map_or_else(|| "test".to_owned(), |run| format!("run {run}"))
}

fn show_deliveries(output: Output, deliveries: &[Delivery]) {
    if deliveries.is_empty() {
        output.line("No deliveries. There is one for each run of an instance with a webhook, and for each alert.");
        return;
    }
    let mut table = output.table(&["ID", "INSTANCE", "ABOUT", "STATE", "TRIES", "LAST", "NEXT", "ANSWER"]);
    for it in deliveries {
        let answer = match (it.status, &it.problem, &it.answer) {
            (None, Some(problem), _) => problem.clone(),
            (Some(status), _, Some(answer)) => format!("{status}: {answer}"),
            (Some(status), _, None) => status.to_string(),
            (None, None, _) => String::new(),
        };
        table.add_row(cells![
            it.id,
            &it.instance,
            about(it),
            Cell::state(it.state.as_str()),
            it.tries,
            it.tried_at,
            it.next_at,
            short(&answer, 80),
        ]);
    }
    output.print(&table);
}
