//! Messages of a client that has logged in.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kiwi::fuzz::fuzz_frontend(data));
