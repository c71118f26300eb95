//! The law `explanation` for cargo-fuzz.

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| airshed_fuzz::the_explanation_adds_up_to_the_answer(
    bytes
));
