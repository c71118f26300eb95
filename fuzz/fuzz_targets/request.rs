//! The law `request` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::a_request_is_kept_as_it_was_understood(
    bytes
));
