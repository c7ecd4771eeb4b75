//! Messages a client sends: read from a client, written to a server.

pub mod auth;
pub mod copy;
pub mod extended;
pub mod simple;
