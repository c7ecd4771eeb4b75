//! The `host` text of a storage, and the address range of a route.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| odyssey_config::fuzz_hosts(data));
