//! TLS over a machine's sockets.

pub mod binding;
pub mod config;
pub mod stream;
