//! `harness audit`: what was done on the pages, over the HTTP API and by commands.

use std::process::ExitCode;

use host_harness::{AuditList, Error, grant::counted, store::AuditCheck};

use super::{
    Context,
    error::Failure,
    output::Output,
    table::{Cell, cells},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// List what was done, newest first
    List {
        /// Limit the number of entries
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Check that no entry was changed or taken out since it was written
    Verify,
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let (access, output) = (context.harness.access()?, context.output);
    match command {
        Command::List { limit } => {
            let list = access.audit(None, limit).await.map_err(Error::from)?;
            output.result(&list, |list| show_list(output, list))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify => {
            let check = access.check_audit().await.map_err(Error::from)?;
            output.result(&check, |check| show_check(output, *check))?;
            Ok(if check.broken_at.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn show_list(output: Output, list: &AuditList) {
    if list.entries.is_empty() {
        output.line("Nothing was done yet.");
        return;
    }
    let mut table = output.table(&["NO", "WHEN", "WHO", "TENANT", "ACTION", "TARGET", "OUTCOME", "CODE"]);
    for it in &list.entries {
        let outcome = Cell::state(it.outcome.as_str());
        table.add_row(cells![
            it.number,
            it.at,
            &it.who,
            it.tenant.as_deref(),
            &it.action,
            it.target.as_deref(),
            outcome,
            it.code.as_deref(),
        ]);
    }
    output.print(&table);
}

fn show_check(output: Output, check: AuditCheck) {
    let entries = counted(check.entries, "entry");
    match check.broken_at {
        None => output.line(format!("The audit log is whole: {entries}")),
        Some(number) => {
            output.line(format!("Entry {number} of {entries} is not as it was written, or one before it is gone"));
        }
    }
}
