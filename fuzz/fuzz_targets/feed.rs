//! The law `feed` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::every_record_is_accounted_for(bytes));
