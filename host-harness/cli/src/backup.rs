//! `harness backup`, `harness restore`.

use std::{path::PathBuf, process::ExitCode};

use host_harness::{Backup, TenantId};

use super::{
    Context,
    error::Failure,
    output::{Output, bytes, moment},
};

#[derive(clap::Args)]
pub struct BackupArgs {
    /// A folder that is not there yet
    folder: PathBuf,
}

#[derive(clap::Args)]
pub struct RestoreArgs {
    /// The folder that `harness backup` made
    folder: PathBuf,
    /// Bring it back under another name
    #[arg(long = "as", value_name = "NAME")]
    name: Option<TenantId>,
}

pub async fn backup(context: &Context, args: BackupArgs) -> Result<ExitCode, Failure> {
    let output = context.output;
    let made = context.harness.backup(&context.tenant, &args.folder).await;
    let made = made.map_err(|error| Failure::from(error).of(&context.tenant, None))?;
    output.result(&made, |made| {
        show(output, made);
        output.line(format!("Backed up into {}", args.folder.display()));
    })?;
    Ok(ExitCode::SUCCESS)
}

pub async fn restore(context: &Context, args: RestoreArgs) -> Result<ExitCode, Failure> {
    let output = context.output;
    let restored = context.harness.restore(&args.folder, args.name.as_ref()).await?;
    output.result(&restored, |restored| {
        show(output, restored);
        let name = args.name.as_ref().map_or(restored.tenant.clone(), ToString::to_string);
        output.line(format!("Brought back as the tenant {name}, as of {}", moment(restored.made_at)));
        if name != restored.tenant && restored.files.iter().any(|file| file.name == "vault") {
            output.line(
                "Its stored tokens open for their own tenant alone: give them anew with `instance rotate-token`.",
            );
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, backup: &Backup) {
    let mut table = output.table(&["FILE", "SIZE", "SHA-256"]);
    for file in &backup.files {
        table.add_row([file.name.clone(), bytes(file.bytes), file.sha256.clone()]);
    }
    output.print(&table);
}
