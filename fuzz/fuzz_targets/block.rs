//! The law `batch` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::a_damaged_block_is_refused_or_read(bytes));
