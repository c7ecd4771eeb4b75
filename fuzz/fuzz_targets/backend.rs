//! Messages of a server.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kiwi::fuzz::fuzz_backend(data));
