#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| isocache_fuzz::authorize::check(input));
