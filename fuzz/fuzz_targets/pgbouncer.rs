//! A configuration of PgBouncer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| odyssey_config::fuzz_pgbouncer(data));
