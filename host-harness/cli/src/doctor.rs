//! `harness doctor`: what is wrong, and what to do about it.

use std::process::ExitCode;

use host_harness::{Condition, grant::Code};
use serde::Serialize;

use super::{
    Context,
    error::Failure,
    hint::{self, check_hint},
    output::Output,
    style,
    table::{Cell, cells},
    text,
};

#[derive(clap::Args)]
pub struct Args {
    /// Test the connection of every instance to its vendor too
    #[arg(long)]
    online: bool,
}

/// One thing that was looked at.
#[derive(Serialize, schemars::JsonSchema)]
struct Check {
    /// What.
    what: String,
    /// How it is.
    condition: Condition,
    /// Why, in words.
    detail: String,
    /// A stable word for the error, where one was met.
    #[schemars(with = "Option<String>")]
    code: Option<Code>,
    /// What to do about it, after what the code asks for.
    hint: Option<String>,
}

impl From<host_harness::Check> for Check {
    fn from(check: host_harness::Check) -> Self {
        let host_harness::Check { what, instance, condition, detail, code, hint } = check;
        // Advice for the very error goes before the command that tries again.
        let advice = [code.and_then(hint::hint).map(str::to_owned), hint.map(|it| check_hint(it, instance.as_ref()))];
        let hint = advice.into_iter().flatten().reduce(|first, next| format!("{first}; then: {next}"));
        Self { what, condition, detail, code, hint }
    }
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
    let checks: Vec<Check> = context.harness.doctor(args.online).await.into_iter().map(Check::from).collect();
    let condition = checks.iter().map(|check| check.condition).max().unwrap_or(Condition::Good);
    output.result(&Diagnosis { condition, checks }, |diagnosis| show(output, diagnosis))?;
    Ok(if condition == Condition::Problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn show(output: Output, diagnosis: &Diagnosis) {
    let mut table = output.table(&["CONDITION", "WHAT", "DETAIL"]);
    for check in &diagnosis.checks {
        let hint = check.hint.iter().map(|hint| format!("{} {hint}", text::HINT));
        let detail = Cell::list(check.detail.lines().map(str::to_owned).chain(hint));
        table.add_row(cells![Cell::state(check.condition.as_str()), &check.what, detail]);
    }
    output.print(&table);
    let condition = style::state(diagnosis.condition.as_str());
    match diagnosis.condition {
        Condition::Good => output.verdict("", ("No problems found.", condition), ""),
        Condition::Notice => output.verdict("", ("No problems found", style::GOOD), "; see the notices above."),
        Condition::Problem => output.verdict("", ("Problems found", condition), "; nothing was changed."),
    }
}
