//! `harness doctor`: what is wrong, and what to do about it.

use std::process::ExitCode;

use host_harness::{Check, Condition};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    hint::hint,
    output::{Cell, Output},
};

#[derive(clap::Args)]
pub struct Args {
    /// Connect every instance to its vendor, too
    #[arg(long)]
    online: bool,
}

/// What `doctor` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct Diagnosis {
    /// The worst of all conditions.
    condition: Condition,
    /// Everything that was looked at.
    checks: Vec<Check>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let output = context.output;
    let mut checks = context.harness.doctor(args.online).await;
    for check in &mut checks {
        // Advice for the very error goes before the command that tries again.
        let advice = [check.code.and_then(hint).map(str::to_owned), check.hint.take()];
        check.hint = advice.into_iter().flatten().reduce(|first, next| format!("{first}; then: {next}"));
    }
    let condition = checks.iter().map(|check| check.condition).max().unwrap_or(Condition::Good);
    output.result(&Diagnosis { condition, checks }, |diagnosis| show(output, diagnosis))?;
    Ok(if condition == Condition::Problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn show(output: Output, diagnosis: &Diagnosis) {
    let mut table = output.table(&["CONDITION", "WHAT", "DETAIL", "HINT"]);
    for check in &diagnosis.checks {
        let advice = check.hint.as_deref().unwrap_or_default();
        let detail = Cell::text(&check.detail);
        table.add_row([check.condition.as_str().into(), (&check.what).into(), detail, advice.into()]);
    }
    output.print(&table);
    output.line(match diagnosis.condition {
        Condition::Good => "No problems found.",
        Condition::Notice => "No problems found; see the notices above.",
        Condition::Problem => "Problems found; nothing was changed.",
    });
}
