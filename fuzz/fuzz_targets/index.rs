//! The law `index` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::the_index_is_within_its_interval(bytes));
