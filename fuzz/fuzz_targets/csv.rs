//! The law `csv` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::what_is_read_is_written_the_same(bytes));
