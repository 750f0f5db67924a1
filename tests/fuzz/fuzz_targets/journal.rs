//! `sessionlog_tests::properties::journal` on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sessionlog_tests::properties::journal(input));
