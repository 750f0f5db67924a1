//! `sessionlog_tests::properties::flash` on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sessionlog_tests::properties::flash(input));
