//! Any bytes as an answer of the vendor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| semgrep_core_fuzz::answer(data));
