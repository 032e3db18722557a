//! The command line of the harness.

#![deny(clippy::print_stdout, reason = "what is printed goes through `cli::stdout`, where failures are noticed")]

mod cli;

use std::process::ExitCode;

/// Findings are millions of small texts, made by one thread and dropped by
/// another: what the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Set to 1, it lets the system keep core dumps: for who debugs.
const CORE_DUMPS_VARIABLE: &str = "HARNESS_CORE_DUMPS";

fn main() -> ExitCode {
    if std::env::var_os(CORE_DUMPS_VARIABLE).is_none_or(|value| value != "1") {
        keep_no_core();
    }
    cli::run()
}

/// A core dump is this process's memory in a file, tokens included. Other
/// processes of this user cannot read its memory either, as a debugger does.
fn keep_no_core() {
    // What cannot be had is no reason to stop.
    #[cfg(unix)]
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Core,
        rustix::process::Rlimit { current: Some(0), maximum: Some(0) },
    );
    // A program of the system that takes dumps asks for no limit.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
