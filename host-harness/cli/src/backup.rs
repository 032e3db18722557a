//! `harness backup`, `harness restore`.

use std::{path::PathBuf, process::ExitCode};

use host_harness::{Backup, BackupOrigin, Restored, grant::TenantId};

use super::{
    Context,
    error::Failure,
    output::{Output, bytes, moment},
    table::{Cell, cells},
};

#[derive(clap::Args)]
pub struct BackupArgs {
    /// Directory to create; it must not exist yet
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

#[derive(clap::Args)]
pub struct RestoreArgs {
    /// Directory created by `harness backup`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Restore under another name
    #[arg(long = "as", value_name = "NAME")]
    name: Option<TenantId>,
    /// Accept origins, secret sources and webhooks of all instances; else each is paused until `instance resume`
    #[arg(long)]
    accept_grants: bool,
}

pub async fn backup(context: &Context, args: BackupArgs) -> Result<ExitCode, Failure> {
    let output = context.output;
    let made = context.harness.backup(&context.tenant, &args.folder).await;
    let made = made.map_err(|error| Failure::from(error).of(&context.tenant, None))?;
    output.result(&made, |made| {
        show(output, made);
        output.line(match &made.signature {
            Some(signature) => format!("Signed with the vault's key {}", signature.key),
            None => "Not signed: no vault key was given, so its origin cannot be verified".to_owned(),
        });
        output.line(format!("Backed up into {}", args.folder.display()));
    })?;
    Ok(ExitCode::SUCCESS)
}

pub async fn restore(context: &Context, args: RestoreArgs) -> Result<ExitCode, Failure> {
    let output = context.output;
    let restored = context.harness.restore(&args.folder, args.name.as_ref(), args.accept_grants).await?;
    output.result(&restored, |restored| {
        let Restored { name, backup, .. } = restored;
        show(output, backup);
        output.line(origin(restored));
        show_grants(output, restored);
        output.line(format!("Restored as tenant {name}, as of {}", moment(backup.made_at)));
        if *name != backup.tenant && backup.files.iter().any(|file| file.name == "vault") {
            output.line(
                "Its stored tokens open only for their own tenant: give them again with `instance rotate-token`.",
            );
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Who vouches for the backup.
fn origin(restored: &Restored) -> String {
    let key = restored.backup.signature.as_ref().map(|it| it.key.as_str()).unwrap_or_default();
    match restored.origin {
        BackupOrigin::Verified => format!("Signed with key {key}, the key that is given"),
        BackupOrigin::KeyNotGiven => format!("Signed with key {key}; not verified, since no key of a vault is given"),
        BackupOrigin::OtherKey => {
            format!("Signed with key {key}; not verified, since that key is not given")
        }
        BackupOrigin::Unsigned => "Not signed: the origin of this backup cannot be verified".to_owned(),
    }
}

/// What each instance may reach, and where its secrets are read from.
fn show_grants(output: Output, restored: &Restored) {
    let mut table = output.table(&["INSTANCE", "CONNECTOR", "ORIGINS", "SECRETS", "WEBHOOK", "EVENTS"]);
    for it in &restored.instances {
        let origins = it.origins.iter().map(|(origin, addresses)| match addresses.as_str() {
            "private" => format!("{origin} (private)"),
            _ => origin.clone(),
        });
        let proxy = it.proxy.iter().map(|proxy| {
            let credentials = it.proxy_credentials.as_ref().map(|from| format!(", credentials from {from}"));
            format!("through the proxy {proxy}{}", credentials.unwrap_or_default())
        });
        let origins = origins.chain(proxy);
        let secrets = it.secrets.iter().map(|(variable, source)| format!("{variable} from {source}"));
        let webhook = it.webhook.iter().zip(&it.webhook_secret).flat_map(|(url, secret)| {
            let private = if it.webhook_private { " (private)" } else { "" };
            [format!("{url}{private}"), format!("signed with the secret in {secret}")]
        });
        let events = it.events_secret.as_ref().map(|source| format!("signed with the secret in {source}"));
        table.add_row(cells![
            &it.name,
            &it.connector,
            Cell::list(origins),
            Cell::list(secrets),
            Cell::list(webhook),
            events,
        ]);
    }
    output.print(&table);
    if !restored.accepted && !restored.instances.is_empty() {
        output.line(
            "All instances and webhooks are paused: whoever wrote the backup chose what stands above. Accept it for each \
             instance with: harness instance resume NAME",
        );
    }
    for name in &restored.dropped_onboardings {
        output.line(format!("The onboarding of {name} was not restored. Begin it again with: harness onboard {name}"));
    }
}

fn show(output: Output, backup: &Backup) {
    let mut table = output.table(&["FILE", "SIZE", "SHA-256"]);
    for file in &backup.files {
        table.add_row(cells![&file.name, Cell::number(bytes(file.bytes)), &file.sha256]);
    }
    output.print(&table);
}
