//! The text of odyssey.conf.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| odyssey_config::fuzz_toml(data));
