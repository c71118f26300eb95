//! The law `bulk` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::bulk_is_the_same_as_one_by_one(bytes));
