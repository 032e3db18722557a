//! Any JSON as results of the command line's report.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| semgrep_core_fuzz::cli(data));
