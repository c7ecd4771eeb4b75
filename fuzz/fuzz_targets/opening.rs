//! What a client sends before it is known: SSLRequest, GSSENCRequest, CancelRequest, StartupMessage.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kiwi::fuzz::fuzz_opening(data));
