//! `harness notify alert`: new violations of policies, reported in one message per run.

use std::{path::PathBuf, process::ExitCode};

use host_harness::{
    AlertReceiver, AlertReport, NotifyRemoved, Tenant, WebhookSetup,
    grant::{InstanceName, Origin},
    store::AlertFormat,
};

use super::{SigningSecret, told};
use crate::{
    Context,
    error::{Failure, USAGE},
    output::Output,
    table::{Cell, cells},
    webhook::of_secret,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Set an alert: findings that newly violate policies are reported after each run, each once
    Set(Box<SetArgs>),
    /// List alerts
    List,
    /// Remove an alert and discard pending deliveries
    Remove(Which),
    /// Send a test message once, and show the response
    Test(Which),
}

#[derive(clap::Args)]
pub struct Which {
    /// Name of the instance
    instance: InstanceName,
    /// Select the format of the alert
    #[arg(long, value_name = "FORMAT", value_parser = FORMATS)]
    format: String,
}

#[derive(clap::Args)]
pub struct SetArgs {
    #[command(flatten)]
    which: Which,
    /// Report violations of this policy only (repeatable) [default: all policies]
    #[arg(long = "policy", value_name = "ID")]
    policies: Vec<String>,
    /// Set the URL of a webhook; it must not contain a secret
    #[arg(long, required_if_eq("format", "webhook"), requires = "signing")]
    url: Option<String>,
    /// Allow the origin of the URL at loopback and private addresses
    #[arg(long, value_name = "ORIGIN")]
    allow_private_origin: Option<Origin>,
    #[command(flatten)]
    secret: SigningSecret,
    /// Write mails to this directory, from which sendmail takes them
    #[arg(long, value_name = "DIR", required_if_eq("format", "mail"), conflicts_with_all = ["signing", "url"])]
    directory: Option<PathBuf>,
    /// Set the address that mails are from
    #[arg(long, value_name = "ADDRESS", required_if_eq("format", "mail"))]
    from: Option<String>,
    /// Set the address that mails go to
    #[arg(long, value_name = "ADDRESS", required_if_eq("format", "mail"))]
    to: Option<String>,
}

/// The words for formats.
const FORMATS: [&str; 4] = ["webhook", "slack", "teams", "mail"];

impl Which {
    fn format(&self) -> AlertFormat {
        self.format.parse().unwrap_or(AlertFormat::Webhook)
    }
}

pub async fn exec(context: &Context, tenant: &Tenant, command: Command) -> Result<ExitCode, Failure> {
    let output = context.output;
    match command {
        Command::Set(args) => set(output, tenant, *args).await?,
        Command::List => {
            let list = tenant.alert_list().await?;
            output.result(&list, |list| match list.alerts.as_slice() {
                [] => output.line(
                    "No alert is set. Set one with: harness notify alert set INSTANCE --format slack --secret-file FILE",
                ),
                alerts => show(output, alerts),
            })?;
        }
        Command::Remove(which) => {
            let removed = tenant.remove_alert(&which.instance, which.format()).await;
            removed.map_err(|error| Failure::from(error).of(tenant.id(), Some(&which.instance)))?;
            output.result(&NotifyRemoved { removed: which.instance.to_string() }, |_| {
                output.line(format!("Removed the {} alert of {}.", which.format, which.instance));
            })?;
        }
        Command::Test(which) => {
            let delivery = tenant.test_alert(&which.instance, which.format()).await;
            let delivery = delivery.map_err(|error| Failure::from(error).of(tenant.id(), Some(&which.instance)))?;
            return told(output, delivery);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(output: Output, tenant: &Tenant, args: SetArgs) -> Result<(), Failure> {
    let SetArgs { which, policies, url, allow_private_origin, secret, directory, from, to } = args;
    let is_given = secret.is_given();
    let receiver = match (which.format(), url, directory, from, to) {
        (AlertFormat::Webhook, Some(url), None, _, _) => {
            AlertReceiver::Webhook(WebhookSetup { url, private_origin: allow_private_origin, secret: secret.given()? })
        }
        (format @ (AlertFormat::Slack | AlertFormat::Teams), None, None, _, _) if is_given => {
            AlertReceiver::Chat { format, private_origin: allow_private_origin, secret: secret.given()? }
        }
        (AlertFormat::Mail, None, Some(folder), Some(from), Some(to)) => {
            AlertReceiver::Mail { folder: std::path::absolute(folder)?, from, to }
        }
        _ => {
            let hint = "webhook takes --url and a secret, slack and teams their URL as the secret (--secret-file), and \
                        mail --directory, --from and --to";
            let message = format!("the format {} does not go with these options", which.format);
            return Err(Failure::new(USAGE, message, Some(hint)));
        }
    };
    let report = tenant.set_alert(&which.instance, policies, receiver).await;
    let hint = "give the secret with --secret-file FILE or --secret-env VARIABLE, or with --secret-stdin and \
                --store-secret; that of slack and teams is the whole URL";
    let report = report.map_err(|error| of_secret(error, hint).of(tenant.id(), Some(&which.instance)))?;
    output.result(&report, |report| {
        show(output, std::slice::from_ref(report));
        output.line(format!("Next: harness notify alert test {} --format {}", which.instance, which.format));
    })?;
    Ok(())
}

fn show(output: Output, alerts: &[AlertReport]) {
    let mut table = output.table(&["INSTANCE", "FORMAT", "POLICIES", "TARGET", "SECRET", "SET"]);
    for it in alerts {
        let policies = if it.policies.is_empty() { Cell::from("all") } else { Cell::list(&it.policies) };
        table.add_row(cells![&it.instance, it.format.as_str(), policies, &it.target, it.secret.as_ref(), it.set_at,]);
    }
    output.print(&table);
}
