//! Any JSON as rule and results of a SARIF report.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| semgrep_core_fuzz::sarif(data));
