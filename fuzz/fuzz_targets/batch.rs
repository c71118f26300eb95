//! The law `batch` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::every_row_of_a_batch_comes_back(bytes));
