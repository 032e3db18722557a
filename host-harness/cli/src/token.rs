//! `harness token`: API tokens, with which programs use the HTTP API.

use std::process::ExitCode;

use appsec_model::Timestamp;
use host_harness::{
    Error, NewToken, TokenList,
    store::{Interval, Role},
};

use super::{
    Context,
    error::Failure,
    output::{Output, moment},
    table::{Cell, cells},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Add an API token of the tenant, and print it once
    Add {
        /// Its name, such as `pipeline`
        name: String,
        /// Choose what it may do: viewer, triager, manager or admin; each may what those before it may
        #[arg(long, value_name = "ROLE", default_value = "viewer")]
        role: Role,
        /// Choose how long it works, at most 366d
        #[arg(long, value_name = "TIME", default_value = "90d")]
        expires_in: Interval,
    },
    /// List the API tokens of the tenant
    List,
    /// Revoke an API token
    Revoke {
        /// Its id
        id: String,
    },
}

pub async fn exec(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let output = context.output;
    let tenant = context.harness.existing_tenant(&context.tenant)?.id().clone();
    let access = context.harness.access()?;
    let told = |error: Error| Failure::from(error).of(&tenant, None);
    match command {
        Command::Add { name, role, expires_in } => {
            let made = access.add_token(&tenant, name, role, expires_in.duration()).await;
            let made = made.map_err(|error| told(error.into()))?;
            output.result(&made, |made| show_new(output, made))?;
        }
        Command::List => {
            let list = access.tokens(&tenant).await.map_err(|error| told(error.into()))?;
            output.result(&list, |list| show_list(output, list, context.harness.now()))?;
        }
        Command::Revoke { id } => {
            let revoked = access.revoke_token(&tenant, &id).await;
            let revoked = revoked.map_err(|error| told(error.into()))?;
            output.result(&revoked, |row| output.line(format!("Revoked the API token {} ({})", row.id, row.name)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_new(output: Output, made: &NewToken) {
    let NewToken { row, token } = made;
    output.line(format!(
        "API token {}, {} of {} until {}:",
        row.id,
        row.role.as_str(),
        row.tenant,
        moment(row.expires_at)
    ));
    output.command(token);
    output.line("Keep it now: it is not shown again. A program sends it as `Authorization: Bearer TOKEN`.");
}

fn show_list(output: Output, list: &TokenList, now: Timestamp) {
    if list.tokens.is_empty() {
        output.line("No API tokens. Add one with: harness token add NAME");
        return;
    }
    let mut table =
        output.table(&["ID", "NAME", "ROLE", "STATE", "CREATED", "EXPIRES", "LAST USED"]).spare(&["CREATED"]);
    for row in &list.tokens {
        let used = row.used_at.map_or_else(|| Cell::from("never"), Cell::from);
        table.add_row(cells![
            &row.id,
            &row.name,
            row.role.as_str(),
            row.state(now),
            row.created_at,
            row.expires_at,
            used
        ]);
    }
    output.print(&table);
}
