#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| isocache_fuzz::signed_token::check(input));
