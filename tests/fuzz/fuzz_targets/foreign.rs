//! `sessionlog_tests::properties::foreign` on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sessionlog_tests::properties::foreign(input));
