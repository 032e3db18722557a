//! The command line of the harness.

#![deny(clippy::print_stdout, reason = "what is printed goes through `cli::stdout`, where failures are noticed")]

mod cli;

use std::process::ExitCode;

/// Findings are millions of small texts, made by one thread and dropped by
/// another: what the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
