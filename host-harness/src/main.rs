//! The command line of the harness.

mod cli;

use std::process::ExitCode;

/// Findings are millions of small texts, made by one thread and dropped by
/// another: what the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
