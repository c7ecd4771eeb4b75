//! TLS over a machine's sockets.

pub mod stream;
