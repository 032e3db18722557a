//! `harness call`: one function of a connector, JSON in and out.

use std::{
    io::{IsTerminal, Read},
    path::PathBuf,
    process::ExitCode,
};

use clap::builder::PossibleValuesParser;
use host_harness::{Answers, Function, FunctionCall, grant::counted, sandbox::Limits};

use super::{
    Context,
    error::Failure,
    output::{bytes, print_json, remark},
    vendor::{VendorArgs, connector},
    wait::wait,
};

#[derive(clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Component file to call [default: the bundled connector]
    file: Option<PathBuf>,
    /// Function to call; its input is read from standard input
    #[arg(value_parser = PossibleValuesParser::new(Function::ALL.map(Function::as_str)))]
    function: String,
    #[command(flatten)]
    vendor: VendorArgs,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let connector = connector(context, args.file.as_deref()).await?;
    let named = Function::ALL.into_iter().find(|it| it.as_str() == args.function);
    let function = named.unwrap_or(Function::Describe);
    let vendor = args.vendor.read()?;
    let asked = FunctionCall {
        connector,
        function,
        input: input(function)?,
        // Without another word, the vendor is where the connector says.
        vendor: vendor.answers.clone().unwrap_or(Answers::Origins(Vec::new())),
        record: vendor.record.is_some(),
        secret: vendor.secret.clone(),
        secrets: vendor.secrets.clone(),
        settings: vendor.settings.clone(),
    };
    let called = wait(context.output, "Calling", context.harness.call(asked)).await?;
    vendor.keep(called.cassette.as_deref())?;
    // The result is JSON with or without --json: there is no shorter form of it.
    print_json(&called.value)?;
    let stats = called.stats;
    let (requests, memory) = (counted(u64::from(stats.requests), "request"), bytes(stats.peak_memory_bytes as u64));
    remark(format!("{requests}, {} ms, {memory} of guest memory", stats.elapsed.as_millis()));
    Ok(ExitCode::SUCCESS)
}

/// What standard input holds, where the function takes anything. A person who
/// gives nothing is not waited for where nothing is enough.
fn input(function: Function) -> Result<Vec<u8>, Failure> {
    let is_optional = matches!(function, Function::Configure | Function::ListProjects);
    let mut input = Vec::new();
    if function == Function::Describe || (is_optional && std::io::stdin().is_terminal()) {
        return Ok(input);
    }
    let limit = Limits::default().document_bytes;
    std::io::stdin().lock().take(limit + 1).read_to_end(&mut input)?;
    if input.len() as u64 > limit {
        let message = format!("the input is larger than {} MiB", limit >> 20);
        return Err(Failure::new("limit", message, Some("give less of it")));
    }
    Ok(input)
}
