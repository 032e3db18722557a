//! `harness webhook`: incoming webhooks, by which a vendor tells of news.

use std::{path::PathBuf, process::ExitCode};

use appsec_model::EventType;
use host_harness::{
    Error, GivenSecret, InboxReport, Tenant,
    grant::{InstanceName, SecretSource},
    store::EventRow,
};

use super::{
    Context,
    error::Failure,
    output::{Output, short},
    table::{Cell, cells},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Set the vendor's signing secret, so that `harness daemon --listen` accepts its events
    Secret(SecretArgs),
    /// Show received events and their results
    Events {
        /// Name of the instance [default: all of the tenant]
        instance: Option<InstanceName>,
        /// Limit the number of results, newest first
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
    },
}

/// The source that was given; standard input where none was.
pub fn source(file: Option<PathBuf>, variable: Option<String>, store: bool) -> Result<GivenSecret, Failure> {
    let source = match (file, variable) {
        (Some(path), _) => SecretSource::File { path: std::path::absolute(path)? },
        (None, Some(name)) => SecretSource::Variable { name },
        (None, None) => SecretSource::Input,
    };
    Ok(if store { GivenSecret::Stored(source) } else { GivenSecret::Read(source) })
}

#[derive(clap::Args)]
pub struct SecretArgs {
    /// Name of the instance
    instance: InstanceName,
    /// Read the vendor's signing secret from this file
    #[arg(long, value_name = "FILE", group = "inbox")]
    from_file: Option<PathBuf>,
    /// Read the signing secret from this environment variable
    #[arg(long, value_name = "VARIABLE", group = "inbox")]
    from_env: Option<String>,
    /// Read the signing secret from standard input; requires --store-secret
    #[arg(long, group = "inbox", requires = "store_secret")]
    from_stdin: bool,
    /// Store the signing secret in the vault, and read it from there from now on
    #[arg(long, requires = "inbox", conflicts_with = "remove")]
    store_secret: bool,
    /// Remove the secret, and reject events from now on
    #[arg(long, group = "inbox")]
    remove: bool,
}

/// A secret that signs is given by other options than a token.
pub fn of_secret(error: Error, hint: &str) -> Failure {
    match error {
        error @ Error::Secret(_) => Failure::from(error).with_hint(hint),
        error => error.into(),
    }
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let tenant = context.tenant()?;
    let output = context.output;
    match command {
        Command::Secret(args) => return secret(context, &tenant, args).await,
        Command::Events { instance, limit } => {
            let list = tenant.event_list(instance.as_ref(), limit).await?;
            output.result(&list, |list| show_events(output, &list.events))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn secret(context: &Context, tenant: &Tenant, args: SecretArgs) -> Result<ExitCode, Failure> {
    let SecretArgs { instance, from_file, from_env, from_stdin, store_secret, remove } = args;
    let told = |error| Failure::from(error).of(tenant.id(), Some(&instance));
    let given = from_file.is_some() || from_env.is_some() || from_stdin;
    let inbox = if remove {
        tenant.remove_inbox(&instance).await.map_err(told)?;
        None
    } else if given {
        let from = source(from_file, from_env, store_secret)?;
        let hint = "give the signing secret of the vendor with --from-file FILE or --from-env VARIABLE, or with \
                      --from-stdin and --store-secret";
        let set = tenant.set_inbox(&instance, from).await;
        Some(set.map_err(|error| of_secret(error, hint).of(tenant.id(), Some(&instance)))?)
    } else {
        Some(tenant.inbox(&instance).await.map_err(told)?)
    };
    let report = InboxReport::of(&instance, inbox);
    let output = context.output;
    output.result(&report, |report| match (&report.path, &report.secret, &report.scheme) {
        (Some(path), Some(secret), Some(scheme)) => {
            output.line(format!("{instance} accepts events at {path}, signed with the secret from {secret}."));
            output.line(format!("At the vendor: {}", scheme.description));
            output.line("Next: harness daemon --listen 127.0.0.1:8787");
        }
        _ => output.line(format!("{instance} no longer accepts events.")),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show_events(output: Output, events: &[EventRow]) {
    if events.is_empty() {
        output.line("No events. They are accepted by: harness daemon --listen ADDRESS");
        return;
    }
    let mut table = output.table(&["ID", "INSTANCE", "RECEIVED", "EVENT", "ABOUT", "STATE", "RUN"]);
    for it in events {
        let (what, why) = match &it.event.what {
            EventType::FindingsChanged => ("findings-changed", None),
            EventType::ScanFinished => ("scan-finished", None),
            EventType::Ignored { reason } => ("ignored", Some(reason)),
        };
        let projects = it.event.projects.iter().filter_map(|it| it.name.clone().or(it.id.clone()));
        let about = why.or(it.problem.as_ref()).cloned().unwrap_or_else(|| projects.collect::<Vec<_>>().join(", "));
        table.add_row(cells![
            it.id,
            &it.instance,
            it.received_at,
            what,
            short(&about, 80),
            Cell::state(it.state.as_str()),
            it.run,
        ]);
    }
    output.print(&table);
}
