//! Any rows under a header of the platform's export.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| semgrep_core_fuzz::csv(data));
