//! The text of an HBA file.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| odyssey_config::fuzz_hba(data));
