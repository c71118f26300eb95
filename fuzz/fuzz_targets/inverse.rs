//! The law `inverse` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::the_inverse_round_trips(bytes));
