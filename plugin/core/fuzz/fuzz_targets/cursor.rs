//! Any text as a cursor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| semgrep_core_fuzz::cursor(data));
